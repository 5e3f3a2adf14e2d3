"""Channels that never change, or that nobody reads, are not computed.

A channel whose range has one value is constant.  Where a convolution or a fully connected layer reads it, its contribution
joins the bias: always where it equals the zero point, and where no padding takes its place otherwise.  Then nobody needs it,
nor what it was computed from: going back from the results, a channel is kept only if a kept channel needs it.  Through
element-wise operations, pools and depthwise convolutions the kept channels of operand and result are the same.

    a layer of 32 channels, of which 21 are constant      =>      a layer of 11 channels, and other biases in the next one
"""

from __future__ import annotations

import attrs
import numpy
from numpy.typing import NDArray

from tinyir.dialects.graph_channels import carried, is_depthwise
from tinyir.dialects.graph_integers import create_constant, tensor_type
from tinyir.dialects.graph_ranges import GraphRanges, channels_of, constant_array, padded_taps
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseArray
from tinyir.ir.builder import Builder, functions
from tinyir.ir.operation import Operation, Value
from tinyir.ir.quantities import integer, integer_of, integers_of, requantizations
from tinyir.ir.registry import definition_of
from tinyir.ir.types import I32, IntegerType, QuantizedType, TensorType
from tinyir.prove.dead import DeadClaim
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.greedy import erase_dead
from tinyir.rewrite.passes import Pass, PassContext

Mask = NDArray[numpy.bool_]
_MIXING = ("graph.conv2d", "graph.dense")


@attrs.frozen
class DeadChannels(Pass):
    """Removes the channels of integer tensors that are constant or unread.  Works between lower_quantized and lower_requantize."""

    reads = ("graph", "func")
    leaves = ("graph", "func")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            _Function(function, context).run()


def _is_integer(value: Value) -> bool:
    return isinstance(value.type, TensorType) and isinstance(value.type.element, IntegerType | QuantizedType)


class _Function:
    def __init__(self, function: Operation, context: PassContext) -> None:
        self.function = function
        self.context = context
        self.ranges = GraphRanges()
        self.operations = [o for o in function.body if o.name.startswith("graph.") and len(o.results) == 1 and _is_integer(o.result)]
        self.constant: dict[Value, Mask] = {}
        self.kept: dict[Value, Mask] = {}

    def run(self) -> None:
        for operation in self.operations:
            self.constant[operation.result] = self._constant_channels(operation)
        if not any(mask.any() for operation, mask in zip(self.operations, self.constant.values(), strict=True) if operation.name != "graph.constant"):
            return
        self._find_kept()
        numbers = {o: self._mixed(o) for o in self.operations if o.name in _MIXING}
        for operation in self.operations:
            self._shrink(operation, numbers.get(operation))
        erase_dead(self.function)

    # -- which channels are constant

    def _constant_channels(self, operation: Operation) -> Mask:
        found = self.ranges.of(operation.result)
        fixed: Mask = found.low == found.high
        if operation.name == "graph.constant" or not fixed.any():
            return fixed
        definer = operation.operands[0].definer
        if operation.name == "graph.requantize" and definer is not None and self.ranges.terms(definer) is not None:
            return fixed if self._prove(operation, definer, fixed) else numpy.zeros_like(fixed)
        for index, sources in carried(operation) or []:
            known = self.constant.get(operation.operands[index])
            fixed = fixed & (sources < 0 if known is None else known[sources] | (sources < 0))
        return fixed if carried(operation) else numpy.zeros_like(fixed)

    def _prove(self, operation: Operation, definer: Operation, fixed: Mask) -> bool:
        terms, meanings = self.ranges.terms(definer), requantizations(operation)
        assert terms is not None
        rows = terms.of_channels(fixed)
        chosen = [meanings[i if len(meanings) > 1 else 0] for i in numpy.flatnonzero(fixed)]
        values = [int(v) for v in self.ranges.of(operation.result).low[fixed]]
        claim = DeadClaim.of(rows.weights, rows.x_low, rows.x_high, rows.bias, chosen, values)
        where = " ".join(operation.location.names) or operation.name
        return bool(self.context.ledger.add(Obligation("dead", where, f"{fixed.sum()} of {fixed.size} channels are constant", claim)).state == "proved")

    # -- which channels are needed

    def _find_kept(self) -> None:
        for operation in self.operations:
            self.kept[operation.result] = numpy.zeros(channels_of(operation.result), bool)
        known = set(self.operations)
        for operation in self.function.walk():
            through = self._passing(operation) if operation in known else set()
            for index, operand in enumerate(operation.operands):
                if index not in through and operand in self.kept:
                    self.kept[operand][:] = True
        self._spread()
        for mask in self.kept.values():
            mask[:1] |= not mask.any()  # no tensor is left without elements
        self._spread()

    def _passing(self, operation: Operation) -> set[int]:
        """The operands that may lose channels: tables and weights never do by themselves."""
        paths = carried(operation)
        if paths is not None:
            return {index for index, _ in paths}
        return {0} if operation.name in _MIXING and integer_of(operation, "groups", 1) == 1 else set()

    def _spread(self) -> None:
        """Lets needs reach everything; they only grow, so this ends."""
        total = -1
        while total != (total := sum(int(mask.sum()) for mask in self.kept.values())):
            for operation in reversed(self.operations):
                self._need(operation)

    def _need(self, operation: Operation) -> None:
        mask = self.kept[operation.result]
        paths = carried(operation)
        if paths is not None:
            for index, sources in paths:
                self._equate(mask, operation.operands[index], sources)
        elif operation.name in _MIXING and integer_of(operation, "groups", 1) == 1:
            operand = operation.operands[0]
            if operand in self.kept:
                self.kept[operand] |= self._needed_inputs(operation, mask)
        elif operation.name != "graph.constant":
            mask[:] = True

    def _equate(self, mask: Mask, operand: Value, sources: NDArray[numpy.int64]) -> None:
        """Kept channels of an operand and of the result are the same."""
        through = sources >= 0
        source = self.kept.get(operand)
        if source is None:
            mask[through] = True
            return
        numpy.logical_or.at(source, sources[through], mask[through])
        mask[through] |= source[sources[through]]

    def _needed_inputs(self, operation: Operation, mask: Mask) -> Mask:
        numbers, bias = _weights(operation), constant_array(operation.operands[2])
        if numbers is None or bias is None:
            return numpy.ones(channels_of(operation.operands[0]), bool)
        used: Mask = (numbers[mask] != 0).any(axis=tuple(range(numbers.ndim - 1)))
        return used & ~self._joins_bias(operation, numbers, bias)

    def _joins_bias(self, operation: Operation, numbers: NDArray[numpy.int64], bias: NDArray[numpy.int64]) -> Mask:
        """The constant channels whose contribution is the same for all results."""
        operand, zero = operation.operands[0], integer_of(operation, "x_zero_point")
        x = self.ranges.of(operand)
        joins = self.constant.get(operand, numpy.zeros(len(x.low), bool))
        if operation.name == "graph.conv2d" and padded_taps(operation, numbers.shape[1:3]).any():
            joins = joins & (x.low == zero)
        greatest = numpy.abs(bias).max(initial=0) + numpy.abs(numbers).sum() * max(abs(end - zero) for end in x.hull)
        return joins if greatest <= I32.greatest else joins & (x.low == zero)

    # -- what is left

    def _mask(self, value: Value) -> Mask:
        found = self.kept.get(value)
        return numpy.ones(channels_of(value), bool) if found is None else found

    def _mixed(self, operation: Operation) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64]] | None:
        """The weights and the bias that remain of a layer."""
        stored, bias = (constant_array(operand) for operand in operation.operands[1:3])
        numbers = _weights(operation)
        if stored is None or bias is None or numbers is None:
            return None
        outputs, inputs = self._mask(operation.result), self._mask(operation.operands[0])
        if is_depthwise(operation):
            return stored[outputs], bias[outputs]
        if integer_of(operation, "groups", 1) > 1:
            return stored, bias
        values = self.ranges.of(operation.operands[0]).low - integer_of(operation, "x_zero_point")
        joined = numbers[outputs][..., ~inputs] * values[~inputs]
        return stored[outputs][..., inputs], bias[outputs] + joined.reshape(joined.shape[0], -1).sum(axis=1)

    def _shrink(self, operation: Operation, numbers: tuple[NDArray[numpy.int64], NDArray[numpy.int64]] | None) -> None:
        mask = self._mask(operation.result)
        masks = [self._mask(operand) for operand in operation.operands]
        if mask.all() and all(m.all() for m in masks):
            return
        builder = Builder.before(operation)
        if operation.name == "graph.constant":
            array = constant_array(operation.result)
            assert array is not None
            operation.replace_by(create_constant(builder, array[..., mask], tensor_type(operation.result).element, operation.result.name))
            return
        if numbers is not None:
            names = [operand.name for operand in operation.operands]
            elements = [tensor_type(operand).element for operand in operation.operands]
            made = [create_constant(builder, n, e, name) for n, e, name in zip(numbers, elements[1:], names[1:], strict=True)]
            operation.operands = [operation.operands[0], *made]
        operation.properties.update(_properties(operation, mask))
        definition = definition_of(operation.name)
        assert definition is not None
        assert definition.infer is not None
        (operation.result.type,) = definition.infer([operand.type for operand in operation.operands], operation.properties)


def _weights(operation: Operation) -> NDArray[numpy.int64] | None:
    """The weights less their zero point."""
    stored = constant_array(operation.operands[1])
    return None if stored is None else stored - integer_of(operation, "weight_zero_point")


def _properties(operation: Operation, mask: Mask) -> dict[str, Attribute]:
    """The properties that say something of each channel, for the channels that are left."""
    if operation.name == "graph.reshape":
        return {"shape": DenseArray([*integers_of(operation, "shape")[:-1], int(mask.sum())])}
    if _has_groups(operation):
        return {"groups": integer(channels_of(operation.operands[0]))}
    changed: dict[str, Attribute] = {}
    for name in ("scale", "offset"):
        found = operation.properties.get(name)
        if operation.name == "graph.requantize" and isinstance(found, ArrayAttribute) and len(found.elements) == mask.size > 1:
            changed[name] = ArrayAttribute(element for element, keep in zip(found.elements, mask, strict=True) if keep)
    return changed


def _has_groups(operation: Operation) -> bool:
    """A convolution by groups: of those only depthwise ones lose channels."""
    return operation.name == "graph.conv2d" and integer_of(operation, "groups", 1) > 1
