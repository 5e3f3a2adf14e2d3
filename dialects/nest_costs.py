"""What a schedule will take on a nest, told before it is carried out.

The formulas of its `cost` lines are evaluated over the numbers of the nest, the values of the schedule's parameters and the target's
table `[costs.instructions]`.  Of a schedule without such lines nothing is known, nor on a target whose table lacks a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyir.dialects.nest_classes import FACTS
from tinyir.ir import formula
from tinyir.ir.errors import Diagnostic, did_you_mean
from tinyir.ir.schedule import COSTS, Option, Schedule
from tinyir.rewrite.costs import NestCost
from tinyir.rewrite.passes import Target

MACHINE: Mapping[str, str] = {
    "result": "what surrounds a sum: its start, its requantization and its store",
    "plain_term": "one more term of a sum that is computed alone, without what sums side by side share",
    "shared_term": "what sums side by side share of a term: the other factor, and the loop",
    "word_terms": "terms that come at once where they are neighbours in memory",
    "broken_term": "what a term takes more where terms do not come in such words",
    "broken_runs": "1 where no term of a run comes in words if the run is no multiple of them, 0 where all terms but its rest do",
    "strided_term": "what sums side by side share more where terms are no neighbours in memory",
    "spilled_term": "what a term takes more for each sum beyond the fourth beside it, where terms come in whole words",
    "loop_entry": "entering a loop",
    "padded_entry": "what that takes more where its bounds depend on the loops around",
    "vector_terms": "terms of bytes that are multiplied and added up at once, in a sum over rows of bytes (1 without vectors)",
    "vector_product": "what that takes for each sum, beside a load of each row",
    "vector_round": "going round the loop over them",
    "vector_sums": "sums side by side that stay in registers there",
    "copied_byte": "copying a byte that is copied with its neighbours",
}
"""The numbers of `[costs.instructions]` that formulas may name."""


def nest_cost(schedule: Schedule, values: Mapping[Option, int], facts: Mapping[str, float], target: Target | None) -> NestCost | None:
    """The cost of a schedule with the values of its parameters, for a nest of these numbers; None: nothing is known."""
    table = target.costs.instructions if target is not None else {}
    numbers = {**table, **facts, **{f"{transform}.{name}": float(value) for (transform, name), value in values.items()}}
    try:
        for word, value in schedule.lets:
            numbers[word.text] = formula.evaluate(value, numbers)
        found = {word.text: formula.evaluate(value, numbers) for word, value in schedule.costs}
    except KeyError:  # a number that this target does not state
        return None
    if "instructions" not in found:
        return None
    return NestCost(found["instructions"], found.get("code", 0.0), found.get("scratch", 0.0))


def wrong_formulas(schedule: Schedule) -> Iterator[Diagnostic]:
    """What the formulas of a schedule name that is not there."""
    parameters = {f"{transform}.{name}" for transform, name in (each.option for each in schedule.parameters)}
    known = {*FACTS, *parameters, *MACHINE}
    for word, value in schedule.lets:
        yield from _wrong(value, known)
        known.add(word.text)
    for word, value in schedule.costs:
        if word.text not in COSTS:
            yield Diagnostic(f"no cost '{word.text}'", word.place, hint=did_you_mean(word.text, COSTS) or f"there are {', '.join(COSTS)}")
        yield from _wrong(value, known)


def _wrong(value: formula.Formula, known: set[str]) -> Iterator[Diagnostic]:
    for each in formula.walk(value):
        if isinstance(each, formula.Name) and each.text not in known:
            yield Diagnostic(f"no number '{each.text}'", each.place, hint=did_you_mean(each.text, sorted(known)))
        elif isinstance(each, formula.Apply) and each.function not in formula.OPERATORS:
            yield from _wrong_call(each)


def _wrong_call(call: formula.Apply) -> Iterator[Diagnostic]:
    if call.function not in formula.FUNCTIONS:
        hint = did_you_mean(call.function, formula.FUNCTIONS) or f"there are {', '.join(formula.FUNCTIONS)}"
        yield Diagnostic(f"no function '{call.function}'", call.place, hint=hint)
    elif len(call.operands) != formula.FUNCTIONS[call.function][0]:
        yield Diagnostic(f"'{call.function}' takes {formula.FUNCTIONS[call.function][0]} numbers, not {len(call.operands)}", call.place)
