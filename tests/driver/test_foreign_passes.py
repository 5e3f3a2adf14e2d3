"""What nothing proves is counted and said in every report: passes that are not the compiler's own, and what an author answers for."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from tests.conftest import REPOSITORY
from tinyir.driver.api import begin
from tinyir.driver.compilation import require_proofs
from tinyir.driver.foreign_passes import ForeignPasses
from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline

MODEL = REPOSITORY / "examples" / "mnist" / "mlp.onnx"
WORDS = "the pass 'test_foreign_passes' is assumed, not proved: it changed the program, and states no obligation"


@attrs.frozen
class WithoutRelu(Pass):
    """Wrong: relu(x) is x."""

    def run(self, module: Operation, context: PassContext) -> None:
        for relu in [operation for operation in module.walk() if operation.name == "graph.relu"]:
            relu.replace_by(relu.operands[0])


def test_a_pass_of_somebody_else_is_assumed_to_be_right_and_every_report_says_so(tmp_path: Path) -> None:
    compilation = begin(MODEL, "cortex-m4")
    PassPipeline([WithoutRelu()]).run(compilation.module, compilation.context)
    files = compilation.generate("net", "net.onnx")
    files.write(tmp_path)
    assert compilation.ledger.summary()["not_attempted"] == 1
    assert compilation.context.remarks.count(WORDS) == 1
    assert json.loads((tmp_path / "net.json").read_text("utf-8"))["assumed"] == [WORDS]
    assert f"/* {WORDS}. */" in (tmp_path / "net.c").read_text("utf-8")
    require_proofs(compilation.ledger)


def test_a_rule_that_is_assumed_says_nothing_of_the_pass_that_uses_it() -> None:
    compilation = begin(MODEL, "cortex-m4")
    context = compilation.context
    watcher = ForeignPasses()
    watcher.before(WithoutRelu(), compilation.module, context)
    WithoutRelu().run(compilation.module, context)
    context.assume("rule", "other", "relu(x) => x", "somebody said so")
    watcher.settle(context)
    assert WORDS in compilation.ledger.assumptions()


@pytest.mark.parametrize("instances", [["dce"], [WithoutRelu()]], ids=["own", "without an effect"])
def test_nothing_is_assumed_of_the_compilers_own_passes_and_of_what_changes_nothing(instances: list[Pass | str]) -> None:
    compilation = begin(REPOSITORY / "examples" / "mnist" / "mlp_int8.onnx", "cortex-m4")
    PassPipeline(instances).run(compilation.module, compilation.context)
    assert compilation.ledger.assumptions() == []
