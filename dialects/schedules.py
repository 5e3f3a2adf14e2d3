"""The schedules of `specs/schedules`: which apply to a nest, and with what parameters a pass carries one out.

A pass that carries out schedules says so by its options: one declared by `scheduled("jam", "outputs")` is the parameter of
the line `jam outputs 4`, one by `scheduled("where", "positions")` the bound of a condition; a value of its own stands in
place of the schedule's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any

import attrs

from tinyir.dialects.isa import has_sequence, instruction_sets
from tinyir.dialects.nest_classes import CLASSES, FACTS, NestFacts, facts_of
from tinyir.dialects.nest_costs import wrong_formulas
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.errors import Diagnostic, TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import specification_files
from tinyir.ir.schedule import GOALS, Option, Parameter, Schedule, Word, read_parameters, spell_parameters
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


PLAN = "plan"
"""The attribute of a nest that says which schedule was chosen for it: `rows: stage bytes 1024; jam outputs 4`."""
MOST_PLANS = 64
"""So many choices of a schedule's values are weighed for a nest at most."""
EXPECTED = "expected"
"""And what that is expected to take, beside others."""


class SchedulingPass(Pass):
    """A pass that carries out schedules."""

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        """Whether it can transform a nest just as a schedule says; True unless a pass knows better."""
        return True


@attrs.frozen
class Plan:
    """A schedule for one nest, with the value of each parameter; `expected`: what it was expected to take."""

    schedule: Schedule
    values: Mapping[Option, int]
    expected: Attribute | None = attrs.field(default=None, eq=False)

    def __getitem__(self, option: Option) -> int:
        return self.values[option]

    def __str__(self) -> str:
        return f"{self.schedule.name}: {spell_parameters(self.values)}"

    def mark(self, nest: Operation, decided: Mapping[Option, int] | None = None, without: Option | None = None) -> None:
        """Says of a nest that the schedule was applied; `decided`, `without`: as in `describe`."""
        nest.attributes["schedule"] = self.describe(decided, without)
        if self.expected is not None and not any(EXPECTED in each.attributes for each in nest.ancestors()):
            nest.attributes[EXPECTED] = self.expected

    def describe(self, decided: Mapping[Option, int] | None = None, without: Option | None = None) -> StringAttribute:
        """The schedule as it was applied; `decided`: what the pass has made of its parameters, and in place of the one that is left out."""
        stated = {option: value for option, value in self.values.items() if option != without}
        return StringAttribute(f"{self.schedule.name}: {spell_parameters({**(decided or {}), **stated, **(decided or {})})}")


def plan_for(instance: Pass, nest: Operation, context: PassContext, facts: Callable[[Operation], NestFacts] = facts_of) -> Plan | None:
    """How a pass is to transform a nest: as was chosen for it or for a loop around it, else by the first schedule of the pass that fits; None: not at all.

    Raises:
        TinyirError: the schedules cannot be read.
    """
    chosen = next((each for each in (nest, *nest.ancestors()) if PLAN in each.attributes), None)
    if chosen is None:
        return first_plan(instance, facts(nest), context)
    plan = _read_plan(chosen)
    if plan is None or plan.schedule.by.text != instance.name:
        return None
    return attrs.evolve(plan, values={**plan.values, **{option: value for option, value in _own(instance).items() if option in plan.values}})


def _read_plan(nest: Operation) -> Plan | None:
    """The plan that a nest's attribute tells; None: it is of a schedule that is not there."""
    stated = nest.attributes[PLAN]
    name, _, parameters = stated.value.partition(": ") if isinstance(stated, StringAttribute) else ("", "", "")
    schedule = next((each for each in schedules() if each.name == name), None)
    return None if schedule is None else Plan(schedule, read_parameters(parameters), nest.attributes.get(EXPECTED))


def told_schedule(nest: Operation) -> str:
    """What a nest says of the schedule that was applied to it, or by which it is left as it is, and of what that was expected to take; else nothing."""
    stated = [each.value for name in ("schedule", PLAN) if isinstance(each := nest.attributes.get(name), StringAttribute)]
    expected = nest.attributes.get(EXPECTED)
    if not stated:
        return ""
    return f"{stated[0]}; expected {expected.value}" if isinstance(expected, StringAttribute) else stated[0]


def first_plan(instance: Pass, facts: NestFacts, context: PassContext) -> Plan | None:
    """The first schedule of a pass that fits, with the values that stand first in it; None: there is none."""
    own = _own(instance)
    for schedule in schedules():
        if schedule.by.text == instance.name and fits(schedule, facts, context, own):
            values = {each.option: own.get(each.option, each.value) for each in schedule.parameters}
            return Plan(schedule, values)
    return None


def _own(instance: Pass) -> dict[Option, int]:
    """The values that a pass was given on the command line."""
    options = scheduled_options(type(instance))
    return {option: value for option, name in options.items() if (value := getattr(instance, name)) is not None}


def fits(schedule: Schedule, facts: NestFacts, context: PassContext, own: Mapping[Option, int] = MappingProxyType({}), goal: str = "") -> bool:
    """Whether a schedule is one for a nest, the machine and the goal (of the compilation, if none is named); `own`: bounds in place of the schedule's."""
    if not schedule.serves(goal or context.goal) or not any(each.text == facts.kind for each in schedule.classes):
        return False
    if not all(has_sequence(context.target, each.text) for each in schedule.needs):
        return False
    conditions = [attrs.evolve(each, bound=own.get(("where", each.fact.text), each.bound)) for each in schedule.conditions]
    return all(each.holds(getattr(facts, each.fact.text)) for each in conditions)


def plans_of(schedule: Schedule) -> list[Plan]:
    """A schedule with all the values that are worth trying, those that stand first before the others."""
    ranges = [dict.fromkeys((each.value, *each.choices)) for each in schedule.parameters]
    options = [each.option for each in schedule.parameters]
    return [Plan(schedule, dict(zip(options, values, strict=True))) for values in product(*ranges)]


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
    errors += wrong_formulas(schedule)
    number = prod(len({each.value, *each.choices}) for each in schedule.parameters)
    if number > MOST_PLANS:
        errors.append(Diagnostic(f"schedule '{schedule.name}' has {number} ways to choose its values: at most {MOST_PLANS} are weighed", schedule.place))
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
