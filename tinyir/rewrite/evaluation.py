"""Operations whose operands are constants are computed: a rewrite that needs no proof, for it is what the operation means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import Place
from tinyir.ir.operation import Operation, Result, Value
from tinyir.ir.record import Record
from tinyir.ir.registry import definition_of, known_operations
from tinyir.rewrite.definers import Definers
from tinyir.rewrite.edit import Edit
from tinyir.rewrite.rule_functions import CONSTANT_OPERATIONS

Fold = Callable[[Operation], Attribute | None]
_CONSTANT = Definers(frozenset(CONSTANT_OPERATIONS))


@attrs.frozen(eq=False, repr=False)
class Evaluation(Record):
    """Replaces operations by the constants that their definitions' `fold` gives."""

    folds: Mapping[str, Fold]
    name: str = "evaluate_constants"
    depth: int = 2
    place: Place = attrs.field(factory=Place)
    statement: str = "an operation on constants  =>  its value"
    exact: bool = True
    definers: tuple[Definers | None, ...] = (_CONSTANT, _CONSTANT)

    @property
    def roots(self) -> Sequence[str]:
        return tuple(self.folds)

    def rewrite(self, edit: Edit) -> Sequence[Value] | None:
        """The value as a constant: that of an operand, if it is the same."""
        root = edit.root
        value = self.folds[root.name](root)
        if value is None:
            return None
        type = root.results[0].type
        for operand in root._operands:
            if isinstance(operand, Result) and operand.type is type and operand.owner.get("value") is value:
                return (operand,)
        return (edit.number(value, type),)


def evaluations(operations: Iterable[str]) -> list[Evaluation]:
    """What computes the operations of a program, and of what rules make of it: those of the same dialects."""
    dialects = sorted({name.partition(".")[0] for name in operations})
    definitions = [definition_of(name) for dialect in dialects for name in known_operations(dialect)]
    folds = {definition.name: definition.fold for definition in definitions if definition is not None and definition.fold is not None}
    return [Evaluation(folds)] if folds else []
