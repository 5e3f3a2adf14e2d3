"""Every operator in its several spellings computes what onnxruntime computes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from tests.frontend.resampling_cases import resized, transposed_convolutions
from tests.frontend.small_models import GENERATOR, IMAGE, MATRIX, ROW, SmallModel, node, real, whole
from tinyir.frontend.onnx_registry import supported_operators


def convolutions() -> Iterator[tuple[str, SmallModel]]:
    weight, bias = {"w": real(6, 4, 3, 2)}, {"b": real(6)}
    yield "conv", SmallModel([node("y = Conv(x, w, b)")], IMAGE, weight | bias)
    yield "conv without bias", SmallModel([node("y = Conv(x, w)", strides=[2, 1], kernel_shape=[3, 2])], IMAGE, weight)
    yield "conv with an empty bias", SmallModel([node("y = Conv(x, w, -)")], IMAGE, weight)
    yield "conv asymmetric", SmallModel([node("y = Conv(x, w, b)", pads=[0, 2, 1, 3], strides=[2, 3])], IMAGE, weight | bias)
    yield "conv dilated", SmallModel([node("y = Conv(x, w, b)", dilations=[2, 3], pads=[1, 1, 1, 1])], IMAGE, weight | bias)
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield f"conv {mode}", SmallModel([node("y = Conv(x, w, b)", auto_pad=mode, strides=[2, 2])], IMAGE, weight | bias)
    yield "conv grouped", SmallModel([node("y = Conv(x, w)", group=2)], IMAGE, {"w": real(6, 2, 2, 2)})
    yield "conv depthwise", SmallModel([node("y = Conv(x, w)", group=4)], IMAGE, {"w": real(8, 1, 3, 3)})
    yield "conv of one axis", SmallModel([node("y = Conv(x, w, b)", pads=[2, 1], strides=[2], dilations=[2])], ROW, {"w": real(6, 4, 3)} | bias)
    yield "conv with computed weights", SmallModel([node("w = Abs(v)"), node("y = Conv(x, w)")], IMAGE | {"v": [2, 4, 3, 3]})


def pools() -> Iterator[tuple[str, SmallModel]]:
    for operator in ("MaxPool", "AveragePool"):
        spellings: dict[str, dict[str, Any]] = {
            "plain": {},
            "strided": {"strides": [2, 3]},
            "padded": {"pads": [1, 0, 2, 1], "strides": [2, 2]},
            "same": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
            "ceil": {"ceil_mode": 1, "strides": [2, 2]},
            "ceil padded": {"ceil_mode": 1, "strides": [3, 2], "pads": [1, 1, 1, 1]},
            "ceil beyond the end": {"ceil_mode": 1, "strides": [3, 3], "pads": [0, 0, 2, 1], "kernel_shape": [3, 2]},
        }
        for name, attributes in spellings.items():
            yield f"{operator} {name}", SmallModel([node(f"y = {operator}(x)", **({"kernel_shape": [3, 2]} | attributes))], IMAGE)
        yield f"{operator} of one axis", SmallModel([node(f"y = {operator}(x)", kernel_shape=[3], strides=[2], pads=[1, 0])], ROW)
        for shape in (IMAGE, ROW):
            yield f"Global{operator} {shape}", SmallModel([node(f"y = Global{operator}(x)")], shape)
    yield "MaxPool dilated", SmallModel([node("y = MaxPool(x)", kernel_shape=[2, 2], dilations=[2, 3])], IMAGE)
    dilated = {"kernel_shape": [2, 3], "dilations": [2, 2], "strides": [2, 1], "pads": [1, 2, 0, 1]}
    for include in (0, 1):
        yield f"AveragePool dilated {include}", SmallModel([node("y = AveragePool(x)", count_include_pad=include, **dilated)], IMAGE, opset=19)
    for ceil in (0, 1):
        attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [3, 2], "ceil_mode": ceil, "count_include_pad": 1}
        yield f"AveragePool counting the padding, ceil {ceil}", SmallModel([node("y = AveragePool(x)", **attributes)], IMAGE)


def products() -> Iterator[tuple[str, SmallModel]]:
    for transposed in (0, 1):
        weight = real(5, 6) if transposed else real(6, 5)
        for name, bias in {"vector": real(5), "row": real(1, 5), "column": real(2, 1), "scalar": real()}.items():
            yield (
                f"gemm {transposed} {name}",
                SmallModel([node("y = Gemm(x, w, b)", transB=transposed, alpha=0.5, beta=2.0)], MATRIX, {"w": weight, "b": bias}),
            )
        yield f"gemm without bias {transposed}", SmallModel([node("y = Gemm(x, w)", transB=transposed)], MATRIX, {"w": weight})
    yield "gemm of a transpose", SmallModel([node("y = Gemm(x, w)", transA=1)], {"x": [6, 2]}, {"w": real(6, 5)})
    yield "gemm of two inputs", SmallModel([node("y = Gemm(x, w, b)", transB=1, alpha=0.5)], MATRIX | {"w": [5, 6], "b": [5]})
    yield "matmul by a constant", SmallModel([node("y = MatMul(x, w)")], {"x": [2, 3, 6]}, {"w": real(6, 5)})
    yield "matmul of a vector", SmallModel([node("y = MatMul(x, w)")], {"x": [6]}, {"w": real(6, 5)})
    yield "matmul by a vector", SmallModel([node("y = MatMul(x, w)")], {"x": [2, 3, 6]}, {"w": real(6)})
    yield "matmul of two vectors", SmallModel([node("y = MatMul(x, w)")], {"x": [6], "w": [6]})
    yield "matmul of a stack", SmallModel([node("y = MatMul(x, w)")], {"x": [2, 1, 3, 6], "w": [4, 6, 5]})
    yield "matmul of a vector by a stack", SmallModel([node("y = MatMul(x, w)")], {"x": [6], "w": [4, 6, 5]})


def elementwise() -> Iterator[tuple[str, SmallModel]]:
    for operator in ("Abs", "Erf", "Exp", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Tanh", "Identity", "Dropout", "HardSwish", "Softplus", "Softsign"):
        yield operator, SmallModel([node(f"y = {operator}(x)")], MATRIX)
    for operator in ("Log", "Sqrt"):
        yield operator, SmallModel([node("a = Abs(x)"), node(f"y = {operator}(a)")], MATRIX)
    for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        yield f"{operator} broadcast", SmallModel([node(f"y = {operator}(x, w)")], MATRIX | {"w": [3, 1, 6]})
        yield f"{operator} by a scalar", SmallModel([node(f"y = {operator}(w, x)")], MATRIX, {"w": np.float32(1.5)})
    for operator in ("Max", "Min", "Sum"):
        yield f"{operator} of three", SmallModel([node(f"y = {operator}(x, v, w)")], MATRIX | {"v": [6], "w": [2, 1]})
        yield f"{operator} of one", SmallModel([node(f"y = {operator}(x)")], MATRIX)
    for exponent in (1.0, 2.0, 3.0, 4.0, 7.0, -1.0, -2.0):
        yield f"Pow {exponent}", SmallModel([node("y = Pow(x, e)")], MATRIX, {"e": np.float32(exponent)})
    yield "Pow 0.5", SmallModel([node("a = Abs(x)"), node("y = Pow(a, e)")], MATRIX, {"e": np.array([0.5], np.float32)})
    for exponent in (1.5, -0.5, 3.5):
        yield f"Pow {exponent}", SmallModel([node("a = Abs(x)"), node("y = Pow(a, e)")], MATRIX, {"e": np.float32(exponent)})
    yield "Pow with a whole exponent", SmallModel([node("y = Pow(x, e)")], MATRIX, {"e": whole(2)})
    for name, inputs in {"both": "x, low, high", "low": "x, low", "high": "x, -, high", "none": "x"}.items():
        yield f"Clip {name}", SmallModel([node(f"y = Clip({inputs})")], MATRIX, {"low": np.float32(-0.5), "high": np.float32(0.7)})
    yield "Clip by attributes", SmallModel([node("y = Clip(x)", min=-0.5, max=0.7)], MATRIX, opset=10)
    for operator in ("LeakyRelu", "Elu", "Selu", "HardSigmoid"):
        yield operator, SmallModel([node(f"y = {operator}(x)")], MATRIX)
    yield "LeakyRelu alpha", SmallModel([node("y = LeakyRelu(x)", alpha=0.3)], MATRIX)
    yield "Celu", SmallModel([node("y = Celu(x)", alpha=0.7)], MATRIX)
    yield "Mish", SmallModel([node("y = Mish(x)")], MATRIX)
    yield "Swish", SmallModel([node("y = Swish(x)", alpha=0.7)], MATRIX, opset=24)
    yield "QuickGelu", SmallModel([node("y = com.microsoft.QuickGelu(x)", alpha=1.5)], MATRIX)
    yield "PRelu", SmallModel([node("y = PRelu(x, s)")], IMAGE, {"s": real(4, 1, 1)})
    yield "Gelu", SmallModel([node("y = Gelu(x)")], MATRIX, opset=20)
    yield "Gelu by tanh", SmallModel([node("y = Gelu(x)", approximate="tanh")], MATRIX, opset=20)
    yield "Gelu of onnxruntime", SmallModel([node("y = com.microsoft.Gelu(x)")], MATRIX)
    yield "Cast to its own type", SmallModel([node("y = Cast(x)", to=TensorProto.FLOAT)], MATRIX)
    yield "Cast of a constant", SmallModel([node("c = Cast(w)", to=TensorProto.FLOAT), node("y = Add(x, c)")], MATRIX, {"w": whole(1, 2, 3, 4, 5, 6)})


def reductions() -> Iterator[tuple[str, SmallModel]]:
    for opset in (12, 13, 18):
        for axis in (-1, 1, 0):
            for operator in ("Softmax", "LogSoftmax"):
                yield f"{operator} {axis} opset {opset}", SmallModel([node(f"y = {operator}(x)", axis=axis)], {"x": [2, 3, 5]}, opset=opset)
    yield "Softmax by default, old", SmallModel([node("y = Softmax(x)")], {"x": [2, 3, 5]}, opset=11)
    for operator in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"):
        for keep in (0, 1):
            model = SmallModel([node(f"y = {operator}(x, a)", keepdims=keep)], IMAGE, {"a": whole(-1, 2)})
            yield f"{operator} {keep}", model
        yield f"{operator} of all", SmallModel([node(f"y = {operator}(x)", keepdims=0)], IMAGE)
        yield f"{operator} of none", SmallModel([node(f"y = {operator}(x, a)", noop_with_empty_axes=1)], IMAGE, {"a": whole()})
    for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"):
        for keep in (0, 1):
            yield f"{operator} {keep}", SmallModel([node(f"y = {operator}(x, a)", keepdims=keep)], IMAGE, {"a": whole(-1, 2)})
        yield f"{operator} of all", SmallModel([node(f"y = {operator}(x)", keepdims=0)], IMAGE)
    yield "ReduceLogSum", SmallModel([node("v = Abs(x)"), node("y = ReduceLogSum(v, a)")], IMAGE, {"a": whole(1)})
    yield "ReduceMean, old", SmallModel([node("y = ReduceMean(x)", axes=[2, 3])], IMAGE, opset=13)
    yield "LayerNormalization", SmallModel([node("y = LayerNormalization(x, s, b)")], {"x": [2, 3, 5]}, {"s": real(5), "b": real(5)})
    yield "LayerNormalization of two axes", SmallModel([node("y = LayerNormalization(x, s)", axis=1)], {"x": [2, 3, 5]}, {"s": real(3, 5)})
    yield "InstanceNormalization", SmallModel([node("y = InstanceNormalization(x, s, b)")], IMAGE, {"s": real(4), "b": real(4)})
    for opset, count in ((18, 2), (21, 4)):
        scales = {"s": real(count), "b": real(count)}
        yield f"GroupNormalization, opset {opset}", SmallModel([node("y = GroupNormalization(x, s, b)", num_groups=2)], IMAGE, scales, opset=opset)
    for p in (1, 2):
        yield f"LpNormalization {p}", SmallModel([node("y = LpNormalization(x)", p=p, axis=1)], IMAGE)
    yield "RMSNormalization", SmallModel([node("y = RMSNormalization(x, s)", axis=-1)], MATRIX, {"s": real(6)}, opset=23)
    simplified = node("y = SimplifiedLayerNormalization(x, s)", axis=-1, epsilon=1e-3)
    yield "SimplifiedLayerNormalization", SmallModel([simplified], MATRIX, {"s": real(6)})
    statistics = {"s": real(4), "b": real(4), "m": real(4), "v": real(4, low=0.1)}
    yield "BatchNormalization", SmallModel([node("y = BatchNormalization(x, s, b, m, v)", epsilon=1e-3)], IMAGE, statistics)
    huge = statistics | {"s": np.full(4, 3e38, np.float32), "v": np.full(4, 1e-3, np.float32)}
    yield "BatchNormalization beyond binary32", SmallModel([node("n = BatchNormalization(x, s, b, m, v)"), node("y = Sigmoid(n)")], IMAGE, huge)
    nodes = [node("a = Abs(s)"), node("y = BatchNormalization(x, a, b, m, v)")]
    yield "BatchNormalization by a computed scale", SmallModel(nodes, IMAGE, statistics)
    yield "BatchNormalization of a matrix", SmallModel([node("y = BatchNormalization(x, s, b, m, v)")], {"x": [2, 4]}, statistics)


def movements() -> Iterator[tuple[str, SmallModel]]:
    for name, target in {"plain": (8, -1), "keeping": (0, 0, -1), "to a vector": (-1,), "exact": (6, 28)}.items():
        yield f"Reshape {name}", SmallModel([node("y = Reshape(x, s)")], IMAGE, {"s": whole(*target)})
    for axis in (0, 1, 2, 4, -1):
        yield f"Flatten {axis}", SmallModel([node("y = Flatten(x)", axis=axis)], IMAGE)
    ones = {"x": [1, 4, 1, 6]}
    yield "Squeeze", SmallModel([node("y = Squeeze(x, a)")], ones, {"a": whole(-2)})
    yield "Squeeze of all", SmallModel([node("y = Squeeze(x)")], ones)
    yield "Squeeze, old", SmallModel([node("y = Squeeze(x)", axes=[0, 2])], ones, opset=11)
    yield "Unsqueeze", SmallModel([node("y = Unsqueeze(x, a)")], MATRIX, {"a": whole(0, -1)})
    yield "Unsqueeze, old", SmallModel([node("y = Unsqueeze(x)", axes=[3, 0])], MATRIX, opset=11)
    yield "Transpose", SmallModel([node("y = Transpose(x)", perm=[0, 3, 1, 2])], IMAGE)
    yield "Transpose by default", SmallModel([node("y = Transpose(x)")], IMAGE)
    yield "Tile", SmallModel([node("y = Tile(x, r)")], IMAGE, {"r": whole(2, 1, 3, 2)})
    for mode in ("DCR", "CRD"):
        yield f"DepthToSpace {mode}", SmallModel([node("y = DepthToSpace(x)", blocksize=2, mode=mode)], {"x": [1, 8, 3, 2]})
    yield "SpaceToDepth", SmallModel([node("y = SpaceToDepth(x)", blocksize=2)], {"x": [1, 3, 4, 6]})
    yield "Concat", SmallModel([node("y = Concat(x, w, x)", axis=-3)], IMAGE | {"w": [1, 2, 7, 6]})
    yield "Concat of one", SmallModel([node("y = Concat(x)", axis=0)], MATRIX)
    yield "Expand", SmallModel([node("y = Expand(x, s)")], {"x": [3, 1]}, {"s": whole(2, 1, 6)})
    yield "Pad", SmallModel([node("y = Pad(x, p, v)")], MATRIX, {"p": whole(1, 2, 0, 3), "v": np.float32(0.5)})
    yield "Pad of some axes", SmallModel([node("y = Pad(x, p, -, a)")], IMAGE, {"p": whole(1, 2), "a": whole(-1)})
    yield "Pad, old", SmallModel([node("y = Pad(x)", pads=[0, 1, 2, 0], value=0.5)], MATRIX, opset=10)
    yield "Pad that crops", SmallModel([node("y = Pad(x, p)")], IMAGE, {"p": whole(0, -1, 2, -3, 0, 0, -1, 1)})
    for mode in ("edge", "reflect", "wrap"):
        pads = {"p": whole(0, 0, 2, 3, 0, 0, 6, 0)}
        yield f"Pad {mode}", SmallModel([node("y = Pad(x, p)", mode=mode)], IMAGE, pads, opset=19)
        nodes = [node("q = QuantizeLinear(x, s)"), node("a = Pad(q, p)", mode=mode), node("y = DequantizeLinear(a, s)")]
        yield f"Pad {mode} of integers", SmallModel(nodes, IMAGE, pads | {"s": np.float32(0.01)}, opset=19)
    backwards = {"s": whole(-1, 9), "e": whole(-(2**62), 1), "a": whole(2, 3), "t": whole(-1, -2)}
    yield "Slice backwards", SmallModel([node("y = Slice(x, s, e, a, t)")], IMAGE, backwards)
    yield "Slice", SmallModel([node("y = Slice(x, s, e, a, t)")], IMAGE, {"s": whole(1, -4), "e": whole(99, -1), "a": whole(2, -1), "t": whole(2, 1)})
    yield "Slice of all", SmallModel([node("y = Slice(x, s, e)")], MATRIX, {"s": whole(0, 0), "e": whole(2, 2**62)})
    yield "Slice every second", SmallModel([node("y = Slice(x, s, e, a, t)")], MATRIX, {"s": whole(0), "e": whole(6), "a": whole(1), "t": whole(2)})
    yield "Slice, old", SmallModel([node("y = Slice(x)", starts=[1], ends=[3], axes=[2])], IMAGE, opset=9)
    yield "Split", SmallModel([node("y z = Split(x, s)", axis=1)], MATRIX, {"s": whole(2, 4)}, ("y", "z"))
    yield "Split evenly", SmallModel([node("y z w = Split(x)", axis=1)], MATRIX, outputs=("y", "z", "w"), opset=13)
    yield "Split unevenly", SmallModel([node("y z = Split(x)", axis=2, num_outputs=2)], IMAGE, outputs=("y", "z"))
    yield "Split, old", SmallModel([node("y z = Split(x)", split=[5, 1], axis=-1)], MATRIX, outputs=("y", "z"), opset=11)
    for name, indices in {"scalar": np.int64(2), "negative": np.int64(-1), "run": whole(1, 2, 3), "steps": whole(1, 3), "any": whole(3, 0, 0, -2)}.items():
        yield f"Gather {name}", SmallModel([node("y = Gather(x, i)", axis=1)], IMAGE, {"i": indices})
    yield "Gather backwards", SmallModel([node("y = Gather(x, i)", axis=1)], IMAGE, {"i": whole(3, 2, 1, 0)})
    yield "Gather of a matrix of indices", SmallModel([node("y = Gather(x, i)", axis=1)], MATRIX, {"i": np.array([[0, 1], [4, 2]])})


def known_integers() -> Iterator[tuple[str, SmallModel]]:
    """Shapes that the model computes: all of it happens at import."""
    yield (
        "a batch that is kept by hand",
        SmallModel(
            [node("s = Shape(x)"), node("b = Gather(s, i)"), node("v = Unsqueeze(b, i1)"), node("t = Concat(v, m)", axis=0), node("y = Reshape(x, t)")],
            {"x": ["N", 4, 6]},
            {"i": np.int64(0), "i1": whole(0), "m": whole(-1)},
        ),
    )
    yield (
        "arithmetic",
        SmallModel(
            [
                *(node("s = Shape(x)", start=1), node("q = Div(s, two)"), node("d = Mul(q, two)"), node("e = Sub(d, one)"), node("f = Add(e, one)")),
                *(node("g = Max(f, one)"), node("h = Min(g, s)"), node("k = Cast(h)", to=TensorProto.INT32), node("l = Cast(k)", to=TensorProto.INT64)),
                *(node("p = ReduceProd(l, -)", keepdims=1), node("y = Reshape(x, p)")),
            ],
            {"x": [1, 4, 6]},
            {"one": whole(1), "two": whole(2)},
        ),
    )
    yield (
        "comparisons and choices",
        SmallModel(
            [
                *(node("e = Equal(given, minus)"), node("s = Where(e, other, given)"), node("l = Less(s, four)")),
                *(node("n = Not(l)"), node("g = Greater(s, one)"), node("o = Or(n, g)"), node("a = And(o, l)")),
                *(node("h = GreaterOrEqual(s, four)"), node("k = LessOrEqual(s, four)"), node("u = Xor(h, k)")),
                *(node("v = Where(a, s, four)"), node("w = Where(u, v, s)"), node("m = Mod(minus, four)"), node("f = Mod(minus, four)", fmod=1)),
                *(node("c = Sub(m, f)"), node("t = Mul(w, c)"), node("r = Tile(t, one)"), node("y = Expand(x, r)")),
            ],
            {"x": [1, 1]},
            {"given": whole(-1, 2, 4), "other": whole(3, 3, 3), "minus": whole(-1), "four": whole(4), "one": whole(1)},
        ),
    )
    quarter = numpy_helper.from_array(np.array([0.25], np.float32))
    yield (
        "constants made of shapes",
        SmallModel(
            [
                *(
                    node("s = Shape(x)"),
                    node("c = ConstantOfShape(s)", value=quarter),
                    node("n = Size(x)"),
                    node("a = Add(x, c)"),
                ),
                *(node("z = ConstantOfShape(s)"), node("b = Add(a, z)"), node("u = Unsqueeze(n, i)"), node("y = Reshape(b, u)")),
            ],
            MATRIX,
            {"i": whole(0)},
        ),
    )
    yield (
        "ranges, slices and splits of integers",
        SmallModel(
            [
                *(node("r = Range(zero, six, two)"), node("s = Slice(r, i1, i3)"), node("t u = Split(s, i11)", axis=0), node("v = Squeeze(t)")),
                *(node("w = Transpose(s)"), node("k = Flatten(w)", axis=0), node("g = Squeeze(k, i0)"), node("y = Gather(x, g)", axis=1)),
            ],
            MATRIX,
            {"zero": np.int64(0), "six": np.int64(6), "two": np.int64(2), "i0": whole(0), "i1": whole(1), "i3": whole(3), "i11": whole(1, 1)},
        ),
    )
    yield (
        "pads as torch makes them, from those of the last axis to those of the first",
        SmallModel(
            [
                *(node("z = ConstantOfShape(n)", value=numpy_helper.from_array(whole(0))), node("c = Concat(given, z)", axis=0), node("r = Reshape(c, pairs)")),
                *(node("b = Slice(r, last, first, axis, back)"), node("t = Transpose(b)"), node("p = Reshape(t, all)"), node("y = Pad(x, p)")),
            ],
            IMAGE,
            {"given": whole(1, 0, 2, 1), "n": whole(4), "pairs": whole(-1, 2), "last": whole(-1), "first": whole(-(2**63) + 1)}
            | {"axis": whole(0), "back": whole(-1), "all": whole(-1)},
        ),
    )
    spellings: dict[str, dict[str, Any]] = {"value_ints": {"value_ints": [3, 4]}, "value": {"value": numpy_helper.from_array(whole(3, 4))}}
    for name, attributes in spellings.items():
        yield f"Constant {name}", SmallModel([node("s = Constant()", **attributes), node("y = Reshape(x, s)")], MATRIX)
    yield "Constant float", SmallModel([node("c = Constant()", value_float=2.5), node("y = Add(x, c)")], MATRIX)
    yield "Constant floats", SmallModel([node("c = Constant()", value_floats=[2.5, 1.0]), node("y = Mul(x, c)")], {"x": [3, 2]})
    yield "Constant int", SmallModel([node("i = Constant()", value_int=1), node("y = Gather(x, i)")], MATRIX)
    yield (
        "a quotient of negative integers, which is rounded to zero",
        SmallModel(
            [node("s = Shape(x)"), node("n = Sub(one, s)"), node("q = Div(n, two)"), node("y = Gather(x, q)", axis=1)],
            {"x": [4, 6]},
            {"one": whole(1), "two": whole(2)},
        ),
    )
    yield "Expand of integers", SmallModel([node("s = Expand(t, n)"), node("y = Reshape(x, s)")], {"x": [4, 2]}, {"t": whole(2), "n": whole(3)})


def quantized() -> Iterator[tuple[str, SmallModel]]:
    scales = {"s": np.float32(0.05), "z": np.int8(3), "u": np.float32(0.1), "v": np.int8(-7)}
    integers: dict[str, tuple[int, list[int]]] = {"x": (TensorProto.INT8, [2, 6])}
    yield "QuantizeLinear", SmallModel([node("q = QuantizeLinear(x, s, z)"), node("y = DequantizeLinear(q, s, z)")], MATRIX, scales)
    yield "an integer output", SmallModel([node("y = QuantizeLinear(x, s)")], MATRIX, scales)
    yield "an integer input", SmallModel([node("y = DequantizeLinear(x, s, z)")], integers, scales)
    yield "a moved integer input", SmallModel([node("t = Transpose(x)"), node("y = DequantizeLinear(t, s, z)")], integers, scales)
    yield (
        "integers read at two scales",
        SmallModel([node("a = DequantizeLinear(x, s, z)"), node("b = DequantizeLinear(x, u, v)"), node("y = Add(a, b)")], integers, scales),
    )
    yield (
        "integers of two scales side by side",
        SmallModel(
            [
                *(node("a = QuantizeLinear(x, s, z)"), node("b = QuantizeLinear(x, u, v)"), node("c = Concat(a, b)", axis=1)),
                *(node("y = DequantizeLinear(c, u, z)"),),
            ],
            MATRIX,
            scales,
        ),
    )
    weights = {"w": np.arange(-9, 9, dtype=np.int8).reshape(6, 3), "ws": np.array([0.5, 0.25, 0.1], np.float32), "wz": np.zeros(3, np.int8)}
    for axis in (1, -1):
        nodes = [node("r = DequantizeLinear(w, ws, wz)", axis=axis), node("y = MatMul(x, r)")]
        yield f"weights per channel, axis {axis}", SmallModel(nodes, MATRIX, weights)
    yield (
        "weights moved before they are dequantized",
        SmallModel([node("t = Transpose(w)"), node("r = DequantizeLinear(t, ws, wz)", axis=0), node("y = Gemm(x, r)", transB=1)], MATRIX, weights),
    )
    bias = {"b": np.array([3, -4, 5, 6, 7, -8], np.int32), "bs": np.float32(0.01)}
    yield "an int32 bias", SmallModel([node("r = DequantizeLinear(b, bs)"), node("y = Add(x, r)")], MATRIX, bias)
    yield (
        "unsigned",
        SmallModel([node("q = QuantizeLinear(x, s, z)"), node("y = DequantizeLinear(q, s, z)")], MATRIX, {"s": np.float32(0.05), "z": np.uint8(120)}),
    )
    per_axis = {"s": np.array([0.1, 0.2], np.float32), "z": np.array([1, -2], np.int8)}
    nodes = [node("q = QuantizeLinear(x, s, z)", axis=0), node("y = DequantizeLinear(q, s, z)", axis=-2)]
    yield "activations per axis", SmallModel(nodes, MATRIX, per_axis)
    yield (
        "a maximum of integers",
        SmallModel([node("m = MaxPool(x)", kernel_shape=[2]), node("y = DequantizeLinear(m, s, z)")], {"x": (TensorProto.INT8, [1, 2, 6])}, scales),
    )
    yield "output_dtype", SmallModel([node("y = QuantizeLinear(x, s)", output_dtype=TensorProto.INT8)], MATRIX, scales, opset=21)


def on_integers() -> Iterator[tuple[str, SmallModel]]:
    """Operators that take and give integers."""
    scales = {"s": np.float32(0.02), "z": np.int8(3), "t": np.float32(0.03), "y": np.int8(-5), "r": np.float32(0.5), "q": np.int8(1)}
    image: dict[str, Any] = {"x": (TensorProto.INT8, [1, 4, 5, 6])}
    matrix: dict[str, Any] = {"x": (TensorProto.INT8, [2, 6])}
    weight = {"w": GENERATOR.integers(-127, 128, (6, 2, 3, 3)).astype(np.int8), "t": np.linspace(0.01, 0.03, 6, dtype=np.float32), "y": np.zeros(6, np.int8)}
    bias = {"b": np.arange(-3000, 3000, 1000, dtype=np.int32)}
    for name, optional in {"": "", " with a bias": ", b"}.items():
        call = node(f"o = QLinearConv(x, s, z, w, t, y, r, q{optional})", group=2, pads=[1, 0, 1, 0])
        yield f"QLinearConv{name}", SmallModel([call], image, scales | weight | bias, ("o",))
    columns: dict[str, Any] = {"w": GENERATOR.integers(-127, 128, (6, 3)).astype(np.int8), "c": np.array([0, 400, -500], np.int32)}
    per_column = {"t": np.array([0.01, 0.02, 0.03], np.float32), "y": np.zeros(3, np.int8)}
    yield "QLinearMatMul", SmallModel([node("o = QLinearMatMul(x, s, z, w, t, y, r, q)")], matrix, scales | columns, ("o",))
    yield "QLinearMatMul per column", SmallModel([node("o = QLinearMatMul(x, s, z, w, t, y, r, q)")], matrix, scales | columns | per_column, ("o",))
    yield "QGemm", SmallModel([node("o = com.microsoft.QGemm(x, s, z, w, t, y, c, r, q)")], matrix, scales | columns | per_column, ("o",))
    transposed = columns | {"w": columns["w"].T.copy()}
    call = node("o = com.microsoft.QGemm(x, s, z, w, t, y, c, r, q)", transB=1, alpha=0.5)
    yield "QGemm transposed and scaled", SmallModel([call], matrix, scales | transposed | per_column, ("o",))
    yield "QGemm to reals", SmallModel([node("o = com.microsoft.QGemm(x, s, z, w, t, y)")], matrix, scales | columns, ("o",))
    for operator in ("QLinearAdd", "QLinearMul"):
        inputs = matrix | {"w": (TensorProto.INT8, [6])}
        yield operator, SmallModel([node(f"o = com.microsoft.{operator}(x, s, z, w, t, y, t, q)")], inputs, scales, ("o",))
    joined = node("o = com.microsoft.QLinearConcat(t, q, x, s, z, w, t, y, x, r, q)", axis=-1)
    yield "QLinearConcat", SmallModel([joined], matrix | {"w": (TensorProto.INT8, [2, 3])}, scales, ("o",))
    pool = {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]}
    yield "QLinearAveragePool", SmallModel([node("o = com.microsoft.QLinearAveragePool(x, s, z, t, q)", **pool)], image, scales, ("o",))
    whole_image = node("o = com.microsoft.QLinearGlobalAveragePool(x, s, z, t, q)", channels_last=0)
    yield "QLinearGlobalAveragePool", SmallModel([whole_image], image, scales, ("o",))
    probability = {"p": np.float32(1 / 256), "m": np.int8(-128)}
    yield "QLinearSoftmax", SmallModel([node("o = com.microsoft.QLinearSoftmax(x, s, z, p, m)", opset=13, axis=-1)], matrix, scales | probability, ("o",))
    yield "QLinearSigmoid", SmallModel([node("o = com.microsoft.QLinearSigmoid(x, s, z, p, m)")], matrix, scales | probability, ("o",))
    yield "QLinearLeakyRelu", SmallModel([node("o = com.microsoft.QLinearLeakyRelu(x, s, z, t, q)", alpha=0.1)], matrix, scales, ("o",))


INTEGER_CASES = list(on_integers())
GROUPS = (convolutions, transposed_convolutions, resized, pools, products, elementwise, reductions, movements, known_integers, quantized)
CASES = [case for group in GROUPS for case in group()]


@pytest.mark.parametrize("model", [model for _, model in CASES], ids=[name for name, _ in CASES])
def test_it_computes_what_onnxruntime_computes(model: SmallModel) -> None:
    for sample in model.samples():
        expected, found = model.by_onnxruntime(sample), model.by_tinyir(sample)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            assert found[name].dtype == array.dtype
            reach = max(1.0, float(np.max(np.abs(array.astype(float)))))
            np.testing.assert_allclose(found[name].astype(float), array.astype(float), rtol=0, atol=1e-5 * reach)


@pytest.mark.parametrize("model", [model for _, model in INTEGER_CASES], ids=[name for name, _ in INTEGER_CASES])
def test_on_integers_it_computes_what_onnxruntime_computes_to_one_step(model: SmallModel) -> None:
    """Its kernels for integers round at other places; all differences are of one step and rare."""
    for sample in model.samples():
        (expected,), (found,) = model.by_onnxruntime(sample).values(), model.by_tinyir(sample).values()
        assert found.dtype == expected.dtype
        difference = np.abs(found.astype(float) - expected)
        assert difference.max() <= (1 if expected.dtype == np.int8 else 1e-4)
        assert np.mean(difference > 1e-4) <= 0.1


def test_every_supported_operator_is_among_the_cases() -> None:
    used = {f"{n.domain}.{n.op_type}" if n.domain else n.op_type for _, model in (*CASES, *INTEGER_CASES) for n in model.nodes}
    assert sorted(used) == supported_operators()
