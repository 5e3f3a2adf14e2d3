"""Types, attributes, affine maps, locations, registry: interned, spelled and simplified."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.random_modules import affine_maps, affine_sets
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineMap, AffineSet, linear_terms
from tinyir.ir.attributes import DenseArray, DenseElements, FloatAttribute, IntegerAttribute, StringAttribute, decode_float, encode_float
from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.location import UNKNOWN, FileLocation, FusedLocation, NameLocation, fuse
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations, load_dialect, register
from tinyir.ir.source import SourceText, TextLocation
from tinyir.ir.types import F32, F64, I8, I32, I64, FloatType, IntegerType, TensorType

d0, d1 = AffineDimension(0), AffineDimension(1)


def test_equal_values_are_one_object_and_immutable() -> None:
    assert TensorType([2, 3], IntegerType(8)) is TensorType((2, 3), I8)
    with pytest.raises(AttributeError, match="is immutable"):
        I8.width = 9


@given(st.floats(allow_nan=True), st.sampled_from(["f16", "f32", "bf16"]))
def test_floats_are_rounded_as_numpy_does(value: float, name: str) -> None:
    type = FloatType(name)
    bits = encode_float(value, type)
    if math.isnan(value):
        assert math.isnan(decode_float(bits, type))
    elif name == "bf16":
        chosen, magnitude = bits & 0x7FFF, Fraction(abs(value)) if math.isfinite(value) else None
        if magnitude is None or chosen == 0x7F80:
            assert chosen == 0x7F80
            assert abs(value) >= float.fromhex("0x1.ffp127")
            return
        distances = {other: abs(Fraction(decode_float(other, type)) - magnitude) for other in range(max(chosen - 1, 0), min(chosen + 2, 0x7F80))}
        assert min(distances, key=lambda other: (distances[other], other & 1)) == chosen
        assert (bits >> 15 == 1) == (math.copysign(1, value) < 0)
    else:
        with np.errstate(over="ignore"):
            expected = (np.float16 if name == "f16" else np.float32)(value)
        assert decode_float(bits, type) == float(expected)


def test_a_bfloat_is_rounded_once() -> None:
    type = FloatType("bf16")
    tie = 1 + 2.0**-8
    assert [decode_float(encode_float(value, type), type) for value in (tie, tie + 2.0**-40, tie - 2.0**-40, -tie - 2.0**-40)] == [
        *(1.0, 1 + 2.0**-7, 1.0, -1 - 2.0**-7)
    ]


@given(st.integers(0, 2**64 - 1), st.sampled_from(["f16", "f32", "bf16", "f64"]))
def test_a_float_is_spelled_so_that_the_bits_come_back(bits: int, name: str) -> None:
    type = FloatType(name)
    attribute = FloatAttribute(bits & ((1 << type.width) - 1), type)
    literal = attribute.literal
    assert (int(literal, 16) if literal.startswith("0x") else encode_float(float(literal), type)) == attribute.bits


def test_arrays_keep_not_a_number_and_signed_zeros_apart() -> None:
    assert DenseArray([math.nan], F32) is DenseArray([math.nan], F32)
    assert DenseArray([0.0], F64) is not DenseArray([-0.0], F64)
    assert pickle.loads(pickle.dumps(DenseArray([math.nan, 1.5], F32))) is DenseArray([math.nan, 1.5], F32)
    assert DenseArray([1], I64) is not DenseArray([1], I32)


def test_dense_elements_know_splats_and_sizes() -> None:
    type = TensorType([2, 2], I8)
    assert DenseElements(type, b"\x03\x03\x03\x03") is DenseElements(type, b"\x03", splat=True)
    assert DenseElements(type, b"\x03", splat=True).all_data == b"\x03\x03\x03\x03"
    assert DenseElements.of(type, [1, 2, 3, -1]).elements() == [1, 2, 3, -1]
    with pytest.raises(ValueError, match="needs 4 bytes of data, not 3"):
        DenseElements(type, b"abc")


def test_strings_are_quoted_as_mlir_does() -> None:
    assert str(StringAttribute('a"b\\c\n\té')) == '"a\\22b\\\\c\\0A\\09\\C3\\A9"'


def test_affine_expressions_are_simplified() -> None:
    assert d0 + d1 - d0 is d1
    assert (d0 * 2 + 4) // 2 is d0 + 2
    assert (d0 * 6) % 3 is AffineConstant(0)
    assert str(AffineMap(2, 0, [1 - d0 * 2, -d1, (d0 + 3) // 4 % 5, d0.ceildiv(2) * 3])) == (
        "affine_map<(d0, d1) -> (d0 * -2 + 1, -d1, ((d0 + 3) floordiv 4) mod 5, (d0 ceildiv 2) * 3)>"
    )
    assert linear_terms(d0 * 3 - d1 + 5) == {d0: 3, d1: -1, AffineConstant(1): 5}
    wrongs: list[Callable[[], object]] = [lambda: d0 * d1, lambda: d0 // 0, lambda: d0 % -1, lambda: d0 // d1]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"not affine|divisor must be positive"):
            wrong()


@settings(deadline=None)
@given(affine_maps(symbols=0, dimensions=2), st.integers(-20, 20), st.integers(-20, 20))
def test_a_map_means_the_same_after_replacing_its_dimensions(map: AffineMap, x: int, y: int) -> None:
    shifted = map.replace([AffineDimension(1) + 3, AffineDimension(0) * 2], 2)
    assert shifted.evaluate([x, y]) == map.evaluate([y + 3, x * 2])


@settings(deadline=None)
@given(affine_sets(), st.lists(st.integers(-9, 9), min_size=2, max_size=2), st.integers(-9, 9))
def test_a_set_contains_what_satisfies_its_constraints(condition: AffineSet, point: list[int], symbol: int) -> None:
    values = [(expression.evaluate(point, [symbol]), equal) for expression, equal in condition.constraints]
    assert condition.contains(point, [symbol]) == all(value == 0 if equal else value >= 0 for value, equal in values)


def test_locations_are_fused_without_repetition() -> None:
    a, b = NameLocation("a"), NameLocation("b", FileLocation("f", 2, 3))
    assert fuse() is UNKNOWN
    assert fuse(a, UNKNOWN, a) is a
    fused = fuse(fuse(a, b), b, NameLocation("c"))
    assert isinstance(fused, FusedLocation)
    assert fused.names == ("a", "b", "c")
    assert (fused.place.file, fused.place.line) == ("f", 2)
    assert str(fused) == 'fused["a", "b"("f":2:3), "c"]'


def test_a_place_in_a_text_is_found_when_it_is_asked_for() -> None:
    text = SourceText("first\nsecond line\n\nlast", "f.tir")
    assert [text.line_and_column(offset) for offset in (0, 5, 6, 17, 18, 19, 22)] == [(1, 1), (1, 6), (2, 1), (2, 12), (3, 1), (4, 1), (4, 4)]
    location = TextLocation(text, 13)
    assert location.place == Place("f.tir", 2, 8, "second line")
    assert str(location) == '"f.tir":2:8'
    assert pickle.loads(pickle.dumps(location)) is FileLocation("f.tir", 2, 8)


def test_diagnostics_show_the_place_and_long_lines_around_it() -> None:
    diagnostic = Diagnostic("wrong", Place("f", 12, 3, "a\tbc"), hint="do it", notes=(("here", Place("g", 1, 1)), ("so", Place())))
    assert diagnostic.render() == "f:12:3: error: wrong\n  12 | a bc\n     |   ^\ng:1:1: note: here\nnote: so\n     hint: do it"
    long = Diagnostic("wrong", Place("f", 1, 500, "x" * 499 + "y" + "z" * 500)).render().split("\n")
    assert long[1][long[2].index("^")] == "y"
    assert len(long[1]) < 130
    assert str(TinyirError("a", place=Place("f"))) == "f: error: a"


def test_hints_prefer_the_word_that_begins_alike() -> None:
    assert did_you_mean("arith.ad", ["arith.andi", "arith.addi", "arith.divsi"]) == "did you mean 'arith.addi'?"
    assert did_you_mean("zebra", ["horse"]) == ""


def test_dialects_are_loaded_when_one_of_their_operations_is_asked_for() -> None:
    assert not load_dialect("no_such_dialect")
    assert definition_of("no_such_dialect.x") is None
    assert definition_of("arith.nothing") is None
    definition = definition_of("arith.addi")
    assert definition is not None
    assert definition.property_names == {"overflowFlags"}
    assert definition.required_properties == ()
    assert "arith.addi" in known_operations("arith")
    with pytest.raises(ValueError, match=r"'arith\.addi' is defined twice"):
        register(OperationDefinition("arith.addi"))


def test_integers_spell_their_type_but_the_usual_one() -> None:
    assert [str(IntegerAttribute(1, type)) for type in (I8, I64, IntegerType(1), IntegerType(8, "u"))] == ["1 : i8", "1", "true", "1 : ui8"]
