"""Which pass first changes what a network computes, and which of its rewrites.

All passes run once, and a copy of the module is kept after each.  The interpreter then runs the copies in the middle of those that
may be to blame, and so on: the first bad one is found by as many runs as its number has bits.  The pass to blame runs again with
fewer and fewer rewrites by the same rule.  Copies at the level of C are compiled and run on the target, if its tools are here; what
neither can run is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from tinyir.driver.arrays import Rows
from tinyir.driver.execution import interpret
from tinyir.driver.expensive_checks import first_place, greatest_difference
from tinyir.driver.pipeline import level_of
from tinyir.interp.machine import InterpreterError, UnknownOperationError
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.rewrite.observer import Hooks, Observer, PassReport, PassRun
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.rewrite.trace import Rewrite, Trace

Say = Callable[[str], None]
NewContext = Callable[[], PassContext]
RunC = Callable[[Operation, Rows], Rows]
"""Runs a module at the level of C on inputs.

Raises:
    TinyirError: the C does not compile, or the program fails.
"""


@attrs.frozen(eq=False)
class Stage:
    """The module after a pass; number 0 is the module before all passes."""

    number: int
    instance: Pass | None
    text: str
    module: Operation


@attrs.frozen
class Difference:
    """How far outputs are from the reference: as a part of the greatest value, where first, or why they could not be computed."""

    size: float
    where: str = ""


@attrs.frozen
class Culprit:
    """The pass that changes the outputs, by how much, and the rewrite in it.

    `rewrites` is the number that the pass makes; `index` counts from 1 and is 0 if the pass changes the outputs without a rule.
    """

    stage: Stage
    difference: Difference
    rewrites: int
    index: int
    rewrite: Rewrite | None


@attrs.define
class Stages(Observer):
    """Keeps a copy of the module after every pass that changed it."""

    found: list[Stage] = attrs.field(factory=list)

    def before(self, run: PassRun) -> None:
        if not self.found:
            self.found.append(Stage(0, None, "", run.before))

    def after(self, run: PassRun, report: PassReport) -> None:
        if report.changed:
            self.found.append(Stage(run.number, run.instance, run.text, run.module.clone()))


@attrs.frozen
class Bisection:
    """The question: which pass takes the outputs on `inputs` further than `tolerance` from `reference`?

    `reference` None: from what the module computes before all passes.  `new_context` makes the context that passes run in.
    `run_c` None: what the passes of the level of C do is not looked at.
    """

    inputs: Rows
    tolerance: float
    new_context: NewContext
    reference: Rows | None = None
    say: Say | None = None
    run_c: RunC | None = None

    def run(self, module: Operation, pipeline: PassPipeline) -> Culprit | Difference:
        """The culprit, or how far the last module that the interpreter runs is from the reference: not too far.

        Raises:
            TinyirError: a pass stops, the module is off the reference before all passes, or the interpreter does not run it.
        """
        watch = Stages()
        pipeline.run(module, self.new_context(), Hooks(observers=(watch,), progress=self.say))
        start, *others = watch.found
        reference = self.reference if self.reference is not None else self._outputs(start)
        first = difference_of(self._outputs(start), reference)
        if first.size > self.tolerance:
            raise TinyirError(f"the outputs are off the reference before all passes, by {_spell(first)}", hint="try --layers, or a greater --tolerance")
        return self._search([start, *others], first, reference)

    def _search(self, stages: list[Stage], last: Difference, reference: Rows) -> Culprit | Difference:
        """`stages`: the first one is good; of the others those that cannot be run drop out."""
        while len(stages) > 1:
            found = self._difference(stages[-1].module, stages[-1].text, reference)
            if found is not None:
                last = found
                break
            stages.pop()
        if last.size <= self.tolerance:
            return last
        while len(stages) > 2:
            middle = len(stages) // 2
            found = self._difference(stages[middle].module, stages[middle].text, reference)
            if found is None:
                del stages[middle]
            elif found.size > self.tolerance:
                del stages[middle + 1 :]
                last = found
            else:
                del stages[:middle]
        return self._blame(stages[0].module, stages[1], last, reference)

    def _blame(self, before: Operation, stage: Stage, difference: Difference, reference: Rows) -> Culprit:
        """The rewrite of a pass after which the outputs are off."""
        assert stage.instance is not None
        trace = Trace()
        self._rerun(before, stage.instance, None, trace)
        count = len(trace.rewrites)
        good, bad = -1, count
        while bad - good > 1:
            middle = (good + bad) // 2
            if self._is_good(before, stage, middle, reference):
                good = middle
            else:
                bad = middle
        return Culprit(stage, difference, count, bad, trace.rewrites[bad - 1] if bad else None)

    def _is_good(self, before: Operation, stage: Stage, most_rewrites: int, reference: Rows) -> bool:
        """Whether the outputs are right after that many rewrites; so is what cannot be run, for nobody saw it do wrong."""
        assert stage.instance is not None
        try:
            module = self._rerun(before, stage.instance, most_rewrites, None)
        except TinyirError:
            return True
        found = self._difference(module, stage.text, reference)
        return found is None or found.size <= self.tolerance

    def _rerun(self, before: Operation, instance: Pass, most_rewrites: int | None, trace: Trace | None) -> Operation:
        module, context = before.clone(), self.new_context()
        context.most_rewrites, context.trace = most_rewrites, trace
        instance.run(module, context)
        return module

    def _outputs(self, stage: Stage) -> Rows:
        return interpret(stage.module, self.inputs, self.say)

    def _difference(self, module: Operation, text: str, reference: Rows) -> Difference | None:
        """None if the interpreter does not run the module; infinite if what it does is undefined."""
        if self.say is not None:
            self.say(f"running what there is after {text}")
        if self.run_c is not None and level_of(module) == "c":
            return self._difference_of_c(self.run_c, module, reference)
        try:
            return difference_of(interpret(module, self.inputs), reference)
        except InterpreterError as error:
            return None if isinstance(error, UnknownOperationError) else Difference(float("inf"), error.diagnostics[0].message)
        except TinyirError:  # several functions, or the level of C
            return None


    def _difference_of_c(self, run_c: RunC, module: Operation, reference: Rows) -> Difference:
        try:
            outputs = run_c(module, self.inputs)
        except TinyirError as error:
            return Difference(float("inf"), error.diagnostics[0].message)
        return difference_of(outputs, reference)


def difference_of(outputs: Rows, reference: Rows) -> Difference:
    """How far the outputs are from the reference, which may be one array under the name "".

    Raises:
        TinyirError: the reference has other names or sizes.
    """
    if set(reference) == {""} and len(outputs) == 1:
        reference = dict.fromkeys(outputs, reference[""])
    worst = Difference(0.0)
    for name, expected in reference.items():
        if name not in outputs or outputs[name].size != expected.size:
            made = ", ".join(f"{n} of {array.size} elements" for n, array in outputs.items())
            raise TinyirError(f"the reference has '{name}' of {expected.size} elements; the outputs are {made}")
        actual = outputs[name]
        size = greatest_difference(expected.reshape(actual.shape), actual)
        if size > worst.size:
            worst = Difference(size, f"output '{name}', {first_place(expected.reshape(actual.shape), actual)}")
    return worst


def _spell(difference: Difference) -> str:
    return f"{difference.size:.3g} of the greatest value ({difference.where})" if difference.where else f"{difference.size:.3g}"


def spell_culprit(culprit: Culprit) -> str:
    """What was found, in a few lines."""
    stage = culprit.stage
    lines = [f"pass {stage.number}, {stage.text}, changes the outputs by {_spell(culprit.difference)}"]
    if culprit.rewrite is None:
        lines.append("not by a rewrite of a rule: the pass itself does it" + (f", before its {culprit.rewrites} rewrites" if culprit.rewrites else ""))
    else:
        lines += [f"rewrite {culprit.index} of {culprit.rewrites} does it:", str(culprit.rewrite)]
    return "\n".join(lines) + "\n"
