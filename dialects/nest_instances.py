"""The iterations of a nest as the provers of overlaps and rings see them: loops that count upwards, and guards."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import bound_expressions, condition_constraints
from tinyir.ir.affine import AffineDimension, AffineExpression, used_dimensions
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.operation import Operation
from tinyir.prove.overlap import Access, Loop


def step_loop(operation: Operation, number: int) -> Loop:
    """A loop of constant bounds; `number` tells it from others of its name."""
    bounds = loop.constant_bounds(operation)
    assert bounds is not None
    return Loop(_name(operation, number), bounds[0], bounds[1], loop.step(operation))


def _name(operation: Operation, number: int) -> str:
    return f"{loop.induction_variable(operation).name or 'i'}{number}"


def instances(loops: Sequence[Operation], conditions: Sequence[Operation], steps: int, address: AffineExpression, size: int) -> Access:
    """`size` bytes at an address over the loops (outermost first), the first `steps` of which are those of the nest."""
    ranges: list[Interval] = []
    inner: list[Loop] = []
    guards: list[AffineExpression] = []
    for number, each in enumerate(loops):
        lowers, uppers = bound_expressions(each, loops[:number])
        low = max(interval_of(bound, ranges)[0] for bound in lowers)
        high = max(min(interval_of(bound, ranges)[1] for bound in uppers), low)
        ranges.append((low, max(high - 1, low)))
        if number < steps:
            continue
        fixed = loop.constant_bounds(each) is not None
        inner.append(Loop(_name(each, number), low, high, loop.step(each) if fixed else 1))
        if not fixed:
            variable = AffineDimension(number)
            guards += [variable - bound for bound in lowers] + [bound - variable - 1 for bound in uppers]
    guards += condition_constraints(conditions, loops)
    turned = [_as_run(each, number) for number, each in enumerate(loops)]
    return Access(address.replace(turned), size, tuple(inner), tuple(guard.replace(turned) for guard in guards))


def _as_run(operation: Operation, number: int) -> AffineExpression:
    """The loop's index in terms of a variable that counts upwards in the order in which the loop runs."""
    bounds = loop.constant_bounds(operation)
    if not loop.is_reverse(operation) or bounds is None:
        return AffineDimension(number)
    last = bounds[0] + max(bounds[1] - bounds[0] - 1, 0) // loop.step(operation) * loop.step(operation)
    return (bounds[0] + last) - AffineDimension(number)


def relevant(access: Access, steps: int) -> Access:
    """The access without the inner loops that neither its address, nor its steps, nor guards on these depend on."""
    outside = set(range(steps))
    inside = used_dimensions(access.address) - outside
    while True:
        reached = {p for guard in access.guards if used_dimensions(guard) & (inside | outside) for p in used_dimensions(guard)} - outside
        if reached <= inside:
            break
        inside |= reached
    kept = [steps + number for number in range(len(access.inner)) if steps + number in inside]
    renumbered = {old: steps + new for new, old in enumerate(kept)}
    values = [AffineDimension(renumbered.get(p, p) if p >= steps else p) for p in range(steps + len(access.inner))]
    guards = [guard.replace(values) for guard in access.guards if used_dimensions(guard) <= inside | outside]
    return Access(access.address.replace(values), access.bytes, tuple(access.inner[p - steps] for p in kept), tuple(guards))
