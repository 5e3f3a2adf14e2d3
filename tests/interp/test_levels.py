"""Every operator gives the same bytes from its equations, as loops, fused, over memory, and in C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.graphs import Step, chain, random_inputs
from tinyir.interp.machine import InterpreterError, main_function, run
from tinyir.ir.types import F32, I8, I32, I64, U8, QuantizedType, TensorType
from tinyir.passes.bufferize import Bufferize
from tinyir.passes.fold_reads import FoldReads
from tinyir.passes.fuse_nests import FuseNests
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.passes.lower_to_c import LowerToC
from tinyir.passes.lower_to_loops import LowerToLoops
from tinyir.passes.outline_layers import OutlineLayers
from tinyir.passes.plan_memory import PlanMemory
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.reader import parse
from tinyir.text.specifications import operators

RANDOM = np.random.default_rng(7)


def tensor(*shape: int, of: Any = F32) -> TensorType:
    return TensorType(shape, of)


PER_CHANNEL = QuantizedType(I8, F32, (0.5, 0.25, 1.5), (3, -4, 0), 1)
SATURATED = {"zero_point": -3, "low": -128, "high": 127}
ONE = [0]
CASES: dict[str, tuple[Sequence[Any], Sequence[Step]]] = {
    "grouped convolution": (
        [tensor(1, 9, 8, 4), tensor(6, 3, 3, 2), tensor(6)],
        [("graph.conv2d", [0, 1, 2], {"stride": [2, 1], "pad": [1, 1, 1, 0], "groups": 2})],
    ),
    "depthwise convolution": ([tensor(1, 7, 5, 4), tensor(8, 3, 3, 1), tensor(8)], [("graph.conv2d", [0, 1, 2], {"pad": [1, 1, 1, 1], "groups": 4})]),
    "dilated integer convolution": (
        [tensor(1, 9, 8, 4, of=I8), tensor(6, 3, 3, 4, of=I8), tensor(6, of=I32)],
        [("graph.conv2d", [0, 1, 2], {"stride": [2, 2], "pad": [1, 1, 2, 2], "x_zero_point": 3, "weight_zero_point": -2, "dilation": [2, 1]})],
    ),
    "window that lies in the padding": (
        [tensor(1, 3, 3, 2, of=I8), tensor(2, 1, 1, 2, of=I8), tensor(2, of=I32)],
        [("graph.conv2d", [0, 1, 2], {"pad": [1, 2, 2, 1], "x_zero_point": 3})],
    ),
    "convolution of unsigned bytes": (
        [tensor(1, 5, 5, 2, of=U8), tensor(3, 3, 3, 2, of=I8), tensor(3, of=I32)],
        [("graph.conv2d", [0, 1, 2], {"x_zero_point": 128})],
    ),
    "dense": ([tensor(3, 12), tensor(4, 12), tensor(4)], [("graph.dense", [0, 1, 2], {})]),
    "broadcast product of matrices": ([tensor(2, 3, 4), tensor(4, 5)], [("graph.matmul", [0, 1], {})]),
    "softmax": ([tensor(3, 12)], [("graph.softmax", ONE, {})]),
    "integer softmax": (
        [tensor(2, 12, of=I8), np.floor(2.0**24 * np.exp(-0.1 * np.arange(256))).astype(np.int32)],
        [("graph.softmax_quantized", [0, 1], {"numerator": 256, "denominator": 1, "zero_point": -128, "low": -128, "high": 127})],
    ),
    "transpose": ([tensor(3, 12, 4)], [("graph.transpose", ONE, {"permutation": [2, 0, 1]})]),
    "reshape of a transpose": (
        [tensor(3, 4, 2)],
        [("graph.transpose", ONE, {"permutation": [1, 2, 0]}), ("graph.reshape", [1], {"shape": [6, 4]}), ("graph.negate", [2], {})],
    ),
    "mean": ([tensor(3, 12, 4)], [("graph.reduce_mean", ONE, {"axes": [0, 2]})]),
    "greatest": ([tensor(3, 12, 4)], [("graph.reduce_max", ONE, {"axes": [1]})]),
    "sum of integers": ([tensor(3, 5, of=I8)], [("graph.reduce_sum", ONE, {"axes": [1], "result_type": I32, "x_zero_point": 4})]),
    "concatenation": ([tensor(3, 12, 4), tensor(3, 2, 4), tensor(3, 1, 4)], [("graph.concat", [0, 1, 2], {"axis": 1})]),
    "pad": ([tensor(3, 5)], [("graph.pad", ONE, {"low": [1, 2], "high": [0, 1], "value": 1.5})]),
    "slice": ([tensor(6, 9)], [("graph.slice", ONE, {"start": [1, 2], "size": [2, 3], "step": [3, 2]})]),
    "average pool that leaves out the padding": (
        [tensor(1, 8, 7, 3)],
        [("graph.average_pool2d", ONE, {"kernel": [3, 3], "stride": [2, 2], "pad": [1, 1, 1, 1]})],
    ),
    "average pool that counts the padding": ([tensor(1, 8, 8, 3)], [("graph.average_pool2d", ONE, {"kernel": [3, 2], "pad": [1, 0, 1, 1], "include_pad": 1})]),
    "max pool": ([tensor(1, 8, 8, 3)], [("graph.max_pool2d", ONE, {"kernel": [3, 3], "pad": [1, 1, 1, 1], "stride": [2, 2]})]),
    "max pool of bytes": ([tensor(1, 8, 8, 3, of=I8)], [("graph.max_pool2d", ONE, {"kernel": [3, 3], "pad": [1, 1, 1, 1], "dilation": [2, 2]})]),
    "sum pool": ([tensor(1, 8, 8, 3, of=I8)], [("graph.sum_pool2d", ONE, {"kernel": [8, 8], "x_zero_point": 5, "result_type": I32})]),
    "broadcast sum": ([tensor(2, 1, 4), tensor(3, 1)], [("graph.add", [0, 1], {})]),
    "chain of unary functions": (
        [tensor(40)],
        [
            ("graph.logistic", [0], {}),
            ("graph.tanh", [1], {}),
            ("graph.exp", [2], {}),
            ("graph.leaky_relu", [3], {"alpha": 0.3}),
            ("graph.elu", [4], {}),
            ("graph.absolute", [5], {}),
        ],
    ),
    "clamp": ([tensor(40)], [("graph.clamp", ONE, {"low": -0.5, "high": 0.25}), ("graph.relu", [1], {})]),
    "quantize per channel": ([tensor(2, 3, 4)], [("graph.quantize", ONE, {"result_type": PER_CHANNEL})]),
    "quantize to unsigned": ([tensor(2, 3, 4)], [("graph.quantize", ONE, {"result_type": QuantizedType(U8, F32, (0.0125,), (100,))})]),
    "dequantize per channel": ([tensor(2, 3, of=PER_CHANNEL)], [("graph.dequantize", ONE, {})]),
    "convolution, fixed-point requantization, transpose": (
        [
            tensor(1, 9, 8, 4, of=I8),
            tensor(6, 3, 3, 4, of=I8),
            tensor(6, of=I32),
            RANDOM.integers(1000, 2000, 6).astype(np.int32),
            np.array([1 << 19]),
            np.array([20], np.int32),
        ],
        [
            ("graph.conv2d", [0, 1, 2], {"stride": [2, 2], "pad": [1, 1, 2, 2], "x_zero_point": 3}),
            ("graph.requantize_fixed", [6, 3, 4, 5], SATURATED),
            ("graph.transpose", [7], {"permutation": [0, 3, 1, 2]}),
        ],
    ),
    "division with ties": ([tensor(50, of=I32)], [("graph.requantize_division", ONE, {"numerator": 3, "denominator": 4, **SATURATED})]),
    "sum of two quantized tensors": (
        [tensor(3, 4, of=I8), tensor(3, 4, of=I8)],
        [
            (
                "graph.add_fixed",
                [0, 1],
                {"x_zero_point": 1, "y_zero_point": 2, "x_multiplier": 1000, "y_multiplier": 700, "rounding": 1 << 11, "shift": 12, **SATURATED},
            )
        ],
    ),
    "table": ([tensor(3, 40, of=I8), RANDOM.integers(-128, 128, 256).astype(np.int8)], [("graph.lookup", [0, 1], {})]),
}


def lower(module: Any, *passes: Pass) -> None:
    for each in passes:
        each.run(module, PassContext())


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "_"))
def test_all_levels_give_the_same_bytes(case: str) -> None:
    inputs, steps = CASES[case]
    module = chain(inputs, steps)
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    to_c = (PlanMemory(), OutlineLayers(), LowerToC())
    for passes in ((LowerToLoops(),), (FuseNests(), FoldReads()), (JamOutputs(),), (Bufferize(),), to_c):
        lower(module, *passes)
        result = next(iter(run(module, given).values()))
        assert result.tobytes() == expected.tobytes(), f"after {passes[-1].name}"


def test_fusing_leaves_one_nest_for_a_quantized_convolution() -> None:
    module = chain(*CASES["convolution, fixed-point requantization, transpose"])
    lower(module, LowerToLoops(), FuseNests())
    function = next(o for o in module.body if o.name == "func.func")
    assert [o.name for o in function.body].count("loop.for") == 1
    assert [o.name for o in function.body].count("loop.tensor") == 1


def test_a_tensor_read_twice_is_not_computed_twice() -> None:
    module = chain([tensor(4, 6), tensor(5, 6), tensor(5)], [("graph.dense", [0, 1, 2], {}), ("graph.softmax", [3], {})])
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    lower(module, LowerToLoops(), FuseNests())
    products = [o for o in main_function(module).walk() if o.name == "arith.mulf"]
    assert len(products) == 1
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


def test_every_operator_has_a_case_or_is_simple() -> None:
    """An operator added without equations that run would be noticed here."""
    tested = {operator for _, steps in CASES.values() for operator, _, _ in steps}
    for name, operator in operators().items():
        if name not in tested and operator.form == "equations" and not operator.attributes and len(operator.operands) <= 2:
            types = [tensor(2, 3)] * len(operator.operands)
            module = chain(types, [(name, list(range(len(types))), {})])
            given = random_inputs(module)
            expected = run(module, given)["output_0"]
            lower(module, LowerToLoops())
            assert run(module, given)["output_0"].tobytes() == expected.tobytes(), name


def _broken(change: str) -> Mapping[str, Any]:
    """Runs a loop-level program after breaking it in one way."""
    from tinyir.ir.affine import AffineDimension, AffineMap

    module = chain([tensor(4, 6)], [("graph.negate", [0], {})])
    lower(module, LowerToLoops())
    define = next(o for o in module.walk() if o.name == "loop.define")
    read = next(o for o in module.walk() if o.name == "loop.read")
    first, second = AffineDimension(0), AffineDimension(1)
    if change == "outside":
        read.properties["map"] = AffineMap(2, 0, [first, second + 1])
    elif change == "twice":
        define.properties["map"] = AffineMap(2, 0, [first, second * 0])
    elif change == "undefined":
        read.set_operand(0, define.operands[1])
    return run(module, random_inputs(module))


@pytest.mark.parametrize(("change", "message"), [("outside", "whose extent is 6"), ("twice", "same element"), ("undefined", "before it is defined")])
def test_a_broken_promise_is_an_error(change: str, message: str) -> None:
    with pytest.raises(InterpreterError, match=message):
        _broken(change)


def test_lanes_and_steps_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program with every loop run one iteration after the other."""
    inputs, steps = CASES["dilated integer convolution"]
    module = chain(inputs, steps)
    given = random_inputs(module)
    expected = run(module, given)["output_0"]
    lower(module, LowerToLoops())
    monkeypatch.setattr("tinyir.dialects.loop_interpreter.MOST_LANES", 1)
    assert run(module, given)["output_0"].tobytes() == expected.tobytes()


def test_memory_that_a_loop_shares_is_not_run_as_lanes() -> None:
    """y[i] = y[i - 1] + 1 over one memory, though the loop claims to be parallel."""
    from tinyir.dialects import loop
    from tinyir.ir.affine import AffineConstant, AffineDimension, AffineMap
    from tinyir.ir.attributes import IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute
    from tinyir.ir.builder import Builder, create_function, create_module
    from tinyir.ir.types import MemRefType

    module = create_module()
    memory = MemRefType((8,), I64, None, StringAttribute("ram"))
    top = Builder.at_end(module.body)
    top.create("buffer.global", properties={"sym_name": StringAttribute("m"), "type": TypeAttribute(memory)})
    for direction in ("input", "output"):
        port = {
            "name": StringAttribute("m"),
            "direction": StringAttribute(direction),
            "storage": SymbolReference("m"),
            "offset": IntegerAttribute(0, I64),
            "type": TypeAttribute(memory),
        }
        top.create("buffer.port", properties=port)
    function = create_function(module, "f", [], [])
    builder = Builder.at_end(function.body)
    base = builder.create("buffer.get_global", [], [memory], {"name": SymbolReference("m")}).result
    nest = loop.create_for(builder, (AffineMap.constant(1), ()), (AffineMap.constant(8), ()), parallel=True)
    body, variable = Builder.at_end(nest.body), loop.induction_variable(nest)
    before = AffineMap(1, 0, [AffineDimension(0) + AffineConstant(-1)])
    value = body.create("buffer.load", [base, variable], [I64], {"map": before}).result
    one = body.create("arith.constant", [], [I64], {"value": IntegerAttribute(1, I64)}).result
    total = body.create("arith.addi", [value, one], [I64]).result
    body.create("buffer.store", [total, base, variable], [], {"map": AffineMap.identity(1)})
    body.create("loop.yield")
    builder.create("func.return")
    assert run(module, {"m": np.arange(8) * 10})["m"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_parallel_loop_of_one_iteration_defines_an_element_at_a_constant_place() -> None:
    module = parse("""
      func.func @net(%x: tensor<1xi8>) -> tensor<1xi8> {
        %y = loop.tensor : tensor<1xi8>
        loop.for %i = 0 to 1 parallel {
          %v = loop.read %x[%i] : tensor<1xi8>
          loop.define %v, %y[0] : tensor<1xi8>
          loop.yield
        }
        return %y : tensor<1xi8>
      }
    """)
    assert run(module, {"input_0": np.array([5], np.int8)})["output_0"].tolist() == [5]
