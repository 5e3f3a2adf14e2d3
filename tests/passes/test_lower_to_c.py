"""Loops to C and back to numbers: the compiled program gives the bytes that numpy gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from tests.passes.loop_programs import (
    ELEMENTS,
    Array,
    Fixed,
    Program,
    Window,
    convolution,
    dense,
    depthwise,
    reference_convolution,
    reference_depthwise,
)
from tests.passes.pipeline import generate, run
from tinyir.ir.attributes import DenseArray, IntegerAttribute
from tinyir.ir.types import F32, I1, I8, I32, I64, TensorType

RANDOM = numpy.random.default_rng(7)




def integers(shape: tuple[int, ...], low: int, high: int, dtype: str) -> Array:
    return RANDOM.integers(low, high, shape).astype(dtype)


def fixed(channels: int, shift: int, zero_point: int) -> Fixed:
    return Fixed(tuple(int(v) for v in RANDOM.integers(1 << 20, 1 << 22, channels)), shift, zero_point)


@pytest.fixture(autouse=True)
def _compiler(require_tool: Callable[[str], str]) -> None:
    require_tool("cc")


def test_a_network_of_convolution_depthwise_and_dense_gives_the_bytes_of_numpy(tmp_path: Path) -> None:
    first, second, third = fixed(4, 31, 3), fixed(4, 29, -5), fixed(5, 31, 1)
    w1, b1 = integers((4, 3, 3, 3), -127, 128, "int8"), integers((4,), -999, 999, "int32")
    w2, b2 = integers((3, 3, 4), -127, 128, "int8"), integers((4,), -999, 999, "int32")
    w3, b3 = integers((5, 60), -127, 128, "int8"), integers((5,), -999, 999, "int32")
    strided, same = Window((2, 2), (1, 0, 1, 1)), Window((1, 1), (1, 1, 1, 1))

    p = Program("net", {"x": TensorType([1, 9, 7, 3], I8)}, {"y": TensorType([1, 5], I8)})
    with p.layer("first"):
        a = convolution(p, p.inputs[0], w1, b1, -3, strided, first)
    with p.layer("second"):
        b = depthwise(p, a, w2, b2, 3, same, second)
    with p.layer("third"):
        y = dense(p, p.reshape(b, [1, 60]), w3, b3, -5, third)
    x = integers((5, 9, 7, 3), -128, 128, "int8")
    outputs = run(generate(p.finish(y)), tmp_path, {"x": x}).outputs["y"]

    for row, got in zip(x, outputs, strict=True):
        middle = reference_depthwise(reference_convolution(row, w1, b1, -3, strided, first), w2, b2, 3, same, second)
        expected = third(w3.astype(numpy.int64) @ (middle.reshape(-1).astype(numpy.int64) + 5) + b3)
        assert got.reshape(-1).tolist() == expected.tolist()


def unary(element_in: str, element_out: str, shape: tuple[int, ...]) -> Program:
    return Program("net", {"x": TensorType(shape, ELEMENTS[element_in])}, {"y": TensorType(shape, ELEMENTS[element_out])})


def test_several_accumulators_are_given_their_new_values_together(tmp_path: Path) -> None:
    """Fibonacci numbers: each of the two values becomes what the other one was."""
    p = Program("net", {"x": TensorType([2], I32)}, {"y": TensorType([2], I32)})
    y = p.tensor([2], I32)
    with p.loop(0, 10, [p.read(p.inputs[0], 0), p.read(p.inputs[0], 1)]) as counting:
        a, b = counting.accumulators
        p.yield_(b, p.arith("addi", a, b))
    p.define(counting.results[0], y, 0)
    p.define(counting.results[1], y, 1)
    assert run(generate(p.finish(y)), tmp_path, {"x": numpy.array([[0, 1]], numpy.int32)}).outputs["y"].tolist() == [[55, 89]]


def test_integer_arithmetic_wraps_where_it_may(tmp_path: Path) -> None:
    p = unary("int32", "int32", (4,))
    y = p.tensor([4], I32)
    with p.loop(0, 4) as i:
        v = p.read(p.inputs[0], i.index)
        p.define(p.arith("subi", p.arith("muli", v, v), p.arith("addi", v, v)), y, i.index)
    x = numpy.array([[2**31 - 1, -(2**31), 65536, -3]], numpy.int32)
    assert run(generate(p.finish(y)), tmp_path, {"x": x}).outputs["y"].tolist() == (x * x - (x + x)).tolist()


def test_comparisons_selections_and_unsigned_bytes_mean_what_mlir_says(tmp_path: Path) -> None:
    """The predicates 0..9 of cmpi on bytes, each a bit of the result; then the byte itself, read as unsigned."""
    p = unary("int8", "int32", (6,))
    y = p.tensor([6], I32)
    with p.loop(0, 6) as i:
        v = p.read(p.inputs[0], i.index)
        wide, limit = p.widen(v), p.scalar(-2, I32)
        bits = p.scalar(0, I32)
        for code in range(10):
            holds = p.arith("cmpi", wide, limit, type=I1, predicate=IntegerAttribute(code, I64))
            bits = p.arith("ori", bits, p.arith("select", holds, p.scalar(1 << code, I32), p.scalar(0, I32), type=I32))
        unsigned = p.arith("shli", p.arith("extui", v, type=I32), p.scalar(10, I32))
        p.define(p.arith("ori", bits, unsigned), y, i.index)
    x = numpy.array([-128, -3, -2, -1, 0, 127])
    signed = [x == -2, x != -2, x < -2, x <= -2, x > -2, x >= -2]
    u, two = x % 2**32, 2**32 - 2
    expected = ((x % 256) << 10) + sum(test.astype(int) << code for code, test in enumerate([*signed, u < two, u <= two, u > two, u >= two]))
    assert run(generate(p.finish(y)), tmp_path, {"x": x[None].astype(numpy.int8)}).outputs["y"][0].tolist() == expected.tolist()


ON_ONE_BIT = ("addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui")


def test_one_bit_is_zero_or_minus_one_where_signs_count(tmp_path: Path) -> None:
    """Every operation on all pairs of i1, each a bit of the result: first the predicates 0..9 of cmpi, then ON_ONE_BIT; the float is `sitofp`."""
    p = Program("net", {"x": TensorType([4], I8)}, {"y": TensorType([4], I32), "f": TensorType([4], F32)})
    y, f = p.tensor([4], I32), p.tensor([4], F32)
    with p.loop(0, 4) as i:
        v = p.read(p.inputs[0], i.index)
        a = p.arith("trunci", v, type=I1)
        b = p.arith("trunci", p.arith("shrsi", v, p.scalar(1, I8)), type=I1)
        found = [p.arith("cmpi", a, b, type=I1, predicate=IntegerAttribute(code, I64)) for code in range(10)]
        found += [p.arith(name, a, b) for name in ON_ONE_BIT]
        bits = p.scalar(0, I32)
        for place, bit in enumerate(found):
            bits = p.arith("ori", bits, p.arith("select", bit, p.scalar(1 << place, I32), p.scalar(0, I32), type=I32))
        p.define(bits, y, i.index)
        p.define(p.arith("subf", p.arith("sitofp", a, type=F32), p.arith("uitofp", b, type=F32)), f, i.index)
    expected = []
    for x in range(4):
        u, w = x & 1, x >> 1
        signed = [u == w, u != w, -u < -w, -u <= -w, -u > -w, -u >= -w]
        holding = [*signed, u < w, u <= w, u > w, u >= w, u ^ w, u ^ w, u & w, u & w, u | w, u ^ w]
        holding += [max(-u, -w), min(-u, -w), max(u, w), min(u, w)]
        expected.append(sum(bool(bit) << place for place, bit in enumerate(holding)))
    outputs = run(generate(p.finish(y, f)), tmp_path, {"x": numpy.arange(4, dtype=numpy.int8)[None]}).outputs
    assert outputs["y"][0].tolist() == expected
    assert outputs["f"][0].tolist() == [-(x & 1) - (x >> 1) for x in range(4)]


def test_softmax_in_floats_equals_the_same_sequence_in_numpy(tmp_path: Path) -> None:
    """Float literals, infinities, extremes and divisions are exact: every bit is compared."""
    p = unary("float32", "float32", (7,))
    y, shifted = p.tensor([7], F32, "y"), p.tensor([7], F32, "shifted")
    with p.loop(0, 7, [p.scalar(-numpy.inf, F32)]) as i:
        p.yield_(p.arith("maximumf", i.accumulators[0], p.read(p.inputs[0], i.index)))
    greatest = i.results[0]
    with p.loop(0, 7, [p.scalar(0.0, F32)]) as i:
        value = p.arith("mulf", p.arith("subf", p.read(p.inputs[0], i.index), greatest), p.scalar(0.1, F32))
        p.define(value, shifted, i.index)
        p.yield_(p.arith("addf", i.accumulators[0], value))
    total = i.results[0]
    with p.loop(0, 7) as j:
        p.define(p.arith("divf", p.read(shifted, j.index), p.arith("subf", total, p.scalar(1e-30, F32))), y, j.index)
    x = RANDOM.normal(size=(3, 7)).astype(numpy.float32)
    outputs = run(generate(p.finish(y)), tmp_path, {"x": x}).outputs["y"]
    for row, got in zip(x, outputs, strict=True):
        moved = (row - row.max()) * numpy.float32(0.1)
        total_of_row = numpy.float32(0)
        for value in moved:
            total_of_row += value
        assert got.tobytes() == (moved / (total_of_row - numpy.float32(1e-30))).tobytes()


def test_floor_division_and_modulo_of_indices_are_exact_below_zero(tmp_path: Path) -> None:
    p = unary("int8", "int8", (11,))
    y = p.tensor([11], I8)
    with p.loop(-4, 7) as i:
        inside = (i.index - 3) // 3 * 3 + (i.index - 3) % 3 + 7
        by_four = (i.index - 3) // 4 * 4 + (i.index - 3) % 4 + 7
        value = p.arith("addi", p.read(p.inputs[0], inside), p.read(p.inputs[0], by_four))
        p.define(value, y, i.index + 4)
    x = integers((1, 11), -60, 60, "int8")
    assert run(generate(p.finish(y)), tmp_path, {"x": x}).outputs["y"].tolist() == (x + x).tolist()


def test_a_tensor_inside_a_loop_is_local_and_one_with_a_fold_is_a_ring(tmp_path: Path) -> None:
    """Sums of three neighbours through a ring of three elements, each staged in a tensor of its own."""
    p = unary("int32", "int32", (8,))
    y, ring = p.tensor([8], I32), p.tensor([10], I32, "ring")
    assert ring.definer is not None
    ring.definer.properties["fold"] = DenseArray([3])
    with p.loop(0, 10) as i:
        stage = p.tensor([1], I32, "stage")
        p.define(p.read(p.inputs[0], i.index % 8), stage, 0)
        p.define(p.read(stage, 0), ring, i.index)
        with p.loop([2, i.index], [i.index + 1, 10]):
            parts = [p.read(ring, i.index - back) for back in range(3)]
            p.define(p.arith("addi", parts[0], p.arith("addi", parts[1], parts[2])), y, i.index - 2)
    generated = generate(p.finish(y))
    assert "ring[3]" in generated.source
    assert "stage[1]" in generated.source
    x = integers((1, 8), -99, 99, "int32")
    expected = [int(x[0, i] + x[0, (i + 1) % 8] + x[0, (i + 2) % 8]) for i in range(8)]
    assert run(generated, tmp_path, {"x": x}).outputs["y"][0].tolist() == expected


def test_the_same_module_gives_the_same_bytes() -> None:
    def make() -> str:
        p = unary("int8", "int8", (4,))
        y = p.tensor([4], I8)
        with p.loop(0, 4) as i:
            p.define(p.read(p.inputs[0], 3 - i.index), y, i.index)
        return generate(p.finish(y)).source

    assert make() == make()
