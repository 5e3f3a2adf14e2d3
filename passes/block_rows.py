"""loop -> loop: a sum of products for one position takes four outputs side by side, two weights in each 16-bit lane.

    for %o { sum over %k of x[%k] * w[%o, %k] }
=>
    stage xs[%k / 4] = (x1, x3, 256 * x0 - x1, 256 * x2 - x3)                  // four terms of x
    for %o by four { for %k by four { for each output: with its lanes v0 = 256 * w1 + w0, v1 = 256 * w3 + w2
                                       %a + v0 * x1 + v1 * x3 + low(v0) * (256 * x0 - x1) + low(v1) * (256 * x2 - x3) }
                     %a >> 8 ... }

since (256 w1 + w0) x1 + w0 (256 x0 - x1) = 256 (w0 x0 + w1 x1): a lane is used as it lies in memory, and its low byte is one
widening away, where four weights of one byte would need two.  Nothing is lost as long as 256 times the sum fits 32 bits, and
x1, x3 are shifted below zero so that the mixed lanes fit 16 bits just so.  The weights are packed for it at compile time; where
w1 = -128 and w0 < 0 a lane would be too small, and -127 x1 stands in it, with -1 x1 as one more term behind the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.dialects import loop_writer as write
from tinyir.dialects.loop_edits import Index, clone_substituted
from tinyir.dialects.product_nests import ProductNest, constant_elements, extent_of, find_product_nest, spare_bytes
from tinyir.dialects.schedules import Plan, SchedulingPass, plan_for, scheduled
from tinyir.ir.affine import AffineDimension, AffineExpression, linear_terms
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I32, INDEX, TensorType
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.instructions import IdentityClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import PassContext

LANES = 4
"""Terms of one step."""
SCALE = 256
HIGH_SHIFT = 127
"""What is taken off every other element of x: from -255 to 0, it leaves 256 * x0 - x1 within 16 bits for all bytes."""
BYTE = (-128, 127)
LEAST_TERMS_PER_COPY = 8
"""With more terms that stand twice, other schedules are better."""

Integers = NDArray[np.int64]


@attrs.frozen
class BlockRows(SchedulingPass):
    """Blocks the rows of the sums of products that a schedule gives to it, if their weights and bias are constants.

    `scratch_bytes`: what the terms may take where memory is dear.  `rows`: outputs side by side.
    """

    name: ClassVar[str] = "block_rows"
    reads: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("loop", "arith", "func", "builtin")

    scratch_bytes: int | None = scheduled("stage", "bytes")
    rows: int | None = scheduled("jam", "outputs", (1, 2, 3, 4))

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for root in [o for o in function.body if o.name == "loop.for"]:
                nest = find_product_nest(root)
                plan = plan_for(self, root, context) if nest is not None else None
                rows = _Rows.of(nest) if nest is not None and plan is not None else None
                if rows is not None and plan is not None and rows.fit(plan) and rows.is_proved(context):
                    _Blocking(rows, plan).run()

    def takes(self, nest: Operation, plan: Plan, context: PassContext) -> bool:
        found = find_product_nest(nest)
        rows = _Rows.of(found) if found is not None and nest.parent_operation is not None and nest.parent_operation.name == "func.func" else None
        return rows is not None and rows.fit(plan) and rows.ranges.decide().state == "proved"


@attrs.frozen(eq=False)
class _Rows:
    """A product nest as a matrix of weights, biases, and x as a list of bytes."""

    nest: ProductNest
    weights: Integers
    biases: Integers
    bias: Operation
    columns: tuple[int, ...]
    """Of each term the place of its x: those of the sum, and behind them those that stand twice."""

    @classmethod
    def of(cls, nest: ProductNest) -> _Rows | None:
        if not nest.has_plain_weights or len(nest.loops) != 1 or nest.outputs != nest.loops or any(nest.clip_conditions()) or nest.x.uses(nest.outputs):
            return None
        outputs, terms = extent_of(nest.loops[0]), [extent_of(fold) for fold in nest.folds]
        order = [loop.induction_variable(fold) for fold in nest.folds]
        count = int(np.prod(terms))
        output = loop.induction_variable(nest.loops[0])
        if _strides(nest.x.read, order) != _row_major(terms) or _strides(nest.w.read, [output, *order]) != [count, *_row_major(terms)]:
            return None
        weights, bias = constant_elements(nest.w.tensor), nest.sum.operands[-1].definer
        biases = _biases(bias, output, outputs) if bias is not None else None
        if weights is None or weights.size != outputs * count or bias is None or biases is None:
            return None
        weights, columns = _fitting(weights.reshape(outputs, count))
        return cls(nest, weights, biases, bias, columns) if len(columns) <= count + count // LEAST_TERMS_PER_COPY else None

    @property
    def totals(self) -> tuple[int, int]:
        """The range of the exact sums over all x."""
        shift = self.nest.x.shift
        low, high = BYTE[0] - shift, BYTE[1] - shift
        count = max(self.columns) + 1
        exact = self.weights[:, :count].copy()
        for place, column in enumerate(self.columns[count:], count):
            exact[:, column] += self.weights[:, place]
        least = np.minimum(exact * low, exact * high).sum(1) + self.biases
        greatest = np.maximum(exact * low, exact * high).sum(1) + self.biases
        return int(least.min()), int(greatest.max())

    @property
    def lanes(self) -> Integers:
        """The weights two by two, the last alone where their number is odd."""
        even = np.pad(self.weights, ((0, 0), (0, self.weights.shape[1] % 2)))
        return even[:, 1::2] * SCALE + even[:, 0::2]

    def fit(self, plan: Plan) -> bool:
        """Whether there is memory for the terms."""
        spare = spare_bytes(self.nest.root)
        return spare is None or 2 * self.weights.shape[1] <= max(spare, plan["stage", "bytes"])

    @property
    def ranges(self) -> ArithmeticClaim:
        """That lanes and sums fit."""
        steps = (
            ArithmeticStep("-", (SCALE * BYTE[0], SCALE * BYTE[1]), (BYTE[0] - HIGH_SHIFT, 0), 16),
            ArithmeticStep("+", (int(self.lanes.min()), int(self.lanes.max())), (0, 0), 16),
            ArithmeticStep("*", self.totals, (SCALE, SCALE), 32),
        )
        return ArithmeticClaim(steps)

    def is_proved(self, context: PassContext) -> bool:
        """Whether lanes and sums fit, and the lanes' products are the terms."""
        where = ", ".join(self.nest.root.location.names) or "a sum of products"
        ranges = self.ranges
        if ranges.decide().state != "proved":
            return False
        fits = Obligation("range", where, f"mixed lanes fit 16 bits, and {SCALE} times every sum fits 32", ranges)
        identity = Obligation("instr", where, "two lanes of weights hold four terms", IdentityClaim(_lanes_identity()))
        stated = [fits, identity]
        copies = len(self.columns) - max(self.columns) - 1
        if copies:
            split = IdentityClaim(((("x",), BYTE[0] + 1), (("x",), -1), (("x",), -BYTE[0])))
            stated.append(Obligation("instr", where, f"{BYTE[0]} x is {BYTE[0] + 1} x - x, for {copies} of x", split))
        return all(context.ledger.add(each).state == "proved" for each in stated)


def _fitting(weights: Integers) -> tuple[Integers, tuple[int, ...]]:
    """The weights with one more column for each x whose weight would not fit its lane, and the x of each column."""
    high, low = weights[:, 1::2], weights[:, 0 : weights.shape[1] - 1 : 2]
    beyond = np.zeros(weights.shape, bool)
    beyond[:, 1::2] = high * SCALE + low < -(1 << 15)
    twice = np.flatnonzero(beyond.any(0))
    fitting = np.concatenate([weights + beyond, -beyond[:, twice].astype(np.int64)], 1)
    return fitting, (*range(weights.shape[1]), *(int(column) for column in twice))


def _lanes_identity() -> tuple[tuple[tuple[str, ...], int], ...]:
    """(256 w1 + w0) x1 + w0 (256 x0 - x1) - 256 (w0 x0 + w1 x1) as products of names with coefficients: their sum is zero."""
    return (
        (("w1", "x1"), SCALE),
        (("w0", "x1"), 1),
        (("w0", "x0"), SCALE),
        (("w0", "x1"), -1),
        (("w0", "x0"), -SCALE),
        (("w1", "x1"), -SCALE),
    )


def _biases(start: Operation, output: Value, outputs: int) -> Integers | None:
    """What the sums of all outputs start from: a constant, or what is read of one."""
    value = start.properties.get("value")
    if start.name == "arith.constant" and isinstance(value, IntegerAttribute):
        return np.full(outputs, value.value, np.int64)
    found = constant_elements(loop.accessed_tensor(start)) if start.name == "loop.read" else None
    return found.reshape(outputs) if found is not None and found.size == outputs and _strides(start, [output]) == [1] else None


def _row_major(extents: list[int]) -> list[int]:
    strides: list[int] = []
    stride = 1
    for extent in reversed(extents):
        strides.insert(0, stride)
        stride *= extent
    return strides


def _strides(read: Operation, variables: list[Any]) -> list[int] | None:
    """By how many elements a read moves with each of the variables, if it moves with nothing else and starts at the first."""
    type, indices = loop.accessed_tensor(read).type, loop.access_indices(read)
    assert isinstance(type, TensorType)
    linear: AffineExpression = AffineDimension(0) * 0
    for result, extent in zip(loop.access_map(read).results, type.shape, strict=True):
        linear = linear * extent + result
    found = [0] * len(variables)
    for factor, coefficient in linear_terms(linear).items():
        if not isinstance(factor, AffineDimension) or indices[factor.position] not in variables:
            return None
        found[variables.index(indices[factor.position])] += coefficient
    return found


class _Blocking:
    """One nest on its way into blocks of rows."""

    def __init__(self, rows: _Rows, plan: Plan) -> None:
        self.rows = rows
        self.plan = plan
        self.jam = plan["jam", "outputs"]
        self.nest = rows.nest
        self.outputs, self.terms = rows.weights.shape
        self.groups = -(-self.outputs // self.jam)
        self.steps = -(-self.terms // LANES)
        self.output = self.nest.loops[0]

    def run(self) -> None:
        made = write.for_each(Builder.before(self.nest.root), [write.constant_index(self.groups)], loop.induction_variable(self.output).name or "o")
        self.plan.mark(made)
        before = Builder.before(made)
        weights, biases = self._packed(before)
        xs = before.create("loop.tensor", [], [TensorType((self.steps * LANES,), I16)], {"alignment": IntegerAttribute(4, INDEX)}).result
        xs.name = "x_lanes"
        self._stage(before, xs)
        builder, group = write.inside(made)
        outputs = [write.combined(AffineDimension(0) * self.jam + row, [group]) for row in range(self.jam)]
        initial = [write.read(builder, biases, [output]) for output in outputs]
        sums = self._inner_loop(builder, xs, weights, group, initial)
        fixed, moving = self.nest.split_body()
        for row, (output, total) in enumerate(zip(outputs, sums.results, strict=True)):
            self._finish(builder, [*fixed, *moving], output, total, row)
        self.nest.root.erase()

    def _packed(self, builder: Builder) -> tuple[Value, Value]:
        """The weights as lanes [group, step, row, lane], and the biases as sums start: 256 times, with what x was shifted by."""
        lanes = np.zeros((self.groups * self.jam, self.steps * 2), np.int64)
        lanes[: self.outputs, : self.rows.lanes.shape[1]] = self.rows.lanes
        ordered = lanes.reshape(self.groups, self.jam, self.steps, 2).transpose(0, 2, 1, 3)
        shift = self.nest.x.shift
        corrections = np.where(np.arange(self.steps * LANES) % 2 == 0, -shift, HIGH_SHIFT - shift)
        biases = np.zeros(self.groups * self.jam, np.int64)
        biases[: self.outputs] = (self.rows.biases + (self.rows.weights * corrections[: self.terms]).sum(1)) * SCALE
        wrapped = (biases + (1 << 31)) % (1 << 32) - (1 << 31)
        stated = {"alignment": IntegerAttribute(4, INDEX)}
        bias = self.rows.bias
        names = self.nest.w.tensor.name, loop.accessed_tensor(bias).name if bias.name == "loop.read" else bias.result.name
        made = []
        for values, element, name in zip((ordered, wrapped), (I16, I32), names, strict=True):
            type = TensorType(values.shape, element)
            dense = DenseElements.of(type, [int(v) for v in values.ravel()])
            constant = builder.create("arith.constant", [], [type], {"value": dense}, attributes=dict(stated))
            constant.result.name = name
            made.append(constant.result)
        return made[0], made[1]

    def _stage(self, builder: Builder, xs: Value) -> None:
        """Four lanes for four elements of x; what is beyond the last is zero, and so are its weights."""
        x = self.nest.x.tensor
        assert isinstance(x.type, TensorType)
        count = x.type.element_count
        flat = builder.create("loop.reshape", [x], [TensorType([count], I8)]).result
        flat.name = x.name
        whole = count // LANES
        inner, step = write.inside(write.for_each(builder, [write.constant_index(whole)], "k"))
        self._stage_step(inner, flat, xs, step, [write.combined(AffineDimension(0) * LANES + number, [step]) for number in range(LANES)])
        for number in range(whole, self.steps):
            columns = self.rows.columns[number * LANES : (number + 1) * LANES]
            self._stage_step(builder, flat, xs, write.constant_index(number), [write.constant_index(column) for column in columns])

    def _stage_step(self, builder: Builder, flat: Value, xs: Value, step: Index, columns: Sequence[Index]) -> None:
        elements: list[Value] = []
        for number in range(LANES):
            value: Value
            if number < len(columns):
                index = columns[number]
                value = builder.create("arith.extsi", [write.read(builder, flat, [index])], [I32]).result
            else:
                value = write.literal(builder, 0, I32)
            if number % 2:
                value = builder.create("arith.subi", [value, write.literal(builder, HIGH_SHIFT, I32)], [I32]).result
            elements.append(value)
        scaled = [builder.create("arith.muli", [elements[i], write.literal(builder, SCALE, I32)], [I32]).result for i in (0, 2)]
        mixed = [builder.create("arith.subi", [s, elements[i]], [I32]).result for s, i in zip(scaled, (1, 3), strict=True)]
        for place, value in enumerate((elements[1], elements[3], *mixed)):
            lane = builder.create("arith.trunci", [value], [I16]).result
            write.define(builder, lane, xs, [write.combined(AffineDimension(0) * LANES + place, [step])])

    def _inner_loop(self, builder: Builder, xs: Value, weights: Value, group: Index, initial: list[Value]) -> Operation:
        made = write.for_each(builder, [write.constant_index(self.steps)], "k", initial=initial, parallel=False)
        at, step = Builder.at_end(made.body, builder.location), write.index_of(loop.induction_variable(made))
        x = [
            at.create("arith.extsi", [write.read(at, xs, [write.combined(AffineDimension(0) * LANES + place, [step])])], [I32]).result for place in range(LANES)
        ]
        sums = []
        for row, total in enumerate(made.body.arguments[1:]):
            lanes = [write.read(at, weights, [group, step, write.constant_index(row), write.constant_index(lane)]) for lane in range(2)]
            low = [at.create("arith.trunci", [lane], [I8]).result for lane in lanes]
            factors = [at.create("arith.extsi", [each], [I32]).result for each in (*lanes, *low)]
            value: Value = total
            for left, right in zip(x, factors, strict=True):
                product = at.create("arith.muli", [left, right], [I32]).result
                value = at.create("arith.addi", [value, product], [I32]).result
            sums.append(value)
        at.create("loop.yield", sums)
        return made

    def _finish(self, builder: Builder, operations: list[Operation], output: Index, total: Value, row: int) -> None:
        """What follows the sum, where the output is not beyond the last."""
        guarded = self.outputs % self.jam and row >= self.outputs % self.jam
        if guarded:
            condition = write.combined(self.outputs - 1 - AffineDimension(0), [output])
            _, builder, otherwise = write.branch(builder, [condition], ())
            otherwise.create("loop.yield")
        exact = builder.create("arith.shrsi", [total, write.literal(builder, 8, I32)], [I32]).result
        values: dict[Value, Value] = {self.nest.sum.result: exact}
        known: dict[Value, Index] = {loop.induction_variable(self.output): output}
        for operation in operations:
            if operation is not self.rows.bias or operation.result.use_count > 1:
                builder.insert(clone_substituted(operation, values, known))
        if guarded:
            builder.create("loop.yield")
