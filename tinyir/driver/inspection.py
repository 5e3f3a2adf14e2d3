"""What `tinyir inspect` shows of a compilation: every stage from the model to its C, with what each pass did to it and proved."""

from __future__ import annotations

import inspect
from sys import modules

import attrs

from tinyir.backends.target import Target
from tinyir.driver.api import Model, Say, begin
from tinyir.driver.compilation import Compilation
from tinyir.driver.naming import model_name
from tinyir.ir.operation import Operation
from tinyir.prove.claim import Verdict
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.observer import Hooks, Observer, PassReport, PassRun
from tinyir.rewrite.trace import Rewrite, Trace
from tinyir.text.difference import ELIDED, StableTexts, text_difference


@attrs.frozen
class Proof:
    """An obligation that a pass stated, and what became of it."""

    kind: str
    where: str
    statement: str
    state: str
    how: str


@attrs.frozen
class InspectedStage:
    """The program as `title` left it: its text, a unified diff to the stage before, and what was rewritten and proved on the way.

    `title` is the input, a pass with its options, or a file of C; `about` says what it does or is.  `text` has locations; it is empty where
    nothing changed.
    """

    title: str
    about: str
    text: str
    difference: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    proofs: tuple[Proof, ...] = ()


@attrs.define
class Inspector(Observer):
    """Keeps the text after every pass; a value without a name keeps its number from one to the next."""

    trace: Trace
    texts: StableTexts
    stages: list[InspectedStage] = attrs.field(factory=list)
    _text: str = attrs.field(default="", init=False)
    _rewrites: int = attrs.field(default=0, init=False)

    def before(self, run: PassRun) -> None:
        if not self.stages:
            self._text = self.texts.spell(run.module)
            self.stages.append(InspectedStage("input", "The model as it was read.", self.texts.spell(run.module, locations=True)))

    def after(self, run: PassRun, report: PassReport) -> None:
        before, count = self._text, self._rewrites
        self._rewrites = len(self.trace.rewrites)
        text = difference = ""
        if report.changed:
            self._text, text = self.texts.spell(run.module), self.texts.spell(run.module, locations=True)
            difference = text_difference(before, self._text, f"before {report.text}", f"after {report.text}")
        self.stages.append(InspectedStage(report.text, _about(run), text, difference, tuple(self.trace.rewrites[count:])))


def _about(run: PassRun) -> str:
    """The first paragraph of what the pass's file says of it."""
    told = inspect.cleandoc(modules[type(run.instance).__module__].__doc__ or "").removeprefix(f"{run.instance.name}: ")
    return told.partition("\n\n")[0].replace("\n", " ")


def inspect_compilation(
    model: Model,
    target: str | Target,
    *,
    goal: str = "speed",
    io: str = "model",
    elide: int | None = ELIDED,
    passes: str | None = None,
    say: Say | None = None,
) -> tuple[InspectedStage, ...]:
    """The stages of a compilation, the input first, the C and its header last.  Constants of more than `elide` elements are left out.

    Raises:
        TinyirError: as `compile`.
    """
    trace = Trace()
    inspector = Inspector(trace, StableTexts(elide))
    compilation = begin(model, target, goal=goal, io=io, hooks=Hooks(observers=(inspector,), progress=say), trace=trace, passes=passes)
    name, source = ("model", "module") if isinstance(model, Operation) else (model_name(str(model)), str(model).rpartition("/")[2])
    generated = compilation.generate(name, source)
    files = (
        InspectedStage(f"{name}.c", "The program.", generated.source),
        InspectedStage(f"{name}.h", "Its interface.", generated.header),
    )
    return (*_with_proofs(inspector.stages, compilation), *files)


def _with_proofs(stages: list[InspectedStage], compilation: Compilation) -> tuple[InspectedStage, ...]:
    """The stages, the obligations of each pass with it."""
    entries = list(compilation.ledger)
    found, start = stages[:1], 0
    for stage, report in zip(stages[1:], compilation.reports, strict=True):
        proofs = tuple(_proof(obligation, verdict) for obligation, verdict in entries[start : start + report.proofs])
        found.append(attrs.evolve(stage, proofs=proofs))
        start += report.proofs
    return tuple(found)


def _proof(obligation: Obligation, verdict: Verdict) -> Proof:
    return Proof(obligation.kind, obligation.where, obligation.statement, verdict.state, verdict.how)
