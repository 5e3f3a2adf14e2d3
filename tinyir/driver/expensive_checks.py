"""--expensive-checks: what nobody checks after every pass unless something is wrong.

Before and after each pass the interpreter runs the module on the same inputs: the outputs must be equal to the bit, or within a
tolerance where the pass, or a rule that it applied, is exact only over the reals.  The text of the module must read back equal.
A pass that counts rewrites must have changed something.  The analyses that it preserves are computed anew.
The greedy driver checks every rewriter (`tinyir.rewrite.rewrite_checks`),
and the pipeline verifies structure, use lists and dominance.
"""

from __future__ import annotations

import attrs
import numpy as np

from tinyir.driver.arrays import Array, Rows
from tinyir.driver.execution import interpret
from tinyir.driver.ports import Ports, module_ports
from tinyir.interp.machine import InterpreterError, Network, UnknownOperationError, find_runner
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.rewrite.observer import CheckError, Observer, PassReport, PassRun
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

TOLERANCE = 1e-4
"""Of the greatest output: what rules over the reals may change in float32."""


@attrs.frozen
class Results:
    """What a module computes on the checks' inputs."""

    ports: Ports
    outputs: Rows


@attrs.define
class ExpensiveChecks(Observer):
    """The checks around every pass, on `rows` random inputs; at the level of C on the first of them."""

    rows: int = 2
    seed: int = 0
    _module: Operation | None = attrs.field(default=None, init=False)
    _results: Results | None = attrs.field(default=None, init=False)
    _exact_before: frozenset[str] = attrs.field(default=frozenset[str](), init=False)

    def before(self, run: PassRun) -> None:
        run.context.check_rewrites = True
        if self._module is not run.module:  # else the results after the pass before are still those of the module
            self._module, self._results = run.module, self._compute(run.module, run.text)
        self._exact_before = frozenset(run.context.used_rules)

    def after(self, run: PassRun, report: PassReport) -> None:
        outdated = run.context.analyses.outdated()
        if outdated:
            raise CheckError(f"pass '{run.text}' says that it preserves an analysis, which no longer holds: {outdated}")
        if report.rewrites and not report.changed:
            raise CheckError(f"pass '{run.text}' counts {report.rewrites.total()} rewrites and changed nothing")
        if not report.changed:
            return
        _check_text(run)
        results = self._compute(run.module, run.text)
        if self._results is not None and results is not None and results.ports == self._results.ports:
            self._compare(run, self._results.outputs, results.outputs)
        self._results = results

    def _compute(self, module: Operation, stage: str) -> Results | None:
        """None if the module is not one that the interpreter runs."""
        try:
            ports = module_ports(module)
            Network(module)
        except TinyirError:  # no network: several functions
            return None
        try:
            rows = random_rows(ports, self.rows, self.seed)
            if find_runner(module) == "c.port":  # one number after the other: a row takes as long as all passes before
                rows = {name: column[:1] for name, column in rows.items()}
            return Results(ports, interpret(module, rows))
        except UnknownOperationError:
            return None
        except InterpreterError as error:
            message = f"around pass '{stage}' the program is undefined: {error.diagnostics[0].message}"
            raise CheckError(message, place=error.diagnostics[0].place) from error

    def _compare(self, run: PassRun, before: Rows, after: Rows) -> None:
        inexact = [name for name, rule in run.context.used_rules.items() if not rule.exact and name not in self._exact_before]
        exact = run.instance.exact and not inexact
        for name, old in before.items():
            old = old[: len(after[name])]
            difference = greatest_difference(old, after[name])
            if difference > (0.0 if exact else TOLERANCE):
                by = "to the bit" if exact else f"by more than {TOLERANCE:g} of the greatest"
                where = first_place(old, after[name])
                raise CheckError(
                    f"pass '{run.text}' changes the output '{name}' {by}: {where}",
                    hint="tinyir bisect finds the rewrite" if run.context.rewrites else "",
                )


def random_rows(ports: Ports, rows: int, seed: int = 0) -> dict[str, Array]:
    """Inputs: normal floats of both signs, integers over their whole range."""
    found: dict[str, Array] = {}
    for number, port in enumerate(ports.inputs):
        generator = np.random.default_rng([seed, number])
        shape, dtype = (rows, port.elements), np.dtype(port.dtype)
        if dtype.kind == "f":
            found[port.name] = (2 * generator.standard_normal(shape)).astype(dtype)
        elif dtype.kind == "b":
            found[port.name] = generator.random(shape) < 0.5
        else:
            limits = np.iinfo(dtype)
            found[port.name] = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return found


def greatest_difference(before: Array, after: Array) -> float:
    """The greatest difference of two outputs as a part of the greatest magnitude before; infinite where only one is a number.

    Zero means equal to the bit (except that zeros and NaNs of all kinds are equal).
    """
    if before.shape != after.shape:
        return float("inf")
    old, new = before.astype(np.float64), after.astype(np.float64)
    equal = (old == new) | (np.isnan(old) & np.isnan(new))
    if equal.all():
        return 0.0
    if not np.isfinite(old[~equal]).all() or not np.isfinite(new[~equal]).all():
        return float("inf")
    scale = float(np.abs(old[np.isfinite(old)]).max(initial=0.0)) or 1.0
    return float(np.abs(old - new)[~equal].max()) / scale


def first_place(before: Array, after: Array) -> str:
    """Where two outputs differ first, and how."""
    if before.shape != after.shape:
        return f"shape {list(before.shape)} became {list(after.shape)}"
    index = np.unravel_index(int(np.argmax((before != after) & ~((before != before) & (after != after)))), before.shape)
    place = ", ".join(str(int(i)) for i in index[1:])
    return f"row {int(index[0])}, element [{place}]: {before[index]} became {after[index]}"


def _check_text(run: PassRun) -> None:
    """What is printed reads back equal."""
    text = print_module(run.module)
    try:
        difference = first_difference(run.module, parse(text, f"after {run.text}"))
    except TinyirError as error:
        first = error.diagnostics[0]
        raise CheckError(f"after pass '{run.text}' the printed module cannot be read: {first.message}", place=first.place) from error
    if difference:
        raise CheckError(f"after pass '{run.text}' the printed module reads back different: {difference}")
