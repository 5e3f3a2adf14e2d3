"""Reductions of what operations carry: attributes, properties, elements of constants, names, locations, extents of shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from tinyir.driver.reduce_operations import functions_of, set_signature
from tinyir.ir.affine import AffineConstant, AffineExpression, AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseArray,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
    element_bytes,
)
from tinyir.ir.instance import InstanceError
from tinyir.ir.location import UNKNOWN
from tinyir.ir.operation import Operation
from tinyir.ir.registry import definition_of
from tinyir.ir.types import QuantizedType, ShapedType, TensorType, Type

Slot = tuple[Operation, bool, str]
"""An operation, whether it is a property (else a discardable attribute), and its name."""
MEANT = ("function_type", "sym_name", "operandSegmentSizes", "callee")
"""Properties that say what the operation is: other values would only be wrong."""


def _slots(module: Operation) -> list[Slot]:
    return [
        (operation, is_property, name)
        for operation in module.walk()
        for is_property, entries in ((True, operation.properties), (False, operation.attributes))
        for name in entries
        if not (is_property and name in MEANT)
    ]


def _entries(slot: Slot) -> dict[str, Attribute]:
    return slot[0].properties if slot[1] else slot[0].attributes


@attrs.frozen
class DropAttributes:
    """Drops discardable attributes, and properties that may be absent."""

    name: str = "attributes dropped"

    def places(self, module: Operation) -> int:
        return len(_slots(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        found, changed = _slots(module), False
        for slot in [found[i] for i in chosen]:
            definition = definition_of(slot[0].name)
            if not slot[1] or definition is None or slot[2] not in definition.required_properties:
                del _entries(slot)[slot[2]]
                changed = True
        return changed


@attrs.frozen
class SimplifyAttributes:
    """Puts the simplest value of its kind in the place of an attribute's; `way` 0 is simpler than 1."""

    way: int
    name: str = "attributes simplified"

    def places(self, module: Operation) -> int:
        return len(_slots(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        found, changed = _slots(module), False
        for slot in [found[i] for i in chosen]:
            entries, before = _entries(slot), _entries(slot)[slot[2]]
            entries[slot[2]] = simplest(before, self.way)
            changed |= entries[slot[2]] is not before
        return changed


def simplest(attribute: Attribute, way: int) -> Attribute:
    """`way` 0: zero, the empty string, an empty list; 1: one, or the first element for all."""
    match attribute:
        case IntegerAttribute():
            return IntegerAttribute(min(way, abs(attribute.value)), attribute.type)
        case FloatAttribute():
            return FloatAttribute.of(float(way), attribute.type)
        case DenseArray():
            return DenseArray([way] * len(attribute.values), attribute.element)
        case DenseElements():
            size = element_bytes(attribute.type.element)
            return DenseElements(attribute.type, attribute.data[:size] if way else bytes(size), splat=True)
        case StringAttribute():
            return StringAttribute(attribute.value[:way])
        case ArrayAttribute():
            return ArrayAttribute(attribute.elements[:way])
    return attribute


@attrs.frozen
class DropNames:
    """Forgets the names of values and the locations of operations."""

    name: str = "names dropped"

    def places(self, module: Operation) -> int:
        return 1 if any(operation.location is not UNKNOWN or any(r.name for r in operation.results) for operation in module.walk()) else 0

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        for operation in module.walk():
            operation.location = UNKNOWN
            for result in operation.results:
                result.name = ""
            for region in operation.regions:
                for block in region.blocks:
                    for argument in block.arguments:
                        argument.name = ""
        return True


def _extents(module: Operation) -> list[int]:
    """The extents above 1 of all shapes, ascending."""
    types = [value.type for o in module.walk() for value in (*o.results, *(a for r in o.regions for b in r.blocks for a in b.arguments))]
    return sorted({extent for type in types if isinstance(type, ShapedType) for extent in type.shape if extent > 1})


@attrs.frozen
class ShrinkExtents:
    """Makes every extent of N one of 1 (`way` 0), 2 (1) or N / 2 (2): of arguments, constants and properties; the rest follows."""

    way: int
    name: str = "shapes shrunk"

    def places(self, module: Operation) -> int:
        return len(_extents(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        extents = _extents(module)
        sizes = {extents[i]: min(extents[i], (1, 2, extents[i] // 2)[self.way]) for i in chosen}
        for operation in module.walk():
            _shrink(operation, sizes)
        for function in functions_of(module):
            set_signature(function)
        return True


def _shrink(operation: Operation, sizes: dict[int, int]) -> None:
    for region in operation.regions:
        for block in region.blocks:
            for argument in block.arguments:
                argument.type = _smaller_type(argument.type, sizes)
    for name, value in operation.properties.items():
        if name not in MEANT:
            operation.properties[name] = _smaller(value, sizes)
    if not operation.results:
        return
    definition = definition_of(operation.name)
    types: Iterable[Type] = [_smaller_type(result.type, sizes) for result in operation.results]
    if definition is not None and definition.infer is not None and "constant" not in definition.traits:
        try:
            types = definition.infer([operand.type for operand in operation.operands], operation.properties)
        except (InstanceError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
            return  # the shapes do not fit any more, which the verifier will say
    for result, type in zip(operation.results, types, strict=False):
        result.type = type


def _smaller_type(type: Type, sizes: dict[int, int]) -> Type:
    if not isinstance(type, TensorType):
        return type
    shape, element = [sizes.get(extent, extent) for extent in type.shape], type.element
    if isinstance(element, QuantizedType) and element.axis is not None:
        count, lists = shape[element.axis], (element.scales, element.zero_points)
        scales, zero_points = ([*values[:count]] for values in lists)
        element = QuantizedType(element.storage, element.expressed, scales, zero_points, element.axis, element.lowest, element.greatest)
    return TensorType(shape, element, type.encoding)


def _smaller(attribute: Attribute, sizes: dict[int, int]) -> Attribute:
    match attribute:
        case DenseArray():
            return DenseArray([sizes.get(int(v), v) if isinstance(v, int) else v for v in attribute.values], attribute.element)
        case DenseElements():
            return _first_elements(attribute, sizes)
        case TypeAttribute():
            return TypeAttribute(_smaller_type(attribute.type, sizes))
        case AffineMap():
            return AffineMap(attribute.dimensions, attribute.symbols, [_smaller_bound(result, sizes) for result in attribute.results])
    return attribute


def _smaller_bound(expression: AffineExpression, sizes: dict[int, int]) -> AffineExpression:
    value = expression.constant_value
    return expression if value is None else AffineConstant(sizes.get(value, value))


def _first_elements(attribute: DenseElements, sizes: dict[int, int]) -> DenseElements:
    """The elements of the first corner of a constant."""
    type = _smaller_type(attribute.type, sizes)
    assert isinstance(type, ShapedType)
    size = element_bytes(attribute.type.element)
    if attribute.splat:
        return DenseElements(type, attribute.data, splat=True)
    positions = [0]
    for old, new in zip(attribute.type.shape, type.shape, strict=True):
        positions = [position * old + i for position in positions for i in range(new)]
    return DenseElements(type, b"".join(attribute.data[p * size : (p + 1) * size] for p in positions))
