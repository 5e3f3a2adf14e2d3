"""QuantizeLinear and DequantizeLinear: the integer side gets a quantized type with scale and zero point."""

from __future__ import annotations

import numpy as np

from tinyir.frontend.thin_importer import ELEMENT_TYPES, Importer, shape_of
from tinyir.frontend.thin_node import Array, Node, handles
from tinyir.ir.operation import BlockArgument, Value
from tinyir.ir.types import F32, IntegerType, QuantizedType, TensorType, storage_type


def _quantized_type(importer: Importer, node: Node, rank: int, storage: str | None, shape: tuple[int, ...]) -> QuantizedType:
    scale = importer.require_known(node, 1, "its scale").astype(np.float32).reshape(-1)
    zero: Array | None = importer.require_known(node, 2, "its zero point").reshape(-1) if node.has_input(2) else None
    dtype = storage or (zero.dtype.name if zero is not None else "uint8")
    element = ELEMENT_TYPES.get(dtype)
    if dtype not in ("int8", "uint8", "int32") or not isinstance(element, IntegerType):
        raise node.error(f"quantization to {dtype} is not supported", hint="use int8 or uint8")
    if zero is not None and zero.dtype.name != dtype:
        raise node.error(f"its zero point is {zero.dtype.name}, its integers are {dtype}")
    if not np.all(np.isfinite(scale)) or not np.all(scale > 0):
        raise node.error("its scale is not positive and finite")
    if node.integer("block_size", 0):
        raise node.error("blocked quantization is not supported")
    zeros = [0] * len(scale) if zero is None else [int(z) for z in zero]
    if len(zeros) != len(scale):
        raise node.error(f"it has {len(scale)} scales and {len(zeros)} zero points")
    axis = None
    if len(scale) > 1:
        given = node.integer("axis", 1)
        axis = given + rank if given < 0 else given
        if not 0 <= axis < rank:
            raise node.error(f"attribute 'axis' is {given}, but the rank is {rank}")
        if shape[axis] != len(scale):
            raise node.error(f"it has {len(scale)} scales for an axis of extent {shape[axis]}")
    return QuantizedType(element, F32, [float(s) for s in scale], zeros, axis)


@handles("QuantizeLinear")
def quantize(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    assert isinstance(x.type, TensorType)
    if x.type.element is not F32:
        raise node.error(f"its input holds {x.type.element}, not f32")
    result = _quantized_type(importer, node, x.type.rank, None, x.type.shape)
    importer.define(node, importer.create("quantize", [x], result_type=result))


@handles("DequantizeLinear")
def dequantize(importer: Importer, node: Node) -> None:
    known = importer.known(node.inputs[0])
    if known is not None:
        element = _quantized_type(importer, node, known.ndim, known.dtype.name, known.shape)
        value = importer.constant(known, node.inputs[0].replace("/", "_").replace(".", "_"), element)
        importer.define(node, importer.create("dequantize", [value]))
        return
    value = importer.value(node.inputs[0])
    assert isinstance(value.type, TensorType)
    held = storage_type(value.type.element)
    names = {str(t): n for n, t in ELEMENT_TYPES.items()}
    element = _quantized_type(importer, node, value.type.rank, names.get(str(held), str(held)), shape_of(value))
    importer.define(node, importer.create("dequantize", [_with_element(importer, node, value, element)]))


def _with_element(importer: Importer, node: Node, value: Value, element: QuantizedType) -> Value:
    """The value with this quantized type: an integer input takes it, another scale is another view of the integers."""
    assert isinstance(value.type, TensorType)
    if value.type.element is element:
        return value
    if isinstance(value, BlockArgument) and not isinstance(value.type.element, QuantizedType):
        value.type = value.type.with_element(element)
        return value
    return importer.create("reinterpret", [value], result_type=element)
