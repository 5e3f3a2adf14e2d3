"""Random modules and random values of every kind, for hypothesis."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, AffineSet, AffineSymbol
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    DictionaryAttribute,
    FloatAttribute,
    IntegerAttribute,
    OpaqueAttribute,
    StringAttribute,
    SymbolReference,
    TypeAttribute,
    UnitAttribute,
    bool_attribute,
)
from tinyir.ir.builder import create_module
from tinyir.ir.float_formats import FORMATS
from tinyir.ir.location import UNKNOWN, CallSiteLocation, FileLocation, Location, LocationAttribute, NameLocation, fuse
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import (
    DYNAMIC,
    F32,
    F64,
    I1,
    I8,
    I32,
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
    StridedLayout,
    TensorType,
    TupleType,
    Type,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
)
from tinyir.text.reader import parse_file

texts = st.text(st.characters(codec="utf-8"), max_size=8)
words = st.from_regex(r"[a-z_][a-zA-Z0-9_$.]{0,6}", fullmatch=True)
integers = st.builds(IntegerType, st.sampled_from((1, 4, 7, 8, 16, 32, 64, 128)), st.sampled_from(("", "", "s", "u")))
number_formats = [name for name, format in FORMATS.items() if format.width in (8, 16, 19) and name != "f8E3M4"]  # mlir-opt-19 does not know the others
floats = st.sampled_from([FloatType(name) for name in ("f16", "f32", "f64", *number_formats)])
scalars = st.one_of(integers, floats, st.just(INDEX))
shapes = st.lists(st.sampled_from((0, 1, 2, 3, 7)), max_size=3)
open_shapes = st.lists(st.sampled_from((DYNAMIC, 1, 2, 3)), max_size=3)
scales = st.floats(1e-30, 1e30)


@st.composite
def quantized_types(draw: st.DrawFn) -> QuantizedType:
    storage = IntegerType(draw(st.sampled_from((4, 8, 16))), draw(st.sampled_from(("", "u"))))
    axis = draw(st.sampled_from((None, 0, 1)))
    count = 1 if axis is None else draw(st.integers(1, 3))
    zeros = st.integers(storage.lowest, storage.greatest)
    lowest = draw(st.integers(storage.lowest, storage.greatest - 1))
    return QuantizedType(
        storage,
        draw(st.sampled_from((F32, F64))),
        draw(st.lists(scales, min_size=count, max_size=count)),
        draw(st.lists(zeros, min_size=count, max_size=count)),
        axis,
        lowest,
        draw(st.integers(lowest + 1, storage.greatest)),
    )


@st.composite
def affine_expressions(draw: st.DrawFn, dimensions: int, symbols: int, depth: int = 3) -> AffineExpression:
    leaves: list[AffineExpression] = [AffineDimension(i) for i in range(dimensions)] + [AffineSymbol(i) for i in range(symbols)]
    if not depth or not leaves or draw(st.booleans()):
        return draw(st.sampled_from([*leaves, AffineConstant(draw(st.integers(-9, 9)))]))
    inner = affine_expressions(dimensions, symbols, depth - 1)
    left, factor = draw(inner), draw(st.integers(1, 9))
    combine: Callable[[], AffineExpression] = draw(
        st.sampled_from(
            (
                lambda: left + draw(inner),
                lambda: left - draw(inner),
                lambda: left * -factor,
                lambda: left * factor,
                lambda: left // factor,
                lambda: left.ceildiv(factor),
                lambda: left % factor,
            )
        )
    )
    return combine()


@st.composite
def affine_maps(draw: st.DrawFn, symbols: int = 2, dimensions: int | None = None) -> AffineMap:
    count = draw(st.integers(0, 3)) if dimensions is None else dimensions
    count_symbols = draw(st.integers(0, symbols))
    return AffineMap(count, count_symbols, draw(st.lists(affine_expressions(count, count_symbols), max_size=3)))


@st.composite
def affine_sets(draw: st.DrawFn) -> AffineSet:
    count = draw(st.integers(0, 2))
    return AffineSet(count, 1, draw(st.lists(st.tuples(affine_expressions(count, 1), st.booleans()), min_size=1, max_size=3)))


@st.composite
def memref_types(draw: st.DrawFn) -> MemRefType:
    shape = draw(open_shapes)
    strides = st.lists(st.sampled_from((DYNAMIC, 1, 2, 8)), min_size=len(shape), max_size=len(shape))
    layout: Attribute | None = draw(
        st.one_of(
            st.none(),
            st.builds(StridedLayout, strides, st.sampled_from((DYNAMIC, 0, 5))),
            affine_maps(dimensions=len(shape)),
        )
    )
    return MemRefType(shape, draw(scalars), layout, draw(st.sampled_from((None, StringAttribute("ram"), IntegerAttribute(3, I64)))))


simple_types: st.SearchStrategy[Type] = st.one_of(
    scalars,
    st.builds(TensorType, open_shapes, st.one_of(scalars, quantized_types())),
    st.builds(VectorType, st.lists(st.integers(1, 5), min_size=1, max_size=2), st.sampled_from((I8, F32)), st.just(())),
    st.builds(lambda n: VectorType([n, 2], I1, [True, False]), st.integers(1, 9)),
    memref_types(),
    st.builds(UnrankedTensorType, scalars),
    st.builds(UnrankedMemRefType, scalars, st.none()),
    st.builds(ComplexType, floats),
    st.just(NONE),
    st.sampled_from([OpaqueType(text) for text in ("!foo.bar", '!foo.bar<a, ">", (->)>', "!a.b.c<[1, {x}]>")]),
    quantized_types(),
)
types: st.SearchStrategy[Type] = st.recursive(
    simple_types,
    lambda inner: st.one_of(
        st.builds(TupleType, st.lists(inner, max_size=3)),
        st.builds(FunctionType, st.lists(inner, max_size=2), st.lists(inner, max_size=2)),
    ),
    max_leaves=4,
)


@st.composite
def integer_attributes(draw: st.DrawFn) -> Attribute:
    type = draw(st.one_of(integers, st.just(INDEX)))
    if type is I1:
        return bool_attribute(draw(st.booleans()))
    low, high = (type.lowest, type.greatest) if isinstance(type, IntegerType) else (-(1 << 63), (1 << 63) - 1)
    return IntegerAttribute(draw(st.integers(low, high)), type)


@st.composite
def float_attributes(draw: st.DrawFn) -> Attribute:
    type = draw(floats)
    return FloatAttribute(draw(st.integers(0, (1 << type.width) - 1)), type)


@st.composite
def dense_elements(draw: st.DrawFn) -> Attribute:
    shape, element = draw(shapes), draw(st.sampled_from((I1, I8, I32, IntegerType(16, "u"), IntegerType(4), F32, FloatType("f16"), INDEX)))
    type = TensorType(shape, element)
    if element is I1:
        count = type.element_count
        return DenseElements(type, bytes(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))))
    if element is IntegerType(4):
        count = type.element_count
        return DenseElements.of(type, draw(st.lists(st.integers(-8, 7), min_size=count, max_size=count))) if count != 1 else StringAttribute("one")
    size = {I8: 1, I32: 4, F32: 4, INDEX: 8}.get(element, 2)
    data = draw(st.binary(min_size=size * type.element_count, max_size=size * type.element_count))
    return DenseElements(type, data)


@st.composite
def dense_arrays(draw: st.DrawFn) -> Attribute:
    element = draw(st.sampled_from((I1, I8, I64, F32, F64)))
    if isinstance(element, FloatType):
        values = draw(st.lists(st.floats(width=32), max_size=3))
        return DenseArray([struct.unpack("<f", struct.pack("<f", value))[0] for value in values], element)
    assert isinstance(element, IntegerType)
    low, high = (0, 1) if element is I1 else (element.lowest, element.greatest)
    return DenseArray(draw(st.lists(st.integers(low, high), max_size=3)), element)


opaque = st.sampled_from([OpaqueAttribute(t) for t in ("#foo.bar", '#foo.bar<"}", ->, (a)>', "distinct[0]<>", "#a.b<c> : i32")])
attributes: st.SearchStrategy[Attribute] = st.recursive(
    st.one_of(
        integer_attributes(),
        float_attributes(),
        dense_elements(),
        dense_arrays(),
        affine_maps(),
        affine_sets(),
        opaque,
        st.just(UnitAttribute()),
        st.builds(StringAttribute, texts),
        st.builds(lambda path: SymbolReference(*path), st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=2)),
        st.builds(TypeAttribute, types),
        st.sampled_from([LocationAttribute(NameLocation("n")), LocationAttribute(fuse(FileLocation("f", 1, 2), NameLocation("m")))]),
    ),
    lambda inner: st.one_of(
        st.builds(ArrayAttribute, st.lists(inner, max_size=3)), st.builds(DictionaryAttribute, st.dictionaries(words, inner, max_size=3))
    ),
    max_leaves=4,
)
locations: st.SearchStrategy[Location] = st.recursive(
    st.one_of(st.just(UNKNOWN), st.builds(FileLocation, texts, st.integers(1, 999), st.integers(1, 99)), st.builds(NameLocation, texts, st.none())),
    lambda inner: st.one_of(
        st.builds(NameLocation, texts, inner),
        st.builds(CallSiteLocation, inner, inner),
        st.builds(lambda parts, data: fuse(*parts, metadata=data), st.lists(inner, min_size=1, max_size=2), st.one_of(st.none(), attributes)),
    ),
    max_leaves=3,
)

# Inside modules values are chosen, not made: each kind has a test of its own.
CHOICE = list(parse_file(Path(__file__).parent / "samples" / "values.mlir").attributes.values())[:-1]
some_attributes = st.sampled_from(CHOICE)
some_types = st.sampled_from([I1, I32, F32, INDEX, *(choice.type for choice in CHOICE if isinstance(choice, TypeAttribute))])
some_locations = st.sampled_from([UNKNOWN, FileLocation("a b", 3, 4), NameLocation("n"), fuse(NameLocation('"'), FileLocation("", 1, 1))])
dictionaries = st.dictionaries(st.one_of(words, st.sampled_from(("a b", "é", "1"))), some_attributes, max_size=2)
names = st.one_of(st.just(""), words, st.text(max_size=3))


def fill(draw: st.DrawFn, block: Block, visible: list[Value], depth: int) -> None:
    """Appends random operations to a block; they use what is visible."""
    for _ in range(draw(st.integers(0, 4))):
        operands = draw(st.lists(st.sampled_from(visible), max_size=3)) if visible else []
        operation = Operation(
            draw(st.sampled_from(("t.a", "t.b.c", "other_dialect.x-y$z"))),
            operands,
            draw(st.lists(some_types, max_size=2)),
            draw(dictionaries),
            [random_region(draw, list(visible), depth - 1) for _ in range(draw(st.integers(0, 2)))] if depth else [],
            (),
            draw(dictionaries),
            draw(some_locations),
        )
        for result in operation.results:
            result.name = draw(names)
        block.append(operation)
        visible += operation.results


def random_region(draw: st.DrawFn, visible: list[Value], depth: int) -> Region:
    """A region of a few blocks, the first of which dominates the others."""
    region = Region()
    for position in range(draw(st.integers(0, 3))):
        block = region.add(Block(draw(st.lists(some_types, max_size=2))))
        for argument in block.arguments:
            argument.name, argument.location = draw(names), draw(some_locations)
        inside = list(visible) + list(block.arguments)
        fill(draw, block, inside, depth)
        if position == 0:
            visible = inside
    if len(region.blocks) > 1:
        for block in region.blocks[:-1]:
            block.append(Operation("t.branch", successors=draw(st.lists(st.sampled_from(region.blocks[1:]), min_size=1, max_size=2))))
        region.blocks[-1].append(Operation("t.end"))
    return region


@st.composite
def generic_modules(draw: st.DrawFn) -> Operation:
    """A module of operations of unknown dialects: all that the generic form can say."""
    module = create_module(draw(some_locations))
    fill(draw, module.body, [], 2)
    return module
