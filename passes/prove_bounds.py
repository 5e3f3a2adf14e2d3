"""Every load and store stays inside its memory, and every index fits the integer that C computes it with.

Obligations of each function: `bounds` for each access (for all iterations of the loops around it, under the
conditions around it), `range` for the arithmetic that leads to the addresses.  The width that was proved is left on the
function as `index_bits`: the target's int, or 32 where int has 16 bits and that is not enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.dialects import loop
from tinyir.dialects.buffer import access_map
from tinyir.dialects.closed_values import reached
from tinyir.dialects.nest_accesses import bound_expressions, condition_constraints, linear_address, memory_behind
from tinyir.dialects.value_ranges import ValueRanges
from tinyir.ir.affine import AffineBinary, AffineConstant, AffineDimension, AffineExpression, AffineSet, linear_terms
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.attributes import IntegerAttribute, element_bytes
from tinyir.ir.builder import functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I64, MemRefType
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.bounds import BoundsClaim, Variable
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class ProveBounds(Pass):
    """States and discharges the obligations of all accesses; changes nothing but the attribute `index_bits`."""

    name = "prove_bounds"
    reads = ("builtin", "func", "arith", "loop", "buffer")
    leaves = ()
    preserves = (ValueRanges,)

    def run(self, module: Operation, context: PassContext) -> None:
        """
        Raises:
            TinyirError: indices that do not fit 32 bits.
        """
        int_bits = int(context.target.c.int_bits) if context.target is not None else 32
        ranges = context.analyses.get(ValueRanges, module)
        for function in functions(module):
            walk = _Walk(function, ranges, context)
            walk.block(function)
            if walk.accesses:
                walk.state_width(min(int_bits, 32))


class _Walk:
    """A walk through one function that knows the loops and conditions around each operation."""

    def __init__(self, function: Operation, ranges: ValueRanges, context: PassContext) -> None:
        self.function = function
        self.ranges = ranges
        self.context = context
        self.loops: list[Operation] = []
        self.conditions: list[Operation] = []
        self.accesses = 0
        self.magnitude = 0
        self.closed: dict[Value, Interval | None] = {}

    def block(self, operation: Operation) -> None:
        """All operations inside of one."""
        for number, region in enumerate(operation.regions):
            guarded = operation.name == "loop.if" and number == 0
            self.conditions += [operation] if guarded else []
            for block in region.blocks:
                for inner in block:
                    self._visit(inner)
            if guarded:
                self.conditions.pop()

    def _visit(self, operation: Operation) -> None:
        if operation.name in ("buffer.load", "buffer.store"):
            self._access(operation)
        elif operation.name == "loop.for":
            self._measure_bounds(operation)
            self.loops.append(operation)
            self.block(operation)
            self.loops.pop()
            return
        elif operation.name == "loop.if":
            constraints = operation.properties["condition"]
            assert isinstance(constraints, AffineSet)
            self._measure([expression for expression, _ in constraints.constraints], operation.operands)
        elif operation.name == "loop.index":
            self._measure(access_map(operation).results, operation.operands)
        self.block(operation)

    # -- widths

    def _measure(self, expressions: Sequence[AffineExpression], operands: Sequence[Value]) -> None:
        """Takes in what the terms of some expressions over index values can sum up to, in any order."""
        box = [self.ranges.of(operand) for operand in operands]
        self.magnitude = max([self.magnitude, *(magnitude_of(expression, box) for expression in expressions)])

    def _measure_bounds(self, operation: Operation) -> None:
        self._measure(loop.lower_map(operation).results, loop.lower_operands(operation))
        self._measure(loop.upper_map(operation).results, loop.upper_operands(operation))
        self.magnitude = max(self.magnitude, self.ranges.iterations(operation)[1] + loop.step(operation))

    def state_width(self, int_bits: int) -> None:
        """Chooses the width of indices and states that it is enough."""
        bits = next((width for width in (int_bits, 32) if self.magnitude < 1 << (width - 1)), None)
        if bits is None:
            raise TinyirError(f"{self._place()}: indices up to {self.magnitude} do not fit 32 bits", hint="split the tensor")
        self.function.attributes["index_bits"] = IntegerAttribute(bits, I64)
        claim = ArithmeticClaim((ArithmeticStep("+", (-self.magnitude, self.magnitude), (0, 0), bits),))
        statement = f"the indices of {self.accesses} accesses fit {bits} bits: no partial sum is beyond {self.magnitude}"
        self.context.ledger.add(Obligation("range", self._place(), statement, claim))

    # -- accesses

    def _access(self, operation: Operation) -> None:
        self.accesses += 1
        position = 0 if operation.name == "buffer.load" else 1
        memory = operation.operands[position]
        assert isinstance(memory.type, MemRefType)
        indices, data = self._indices(operation.operands[position + 1 :])
        address = linear_address(operation, indices)
        verb = "load from" if position == 0 else "store to"
        statement = f"{verb} '{memory.name or memory.type}' stays within its {memory.type.element_count} elements"
        ran = [found for value in data if (found := self._run_through(value)) is not None]
        if ran:
            statement += f": its index is computed from constants, all iterations were run and gave {' and '.join(f'{low} to {high}' for low, high in ran)}"
        claim = BoundsClaim(tuple(self._variables(data)), address, memory.type.element_count, 1, tuple(condition_constraints(self.conditions, self.loops)))
        self.context.ledger.add(Obligation("bounds", self._place(), statement, claim))
        whole = address + memory_behind(memory)[1] // element_bytes(memory.type.element)
        self.magnitude = max(self.magnitude, magnitude_of(whole, [*self._box(), *(self._range(value) for value in data)]))

    def _indices(self, values: Sequence[Value]) -> tuple[list[AffineExpression], list[Value]]:
        """Each index over the loops around, and then over the values that were computed from data."""
        known: dict[Value, AffineExpression] = {loop.induction_variable(each): AffineDimension(n) for n, each in enumerate(self.loops)}
        data: list[Value] = []

        def expression(value: Value) -> AffineExpression:
            definer = value.definer
            if value not in known and definer is not None and definer.name == "loop.index":
                known[value] = access_map(definer).results[0].replace([expression(operand) for operand in definer.operands])
            if value not in known and definer is not None and definer.name == "arith.constant":
                constant = definer.properties["value"]
                assert isinstance(constant, IntegerAttribute)
                known[value] = AffineConstant(constant.value)
            if value not in known:
                known[value] = AffineDimension(len(self.loops) + len(data))
                data.append(value)
            return known[value]

        return [expression(value) for value in values], data

    def _box(self) -> list[Interval]:
        return [self.ranges.iterations(each) for each in self.loops]

    def _range(self, value: Value) -> Interval:
        """Of an index that comes from data; if these are constants, it is run through."""
        return self._run_through(value) or self.ranges.of(value)

    def _run_through(self, value: Value) -> Interval | None:
        """What an index takes that is computed from constants, by running all iterations; None: it is not."""
        if value not in self.closed:
            self.closed[value] = reached(self.ranges.module, value)
        return self.closed[value]

    def _variables(self, data: Sequence[Value]) -> list[Variable]:
        found = []
        for number, each in enumerate(self.loops):
            name = f"{loop.induction_variable(each).name or 'i'}{number}"
            try:
                lowers, uppers = bound_expressions(each, self.loops[:number])
            except ValueError:
                low, high = self.ranges.iterations(each)
                found.append(Variable.between(name, low, high + 1))
                continue
            found.append(Variable(name, tuple(lowers), tuple(uppers), loop.step(each) if len(lowers) == 1 else 1))
        for number, value in enumerate(data):
            low, high = self._range(value)
            found.append(Variable.between(f"data{number}", low, high + 1))
        return found

    def _place(self) -> str:
        names = self.function.location.names
        return ", ".join(names) if names else str(self.function.properties["sym_name"]).strip('"')


def magnitude_of(expression: AffineExpression, box: Sequence[Interval]) -> int:
    """The greatest absolute value that any partial sum of the expression's terms can have, divisions included."""
    total = 0
    for factor, coefficient in linear_terms(expression).items():
        low, high = interval_of(factor, box)
        total += abs(coefficient) * max(abs(low), abs(high))
        if isinstance(factor, AffineBinary):
            divisor = interval_of(factor.right, box)[1]
            total += 2 * (magnitude_of(factor.left, box) + divisor)  # a quotient is made of a numerator moved above zero
    return total
