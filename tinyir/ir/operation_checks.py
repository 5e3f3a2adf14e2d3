"""What a definition asks of every operation of its name, compiled once: counts, properties, traits, its own verifier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import attrs

from tinyir.ir.attributes import DenseArray
from tinyir.ir.errors import closest, did_you_mean
from tinyir.ir.finding import Finding
from tinyir.ir.operation import Operation
from tinyir.ir.property_kinds import with_kinds
from tinyir.ir.record import Record
from tinyir.ir.registry import OperationDefinition, Verifier, definition_of, known_operations, load_dialect

SEGMENTS = "operandSegmentSizes"
_NOTHING: tuple[Finding, ...] = ()


@attrs.frozen(eq=False, repr=False)
class OperationChecks(Record):
    """The checks of one operation name."""

    name: str
    definition: OperationDefinition | None
    is_unknown: bool
    """Whether the dialect is known, the operation is not."""
    operands: tuple[int, int]
    """The least number and the greatest (-1: any)."""
    results: tuple[int, int]
    required: frozenset[str]
    properties: frozenset[str]
    optional: frozenset[str]
    """The properties that may be absent, so that nobody misses one that is misspelt."""
    is_same_type: bool
    is_terminator: bool
    is_isolated: bool
    is_graph: bool
    is_symbol_table: bool
    has_segments: bool
    verify: Verifier | None

    def local(self, operation: Operation) -> Iterable[Finding]:
        """Wrong counts and properties."""
        if self.is_unknown:
            dialect = self.name.partition(".")[0]
            yield Finding(f"dialect '{dialect}' has no operation '{self.name}'", did_you_mean(self.name, known_operations(dialect)))
            return
        yield from self._count_complaints(operation)
        yield from self._property_complaints(operation)

    def has_one_type(self, operation: Operation) -> bool:
        """Whether all operands and results have one type."""
        operands, results = operation._operands, operation.results
        if operands or results:
            type = operands[0].type if operands else results[0].type
            for operand in operands:
                if operand.type is not type:
                    return False
            for result in results:
                if result.type is not type:
                    return False
        return True

    def own(self, operation: Operation) -> Sequence[Finding]:
        """What the trait same_type and the definition's verifier say; counts and properties must be right."""
        if self.is_same_type and not self.has_one_type(operation):
            types = {str(value.type) for value in (*operation.operands, *operation.results)}
            message = f"'{self.name}' needs one type for all operands and results, not {', '.join(sorted(types))}"
            return [Finding(message, operand=self._odd_operand(operation))]
        if self.verify is None:
            return _NOTHING
        try:
            messages = self.verify(operation)
            if messages == ():
                return _NOTHING
            return [message if isinstance(message, Finding) else Finding(message) for message in messages]
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A dialect's verifier may take the kinds of its properties for granted; broken IR must not break it.
            # What an assertion says is for those who wrote it (and pytest writes it anew).
            reason = f": {error}" if str(error) and not isinstance(error, AssertionError) else ""
            return [Finding(f"'{self.name}' is malformed: a property or type is not of the kind that the operation needs{reason}")]

    def _odd_operand(self, operation: Operation) -> int | None:
        """The first operand whose type is not that of the first result, or else of the first operand."""
        values = operation.results or operation.operands
        return next((index for index, operand in enumerate(operation.operands) if operand.type is not values[0].type), None)

    def _count_complaints(self, operation: Operation) -> Iterable[Finding]:
        for what, (least, greatest), count in (
            ("operand", self.operands, len(operation.operands)),
            ("result", self.results, len(operation.results)),
        ):
            if count < least or (count > greatest >= 0):
                number = f"at least {least}" if greatest < 0 else str(least)
                yield Finding(f"'{self.name}' has {number} {what}{'s' * (number != '1')}, not {count}")
        if self.has_segments:
            sizes = operation.properties.get(SEGMENTS)
            if isinstance(sizes, DenseArray) and sum(sizes.values) != len(operation.operands):
                yield Finding(f"'{self.name}' has {len(operation.operands)} operands, its segments are {list(sizes.values)}")

    def _property_complaints(self, operation: Operation) -> Iterable[Finding]:
        for name in sorted(self.required):
            if name not in operation.properties:
                stray = closest(name, operation.attributes)
                yield Finding(f"'{self.name}' needs the property '{name}'", f"is '{stray}' meant to be '{name}'?" if stray else "", word=stray)
        for name in operation.properties:
            if name not in self.properties:
                yield Finding(f"'{self.name}' has no property '{name}'", did_you_mean(name, self.properties), word=name)
        for name in operation.attributes if self.optional else ():
            meant = _misspelt(name, self.optional)
            if meant and meant not in operation.properties:
                yield Finding(f"'{self.name}' has no property '{name}'", f"did you mean '{meant}'?", word=name)


def checks_of(name: str) -> OperationChecks:
    """The checks of an operation's name."""
    definition = definition_of(name)
    if definition is None:
        is_unknown = load_dialect(name.partition(".")[0])
        return OperationChecks(name, None, is_unknown, (0, -1), (0, -1), frozenset(), frozenset(), frozenset(), False, False, False, False, False, False, None)
    traits = definition.traits
    return OperationChecks(
        name=name,
        definition=definition,
        is_unknown=False,
        operands=_bounds(definition.operands),
        results=_bounds(definition.results),
        required=frozenset(definition.required_properties),
        properties=definition.property_names,
        optional=definition.property_names - frozenset(definition.required_properties),
        is_same_type="same_type" in traits,
        is_terminator="terminator" in traits,
        is_isolated="isolated" in traits,
        is_graph="graph_region" in traits,
        is_symbol_table="symbol_table" in traits,
        has_segments=SEGMENTS in definition.property_names,
        verify=with_kinds(name, definition.properties, definition.verify),
    )


@cache
def _misspelt(name: str, properties: frozenset[str]) -> str:
    """The property that an attribute of no dialect is all but spelt as; empty if it is like none."""
    return "" if "." in name else closest(name, properties, LIKENESS)


LIKENESS = 0.75
"""Anybody may add attributes: only what is that much like a property is taken for a mistake."""


def _bounds(names: tuple[str, ...] | None) -> tuple[int, int]:
    if names is None:
        return 0, -1
    fixed = sum(not name.endswith("...") for name in names)
    return fixed, fixed if fixed == len(names) else -1
