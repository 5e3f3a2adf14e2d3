"""Checks the structure of IR: links, use lists, dominance, terminators, and what each operation's definition asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyir.ir.attributes import StringAttribute
from tinyir.ir.dominance import dominator_tree
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.ir.finding import Finding, Noted
from tinyir.ir.operation import Block, BlockArgument, Operation, Region, Value
from tinyir.ir.operation_checks import OperationChecks, checks_of
from tinyir.ir.operation_places import noted_place, operand_place, word_place

GREATEST_ERRORS = 100


def verify(operation: Operation, limit: int = GREATEST_ERRORS) -> list[Diagnostic]:
    """What is wrong with an operation and all inside, at most `limit` diagnostics; empty if it is well-formed."""
    verifier = _Verifier(limit)
    try:
        verifier.check_operation(operation)
        verifier.check_regions(operation)
    except _EnoughError:
        pass
    return verifier.diagnostics


def verify_or_raise(operation: Operation, limit: int = GREATEST_ERRORS) -> None:
    """
    Raises:
        TinyirError: the operation is not well-formed; with all that `verify` finds.
    """
    found = verify(operation, limit)
    if found:
        raise TinyirError(diagnostics=found)


class _EnoughError(Exception):
    """The limit of diagnostics is reached."""


class _Verifier:
    """One run.  `visible`: the values that may be used at the point that is being checked."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.diagnostics: list[Diagnostic] = []
        self.checks: dict[str, OperationChecks] = {}
        self.visible: set[Value] = set()

    def complain(self, operation: Operation, message: str) -> None:
        """Adds a diagnostic at an operation (with a `Finding`, at the word that is wrong), with the names of the nodes it came from."""
        found = message if isinstance(message, Finding) else Finding(message)
        notes = [(found.note[0], noted_place(found.note[1]))] if found.note is not None else []
        names = operation.location.names
        if names:
            notes.append((f"from {', '.join(repr(name) for name in names)}", Place()))
        place = operand_place(operation, found.operand) if found.operand is not None else word_place(operation, found.word)
        self.diagnostics.append(Diagnostic(str(found), place, hint=found.hint, notes=tuple(notes)))
        if len(self.diagnostics) >= self.limit:
            raise _EnoughError

    def _complain_all(self, operation: Operation, findings: Iterable[Finding]) -> None:
        for found in findings:
            self.complain(operation, found)

    # -- one operation

    def check_operation(self, operation: Operation) -> OperationChecks:
        """The operation itself, without where it stands and what is inside."""
        checks = self.checks.get(operation.name)
        if checks is None:
            checks = self.checks[operation.name] = checks_of(operation.name)
        definition = checks.definition
        if definition is None:
            if checks.is_unknown:
                self._complain_all(operation, checks.local(operation))
            return checks
        if None in operation._operands:
            return checks
        least, greatest = checks.operands
        fewest, most = checks.results
        count, results = len(operation._operands), len(operation.results)
        properties = operation._properties
        if (
            count < least
            or count > greatest >= 0
            or results < fewest
            or results > most >= 0
            or checks.has_segments
            or (not checks.required.issubset(properties or ()) if checks.required else False)
            or (properties and not checks.properties.issuperset(properties))
            or (operation._attributes and checks.optional)
        ):
            found: Sequence[Finding] = list(checks.local(operation))
            if found:
                self._complain_all(operation, found)
                return checks
        if checks.is_same_type or checks.verify is not None:
            found = checks.own(operation)
            if found:
                self._complain_all(operation, found)
        return checks

    def _check_users(self, value: Value, at: Operation) -> None:
        """What a value knows of its users is so.  (A user of which it knows nothing finds that itself.)"""
        users = value._users
        if isinstance(users, Operation):
            wrong = [users] if users._operands.count(value) != 1 else []
        elif isinstance(users, dict):
            wrong = [user for user, count in users.items() if user._operands.count(value) != count]
        else:
            wrong = [user for user in users if user._operands.count(value) != users.count(user)] if users is not None else []
        for user in dict.fromkeys(wrong):
            if user._operands.count(value) > value.uses_by(user):
                self._complain_of_use(user, value)
            else:
                self.complain(at, f"a value of type {value.type} counts uses by '{user.name}' that are none")

    def _complain_of_use(self, user: Operation, value: Value) -> None:
        self.complain(user, f"operand {user._operands.index(value)} of '{user.name}' does not know of this use")

    # -- regions

    def check_regions(self, operation: Operation) -> None:
        """All that is inside an operation."""
        checks = self.checks[operation.name]
        outer = self.visible
        for region in operation.regions:
            if checks.is_isolated:
                self.visible = set()
            if region.parent is not operation:
                self.complain(operation, f"a region of '{operation.name}' belongs to another operation")
            if region.blocks:
                self._check_region(region, operation, checks)
            self.visible = outer
        if checks.is_symbol_table:
            self._check_symbols(operation)

    def _check_region(self, region: Region, owner: Operation, checks: OperationChecks) -> None:
        for block in region.blocks:
            if block.parent is not region:
                self.complain(owner, f"a block in '{owner.name}' belongs to another region")
        if checks.is_graph or (checks.definition is None and len(region.blocks) == 1):
            # What nobody knows may be a graph, if it has one block; so MLIR sees it.
            added = self._add_all(region.blocks)
            for block in region.blocks:
                self._check_block(block, owner, is_graph=True)
            self.visible.difference_update(added)
        elif len(region.blocks) == 1:
            self.visible.difference_update(self._check_block(region.blocks[0], owner))
        else:
            self._check_control_flow(region, owner)

    def _check_control_flow(self, region: Region, owner: Operation) -> None:
        """A value is visible in the blocks that its block dominates.  What cannot be reached may use anything."""
        for block in region.blocks:
            if block.last is None or not (block.last.successors or self._is_terminator(block.last)):
                self.complain(block.last or owner, f"a block in '{owner.name}' does not end with a terminator")
        if any(argument for argument in region.blocks[0].arguments if self._is_target(region)):
            self.complain(owner, f"the first block in '{owner.name}' has arguments and is a successor")
        children, unreachable = dominator_tree(region)
        pending: list[tuple[Block, list[Value] | None]] = [(region.blocks[0], None)]
        while pending:
            block, added = pending.pop()
            if added is not None:
                self.visible.difference_update(added)
                continue
            pending.append((block, self._check_block(block, owner)))
            pending += [(child, None) for child in children[block]]
        added = self._add_all(region.blocks)
        for block in unreachable:
            self._check_block(block, owner, is_graph=True)
        self.visible.difference_update(added)

    def _is_target(self, region: Region) -> bool:
        return any(block.last is not None and region.blocks[0] in block.last.successors for block in region.blocks)

    def _is_terminator(self, operation: Operation) -> bool:
        """Whether the operation ends a block; one of an unknown dialect may."""
        checks = checks_of(operation.name)
        return checks.is_terminator or checks.definition is None

    def _add_all(self, blocks: list[Block]) -> list[Value]:
        added: list[Value] = [argument for block in blocks for argument in block.arguments]
        added += [result for block in blocks for operation in block for result in operation.results]
        self.visible.update(added)
        return added

    def _check_block(self, block: Block, owner: Operation, is_graph: bool = False) -> list[Value]:
        """The operations of a block in order; returns what it made visible.  `is_graph`: all is visible already."""
        visible = self.visible
        added: list[Value] = []
        for argument in block.arguments:
            if argument.owner is not block:
                self.complain(owner, f"a block argument in '{owner.name}' belongs to another block")
            self._check_users(argument, owner)
        if not is_graph:
            visible.update(block.arguments)
            added += block.arguments
        check_operation = self.check_operation
        before: Operation | None = None
        operation = block.first
        while operation is not None:
            following = operation.next
            if operation.parent is not block or operation.previous is not before:
                self.complain(operation, f"'{operation.name}' does not stand where its block says")
            checks = check_operation(operation)
            for operand in operation._operands:
                if operand not in visible:
                    self._complain_of_operand(operation, operand)
                    if operand is None:
                        continue
                users = operand._users
                if users is not operation and (users is None or isinstance(users, Operation) or operation not in users):
                    self._complain_of_use(operation, operand)
            for result in operation.results:
                if result.owner is not operation:
                    self.complain(operation, f"result {result.index} of '{operation.name}' belongs to another operation")
                users = result._users
                if users is not None and (not isinstance(users, Operation) or users._operands.count(result) != 1):
                    self._check_users(result, operation)
                if not is_graph:
                    visible.add(result)
                    added.append(result)
            if following is not None and (checks.is_terminator or operation.successors):
                self.complain(operation, f"'{operation.name}' must be the last operation of its block")
            if operation.successors:
                self._check_successors(operation, block)
            if operation.regions:
                self._check_nested(operation, is_graph)
            before = operation
            operation = following
        if block.last is not before:
            self.complain(owner, f"a block in '{owner.name}' does not end where it says")
        return added

    def _check_nested(self, operation: Operation, is_graph: bool) -> None:
        """The regions of an operation, in which its own results are not visible (unless everything is)."""
        if not is_graph:
            self.visible.difference_update(operation.results)
        self.check_regions(operation)
        if not is_graph:
            self.visible.update(operation.results)

    def _check_successors(self, operation: Operation, block: Block) -> None:
        for successor in operation.successors:
            if successor.parent is not block.parent:
                self.complain(operation, f"a successor of '{operation.name}' stands in another region")

    def _complain_of_operand(self, operation: Operation, operand: Value | None) -> None:
        index = operation.operands.index(operand)
        if operand is None:
            self.complain(operation, f"operand {index} of '{operation.name}' is missing")
            return
        definer = operand.definer
        name = f"operand {index} of '{operation.name}'" + (f" (%{operand.name})" if operand.name else "")
        if operand.block is None:
            self.complain(operation, Finding(f"{name} is defined nowhere", operand=index))
        elif definer is not None:
            note: Noted | None = f"defined by '{definer.name}' here", definer
            self.complain(operation, Finding(f"{name} is used where its definition does not reach", note=note, operand=index))
        else:
            note = ("it is an argument here", operand) if isinstance(operand, BlockArgument) else None
            self.complain(operation, Finding(f"{name} is a block argument that does not reach this place", note=note, operand=index))

    def _check_symbols(self, table: Operation) -> None:
        """Each name is defined once."""
        seen: dict[str, Operation] = {}
        for region in table.regions:
            for block in region.blocks:
                for operation in block:
                    name = operation.properties.get("sym_name")
                    if not isinstance(name, StringAttribute):
                        continue
                    first = seen.setdefault(name.value, operation)
                    if first is not operation:
                        self.complain(operation, Finding(f"symbol '{name.value}' is defined twice", note=("first here", first), word=f"@{name.value}"))


