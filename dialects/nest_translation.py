"""After passes at the loop level: what the nests define is what they defined before, whatever the passes have made of them.

A copy of each function is kept when the first of several such passes begins, and compared with what the last of them leaves.  Nests
that are as they were need no proof.  The others are one obligation for those that belong together: they define the same tensors
before and after, or share scratch.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from functools import cached_property

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_programs import ProgramWriter, TensorTable, is_constant, storage
from tinyir.ir.builder import Builder, functions
from tinyir.ir.equality import outer_pairs, structurally_equal
from tinyir.ir.operation import BlockArgument, Operation, Value
from tinyir.ir.types import TensorType, Type
from tinyir.prove.obligations import Obligation
from tinyir.prove.translation import TranslationClaim
from tinyir.rewrite.passes import Pass, PassContext

LEVEL = "loop"
NESTS = ("loop.for", "loop.if", "loop.define")


@attrs.define
class NestTranslation:
    """Watches the passes of a compilation."""

    _copies: list[_Copy] = attrs.field(factory=list, init=False)

    def before(self, instance: Pass, module: Operation, context: PassContext) -> None:
        """A pass is about to run."""
        if not is_translated(instance):
            self.settle(context)
        elif not self._copies:
            self._copies = [_Copy.of(function) for function in functions(module)]

    def settle(self, context: PassContext) -> None:
        """States what the passes so far must have kept."""
        copies, self._copies = self._copies, []
        for copy in copies:
            _settle(copy, context)


def _settle(copy: _Copy, context: PassContext) -> None:
    """States what one function must have kept; nests of which it cannot be told are put back as they were."""
    beyond = copy.beyond()
    for group in copy.groups():
        obligation = group.obligation()
        verdict = context.ledger.judge(obligation)
        if verdict.state == "unknown" and group.is_replaceable():
            group.restore(copy.originals)
            context.remark(f"{obligation.where}: not scheduled, since nothing tells that the terms are kept: {verdict.reason}")
        else:
            context.ledger.add(obligation, verdict)
    if beyond is not None:
        context.ledger.add(beyond)


def is_translated(instance: Pass) -> bool:
    """Whether a pass takes nests to nests that define the same."""
    return LEVEL in instance.reads and set(instance.leaves) <= {LEVEL, "arith", "func", "builtin"} and LEVEL in instance.leaves and instance.keeps_tensors


@attrs.define(eq=False)
class _Copy:
    """A function, and a copy of it from before: `originals` of the copy's values."""

    function: Operation
    copy: Operation
    roots: dict[Operation, Operation]
    """The nests that were, each with its copy."""
    originals: dict[Value, Value]

    @classmethod
    def of(cls, function: Operation) -> _Copy:
        values: dict[Value, Value] = {}
        copy = function.clone(values)
        roots = {old: new for old, new in zip(function.body, copy.body, strict=True) if old.name in NESTS}
        return cls(function, copy, roots, {new: old for old, new in values.items()})

    def beyond(self) -> Obligation | None:
        """What no prover here can tell, if something must hold that is no matter of nests."""
        if not self.roots:
            kept, statement = structurally_equal(self.function, self.copy), "the function is as it was"
        else:
            pairs = zip(self.function.body.terminator.operands, self.copy.body.terminator.operands, strict=True)
            kept, statement = all(_is_same_value(new, old, self.same) for new, old in pairs), "the function gives the same tensors"
        where = str(self.function.properties["sym_name"]).strip('"')
        return None if kept else Obligation("instr", where, f"after its nests are scheduled {statement}")

    def groups(self) -> list[Group]:
        """The nests that changed, those together that belong together."""
        same = self.same
        kept = {new: old for new in self.function.body if (old := self.roots.get(new)) is not None and _is_kept(new, old, same)}
        copies = {*kept.values()}
        after = [root for root in self.function.body if root.name in NESTS and root not in kept]
        before = [root for root in self.roots.values() if root not in copies]
        groups = _Groups(same)
        for root in (*before, *after):
            groups.add(root)
        return [Group(*group, same) for group in groups.split(before, after)]

    @cached_property
    def same(self) -> dict[Value, Value]:
        """For tensors of the copy those of the function that hold the same now; not for those that nothing stands for."""
        return self._same_tensors()

    def _same_tensors(self) -> dict[Value, Value]:
        found = {copy: original for copy, original in self.originals.items() if isinstance(copy.type, TensorType) or isinstance(copy, BlockArgument)}
        tensors, alive = _tensors_defined(self.copy), _tensors_defined(self.function)
        known = {*found.values()}
        fresh: defaultdict[tuple[str, Type, int], deque[Value]] = defaultdict(deque)
        for tensor in alive:
            if tensor not in known:
                fresh[_kind(tensor)].append(tensor)
        for tensor in tensors:
            if found[tensor] not in alive:
                waiting = fresh[_kind(tensor)]
                found[tensor] = waiting.popleft() if waiting else tensor
        return {copy: tensor for copy, tensor in found.items() if copy is not tensor}


def _tensors_defined(function: Operation) -> dict[Value, None]:
    """The tensors of a function in the order in which they are defined."""
    return dict.fromkeys(storage(loop.accessed_tensor(o)) for o in function.walk() if o.name == "loop.define")


def _kind(tensor: Value) -> tuple[str, Type, int]:
    """What a tensor has in common with one that holds the same elements under another shape."""
    assert isinstance(tensor.type, TensorType)
    return tensor.name, tensor.type.element, tensor.type.element_count


def _is_kept(root: Operation, copy: Operation, same: Mapping[Value, Value]) -> bool:
    """Whether a nest is as it was, on tensors that hold what they held."""
    pairs = outer_pairs(root, copy)
    return pairs is not None and all(_is_same_value(mine, old, same) for mine, old in pairs)


def _is_same_value(value: Value, copy: Value, same: Mapping[Value, Value]) -> bool:
    if value.type is not copy.type:
        return False
    if not isinstance(value.type, TensorType):
        if same.get(copy) is value:
            return True
        mine, old = value.definer, copy.definer
        return mine is not None and old is not None and outer_pairs(mine, old) == []
    first, second = storage(value), storage(copy)
    if is_constant(first) and is_constant(second):
        assert first.definer is not None
        assert second.definer is not None
        return first.definer.properties["value"] is second.definer.properties["value"]
    return same.get(second) is first


def _defined(root: Operation) -> list[Value]:
    return list(dict.fromkeys(storage(loop.accessed_tensor(o)) for o in root.walk() if o.name == "loop.define"))


def _touched(root: Operation) -> list[Value]:
    """What a nest defines, and what else it reads."""
    return list(dict.fromkeys(storage(loop.accessed_tensor(o)) for o in root.walk() if o.name in ("loop.define", "loop.read")))


class _Groups:
    """Nests that belong together: by the tensors that they define, or by scratch."""

    def __init__(self, same: Mapping[Value, Value]) -> None:
        self.same = same
        self.shared = {*same.values()}
        self.parents: dict[Operation | Value, Operation | Value] = {}

    def add(self, root: Operation) -> None:
        defined = {*_defined(root)}
        self.parents.setdefault(root, root)
        for tensor in _touched(root):
            mine = self.same.get(tensor, tensor)
            if tensor in defined or (mine not in self.shared and not is_constant(mine)):
                self.parents[self._top(root)] = self._top(mine)

    def _top(self, each: Operation | Value) -> Operation | Value:
        self.parents.setdefault(each, each)
        while self.parents[each] is not each:
            self.parents[each] = each = self.parents[self.parents[each]]
        return each

    def split(self, before: list[Operation], after: list[Operation]) -> list[tuple[list[Operation], list[Operation]]]:
        found: dict[Operation | Value, tuple[list[Operation], list[Operation]]] = {}
        for side, roots in enumerate((before, after)):
            for root in roots:
                found.setdefault(self._top(root), ([], []))[side].append(root)
        return list(found.values())


@attrs.frozen(eq=False)
class Group:
    """Nests of a copy, and those that stand in their place; `same`: for tensors of the copy those of the function."""

    before: list[Operation]
    after: list[Operation]
    same: dict[Value, Value]

    def obligation(self) -> Obligation:
        roots = self.after or self.before
        function = roots[0].parent_operation
        assert function is not None
        symbol = str(function.properties["sym_name"]).strip('"')
        names = list(dict.fromkeys(name for root in roots for name in root.location.names))
        table = TensorTable(self.same)
        old, new = (ProgramWriter(table).write(roots) for roots in (self.before, self.after))
        compared = sorted({table.number(tensor) for root in self.before for tensor in _defined(root) if tensor in self.same})
        what = ", ".join(f"'{table.tensors[number].name}'" for number in compared if table.tensors[number].name) or "its result"
        statement = f"what the scheduled nest defines of {what} is what the nest before did, term by term"
        return Obligation("instr", ", ".join(names) or symbol, statement, TranslationClaim(tuple(table.tensors), old, new, tuple(compared)))

    def is_replaceable(self) -> bool:
        """Whether the nests before can stand where those after do: nothing is between these, and nothing else knows their tensors."""
        first, roots = self.after[0] if self.after else None, {*self.after}
        each: Operation | None = first
        found = 0
        while each is not None and found < len(self.after):
            if each.name in NESTS:
                if each not in roots:
                    return False
                found += 1
            each = each.next
        tensors = [(tensor, self.same[tensor]) for root in self.before for tensor in _defined(root) if tensor in self.same]
        return first is not None and all(_is_viewed_as(new, old.type, roots) for old, new in tensors)

    def restore(self, originals: Mapping[Value, Value]) -> None:
        """Puts the nests back."""
        builder = Builder.before(self.after[0])
        values: dict[Value, Value] = {copy: tensor for copy, tensor in self.same.items() if isinstance(copy, BlockArgument)}
        beside = self.after[0].parent
        assert beside is not None
        for tensor in dict.fromkeys(tensor for root in self.before for tensor in _defined(root)):
            definer = tensor.definer
            assert definer is not None
            made = builder.insert(definer.clone()).result
            if tensor in self.same:
                _replace(self.same[tensor], made)
                self.same[tensor] = made
            values[tensor] = made
        for root in self.before:
            self._copy_needed(root, builder, values, originals)
            builder.insert(root.clone(values))
        for root in self.after:
            root.erase()
        for operation in reversed(beside.operations):
            if operation.name in ("loop.tensor", "loop.reshape", "arith.constant") and not operation.result.use_count:
                operation.erase()

    def _copy_needed(self, root: Operation, builder: Builder, values: dict[Value, Value], originals: Mapping[Value, Value]) -> None:
        """What a nest uses of what stands beside it: constants and views are copied, tensors seen in their shape, the rest is as it was."""
        for inner in root.walk():
            for operand in inner.operands:
                definer = operand.definer
                if operand in values or definer is None or definer.parent is not root.parent:
                    continue
                if definer.name == "loop.tensor":
                    tensor = self.same[operand]
                    values[operand] = tensor if tensor.type is operand.type else builder.create("loop.reshape", [tensor], [operand.type]).result
                elif definer.name in ("loop.reshape", "arith.constant", "loop.index"):
                    self._copy_needed(definer, builder, values, originals)
                    builder.insert(definer.clone(values))
                else:
                    values[operand] = originals[operand]


def _replace(tensor: Value, made: Value) -> None:
    """Lets what sees a tensor as one of another's type use that."""
    for user in tensor.users:
        if user.name == "loop.reshape" and user.result.type is made.type:
            user.result.replace_by(made)
    if tensor.type is made.type:
        tensor.replace_by(made)


def _is_viewed_as(tensor: Value, type: Type, inside: set[Operation]) -> bool:
    """Whether everything outside of some nests sees a tensor as one of that type."""
    outside = [user for user in tensor.users if not any(above in inside for above in (user, *user.ancestors()))]
    return tensor.type is type or all(user.name == "loop.reshape" and user.result.type is type for user in outside)
