"""What a rewriter demands of the operation that defines an operand, as far as its name tells: so that it need not be tried."""

from __future__ import annotations

import attrs

from tinyir.ir.record import ValueRecord


@attrs.frozen(eq=False, repr=False)
class Definers(ValueRecord):
    """The names of the operations that may define an operand, or of those that may not."""

    names: frozenset[str]
    excluded: bool = False

    def allow(self, name: str | None) -> bool:
        """Whether an operation of that name (None: a block argument) may be the one."""
        return (name in self.names) is not self.excluded
