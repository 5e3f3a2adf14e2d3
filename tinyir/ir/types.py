"""MLIR's builtin types, and `!quant.uniform`, interned: equal types are one object and `str()` is MLIR's text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinyir.ir.affine import AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.float_formats import FORMATS

DYNAMIC = -(1 << 63)
"""The extent, stride or offset that is not known, printed `?` (no number that MLIR can write: strides may be negative)."""


class Type(Attribute):
    """Base of all types."""

    __slots__ = ()


class IntegerType(Type):
    """`i32`; with signedness "s" or "u" also `si32`, `ui32`."""

    __slots__ = ("signedness", "width")
    fields = ("width", "signedness")
    width: int
    signedness: str

    def __new__(cls, width: int, signedness: str = "") -> IntegerType:
        return cls._intern((width, signedness))

    def _spell(self) -> str:
        return f"{self.signedness}i{self.width}"

    @property
    def is_unsigned(self) -> bool:
        return self.signedness == "u"

    @property
    def lowest(self) -> int:
        """The least value (two's complement unless unsigned)."""
        return 0 if self.is_unsigned or not self.width else -(1 << (self.width - 1))

    @property
    def greatest(self) -> int:
        return (1 << self.width) - 1 if self.is_unsigned or not self.width else (1 << (self.width - 1)) - 1


class FloatType(Type):
    """`f32`, `f16`, `bf16`, `f64`, ..."""

    __slots__ = ("name",)
    fields = ("name",)
    name: str

    def __new__(cls, name: str) -> FloatType:
        return cls._intern((name,))

    def _spell(self) -> str:
        return self.name

    @property
    def width(self) -> int:
        """Bits."""
        return FORMATS[self.name].width if self.name in FORMATS else int(self.name[1:])


class IndexType(Type):
    __slots__ = ()

    def __new__(cls) -> IndexType:
        return cls._intern(())

    def _spell(self) -> str:
        return "index"


class NoneType(Type):
    __slots__ = ()

    def __new__(cls) -> NoneType:
        return cls._intern(())

    def _spell(self) -> str:
        return "none"


class TupleType(Type):
    __slots__ = ("elements",)
    fields = ("elements",)
    elements: tuple[Type, ...]

    def __new__(cls, elements: Sequence[Type]) -> TupleType:
        return cls._intern((tuple(elements),))

    def _spell(self) -> str:
        return f"tuple<{', '.join(map(str, self.elements))}>"


class ComplexType(Type):
    __slots__ = ("element",)
    fields = ("element",)
    element: Type

    def __new__(cls, element: Type) -> ComplexType:
        return cls._intern((element,))

    def _spell(self) -> str:
        return f"complex<{self.element}>"


class FunctionType(Type):
    """`(inputs) -> results`."""

    __slots__ = ("inputs", "results")
    fields = ("inputs", "results")
    inputs: tuple[Type, ...]
    results: tuple[Type, ...]

    def __new__(cls, inputs: Sequence[Type], results: Sequence[Type]) -> FunctionType:
        return cls._intern((tuple(inputs), tuple(results)))

    def _spell(self) -> str:
        return self.spell_with(str)

    def spell_with(self, text_of: Callable[[Any], str]) -> str:
        results = ", ".join(map(text_of, self.results))
        if len(self.results) != 1 or isinstance(self.results[0], FunctionType):
            results = f"({results})"
        return f"({', '.join(map(text_of, self.inputs))}) -> {results}"


class OpaqueType(Type):
    """A type of a dialect that is not loaded, kept as its text, `!dialect.body`."""

    __slots__ = ("text",)
    fields = ("text",)
    text: str

    def __new__(cls, text: str) -> OpaqueType:
        return cls._intern((text,))

    def _spell(self) -> str:
        return self.text


class ShapedType(Type):
    """Base of tensor, memref and vector: `shape` (DYNAMIC where unknown) and `element`."""

    __slots__ = ()
    shape: tuple[int, ...]
    element: Type

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def has_static_shape(self) -> bool:
        return DYNAMIC not in self.shape

    @property
    def element_count(self) -> int:
        """The number of elements (static shapes only)."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def _dimensions(self) -> str:
        return "".join("?x" if extent == DYNAMIC else f"{extent}x" for extent in self.shape)


class TensorType(ShapedType):
    """`tensor<2x?xf32>`, with an optional encoding attribute."""

    __slots__ = ("element", "encoding", "shape")
    fields = ("shape", "element", "encoding")
    encoding: Attribute | None

    def __new__(cls, shape: Sequence[int], element: Type, encoding: Attribute | None = None) -> TensorType:
        return cls._intern((tuple(shape), element, encoding))

    def _spell(self) -> str:
        return self.spell_with(str)

    def spell_with(self, text_of: Callable[[Any], str]) -> str:
        encoding = f", {text_of(self.encoding)}" if self.encoding is not None else ""
        return f"tensor<{self._dimensions()}{text_of(self.element)}{encoding}>"

    def with_element(self, element: Type) -> TensorType:
        return TensorType(self.shape, element, self.encoding)

    def with_shape(self, shape: Sequence[int]) -> TensorType:
        return TensorType(shape, self.element, self.encoding)


class UnrankedTensorType(Type):
    __slots__ = ("element",)
    fields = ("element",)
    element: Type

    def __new__(cls, element: Type) -> UnrankedTensorType:
        return cls._intern((element,))

    def _spell(self) -> str:
        return f"tensor<*x{self.element}>"


class VectorType(ShapedType):
    """`vector<4xi8>`; a scalable dimension prints as `[4]`."""

    __slots__ = ("element", "scalable", "shape")
    fields = ("shape", "element", "scalable")
    scalable: tuple[bool, ...]

    def __new__(cls, shape: Sequence[int], element: Type, scalable: Sequence[bool] = ()) -> VectorType:
        return cls._intern((tuple(shape), element, tuple(scalable) or (False,) * len(shape)))

    def _spell(self) -> str:
        parts = [f"[{n}]" if s else str(n) for n, s in zip(self.shape, self.scalable, strict=True)]
        return f"vector<{''.join(part + 'x' for part in parts)}{self.element}>"


class StridedLayout(Attribute):
    """`strided<[4, 1], offset: 2>`; DYNAMIC prints `?`."""

    __slots__ = ("offset", "strides")
    fields = ("strides", "offset")
    strides: tuple[int, ...]
    offset: int

    def __new__(cls, strides: Sequence[int], offset: int = 0) -> StridedLayout:
        return cls._intern((tuple(strides), offset))

    def _spell(self) -> str:
        strides = ", ".join("?" if s == DYNAMIC else str(s) for s in self.strides)
        offset = "" if self.offset == 0 else f", offset: {'?' if self.offset == DYNAMIC else self.offset}"
        return f"strided<[{strides}]{offset}>"


class MemRefType(ShapedType):
    """`memref<8x4xi8, strided<[4, 1]>, "flash">`: layout and memory space are optional."""

    __slots__ = ("element", "layout", "shape", "space")
    fields = ("shape", "element", "layout", "space")
    layout: Attribute | None
    space: Attribute | None

    def __new__(
        cls, shape: Sequence[int], element: Type, layout: Attribute | None = None, space: Attribute | None = None
    ) -> MemRefType:
        if isinstance(layout, AffineMap) and layout.is_identity and layout.dimensions == len(shape):
            layout = None
        return cls._intern((tuple(shape), element, layout, space))

    def _spell(self) -> str:
        layout = f", {self.layout}" if self.layout is not None else ""
        space = f", {self.space}" if self.space is not None else ""
        return f"memref<{self._dimensions()}{self.element}{layout}{space}>"


class UnrankedMemRefType(Type):
    __slots__ = ("element", "space")
    fields = ("element", "space")
    element: Type
    space: Attribute | None

    def __new__(cls, element: Type, space: Attribute | None = None) -> UnrankedMemRefType:
        return cls._intern((element, space))

    def _spell(self) -> str:
        space = f", {self.space}" if self.space is not None else ""
        return f"memref<*x{self.element}{space}>"


class QuantizedType(Type):
    """`!quant.uniform<i8:f32, 0.58:83>`, or per axis `!quant.uniform<i8:f32:0, {0.1, 0.2:3}>`.

    real = scale * (stored - zero_point).  Scales are Python floats (binary64): a product of two binary32
    scales is exact in it.  `storage` is an integer type whose signedness "u" marks unsigned storage;
    `lowest`, `greatest` are the stored range (default: the whole type).
    """

    __slots__ = ("axis", "expressed", "greatest", "lowest", "scales", "storage", "zero_points")
    fields = ("storage", "expressed", "scales", "zero_points", "axis", "lowest", "greatest")
    storage: IntegerType
    expressed: Type
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None
    lowest: int
    greatest: int

    def __new__(
        cls,
        storage: IntegerType,
        expressed: Type,
        scales: Sequence[float],
        zero_points: Sequence[int],
        axis: int | None = None,
        lowest: int | None = None,
        greatest: int | None = None,
    ) -> QuantizedType:
        low = storage.lowest if lowest is None else lowest
        high = storage.greatest if greatest is None else greatest
        return cls._intern((storage, expressed, tuple(scales), tuple(zero_points), axis, low, high))

    def _spell(self) -> str:
        storage = f"{'u' if self.storage.is_unsigned else 'i'}{self.storage.width}"
        if (self.lowest, self.greatest) != (self.storage.lowest, self.storage.greatest):
            storage += f"<{self.lowest}:{self.greatest}>"
        pairs = [
            spell_scale(scale) + (f":{zero}" if zero else "")
            for scale, zero in zip(self.scales, self.zero_points, strict=True)
        ]
        if self.axis is None:
            return f"!quant.uniform<{storage}:{self.expressed}, {pairs[0]}>"
        return f"!quant.uniform<{storage}:{self.expressed}:{self.axis}, {{{', '.join(pairs)}}}>"

    @property
    def scale(self) -> float:
        """The scale of a per-tensor type."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor type."""
        return self.zero_points[0]


def spell_scale(value: float) -> str:
    """The shortest decimal text that reads back as the same binary64, always with a point (MLIR wants one)."""
    text = repr(value)
    if "e" in text and "." not in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}.0e{exponent}"
    return text


def storage_type(element: Type) -> Type:
    """The machine type that holds an element: the storage of a quantized type as a signless or unsigned integer."""
    return element.storage if isinstance(element, QuantizedType) else element


I1 = IntegerType(1)
I8 = IntegerType(8)
I16 = IntegerType(16)
I32 = IntegerType(32)
I64 = IntegerType(64)
U8 = IntegerType(8, "u")
F32 = FloatType("f32")
F64 = FloatType("f64")
INDEX = IndexType()
NONE = NoneType()
