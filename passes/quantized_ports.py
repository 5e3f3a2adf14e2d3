"""`--io quantized`: the network's interface becomes the integers that stand behind its first quantize and before its last dequantize.

    func.func @net(%x: tensor<4xf32>) -> tensor<2xf32> {            func.func @net(%x: tensor<4x!quant.uniform<i8:f32, 0.5>>)
      %q = graph.quantize(%x) : ...                          =>         -> tensor<2x!quant.uniform<i8:f32, 0.1>> {
      ...                                                               ...
      %y = graph.dequantize(%r) : ...                                   func.return %r
      func.return %y
    }

Whoever calls the network then quantizes; the header publishes scale and zero point.
"""

from __future__ import annotations

import attrs

from tinyir.interp.machine import main_function, port_names
from tinyir.ir.attributes import TypeAttribute
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.ir.types import F32, FunctionType, QuantizedType, TensorType, Type
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class QuantizedPorts(Pass):
    """Inputs that are only quantized and outputs that were dequantized lose that step; others stay, with a remark."""

    name = "quantized_ports"

    def run(self, module: Operation, context: PassContext) -> None:
        function = main_function(module)
        arguments, results = function.body.arguments, function.body.terminator.operands
        for name, argument in zip(port_names(function, "input_names", len(arguments)), arguments, strict=True):
            if _is_float(argument) and not _quantize_argument(argument):
                context.remark(f"the input '{name}' stays float: it is not quantized before all else")
        bare = [_undequantized(result) for result in results]
        for name, old, new in zip(port_names(function, "output_names", len(results)), results, bare, strict=True):
            if _is_float(old) and new is old:
                context.remark(f"the output '{name}' stays float: it is not dequantized at the end")
        function.body.terminator.operands = bare
        signature = FunctionType([argument.type for argument in arguments], [value.type for value in bare])
        function.properties["function_type"] = TypeAttribute(signature)
        for dequantize in {value.definer: None for value in results if value.definer is not None}:
            if dequantize.name == "graph.dequantize" and not dequantize.result.use_count:
                dequantize.erase()


def _is_float(value: Value) -> bool:
    return isinstance(value.type, TensorType) and value.type.element is F32


def _quantize_argument(argument: BlockArgument) -> bool:
    """Gives the argument the type that all its users quantize it to; False if they do anything else."""
    users = argument.users
    if any(user.name != "graph.quantize" for user in users):
        return False
    types: set[Type] = {user.result.type for user in users}
    if len(types) != 1 or not _is_per_tensor(users[0].result):
        return False
    for user in users:
        user.replace_by(argument)
    argument.type = types.pop()
    return True


def _undequantized(value: Value) -> Value:
    """What a dequantize made the value from; the value itself if none did."""
    definer = value.definer
    if definer is None or definer.name != "graph.dequantize" or not _is_per_tensor(definer.operands[0]):
        return value
    return definer.operands[0]


def _is_per_tensor(value: Value) -> bool:
    """Whether one scale and zero point say it all: what a header can publish."""
    type = value.type
    return isinstance(type, TensorType) and isinstance(type.element, QuantizedType) and type.element.axis is None
