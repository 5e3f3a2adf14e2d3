"""Watching a pipeline: what is told of each pass, before it, after it, and when it stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import ClassVar

import attrs

from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.record import Record, ValueRecord
from tinyir.rewrite.passes import Pass, PassContext


class CheckError(TinyirError):
    """A pass or rule did what it must not do: the fault is its own, not the model's."""


@attrs.frozen(eq=False, repr=False)
class PassReport(ValueRecord):
    """What became of one pass: its text, CPU seconds, whether the module changed (None: nobody asked), rewrites by rule, proofs.

    `proofs` is the number of obligations that the pass stated, `proof_seconds` the part of its time that the provers took.
    """

    number: int
    text: str
    seconds: float
    changed: bool | None
    rewrites: Counter[str] = attrs.field(factory=Counter)
    proofs: int = 0
    proof_seconds: float = 0.0

    @property
    def name(self) -> str:
        """The pass's name, without its options."""
        return self.text.partition("{")[0]


class PassReports(list[PassReport]):
    """The reports of a pipeline in order; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        rows = [(r.number, r.text, f"{1000 * r.seconds:.1f} ms", r.rewrites.total() or None, r.proofs or None, _CHANGED[r.changed]) for r in self]
        page: str = import_module("tinyir.text.html").table_html(("", "pass", "CPU time", "rewrites", "proofs", "changed"), rows)
        return page


_CHANGED = {True: "yes", False: "no", None: None}


class Observer:
    """Base of those who watch.  They may raise `TinyirError`, which ends the pipeline, and must not change the module.

    `needs_changes`: whether it asks its reports if the module changed.
    """

    needs_changes: ClassVar[bool] = True

    def before(self, run: PassRun) -> None:
        """The pass is about to run."""

    def after(self, run: PassRun, report: PassReport) -> None:
        """The pass has run; the module is verified if the pipeline verifies."""

    def failed(self, run: PassRun, error: Exception) -> None:
        """The pass, or a check after it, has raised `error`, which goes on its way afterwards."""


@attrs.define(eq=False, repr=False)
class PassRun(Record):
    """One pass at work on a module; entering it tells the observers, and so does leaving it by an error.

    `before` is a copy of the module from before the pass.
    """

    number: int
    text: str
    instance: Pass
    module: Operation
    context: PassContext
    observers: tuple[Observer, ...]
    before: Operation = attrs.field(init=False)

    @property
    def difference(self) -> str:
        """The first thing that the pass changed; empty if nothing."""
        return first_difference(self.before, self.module)

    def __enter__(self) -> PassRun:
        self.before = self.module.clone()
        for observer in self.observers:
            observer.before(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            for observer in self.observers:
                observer.failed(self, error)


@attrs.frozen(eq=False, repr=False)
class Hooks(ValueRecord):
    """What happens around each pass.

    `verify`: the module is verified after each pass.  `progress`: called with the text of each pass before it runs.
    `first_number`: the number of the first pass, where a pipeline goes on with what another began.
    """

    verify: bool = True
    observers: tuple[Observer, ...] = ()
    progress: Callable[[str], None] | None = None
    first_number: int = 1
