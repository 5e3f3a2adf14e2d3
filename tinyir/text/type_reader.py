"""The reader of types."""

from __future__ import annotations

from typing import Any

from tinyir.ir.affine import (
    AffineMap,
)
from tinyir.ir.attributes import decode_float
from tinyir.ir.types import (
    DYNAMIC,
    F64,
    INDEX,
    NONE,
    ComplexType,
    FloatType,
    FunctionType,
    IntegerType,
    MemRefType,
    OpaqueType,
    QuantizedType,
    StridedLayout,
    TensorType,
    TupleType,
    Type,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
)
from tinyir.text.alias_reader import AliasReader


class TypeReader(AliasReader):
    """Makes types: one method per rule of `ir.lark`."""

    def integer_type(self, parts: list[str]) -> Type:
        text = parts[0]
        signedness = text[0] if text[0] != "i" else ""
        digits = text[len(signedness) + 1 :]
        if len(digits) > 8 or int(digits) > 1 << 24:
            raise self.failure(f"an integer of {digits} bits is too wide", self.begin)
        return IntegerType(int(digits), signedness)

    def float_type(self, parts: list[str]) -> Type:
        return FloatType(parts[0])

    def index_type(self, _parts: list[Any]) -> Type:
        return INDEX

    def none_type(self, _parts: list[Any]) -> Type:
        return NONE

    def shape(self, parts: list[str]) -> list[int]:
        return [self._extent(part.rstrip().rstrip("x")) for part in parts]

    def _extent(self, text: str) -> int:
        text = text.strip()
        if text == "?":
            return DYNAMIC
        if len(text) > 19:
            raise self.failure(f"the extent {text} is too large", self.begin)
        return int(text, 10)

    def vector_shape(self, parts: list[str]) -> tuple[list[int], list[bool]]:
        texts = [part.rstrip().rstrip("x").strip() for part in parts]
        return [self._extent(text.strip("[]")) for text in texts], [text[0] == "[" for text in texts]

    def tensor_type(self, parts: list[Any]) -> Type:
        shape, element, encoding = parts
        self.check_element(element, "tensor")
        return TensorType(shape or (), element, encoding)

    def check_element(self, element: Type, of: str) -> None:
        if isinstance(element, FunctionType | TensorType | UnrankedTensorType | TupleType) or element is NONE:
            raise self.failure(f"a {of} cannot have elements of type {element}", self.begin)

    def unranked_tensor_type(self, parts: list[Any]) -> Type:
        return UnrankedTensorType(parts[0])

    def memref_type(self, parts: list[Any]) -> Type:
        shape, element, layout, space = parts
        self.check_element(element, "memref")
        if layout is not None and space is None and not isinstance(layout, AffineMap | StridedLayout):
            layout, space = None, layout
        if isinstance(layout, AffineMap) and layout.dimensions != len(shape or ()):
            raise self.failure(f"the layout has {layout.dimensions} dimensions, the memref {len(shape or ())}", self.begin)
        if isinstance(layout, StridedLayout) and len(layout.strides) != len(shape or ()):
            raise self.failure(f"the layout has {len(layout.strides)} strides, the memref {len(shape or ())} dimensions", self.begin)
        return MemRefType(shape or (), element, layout, space)

    def unranked_memref_type(self, parts: list[Any]) -> Type:
        return UnrankedMemRefType(parts[0], parts[1])

    def vector_type(self, parts: list[Any]) -> Type:
        shape, element = parts
        if not isinstance(element, IntegerType | FloatType | OpaqueType) and element is not INDEX:
            raise self.failure(f"a vector cannot have elements of type {element}", self.begin)
        extents, scalable = shape or ((), ())
        if any(extent < 1 for extent in extents):
            raise self.failure("the dimensions of a vector must be positive integers", self.begin)
        return VectorType(extents, element, scalable)

    def tuple_type(self, parts: list[Any]) -> Type:
        return TupleType(parts[0] or ())

    def complex_type(self, parts: list[Any]) -> Type:
        if not isinstance(parts[0], IntegerType | FloatType):
            raise self.failure(f"a complex number cannot have parts of type {parts[0]}", self.begin)
        return ComplexType(parts[0])

    def function_type(self, parts: list[Any]) -> Type:
        return FunctionType(parts[0] or (), parts[1] or ())

    def per_tensor(self, parts: list[Any]) -> Type:
        storage, bounds, expressed, scale = parts
        return self._quantized(storage, bounds, expressed, None, [scale])

    def per_axis(self, parts: list[Any]) -> Type:
        storage, bounds, expressed, axis, scales = parts
        dimension = self.integer_value(axis)
        if not -(1 << 31) <= dimension < 1 << 31:
            raise self.failure(f"the quantized dimension {axis} must have 32 bits", self.begin)
        return self._quantized(storage, bounds, expressed, dimension, scales)

    def _quantized(
        self, storage: str, bounds: tuple[int, int] | None, expressed: Type, axis: int | None, scales: list[tuple[float, int]]
    ) -> Type:
        width = int(storage[1:3])
        if not 1 <= width <= 32 or len(storage) > 3:
            raise self.failure(f"the storage {storage} must have 1 to 32 bits", self.begin)
        type = IntegerType(width, "u" if storage[0] == "u" else "")
        lowest, greatest = bounds or (type.lowest, type.greatest)
        if not type.lowest <= lowest < greatest <= type.greatest:
            raise self.failure(f"the range {lowest}:{greatest} does not fit in {storage}", self.begin)
        if any(not 0 < scale < float("inf") for scale, _ in scales):
            raise self.failure("scales must be positive and finite", self.begin)
        return QuantizedType(type, expressed, [s for s, _ in scales], [z for _, z in scales], axis, lowest, greatest)

    def range(self, parts: list[str]) -> tuple[int, int]:
        return self.integer_value(parts[0]), self.integer_value(parts[1])

    def scale(self, parts: list[Any]) -> tuple[float, int]:
        scale, zero_point = parts
        number = self.integer_value(zero_point) if zero_point is not None else 0
        if "x" not in scale:
            return float(scale), number
        bits = self.integer_value(scale)
        if not 0 <= bits < 1 << F64.width:
            raise self.failure(f"the scale {scale} must be the {F64.width} bits of a float", self.begin)
        return decode_float(bits, F64), number

    def verbatim_type(self, _parts: list[Any]) -> Type:
        return OpaqueType(self.verbatim())
