"""graph.requantize by integer sequences that are proved equal to it on every accumulator that can occur.

    %y = graph.requantize(%a) {scale = ["5/7919", ...], zero_point = 3}
=>
    %y = graph.requantize_high(%a, %multipliers, %rounding, %shift) {zero_point = 0}

In the order of preference: the high word of one multiplication with one rounding and one shift for all channels; 64-bit
products with a rounding or a shift for each channel; halves to even by shifts, or by a division, where a tie can occur; a
table of thresholds.  Layers whose high words can do with several shifts take the one that most of them share, so that they may
share their code.  On the way every sum of products is obliged to fit its type in any order of summation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import numpy

from tinyir.dialects.graph_integers import create, create_constant, tensor_type
from tinyir.dialects.graph_ranges import ChannelRange, GraphRanges
from tinyir.ir.builder import Builder, functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.exact import Requantization
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import requantizations, type_of
from tinyir.ir.types import I8, I32, I64, IntegerType
from tinyir.prove.claim import Claim
from tinyir.prove.exact_quotient import AllClaims, ExactQuotientClaim
from tinyir.prove.fixed_point import LayerFixedPoint, choose_layer, high_word_forms
from tinyir.prove.half_even import HalfEvenDivision, choose_half_even_division
from tinyir.prove.obligations import Kind, Obligation
from tinyir.prove.ranges import RangeClaim
from tinyir.prove.requantize import LayerRequantizeClaim, RequantizeClaim, ThresholdSearch
from tinyir.rewrite.passes import Pass, PassContext

_PRODUCTS = ("graph.multiply", "graph.multiply_widening", "graph.add")
_HIGH_WORD = 32


@attrs.frozen
class LowerRequantize(Pass):
    """Chooses a sequence for each requantization.  `high_word` False: always by 64-bit sums."""

    reads = ("graph", "func")
    leaves = ("graph", "func")
    high_word: bool = True

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            ranges = GraphRanges()
            for operation in function.body:
                oblige_range(operation, ranges, context)
            choices = [_Choice(o, ranges.of(o.operands[0]), context, self.high_word) for o in function.body if o.name == "graph.requantize"]
            shifts = Counter(shift for choice in choices for shift in choice.by_shift)
            for choice in choices:
                choice.lower(max(choice.by_shift, key=lambda shift: (shifts[shift], -shift), default=None))


def _state(operation: Operation, kind: Kind, statement: str, claim: Claim, context: PassContext) -> None:
    """Records an obligation.  One that the prover leaves open stays so in the ledger, which tells the user.

    Raises:
        TinyirError: it is refuted.
    """
    where = " ".join(operation.location.names) or operation.name
    verdict = context.ledger.add(Obligation(kind, where, statement, claim))
    if verdict.state == "refuted":
        found = ", ".join(f"{name} = {value}" for name, value in list((verdict.counterexample or {}).items())[:3])
        raise TinyirError(
            f"node '{where}' ({operation.name}): refuted that {statement}" + (f": {found}" if found else ""),
            place=operation.location.place,
            hint="a layer of fewer inputs, or scales that keep its sums smaller, can be proved" if kind == "range" else "",
        )


def oblige_range(operation: Operation, ranges: GraphRanges, context: PassContext) -> None:
    """The obligation that an operation's sums fit their type."""
    results = [result for result in operation.results if result.type and isinstance(tensor_type(result).element, IntegerType)]
    if not operation.name.startswith("graph.") or not results:
        return
    element = tensor_type(results[0]).element
    assert isinstance(element, IntegerType)
    terms = ranges.terms(operation)
    if terms is not None:
        claim = RangeClaim.of(terms.weights, terms.x_low, terms.x_high, terms.bias, element.width)
        channels, count = terms.weights.shape
        _state(operation, "range", f"{channels} sums of {count} products fit {element.width} bits in any order", claim, context)
    elif operation.name in _PRODUCTS:
        low, high = ranges.exact_hull(operation)
        one, none = numpy.ones((1, 1), numpy.int64), numpy.zeros(1, numpy.int64)
        claim = RangeClaim.of(one, low, high, none, element.width)
        _state(operation, "range", f"values from {low} to {high} fit {element.width} bits", claim, context)


class _Choice:
    """One requantization, and what may come in."""

    def __init__(self, operation: Operation, incoming: ChannelRange, context: PassContext, high_word: bool) -> None:
        self.operation = operation
        self.context = context
        self.high_word = high_word
        self.meanings = requantizations(operation)
        if len(self.meanings) == 1:
            incoming = incoming.joined()
        self.low, self.high = [int(x) for x in incoming.low], [int(x) for x in incoming.high]
        self.builder = Builder.before(operation)
        element = type_of(operation, "result_type")
        first = self.meanings[0]
        self.limits: dict[str, Any] = {"low": first.low, "high": first.high, "result_type": element or I8}
        # one form for all layers of a network lets them share their code
        widths = (64,) if context.goal == "size" and len(self.meanings) > 1 else (32, 64)
        self.layer = choose_layer(self.meanings, self.low, self.high, widths)
        """The cheapest form for the layer alone."""
        alike = self.layer is not None and high_word and self.layer.high_word_only and len(self.layer.shifts) == len(self.layer.roundings) == 1
        self.by_shift = {form.shifts[0]: form for form in high_word_forms(self.meanings, self.low, self.high)} if alike else {}
        """Those that cost the same."""

    def lower(self, shift: int | None) -> None:
        layer = self.layer if shift is None else self.by_shift[shift]
        result, claim, how = self._fixed(layer) if layer is not None else self._exact()
        _state(self.operation, "requantize", f"{how} is the real rounding of {len(self.meanings)} channels", claim, self.context)
        result.name = self.operation.result.name
        self.operation.replace_by(result)

    def _table(self, values: Sequence[int], element: IntegerType) -> Value:
        common = values[:1] if len(set(values)) == 1 else values
        return create_constant(self.builder, numpy.array(common, numpy.int64), element)

    def _fixed(self, layer: LayerFixedPoint) -> tuple[Value, Claim, str]:
        x, multipliers = self.operation.operands[0], self._table(layer.multipliers, I32)
        limits = self.limits | {"zero_point": layer.zero_point}
        claim = LayerRequantizeClaim(self.meanings, layer, tuple(self.low), tuple(self.high))
        if self.high_word and layer.high_word_only:
            operands = [x, multipliers, self._table([r >> _HIGH_WORD for r in layer.roundings], I32), self._table([s - _HIGH_WORD for s in layer.shifts], I32)]
            return create(self.builder, "graph.requantize_high", operands, **limits), claim, "the high word of a product"
        operands = [x, multipliers, self._table(layer.roundings, I64), self._table(layer.shifts, I32)]
        limits["sum_type"] = I32 if layer.width == I32.width else None
        return create(self.builder, "graph.requantize_fixed", operands, **limits), claim, f"a {layer.width}-bit product"

    def _exact(self) -> tuple[Value, Claim, str]:
        """Forms for ties that go both ways; in the end the thresholds themselves."""
        items = list(zip(self.meanings, self.low, self.high, strict=True))
        forms = [choose_half_even_division(*item) for item in items]
        shifted = [form for form in forms if form is not None and form.shift is not None]
        if len(shifted) == len(items):
            claims = tuple(RequantizeClaim(m, form, low, high) for (m, low, high), form in zip(items, shifted, strict=True))
            return self._half_even(shifted), AllClaims(claims), "a shift with halves to even"
        if len(items) == 1 and not self.meanings[0].offset_numerator:
            claim = ExactQuotientClaim(self.meanings[0], self.meanings[0].numerator, self.meanings[0].denominator, self.low[0], self.high[0])
            if claim.decide().state == "proved":
                return self._division(self.meanings[0]), claim, "a division with halves to even"
        return self._thresholds()

    def _half_even(self, forms: Sequence[HalfEvenDivision]) -> Value:
        operands = [self.operation.operands[0], self._table([form.factors[0] for form in forms], I32)]
        operands += [self._table([form.constant for form in forms], I64), self._table([form.shift or 0 for form in forms], I32)]
        limits = self.limits | {"zero_point": self.meanings[0].zero_point}
        if any(form.width > I32.width for form in forms):
            limits |= {"sum_type": I64}
        return create(self.builder, "graph.requantize_half_even", operands, **limits)

    def _division(self, meaning: Requantization) -> Value:
        numbers: dict[str, Any] = {"numerator": meaning.numerator, "denominator": meaning.denominator, "zero_point": meaning.zero_point}
        return create(self.builder, "graph.requantize_division", [self.operation.operands[0]], **numbers, **self.limits)

    def _thresholds(self) -> tuple[Value, Claim, str]:
        items = list(zip(self.meanings, self.low, self.high, strict=True))
        rows = [[min(t, I32.greatest) for t in m.thresholds(low, high)] for m, low, high in items]
        table = create_constant(self.builder, numpy.array(rows, numpy.int64).reshape(len(rows), -1), I32)
        claims = [RequantizeClaim(m, ThresholdSearch(tuple(row), m.low), low, high) for (m, low, high), row in zip(items, rows, strict=True)]
        limits = {name: self.limits[name] for name in ("low", "result_type")}
        result = create(self.builder, "graph.requantize_thresholds", [self.operation.operands[0], table], **limits)
        return result, AllClaims(tuple(claims)), "a table of thresholds"
