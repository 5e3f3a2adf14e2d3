"""Operations, values, blocks, regions: the graph that everything else edits.

An operation holds its operands, results, properties (inherent), attributes (discardable), regions and
successors, and stands in an intrusive list of its block, so inserting and erasing cost the same anywhere.
A value knows its users: `None`, one operation, a short list with an entry for each operand slot, or a dictionary from
operation to number of slots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module

from tinyir.ir.attribute import Attribute
from tinyir.ir.collection import never_collected
from tinyir.ir.location import UNKNOWN, Location
from tinyir.ir.types import Type

_LISTED_USERS = 8
"""A list of users that grows longer becomes a dictionary: it is smaller before, and slower after."""


class Value:
    """A typed SSA value.  `name` is a hint for the printer."""

    __slots__ = ("_users", "name", "type")

    def __init__(self, type: Type, name: str = "") -> None:
        self.type = type
        self.name = name
        self._users: Operation | list[Operation] | dict[Operation, int] | None = None

    @property
    def users(self) -> tuple[Operation, ...]:
        """The operations that use the value, each once, in the order of first use."""
        users = self._users
        if users is None:
            return ()
        return (users,) if isinstance(users, Operation) else tuple(dict.fromkeys(users))

    def uses_by(self, user: Operation) -> int:
        """The number of operand slots of an operation that are known to hold the value."""
        users = self._users
        if isinstance(users, dict):
            return users.get(user, 0)
        return users.count(user) if isinstance(users, list) else int(users is user)

    @property
    def use_count(self) -> int:
        """The number of operand slots that hold the value."""
        users = self._users
        if isinstance(users, dict):
            return sum(users.values())
        return len(users) if isinstance(users, list) else int(users is not None)

    @property
    def has_one_use(self) -> bool:
        users = self._users
        return isinstance(users, Operation) or (users is not None and len(users) == 1 and self.use_count == 1)

    @property
    def definer(self) -> Operation | None:
        """The operation whose result this is; None for a block argument."""
        return None

    @property
    def block(self) -> Block | None:
        """The block in which the value is defined."""
        raise NotImplementedError

    def replace_by(self, other: Value) -> None:
        """Makes every user use `other` instead."""
        users = self._users
        if other is self or users is None:
            return
        self._users = None
        for user in (users,) if isinstance(users, Operation) else dict.fromkeys(users):
            operands = user._operands
            if len(operands) == 2:
                first, second = operands
                user._operands = (other if first is self else first, other if second is self else second)
            else:
                user._operands = tuple([other if operand is self else operand for operand in operands])
            if other._users is None:
                other._users = user
            else:
                other._add_user(user)
            more = operands.count(self) - 1
            if more:
                for _ in range(more):
                    other._add_user(user)

    def __repr__(self) -> str:
        definer, uses = self.definer, self.use_count
        origin = f"of {definer.name}" if definer is not None else "block argument"
        return f"<%{self.name or '_'} : {self.type}, {origin}, {uses} use{'s' * (uses != 1)}>"

    def _add_user(self, user: Operation) -> None:
        users = self._users
        if users is None:
            self._users = user
        elif isinstance(users, dict):
            users[user] = users.get(user, 0) + 1
        elif isinstance(users, list):
            users.append(user)
            if len(users) > _LISTED_USERS:
                self._users = dict(Counter(users))
        else:
            self._users = [users, user]

    def _remove_user(self, user: Operation) -> None:
        users = self._users
        if users is user:
            self._users = None
        elif isinstance(users, dict):
            count = users[user] - 1
            if count:
                users[user] = count
            else:
                del users[user]
                if not users:
                    self._users = None
        elif isinstance(users, list):
            users.remove(user)
            if len(users) == 1:
                self._users = users[0]


class Result(Value):
    """A result of an operation."""

    __slots__ = ("index", "owner")

    def __init__(self, type: Type, owner: Operation, index: int, name: str = "") -> None:
        self.type = type
        self.name = name
        self._users = None
        self.owner = owner
        self.index = index

    @property
    def definer(self) -> Operation:
        return self.owner

    @property
    def block(self) -> Block | None:
        return self.owner.parent


class BlockArgument(Value):
    """An argument of a block."""

    __slots__ = ("index", "location", "owner")

    def __init__(self, type: Type, owner: Block, index: int, name: str = "", location: Location = UNKNOWN) -> None:
        self.type = type
        self.name = name
        self._users = None
        self.owner = owner
        self.index = index
        self.location = location

    @property
    def block(self) -> Block:
        return self.owner


class Operation:
    """One operation of any dialect, known or unknown: its name decides what it means."""

    __slots__ = (
        "_attributes",
        "_operands",
        "_properties",
        "location",
        "name",
        "next",
        "parent",
        "previous",
        "regions",
        "results",
        "successors",
    )

    def __init__(
        self,
        name: str,
        operands: Sequence[Value] = (),
        result_types: Sequence[Type] = (),
        properties: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
        attributes: dict[str, Attribute] | None = None,
        location: Location = UNKNOWN,
    ) -> None:
        """`properties` and `attributes` are taken over, not copied; the regions must have no parent yet."""
        self.name = name
        self._operands: tuple[Value, ...] = tuple(operands)
        for operand in self._operands:
            if operand._users is None:
                operand._users = self
            else:
                operand._add_user(self)
        if len(result_types) == 1:
            self.results: tuple[Result, ...] = (Result(result_types[0], self, 0),)
        else:
            self.results = tuple([Result(t, self, i) for i, t in enumerate(result_types)]) if result_types else ()
        self._properties = properties
        self._attributes = attributes
        self.regions: tuple[Region, ...] = ()
        if regions:
            self.regions = tuple(regions)
            for region in self.regions:
                region.parent = self
        self.successors: tuple[Block, ...] = tuple(successors) if successors else ()
        self.location = location
        self.parent: Block | None = None
        self.previous: Operation | None = None
        self.next: Operation | None = None

    # -- operands and results

    @property
    def operands(self) -> tuple[Value, ...]:
        return self._operands

    @operands.setter
    def operands(self, values: Sequence[Value]) -> None:
        for old in self._operands:
            old._remove_user(self)
        self._operands = tuple(values)
        for new in self._operands:
            new._add_user(self)

    def set_operand(self, index: int, value: Value) -> None:
        """Replaces one operand."""
        operands = list(self._operands)
        operands[index] = value
        self.operands = operands

    @property
    def result(self) -> Result:
        """The one result.

        Raises:
            ValueError: the operation has not exactly one.
        """
        if len(self.results) != 1:
            raise ValueError(f"'{self.name}' has {len(self.results)} results, not one")
        return self.results[0]

    # -- properties

    @property
    def properties(self) -> dict[str, Attribute]:
        """The inherent attributes, which the operation's definition declares."""
        found = self._properties
        if found is None:
            found = self._properties = {}
        return found

    @properties.setter
    def properties(self, properties: dict[str, Attribute]) -> None:
        self._properties = properties

    @property
    def attributes(self) -> dict[str, Attribute]:
        """The discardable attributes, which anybody may add."""
        found = self._attributes
        if found is None:
            found = self._attributes = {}
        return found

    @attributes.setter
    def attributes(self, attributes: dict[str, Attribute]) -> None:
        self._attributes = attributes

    def __getitem__(self, name: str) -> Attribute:
        """The property, else the discardable attribute, of that name."""
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str) -> Attribute | None:
        """The property, else the discardable attribute, of that name; None if there is neither."""
        found = self._properties.get(name) if self._properties else None
        return self._attributes.get(name) if found is None and self._attributes else found

    # -- regions and position

    @property
    def region(self) -> Region:
        """The first region."""
        return self.regions[0]

    @property
    def body(self) -> Block:
        """The first block of the first region."""
        return self.regions[0].blocks[0]

    @property
    def parent_operation(self) -> Operation | None:
        """The operation in whose region this one stands."""
        block = self.parent
        return block.parent.parent if block is not None and block.parent is not None else None

    def ancestors(self) -> Iterator[Operation]:
        """The enclosing operations, innermost first, this one not included."""
        above = self.parent_operation
        while above is not None:
            yield above
            above = above.parent_operation

    def is_inside(self, other: Operation) -> bool:
        """Whether `other` is this operation or encloses it."""
        return self is other or any(above is other for above in self.ancestors())

    def walk(self) -> Iterator[Operation]:
        """This operation and all inside, each before its contents.  The one last yielded may be erased."""
        yield self
        outer: list[tuple[Iterator[Region], Iterator[Block], Operation | None]] = []
        regions: Iterator[Region] = iter(self.regions)
        blocks: Iterator[Block] = iter(())
        operation: Operation | None = None
        while True:
            while operation is not None:
                following, has_regions = operation.next, operation.regions
                yield operation
                if has_regions:
                    outer.append((regions, blocks, following))
                    regions, blocks, following = iter(operation.regions), iter(()), None
                operation = following
            block = next(blocks, None)
            if block is not None:
                operation = block.first
                continue
            region = next(regions, None)
            if region is not None:
                blocks = iter(region.blocks)
            elif outer:
                regions, blocks, operation = outer.pop()
            else:
                return

    # -- editing

    def detach(self) -> None:
        """Takes the operation out of its block; its uses and operands stay."""
        if self.parent is not None:
            self.parent._unlink(self)

    def erase(self) -> None:
        """Removes the operation and all inside.

        Raises:
            ValueError: a result is still used.
        """
        for result in self.results:
            if result._users is not None:
                raise ValueError(f"cannot erase '{self.name}': its result is still used by '{result.users[0].name}'")
        if self.regions:
            self.drop_references()
        else:
            for operand in self._operands:
                if operand._users is self:
                    operand._users = None
                else:
                    operand._remove_user(self)
            self._operands = ()
        if self.parent is not None:
            self.parent._unlink(self)

    def drop_references(self) -> None:
        """Forgets the operands of this operation and of all inside (before deleting a group that uses itself)."""
        self.operands = ()
        for region in self.regions:
            for block in region.blocks:
                for operation in block:
                    operation.drop_references()

    def move_before(self, other: Operation) -> None:
        self.detach()
        assert other.parent is not None
        other.parent.insert_before(other, self)

    def move_after(self, other: Operation) -> None:
        self.detach()
        assert other.parent is not None
        if other.next is None:
            other.parent.append(self)
        else:
            other.parent.insert_before(other.next, self)

    def replace_by(self, *values: Value) -> None:
        """Makes every user of result i use `values[i]`, then erases the operation."""
        for result, value in zip(self.results, values, strict=True):
            result.replace_by(value)
        self.erase()

    def clone(self, values: dict[Value, Value] | None = None, blocks: dict[Block, Block] | None = None) -> Operation:
        """A deep copy that stands nowhere.  `values` maps outer values to replacements and gains the inner ones."""
        values = {} if values is None else values
        blocks = {} if blocks is None else blocks
        if not self.regions:
            return self._copy(values, blocks)
        with never_collected():
            return self._copy(values, blocks)

    def _copy(self, values: dict[Value, Value], blocks: dict[Block, Block], forward: list[tuple[Operation, Operation]] | None = None) -> Operation:
        """A copy; it is added to `forward`, with its original, if some operand has no replacement (yet)."""
        results, regions = self.results, self.regions
        operands = [new for operand in self._operands if (new := values.get(operand)) is not None]
        is_forward = len(operands) != len(self._operands)
        copy = Operation(
            self.name,
            [values.get(operand, operand) for operand in self._operands] if is_forward else operands,
            (results[0].type,) if len(results) == 1 else [result.type for result in results],
            self._properties.copy() if self._properties else None,
            [Region() for _ in regions] if regions else (),
            [blocks.get(block, block) for block in self.successors] if self.successors else (),
            self._attributes.copy() if self._attributes else None,
            self.location,
        )
        for old in results:
            new = copy.results[old.index]
            new.name = old.name
            values[old] = new
        for index, region in enumerate(regions):
            region.clone_into(copy.regions[index], values, blocks)
        if is_forward and forward is not None:
            forward.append((self, copy))
        return copy

    def __str__(self) -> str:
        """The text of the operation and all inside, as `tinyir.print` spells it, without the last newline."""
        text: str = import_module("tinyir.text.printer").print_module(self)
        return text.removesuffix("\n")

    def __repr__(self) -> str:
        """One line for debuggers: `<%y = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>>`."""
        made = ", ".join(map(_short, self.results))
        inside = sum(1 for _ in self.walk()) - 1
        more = f" {{{inside} operation{'s' * (inside != 1)}}}" if self.regions else ""
        types = f" : ({_types(self.operands)}) -> ({_types(self.results)})" if self.operands or self.results else ""
        return f"<{made}{' = ' * bool(made)}{self.name}({', '.join(map(_short, self.operands))}){more}{types}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the text in colours, great constants left out."""
        html: str = import_module("tinyir.text.html").module_html(self)
        return html


def _short(value: Value) -> str:
    return f"%{value.name or '_'}"


def _types(values: Sequence[Value]) -> str:
    return ", ".join(str(value.type) for value in values)


class Block:
    """A list of operations with arguments.  The last operation may be a terminator with successors."""

    __slots__ = ("arguments", "first", "last", "parent", "symbols")

    def __init__(self, argument_types: Sequence[Type] = ()) -> None:
        self.arguments: tuple[BlockArgument, ...] = tuple([BlockArgument(t, self, i) for i, t in enumerate(argument_types)]) if argument_types else ()
        self.first: Operation | None = None
        self.last: Operation | None = None
        self.parent: Region | None = None
        self.symbols: dict[str, Operation] | None = None  # what builder.find_symbol found last; it may be out of date

    def __iter__(self) -> Iterator[Operation]:
        """The operations in order.  The one last yielded may be erased or replaced."""
        operation = self.first
        while operation is not None:
            following = operation.next
            yield operation
            operation = following

    def reversed(self) -> Iterator[Operation]:
        """The operations from the last to the first; the one last yielded may be erased."""
        operation = self.last
        while operation is not None:
            before = operation.previous
            yield operation
            operation = before

    @property
    def operations(self) -> list[Operation]:
        return list(self)

    @property
    def terminator(self) -> Operation:
        """The last operation.

        Raises:
            ValueError: the block is empty.
        """
        if self.last is None:
            raise ValueError("an empty block has no terminator")
        return self.last

    def append(self, operation: Operation) -> Operation:
        operation.parent = self
        operation.previous = self.last
        operation.next = None
        if self.last is None:
            self.first = operation
        else:
            self.last.next = operation
        self.last = operation
        return operation

    def insert_before(self, anchor: Operation, operation: Operation) -> Operation:
        operation.parent = self
        operation.previous = anchor.previous
        operation.next = anchor
        if anchor.previous is None:
            self.first = operation
        else:
            anchor.previous.next = operation
        anchor.previous = operation
        return operation

    def _unlink(self, operation: Operation) -> None:
        if operation.previous is None:
            self.first = operation.next
        else:
            operation.previous.next = operation.next
        if operation.next is None:
            self.last = operation.previous
        else:
            operation.next.previous = operation.previous
        operation.parent = operation.previous = operation.next = None

    def __repr__(self) -> str:
        owner = self.parent_operation
        count = sum(1 for _ in self)
        arguments = ", ".join(f"{_short(a)} : {a.type}" for a in self.arguments)
        return f"<block({arguments}) of {owner.name if owner is not None else 'nothing'}, {count} operation{'s' * (count != 1)}>"

    def add_argument(self, type: Type, name: str = "", location: Location = UNKNOWN) -> BlockArgument:
        argument = BlockArgument(type, self, len(self.arguments), name, location)
        self.arguments = (*self.arguments, argument)
        return argument

    def remove_argument(self, index: int) -> None:
        """Removes an unused argument.

        Raises:
            ValueError: it is used.
        """
        if self.arguments[index]._users is not None:
            raise ValueError(f"cannot remove block argument {index}: it is used")
        self.arguments = self.arguments[:index] + self.arguments[index + 1 :]
        for i, argument in enumerate(self.arguments):
            argument.index = i

    @property
    def parent_operation(self) -> Operation | None:
        return self.parent.parent if self.parent is not None else None


class Region:
    """A list of blocks, owned by an operation."""

    __slots__ = ("blocks", "parent")

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self.blocks: list[Block] = []
        self.parent: Operation | None = None
        for block in blocks:
            self.add(block)

    def add(self, block: Block) -> Block:
        block.parent = self
        if self.blocks:
            self.blocks.append(block)
        else:
            self.blocks = [block]  # most regions have one: a list that was appended to has room for four
        return block

    @property
    def block(self) -> Block:
        """The only block.

        Raises:
            ValueError: there is not exactly one.
        """
        if len(self.blocks) != 1:
            raise ValueError(f"the region has {len(self.blocks)} blocks, not one")
        return self.blocks[0]

    def clone_into(self, target: Region, values: dict[Value, Value], blocks: dict[Block, Block]) -> None:
        """Copies all blocks into the empty `target`; uses before definitions (cycles, graph regions) are mended."""
        for block in self.blocks:
            copy = Block([argument.type for argument in block.arguments])
            for old, new in zip(block.arguments, copy.arguments, strict=True):
                new.name, new.location = old.name, old.location
                values[old] = new
            blocks[block] = target.add(copy)
        forward: list[tuple[Operation, Operation]] = []
        for block in self.blocks:
            append = blocks[block].append
            operation = block.first
            while operation is not None:
                append(operation._copy(values, blocks, forward))
                operation = operation.next
        for original, copied in forward:
            copied.operands = [values.get(operand, operand) for operand in original._operands]

    def __repr__(self) -> str:
        return f"<region of {self.parent.name if self.parent is not None else 'nothing'}, {len(self.blocks)} block{'s' * (len(self.blocks) != 1)}>"
