"""The scalar constants of a program: each once, at the head of its function, in the order that MLIR gives them."""

from __future__ import annotations

from tinyir.ir.attribute import Attribute
from tinyir.ir.operation import Block, Operation
from tinyir.ir.registry import definition_of
from tinyir.ir.types import ShapedType, Type


def gather_constants(module: Operation) -> int:
    """Moves the scalar constants of each isolated region to its head; of equal ones the first stays.  Returns how many were equal.

    Constants of tensors stay beside their users.
    """
    gathering = _Gathering()
    is_constant, count = gathering.is_scalar_constant, 0
    for operation in module.walk():
        if not operation._operands and is_constant(operation):
            count += gathering.gather(operation)
    return count


class _Gathering:
    """`known`: the constants that stand at a head, by that block, value and type; `owned`: the same as a set."""

    def __init__(self) -> None:
        self.known: dict[tuple[Block, Attribute, Type], Operation] = {}
        self.owned: set[Operation] = set()
        self.traits: dict[str, frozenset[str]] = {}

    def gather(self, constant: Operation) -> bool:
        """Whether the constant was there already; it is erased then."""
        assert constant.parent is not None
        head = self.head(constant.parent)
        first = self.known.setdefault((head, constant.properties["value"], constant.results[0].type), constant)
        if first is not constant:
            constant.results[0].replace_by(first.results[0])
            constant.detach()
            return True
        before = constant.previous
        if constant.parent is not head or (before is not None and before not in self.owned):
            assert head.first is not None
            constant.move_before(head.first)
        self.owned.add(constant)
        return False

    def is_scalar_constant(self, operation: Operation) -> bool:
        return (
            "constant" in self.traits_of(operation.name)
            and operation.parent is not None
            and "value" in operation.properties
            and len(operation.results) == 1
            and not isinstance(operation.results[0].type, ShapedType)
        )

    def head(self, block: Block) -> Block:
        """The first block of the nearest isolated region."""
        while block.parent is not None:
            owner = block.parent.parent
            if owner is None or owner.parent is None or "isolated" in self.traits_of(owner.name):
                return block.parent.blocks[0]
            block = owner.parent
        return block

    def traits_of(self, name: str) -> frozenset[str]:
        traits = self.traits.get(name)
        if traits is None:
            definition = definition_of(name)
            traits = self.traits[name] = definition.traits if definition is not None else frozenset()
        return traits
