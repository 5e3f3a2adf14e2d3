"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyir.frontend.onnx_model import ModelError, is_integer
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of

_REDUCTIONS = {"ReduceMean": "graph.reduce_mean", "ReduceSum": "graph.reduce_sum", "ReduceMax": "graph.reduce_max", "ReduceMin": "graph.reduce_min"}


def _reduced_axes(translator: Translator, rank: int) -> tuple[int, ...]:
    """All axes if none are given, unless the node says that this means none."""
    given = translator.integers(1) if translator.has(1) else translator.attribute("axes")
    if not given:
        return () if translator.attribute("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(translator.axes(rank, given)))


def without(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> tuple[int, ...]:
    """The shape after a reduction."""
    return tuple(1 if place in axes else extent for place, extent in enumerate(shape) if keep or place not in axes)


@onnx_operator(*_REDUCTIONS)
def reduction(translator: Translator) -> Operand:
    x = translator.real(0)
    axes = _reduced_axes(translator, len(shape_of(x)))
    if not axes:
        return x
    reduced = translator.emit(_REDUCTIONS[translator.node.operator], x, axes=axes)
    return translator.reshaped(reduced, without(shape_of(x), axes, keep=bool(translator.attribute("keepdims"))))


@onnx_operator("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
def reduction_of_terms(translator: Translator) -> Operand:
    """A sum of magnitudes, squares or powers, and the root or logarithm of it.  The logarithm of powers is taken beside the greatest."""
    x, name = translator.real(0), translator.node.operator
    axes = _reduced_axes(translator, len(shape_of(x)))
    greatest = None
    if name in ("ReduceL2", "ReduceSumSquare"):
        terms = translator.emit("graph.multiply", x, x)
    elif name == "ReduceL1":
        terms = translator.emit("graph.absolute", x)
    elif name == "ReduceLogSumExp":
        greatest = translator.emit("graph.reduce_max", x, axes=axes) if axes else x
        kept = translator.reshaped(greatest, without(shape_of(x), axes, keep=True))
        terms = translator.emit("graph.exp", translator.emit("graph.subtract", x, kept))
    else:
        terms = x
    total = translator.emit("graph.reduce_sum", terms, axes=axes) if axes else terms
    if name == "ReduceL2":
        total = translator.emit("graph.sqrt", total)
    elif name in ("ReduceLogSum", "ReduceLogSumExp"):
        total = translator.emit("graph.log", total)
    if greatest is not None:
        total = translator.emit("graph.add", total, greatest)
    return translator.reshaped(total, without(shape_of(x), axes, keep=bool(translator.attribute("keepdims"))))


@onnx_operator("ReduceProd")
def product_of_known(translator: Translator) -> Operand:
    """Of integers that are known now (the size of a shape)."""
    x = translator.known(0)
    if not is_integer(x):
        raise ModelError("multiplies computed numbers or floats, which is not supported")
    axes = _reduced_axes(translator, x.ndim)
    return np.asarray(np.prod(x, axis=axes, keepdims=bool(translator.attribute("keepdims"))), x.dtype)
