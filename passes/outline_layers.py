"""Each layer becomes a function of its own, named after it; the network's function becomes the list of its calls.

    func.func @net() attributes {network} {              func.func private @conv() { ... }
      %x = buffer.get_global @x : ...                    func.func private @dense() { ... }
      loop.for ...  // of node "conv"              =>    func.func @net() attributes {network} {
      loop.for ...  // of node "dense"                     func.call @conv() : () -> ()
      func.return                                          func.call @dense() : () -> ()
    }                                                      func.return
                                                         }

Neighbours belong to one layer if a scalar passes between them or if they come from the same nodes of the model.
"""

from __future__ import annotations

import attrs

from tinyir.dialects.buffer import network_functions
from tinyir.ir.attributes import StringAttribute, SymbolReference
from tinyir.ir.builder import Builder, create_function
from tinyir.ir.location import UNKNOWN, Location, fuse
from tinyir.ir.naming import short_name
from tinyir.ir.operation import Operation, Value
from tinyir.rewrite.passes import Pass, PassContext

SHARED = ("buffer.get_global", "buffer.view", "arith.constant")
"""Operations that cost nothing: every function that needs one has its own."""


@attrs.frozen
class OutlineLayers(Pass):
    """One function per layer."""

    name = "outline_layers"
    reads = ("builtin", "func", "arith", "loop", "buffer")
    leaves = ("builtin", "func", "arith", "loop", "buffer")

    def run(self, module: Operation, context: PassContext) -> None:
        for function in network_functions(module):
            layers = _layers(function)
            names = _Names(module)
            for number, layer in enumerate(layers):
                _outline(module, function, layer, names.fresh(_layer_location(layer), number))
            _erase_shared(function)


def _layers(function: Operation) -> list[list[Operation]]:
    """The operations of the function's root, in runs that belong together."""
    steps = [operation for operation in function.body if operation.name not in SHARED and operation is not function.body.terminator]
    order = {step: index for index, step in enumerate(steps)}
    layers: list[list[Operation]] = []
    reach = -1
    for index, step in enumerate(steps):
        bound_to_previous = reach >= index
        if layers and (bound_to_previous or _same_layer(layers[-1][-1], step)):
            layers[-1].append(step)
        else:
            layers.append([step])
        reach = max([reach, *(order[_root_step(user, function)] for result in step.results for user in result.users)])
    return layers


def _root_step(operation: Operation, function: Operation) -> Operation:
    """The operation of the function's root that is or holds `operation`."""
    while operation.parent_operation is not function:
        above = operation.parent_operation
        assert above is not None
        operation = above
    return operation


def _same_layer(first: Operation, second: Operation) -> bool:
    return first.location is second.location and first.location is not UNKNOWN and bool(first.location.names)


def _layer_location(layer: list[Operation]) -> Location:
    return fuse(*(step.location for step in layer))


class _Names:
    """Names for functions: words that are identifiers in C too."""

    def __init__(self, module: Operation) -> None:
        self.taken = {name.value for op in module.body if isinstance(name := op.properties.get("sym_name"), StringAttribute)}

    def fresh(self, location: Location, number: int) -> str:
        stem = short_name(location.names[0]).lower() if location.names else ""
        stem = stem or f"layer_{number}"
        name, count = stem, 1
        while name in self.taken:
            count += 1
            name = f"{stem}_{count}"
        self.taken.add(name)
        return name


def _outline(module: Operation, function: Operation, layer: list[Operation], name: str) -> None:
    location = _layer_location(layer)
    outlined = create_function(module, name, [], [], location)
    outlined.properties["sym_visibility"] = StringAttribute("private")
    outlined.move_before(function)
    Builder.before(layer[0]).create("func.call", properties={"callee": SymbolReference(name)}, location=location)
    for step in layer:
        step.detach()
        outlined.body.append(step)
    copies: dict[Value, Value] = {}
    builder = Builder.at_start(outlined.body)
    for step in layer:
        for operation in step.walk():
            operation.operands = [_copied(operand, outlined, copies, builder) for operand in operation.operands]
    Builder.at_end(outlined.body, location).create("func.return")


def _copied(value: Value, outlined: Operation, copies: dict[Value, Value], builder: Builder) -> Value:
    """The value itself if it is defined inside, else a copy of the shared operation that makes it."""
    definer = value.definer
    if definer is None or definer.name not in SHARED or definer.is_inside(outlined):
        return value
    if value not in copies:
        for operand in definer.operands:
            _copied(operand, outlined, copies, builder)
        builder.insert(definer.clone(copies))
    return copies[value]


def _erase_shared(function: Operation) -> None:
    for operation in function.body.reversed():
        if operation.name in SHARED and not any(result.use_count for result in operation.results):
            operation.erase()
