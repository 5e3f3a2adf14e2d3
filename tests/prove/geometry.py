"""Loop nests of the usual layers, one step per output pixel, channels last, one byte per element."""

from __future__ import annotations

from tests.prove.corpus_layers import Model, Step
from tinyir.ir.affine import AffineDimension
from tinyir.prove.overlap import Access, Loop, Nest

Shape = tuple[int, int, int]


def window_nest(given: Shape, made: Shape, kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int]) -> Nest:
    """A convolution or pooling: all channels of a pixel are written after its whole window was read."""
    height, width, channels = given
    p, q, i, j = (AffineDimension(n) for n in range(4))
    row, column = p * strides[0] + i - pads[0], q * strides[1] + j - pads[1]
    padded = made[0] * strides[0] + kernel[0] - strides[0] - pads[0] > height or made[1] * strides[1] + kernel[1] - strides[1] - pads[1] > width or any(pads)
    guards = (row, -row + (height - 1), column, -column + (width - 1)) if padded else ()
    return Nest(
        (Loop("p", 0, made[0]), Loop("q", 0, made[1])),
        (Access((p * made[1] + q) * made[2], made[2]),),
        (Access((row * width + column) * channels, channels, (Loop("i", 0, kernel[0]), Loop("j", 0, kernel[1])), guards),),
    )


def dense_nest(inputs: int, outputs: int) -> Nest:
    """A matrix product: every output reads the whole input."""
    o = AffineDimension(0)
    return Nest((Loop("o", 0, outputs),), (Access(o, 1),), (Access(o * 0, inputs),))


def pointwise_nest(size: int) -> Nest:
    """An elementwise step."""
    e = AffineDimension(0)
    return Nest((Loop("e", 0, size),), (Access(e, 1),), (Access(e, 1),))


def step_nest(model: Model, step: Step) -> Nest:
    """The nest of a step of a corpus model, with respect to any of its inputs."""
    given, made = model.shapes[step.inputs[0]], model.shapes[step.output]
    if step.kind == "dense":
        return dense_nest(given[2], made[2])
    if step.kind in ("sum", "softmax"):
        return pointwise_nest(given[0] * given[1] * given[2])
    return window_nest(given, made, step.kernel, step.strides, step.pads)
