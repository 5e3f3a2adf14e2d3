"""Reductions of operations: erased, replaced by what they are given, or taken out of their loops.

Wherever a value has to come from somewhere else, the function gets one more argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from tinyir.ir.attributes import ArrayAttribute, StringAttribute, TypeAttribute
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.registry import has_trait
from tinyir.ir.types import FunctionType, Type


def is_terminator(operation: Operation) -> bool:
    return has_trait(operation, "terminator") or bool(operation.successors)


def candidates(module: Operation) -> list[Operation]:
    """All operations that may go, in the order of the text."""
    return [operation for operation in module.walk() if operation is not module and not is_terminator(operation)]


def function_of(operation: Operation) -> Operation | None:
    """The function around an operation."""
    return next((above for above in operation.ancestors() if "function_type" in above.properties), None)


def functions_of(module: Operation) -> list[Operation]:
    """The functions with a body."""
    return [operation for operation in module.walk() if "function_type" in operation.properties and any(r.blocks for r in operation.regions)]


def set_signature(function: Operation) -> None:
    """Makes the function's type that of its arguments and of what its terminator returns."""
    last = function.body.last
    results = [operand.type for operand in last.operands] if last is not None else []
    inputs = [argument.type for argument in function.body.arguments]
    function.properties["function_type"] = TypeAttribute(FunctionType(inputs, results))


def add_argument(function: Operation, type: Type) -> Value:
    """A new argument, with a name where the inputs have names."""
    number = len(function.body.arguments)
    for key, entry in (("input_names", StringAttribute(f"reduced_{number}")), ("input_types", TypeAttribute(type))):
        listed = function.attributes.get(key)
        if isinstance(listed, ArrayAttribute) and len(listed.elements) == number:
            function.attributes[key] = ArrayAttribute([*listed.elements, entry])
    argument = function.body.add_argument(type)
    set_signature(function)
    return argument


def drop_entry(function: Operation, prefix: str, index: int, count: int) -> None:
    """Forgets what the attributes `PREFIX_names`, `PREFIX_types` say of one input or output."""
    for key in (f"{prefix}_names", f"{prefix}_types"):
        listed = function.attributes.get(key)
        if isinstance(listed, ArrayAttribute) and len(listed.elements) == count:
            function.attributes[key] = ArrayAttribute([*listed.elements[:index], *listed.elements[index + 1 :]])


StandIn = Callable[[Operation, Value], Value | None]


def _replace_chosen(module: Operation, chosen: Sequence[int], stand_in: StandIn) -> bool:
    """Erases operations, last one first, after each used result was replaced, if there is something in place of each of them."""
    found, changed = candidates(module), False
    for index in reversed(chosen):
        operation = found[index]
        used = [result for result in operation.results if result.users]
        others = [stand_in(operation, result) for result in used]
        if operation.parent is not None and None not in others:
            for result, other in zip(used, others, strict=True):
                if other is not None:
                    result.replace_by(other)
            operation.erase()
            changed = True
    return changed


def _operand_of_type(operation: Operation, result: Value) -> Value | None:
    return next((operand for operand in operation.operands if operand.type is result.type), None)


def _new_argument(operation: Operation, result: Value) -> Value | None:
    function = function_of(operation)
    return add_argument(function, result.type) if function is not None else None


@attrs.frozen
class Erase:
    """Erases operations whose results nobody uses (any more)."""

    name: str = "unused operations erased"

    def places(self, module: Operation) -> int:
        return len(candidates(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        return _replace_chosen(module, chosen, lambda _operation, _result: None)


@attrs.frozen
class ReplaceByOperand:
    """Uses an operand of the same type in place of a result."""

    name: str = "operations replaced by operands"

    def places(self, module: Operation) -> int:
        return len(candidates(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        return _replace_chosen(module, chosen, _operand_of_type)


@attrs.frozen
class ReplaceByArgument:
    """Makes the results of operations arguments of their function."""

    name: str = "operations replaced by arguments"

    def places(self, module: Operation) -> int:
        return len(candidates(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        return _replace_chosen(module, chosen, _new_argument)


def _with_bodies(module: Operation) -> list[Operation]:
    """The operations inside functions that hold one block."""
    return [o for o in candidates(module) if function_of(o) is not None and o.regions and len(o.regions[0].blocks) == 1]


@attrs.frozen
class Unwrap:
    """Puts the body of a loop or a condition in its place, its arguments as arguments of the function."""

    name: str = "bodies taken out of their loops"

    def places(self, module: Operation) -> int:
        return len(_with_bodies(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        found = _with_bodies(module)
        for index in reversed(chosen):
            _unwrap(found[index])
        return True


def _unwrap(operation: Operation) -> None:
    function = function_of(operation)
    if function is None:
        return
    body = operation.body
    for argument in body.arguments:
        if argument.users:
            argument.replace_by(add_argument(function, argument.type))
    last = body.last
    given = last.operands if last is not None and is_terminator(last) else ()
    if last is not None and is_terminator(last):
        last.erase()
    for inner in body.operations:
        inner.move_before(operation)
    fits = [result.type for result in operation.results] == [value.type for value in given]
    for index, result in enumerate(operation.results):
        if result.users:
            result.replace_by(given[index] if fits else add_argument(function, result.type))
    operation.erase()


def _returns(module: Operation) -> list[tuple[Operation, int]]:
    """Every value that a function with one block returns."""
    found = []
    for function in functions_of(module):
        last = function.body.last
        if len(function.region.blocks) == 1 and last is not None and is_terminator(last):
            found += [(function, index) for index in range(len(last.operands))]
    return found


@attrs.frozen
class DropReturns:
    """Returns fewer values."""

    name: str = "returned values dropped"

    def places(self, module: Operation) -> int:
        return len(_returns(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        found = _returns(module)
        for function, index in [found[i] for i in reversed(chosen)]:
            last = function.body.terminator
            drop_entry(function, "output", index, len(last.operands))
            last.operands = [*last.operands[:index], *last.operands[index + 1 :]]
            set_signature(function)
        return True


def _arguments(module: Operation) -> list[tuple[Block, int]]:
    return [(function.body, index) for function in functions_of(module) for index in range(len(function.body.arguments))]


@attrs.frozen
class DropArguments:
    """Drops unused arguments of functions, after other arguments of the same type took the place of used ones."""

    name: str = "arguments dropped"

    def places(self, module: Operation) -> int:
        return len(_arguments(module))

    def apply(self, module: Operation, chosen: Sequence[int]) -> bool:
        found, changed = _arguments(module), False
        for block, index in [found[i] for i in reversed(chosen)]:
            argument, function = block.arguments[index], block.parent_operation
            other = next((a for a in block.arguments[:index] if a.type is argument.type), None)
            if other is not None:
                changed |= bool(argument.users)
                argument.replace_by(other)
            if not argument.users and function is not None:
                drop_entry(function, "input", index, len(block.arguments))
                block.remove_argument(index)
                set_signature(function)
                changed = True
        return changed
