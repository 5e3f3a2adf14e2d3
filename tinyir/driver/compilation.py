"""One compilation on its way through the levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import attrs

from tinyir.backends.c_printer import GeneratedC, print_c
from tinyir.backends.target import Target
from tinyir.dialects.nest_translation import NestTranslation
from tinyir.driver.foreign_passes import ForeignPasses
from tinyir.driver.pipeline import LEVELS, PassPipeline, level_of, levels_between, passes_by_level, passes_of, read_pipeline
from tinyir.driver.variant import Variant
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.ir.operation import Operation
from tinyir.prove.claim import Verdict
from tinyir.prove.obligations import ASSUMED, Ledger, Obligation
from tinyir.rewrite.observer import Hooks, PassReport
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import Nest
from tinyir.rewrite.trace import Trace

MOST_COUNTEREXAMPLE_VALUES = 8
UNPROVED = {"buffer": "sums and the plan of its memory are", "c": "nothing is known of it, it is"}
"""What those who hand in a module of a low level answer for."""


@attrs.define
class Compilation:
    """A module, the level that it has left last ("": none), and what became of it so far.

    `passes`: what runs at some levels in place of the compiler's own passes.  `goal`: what was asked for, if a variant takes another goal's passes to get
    there; `variant`: which, if not the goal's own; `flags`: those of the C compiler that belong to it.  `begun`: the level that the module was at when it came.
    """

    module: Operation
    context: PassContext
    io: str = "model"
    hooks: Hooks = attrs.field(factory=Hooks)
    level: str = ""
    reports: list[PassReport] = attrs.field(factory=list)
    passes: Mapping[str, PassPipeline] = attrs.field(factory=dict)
    goal: str = ""
    variant: str = ""
    flags: tuple[str, ...] = ()
    begun: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begun = self.level
        if self.begun in UNPROVED:
            self.context.remark(f"the module begins at the level '{self.begun}': {UNPROVED[self.begun]} not proved again")

    def lower(self, until: str) -> Operation:
        """Runs the passes of all levels up to `until`; the module, as it leaves that level.

        Raises:
            TinyirError: a pass stops, or an obligation was not proved.
        """
        pipeline = PassPipeline(item for level in levels_between(self.level, until) for item in self._passes(level))
        hooks = attrs.evolve(self.hooks, first_number=len(self.reports) + 1)
        self.reports += pipeline.run(self.module, self.context, hooks)
        self.level = max(self.level, until, key=("", *LEVELS).index)
        require_proofs(self.ledger)
        return self.module

    def _passes(self, level: str) -> Iterable[Pass | Nest | str]:
        if level in self.passes:
            return self.passes[level].items
        own = passes_of(level, self.context.goal, self.io)
        return ("prove_bounds", *own) if (self.begun, level) == ("buffer", "c") else own

    @property
    def ledger(self) -> Ledger:
        ledger = self.context.ledger
        assert isinstance(ledger, Ledger)
        return ledger

    def generate(self, name: str, model: str, arena: str = "static") -> GeneratedC:
        """The C of the module, lowered as far as need be; `model` is what the files say they come from.

        `arena`: "static", or "caller": the functions get the memory as an argument.

        Raises:
            TinyirError: as `lower`, or the name is no C identifier.
        """
        target = self.context.target
        return print_c(
            self.lower("c"),
            name,
            model=model,
            target=target.name if target is not None else "",
            goal=self.goal or self.context.goal,
            variant=self.variant,
            flags=self.flags,
            arena=arena,
            assembly=getattr(target, "assembly", "blocks"),
            proofs=self.ledger.summary(),
            assumed=self.ledger.assumptions(),
            versions={"tinyir": version("tinyir")},
        )


def start(
    module: Operation,
    target: Target | None = None,
    *,
    goal: str = "speed",
    io: str = "model",
    prover: str = "native",
    hooks: Hooks | None = None,
    trace: Trace | None = None,
    passes: PassPipeline | str | None = None,
    variant: Variant | None = None,
) -> Compilation:
    """A compilation of a module, which it changes; it goes on from the level that the module is at.

    `variant`: how to reach the goal, in place of the goal's own passes and flags.

    Raises:
        TinyirError: no such goal or kind of interface; `passes` cannot be read.
    """
    if variant is not None:
        made = start(module, target, goal=variant.goal, io=io, prover=prover, hooks=hooks, trace=trace, passes=variant.pipeline(io))
        other = str(variant) if variant != Variant(goal) else ""
        return attrs.evolve(made, goal=goal, variant=other, flags=variant.compiler_flags(target) if target is not None else ())
    passes_of("graph", goal, io)
    options: dict[str, Any] = {"io": io}
    context = PassContext(target=target, goal=goal, ledger=Ledger(prover), trace=trace, options=options, translations=(NestTranslation(), ForeignPasses()))
    pipeline = read_pipeline(passes, goal, io) if isinstance(passes, str) else passes or PassPipeline()
    return Compilation(module, context, io, Hooks() if hooks is None else hooks, level_of(module), passes=passes_by_level(pipeline))


def attempt(compilation: Compilation) -> TinyirError | None:
    """Lowers to C; what is wrong with a proof is given back, so that all obligations can be shown with it."""
    try:
        compilation.lower("c")
    except TinyirError as error:
        if not len(compilation.ledger):
            raise
        return error
    return None


def require_proofs(ledger: Ledger) -> None:
    """
    Raises:
        TinyirError: an obligation is refuted, unknown or not attempted: nothing is compiled on such ground.  (A rule that its author
            marks as assumed is another matter: reports repeat the reason.)
    """
    failed = [(obligation, verdict) for obligation, verdict in ledger if verdict.state != "proved" and verdict.how != ASSUMED]
    if failed:
        raise TinyirError(diagnostics=[_failure(obligation, verdict) for obligation, verdict in failed])


def _failure(obligation: Obligation, verdict: Verdict) -> Diagnostic:
    message = f"{obligation.where}: {obligation.kind} is {verdict.state}: {obligation.statement}"
    if obligation.place.line:  # the statement is shown there
        message = f"{obligation.kind} '{obligation.where}' is {verdict.state}"
    notes = []
    if verdict.counterexample:
        shown = list(verdict.counterexample.items())[:MOST_COUNTEREXAMPLE_VALUES]
        notes.append("counterexample: " + ", ".join(f"{name} = {value}" for name, value in shown))
    if verdict.reason:
        notes.append(f"{verdict.how}: {verdict.reason}")
    return Diagnostic(message, obligation.place, notes=tuple((note, Place()) for note in notes))
