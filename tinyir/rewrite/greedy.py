"""The greedy driver: rules are tried on every operation, and again wherever something changed, until nothing matches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tinyir.ir.errors import InstanceError, TinyirError
from tinyir.ir.operation import Operation, Result, Value
from tinyir.rewrite.definers import Definers
from tinyir.rewrite.edit import Edit, Rewriter
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pattern import Pattern, in_order
from tinyir.rewrite.purity import Purity
from tinyir.rewrite.rewrite_checks import RewriteChecks

REWRITES_PER_OPERATION = 64
"""More than this, on the average of a module's operations, is taken for a cycle of rules."""


RECENT = 100
"""How many of the last rewrites an error names."""
Shape = tuple[str, str | None, str | None, bool]
"""The name of an operation, the names of those that define its first two operands (None: a block argument, or nothing), and whether these are one."""


class RuleIndex:
    """Rewriters by the name of the operation at which they start, in the order in which they are tried."""

    def __init__(self, rewriters: Iterable[Rewriter]) -> None:
        self.by_root: dict[str, list[Rewriter]] = {}
        self.by_shape: dict[Shape, list[Rewriter]] = {}
        self.depth = 1
        for rewriter in in_order(rewriters):
            self.depth = max(self.depth, rewriter.depth)
            for root in rewriter.roots:
                self.by_root.setdefault(root, []).append(rewriter)

    def candidates(self, operation: Operation) -> Sequence[Rewriter]:
        """The rewriters that may match an operation, going by what defines its operands."""
        name, operands = operation.name, operation._operands
        if name not in self.by_root:
            return ()
        first, second = operands if len(operands) == 2 else (*operands[:2], None, None)[:2]
        shape = (
            name,
            first.owner.name if isinstance(first, Result) else None,
            second.owner.name if isinstance(second, Result) else None,
            first is second,
        )
        found = self.by_shape.get(shape)
        if found is None:
            found = self.by_shape[shape] = [rewriter for rewriter in self.by_root[name] if _may_match(rewriter, shape)]
        return found


def _may_match(rewriter: Rewriter, shape: Shape) -> bool:
    if getattr(rewriter, "repeats", False) and not shape[3]:
        return False
    definers: Sequence[Definers | None] = getattr(rewriter, "definers", ())
    return all(wanted is None or wanted.allow(name) for wanted, name in zip(definers, shape[1:3], strict=False))


def apply_rules(module: Operation, rules: RuleIndex | Iterable[Rewriter], context: PassContext) -> int:
    """Applies the rules to everything inside `module` until none matches; operations that become dead are removed.

    Returns the number of rewrites.

    Raises:
        TinyirError: the rules do not come to an end; the message names those of the cycle.
    """
    index = rules if isinstance(rules, RuleIndex) else RuleIndex(rules)
    return _Driver(module, index, context).run()


class _Driver:
    def __init__(self, module: Operation, index: RuleIndex, context: PassContext) -> None:
        self.module = module
        self.index = index
        self.context = context
        operations = list(module.walk())[1:]
        self.work = self._first_work(operations)
        self.purity = Purity(may_read=True)
        self.waiting: set[Operation] = set(self.work)
        self.limit = 1000 + REWRITES_PER_OPERATION * len(operations)
        self.recent: list[str] = []
        self.count = 0
        self.checks = RewriteChecks(module) if context.check_rewrites else None
        self.applied: list[str] = []

    def _first_work(self, operations: Sequence[Operation]) -> list[Operation]:
        """What rules may start at, and what is dead: the last one first.  What dies later is erased at once."""
        by_root = self.index.by_root
        work = [o for o in operations if o.name in by_root or (o.results and o.results[0]._users is None)]
        work.reverse()
        return work

    def run(self) -> int:
        candidates, work, waiting, is_pure = self.index.candidates, self.work, self.waiting, self.purity.is_pure
        while work:
            operation = work.pop()
            if operation not in waiting:
                continue
            waiting.discard(operation)
            results = operation.results
            if results and results[0]._users is None and operation.parent is not None and is_pure(operation) and _is_unused(operation):
                self._erase(operation)
                continue
            found = candidates(operation)
            if found:
                self._rewrite(operation, found)
        if self.checks is not None:
            self.checks.end(self.applied)
        return self.count

    def _add(self, operation: Operation) -> None:
        if operation not in self.waiting:
            self.waiting.add(operation)
            self.work.append(operation)

    def _add_with_users(self, operation: Operation, depth: int) -> None:
        """Sees an operation again, and those that look at it from above: `depth` operations on a path."""
        if depth > 0 and operation not in self.waiting:
            self._add(operation)
        if depth > 1:
            for result in operation.results:
                users = result._users
                if isinstance(users, Operation):
                    self._add_with_users(users, depth - 1)
                elif users is not None:
                    for user in dict.fromkeys(users):
                        self._add_with_users(user, depth - 1)

    def _erase(self, dead: Operation) -> None:
        """Erases an operation whose results are unused, and what fed nothing else; sees again what looks at these operands."""
        waiting, is_pure, checks, depth, work = self.waiting, self.purity.is_pure, self.checks, self.index.depth - 1, [dead]
        while work:
            operation = work.pop()
            if operation.parent is None:
                continue
            operands = operation._operands
            if operation.regions:
                waiting.difference_update(operation.walk())
            else:
                waiting.discard(operation)
            operation.erase()
            operation.results = ()  # else it and its results hold each other, until the collector comes
            if checks is not None:
                checks.changed()
            for operand in operands:
                users = operand._users
                if users is None:
                    if isinstance(operand, Result):
                        feeding = operand.owner
                        if is_pure(feeding) and (len(feeding.results) == 1 or _is_unused(feeding)):
                            work.append(feeding)
                elif isinstance(users, Operation):
                    self._add_with_users(users, depth)
                elif operand.has_one_use:
                    self._add_with_users(operand.users[0], depth)

    def _rewrite(self, root: Operation, rewriters: Sequence[Rewriter]) -> None:
        """Applies the first of the rewriters that matches at an operation."""
        if self.context.most_rewrites is not None and self.context.rewrites.total() >= self.context.most_rewrites:
            return
        edit = Edit(root)
        for rewriter in rewriters:
            values = self._offer(rewriter, edit)
            if values is not None:
                self._finish(rewriter, edit, values)
                return
            if edit.created:
                edit.cancel()

    def _offer(self, rewriter: Rewriter, edit: Edit) -> Sequence[Value] | None:
        """What a rewriter would put in the place of the root's results, if it matches and the types agree."""
        try:
            values = rewriter.rewrite(edit) if self.checks is None else self.checks.rewrite(rewriter, edit)
        except InstanceError as error:
            raise TinyirError(f"rule '{rewriter.name}' made an operation that is not defined: {error}", place=rewriter.place) from error
        if values is not None:
            for value, result in zip(values, edit.root.results, strict=True):
                if value.type is not result.type:
                    return None
        return values

    def _finish(self, rewriter: Rewriter, edit: Edit, values: Sequence[Value]) -> None:
        root, name, context = edit.root, rewriter.name, self.context
        trace = context.trace
        entry = trace.describe(rewriter, edit, values, context.stage) if trace is not None else None
        context.rewrites[name] += 1
        if context.used_rules.get(name) is not rewriter:
            self._use(rewriter)
        if isinstance(rewriter, Pattern):
            self._settle(rewriter, edit, values)
        edit.commit()
        self._replace(root, values)
        self._erase(root)
        for created in edit.created:
            for each in created.walk() if created.regions else (created,):
                if each.name in self.index.by_root or not each.results or each.results[0]._users is None:
                    self._add(each)
        self.count += 1
        if self.count + RECENT > self.limit:
            self._check_end(rewriter)
        if trace is not None and entry is not None:
            trace.record(entry, self.module)
        if self.checks is not None:
            self.checks.changed()
            self.applied.append(rewriter.name)

    def _use(self, rewriter: Rewriter) -> None:
        """A rewriter is applied for the first time."""
        self.context.used_rules[rewriter.name] = rewriter
        is_pattern = isinstance(rewriter, Pattern)
        assumed = rewriter.caution if isinstance(rewriter, Pattern) else getattr(rewriter, "assumed", "")
        if assumed:
            self.context.assume("pattern" if is_pattern else "rule", rewriter.name, rewriter.statement, assumed)

    def _replace(self, root: Operation, values: Sequence[Value]) -> None:
        """Makes the users of the root's results use the values, and sees them again."""
        depth = self.index.depth - 1
        for result in root.results:
            value = values[result.index]
            if result.name and not value.name and isinstance(value, Result):
                value.name = result.name
            users = result._users
            result.replace_by(value)
            if isinstance(users, Operation):
                self._add_with_users(users, depth)
            else:
                for user in dict.fromkeys(users or ()):
                    self._add_with_users(user, depth)

    def _settle(self, pattern: Pattern, edit: Edit, values: Sequence[Value]) -> None:
        """States what must be proved of a rewrite in Python."""
        for obligation in pattern.oblige(edit, values):
            self.context.ledger.add(obligation)

    def _check_end(self, rewriter: Rewriter) -> None:
        """
        Raises:
            TinyirError: there were so many rewrites that there will be no end.
        """
        self.recent.append(rewriter.name)
        if self.count > self.limit:
            names = ", ".join(f"'{name}'" for name, _ in Counter(self.recent).most_common())
            raise TinyirError(f"rules do not come to an end after {self.limit} rewrites: the last {RECENT} were by {names}", place=rewriter.place)


def erase_dead(module: Operation) -> int:
    """Erases every operation that writes nothing and whose results are unused, users before what feeds them; returns how many.

    What is used at first is looked at when it loses a user.
    """
    purity = Purity(may_read=True)
    is_pure, traits = purity.is_pure, purity.traits
    work = [operation for operation in module.walk() if operation.results and operation.results[0]._users is None and operation is not module]
    count = 0
    while work:
        operation = work.pop()
        results = operation.results
        if results[0]._users is not None or operation.parent is None:
            continue
        if not is_pure(operation) or "symbol" in traits(operation.name) or (len(results) > 1 and not _is_unused(operation)):
            continue
        feeding = _operands_from_outside(operation) if operation.regions else operation._operands
        operation.erase()
        count += 1
        for operand in feeding:
            if operand._users is None and isinstance(operand, Result):
                work.append(operand.owner)
    return count


def _operands_from_outside(operation: Operation) -> list[Value]:
    """What an operation and all inside use of what is defined outside."""
    inside = dict.fromkeys(operation.walk())
    return [operand for inner in inside for operand in inner._operands if operand.definer not in inside]


def _is_unused(operation: Operation) -> bool:
    return not [result for result in operation.results if result._users is not None]
