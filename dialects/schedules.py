"""The schedules of `specs/schedules`: which apply to a nest, and with what parameters a pass carries one out.

A pass that carries out schedules says so by its options: one declared by `scheduled("jam", "outputs")` is the parameter of
the line `jam outputs 4`, one by `scheduled("where", "positions")` the bound of a condition; a value of its own stands in
place of the schedule's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import attrs

from tinyir.dialects.isa import has_sequence, instruction_sets
from tinyir.dialects.nest_classes import CLASSES, FACTS, NestFacts
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.errors import Diagnostic, TinyirError, did_you_mean
from tinyir.ir.plugins import specification_files
from tinyir.ir.schedule import GOALS, Option, Parameter, Schedule, Word, spell_parameters
from tinyir.rewrite.pass_finder import find_pass, known_passes
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.schedule_reader import read_schedules

SCHEDULED = "scheduled"
"""In the metadata of a pass's option: the words of the line that it is a parameter of."""
ALLOWED = "allowed"
"""And the values that it may have; empty: any."""


def scheduled(transform: str, name: str, allowed: tuple[int, ...] = ()) -> Any:
    """An option whose value, where none is given, is what the schedule says.  `allowed`: what the pass can do (empty: any number)."""
    validator = attrs.validators.optional(attrs.validators.in_(allowed)) if allowed else None
    return attrs.field(default=None, validator=validator, metadata={SCHEDULED: (transform, name), ALLOWED: allowed})


def scheduled_options(kind: type[Pass]) -> dict[Option, str]:
    """The options of a pass by the parameters of schedules that they are."""
    return {field.metadata[SCHEDULED]: field.name for field in attrs.fields(kind) if SCHEDULED in field.metadata}


@attrs.frozen
class Plan:
    """A schedule for one nest, with the value of each parameter."""

    schedule: Schedule
    values: Mapping[Option, int]

    def __getitem__(self, option: Option) -> int:
        return self.values[option]

    def describe(self, decided: Mapping[Option, int] | None = None, without: Option | None = None) -> StringAttribute:
        """The schedule as it was applied; `decided`: what the pass has made of its parameters, and in place of the one that is left out."""
        stated = {option: value for option, value in self.values.items() if option != without}
        return StringAttribute(f"{self.schedule.name}: {spell_parameters({**(decided or {}), **stated, **(decided or {})})}")


def plan_for(instance: Pass, facts: NestFacts, context: PassContext) -> Plan | None:
    """How a pass is to transform a nest; None if no schedule says so.

    Raises:
        TinyirError: the schedules cannot be read.
    """
    options = scheduled_options(type(instance))
    own: dict[Option, int] = {option: value for option, name in options.items() if (value := getattr(instance, name)) is not None}
    for schedule in schedules():
        if schedule.by.text == instance.name and _fits(schedule, facts, own, context):
            values = {each.option: own.get(each.option, each.value) for each in schedule.parameters}
            return Plan(schedule, values)
    return None


def _fits(schedule: Schedule, facts: NestFacts, own: Mapping[Option, int], context: PassContext) -> bool:
    if not schedule.serves(context.goal) or not any(each.text == facts.kind for each in schedule.classes):
        return False
    if not all(has_sequence(context.target, each.text) for each in schedule.needs):
        return False
    conditions = [attrs.evolve(each, bound=own.get(("where", each.fact.text), each.bound)) for each in schedule.conditions]
    return all(each.holds(getattr(facts, each.fact.text)) for each in conditions)


@cache
def schedules() -> tuple[Schedule, ...]:
    """All schedules of this package and of others, in the order in which they are tried.

    Raises:
        TinyirError: a file cannot be read, or says something that no pass, machine or nest has.
    """
    found = [schedule for file in specification_files("schedules", ".sched") for schedule in read_schedules(file.read(), file.label)]
    return check_schedules(found)


def check_schedules(found: Iterable[Schedule]) -> tuple[Schedule, ...]:
    """The schedules in the order in which they are tried.

    Raises:
        TinyirError: one diagnostic for each name that is not known, or stands twice.
    """
    known: dict[str, Schedule] = {}
    errors: list[Diagnostic] = []
    for schedule in found:
        if schedule.name in known:
            notes = (("it is defined here too", known[schedule.name].place),)
            errors.append(Diagnostic(f"schedule '{schedule.name}' is defined twice", schedule.place, notes=notes))
        known.setdefault(schedule.name, schedule)
        errors += _unknown(schedule)
    for schedule in known.values():
        errors += _unknown_words("schedule", schedule.before, known)
    if errors:
        raise TinyirError(diagnostics=errors)
    return tuple(known[name] for name in _in_order(known))


def _in_order(known: Mapping[str, Schedule]) -> list[str]:
    """As they stand, but those that go before another right before it.

    Raises:
        TinyirError: some are before each other.
    """
    earlier = {name: [other for other, each in known.items() if name in {word.text for word in each.before}] for name in known}
    try:
        TopologicalSorter(earlier).prepare()
    except CycleError as error:
        cycle = error.args[1]
        raise TinyirError(f"schedules are before each other: {', '.join(cycle)}", place=known[cycle[0]].place) from error
    order: dict[str, None] = {}

    def add(name: str) -> None:
        for other in earlier[name]:
            add(other)
        order.setdefault(name)

    for name in known:
        add(name)
    return list(order)


def _unknown(schedule: Schedule) -> list[Diagnostic]:
    """What a schedule names that is not there."""
    errors = _unknown_words("class of nests", schedule.classes, CLASSES)
    errors += _unknown_words("goal", schedule.goals, GOALS)
    errors += _unknown_words("number of a nest", (each.fact for each in schedule.conditions), FACTS)
    errors += _unknown_words("sequence of instructions", schedule.needs, {name for known in instruction_sets().values() for name in known.sequences})
    missing = _unknown_words("pass", (schedule.by,), known_passes())
    return [*errors, *(missing or _unknown_parameters(schedule))]


def _unknown_words(what: str, words: Iterable[Word], known: Iterable[str]) -> list[Diagnostic]:
    names = list(known)
    return [
        Diagnostic(f"no {what} '{word.text}'", word.place, hint=did_you_mean(word.text, names) or f"there are {', '.join(names)}")
        for word in words
        if word.text not in names
    ]


def _unknown_parameters(schedule: Schedule) -> list[Diagnostic]:
    """Parameters that the pass does not have, whose values it does not take, or that are missing."""
    kind = find_pass(schedule.by.text)
    options = scheduled_options(kind)
    errors = []
    for each in schedule.parameters:
        if each.option not in options:
            spelled = [" ".join(option) for option in options if option[0] != "where"]
            hint = did_you_mean(" ".join(each.option), spelled) or f"it has {', '.join(spelled) or 'none'}"
            errors.append(Diagnostic(f"pass '{kind.name}' has no parameter '{' '.join(each.option)}'", each.transform.place, hint=hint))
        else:
            errors += _refused(kind, options[each.option], each)
    stated = {each.option for each in schedule.parameters}
    missing = [" ".join(option) for option in options if option[0] != "where" and option not in stated]
    return errors or [Diagnostic(f"schedule '{schedule.name}' does not say '{missing[0]}'", schedule.place)] if missing else errors


def _refused(kind: type[Pass], option: str, parameter: Parameter) -> list[Diagnostic]:
    allowed = attrs.fields_dict(kind)[option].metadata[ALLOWED]
    wrong = [value for value in (parameter.value, *parameter.choices) if allowed and value not in allowed]
    message = f"pass '{kind.name}' cannot do '{' '.join(parameter.option)} {wrong[0]}'" if wrong else ""
    return [Diagnostic(message, parameter.name.place, hint=f"it can do {', '.join(map(str, allowed))}")] if wrong else []


def scheduling_passes(goal: str) -> tuple[str, ...]:
    """The passes that carry out the schedules for a goal, in the order of these."""
    return tuple(dict.fromkeys(schedule.by.text for schedule in schedules() if schedule.serves(goal)))


def search_range(name: str, option: Option | None, goal: str) -> tuple[int, ...]:
    """The values of a pass's parameter that the schedules for a goal say are worth trying."""
    mine = [s for s in schedules() if s.by.text == name and s.serves(goal)]
    return tuple(dict.fromkeys(value for schedule in mine for each in schedule.parameters if each.option == option for value in each.choices))
