"""QuantizeLinear and DequantizeLinear: the side of the integers has a quantized type that holds scale and zero point."""

from __future__ import annotations

from tinyir.frontend.onnx_model import Array, ModelError
from tinyir.frontend.onnx_quantization import Parameters, parameters, storage_of
from tinyir.frontend.onnx_registry import onnx_operator
from tinyir.frontend.onnx_tensors import ELEMENT_NAMES
from tinyir.frontend.onnx_translator import Operand, Translator, element_of, shape_of, tensor_type
from tinyir.ir.operation import Value

_FLOAT = 1  # TensorProto.DataType


def _parameters(translator: Translator, shape: tuple[int, ...]) -> tuple[Parameters, Array | None]:
    zero_point = translator.known(2) if translator.has(2) else None
    if translator.attribute("block_size"):
        raise ModelError("has scales per block, which are not supported")
    precision = translator.attribute("output_dtype" if translator.node.operator == "DequantizeLinear" else "precision")
    if precision not in (None, 0, _FLOAT):
        raise ModelError(f"computes in {ELEMENT_NAMES.get(precision, f'number {precision}')}, which is not supported", hint="supported is float32")
    axis = translator.attribute("axis")
    return parameters(translator.known(1), zero_point, 1 if axis is None else axis, shape), zero_point


@onnx_operator("QuantizeLinear")
def quantize_linear(translator: Translator) -> Operand:
    x = translator.real(0)
    found, zero_point = _parameters(translator, shape_of(x))
    wanted = translator.attribute("output_dtype")
    name = ELEMENT_NAMES.get(wanted, "unknown") if wanted else "uint8" if zero_point is None else zero_point.dtype.name
    if zero_point is not None and zero_point.dtype.name != name:
        raise ModelError(f"has a zero point of type {zero_point.dtype.name}, but makes {name}")
    if name == "int32":
        raise ModelError("quantization to int32 is not supported")
    return translator.emit("graph.quantize", x, result_type=found.type(storage_of(name, "quantization to integers")))


@onnx_operator("DequantizeLinear")
def dequantize_linear(translator: Translator) -> Operand:
    x = translator.operand(0)
    name = _stored(x)
    storage = storage_of(name, "dequantization of integers")
    found, zero_point = _parameters(translator, shape_of(x))
    if zero_point is not None and zero_point.dtype.name != name:
        raise ModelError(f"has a zero point of type {zero_point.dtype.name} for integers of type {name}")
    if name == "int32" and any(found.zero_points):
        raise ModelError("has a zero point for int32, which must be 0")
    element = found.type(storage)
    value = translator.value(0, element)
    if tensor_type(value).element is not element:
        value = translator.emit("graph.reinterpret", value, result_type=element)
    return translator.emit("graph.dequantize", value)


def _stored(x: Operand) -> str:
    if not isinstance(x, Value):
        return x.dtype.name
    return {"i8": "int8", "ui8": "uint8", "i32": "int32"}.get(str(element_of(x)), str(element_of(x)))
