"""Who watches a pipeline is told of every pass, and of what stops it."""

import attrs
import pytest

from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.rewrite.observer import CheckError, Hooks, Observer, PassReport, PassRun
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.reader import parse

MODULE = """
module {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %b : tensor<4xf32>
  }
}
"""


@attrs.define
class Diary(Observer):
    """Writes down what it is told."""

    lines: list[str] = attrs.field(factory=list)

    def before(self, run: PassRun) -> None:
        self.lines.append(f"before {run.number} {run.text}")

    def after(self, run: PassRun, report: PassReport) -> None:
        self.lines.append(f"after {report.number} {report.name} changed={report.changed} {dict(report.rewrites)}")

    def failed(self, run: PassRun, error: Exception) -> None:
        same = run.before.body.operations[0].name == "func.func"
        self.lines.append(f"failed {run.number} {type(error).__name__} {'with' if same else 'without'} the module from before")


@attrs.frozen
class Break(Pass):
    """Leaves a module that does not hold together, or none at all."""

    name = "break"
    crash: bool = False

    def run(self, module: Operation, context: PassContext) -> None:
        if self.crash:
            raise ZeroDivisionError("division by zero")
        module.body.operations[0].body.terminator.detach()
        module.body.operations[0].body.operations[0].detach()


def test_an_observer_is_told_what_each_pass_did() -> None:
    diary = Diary()
    PassPipeline(["cse,canonicalize"]).run(parse(MODULE), hooks=Hooks(observers=(diary,), first_number=7))
    assert diary.lines == [
        "before 7 cse",
        "after 7 cse changed=False {}",
        "before 8 canonicalize",
        "after 8 canonicalize changed=True {'relu_of_relu': 1}",
    ]


@pytest.mark.parametrize(("crash", "kind"), [(True, ZeroDivisionError), (False, CheckError)])
def test_an_observer_is_told_of_a_failure_while_it_still_has_the_module_from_before(crash: bool, kind: type[Exception]) -> None:
    diary = Diary()
    with pytest.raises(kind):
        PassPipeline([Break(crash)]).run(parse(MODULE), hooks=Hooks(observers=(diary,)))
    assert diary.lines[1:] == [f"failed 1 {kind.__name__} with the module from before"]


def test_a_broken_module_names_the_pass() -> None:
    with pytest.raises(TinyirError) as caught:
        PassPipeline([Break()]).run(parse(MODULE))
    assert "note: after pass 'break'" in str(caught.value)


def test_without_observers_nobody_looks_whether_a_pass_changed_something() -> None:
    (report,) = PassPipeline(["canonicalize"]).run(parse(MODULE))
    assert (report.changed, report.rewrites["relu_of_relu"]) == (None, 1)
