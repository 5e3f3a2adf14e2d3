"""What the greedy driver takes on trust of its rewriters, checked at every attempt: slow, and off unless asked for.

A rewriter may only create operations through its `Edit`; whatever else it does to the module happened behind the driver's back.
One that says that it matched must have something else to offer than what is already there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from tinyir.ir.equality import first_difference
from tinyir.ir.operation import Operation, Result, Value
from tinyir.ir.record import Record
from tinyir.rewrite.edit import Edit, Rewriter
from tinyir.rewrite.observer import CheckError

Fingerprint = list[tuple[Any, ...]]


@attrs.define(eq=False, repr=False)
class RewriteChecks(Record):
    """The checks of one run of the driver on a module."""

    module: Operation
    _fingerprint: Fingerprint = attrs.field(init=False)
    _before: Operation = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._fingerprint = fingerprint(self.module)
        self._before = self.module.clone()

    def rewrite(self, rewriter: Rewriter, edit: Edit) -> Sequence[Value] | None:
        """What the rewriter offers.

        Raises:
            CheckError: it changed the module by itself, or offers what is already there.
        """
        values = rewriter.rewrite(edit)
        found = fingerprint(self.module)
        if found != self._fingerprint:
            raise CheckError(
                f"rule '{rewriter.name}' changed the module behind the driver's back, at '{_first_change(self._fingerprint, found)}'",
                place=rewriter.place,
                hint="create operations through the Edit only",
            )
        if values is not None:
            self._check_offer(rewriter, edit, values)
        return values

    def _check_offer(self, rewriter: Rewriter, edit: Edit, values: Sequence[Value]) -> None:
        root = edit.root
        if len(values) != len(root.results):
            message = f"rule '{rewriter.name}' offers {len(values)} values for the {len(root.results)} results of '{root.name}'"
            raise CheckError(message, place=rewriter.place)
        if root.results and all(_is_same(value, result, edit) for value, result in zip(values, root.results, strict=True)):
            raise CheckError(f"rule '{rewriter.name}' claims success without a change of '{root.name}'", place=rewriter.place)

    def changed(self) -> None:
        """The driver itself has changed the module."""
        self._fingerprint = fingerprint(self.module)

    def end(self, rewrites: Sequence[str]) -> None:
        """The driver is done; `rewrites` are the names of all rules that it applied.

        Raises:
            CheckError: rules were applied, and yet the module is as it was.
        """
        if rewrites and not first_difference(self._before, self.module):
            names = ", ".join(f"'{name}'" for name in dict.fromkeys(rewrites))
            raise CheckError(f"{len(rewrites)} rewrites leave the module as it was: {names} undo each other")


def fingerprint(module: Operation) -> Fingerprint:
    """What an operation and all inside are, by identity: two are equal only if nothing was touched in between."""
    return [
        (
            operation.name,
            operation,
            operation.operands,
            tuple(operation.properties.items()),
            tuple(operation.attributes.items()),
            tuple(result.type for result in operation.results),
            operation.successors,
            operation.parent,
            tuple((block, block.arguments) for region in operation.regions for block in region.blocks),
        )
        for operation in module.walk()
    ]


def _first_change(before: Fingerprint, after: Fingerprint) -> str:
    """The name of the first operation that differs."""
    for old, new in zip(before, after, strict=False):
        if old != new:
            return f"{new[0]}"
    return str((before if len(before) > len(after) else after)[min(len(before), len(after))][0])


def _is_same(value: Value, result: Result, edit: Edit) -> bool:
    """Whether a value is the root's result, or that of a new operation just like the root."""
    if value is result:
        return True
    definer, root = value.definer, edit.root
    if definer is None or definer not in edit.created or len(definer.results) != len(root.results):
        return False
    return value is definer.results[result.index] and not first_difference(root, definer)
