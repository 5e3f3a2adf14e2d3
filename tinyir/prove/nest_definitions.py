"""Where a nest program defines elements, and over which loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression
from tinyir.prove import nest_program as program
from tinyir.prove.bounds import Variable
from tinyir.prove.terms import UndecidedError

Path = tuple[tuple[program.Loop | program.Branch, int], ...]
"""Loops and branches around a step, each branch with the number of the body."""


@attrs.frozen(eq=False)
class Definition:
    """A definition of the program before, and how its loops' indices follow from the element's."""

    path: Path
    define: program.Define
    indices: tuple[AffineExpression, ...]
    """Over the loops around, as are the bounds of these."""
    loops: tuple[Variable, ...]


def defines(steps: Sequence[program.Step], path: Path) -> Iterator[tuple[Path, program.Define]]:
    """All definitions in some steps, each with its path."""
    for step in steps:
        if isinstance(step, program.Define):
            yield path, step
        elif isinstance(step, program.Loop):
            yield from defines(step.body, (*path, (step, 0)))
        elif isinstance(step, program.Branch):
            for number, body in enumerate(step.bodies):
                yield from defines(body, (*path, (step, number)))


def definition_of(steps: Sequence[program.Step], path: Path, define: program.Define) -> Definition:
    """A definition of a program, with its indices over the loops of its path.

    Raises:
        UndecidedError: an index or a bound is computed from data.
    """
    known: dict[int, AffineExpression] = {}
    loops: list[Variable] = []

    def over(expressions: Sequence[AffineExpression], operands: Sequence[int]) -> tuple[AffineExpression, ...]:
        if any(operand not in known for operand in operands):
            raise UndecidedError("an index is computed from data")
        return tuple(expression.replace([known[operand] for operand in operands]) for expression in expressions)

    for each, body in (*path, (None, 0)):
        for step in steps:
            if isinstance(step, program.Index) and all(operand in known for operand in step.operands):
                known[step.result] = step.expression.replace([known[operand] for operand in step.operands])
            elif isinstance(step, program.Constant) and isinstance(step.value, int):
                known[step.result] = AffineConstant(step.value)
        if isinstance(each, program.Loop):
            bounds = over(each.lower, each.lower_operands), over(each.upper, each.upper_operands)
            known[each.variable] = AffineDimension(len(loops))
            loops.append(Variable(f"i{len(loops)}", *bounds, each.step))
            steps = each.body
        elif each is not None:
            steps = each.bodies[body]
    return Definition(path, define, over(define.indices, define.operands), tuple(loops))
