"""Layers that differ in nothing but numbers and the arrays they read become one function with parameters.

    static void a(void) { for (i = 0; i < 64; i++) ... w1[i * 9] ... }
    static void b(void) { for (i = 0; i < 32; i++) ... w2[i * 9] ... }
=>
    static void a(int32_t i_end, const int8_t *array) { for (i = 0; i < i_end; i++) ... array[i * 9] ... }
    void run(void) { a(64, w1); a(32, w2); }

A literal or array that is the same in all of them stays where it is; those that always change together are one parameter, and
those that follow from others (`parameter_relations`) are computed from them.  It is checked that each call, its arguments put in
the place of the parameters, is the function that it replaces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.dialects.c_estimates import added_instructions, code_bytes
from tinyir.dialects.c_parameters import Parameter, Parameters, Parametrized
from tinyir.dialects.c_registers import give_registers
from tinyir.dialects.c_shapes import shape
from tinyir.dialects.c_writer import literal_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute, UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.location import fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import FunctionType
from tinyir.rewrite.passes import Pass, PassContext

PARAMETER_BYTES = 8
"""Code and constants that one parameter costs in one call, about."""
REGISTER_PARAMETERS = 4
"""Parameters up to which a call passes them one by one; more stand in a structure in flash."""


@attrs.frozen
class MergeFunctions(Pass):
    """Merges where it saves bytes, by estimates.

    `share_per_kilobyte`: what a layer may take longer for each 1,024 bytes that it saves, as a share of the instructions of the
    whole network, else it stays apart; without a value any.
    """

    name = "merge_functions"
    reads = ("builtin", "c")
    leaves = ("builtin", "c")

    share_per_kilobyte: float | None = None

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
        instructions = sum(_instructions(function) for function in module.body)
        for group in groups.values():
            alike = self._worth(group, arrays, instructions)
            if len(alike) > 1:
                _merge(alike, arrays, calls, self.share_per_kilobyte is not None)

    def _worth(self, group: list[Operation], arrays: set[str], instructions: int) -> list[Operation]:
        """Those of a group that may become slower by what it costs them not to know their numbers."""
        if self.share_per_kilobyte is None:
            return group
        rows = [shape(function, arrays)[1] for function in group]
        changing = {place for parameter in Parameters.of(rows).everything for place in parameter.holes}
        slower = [added_instructions(function, [row[place] for place in changing]) for function, row in zip(group, rows, strict=True)]
        most = code_bytes(group[0]) / 1024 * self.share_per_kilobyte * instructions
        return [function for function, more in zip(group, slower, strict=True) if more <= most]


def _merge(group: list[Operation], arrays: set[str], calls: Mapping[str, list[Operation]], fast: bool) -> None:
    """`fast`: what loops read gets registers, though that takes bytes."""
    parts, _ = shape(group[0], arrays)  # of all of them: kept once, it is large
    rows = [shape(function, arrays)[1] for function in group]
    parameters = Parameters.of(rows)
    passed = parameters.passed
    if (len(group) - 1) * code_bytes(group[0]) <= len(group) * len(passed) * PARAMETER_BYTES:
        return
    originals = [[hole.content for hole in row] for row in rows]
    merged = group[0]
    parametrized = Parametrized(merged, rows[0], parameters)
    _declare(merged)
    for number, function in enumerate(group):
        bound_parts, row = shape(merged, arrays, parametrized.bound(number), parametrized.sums)
        assert (bound_parts, [hole.content for hole in row]) == (parts, originals[number]), f"merging '{symbol_name(merged)}' changed what it does"
        _call_merged(calls[symbol_name(function)], merged, function, passed, number)
    _mark_loops_that_run(merged, [parametrized.bound(number) for number in range(len(group))])
    if fast:
        give_registers(merged, {*merged.body.arguments, *(each.result for each in parametrized.computed)})
    _tell(merged, group)
    for function in group[1:]:
        function.drop_references()
        function.detach()


def _mark_loops_that_run(merged: Operation, calls: Sequence[Mapping[Value, Attribute]]) -> None:
    """Marks the loops up to a parameter that run at least once in every call."""
    for nest in merged.walk():
        if nest.name == "c.for" and nest.operands[1] in calls[0]:
            start, step = literal_of(nest.operands[0]), nest.properties["step"]
            assert isinstance(step, IntegerAttribute)
            limits = [bound[nest.operands[1]] for bound in calls]
            if start is not None and step.value > 0 and all(isinstance(limit, IntegerAttribute) and start < limit.value for limit in limits):
                nest.properties["runs"] = UnitAttribute()


def _declare(merged: Operation) -> None:
    """The function's type; more parameters than a machine passes in registers are one structure."""
    types = [argument.type for argument in merged.body.arguments]
    merged.properties["function_type"] = TypeAttribute(FunctionType(types, []))
    if len(types) > REGISTER_PARAMETERS:
        merged.properties["packed"] = UnitAttribute()


def _tell(merged: Operation, group: Sequence[Operation]) -> None:
    """The merged function's comment names the layers; what each rests on is told where it is called."""
    merged.location = fuse(*(function.location for function in group))
    layers = ", ".join(dict.fromkeys(line for function in group for line in _comment(function)[:1]))
    merged.properties["comment"] = StringAttribute(f"{len(group)} layers that differ in numbers only: {layers}")


def _filled(parameter: Parameter, number: int, argument: Value) -> Operation:
    """The literal or address that a call passes."""
    content = parameter.contents[number]
    if isinstance(content, SymbolReference):
        return Operation("c.address", (), [argument.type], {"name": content})
    return Operation("c.literal", (), [argument.type], {"value": content})


def _call_merged(calls: Sequence[Operation], merged: Operation, function: Operation, parameters: Sequence[Parameter], number: int) -> None:
    """Turns the calls of a function into calls of the merged one."""
    for call in calls:
        builder = Builder.before(call)
        arguments = [builder.insert(_filled(parameter, number, argument)).result for parameter, argument in zip(parameters, merged.body.arguments, strict=True)]
        call.operands = arguments
        call.properties["callee"] = SymbolReference(symbol_name(merged))
        call.properties["comment"] = StringAttribute("\n".join(_comment(function)))
        call.properties["layer"] = StringAttribute(symbol_name(function))


def _instructions(function: Operation) -> int:
    """What a run of a function takes, as far as it was told."""
    told = function.attributes.get("instructions")
    return told.value if isinstance(told, IntegerAttribute) else 0


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
