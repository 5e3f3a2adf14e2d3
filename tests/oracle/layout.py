"""Operators that move elements and compute nothing: they take integers, binary32 numbers and exact tensors alike."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from tests.oracle.graph import Node
from tests.oracle.rational import Array, Exact, Role, from_float, in_common_unit, uniform

Value = Array | Exact
Inputs = Sequence[Value | None]


def operand(value: Value | None) -> Exact:
    """The value as an exact tensor; binary32 constants become fractions."""
    if value is None:
        raise ValueError("a required input is left out")
    return value if isinstance(value, Exact) else from_float(value)


def integers(value: Value | None) -> list[int]:
    """A constant list of integers (axes, pads, shapes)."""
    if not isinstance(value, np.ndarray):
        raise ValueError("a constant is expected")
    return [int(v) for v in value.ravel()]


def rank(value: Value | None) -> int:
    return len(value.shape) if value is not None else 0


def moved(value: Value | None, move: Callable[[Array], Array]) -> Value:
    """Applies a movement of whole axes to numerators and units alike."""
    if isinstance(value, Exact):
        return attrs.evolve(value, numerator=move(value.numerator), unit=move(value.unit))
    if value is None:
        raise ValueError("a required input is left out")
    return move(value)


def reshaped(value: Value | None, shape: Sequence[int]) -> Value:
    """Row-major reshape; units of several values are first spread over all elements."""
    if not isinstance(value, Exact):
        return moved(value, lambda array: array.reshape(shape))
    numerator = value.numerator.reshape(shape)
    if value.unit.size == 1:
        return attrs.evolve(value, numerator=numerator, unit=value.unit.reshape((1,) * numerator.ndim))
    return attrs.evolve(value, numerator=numerator, unit=np.broadcast_to(value.unit, value.shape).reshape(shape))


def reshape(node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    old = data.shape if data is not None else ()
    new = integers(inputs[1]) if len(inputs) > 1 else [int(v) for v in node.attribute("shape", [])]
    if not node.attribute("allowzero", 0):
        new = [old[axis] if size == 0 else size for axis, size in enumerate(new)]
    return reshaped(data, new)


def flatten(node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    shape = data.shape if data is not None else ()
    axis = node.attribute("axis", 1)
    axis += len(shape) if axis < 0 else 0
    rows = int(np.prod(shape[:axis], dtype=np.int64))
    return reshaped(data, [rows, int(np.prod(shape[axis:], dtype=np.int64))])


def axes_of(node: Node, inputs: Inputs, default: Sequence[int]) -> list[int]:
    """Axes given as an attribute (old opsets) or as the second input (new ones)."""
    if len(inputs) > 1 and inputs[1] is not None:
        return integers(inputs[1])
    return list(node.attribute("axes", default))


def squeeze(node: Node, inputs: Inputs) -> Value:
    data = inputs[0]
    ones = [axis for axis, size in enumerate(data.shape if data is not None else ()) if size == 1]
    axes = tuple(axes_of(node, inputs, ones))
    return moved(data, lambda array: np.squeeze(array, axis=axes))


def unsqueeze(node: Node, inputs: Inputs) -> Value:
    axes = tuple(axes_of(node, inputs, []))
    return moved(inputs[0], lambda array: np.expand_dims(array, axis=axes))


def transpose(node: Node, inputs: Inputs) -> Value:
    order = node.attribute("perm", list(range(rank(inputs[0])))[::-1])
    return moved(inputs[0], lambda array: np.transpose(array, order))


def identity(_node: Node, inputs: Inputs) -> Value:
    return moved(inputs[0], lambda array: array)


def concat(node: Node, inputs: Inputs) -> Value:
    axis = node.attribute("axis", 1)
    if not any(isinstance(value, Exact) for value in inputs):
        return np.concatenate([value for value in inputs if isinstance(value, np.ndarray)], axis=axis)
    tensors = [operand(value) for value in inputs]
    units = [np.broadcast_to(tensor.unit, _spread(tensor, axis)) for tensor in tensors]
    others = np.broadcast_shapes(*(_without(unit.shape, axis) for unit in units))
    units = [np.broadcast_to(unit, _with(others, axis, unit.shape[axis])) for unit in units]
    joined = Exact(np.concatenate([tensor.numerator for tensor in tensors], axis=axis), np.concatenate(units, axis=axis))
    if (joined.unit == joined.unit.ravel()[0]).all():
        roles = {tensor.role for tensor in tensors}
        return Exact(joined.numerator, joined.unit.ravel()[:1].reshape((1,) * len(joined.shape)), roles.pop() if len(roles) == 1 else Role.OTHER)
    return joined


def _spread(tensor: Exact, axis: int) -> tuple[int, ...]:
    shape = list(tensor.unit.shape)
    shape[axis] = tensor.shape[axis]
    return tuple(shape)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return _with(shape, axis, 1)


def _with(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    changed = list(shape)
    changed[axis] = size
    return tuple(changed)


def slice_(node: Node, inputs: Inputs) -> Value:
    if len(inputs) > 1:
        starts, ends = integers(inputs[1]), integers(inputs[2])
        axes = integers(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
        steps = integers(inputs[4]) if len(inputs) > 4 else [1] * len(starts)
    else:
        starts, ends, steps = node.attribute("starts", []), node.attribute("ends", []), [1] * len(node.attribute("starts", []))
        axes = node.attribute("axes", list(range(len(starts))))
    places: list[Any] = [slice(None)] * rank(inputs[0])
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places[axis] = slice(start, None if step < 0 and end < -(2**31) else end, step)
    data = inputs[0]
    if isinstance(data, Exact):
        unit = np.broadcast_to(data.unit, data.shape)[tuple(places)] if data.unit.size > 1 else data.unit
        return attrs.evolve(data, numerator=data.numerator[tuple(places)], unit=unit)
    return moved(data, lambda array: array[tuple(places)])


def pad(node: Node, inputs: Inputs) -> Value:
    """Pad with a constant, or by "reflect" and "edge" as numpy does."""
    data = inputs[0]
    pads = integers(inputs[1]) if len(inputs) > 1 else node.attribute("pads", [])
    axes = integers(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else list(range(rank(data)))
    widths = [(0, 0)] * rank(data)
    for place, axis in enumerate(axes):
        widths[axis] = (pads[place], pads[place + len(axes)])
    mode = node.attribute("mode", "constant")
    constant = inputs[2] if len(inputs) > 2 and inputs[2] is not None else np.float32(node.attribute("value", 0))
    if not isinstance(data, Exact):
        fill = {"constant_values": np.asarray(constant)} if mode == "constant" else {}
        return moved(data, lambda array: np.pad(array, widths, mode=mode, **fill))
    everywhere = uniform(data, range(rank(data)))
    if mode != "constant":
        return attrs.evolve(everywhere, numerator=np.pad(everywhere.numerator, widths, mode=mode))
    value = operand(constant if isinstance(constant, Exact) else np.asarray(constant).reshape((1,) * rank(data)))
    numerator, fills, unit = in_common_unit(everywhere, value)
    return Exact(np.pad(numerator, widths, constant_values=fills.ravel()[0]), unit, data.role)


LAYOUT: dict[str, Callable[[Node, Inputs], Value]] = {
    "Concat": concat,
    "Dropout": identity,
    "Flatten": flatten,
    "Identity": identity,
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slice_,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
