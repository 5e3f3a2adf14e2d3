"""Names of values and blocks while a text is read: what is visible, what is used before it is defined."""

from __future__ import annotations

from tinyir.ir.attribute import Attribute
from tinyir.ir.operation import Block, Region, Value
from tinyir.ir.types import NONE, Type


class ForwardValue(Value):
    """Stands for a value that is used before its definition is read.  `offset`: of the first use or shortly before.

    `is_typed`: whether that use told the type.
    """

    __slots__ = ("is_typed", "offset")

    def __init__(self, type: Type | None, name: str, offset: int) -> None:
        super().__init__(NONE if type is None else type, name)
        self.offset = offset
        self.is_typed = type is not None

    @property
    def block(self) -> Block | None:
        return None


class PoisonValue(Value):
    """Stands for a value whose definition was wrong: its uses are not reported again."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(NONE)

    @property
    def block(self) -> Block | None:
        return None


class Frame:
    """A region being read: its blocks by name, and the value names to forget at its end.

    An isolated frame hides all outer values, kept in `outer`.
    """

    __slots__ = ("block", "blocks", "defined", "offset", "outer", "owner", "pending", "region")

    def __init__(self, owner: str, offset: int, outer: dict[str, Value] | None) -> None:
        self.owner = owner
        self.offset = offset
        self.region = Region()
        self.block: Block | None = None
        self.blocks: dict[str, Block] = {}
        self.pending: dict[str, int] = {}
        self.defined: list[str] = []
        self.outer = outer


class Head:
    """The beginning of an operation in generic form, up to its properties."""

    __slots__ = ("name", "offset", "operands", "properties", "successors")

    def __init__(
        self, name: str, offset: int, operands: list[tuple[str, int]], successors: list[tuple[str, int]], properties: dict[str, Attribute] | None
    ) -> None:
        self.name = name
        self.offset = offset
        self.operands = operands
        self.successors = successors
        self.properties = properties
