"""Rewrites in Python, for what the rule language cannot say; the driver, the trace, the checks and the reports are those of rules.

    @pattern("graph.relu")
    def relu_of_negated_square(edit: Edit) -> Value | None:
        "relu(-(x * x)) is zero: a square is not negative."
        negated = edit.definer(edit.root.operands[0], "graph.negate")
        square = edit.definer(negated.operands[0], "graph.multiply") if negated else None
        if square is None or square.operands[0] is not square.operands[1]:
            return None
        return edit.apply("graph.subtract", square.operands[:1] * 2)

    apply_rules(module, [relu_of_negated_square, *compiled_rules("canonical")], context)

Nothing proves Python: a pattern states obligations with each rewrite (`obligations`), or is `assumed` with a reason that reports repeat.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Value
from tinyir.ir.record import Record
from tinyir.rewrite.edit import Edit, Rewriter

Answer = Value | Sequence[Value] | None
"""What replaces the root's results; None: it does not match."""
Body = Callable[[Edit], Answer]
Oblige = Callable[[Edit, Sequence[Value]], Iterable[Any]]


@attrs.frozen(eq=False, repr=False)
class Pattern(Record):
    """A rewrite in Python, tried at the operations named in `roots`.

    `benefit`: greater ones are tried first; rules have 0.  `before`: the names of those that are tried after it, whatever their benefit.
    `depth`: how far it looks, in operations on one path; a change so far below the root makes it be tried again.
    `exact`: both sides are equal to the bit; else over the reals.  `obligations`: what must be proved of a rewrite that is about to be
    made, given what was matched and the new values; a compilation stops if it is not.
    """

    name: str
    roots: Sequence[str]
    body: Body
    statement: str
    place: Place
    benefit: int = 0
    before: Sequence[str] = ()
    depth: int = 3
    exact: bool = True
    assumed: str = ""
    obligations: Oblige | None = None

    def rewrite(self, edit: Edit) -> Sequence[Value] | None:
        """The values that replace the root's results, or None if it does not match."""
        found = self.body(edit)
        return (found,) if isinstance(found, Value) else found

    def __call__(self, edit: Edit) -> Answer:
        """The function itself, so that one pattern can use another."""
        return self.body(edit)

    def oblige(self, edit: Edit, values: Sequence[Value]) -> Sequence[Any]:
        """The obligations of a rewrite."""
        return tuple(self.obligations(edit, values)) if self.obligations is not None else ()

    @property
    def caution(self) -> str:
        """Why it is taken to be right without a proof, which reports repeat; empty if it states obligations."""
        return "" if self.obligations is not None else self.assumed or "it states no obligation"


def pattern(*roots: str, **options: Any) -> Callable[[Body], Pattern]:
    """Makes a pattern of a function: its name, the first line of its docstring as the statement, and the options of `Pattern`."""

    def make(body: Body) -> Pattern:
        statement = (inspect.getdoc(body) or "").partition("\n")[0]
        code = body.__code__
        return Pattern(body.__name__, roots, body, statement, Place(Path(code.co_filename).name, code.co_firstlineno, 1), **options)

    return make


def in_order(rewriters: Iterable[Rewriter]) -> list[Rewriter]:
    """As they are tried: greater benefits first, then as they were given, and always as `before` demands.

    Raises:
        TinyirError: they are before each other.
    """
    given = sorted(rewriters, key=lambda rewriter: -_benefit(rewriter))
    if not any(isinstance(rewriter, Pattern) and rewriter.before for rewriter in given):
        return given
    return _with_before(given)


def _benefit(rewriter: Rewriter) -> int:
    return rewriter.benefit if isinstance(rewriter, Pattern) else 0


def _with_before(given: Sequence[Rewriter]) -> list[Rewriter]:
    """The same order, but who names another in `before` moves up in front of it."""
    earlier: dict[str, list[Rewriter]] = {}
    for rewriter in given:
        for later in rewriter.before if isinstance(rewriter, Pattern) else ():
            earlier.setdefault(later, []).append(rewriter)
    order: list[Rewriter] = []

    def visit(rewriter: Rewriter, path: tuple[Rewriter, ...]) -> None:
        if any(rewriter is other for other in path):
            names = [other.name for other in reversed((*path[path.index(rewriter) :], rewriter))]
            raise TinyirError(f"patterns are before each other: {' before '.join(names)}", place=rewriter.place)
        if not any(rewriter is other for other in order):
            for other in earlier.get(rewriter.name, ()):
                visit(other, (*path, rewriter))
            order.append(rewriter)

    for rewriter in given:
        visit(rewriter, ())
    return order
