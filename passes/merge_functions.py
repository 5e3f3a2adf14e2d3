"""Layers that differ in nothing but numbers and the arrays they read become one function with parameters.

    static void a(void) { for (i = 0; i < 64; i++) ... w1[i * 9] ... }
    static void b(void) { for (i = 0; i < 32; i++) ... w2[i * 9] ... }
=>
    static void a(int32_t i_end, const int8_t *array) { for (i = 0; i < i_end; i++) ... array[i * 9] ... }
    void run(void) { a(64, w1); a(32, w2); }

A literal or array that is the same in all of them stays where it is; those that always change together are one parameter.
It is checked that each call, its arguments put in the place of the parameters, is the function that it replaces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import StringAttribute, SymbolReference, TypeAttribute, UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.location import fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import FunctionType
from tinyir.rewrite.passes import Pass, PassContext

OPERATION_BYTES = 3
"""Code that one operation of the C level becomes, about (Thumb)."""
PARAMETER_BYTES = 8
"""Code and constants that one parameter costs in one call, about."""
REGISTER_PARAMETERS = 4
"""Parameters up to which a call passes them one by one; more stand in a structure in flash."""


@attrs.frozen
class MergeFunctions(Pass):
    """Merges where it saves bytes, by the estimates above."""

    name = "merge_functions"
    reads = ("builtin", "c")
    leaves = ("builtin", "c")

    def run(self, module: Operation, context: PassContext) -> None:
        """
        Raises:
            AssertionError: a merged function with the arguments of a call is not the function that it replaces.
        """
        arrays = {symbol_name(operation) for operation in module.body if operation.name == "c.array"}
        groups: dict[tuple[object, ...], list[Operation]] = {}
        for function in module.body:
            if function.name == "c.function" and not function.body.arguments and not {"network", "inline"} & function.properties.keys():
                groups.setdefault(shape(function, arrays)[0], []).append(function)
        calls = _calls(module)
        for group in groups.values():
            if len(group) > 1:
                _merge(group, arrays, calls)


# -- what functions have in common


@attrs.frozen(eq=False)
class _Hole:
    """An operand that is a literal or the address of a constant array."""

    operation: Operation
    operand: int
    content: Attribute

    @property
    def value(self) -> Value:
        return self.operation.operands[self.operand]


def shape(function: Operation, arrays: set[str], bound: Mapping[Value, Attribute] | None = None) -> tuple[tuple[object, ...], list[_Hole]]:
    """A function as its skeleton and what fills its holes; `bound` says what its parameters stand for."""
    number: dict[Value, int] = {}
    parts: list[object] = []
    found: list[_Hole] = []

    def operand_of(operation: Operation, place: int) -> object:
        value = operation.operands[place]
        content = _content(value, arrays, bound or {})
        if content is None:
            return number[value]
        found.append(_Hole(operation, place, content))
        return value.type

    def visit(operation: Operation) -> None:
        if any(_content(result, arrays, {}) is not None for result in operation.results):
            return
        operands = tuple(operand_of(operation, place) for place in range(len(operation.operands)))
        types = tuple(result.type for result in operation.results)
        parts.append((operation.name, operands, types, tuple(sorted(operation.properties.items()))))
        for result in operation.results:
            number[result] = len(number)
        for region in operation.regions:
            for block in region.blocks:
                parts.append(("block", tuple(argument.type for argument in block.arguments)))
                for argument in block.arguments:
                    number[argument] = len(number)
                for inner in block:
                    visit(inner)
                parts.append("end")

    for operation in function.body:
        visit(operation)
    return tuple(parts), found


def _content(value: Value, arrays: set[str], bound: Mapping[Value, Attribute]) -> Attribute | None:
    """What a hole is filled with; None if the value is no hole."""
    definer = value.definer
    if definer is None:
        return bound.get(value)
    if definer.name == "c.literal":
        return definer.properties["value"]
    if definer.name == "c.address" and referenced_symbol(definer, "name") in arrays:
        return definer.properties["name"]
    return None


# -- merging


@attrs.frozen(eq=False)
class _Parameter:
    """The holes that one argument fills, and the argument of each call."""

    holes: tuple[int, ...]
    contents: tuple[Attribute, ...]


def _parameters(rows: Sequence[Sequence[_Hole]]) -> list[_Parameter]:
    """One parameter for each different column that is not the same for all calls."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, column in enumerate(zip(*rows, strict=True)):
        contents = tuple(hole.content for hole in column)
        if len(set(contents)) > 1:
            found.setdefault((column[0].value.type, *contents), []).append(place)
    return [_Parameter(tuple(places), tuple(row[places[0]].content for row in rows)) for places in found.values()]


def _merge(group: list[Operation], arrays: set[str], calls: Mapping[str, list[Operation]]) -> None:
    shapes = [shape(function, arrays) for function in group]
    parameters = _parameters([row for _, row in shapes])
    size = sum(1 for _ in group[0].walk())
    if (len(group) - 1) * size * OPERATION_BYTES <= len(group) * len(parameters) * PARAMETER_BYTES:
        return
    originals = [(parts, [hole.content for hole in row]) for parts, row in shapes]
    merged = group[0]
    _parametrize(merged, shapes[0][1], parameters)
    for number, function in enumerate(group):
        bound: dict[Value, Attribute] = {a: p.contents[number] for a, p in zip(merged.body.arguments, parameters, strict=True)}
        parts, row = shape(merged, arrays, bound)
        assert (parts, [hole.content for hole in row]) == originals[number], f"merging '{symbol_name(merged)}' changed what it does"
        _call_merged(calls[symbol_name(function)], merged, function, parameters, number)
    _tell(merged, group)
    for function in group[1:]:
        function.drop_references()
        function.detach()


def _tell(merged: Operation, group: Sequence[Operation]) -> None:
    """The merged function's comment names the layers; what each rests on is told where it is called."""
    merged.location = fuse(*(function.location for function in group))
    layers = ", ".join(dict.fromkeys(line for function in group for line in _comment(function)[:1]))
    merged.properties["comment"] = StringAttribute(f"{len(group)} layers that differ in numbers only: {layers}")


def _parametrize(function: Operation, row: Sequence[_Hole], parameters: Sequence[_Parameter]) -> None:
    """Makes the holes of each parameter an argument of the function."""
    for parameter in parameters:
        first = row[parameter.holes[0]]
        argument = function.body.add_argument(first.value.type, _hint(first))
        for place in parameter.holes:
            row[place].operation.set_operand(row[place].operand, argument)
    for operation in list(function.walk()):
        if operation.name in ("c.literal", "c.address") and not operation.result.use_count:
            operation.erase()
    types = [argument.type for argument in function.body.arguments]
    function.properties["function_type"] = TypeAttribute(FunctionType(types, []))
    if len(types) > REGISTER_PARAMETERS:
        function.properties["packed"] = UnitAttribute()


def _hint(hole: _Hole) -> str:
    """A name for a parameter, from the first use of what it stands for."""
    user = hole.operation
    if hole.value.definer is not None and hole.value.definer.name == "c.address":
        return "array"
    if user.name == "c.for":
        return f"{user.body.arguments[0].name or 'i'}_end"
    operator = user.properties.get("operator")
    other = user.operands[0]
    if isinstance(operator, StringAttribute) and other is not hole.value:
        return {"*": f"{other.name}_step" if other.name else "factor", ">>": "shift", "+": "offset", "-": "offset"}.get(operator.value, "number")
    return "number"


def _filled(parameter: _Parameter, number: int, argument: Value) -> Operation:
    """The literal or address that a call passes."""
    content = parameter.contents[number]
    if isinstance(content, SymbolReference):
        return Operation("c.address", (), [argument.type], {"name": content})
    return Operation("c.literal", (), [argument.type], {"value": content})


def _call_merged(calls: Sequence[Operation], merged: Operation, function: Operation, parameters: Sequence[_Parameter], number: int) -> None:
    """Turns the calls of a function into calls of the merged one."""
    for call in calls:
        builder = Builder.before(call)
        arguments = [
            builder.insert(_filled(parameter, number, argument)).result for parameter, argument in zip(parameters, merged.body.arguments, strict=True)
        ]
        call.operands = arguments
        call.properties["callee"] = SymbolReference(symbol_name(merged))
        call.properties["comment"] = StringAttribute("\n".join(_comment(function)))
        call.properties["layer"] = StringAttribute(symbol_name(function))


def _calls(module: Operation) -> dict[str, list[Operation]]:
    """The calls of each function, by its name."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in module.walk():
        if operation.name == "c.call":
            found[referenced_symbol(operation, "callee")].append(operation)
    return found


def _comment(function: Operation) -> list[str]:
    comment = function.properties.get("comment")
    return comment.value.split("\n") if isinstance(comment, StringAttribute) else list(function.location.names[:1])

