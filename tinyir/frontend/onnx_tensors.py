"""ONNX tensors as arrays: nothing is allocated before the claimed size is known to be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyir.frontend.onnx_model import Array, ModelError, element_count, spell_name

ReadExternal = Callable[[dict[str, str], int], bytes]
"""Given the entries of `external_data` and the number of bytes needed: the bytes. Raises ModelError."""

ELEMENT_NAMES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool", 10: "float16", 11: "float64",
    12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2",
    20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1",
}  # fmt: skip
"""TensorProto.DataType."""

# Where the elements stand if not in raw_data.
_FIELD_OF = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    "uint64": "uint64_data",
    "uint32": "uint64_data",
    **dict.fromkeys(("int32", "int16", "int8", "uint16", "uint8", "bool", "float16"), "int32_data"),
}
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
_EXTERNAL = 1  # TensorProto.DataLocation


def read_tensor(proto: Any, read_external: ReadExternal, what: str = "") -> Array:
    """The elements of a TensorProto; the array may share the file's memory.

    Raises:
        ModelError: type, shape and data do not fit; the message names the tensor.
    """
    what = what or f"tensor {spell_name(proto.name)}"
    element = ELEMENT_NAMES.get(proto.data_type, f"number {proto.data_type}")
    if element not in _FIELD_OF:
        raise ModelError(f"{what} has elements of type {element}, which is not supported")
    shape = tuple(proto.dims)
    count = element_count(shape, what)
    dtype = np.dtype(element)
    array, held_bytes = _elements(proto, element, count, read_external, what)
    if held_bytes != count * dtype.itemsize:
        raise ModelError(f"{what} claims {count} elements ({count * dtype.itemsize} bytes), shape {list(shape)}, but holds {held_bytes} bytes")
    if element == "bool" and array.size and array.view(np.uint8).max() > 1:
        raise ModelError(f"{what} holds bytes that are neither 0 nor 1 as booleans")
    return array.reshape(shape)


def _elements(proto: Any, element: str, count: int, read_external: ReadExternal, what: str) -> tuple[Array, int]:
    """The elements (none if they are not as many as claimed), and the bytes that the file holds for them."""
    dtype = np.dtype(element).newbyteorder("<")
    filled = [name for name in _FIELDS if len(getattr(proto, name))]
    if proto.data_location == _EXTERNAL:
        try:
            data = read_external({str(entry.key): str(entry.value) for entry in proto.external_data}, count * dtype.itemsize)
        except ModelError as error:
            raise ModelError(f"{what}: {error.message}", error.hint) from None
        return np.frombuffer(data, dtype), len(data)
    if proto.HasField("raw_data"):
        filled.append("raw_data")
    if len(filled) > 1:
        raise ModelError(f"{what} has its data twice: in {' and in '.join(filled)}")
    if not filled or filled == ["raw_data"]:
        data = proto.raw_data
        return np.frombuffer(data if len(data) == count * dtype.itemsize else b"", dtype), len(data)
    if filled[0] != _FIELD_OF[element]:
        raise ModelError(f"{what} is of type {element}, but has its data in {filled[0]}")
    values = getattr(proto, filled[0])
    return _converted(values if len(values) == count else [], element, what), len(values) * dtype.itemsize


def _converted(values: Any, element: str, what: str) -> Array:
    wide = np.array(values)
    if element == "float16":  # as their bits
        return _converted(values, "uint16", what).view(element)
    array = wide.astype(element)
    if wide.dtype.kind in "iu" and not np.array_equal(array.astype(wide.dtype), wide):
        raise ModelError(f"{what} holds values that {element} cannot represent")
    return array
