"""Resize and Upsample: each axis for itself, by places (nearest) or by a matrix of weights (linear, cubic).

An element p of the result lies at q(p) in the input; nearest takes the element at q rounded, the others weigh those around it:
    asymmetric            q = p / scale
    half_pixel            q = (p + 1/2) / scale - 1/2
    pytorch_half_pixel    q = half_pixel where the result has several elements, else 0
    half_pixel_symmetric  q = half_pixel, moved so that the middles of input and result meet
    align_corners         q = p * (input - 1) / (result - 1)
Elements outside of the input are those at its border.  Places are computed in binary32, as onnxruntime does: rounding them decides ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite

import attrs
import numpy as np

from tinyir.frontend.onnx_model import GREATEST_LIST, Array, ModelError
from tinyir.frontend.onnx_ops.movement import taken
from tinyir.frontend.onnx_ops.rearrangement import repeated
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.ir.operation import Value

_COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners")
_HALF = np.float32(0.5)


@attrs.frozen
class _Axis:
    """`scale` is what the model says, of which `after` is `before * scale` rounded down."""

    place: int
    before: int
    after: int
    scale: np.float32


@onnx_operator("Resize", "Upsample")
def resize(translator: Translator) -> Operand:
    x, mode = translator.operand(0), translator.attribute("mode")
    if mode not in ("nearest", "linear", "cubic"):
        raise ModelError(f"has the mode '{mode}', not one of nearest, linear, cubic")
    for axis in _axes(translator, shape_of(x)):
        places = [_coordinate(translator, axis, place) for place in range(axis.after)]
        if mode == "nearest":
            x = _nearest(translator, x, axis, [min(max(_rounded(translator, axis, place), 0), axis.before - 1) for place in places])
        else:
            x = _weighted(translator, x, axis, _linear(axis, places) if mode == "linear" else _cubic(translator, axis, places))
    return x


def _axes(translator: Translator, shape: Sequence[int]) -> list[_Axis]:
    """The axes that change.

    Raises:
        ModelError: sizes or scales are missing, computed or wrong.
    """
    given = translator.attribute("axes")
    places = translator.axes(len(shape), given) if given is not None else tuple(range(len(shape)))
    if translator.has(3):
        sizes = translator.integers(3)
        _check_count(sizes, places)
        if translator.attribute("keep_aspect_ratio_policy") not in (None, "stretch"):
            raise ModelError(f"keeps the aspect ratio ('{translator.attribute('keep_aspect_ratio_policy')}'), which is not supported")
        axes = [_Axis(place, shape[place], size, np.float32(size) / np.float32(shape[place])) for place, size in zip(places, sizes, strict=True)]
    else:
        scales = [np.float32(scale) for scale in _scales(translator)]
        _check_count(scales, places)
        axes = [_scaled(place, shape[place], scale) for place, scale in zip(places, scales, strict=True)]
    for axis in axes:
        if not 1 <= axis.after <= GREATEST_LIST:
            raise ModelError(f"makes {axis.after} elements of the {axis.before} of axis {axis.place}; 1 to {GREATEST_LIST} are supported")
    return [axis for axis in axes if axis.scale != 1]


def _scaled(place: int, before: int, scale: np.float32) -> _Axis:
    after = float(before) * float(scale)  # binary32 may overflow
    return _Axis(place, before, int(np.float32(before) * scale) if after <= GREATEST_LIST else int(after), scale)


def _scales(translator: Translator) -> list[float]:
    index = 1 if translator.node.operator == "Upsample" or translator.node.opset < 11 else 2
    if not translator.has(index):
        attribute: list[float] | None = translator.attribute("scales")
        if attribute is None:
            raise ModelError("has neither sizes nor scales")
        found = attribute
    else:
        scales = translator.known(index)
        if scales.dtype != np.float32 or scales.ndim != 1:
            raise ModelError("needs a list of float32 numbers as its scales")
        found = scales.tolist()
    if not all(isfinite(scale) and scale > 0 for scale in found):
        raise ModelError(f"has the scales {found}, which are not all positive numbers")
    return found


def _check_count(values: Sequence[float | np.float32], places: Sequence[int]) -> None:
    if len(values) != len(places):
        raise ModelError(f"has {len(values)} scales or sizes for {len(places)} axes")


def _coordinate(translator: Translator, axis: _Axis, place: int) -> float:
    """Where in the input an element of the result lies."""
    mode = translator.attribute("coordinate_transformation_mode") or "asymmetric"
    if mode not in _COORDINATES:
        raise ModelError(f"has coordinates '{mode}', not one of {', '.join(_COORDINATES)}")
    if mode == "asymmetric":
        return float(np.float32(place) / axis.scale)
    if mode == "align_corners":
        return float(np.float32(place * (axis.before - 1)) / np.float32(axis.after - 1)) if axis.after > 1 else 0.0
    if mode == "pytorch_half_pixel" and axis.after == 1:
        return 0.0
    middle = (np.float32(place) + _HALF) / axis.scale
    if mode == "half_pixel_symmetric":
        middle += np.float32(axis.before) * _HALF * (1 - np.float32(axis.after) / (axis.scale * np.float32(axis.before)))
    return float(middle - _HALF)


def _rounded(translator: Translator, axis: _Axis, place: float) -> int:
    """Where the node has no mode of rounding, since it is older than them, what shrinks rounds up."""
    mode = translator.attribute("nearest_mode") or ("ceil" if axis.scale < 1 else "floor")
    rounded = {"floor": floor(place), "ceil": ceil(place), "round_prefer_floor": ceil(place - 0.5), "round_prefer_ceil": floor(place + 0.5)}
    if mode not in rounded:
        raise ModelError(f"has the nearest_mode '{mode}', not one of {', '.join(rounded)}")
    return rounded[mode]


def _nearest(translator: Translator, x: Operand, axis: _Axis, places: Sequence[int]) -> Operand:
    count = axis.after // axis.before
    if list(places) == [place // count for place in range(axis.before * count)]:
        return repeated(translator, x, axis.place, count, each=True)
    return taken(translator, x, axis.place, places)


def _linear(axis: _Axis, places: Sequence[float]) -> Array:
    """Weights [result, input] of the two neighbours of each place."""
    weights = np.zeros((axis.after, axis.before))
    for row, place in enumerate(places):
        inside = min(max(place, 0.0), float(axis.before - 1))
        first = floor(inside)
        weights[row, first] += 1 - (inside - first)
        weights[row, min(first + 1, axis.before - 1)] += inside - first
    return weights


def _cubic(translator: Translator, axis: _Axis, places: Sequence[float]) -> Array:
    """Weights [result, input] of the four neighbours of each place, by Keys' kernel (Cubic convolution interpolation, 1981)."""
    weights = np.zeros((axis.after, axis.before))
    bend = float(translator.attribute("cubic_coeff_a"))
    for row, place in enumerate(places):
        for column in range(floor(place) - 1, floor(place) + 3):
            inside = 0 <= column < axis.before
            if inside or not translator.attribute("exclude_outside"):
                weights[row, min(max(column, 0), axis.before - 1)] += _keys(abs(place - column), bend)
        if translator.attribute("exclude_outside"):
            weights[row] /= weights[row].sum()
    return weights


def _keys(distance: float, bend: float) -> float:
    """The kernel at a distance of at most 2."""
    if distance <= 1:
        return ((bend + 2) * distance - (bend + 3)) * distance**2 + 1
    return bend * (((distance - 5) * distance + 8) * distance - 4)


def _weighted(translator: Translator, x: Operand, axis: _Axis, weights: Array) -> Value:
    """The axis comes last, is multiplied by the weights, and goes back."""
    value = x if isinstance(x, Value) else translator.literal(x)
    rank = len(shape_of(value))
    order = [place for place in range(rank) if place != axis.place] + [axis.place]
    last = translator.emit("graph.transpose", value, permutation=order)
    product = translator.emit("graph.dense", last, weights.astype(np.float32), translator.zeros(axis.after))
    return translator.emit("graph.transpose", product, permutation=tuple(map(int, np.argsort(order))))
