"""Whether two symbolic scalars are equal: reads by their indices, folds by a bijection of their domains, the rest by z3.

Elements of one operand are the same if their indices are; folds are the same if they have the same extents, conditions and
starts and their bodies are equal point by point.  Over the reals, and on integers, a fold may also run through the same
points in another order: where its one variable is the row-major number of an index, the lanes of that index may be permuted.
What remains is a question without functions, and z3 answers it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import permutations
from typing import Any

import attrs

from tinyir.ir import expression as ex
from tinyir.ir.types import I1, IntegerType
from tinyir.prove.scalar_terms import Terms
from tinyir.prove.symbolic import ElementData, FoldData, Session, TermData

RLIMIT = 3_000_000
_SYMBOL = re.compile(r"[\w.-]*[!@#][\w.]*")
"""The names that `Session` and `Terms` give to constants hold one of these signs."""


@attrs.frozen
class Answer:
    """`state`: "proved", "refuted" (z3 found values that differ) or "unknown"; `detail` shows the values or the reason."""

    state: str
    detail: str = ""


def _normal(text: str, sorts: Mapping[str, str]) -> bytes:
    """The hash of a question with its constants numbered in the order in which they stand; their sorts make a difference."""
    names: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        name = match.group()
        found = names.get(name)
        if found is None:
            found = names[name] = f"!{len(names)}{sorts.get(name, '')}"
        return found

    return blake2b(_SYMBOL.sub(number, text).encode(), digest_size=20).digest()


@attrs.define(eq=False)
class Asked:
    """What was asked before by sessions of one context.

    `answers`: by question; `proved`: questions of any context that were proved; `symbols`: of terms, by their number in the context,
    with the term, which so stays alive and keeps its number.
    """

    proved: set[bytes] = attrs.field(factory=set)
    answers: dict[bytes, Answer] = attrs.field(factory=dict)
    symbols: dict[int, tuple[Any, frozenset[str], str]] = attrs.field(factory=dict)


class Prover:
    """Proves equalities and conditions in one session.  `asked`: before, in this session or others of its context.

    `failed`: the last equality of scalars of which z3 was asked.
    """

    def __init__(self, session: Session, asked: Asked | None = None, rlimit: int = RLIMIT) -> None:
        self.session = session
        self.z3 = session.z3
        self.terms = Terms(session)
        self.rlimit = rlimit
        self.asked = Asked() if asked is None else asked
        self.failed: Any = None

    # -- z3

    def implied(self, goal: Any, extra: Sequence[Any] = ()) -> Answer:
        """Whether the hypotheses imply a condition."""
        if isinstance(goal, bool):
            return Answer("proved" if goal else "refuted")
        z3 = self.z3
        given = [*self.session.hypotheses, *self.terms.facts, *extra]
        if self._is_chain(goal, given):
            return Answer("proved")
        goal = z3.simplify(goal)
        if z3.is_true(goal):
            return Answer("proved")
        hypotheses, texts = self._relevant(goal, given)
        question = _normal("\n".join(texts), self.session.sorts)
        answer = self.asked.answers.get(question)
        if answer is None:
            answer = Answer("proved") if question in self.asked.proved else self._ask(goal, hypotheses)
            self.asked.answers[question] = answer
            if answer.state == "proved":
                self.asked.proved.add(question)
        return answer

    def _is_chain(self, goal: Any, hypotheses: Sequence[Any]) -> bool:
        """Whether each equality of the goal joins terms that equalities among the hypotheses lead from one to the other."""
        z3 = self.z3
        wanted = goal.children() if z3.is_and(goal) else [goal]
        if not all(z3.is_eq(part) for part in wanted):
            return False
        leads: dict[int, int] = {}

        def end(number: int) -> int:
            while number in leads:
                number = leads[number]
            return number

        for part in [each for given in hypotheses for each in (given.children() if z3.is_and(given) else [given])]:
            if z3.is_eq(part):
                ends = [end(side.get_id()) for side in part.children()]
                if ends[0] != ends[1]:
                    leads[ends[0]] = ends[1]
        return all(end(part.arg(0).get_id()) == end(part.arg(1).get_id()) for part in wanted)

    def _ask(self, goal: Any, hypotheses: Sequence[Any]) -> Answer:
        z3 = self.z3
        solver = z3.Solver(ctx=self.session.context)
        solver.set("rlimit", self.rlimit)
        solver.add(*hypotheses, z3.Not(goal))
        outcome = solver.check()
        if outcome == z3.unsat:
            return Answer("proved")
        if outcome == z3.unknown:
            return Answer("unknown", solver.reason_unknown())
        model = solver.model()
        return Answer("refuted", ", ".join(sorted(f"{d.name()} = {model[d]}" for d in model.decls() if d.arity() == 0)))

    def _relevant(self, goal: Any, hypotheses: Sequence[Any]) -> tuple[list[Any], list[str]]:
        """The hypotheses that share symbols with the goal, directly or through others: the rest cannot matter; their texts and the goal's."""
        _, names, text = self._read(goal)
        rest = [self._read(hypothesis) for hypothesis in hypotheses]
        reached, found = set(names), list[tuple[Any, frozenset[str], str]]()
        while rest:
            near, far = list[tuple[Any, frozenset[str], str]](), list[tuple[Any, frozenset[str], str]]()
            for one in rest:
                (far if names and one[1] and reached.isdisjoint(one[1]) else near).append(one)
            if not near:
                break
            found += near
            rest = far
            reached.update(*(one[1] for one in near))
        return [term for term, _, _ in found], [*(text for _, _, text in found), text]

    def _read(self, term: Any) -> tuple[Any, frozenset[str], str]:
        """A term, the names of the constants in it, its text."""
        number = term.get_id()
        known = self.asked.symbols.get(number)
        if known is None:
            text = term.sexpr()
            known = self.asked.symbols[number] = term, frozenset(_SYMBOL.findall(text)), text
        return known

    def holds(self, goal: Any, extra: Sequence[Any] = ()) -> bool:
        return self.implied(goal, extra).state == "proved"

    # -- scalars

    def equal(self, left: ex.Expression, right: ex.Expression, extra: Sequence[Any] = ()) -> Answer:
        """Whether two scalars are equal (NaNs count as equal, zeros of different sign do not)."""
        one, other = self.terms.of(left), self.terms.of(right)
        if one.eq(other):
            return Answer("proved")
        same = self._same_parts(one, other, extra)
        if same:
            one, other = self.z3.substitute(one, *same), self.z3.substitute(other, *same)
        if one.eq(other):
            return Answer("proved")
        twice = self._read_twice(self._parts(one) | self._parts(other), extra)
        self.failed = one == other
        return self.implied(self.failed, [*extra, *(a == b for a, b in (*same, *twice))])

    def _read_twice(self, parts: set[int], extra: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Pairs of parameters that are one element of an operand, read at indices that are spelled in two ways."""
        elements = [i for i in sorted(parts) if i in self.terms.elements]
        found = []
        for position, j in enumerate(elements):
            first = next((i for i in elements[:position] if self._same_element(self.terms.elements[i], self.terms.elements[j], extra)), None)
            if first is not None:
                found.append((self.terms.parameters[j], self.terms.parameters[first]))
        return found

    def _same_parts(self, left: Any, right: Any, extra: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Pairs of parameters, elements or folds of the two terms, that are the same; the second stands for the first."""
        ours, theirs = self._parts(left), self._parts(right)
        found: list[tuple[Any, Any]] = []
        for j in sorted(theirs - ours):
            for i in sorted(ours - theirs) if j in self.terms.folds else sorted(ours):
                if i in self.terms.elements and j in self.terms.elements:
                    same = self._same_element(self.terms.elements[i], self.terms.elements[j], extra)
                else:
                    same = i in self.terms.folds and j in self.terms.folds and self._same_fold(self.terms.folds[i], self.terms.folds[j], extra)
                if same:
                    found.append((self.terms.parameters[j], self.terms.parameters[i]))
                    break
        return found

    def _parts(self, term: Any) -> set[int]:
        """The symbolic parameters in a term."""
        return {int(name.rpartition("@")[2]) for name in self._read(term)[1] if "@" in name}

    def _same_element(self, left: ElementData, right: ElementData, extra: Sequence[Any]) -> bool:
        if left.tensor != right.tensor or len(left.index) != len(right.index):
            return False
        lanes = []
        for a, b in zip(left.index, right.index, strict=True):
            if isinstance(a, ex.Expression) or isinstance(b, ex.Expression):
                if not (isinstance(a, ex.Expression) and isinstance(b, ex.Expression) and self.equal(a, b, extra).state == "proved"):
                    return False
            else:
                lanes.append(self.session.equal(a, b))
        if self.holds(self.session.all_of(lanes), extra):
            return True
        if None in left.shape or len(lanes) != len(left.index) or len(lanes) < 2:
            return False
        ravel = self.session.ravel
        return self.holds(self.session.equal(ravel(left.shape, left.index), ravel(right.shape, right.index)), extra)

    # -- folds

    def _same_fold(self, left: FoldData, right: FoldData, extra: Sequence[Any]) -> bool:
        if left.kind != right.kind or left.body.type is not right.body.type or not self._proved(left.start, right.start, extra):
            return False
        if len(left.variables) == len(right.variables):
            extents = [self.session.equal(a, b) for (_, a), (_, b) in zip(left.variables, right.variables, strict=True)]
            if self.holds(self.session.all_of(extents), extra):
                same = [a == b for (a, _), (b, _) in zip(left.variables, right.variables, strict=True)]
                if self._same_body(left, right, [*extra, *same]) or self._same_terms(left, right, [*extra, *same]):
                    return True
        integers = isinstance(left.body.type, IntegerType) and not self.session.abstract
        in_any_order = self.session.ideal or integers or left.kind != "sum"
        return in_any_order and self._permuted(left, right, extra)

    def _same_body(self, left: FoldData, right: FoldData, extra: Sequence[Any]) -> bool:
        inside = [c for v, extent in (*left.variables, *right.variables) for c in (v >= 0, v < self.session.integer(extent))]
        extra = [*extra, *inside]
        one, other = (self.session.boolean(self.session.all_of(fold.conditions)) for fold in (left, right))
        return self.holds(one == other, extra) and self._proved(left.body, right.body, [*extra, one])

    def _same_terms(self, left: FoldData, right: FoldData, extra: Sequence[Any]) -> bool:
        """Whether two sums add the same at each point, where a point that is left out adds nothing: over the reals, and of integers."""
        if left.kind != "sum" or not (left.conditions or right.conditions):
            return False
        inside = [c for v, extent in (*left.variables, *right.variables) for c in (v >= 0, v < self.session.integer(extent))]
        if not self.session.ideal:
            return isinstance(left.body.type, IntegerType) and not self.session.abstract and self._same_integers(left, right, [*extra, *inside])
        one, other = (self._added(fold) for fold in (left, right))
        return self._proved(one, other, [*extra, *inside])

    def _same_integers(self, left: FoldData, right: FoldData, extra: Sequence[Any]) -> bool:
        """The same of machine integers, where z3 is not asked of conditions on indices and of products at once."""
        z3 = self.z3
        one, other = (self.session.boolean(self.session.all_of(fold.conditions)) for fold in (left, right))
        both, ours, theirs = [*extra, one, other], [*extra, one, z3.Not(other)], [*extra, z3.Not(one), other]
        return self._same_where(left.body, right.body, both) and self._adds_nothing(left.body, ours) and self._adds_nothing(right.body, theirs)

    def _same_where(self, left: ex.Expression, right: ex.Expression, extra: Sequence[Any]) -> bool:
        one, other = (self._decided(self.terms.of(side), extra) for side in (left, right))
        same = self._same_parts(one, other, extra)
        if same:
            one, other = self.z3.substitute(one, *same), self.z3.substitute(other, *same)
        return bool(one.eq(other)) or self.holds(one == other, extra)

    def _adds_nothing(self, body: ex.Expression, extra: Sequence[Any]) -> bool:
        """Whether a term is zero, as one of its factors is, or there is no such point."""
        if self.holds(self.session.boolean(False), extra):
            return True
        term = self._decided(self.terms.of(body), extra)
        factors = term.children() if term.decl().kind() == self.z3.Z3_OP_BMUL else [term]
        return any(self.holds(factor == 0, extra) for factor in factors)

    def _decided(self, term: Any, extra: Sequence[Any]) -> Any:
        """The term without the choices that the hypotheses decide."""
        z3, seen, work, known = self.z3, set[int](), [term], list[tuple[Any, Any]]()
        while work:
            part = work.pop()
            if part.get_id() in seen:
                continue
            seen.add(part.get_id())
            work += part.children()
            if z3.is_app_of(part, z3.Z3_OP_ITE):
                condition = part.arg(0)
                if self.holds(condition, extra):
                    known.append((condition, self.session.boolean(True)))
                elif self.holds(z3.Not(condition), extra):
                    known.append((condition, self.session.boolean(False)))
        return z3.simplify(z3.substitute(term, *known)) if known else term

    def _added(self, fold: FoldData) -> ex.Expression:
        """What a sum adds at a point."""
        if not fold.conditions:
            return fold.body
        counts = self.session.leaf(TermData(self.session.boolean(self.session.all_of(fold.conditions))), I1)
        return ex.select(counts, fold.body, ex.constant(0, fold.body.type))

    def _permuted(self, left: FoldData, right: FoldData, extra: Sequence[Any]) -> bool:
        """Both run through the points of one box, numbered in different orders of its axes."""
        if len(left.variables) != 1 or len(right.variables) != 1:
            return False
        for shape, lanes in self._boxes(left.variables[0][0]):
            for other_shape, other_lanes in self._boxes(right.variables[0][0]):
                for order in permutations(range(len(shape))):
                    if len(shape) != len(other_shape):
                        continue
                    extents = [self.session.equal(other_shape[i], shape[order[i]]) for i in range(len(shape))]
                    if self.session.all_of(extents) is not True:
                        continue
                    same = [other_lanes[i] == lanes[order[i]] for i in range(len(shape))]
                    if self._same_body(left, right, [*extra, *same]):
                        return True
        return False

    def _boxes(self, variable: Any) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        return [(shape, lanes) for shape, number, lanes in self.session.splits if number.eq(variable)]

    def _proved(self, left: ex.Expression, right: ex.Expression, extra: Sequence[Any]) -> bool:
        return self.equal(left, right, extra).state == "proved"


