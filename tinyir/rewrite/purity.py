"""What passes ask of every operation, answered once for each name where that is enough."""

from __future__ import annotations

from tinyir.ir.operation import Operation
from tinyir.ir.registry import definition_of, is_harmless, is_pure


class Purity:
    """Remembers which operations are always pure, and what traits they have.

    `may_read`: what reads memory counts as pure as well; where nobody uses its result it can be left out.
    """

    def __init__(self, *, may_read: bool = False) -> None:
        self._may_read = may_read
        self._always: dict[str, bool | None] = {}
        self._traits: dict[str, frozenset[str]] = {}

    def is_pure(self, operation: Operation) -> bool:
        """`registry.is_pure`: it neither writes memory nor, unless it may, reads it."""
        try:
            always = self._always[operation.name]
        except KeyError:
            always = self._always[operation.name] = self._for_all(operation.name)
        if always is None or (always and operation.regions):
            return is_pure(operation, may_read=self._may_read)
        return always

    def _for_all(self, name: str) -> bool | None:
        """Whether all operations of a name are pure, going by the operation alone; None if it depends."""
        definition = definition_of(name)
        if definition is None:
            return False
        return None if callable(definition.effects) else is_harmless(definition.effects, may_read=self._may_read)

    def is_isolated(self, name: str) -> bool:
        return "isolated" in self.traits(name)

    def traits(self, name: str) -> frozenset[str]:
        """The traits of an operation's name."""
        found = self._traits.get(name)
        if found is None:
            definition = definition_of(name)
            found = self._traits[name] = definition.traits if definition is not None else frozenset()
        return found
