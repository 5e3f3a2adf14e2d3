"""Tensors that are known now: constants, shapes, ranges."""

from __future__ import annotations

import math

import numpy as np

from tinyir.frontend.onnx_model import ModelError, check_known, element_count
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of

_SPELLINGS = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


@onnx_operator("Constant")
def constant(translator: Translator) -> Operand:
    given = {name: value for name, value in translator.node.attributes.items() if value is not None}
    if len(given) != 1:
        raise ModelError(f"has {len(given)} values, where one is needed")
    ((name, value),) = given.items()
    if name == "value":
        return np.asarray(value)
    if name not in _SPELLINGS:
        raise ModelError(f"has its value in {name}, which is not supported")
    return np.array(value, _SPELLINGS[name])


@onnx_operator("Shape")
def shape(translator: Translator) -> Operand:
    extents = shape_of(translator.operand(0))
    return np.array(extents[translator.attribute("start") : translator.attribute("end")], np.int64)


@onnx_operator("Size")
def size(translator: Translator) -> Operand:
    return np.array(math.prod(shape_of(translator.operand(0))), np.int64)


@onnx_operator("ConstantOfShape")
def constant_of_shape(translator: Translator) -> Operand:
    extents = translator.integers(0)
    element_count(extents, "the result")
    value = translator.attribute("value")
    filling = np.zeros(1, np.float32) if value is None else np.asarray(value).reshape(-1)
    if filling.size != 1:
        raise ModelError(f"has a value of {filling.size} elements, where one is needed")
    return np.broadcast_to(filling.reshape(()), extents)  # takes no memory


@onnx_operator("Range")
def range_(translator: Translator) -> Operand:
    if any(len(translator.integers(index)) != 1 for index in range(3)):
        raise ModelError("needs three numbers")
    start, limit, delta = (translator.integers(index)[0] for index in range(3))
    if delta == 0:
        raise ModelError("has the step 0")
    count = max(0, -((start - limit) // delta))
    check_known((count,), translator.known(0).itemsize)
    return np.array(range(start, limit, delta), translator.known(0).dtype)
