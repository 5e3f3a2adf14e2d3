"""Analyses are computed once, kept while they hold, and forgotten otherwise; the expensive checks find those that were kept wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

import attrs
import pytest

import tinyir
from tinyir.dialects.value_ranges import ValueRanges
from tinyir.driver.api import begin
from tinyir.driver.expensive_checks import ExpensiveChecks
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation
from tinyir.rewrite.analyses import Analyses, Analysis
from tinyir.rewrite.observer import CheckError, Hooks
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline

TEXT = """
func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %b : tensor<4xf32>
}
"""


@attrs.frozen
class Names(Analysis):
    """How often each operation occurs."""

    counts: Mapping[str, int]
    computed: ClassVar[int] = 0

    @classmethod
    def compute(cls, root: Operation, analyses: Analyses) -> Names:
        Names.computed += 1
        return cls(Counter(operation.name for operation in root.walk()))


@attrs.frozen
class Total(Analysis):
    """The number of operations, from `Names`."""

    number: int

    @classmethod
    def compute(cls, root: Operation, analyses: Analyses) -> Total:
        return cls(sum(analyses.get(Names, root).counts.values()))


@attrs.frozen
class Circular(Analysis):
    @classmethod
    def compute(cls, root: Operation, analyses: Analyses) -> Circular:
        return analyses.get(Circular, root)


@attrs.frozen
class Ask(Pass):
    """Asks for both and, told to, changes something or says that it did not."""

    name = "ask"
    erase: bool = False
    silent: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        context.remark(f"{context.analyses.get(Total, module).number}")
        if self.erase:
            function = functions(module)[0]
            relu = next(o for o in function.body if o.name == "graph.relu")
            relu.replace_by(relu.operands[0])
        if self.silent:
            context.changed_nothing()


@attrs.frozen
class Keep(Ask):
    name = "keep"
    preserves = (Names,)


@attrs.frozen
class KeepAll(Ask):
    name = "keep_all"
    preserves = (Analysis,)


def run(*passes: Pass, checks: bool = False) -> PassContext:
    context = PassContext()
    PassPipeline(passes).run(tinyir.parse(TEXT), context, Hooks(observers=(ExpensiveChecks(),) if checks else ()))
    return context


@pytest.fixture(autouse=True)
def from_nothing() -> None:
    Names.computed = 0


def test_within_a_pass_it_is_computed_once() -> None:
    analyses, module = Analyses(), tinyir.parse(TEXT)
    first = analyses.get(Names, module)
    assert analyses.get(Names, module) is first
    assert analyses.get(Total, module).number == 5
    assert Names.computed == 1
    assert analyses.known(Total, module.body.operations[0]) is None
    assert analyses.get(Names, module.body.operations[0]) is not first
    assert len(analyses) == 3


@pytest.mark.parametrize(
    ("passes", "computed", "left"),
    [
        ([Ask(), Ask()], 2, 0),
        ([KeepAll(), KeepAll()], 1, 2),
        ([Keep(), Keep()], 1, 1),
        ([Ask(silent=True), Ask(silent=True)], 1, 2),
        ([Ask(silent=True), Ask()], 1, 0),
    ],
)
def test_a_pass_forgets_all_but_what_it_preserves(passes: list[Pass], computed: int, left: int) -> None:
    assert len(run(*passes).analyses) == left
    assert Names.computed == computed


def test_what_was_computed_from_something_forgotten_is_forgotten() -> None:
    analyses, module = Analyses(), tinyir.parse(TEXT)
    analyses.get(Total, module)
    analyses.keep((Total,))
    assert len(analyses) == 0


def test_what_changes_is_forgotten_with_all_around_and_inside() -> None:
    analyses, module = Analyses(), tinyir.parse(TEXT + TEXT.replace("@net", "@other"))
    one, other = functions(module)
    for root in (module, one, other):
        analyses.get(Total, root)
    assert one.body.first is not None
    analyses.forget(one.body.first)
    assert analyses.known(Total, module) is None
    assert analyses.known(Names, one) is None
    assert analyses.known(Total, other) is not None


def test_one_that_needs_itself_is_told() -> None:
    with pytest.raises(RuntimeError, match="the analysis Circular needs itself"):
        Analyses().get(Circular, tinyir.parse(TEXT))


def test_the_expensive_checks_find_what_no_longer_holds() -> None:
    with pytest.raises(CheckError, match=r"pass 'keep_all\{erase=true\}' says that it preserves an analysis, which no longer holds: Names of 'builtin.module'"):
        run(KeepAll(erase=True), checks=True)
    with pytest.raises(CheckError, match="which no longer holds"):
        run(Ask(erase=True, silent=True), checks=True)
    assert run(KeepAll(), Keep(), Ask(erase=True), Keep(), checks=True).remarks == ["5", "4"]


def test_the_ranges_of_values_are_found_once_for_two_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Operation] = []

    def counted(cls: type[ValueRanges], root: Operation, _analyses: Analyses) -> ValueRanges:
        computed.append(root)
        return cls(root)

    monkeypatch.setattr(ValueRanges, "compute", classmethod(counted))
    begin(tinyir.parse(TEXT)).lower("buffer")
    assert len(computed) == 1
