"""What every claim offers: a fast decision of its own, and its negation as linear integer arithmetic for z3 or another solver.

A claim is plain data.  `decide` is the native prover of its kind (intervals, thresholds, exhaustion).  `negation` says the
opposite in SMT-LIB: if that has no solution the claim holds.  z3 is given the very text that `smtlib` prints, so what a
reader may take to another solver is what was judged here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from time import process_time
from typing import ClassVar, Literal

import attrs
import numpy

from tinyir.prove.smt_evaluation import NotEvaluatedError, are_met
from tinyir.prove.z3_solver import Solver

State = Literal["proved", "refuted", "unknown", "not attempted"]
DEFAULT_RLIMIT = 20_000_000  # z3's own unit of work; about two seconds of one core
Counterexample = Mapping[str, int]


@attrs.frozen
class Verdict:
    """The state of an obligation, how it was decided, and the inputs that break it if it was refuted.

    `seconds` is CPU time and `rlimit` what z3 consumed; neither takes part in comparisons or reports of record.
    """

    state: State
    how: str = ""
    counterexample: Counterexample | None = None
    reason: str = ""
    rlimit: int = attrs.field(default=0, eq=False)
    seconds: float = attrs.field(default=0.0, eq=False)


NOT_ATTEMPTED = Verdict("not attempted")


def proved(how: str) -> Verdict:
    """The verdict that a method has proved a claim."""
    return Verdict("proved", how)


def refuted(how: str, counterexample: Counterexample) -> Verdict:
    """The verdict that a method has found inputs which break a claim."""
    return Verdict("refuted", how, dict(counterexample))


def unknown(how: str, reason: str) -> Verdict:
    """The verdict that a method could not decide a claim."""
    return Verdict("unknown", how, None, reason)


@attrs.frozen
class Negation:
    """Declarations (name, sort) and assertions whose joint unsatisfiability is the claim."""

    declarations: tuple[tuple[str, str], ...]
    assertions: tuple[str, ...]

    def script(self, logic: str) -> str:
        """The SMT-LIB 2 script: `unsat` means proved."""
        lines = [f"(set-logic {logic})"]
        lines += [f"(declare-const {name} {sort})" for name, sort in self.declarations]
        lines += [f"(assert {assertion})" for assertion in self.assertions]
        return "\n".join([*lines, "(check-sat)", ""])


class Claim(ABC):
    """Base of all claims; subclasses are frozen attrs classes of plain data."""

    logic: ClassVar[str] = "QF_LIA"

    @abstractmethod
    def decide(self) -> Verdict:
        """The native prover's verdict."""

    @abstractmethod
    def negation(self, prefix: str = "") -> Negation:
        """The opposite of the claim; names of variables start with the prefix."""

    def parts(self) -> Sequence[Claim]:
        """Claims that together are this one: z3 judges them one by one."""
        return (self,)

    def script(self) -> str:
        """A script whose `unsat` means proved."""
        return self.negation().script(self.logic)

    def smtlib(self) -> str:
        """The scripts of all parts, one after the other: proved if each answer is `unsat`."""
        return "(reset)\n".join(part.script() for part in self.parts() or (self,))

    def decide_with_z3(self, rlimit: int = DEFAULT_RLIMIT) -> Verdict:
        """z3's verdict within a budget for each part; the first part that is not proved decides."""
        spent = 0
        parts = self.parts()
        solver = Solver()
        for index, part in enumerate(parts):
            answer = solver.solve(part.script(), part.logic, rlimit)
            spent += answer.rlimit
            if answer.state == "unknown":
                return attrs.evolve(unknown("z3", answer.reason), rlimit=spent)
            if answer.state == "sat":
                return attrs.evolve(part.replay(answer.model, {"part": index} if len(parts) > 1 else {}), rlimit=spent)
        return attrs.evolve(proved("z3"), rlimit=spent)

    def replay(self, values: Mapping[str, int | Fraction], place: Counterexample) -> Verdict:
        """The verdict on values at which z3 says that the claim is broken: they are put into its negation, or else the native prover must say so too."""
        negation = self.negation()
        integers = {name: value for name, value in values.items() if isinstance(value, int)}
        try:
            if integers and are_met(negation.assertions, negation.declarations, values):
                return refuted("z3", {**place, **integers})
        except NotEvaluatedError:
            pass  # a quantifier
        own = self.decide()
        if own.state != "refuted":
            return unknown("z3", "its counterexample cannot be replayed")
        return refuted("z3", {**place, **(own.counterexample or {})})

    def check(self, prover: str = "native", rlimit: int = DEFAULT_RLIMIT) -> Verdict:
        """The verdict of the named prover (`native` or `z3`), with the time it took.

        Raises:
            ValueError: another prover's name.
        """
        if prover not in ("native", "z3"):
            raise ValueError(f"unknown prover '{prover}': known are native, z3")
        start = process_time()
        verdict = self.decide() if prover == "native" else self.decide_with_z3(rlimit)
        return attrs.evolve(verdict, seconds=process_time() - start)

    def digest(self) -> str:
        """A hash of the class and all data of the claim, equal in every process."""
        state = sha256()
        _feed(state.update, self)
        return state.hexdigest()


def _feed(update: Callable[[bytes], None], value: object) -> None:
    """Feeds a self-delimiting description of plain data to a hash."""
    if isinstance(value, numpy.ndarray):
        update(f"array {value.dtype} {value.shape} ".encode() + numpy.ascontiguousarray(value).tobytes())
    elif attrs.has(kind := type(value)):
        update(f"{kind.__module__}.{kind.__qualname__}(".encode())
        for field in attrs.fields(kind):
            _feed(update, getattr(value, field.name))
        update(b")")
    elif isinstance(value, (tuple, list)):
        update(f"[{len(value)} ".encode())
        for item in value:
            _feed(update, item)
    else:
        text = repr(value) if isinstance(value, (int, str, bool, type(None))) else f"{type(value).__qualname__}:{value}"
        update(f"{len(text)}:{text}".encode())


def union(parts: Sequence[Negation]) -> Negation:
    """The negation of a conjunction: one of the parts is broken."""
    declarations = tuple(declaration for part in parts for declaration in part.declarations)
    broken = [conjunction(part.assertions) for part in parts]
    return Negation(declarations, (disjunction(broken),))


def conjunction(formulas: Sequence[str]) -> str:
    """All of the formulas."""
    return formulas[0] if len(formulas) == 1 else f"(and {' '.join(formulas)})" if formulas else "true"


def disjunction(formulas: Sequence[str]) -> str:
    """One of the formulas."""
    separator = "\n  " if len(formulas) > 4 else " "
    return formulas[0] if len(formulas) == 1 else f"(or {separator.join(formulas)})" if formulas else "false"


def number(value: int) -> str:
    """An integer in SMT-LIB."""
    return str(value) if value >= 0 else f"(- {-value})"


def symbol(name: str) -> str:
    """A name as an SMT-LIB symbol, between bars where it needs them."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else f"|{name.replace('|', '!').replace(chr(92), '!')}|"


def linear(terms: Sequence[tuple[int, str]], constant: int = 0) -> str:
    """A linear expression in SMT-LIB."""
    spelled = [name if factor == 1 else f"(* {number(factor)} {name})" for factor, name in terms if factor]
    spelled += [number(constant)] if constant or not spelled else []
    return spelled[0] if len(spelled) == 1 else f"(+ {' '.join(spelled)})"


def within(name: str, low: int, high: int) -> str:
    """low <= name <= high in SMT-LIB."""
    return f"(<= {number(low)} {name} {number(high)})"
