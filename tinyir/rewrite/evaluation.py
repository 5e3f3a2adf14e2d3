"""Operations whose operands are constants are computed: a rewrite that needs no proof, for it is what the operation means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from tinyir.ir.errors import Place
from tinyir.ir.operation import Value
from tinyir.ir.registry import definition_of, known_operations
from tinyir.rewrite.edit import Edit
from tinyir.rewrite.rule_functions import CONSTANT_OPERATIONS

_CONSTANT = frozenset(CONSTANT_OPERATIONS)


@attrs.frozen(eq=False)
class Evaluation:
    """Replaces operations by the constants that their definitions' `fold` gives."""

    roots: Sequence[str]
    name: str = "evaluate_constants"
    depth: int = 2
    place: Place = attrs.field(factory=Place)
    statement: str = "an operation on constants  =>  its value"
    exact: bool = True
    definers: tuple[frozenset[str] | None, ...] = (_CONSTANT, _CONSTANT)

    def rewrite(self, edit: Edit) -> Sequence[Value] | None:
        """The value as a constant."""
        root = edit.root
        definition = definition_of(root.name)
        assert definition is not None
        assert definition.fold is not None
        value = definition.fold(root)
        return None if value is None else (edit.number(value, root.results[0].type),)


def evaluations(operations: Iterable[str]) -> list[Evaluation]:
    """What computes the operations of a program, and of what rules make of it: those of the same dialects."""
    dialects = sorted({name.partition(".")[0] for name in operations})
    names = [name for dialect in dialects for name in known_operations(dialect)]
    found = [name for name in names if (definition := definition_of(name)) is not None and definition.fold is not None]
    return [Evaluation(found)] if found else []
