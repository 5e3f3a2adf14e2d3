"""Functions of one skeleton as one with parameters: where they differ, a parameter is read, or computed from others that it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tinyir.dialects.c_interpreter import EXACT
from tinyir.dialects.c_shapes import Hole
from tinyir.dialects.parameter_relations import Relation, relations
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute, StringAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import IntegerType, Type


@attrs.frozen(eq=False)
class Parameter:
    """The holes that one argument fills, and the argument of each call."""

    holes: tuple[int, ...]
    contents: tuple[Attribute, ...]
    type: Type

    @property
    def column(self) -> tuple[int, ...] | None:
        """The numbers, if they are signed integers."""
        numbers = tuple(content.value for content in self.contents if isinstance(content, IntegerAttribute))
        return numbers if len(numbers) == len(self.contents) and isinstance(self.type, IntegerType) and self.type.signedness != "u" else None


@attrs.frozen(eq=False)
class Parameters:
    """What functions of one shape differ in.  `related`: those that follow from others before them."""

    everything: tuple[Parameter, ...]
    related: Mapping[int, Relation]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Hole]]) -> Parameters:
        """One parameter for each different column of holes that is not the same for all calls."""
        found: dict[tuple[object, ...], list[int]] = {}
        for place, column in enumerate(zip(*rows, strict=True)):
            contents = tuple(hole.content for hole in column)
            if len(set(contents)) > 1:
                found.setdefault((column[0].value.type, *contents), []).append(place)
        everything = tuple(Parameter(tuple(p), tuple(row[p[0]].content for row in rows), rows[0][p[0]].value.type) for p in found.values())
        return cls(everything, _related(everything))

    @property
    def passed(self) -> tuple[Parameter, ...]:
        """Those that calls pass."""
        return tuple(parameter for number, parameter in enumerate(self.everything) if number not in self.related)


def _related(parameters: Sequence[Parameter]) -> dict[int, Relation]:
    found: dict[int, Relation] = {}
    for type in dict.fromkeys(parameter.type for parameter in parameters):
        known = [(number, column) for number, p in enumerate(parameters) if p.type is type and (column := p.column) is not None]
        for place, relation in relations([column for _, column in known]).items():
            second = known[relation.second][0] if relation.is_column else relation.second
            found[known[place][0]] = attrs.evolve(relation, first=known[relation.first][0], second=second)
    return found


class Parametrized:
    """A function whose holes have become parameters.

    `computed`: what it computes from them, in order; `sums`: additions of several addends that were one of a hole.
    """

    def __init__(self, function: Operation, row: Sequence[Hole], parameters: Parameters) -> None:
        self.parameters = parameters
        self.body = function.body
        self.builder = Builder(self.body, self.body.first)
        self.values: list[Value] = []
        self.computed: list[Operation] = []
        self.sums: dict[Operation, tuple[Value, tuple[Value, ...]]] = {}
        offsets = {number for number, p in enumerate(parameters.everything) if any(_is_offset(row[place]) for place in p.holes)}
        for number, parameter in enumerate(parameters.everything):
            self.values.append(self._value(number, row[parameter.holes[0]]))
        for number, parameter in enumerate(parameters.everything):
            addends = sorted(self._addends(number), key=lambda addend: (addend not in offsets, addend < 0))
            for place in parameter.holes:
                self._fill(row[place], number, addends)
        for operation in reversed(list(function.walk())):
            if (operation.name in ("c.literal", "c.address") or operation in self.computed) and not operation.result.use_count:
                self.computed = [other for other in self.computed if other is not operation]
                operation.erase()

    def bound(self, call: int) -> dict[Value, Attribute]:
        """What the parameters, and the values computed from them, are in one of the calls."""
        found: dict[Value, Attribute] = {a: p.contents[call] for a, p in zip(self.body.arguments, self.parameters.passed, strict=True)}
        for operation in self.computed:
            found[operation.result] = _evaluated(operation, found)
        return found

    def _value(self, number: int, hole: Hole) -> Value:
        """A new argument, or what is computed in its place."""
        relation = self.parameters.related.get(number)
        if relation is None:
            return self.body.add_argument(hole.value.type, _hint(hole))
        second = self.values[relation.second] if relation.is_column else self._literal(relation.second, hole.value.type)
        properties: dict[str, Attribute] = {"operator": StringAttribute(relation.operator)}
        made = self.builder.create("c.binary", (self.values[relation.first], second), [hole.value.type], properties)
        made.result.name = _hint(hole)
        self.computed.append(made)
        return made.result

    def _literal(self, value: int, type: Type) -> Value:
        return self.builder.create("c.literal", (), [type], {"value": IntegerAttribute(value, type)}).result

    def _addends(self, number: int) -> list[int]:
        """The parameters that a parameter is the sum of (a literal as minus its value), if none of them is negative: no partial sum is greater then."""
        relation, column = self.parameters.related.get(number), self.parameters.everything[number].column
        if column is None or min(column) < 0 or relation is None or relation.operator != "+" or not (relation.is_column or relation.second > 0):
            return [number]
        rest = self._addends(relation.second) if relation.is_column else [-relation.second]
        found = [*self._addends(relation.first), *rest]
        known = [self.parameters.everything[addend].column for addend in found if addend >= 0]
        return [number] if any(each is None or min(each) < 0 for each in known) else found

    def _fill(self, hole: Hole, number: int, addends: Sequence[int]) -> None:
        """The parameter in the hole; addends go one by one into a sum, so that what several sums share is seen."""
        if len(addends) == 1 or not _is_offset(hole):
            hole.operation.set_operand(hole.operand, self.values[number])
            return
        before = Builder.before(hole.operation)
        base = sum = hole.operation.operands[0]
        type = hole.value.type
        values = [before.create("c.literal", (), [type], {"value": IntegerAttribute(-a, type)}).result if a < 0 else self.values[a] for a in addends]
        for value in values[:-1]:
            sum = before.create("c.binary", (sum, value), [type], {"operator": StringAttribute("+")}).result
        hole.operation.operands = (sum, values[-1])
        self.sums[hole.operation] = base, tuple(values)


def _is_offset(hole: Hole) -> bool:
    """Whether the hole is what is added to something."""
    operator = hole.operation.properties.get("operator")
    return hole.operation.name == "c.binary" and isinstance(operator, StringAttribute) and operator.value == "+" and hole.operand == 1


def _evaluated(operation: Operation, bound: Mapping[Value, Attribute]) -> Attribute:
    operator, numbers = operation.properties["operator"], []
    assert isinstance(operator, StringAttribute)
    for operand in operation.operands:
        content = bound.get(operand) or (operand.definer.properties["value"] if operand.definer is not None else None)
        assert isinstance(content, IntegerAttribute)
        numbers.append(content.value)
    return IntegerAttribute(EXACT[operator.value](*numbers), operation.result.type)


def _hint(hole: Hole) -> str:
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
