"""The reader of types, attributes, affine maps and locations: one method per rule of `ir.lark`."""

from __future__ import annotations

import re
from typing import Any

from tinyir.ir.affine import (
    AffineConstant,
    AffineDimension,
    AffineExpression,
    AffineMap,
    AffineSet,
    AffineSymbol,
    make_binary,
)
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseResource,
    DictionaryAttribute,
    FloatAttribute,
    OpaqueAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
    UnitAttribute,
    bool_attribute,
    decode_float,
)
from tinyir.ir.errors import did_you_mean
from tinyir.ir.location import UNKNOWN, CallSiteLocation, FileLocation, FusedLocation, Location, NameLocation
from tinyir.ir.source import SourceText
from tinyir.ir.types import (
    DYNAMIC,
    F64,
    I64,
    INDEX,
    NONE,
    ComplexType,
    FloatType,
    FunctionType,
    IntegerType,
    MemRefType,
    OpaqueType,
    QuantizedType,
    ShapedType,
    StridedLayout,
    TensorType,
    TupleType,
    Type,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
)
from tinyir.text.dense import (
    Literal,
    LiteralError,
    dense_elements,
    float_from_literal,
    integer_from_literal,
    number_attribute,
    parse_integer,
)
from tinyir.text.parser import Parser

_DEFINITION = re.compile(r"^([#!][a-zA-Z_][\w$\-]*)[ \t]*=[ \t]*", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:([nt\"\\])|([0-9a-fA-F]{2}))|\\")
_SIMPLE_ESCAPES = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}
AffineTree = tuple[object, ...]


class ValueReader(Parser):
    """Reads the texts that stand for interned values."""

    def __init__(self, source: SourceText) -> None:
        super().__init__(source)
        self.aliases: dict[str, Any] = {}
        self.used_alias = False
        self._definitions: dict[str, int] | None = None
        self._being_defined: list[str] = []

    # -- aliases

    def alias_value(self, name: str, wanted: tuple[str, ...]) -> Any:
        """The attribute, type or location that an alias stands for; it may be defined further down."""
        self.used_alias = True
        found = self.aliases.get(name)
        if found is not None:
            return found
        begin, position = self.begin, self.position
        if self._definitions is None:
            self._definitions = {m.group(1): m.end() for m in _DEFINITION.finditer(self.text)}
        offset = self._definitions.get(name)
        if offset is None:
            raise self.failure(f"alias '{name}' is not defined", begin, did_you_mean(name, self._definitions))
        if name in self._being_defined or len(self._being_defined) > 40:
            raise self.failure(f"alias '{name}' is defined by itself", begin)
        self._being_defined.append(name)
        try:
            found = self.read(wanted[0] if name[0] == "!" else self._start_of_definition(offset), offset)
        finally:
            self._being_defined.pop()
            self.begin, self.position = begin, position
        self.aliases[name] = found
        return found

    def _start_of_definition(self, offset: int) -> str:
        return "location" if self.text.startswith("loc(", offset) else "attribute"

    def attribute_alias(self, parts: list[Any]) -> None:
        self.aliases[parts[0]] = parts[1]

    def type_alias(self, parts: list[Any]) -> None:
        self.aliases[parts[0]] = parts[1]

    def attribute_use(self, parts: list[Any]) -> Attribute:
        found = self.alias_value(parts[0], ("attribute",))
        assert isinstance(found, Attribute)
        return found

    def type_use(self, parts: list[Any]) -> Type:
        found = self.alias_value(parts[0], ("type",))
        assert isinstance(found, Type)
        return found

    def place_use(self, parts: list[Any]) -> Location:
        found = self.alias_value(parts[0], ("location",))
        if not isinstance(found, Location):
            raise self.failure(f"alias '{parts[0]}' is not a location", self.begin)
        return found

    # -- small helpers of the grammar

    def only(self, parts: list[Any]) -> Any:
        return parts[0]

    def single(self, parts: list[Any]) -> list[Any]:
        return [parts[0]]

    def _list(self, parts: list[Any]) -> list[Any]:
        return parts

    attributes = types = literals = extents = scales = names = expressions = constraints = entries = source_places = _list
    uses = successors = soup = _list

    def regions(self, parts: list[Any]) -> list[Any]:
        return parts[:-1]

    def verbatim(self) -> str:
        return self.text[self.begin : self.position]

    def text_of(self, literal: str) -> str:
        """The characters of a string literal."""
        inner = literal[1:-1]
        if "\\" not in inner:
            return inner
        out = bytearray()
        last = 0
        for match in _ESCAPE.finditer(inner):
            out += inner[last : match.start()].encode()
            simple, code = match.groups()
            if simple is None and code is None:
                raise self.failure(f"string {literal} has a wrong escape", self.begin, 'escapes are \\n, \\t, \\", \\\\ and two hex digits')
            out += _SIMPLE_ESCAPES[simple] if simple is not None else bytes([int(code, 16)])
            last = match.end()
        out += inner[last:].encode()
        return out.decode("utf-8", "surrogateescape")

    # -- attributes

    def dictionary(self, parts: list[Any]) -> dict[str, Attribute]:
        entries: list[tuple[str, Attribute, int]] = parts[0] or []
        found: dict[str, Attribute] = {}
        for name, value, offset in entries:
            if name in found:
                raise self.failure(f"attribute '{name}' is given twice", offset)
            found[name] = value
        return found

    def properties(self, parts: list[Any]) -> dict[str, Attribute]:
        found: dict[str, Attribute] = parts[0]
        return found

    def entry(self, parts: list[Any]) -> tuple[str, Attribute, int]:
        name, value = parts
        return self.text_of(name) if name[0] == '"' else name, UnitAttribute() if value is None else value, self.begin

    def integer(self, parts: list[Any]) -> Attribute:
        text, type = parts
        if type is None:
            type = I64
        if isinstance(type, FloatType):
            return self._float(text, type)
        if not isinstance(type, IntegerType) and type is not INDEX:
            raise self.failure(f"an integer cannot have type {type}", self.begin)
        try:
            return number_attribute(text, type)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def floating(self, parts: list[Any]) -> Attribute:
        text, type = parts
        type = F64 if type is None else type
        if not isinstance(type, FloatType):
            raise self.failure(f"a number with a point cannot have type {type}", self.begin)
        return self._float(text, type)

    def _float(self, text: str, type: FloatType) -> Attribute:
        try:
            return FloatAttribute(float_from_literal(text, type), type)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def string(self, parts: list[Any]) -> Attribute:
        if parts[1] is not None:
            return OpaqueAttribute(self.verbatim())
        return StringAttribute(self.text_of(parts[0]))

    def symbol(self, parts: list[str]) -> Attribute:
        return SymbolReference(*(self.symbol_name(part) for part in parts))

    def symbol_name(self, text: str) -> str:
        """The name in `@name` or `@"name"`."""
        return self.text_of(text[1:]) if text[1] == '"' else text[1:]

    def true(self, _parts: list[Any]) -> Attribute:
        return bool_attribute(True)

    def false(self, _parts: list[Any]) -> Attribute:
        return bool_attribute(False)

    def unit(self, _parts: list[Any]) -> Attribute:
        return UnitAttribute()

    def array(self, parts: list[Any]) -> Attribute:
        return ArrayAttribute(parts[0] or ())

    def dictionary_attribute(self, parts: list[Any]) -> Attribute:
        return DictionaryAttribute(parts[0])

    def dense_array(self, parts: list[Any]) -> Attribute:
        element, values = parts
        if not isinstance(element, IntegerType | FloatType):
            raise self.failure(f"an array cannot have elements of type {element}", self.begin)
        try:
            if isinstance(element, FloatType):
                bits = [float_from_literal(value, element) for value in values or ()]
                return DenseArray([decode_float(value, element) for value in bits], element)
            return DenseArray([integer_from_literal(value, element) for value in values or ()], element)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def dense(self, parts: list[Any]) -> Attribute:
        literal, type = parts
        if not isinstance(type, ShapedType) or not type.has_static_shape:
            raise self.failure(f"dense elements need a type of static shape, not {type}", self.begin)
        try:
            return dense_elements(literal, type) or OpaqueAttribute(self.verbatim())
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def dense_resource(self, parts: list[Any]) -> Attribute:
        key, type = parts
        if not isinstance(type, ShapedType):
            raise self.failure(f"a dense resource needs a shaped type, not {type}", self.begin)
        return DenseResource(self.text_of(key) if key[0] == '"' else key, type)

    def verbatim_attribute(self, _parts: list[Any]) -> Attribute:
        return OpaqueAttribute(self.verbatim())

    def type_attribute(self, parts: list[Any]) -> Attribute:
        return TypeAttribute(parts[0])

    def strided(self, parts: list[Any]) -> Attribute:
        strides, offset = parts
        extents = [DYNAMIC if text == "?" else self.integer_value(text) for text in strides or ()]
        return StridedLayout(extents, 0 if offset is None else DYNAMIC if offset == "?" else self.integer_value(offset))

    # -- literals inside dense attributes: their texts

    def integer_literal(self, parts: list[Any]) -> Literal:
        literal: str = parts[0]
        return literal

    float_literal = string_literal = integer_literal

    def true_literal(self, _parts: list[Any]) -> Literal:
        return "true"

    def false_literal(self, _parts: list[Any]) -> Literal:
        return "false"

    def complex_literal(self, parts: list[Any]) -> Literal:
        return parts[0], parts[1]

    def list_literal(self, parts: list[Any]) -> Literal:
        return parts[0] or []

    def dynamic(self, _parts: list[Any]) -> Literal:
        return "?"

    # -- types

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
        return self._quantized(storage, bounds, expressed, self._extent(axis), scales)

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
        return float(scale) if "x" not in scale else 0.0, self.integer_value(zero_point) if zero_point is not None else 0

    def integer_value(self, text: str) -> int:
        """The value of an INTEGER."""
        try:
            return parse_integer(text)
        except LiteralError as error:
            raise self.failure(str(error), self.begin) from None

    def verbatim_type(self, _parts: list[Any]) -> Type:
        return OpaqueType(self.verbatim())

    # -- affine maps and sets.  An expression is a nested tuple until the names of its space are known

    def affine_map(self, parts: list[Any]) -> AffineMap:
        dimensions, symbols, results = parts
        names = self._space_names(dimensions, symbols)
        return AffineMap(len(dimensions or ()), len(symbols or ()), [self.resolve_affine(r, names) for r in results or ()])

    def affine_set(self, parts: list[Any]) -> AffineSet:
        dimensions, symbols, constraints = parts
        names = self._space_names(dimensions, symbols)
        resolved = [(self.resolve_affine(e, names), is_equality) for e, is_equality in constraints or ()]
        return AffineSet(len(dimensions or ()), len(symbols or ()), resolved)

    def _space_names(self, dimensions: list[str] | None, symbols: list[str] | None) -> dict[str, AffineExpression]:
        names: dict[str, AffineExpression] = {}
        for kind, given in ((AffineDimension, dimensions), (AffineSymbol, symbols)):
            for position, name in enumerate(given or ()):
                if name in names:
                    raise self.failure(f"'{name}' is named twice", self.begin)
                names[name] = kind(position)
        return names

    def dimension_names(self, names: list[str]) -> dict[str, AffineExpression]:
        """Names for the dimensions of a map, in order."""
        return {name: AffineDimension(position) for position, name in enumerate(names)}

    def resolve_affine(self, tree: AffineTree, names: dict[str, AffineExpression]) -> AffineExpression:
        """The expression of a tree of ("name", text, offset), ("operand", text, offset), ("integer", text, offset) and
        (kind, left, right, offset)."""
        kind, offset = tree[0], tree[-1]
        assert isinstance(offset, int)
        if kind == "integer":
            return AffineConstant(self.integer_value(str(tree[1])))
        if kind in ("name", "operand"):
            found = names.get(str(tree[1]))
            if found is None:
                raise self.failure(f"'{tree[1]}' is not a name of this space", offset, did_you_mean(str(tree[1]), names))
            return found
        left, right = tree[1], tree[2]
        assert isinstance(left, tuple)
        assert isinstance(right, tuple)
        try:
            first, second = self.resolve_affine(left, names), self.resolve_affine(right, names)
            return first - second if kind == "-" else make_binary(str(kind), first, second)
        except ValueError as error:
            raise self.failure(str(error), offset) from None

    def at_least(self, parts: list[AffineTree]) -> tuple[AffineTree, bool]:
        return ("-", parts[0], parts[1], self.begin), False

    def equal(self, parts: list[AffineTree]) -> tuple[AffineTree, bool]:
        return ("-", parts[0], parts[1], self.begin), True

    def affine_integer(self, parts: list[str]) -> AffineTree:
        return "integer", parts[0], self.begin

    def affine_name(self, parts: list[str]) -> AffineTree:
        return "name", parts[0], self.begin

    def affine_operand(self, parts: list[str]) -> AffineTree:
        return "operand", parts[0], self.begin

    def plus(self, parts: list[AffineTree]) -> AffineTree:
        return "+", parts[0], parts[1], self.begin

    def minus(self, parts: list[AffineTree]) -> AffineTree:
        return "-", parts[0], parts[1], self.begin

    def times(self, parts: list[AffineTree]) -> AffineTree:
        return "*", parts[0], parts[1], self.begin

    def floordiv(self, parts: list[AffineTree]) -> AffineTree:
        return "floordiv", parts[0], parts[1], self.begin

    def ceildiv(self, parts: list[AffineTree]) -> AffineTree:
        return "ceildiv", parts[0], parts[1], self.begin

    def mod(self, parts: list[AffineTree]) -> AffineTree:
        return "mod", parts[0], parts[1], self.begin

    def negative(self, parts: list[AffineTree]) -> AffineTree:
        return "-", ("integer", "0", self.begin), parts[0], self.begin

    # -- locations

    def unknown_place(self, _parts: list[Any]) -> Location:
        return UNKNOWN

    def file_place(self, parts: list[str]) -> Location:
        return FileLocation(self.text_of(parts[0]), self.integer_value(parts[1]), self.integer_value(parts[2]))

    def name_place(self, parts: list[Any]) -> Location:
        return NameLocation(self.text_of(parts[0]), parts[1])

    def call_site(self, parts: list[Any]) -> Location:
        return CallSiteLocation(parts[0], parts[1])

    def fused_place(self, parts: list[Any]) -> Location:
        metadata, children = parts
        return FusedLocation(tuple(children), metadata)
