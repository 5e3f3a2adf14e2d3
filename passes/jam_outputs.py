"""loop -> loop: neighbouring outputs are computed side by side, so that they share loads, bounds and loop control.

    for %o = 0 to 8 {                          for %o = 0 to 8 step 4 {
      %s = for %k iter(%a = ...) {               %s:4 = for %k iter(%a0 = ..., %a1, %a2, %a3) {
        %a + x[%k] * w[%o, %k] }          =>       %v = x[%k]; %a0 + %v * w[%o, %k]; %a1 + %v * w[%o + 1, %k] ... }
      define f(%s), y[%o] }                      define f(%s#0), y[%o]; define f(%s#1), y[%o + 1] ... }

(Unroll-and-jam: Callahan, Carr, Kennedy, "Improving register allocation for subscripted variables", PLDI 1990.)
Every accumulator adds the same terms in the same order as before, so floats keep their bits as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.loop_edits import Index, clone_substituted, substitute
from tinyir.dialects.nest_classes import facts_of, nest_root
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineMap
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import FloatType
from tinyir.rewrite.passes import PassContext

MOST_OPERATIONS = 24
"""Of a sum over three folds, its terms and a short activation."""


@attrs.frozen
class JamOutputs(SchedulingPass):
    """Jams the innermost parallel loop around each fold by the greatest number up to `factor` that leaves the smallest rest, where a schedule says so.

    `floats`: the number for folds of floats on machines that multiply these one by one, in registers that nothing else takes.
    """

    name: ClassVar[str] = "jam_outputs"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    factor: int | None = scheduled("jam", "outputs")
    floats: int | None = scheduled("jam", "floats")

    def run(self, module: Operation, context: PassContext) -> None:
        for operation in [o for o in module.walk() if o.name == "loop.for"]:
            if _can_jam(operation) and not _is_scheduled(operation):
                plan = plan_for(self, operation, context, lambda nest: facts_of(nest_root(nest)))
                if plan is not None:
                    _jam(operation, plan, plan["jam", "floats" if _takes_floats(operation, context) else "outputs"])

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        factor = plan["jam", "outputs"]
        return factor == 1 or any(_width(_count(each), factor) == factor <= _count(each) for each in nest.walk() if each.name == "loop.for" and _can_jam(each))


def _can_jam(nest: Operation) -> bool:
    """Whether a loop is parallel, of constant bounds, and holds folds whose bounds do not depend on it."""
    if not loop.is_parallel(nest) or nest.results or loop.constant_bounds(nest) is None or loop.step(nest) != 1:
        return False
    inner = [o for o in nest.walk() if o is not nest]
    folds = [o for o in inner if o.name == "loop.for"]
    if not folds or any(loop.is_parallel(o) or not o.results for o in folds):
        return False
    if any(o.name in ("loop.tensor", "loop.if") for o in inner):
        return False
    moving = _depending_on(nest)
    return not any(v in moving for fold in folds for v in (*loop.lower_operands(fold), *loop.upper_operands(fold)))


def _takes_floats(nest: Operation, context: PassContext) -> bool:
    """Whether folds carry floats and share what they load, the machine multiplies these one by one, and the nest is short: all of it is written out."""
    at_once = context.target.costs.multiply_accumulates.get("float", 0) if context.target is not None else 0
    if at_once != 1:
        return False
    inner, moving = list(nest.walk()), _depending_on(nest)
    carried = [result.type for each in inner if each.name == "loop.for" for result in each.results]
    is_shared = any(each.name == "loop.read" and each.result not in moving for each in inner)
    return is_shared and len(inner) <= MOST_OPERATIONS and all(isinstance(type, FloatType) for type in carried)


def _is_scheduled(nest: Operation) -> bool:
    """Whether another schedule has been applied to the nest or to one around it."""
    return any("schedule" in each.attributes for each in (nest, *nest.ancestors()))


def _depending_on(nest: Operation) -> set[Value]:
    """The values inside a loop that differ between its iterations."""
    found: set[Value] = {loop.induction_variable(nest)}
    for operation in nest.walk():
        if operation is nest:
            continue
        if any(operand in found for operand in operation.operands) or _yields_into(operation, found):
            found.update(operation.results)
            for region in operation.regions:
                for block in region.blocks:
                    found.update(block.arguments[1:])
    return found


def _yields_into(operation: Operation, found: set[Value]) -> bool:
    """Whether a fold's body reads what differs (its accumulators then differ too)."""
    return bool(operation.regions) and any(operand in found for inner in operation.walk() for operand in inner.operands)


def _jam(nest: Operation, plan: Plan, factor: int) -> None:
    count = _count(nest)
    width = _width(count, factor)
    whole = count // width * width
    if width == 1 or not whole:
        return
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    low, _ = bounds
    builder = Builder.before(nest)
    made = loop.create_for(builder, (AffineMap.constant(low), ()), (AffineMap.constant(low + whole), ()), step=width, parallel=True, label=_label(nest))
    plan.mark(made, {("jam", "outputs"): width}, without=("jam", "floats"))
    variable, new_variable = loop.induction_variable(nest), loop.induction_variable(made)
    lanes: list[dict[Value, Value]] = [{variable: new_variable} for _ in range(width)]
    known: list[dict[Value, Index]] = [{new_variable: (AffineDimension(0) + lane, (new_variable,))} for lane in range(width)]
    _Jam(_depending_on(nest), lanes, known).block(nest.body.operations, Builder.at_end(made.body, nest.location))
    if whole == count:
        nest.erase()
    elif count - whole == 1:
        _unwrap(nest, low + whole)
    else:
        nest.properties["lower_map"] = AffineMap.constant(low + whole)


def _count(nest: Operation) -> int:
    """The iterations of a loop of constant bounds that goes by one."""
    bounds = loop.constant_bounds(nest)
    assert bounds is not None
    return bounds[1] - bounds[0]


def _width(count: int, factor: int) -> int:
    """The greatest number up to `factor` that leaves the smallest rest."""
    return min(range(factor, 1, -1), key=lambda each: count % each, default=1)


def _label(nest: Operation) -> str:
    return loop.induction_variable(nest).name


def _unwrap(nest: Operation, position: int) -> None:
    """Replaces a loop by its body at one position."""
    known: dict[Value, Index] = {loop.induction_variable(nest): (AffineConstant(position), ())}
    values: dict[Value, Value] = {}
    builder = Builder.before(nest)
    for operation in nest.body.operations[:-1]:
        builder.insert(clone_substituted(operation, values, known))
    nest.erase()


class _Jam:
    """Copies a body once for what the lanes share and once per lane for what differs."""

    def __init__(self, moving: set[Value], lanes: list[dict[Value, Value]], known: list[dict[Value, Index]]) -> None:
        self.moving = moving
        self.lanes = lanes
        self.known = known

    def block(self, operations: Sequence[Operation], builder: Builder) -> None:
        for operation in operations:
            if operation.name == "loop.yield":
                values = [lane.get(v, v) for v in operation.operands for lane in self.lanes]
                builder.create("loop.yield", values)
            elif operation.name == "loop.for" and any(result in self.moving for result in operation.results):
                self._fold(operation, builder)
            elif operation.results and not any(result in self.moving for result in operation.results):
                copy = builder.insert(operation.clone(self.lanes[0]))
                for lane in self.lanes[1:]:
                    lane.update(zip(operation.results, copy.results, strict=True))
            else:
                for lane, known in zip(self.lanes, self.known, strict=True):
                    builder.insert(self._clone(operation, lane, known))

    def _clone(self, operation: Operation, lane: dict[Value, Value], known: dict[Value, Index]) -> Operation:
        copy = operation.clone(lane)
        if any(operand in known for operand in copy.operands):
            substitute(copy, known)
        return copy

    def _fold(self, fold: Operation, builder: Builder) -> None:
        """One loop that carries the accumulators of all lanes."""
        initial = [lane.get(v, v) for v in loop.initial_values(fold) for lane in self.lanes]
        shared = self.lanes[0]
        lower = [shared.get(v, v) for v in loop.lower_operands(fold)]
        upper = [shared.get(v, v) for v in loop.upper_operands(fold)]
        made = loop.create_for(
            Builder(builder.block, builder.anchor, fold.location),
            (loop.lower_map(fold), lower),
            (loop.upper_map(fold), upper),
            initial,
            step=loop.step(fold),
            label=_label(fold),
        )
        width = len(self.lanes)
        for number, lane in enumerate(self.lanes):
            lane[loop.induction_variable(fold)] = loop.induction_variable(made)
            for i, (argument, result) in enumerate(zip(fold.body.arguments[1:], fold.results, strict=True)):
                lane[argument] = made.body.arguments[1 + i * width + number]
                lane[result] = made.results[i * width + number]
        self.block(fold.body.operations, Builder.at_end(made.body, fold.location))
