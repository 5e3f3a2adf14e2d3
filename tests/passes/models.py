"""The networks of MLPerf Tiny in shape, with random weights, at the loop level: what plans, code sizes and speeds are measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from tests.passes.loop_programs import Array, Fixed, Program, Window, convolution, dense, depthwise
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I32, TensorType

SAME = Window((1, 1), (1, 1, 1, 1))
HALVED = Window((2, 2), (0, 0, 1, 1))


class Weights:
    """Random weights, biases and requantizations."""

    def __init__(self, seed: int) -> None:
        self.random = numpy.random.default_rng(seed)

    def kernel(self, *shape: int) -> Array:
        return self.random.integers(-127, 128, shape).astype(numpy.int8)

    def bias(self, channels: int) -> Array:
        return self.random.integers(-999, 999, channels).astype(numpy.int32)

    def fixed(self, channels: int, shift: int = 31) -> Fixed:
        return Fixed(tuple(int(v) for v in self.random.integers(1 << 20, 1 << 22, channels)), shift, -128)


class Network:
    """A chain of int8 layers under construction; `last` is the tensor made last."""

    def __init__(self, name: str, inputs: tuple[int, ...], outputs: int, seed: int = 0) -> None:
        self.program = Program(name, {"x": TensorType([1, *inputs], I8)}, {"y": TensorType([1, outputs], I8)})
        self.weights = Weights(seed)
        self.last: Value = self.program.inputs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        assert isinstance(self.last.type, TensorType)
        return self.last.type.shape

    def convolution(self, name: str, outputs: int, kernel: tuple[int, int], window: Window, source: Value | None = None) -> Value:
        x = self.last if source is None else source
        assert isinstance(x.type, TensorType)
        w = self.weights
        with self.program.layer(name):
            weight = w.kernel(outputs, *kernel, x.type.shape[3])
            self.last = convolution(self.program, x, weight, w.bias(outputs), -128, window, w.fixed(outputs))
        return self.last

    def depthwise(self, name: str, kernel: tuple[int, int], window: Window) -> None:
        channels, w = self.shape[3], self.weights
        with self.program.layer(name):
            self.last = depthwise(self.program, self.last, w.kernel(*kernel, channels), w.bias(channels), -128, window, w.fixed(channels))

    def dense(self, name: str, outputs: int) -> None:
        w = self.weights
        depth = int(numpy.prod(self.shape))
        with self.program.layer(name):
            flat = self.program.reshape(self.last, [1, depth])
            self.last = dense(self.program, flat, w.kernel(outputs, depth), w.bias(outputs), -128, w.fixed(outputs, 32))

    def add(self, name: str, first: Value, second: Value) -> Value:
        p = self.program
        assert isinstance(first.type, TensorType)
        _, height, width, channels = first.type.shape
        with p.layer(name):
            y = p.tensor(first.type.shape, I8)
            with p.loop(0, height, parallel=True) as i, p.loop(0, width, parallel=True) as j, p.loop(0, channels, parallel=True) as k:
                at = (0, i.index, j.index, k.index)
                total = p.arith("addi", p.widen(p.read(first, *at)), p.widen(p.read(second, *at)))
                p.define(p.arith("trunci", p.arith("shrsi", total, p.scalar(1, I32)), type=I8), y, *at)
        self.last = y
        return y

    def join(self, name: str, parts: Sequence[Value]) -> Value:
        """Tensors behind each other along their channels: each is copied into its part by a nest of its own."""
        p, types = self.program, [part.type for part in parts]
        shapes = [type.shape for type in types if isinstance(type, TensorType)]
        _, height, width, _ = shapes[0]
        y, first = p.tensor((1, height, width, sum(shape[3] for shape in shapes)), I8), 0
        for part, shape in zip(parts, shapes, strict=True):
            with p.layer(name), p.loop(0, height, parallel=True) as i, p.loop(0, width, parallel=True) as j, p.loop(0, shape[3], parallel=True) as k:
                p.define(p.read(part, 0, i.index, j.index, k.index), y, 0, i.index, j.index, k.index + first)
            first += shape[3]
        self.last = y
        return y

    def finish(self) -> Operation:
        return self.program.finish(self.last)


def kws() -> Operation:
    """Keyword spotting: a convolution and four separable ones."""
    n = Network("kws", (49, 10, 1), 12)
    n.convolution("conv", 64, (10, 4), Window((2, 2), (4, 1, 5, 1)))
    for i in range(4):
        n.depthwise(f"dw{i}", (3, 3), SAME)
        n.convolution(f"pw{i}", 64, (1, 1), Window())
    n.depthwise("pool", (25, 5), Window())
    n.dense("fc", 12)
    return n.finish()


def ic() -> Operation:
    """Image classification: three residual blocks."""
    n = Network("ic", (32, 32, 3), 10)
    skip = n.convolution("conv", 16, (3, 3), SAME)
    for i, channels in enumerate((16, 32, 64)):
        n.convolution(f"a{i}", channels, (3, 3), HALVED if i else SAME)
        made = n.convolution(f"b{i}", channels, (3, 3), SAME)
        if i:
            skip = n.convolution(f"s{i}", channels, (1, 1), Window((2, 2)), skip)
        skip = n.add(f"add{i}", skip, made)
    n.depthwise("pool", (8, 8), Window())
    n.dense("fc", 10)
    return n.finish()


def vww() -> Operation:
    """Visual wake words: a convolution and thirteen separable ones."""
    n = Network("vww", (96, 96, 3), 2)
    n.convolution("conv", 8, (3, 3), HALVED)
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)]
    for i, (channels, stride) in enumerate(blocks):
        n.depthwise(f"dw{i}", (3, 3), HALVED if stride == 2 else SAME)
        n.convolution(f"pw{i}", channels, (1, 1), Window())
    n.depthwise("pool", (3, 3), Window())
    n.dense("fc", 2)
    return n.finish()


def ad() -> Operation:
    """Anomaly detection: ten dense layers."""
    n = Network("ad", (640,), 640)
    for i, outputs in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128, 640)):
        n.dense(f"fc{i}", outputs)
    return n.finish()


MODELS = {"kws": kws, "ic": ic, "vww": vww, "ad": ad}
