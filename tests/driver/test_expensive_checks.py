"""Checks around every pass find what no verifier can."""

import numpy as np
import pytest

from tests.driver.plugins import WRONG, WRONG_C, AddPass, add_pass
from tinyir.driver.expensive_checks import ExpensiveChecks, first_place, greatest_difference
from tinyir.driver.pipeline import LEVELS, passes_of
from tinyir.rewrite.observer import CheckError, Hooks
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.reader import parse

__all__ = ["add_pass"]

RELUS = """module {
  func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %b : tensor<4xf32>
  }
}
"""
PLUS_ZERO = """module {
  func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
    %c = graph.constant() {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
    %b = graph.add(%x, %c) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    func.return %b : tensor<4xf32>
  }
}
"""
NOTHING = """
        context.rewrites["planted_rule"] += 1
"""
BAD_TEXT = """
        for operation in module.walk():
            operation.attributes["x"] = TYPE
"""


def run(passes: str, text: str = RELUS) -> PassContext:
    context = PassContext()
    PassPipeline([passes]).run(parse(text), context, Hooks(observers=(ExpensiveChecks(),)))
    return context


def test_right_passes_pass() -> None:
    assert run("canonicalize,cse,fold_constants,dce,lower_to_loops,fuse_nests").check_rewrites


def test_a_pass_that_changes_a_result_is_named_with_the_element(add_pass: AddPass) -> None:
    add_pass("planted_wrong", WRONG)
    with pytest.raises(CheckError, match=r"pass 'planted_wrong' changes the output 'output_0' to the bit: row 0, element \[\d\]: "):
        run("cse,planted_wrong")


def test_a_pass_at_the_level_of_c_is_checked(add_pass: AddPass) -> None:
    add_pass("planted_c", WRONG_C)
    passes = ",".join(name for level in LEVELS for name in passes_of(level, "size"))
    sums = parse(RELUS.replace("%b = graph.relu(%a) : (tensor<4xf32>)", "%b = graph.add(%a, %a) : (tensor<4xf32>, tensor<4xf32>)"))
    with pytest.raises(CheckError, match=r"pass 'planted_c' changes the output 'output_0' to the bit: row 0, element \[\d\]: "):
        PassPipeline([passes, "planted_c"]).run(sums, PassContext(goal="size"), Hooks(observers=(ExpensiveChecks(),)))


def test_a_rule_over_the_reals_is_given_a_tolerance() -> None:
    text = PLUS_ZERO.replace("dense<0.0>", "dense<-0.0>")
    assert set(run("canonicalize", text).used_rules) == {"add_minus_zero"}
    assert not run("canonicalize", PLUS_ZERO).used_rules["add_zero"].exact


def test_a_pass_that_counts_rewrites_must_have_changed_something(add_pass: AddPass) -> None:
    add_pass("planted_claim", NOTHING)
    with pytest.raises(CheckError, match="pass 'planted_claim' counts 1 rewrites and changed nothing"):
        run("planted_claim")


def test_a_module_that_does_not_read_back_is_found(add_pass: AddPass) -> None:
    add_pass("planted_text", BAD_TEXT.replace("TYPE", "__import__('tinyir.ir.attributes').ir.attributes.OpaqueAttribute('}')"))
    with pytest.raises(CheckError, match="after pass 'planted_text' the printed module cannot be read: "):
        run("planted_text")


def test_differences_are_measured_against_the_greatest_output() -> None:
    old = np.array([[1.0, -4.0]], np.float32)
    assert greatest_difference(old, old.copy()) == 0.0
    assert greatest_difference(old, np.array([[1.0, -3.0]], np.float32)) == 0.25
    assert greatest_difference(np.array([[np.nan]]), np.array([[np.nan]])) == 0.0
    assert greatest_difference(old, np.array([[np.nan, -4.0]], np.float32)) == float("inf")
    assert greatest_difference(old, old[:, :1]) == float("inf")
    assert first_place(old, np.array([[1.0, -3.0]], np.float32)) == "row 0, element [1]: -4.0 became -3.0"
