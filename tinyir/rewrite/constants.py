"""The scalar constants of a program: each once, at the head of its function, in the order that MLIR gives them."""

from __future__ import annotations

from tinyir.ir.attribute import Attribute
from tinyir.ir.operation import Block, Operation
from tinyir.ir.registry import definition_of, has_trait
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
    """`known`: the constants that stand at a head, by that block, value and type; `owned`: the same as a set.

    `heads`: the heads of blocks; `names`: whether operations of a name are constants.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[Block, Attribute, Type], Operation] = {}
        self.owned: set[Operation] = set()
        self.heads: dict[Block, Block] = {}
        self.names: dict[str, bool] = {}

    def gather(self, constant: Operation) -> bool:
        """Whether the constant was there already; it is erased then."""
        block, result = constant.parent, constant.results[0]
        assert block is not None
        head = self.heads.get(block)
        if head is None:
            head = self.heads[block] = _head(block)
        first = self.known.setdefault((head, constant.properties["value"], result.type), constant)
        if first is not constant:
            result.replace_by(first.results[0])
            constant.detach()
            return True
        before = constant.previous
        if block is not head or (before is not None and before not in self.owned):
            assert head.first is not None
            constant.move_before(head.first)
        self.owned.add(constant)
        return False

    def is_scalar_constant(self, operation: Operation) -> bool:
        is_constant = self.names.get(operation.name)
        if is_constant is None:
            definition = definition_of(operation.name)
            is_constant = self.names[operation.name] = definition is not None and "constant" in definition.traits
        return (
            is_constant
            and operation.parent is not None
            and len(operation.results) == 1
            and "value" in operation.properties
            and not isinstance(operation.results[0].type, ShapedType)
        )


def _head(block: Block) -> Block:
    """The first block of the nearest isolated region."""
    while block.parent is not None:
        owner = block.parent.parent
        if owner is None or owner.parent is None or has_trait(owner, "isolated"):
            return block.parent.blocks[0]
        block = owner.parent
    return block
