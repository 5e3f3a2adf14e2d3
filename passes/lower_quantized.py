"""Quantized networks as integer arithmetic: quantize(float operations(dequantize(x))) becomes operations on plain integers.

    %r = graph.dequantize(%x) : i8 -> f32                  %a = graph.conv2d(%x, %w, %b) {x_zero_point = 3} : i8, i8, i32 -> i32
    %c = graph.conv2d(%r, %w, %b) : f32             =>     %y = graph.requantize(%a) {scale = ["5/7919", ...], zero_point = -128, ...}
    %y = graph.quantize(graph.relu(%c)) : f32 -> i8

The meaning is real arithmetic, rounded once half to even and saturated.  An int32 bias at scale float32(s_x * s_w) counts at
the exact product s_x * s_w; any other addend is an exact offset of the requantization.  Walking up from each quantize:
what moves elements or chooses by order is done on the integers after it, clamps become bounds, and what is left is a function
of one 8-bit tensor (a table), a sum of products (an accumulator), a sum of two tensors, or a softmax.  Everything else stays
float, and is reported with the reason.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.graph_integers import MOVEMENTS, absorb_reinterpretations, quantized_element, reinterpret
from tinyir.dialects.graph_reals import UnloweredError
from tinyir.dialects.quantized_regions import Regions
from tinyir.dialects.quantized_values import Sink
from tinyir.ir.builder import Builder, functions
from tinyir.ir.location import fuse
from tinyir.ir.operation import Operation
from tinyir.ir.types import F32, TensorType
from tinyir.prove.real_functions import NotDefinedError
from tinyir.rewrite.greedy import erase_dead
from tinyir.rewrite.passes import Pass, PassContext

_BOUNDARY = frozenset({"graph.quantize", "graph.dequantize", "graph.constant"})


@attrs.frozen
class LowerQuantized(Pass):
    """Lowers every region that ends in a quantize."""

    reads = ("graph", "func")
    leaves = ("graph", "func")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            _lower(function, context)


def _lower(function: Operation, context: PassContext) -> None:
    if not any(operation.name in ("graph.quantize", "graph.dequantize") for operation in function.body):
        return  # a float network, where nobody expects anything else
    builder = Builder.at_start(function.body)
    regions = Regions(builder, context.ledger)
    reasons: dict[Operation, str] = {}
    for operation in function.body:
        if operation.name != "graph.quantize":
            continue
        builder.anchor, builder.location = operation, operation.location
        reason = _lower_region(regions, operation)
        if reason:
            reasons[operation] = reason
    erase_dead(function)
    absorb_reinterpretations(function.body.operations)
    erase_dead(function)
    _report(function, reasons, context)


def _lower_region(regions: Regions, quantize: Operation) -> str:
    """Replaces one quantize; or says why it stays."""
    try:
        result = regions.emit(quantize.operands[0], Sink.of(quantize))
    except (UnloweredError, NotDefinedError) as error:
        return str(error)
    element = quantized_element(quantize.result)
    assert element is not None
    if not result.name:
        result.name = quantize.result.name
    definer = result.definer
    if definer is not None:
        definer.location = fuse(definer.location, quantize.location)
    quantize.replace_by(reinterpret(regions.builder, result, element))
    return ""


def _report(function: Operation, reasons: dict[Operation, str], context: PassContext) -> None:
    """One remark for each float operation that is left between the boundaries."""
    why: dict[Operation, str] = {}
    for quantize, reason in reasons.items():
        if quantize.parent is None:
            continue
        pending = [quantize.operands[0].definer]
        while pending:
            operation = pending.pop()
            if operation is not None and operation not in why and operation.name not in _BOUNDARY:
                why[operation] = reason
                pending += [operand.definer for operand in operation.operands]
        if quantize.operands[0].definer is not None and quantize.operands[0].definer.name in _BOUNDARY:
            why[quantize] = reason
    for operation in function.body:
        is_float = any(isinstance(r.type, TensorType) and r.type.element is F32 for r in operation.results)
        if operation in why or (is_float and operation.name not in _BOUNDARY | MOVEMENTS):
            name = " ".join(operation.location.names) or operation.name
            context.remark(f"stays float: '{name}' ({operation.name}), because {why.get(operation, 'its result is not quantized')}")
