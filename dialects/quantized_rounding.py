"""The roundings at the end of quantized regions: tables, requantizations, weighted sums, softmax; each with its obligations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import Any

import attrs
import numpy

from tinyir.dialects.graph_integers import create, create_constant, tensor_type
from tinyir.dialects.graph_reals import UnloweredError, all_values
from tinyir.dialects.quantized_values import Accumulator, Pair, Sink, Term, Unary, collapsed, settled
from tinyir.ir.builder import Builder
from tinyir.ir.exact import SumRequantization
from tinyir.ir.location import Location, fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import fractions_attribute
from tinyir.ir.types import I32, I64, IntegerType
from tinyir.prove.approximation import ApproximationClaim, SoftmaxClaim, softmax_table
from tinyir.prove.exact_quotient import SumQuotientClaim
from tinyir.prove.half_even import HalfEvenDivision, choose_half_even_sum
from tinyir.prove.obligations import Kind, Obligation
from tinyir.prove.real_functions import add as plus
from tinyir.prove.real_functions import multiply
from tinyir.prove.requantize import SumRequantizeClaim
from tinyir.prove.softmax_division import QuotientClaim, ShortQuotientClaim
from tinyir.prove.sum_fixed_point import SumFixedPoint, choose_sum
from tinyir.rewrite.passes import Ledger

_MOST_SHORT_CLASSES = 16
_STEPS_OF_A_BYTE = 256
_SUM = "the weighted sum is the real one, rounded half to even, for every pair"


class Rounding:
    """Builds what rounds, where `builder` stands."""

    def __init__(self, builder: Builder, ledger: Ledger) -> None:
        self.builder = builder
        self.ledger = ledger

    def table(self, unary: Unary, sink: Sink) -> Value:
        """A function of one 8-bit tensor: the tensor itself, a clamp, or the table of its 256 values."""
        values = [sink(real) for real in unary.reals]
        name = self.clamp_or_table(unary, values, sink.element, fuse(unary.location, sink.location))
        claimed = [plus(multiply(real, 1 / sink.scale), Fraction(sink.zero_point)) for real in unary.reals]
        if name.definer is not None and name.definer.name == "graph.lookup":
            claim = ApproximationClaim.of(tuple(values), claimed, Fraction(1, 2), sink.low, sink.high)
            self._oblige("approximation", name, "the table of 256 entries is within half a step of the real function", claim)
        return name

    def clamp_or_table(self, unary: Unary, values: Sequence[int], element: IntegerType, location: Location) -> Value:
        """The integers that stand for the 256 values of a tensor."""
        inputs = all_values(unary.element)
        low, high = min(values), max(values)
        if element is unary.element and list(values) == [min(max(x, low), high) for x in inputs]:
            if (low, high) == (inputs[0], inputs[-1]):
                return unary.value
            return create(self.builder, "graph.clamp", [unary.value], location, low=low, high=high)
        table = create_constant(self.builder, numpy.array(values), element)
        return create(self.builder, "graph.lookup", [unary.value, table], location)

    def _oblige(self, kind: Kind, value: Value, statement: str, claim: Any) -> None:
        definer = value.definer
        where = " ".join(definer.location.names) if definer is not None else ""
        verdict = self.ledger.add(Obligation(kind, where, statement, claim))
        if verdict.state != "proved":
            raise UnloweredError(f"it is not proved that {statement}")

    def requantize(self, found: Accumulator, sink: Sink) -> Value:
        """A sum of products, rounded: by channels, or element by element where units or offsets differ within a channel."""
        found = settled(found)
        scale, offset = collapsed(found.unit / sink.scale), collapsed(found.offset / sink.scale)
        total = found.create(found.bias if found.bias is not None else numpy.zeros(0, numpy.int64))
        location = fuse(found.location, sink.location)
        per_channel = all(n == 1 for array in (scale, offset) for n in array.shape[:-1])
        shape = found.shape if per_channel else (int(numpy.prod(found.shape)),)
        count = 1 if scale.size == offset.size == 1 else shape[-1]
        lists = [numpy.broadcast_to(a, found.shape).reshape(-1) if not per_channel else numpy.broadcast_to(a.reshape(-1), (count,)) for a in (scale, offset)]
        if not per_channel:
            total = create(self.builder, "graph.reshape", [total], location, shape=shape)
        properties = {
            "scale": fractions_attribute(Fraction(value) for value in lists[0]),
            "offset": fractions_attribute(Fraction(value) for value in lists[1]) if any(lists[1]) else None,
            "zero_point": sink.zero_point,
            "low": sink.low,
            "high": sink.high,
            "result_type": sink.element,
        }
        result = create(self.builder, "graph.requantize", [total], location, **properties)
        return result if per_channel else create(self.builder, "graph.reshape", [result], location, shape=found.shape)

    def add(self, pair: Pair, sink: Sink) -> Value:
        """A sum of two tensors, rounded.

        Raises:
            UnloweredError: no integer form of it is known.
        """
        first, second = pair.first, pair.second
        meaning = SumRequantization(
            (first.scale / sink.scale).as_integer_ratio(),
            (second.scale / sink.scale).as_integer_ratio(),
            first.zero_point,
            second.zero_point,
            sink.zero_point,
            sink.low,
            sink.high,
        )
        ranges = (first.low, first.high), (second.low, second.high)
        location = fuse(pair.location, sink.location)
        operands = [first.value, second.value]
        limits: dict[str, Any] = {"low": sink.low, "high": sink.high, "result_type": sink.element}
        form: SumFixedPoint | HalfEvenDivision | None = choose_half_even_sum(meaning, *ranges) if _has_ties(meaning, *ranges) else choose_sum(meaning, *ranges)
        if form is None or (isinstance(form, HalfEvenDivision) and form.shift is None):
            return self._divided_sum(meaning, ranges, operands, limits, location)
        limits["sum_type"] = I64 if form.width > I32.width else None
        if isinstance(form, SumFixedPoint):
            limits |= {"x_multiplier": form.first, "y_multiplier": form.second, "rounding": form.rounding, "shift": form.shift}
            result = create(self.builder, "graph.add_fixed", operands, location, **limits)
        else:
            limits |= {"x_multiplier": form.factors[0], "y_multiplier": form.factors[1], "rounding": form.constant, "shift": form.shift}
            result = create(self.builder, "graph.add_half_even", operands, location, zero_point=sink.zero_point, **limits)
        self._oblige("requantize", result, _SUM, SumRequantizeClaim(meaning, form, *ranges))
        return result

    def _divided_sum(
        self, meaning: SumRequantization, ranges: tuple[tuple[int, int], tuple[int, int]], operands: list[Value], limits: dict[str, Any], location: Location
    ) -> Value:
        """The exact sum of integers, divided."""
        numbers = meaning.integers()
        first, second, addend, denominator = (n // gcd(*numbers) for n in numbers)
        claim = SumQuotientClaim(meaning, first, second, addend, denominator, *ranges, I32.width)
        if claim.greatest() > I32.greatest:
            claim = attrs.evolve(claim, bits=I64.width)
            limits["sum_type"] = I64
        limits |= {"x_multiplier": first, "y_multiplier": second, "addend": addend, "denominator": denominator, "zero_point": meaning.zero_point}
        result = create(self.builder, "graph.add_division", operands, location, **limits)
        self._oblige("requantize", result, _SUM, claim)
        return result

    def softmax(self, operation: Operation, x: Term, location: Location, sink: Sink) -> Value:
        """A softmax over the last axis of an 8-bit tensor; `location` is the tensor's.

        Raises:
            UnloweredError: the quotients are too large.
        """
        element = tensor_type(x.value).element
        assert isinstance(element, IntegerType)
        if element is not sink.element:  # what the operator gives has the type of x
            offset = sink.element.lowest - element.lowest
            moved = attrs.evolve(sink, element=element, zero_point=sink.zero_point - offset, low=sink.low - offset, high=sink.high - offset)
            found = self.softmax(operation, x, location, moved)
            return create(self.builder, "graph.move_zero_point", [found], sink.location, offset=offset, result_type=sink.element)
        classes = tensor_type(operation.result).shape[-1]
        table = softmax_table(x.scale)
        stored = create_constant(self.builder, numpy.array(table), I32)
        location = fuse(location, operation.location, sink.location)
        limits: dict[str, Any] = {"zero_point": sink.zero_point, "low": sink.low, "high": sink.high}
        steps = 1 / sink.scale
        quotient: ShortQuotientClaim | QuotientClaim
        if steps == _STEPS_OF_A_BYTE and classes <= _MOST_SHORT_CLASSES:
            result = create(self.builder, "graph.softmax_quantized_short", [x.value, stored], location, **limits)
            quotient = ShortQuotientClaim(classes, table[0])
            how = "two 32-bit divisions give the quotient"
        else:
            width = I32.width if classes * table[0] <= I32.greatest else I64.width
            quotient = QuotientClaim(steps.numerator, steps.denominator, classes, table[0], width)
            limits |= {"numerator": steps.numerator, "denominator": steps.denominator, "sum_type": I64 if width == I64.width else None}
            result = create(self.builder, "graph.softmax_quantized", [x.value, stored], location, **limits)
            how = "the quotient fits 64 bits"
        claim = SoftmaxClaim.of(x.scale, table, classes, sink.scale)
        self._oblige("approximation", result, f"softmax over {classes} classes is within {float(claim.error):.4f} steps of the real one", claim)
        self._oblige("requantize", result, how, quotient)
        return result


def _has_ties(meaning: SumRequantization, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether some pair lies exactly between two results."""
    p, q, c, d = meaning.integers()
    if d % 2:
        return False
    a, b = (numpy.array([(2 * f * x) % (2 * d) for x in range(low, high + 1)], dtype=object) for f, (low, high) in ((p, first), (q, second)))
    wanted = (d - 2 * c) % (2 * d)
    remainders = set(b)
    return any((wanted - x) % (2 * d) in remainders for x in a)
