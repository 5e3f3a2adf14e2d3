"""Operators that move elements without computing: of values by graph operations, of known integers at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyir.frontend.onnx_model import GREATEST_LIST, ModelError, is_integer
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, element_of, shape_of, tensor_type

_MOST_GATHERED = 256


@onnx_operator("Identity", "Dropout")
def identity(translator: Translator) -> Operand:
    """Dropout drops nothing in inference."""
    if translator.has(2) and np.any(translator.known(2)):
        raise ModelError("is in training mode", hint="export the model for inference")
    return translator.operand(0)


@onnx_operator("Reshape")
def reshape(translator: Translator) -> Operand:
    """0 keeps an extent, -1 stands for what is left."""
    x, wanted = translator.operand(0), translator.integers(1)
    given = shape_of(x)
    total = math.prod(given)
    shape = list(wanted)
    for place, extent in enumerate(wanted):
        if extent == 0 and not translator.attribute("allowzero"):
            if place >= len(given):
                raise ModelError(f"keeps extent {place} of shape {list(given)} in {list(wanted)}, which does not exist")
            shape[place] = given[place]
        elif extent < -1:
            raise ModelError(f"has the extent {extent} in {list(wanted)}")
    if shape.count(-1) > 1:
        raise ModelError(f"has more than one -1 in {list(wanted)}")
    if -1 in shape:
        rest = math.prod(extent for extent in shape if extent != -1)
        if rest == 0 or total % rest:
            raise ModelError(f"cannot reshape {list(given)} ({total} elements) to {list(wanted)}")
        shape[shape.index(-1)] = total // rest
    if math.prod(shape) != total:
        raise ModelError(f"cannot reshape {list(given)} ({total} elements) to {list(wanted)} ({math.prod(shape)} elements)")
    return translator.reshaped(x, shape)


@onnx_operator("Flatten")
def flatten(translator: Translator) -> Operand:
    x = translator.operand(0)
    shape, axis = shape_of(x), translator.attribute("axis")
    if not -len(shape) <= axis <= len(shape):
        raise ModelError(f"axis {axis} does not exist: the rank is {len(shape)}")
    axis = axis + len(shape) if axis < 0 else axis
    return translator.reshaped(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _given_axes(translator: Translator) -> Sequence[int] | None:
    """From the input (newer models) or the attribute."""
    if translator.has(1):
        return translator.integers(1)
    attribute: Sequence[int] | None = translator.attribute("axes")
    return attribute


@onnx_operator("Squeeze")
def squeeze(translator: Translator) -> Operand:
    x = translator.operand(0)
    shape, given = shape_of(x), _given_axes(translator)
    axes = [place for place, extent in enumerate(shape) if extent == 1] if given is None else translator.axes(len(shape), given)
    if any(shape[axis] != 1 for axis in axes):
        raise ModelError(f"removes the axes {list(axes)} of shape {list(shape)}, which are not all of extent 1")
    return translator.reshaped(x, [extent for place, extent in enumerate(shape) if place not in axes])


@onnx_operator("Unsqueeze")
def unsqueeze(translator: Translator) -> Operand:
    x = translator.operand(0)
    given = _given_axes(translator)
    if given is None:
        raise ModelError("has no axes")
    shape = list(shape_of(x))
    for axis in sorted(translator.axes(len(shape) + len(given), given)):
        shape.insert(axis, 1)
    return translator.reshaped(x, shape)


@onnx_operator("Transpose")
def transpose(translator: Translator) -> Operand:
    x = translator.operand(0)
    rank = len(shape_of(x))
    permutation = translator.attribute("perm")
    if permutation is None:
        permutation = list(reversed(range(rank)))
    if sorted(permutation) != list(range(rank)):
        raise ModelError(f"has perm {permutation}, which is no permutation of {rank} axes")
    return translator.transposed(x, permutation)


@onnx_operator("Concat")
def concat(translator: Translator) -> Operand:
    operands = [translator.operand(index) for index in range(len(translator.node.inputs))]
    axis = translator.axis(len(shape_of(operands[0])))
    if len(operands) == 1:
        return operands[0]
    if all(isinstance(operand, np.ndarray) and is_integer(operand) for operand in operands):
        return translator.concatenated(operands, axis)
    values = [translator.value(index) for index in range(len(operands))]
    stored = [element_of(value) for value in values]
    if len(set(stored)) > 1:
        raise ModelError(f"concatenates elements of type {' and '.join(map(str, dict.fromkeys(stored)))}")
    element = tensor_type(values[0]).element
    same_storage = [  # the integers count, whatever scale they had: the DequantizeLinear behind tells their scale
        value if tensor_type(value).element is element else translator.emit("graph.reinterpret", value, result_type=element)
        for value in values
    ]
    return translator.concatenated(same_storage, axis)


@onnx_operator("Expand")
def expand(translator: Translator) -> Operand:
    x, wanted = translator.operand(0), translator.integers(1)
    if any(extent < 1 for extent in wanted):
        raise ModelError(f"cannot expand to {list(wanted)}")
    try:
        shape = np.broadcast_shapes(shape_of(x), wanted)
    except ValueError:
        raise ModelError(f"cannot expand {list(shape_of(x))} to {list(wanted)}") from None
    return translator.broadcast(x, shape)


@onnx_operator("Slice")
def slice_(translator: Translator) -> Operand:
    """Bounds count from the end if negative and are clamped; a negative step runs from the last element to the first."""
    x = translator.operand(0)
    shape = shape_of(x)
    starts, ends = (translator.integers(i) if translator.has(i) else tuple(translator.attribute(name)) for i, name in ((1, "starts"), (2, "ends")))
    named = translator.integers(3) if translator.has(3) else translator.attribute("axes")
    axes = translator.axes(len(shape), named if named is not None else range(len(starts)))
    steps = translator.integers(4) if translator.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError(f"has {len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps")
    start, size, step = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, first, last, stride in zip(axes, starts, ends, steps, strict=True):
        if stride == 0:
            raise ModelError("has the step 0")
        start[axis], end, _ = slice(first, last, stride).indices(shape[axis])
        size[axis] = len(range(start[axis], end, stride))
        step[axis] = stride if size[axis] > 1 else 1  # the step of one element may be any number, however great
    return translator.sliced(x, start, size, step) if (start, size) != ([0] * len(shape), list(shape)) else x


@onnx_operator("Split")
def split(translator: Translator) -> list[Operand]:
    x = translator.operand(0)
    shape = shape_of(x)
    axis, count = translator.axis(len(shape)), len(translator.node.outputs)
    given = translator.integers(1) if translator.has(1) else translator.attribute("split")
    if given is None:
        part = -(-shape[axis] // count)
        given = [part] * (count - 1) + [shape[axis] - part * (count - 1)]
    if len(given) != count or sum(given) != shape[axis] or min(given) < 1:
        raise ModelError(f"splits {shape[axis]} elements into {count} parts of {list(given)}")
    starts = np.concatenate(([0], np.cumsum(given)[:-1]))
    return [translator.along(x, axis, int(start), size) for start, size in zip(starts, given, strict=True)]


@onnx_operator("Gather")
def gather(translator: Translator) -> Operand:
    """With indices that are known now: slices."""
    x, indices = translator.operand(0), translator.known(1)
    shape = shape_of(x)
    axis = translator.axis(len(shape))
    extent = shape[axis]
    if indices.size > GREATEST_LIST:
        raise ModelError(f"has {indices.size} indices, more than {GREATEST_LIST}")
    if indices.dtype.kind not in "iu" or not indices.size or indices.min() < -extent or indices.max() >= extent:
        raise ModelError(f"has indices that do not lie within axis {axis} of shape {list(shape)}")
    places = [int(index) % extent for index in indices.reshape(-1)]
    return translator.reshaped(taken(translator, x, axis, places), (*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def taken(translator: Translator, x: Operand, axis: int, places: Sequence[int]) -> Operand:
    """The elements at these places of one axis."""
    step = places[1] - places[0] if len(places) > 1 else 1
    if step and list(places) == list(range(places[0], places[-1] + (1 if step > 0 else -1), step)):
        return translator.along(x, axis, places[0], len(places), step)
    if len(places) > _MOST_GATHERED:
        raise ModelError(f"gathers {len(places)} places that are no progression; up to {_MOST_GATHERED} are supported")
    return translator.concatenated([translator.along(x, axis, place, 1) for place in places], axis)
