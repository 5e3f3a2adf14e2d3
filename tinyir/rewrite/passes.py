"""What a pass is, and what it is given.

A pass is one file in `passes/`; its class is frozen, its fields are its options, and its name is the file's:

    @attrs.frozen
    class Unroll(Pass):
        "Unrolls short loops."

        reads = ("loop", "arith", "func")
        leaves = ("loop", "arith", "func")
        factor: int = 4

        def run(self, module: Operation, context: PassContext) -> None: ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import attrs

from tinyir.ir.operation import Operation
from tinyir.ir.record import Record
from tinyir.rewrite.analyses import Analyses, Analysis
from tinyir.rewrite.edit import Rewriter

if TYPE_CHECKING:  # few compilations have one
    from tinyir.rewrite.trace import Trace


class Target(Protocol):
    """What a pass may know of a target without importing a backend; `tinyir.backends.target.Target` is one."""

    @property
    def name(self) -> str: ...

    @property
    def c(self) -> Any: ...

    @property
    def memories(self) -> Any: ...

    @property
    def costs(self) -> Any: ...


class Ledger(Protocol):
    """Where obligations go; `tinyir.prove.obligations.Ledger` is one."""

    def add(self, obligation: Any, verdict: Any = None) -> Any:
        """Records an obligation and returns its verdict."""

    def judge(self, obligation: Any) -> Any:
        """The verdict on an obligation that is not recorded."""

    def assume(self, obligation: Any, reason: str) -> str:
        """Records an obligation that somebody answers for, once; the words for it in reports."""

    @property
    def stated(self) -> int:
        """The number of obligations that are not assumed."""

    def __len__(self) -> int:
        """The number of obligations."""

    @property
    def seconds(self) -> float:
        """CPU time that the provers took."""


class Translation(Protocol):
    """What must hold between a program before and after passes; `tinyir.dialects.nest_translation.NestTranslation` is one."""

    def before(self, instance: Pass, module: Operation, context: PassContext) -> None:
        """A pass is about to run."""

    def settle(self, context: PassContext) -> None:
        """No more passes run: states what those so far must have kept."""


@attrs.define(eq=False, repr=False)
class PassContext(Record):
    """What all passes of one compilation share.

    `target`: None while the program is still the same for every machine.  `goal`: "speed", "size" or "ram".
    `trace` records every rewrite if it is there.  `remarks` are messages for the user, such as "stays float: node 'gelu_1'
    because ...".  `options` are those of the command line.
    `used_rules` holds every rule that was applied, by name; `rewrites` counts their rewrites.  `stage` is the pass that runs, as text.
    `analyses` holds what is known of the program; after a pass only what it preserves.
    `translations` watch what passes make of the program, and state what these must have kept.
    """

    target: Target | None = None
    goal: str = "speed"
    _ledger: Ledger | None = None
    trace: Trace | None = None
    remarks: list[str] = attrs.field(factory=list)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    used_rules: dict[str, Rewriter] = attrs.field(factory=dict)
    rewrites: Counter[str] = attrs.field(factory=Counter)
    stage: str = ""
    check_rewrites: bool = False
    most_rewrites: int | None = None
    analyses: Analyses = attrs.field(factory=Analyses)
    translations: tuple[Translation, ...] = ()
    _changed_nothing: bool = attrs.field(default=False, init=False)

    @property
    def ledger(self) -> Ledger:
        """Where obligations go; one with the native provers, loaded now, if none was given."""
        if self._ledger is None:
            self._ledger = import_module("tinyir.prove.obligations").Ledger()
        assert self._ledger is not None
        return self._ledger

    @property
    def obligations(self) -> int:
        """How many obligations were stated."""
        return 0 if self._ledger is None else len(self._ledger)

    @property
    def proof_seconds(self) -> float:
        """CPU time that the provers took."""
        return 0.0 if self._ledger is None else self._ledger.seconds

    def changed_nothing(self) -> None:
        """The pass that runs says that it has left the program as it was: all analyses still hold."""
        self._changed_nothing = True

    def settle_analyses(self, preserved: tuple[type[Analysis], ...]) -> None:
        """A pass has run: forgets the analyses that may no longer hold."""
        self.analyses.keep((Analysis,) if self._changed_nothing else preserved)
        self._changed_nothing = False

    def assume(self, kind: str, name: str, statement: str, reason: str) -> None:
        """Records that a rule, pattern or pass is right by somebody's word alone: reports count it and repeat the reason."""
        self.remark(self.ledger.assume(import_module("tinyir.prove.obligations").Obligation(kind, name, statement), reason))

    def remark(self, message: str) -> None:
        """Adds a message for the user, once."""
        if message not in self.remarks:
            self.remarks.append(message)


@attrs.frozen(repr=False)
class Pass(Record):
    """Base of passes.

    `reads`: the dialects whose operations the pass understands.  `leaves`: the dialects that may remain after it (empty:
    all); what else remains is an error that names the operation.  `builtin` always may.  `exact`: the program computes the
    same bits after the pass as before; else the same over the reals.  `preserves`: the analyses that still hold after it.
    `keeps_tensors`: False for a pass that computes tensors elsewhere or no longer stores them, and for one that states obligations about
    the program as it then is.
    """

    name: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ()
    leaves: ClassVar[tuple[str, ...]] = ()
    exact: ClassVar[bool] = True
    preserves: ClassVar[tuple[type[Analysis], ...]] = ()
    keeps_tensors: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = cls.__dict__.get("name", cls.__module__.rpartition(".")[2])

    def run(self, module: Operation, context: PassContext) -> None:
        """Changes the module in place."""
        raise NotImplementedError(self.name)
