"""parse(print(m)) == m for random modules."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.text.random_modules import affine_maps, attributes, generic_modules, locations, types
from tinyir.ir.affine import AffineMap
from tinyir.ir.attribute import Attribute
from tinyir.ir.equality import first_difference
from tinyir.ir.location import Location
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, INDEX, TensorType, Type
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

MODERATE = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(MODERATE, max_examples=40)
@given(generic_modules())
def test_a_random_module_is_read_as_it_was_printed(module: Operation) -> None:
    assert verify(module) == []
    for generic in (True, False):
        text = print_module(module, generic=generic, locations=True)
        again = parse(text)
        assert first_difference(module, again, locations=True) == ""
        assert first_difference(module, parse(text, fast=False), locations=True) == ""
        assert first_difference(module, parse(print_module(module, generic=generic))) == ""
        assert print_module(again, generic=generic, locations=True) == text


@MODERATE
@given(attributes)
def test_an_attribute_is_its_text(attribute: Attribute) -> None:
    assert parse(f'"a.b"() {{x = {attribute}}} : () -> ()').body.terminator.attributes["x"] is attribute


@MODERATE
@given(types)
def test_a_type_is_its_text(type: Type) -> None:
    result = f"({type})" if str(type)[0] == "(" else str(type)
    assert parse(f'%x = "a.b"() : () -> {result}').body.terminator.results[0].type is type


@MODERATE
@given(locations)
def test_a_location_is_its_text(location: Location) -> None:
    assert str(parse(f'"a.b"() : () -> () loc({location})').body.terminator.location) == str(location)


@MODERATE
@given(affine_maps())
def test_a_map_applied_to_operands_is_read_as_it_was(map: AffineMap) -> None:
    """Written in place where that says the same, written out where not."""
    module = parse("func.func @f(%i: index, %j: index, %k: index) {\n  return\n}")
    function = module.body.terminator
    tensor = Operation("loop.tensor", result_types=[TensorType([1] * len(map.results), I8)])
    indices = function.body.arguments[: map.dimensions]
    read = Operation("loop.read", [tensor.result, *indices], [I8], {"map": map})
    function.body.insert_before(function.body.terminator, tensor)
    function.body.insert_before(function.body.terminator, read)
    assert all(index.type is INDEX for index in indices)
    text = print_module(module)
    assert '"loop.read"' not in text
    assert first_difference(module, parse(text)) == ""
