"""What a pass states and what the provers answer.

A pass never knows that it is right: it states obligations.  `discharge` takes one to a prover; a `Ledger` keeps all of a
compilation, in order, with their verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from time import process_time
from typing import Literal, get_args

import attrs

from tinyir.ir.errors import Place
from tinyir.prove.cache import VerdictCache
from tinyir.prove.claim import DEFAULT_RLIMIT, NOT_ATTEMPTED, Claim, Verdict

Kind = Literal["range", "requantize", "approximation", "bounds", "overlap", "rule", "instr", "dead", "coding", "pattern", "pass"]
KINDS: tuple[str, ...] = get_args(Kind)
ASSUMED = "assumed"
"""How an obligation is dealt with that somebody answers for: no prover is asked, and reports repeat the reason."""


@attrs.frozen
class Obligation:
    """`where` names the place (a node, a loop), `statement` says in one line what must hold, `claim` says it to a prover.

    An obligation without a claim can be recorded but not attempted.  `place`: where what must hold is written, if it is written somewhere.
    """

    kind: Kind = attrs.field(validator=attrs.validators.in_(KINDS))
    where: str
    statement: str
    claim: Claim | None = None
    place: Place = attrs.field(default=Place(), eq=False, repr=False, kw_only=True)


def assumed(reason: str) -> Verdict:
    """The verdict on what somebody answers for."""
    return Verdict("not attempted", ASSUMED, None, f"assumed, not proved: {reason}")


def _assumption(obligation: Obligation, verdict: Verdict) -> str:
    return f"the {obligation.kind} '{obligation.where}' is {verdict.reason}"


def discharge(obligation: Obligation, prover: str = "native", rlimit: int = DEFAULT_RLIMIT, cache: VerdictCache | None = None) -> Verdict:
    """The verdict of the named prover, `native` or `z3`; from the cache if the same claim was decided before.

    Raises:
        ValueError: another prover's name.
    """
    if obligation.claim is None:
        return NOT_ATTEMPTED
    if cache is None:
        return obligation.claim.check(prover, rlimit)
    return cache.verdict(obligation.claim, prover, rlimit)


@attrs.define
class Ledger:
    """The obligations of one compilation with their verdicts, in the order in which they were stated.

    `seconds`: CPU time that the provers took.
    """

    prover: str = "native"
    rlimit: int = DEFAULT_RLIMIT
    cache: VerdictCache = attrs.field(factory=VerdictCache)
    entries: list[tuple[Obligation, Verdict]] = attrs.field(factory=list)
    seconds: float = attrs.field(default=0.0, eq=False)
    _by_place: dict[str, list[int]] = attrs.field(factory=dict, init=False, repr=False, eq=False)
    _indexed: int = attrs.field(default=0, init=False, repr=False, eq=False)

    def at(self, places: Iterable[str]) -> list[tuple[Obligation, Verdict]]:
        """The obligations of these places, in the order in which they were stated."""
        for number in range(self._indexed, len(self.entries)):
            self._by_place.setdefault(self.entries[number][0].where, []).append(number)
        self._indexed = len(self.entries)
        return [self.entries[number] for number in sorted(number for place in set(places) for number in self._by_place.get(place, ()))]

    def judge(self, obligation: Obligation) -> Verdict:
        """The verdict on an obligation that may not come to stand here."""
        start = process_time()
        found = discharge(obligation, self.prover, self.rlimit, self.cache)
        self.seconds += process_time() - start
        return found

    def add(self, obligation: Obligation, verdict: Verdict | None = None) -> Verdict:
        """Records an obligation, discharging it unless its verdict is already known."""
        found = self.judge(obligation) if verdict is None else verdict
        self.entries.append((obligation, found))
        return found

    def assume(self, obligation: Obligation, reason: str) -> str:
        """Records an obligation that somebody answers for, once; the words for it in reports."""
        entry = obligation, assumed(reason)
        if entry not in self.entries:
            self.entries.append(entry)
        return _assumption(*entry)

    def assumptions(self) -> list[str]:
        """What was assumed, and why."""
        return [_assumption(obligation, verdict) for obligation, verdict in self.entries if verdict.how == ASSUMED]

    @property
    def stated(self) -> int:
        """The number of obligations that are not assumed."""
        return sum(verdict.how != ASSUMED for _, verdict in self.entries)

    def __iter__(self) -> Iterator[tuple[Obligation, Verdict]]:
        return iter(self.entries)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in self.summary().items())
        return f"<{len(self)} obligations: {counts}>"

    def __len__(self) -> int:
        return len(self.entries)

    def _repr_html_(self) -> str:
        """What a notebook shows: one row per obligation."""
        html: str = import_module("tinyir.prove.report").to_html(self)
        return html

    def summary(self) -> Mapping[str, int]:
        """The number of obligations in each state: proved, refuted, unknown, not_attempted."""
        states = ("proved", "refuted", "unknown", "not attempted")
        return {state.replace(" ", "_"): sum(verdict.state == state for _, verdict in self.entries) for state in states}
