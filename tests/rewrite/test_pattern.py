"""Rewrites in Python: found by their roots, ordered, traced, checked and reported like rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import pytest

import tinyir
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation, Value
from tinyir.prove.arithmetic import ArithmeticClaim, ArithmeticStep
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.edit import Edit
from tinyir.rewrite.greedy import RuleIndex, apply_rules
from tinyir.rewrite.observer import CheckError
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.pattern import Pattern, pattern
from tinyir.rewrite.rule_book import compiled_rules
from tinyir.rewrite.trace import Trace

SQUARE = """
func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = graph.multiply(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("square_1")
  %n = graph.negate(%s) : (tensor<4xf32>) -> tensor<4xf32> loc("negate_1")
  %y = graph.relu(%n) : (tensor<4xf32>) -> tensor<4xf32> loc("relu_1")
  func.return %y : tensor<4xf32>
}
"""


@pattern("graph.relu")
def relu_of_negated_square(edit: Edit) -> Value | None:
    """relu(-(x * x)) is x - x: a square is not negative.

    Over finite numbers.
    """
    negated = edit.definer(edit.root.operands[0], "graph.negate")
    square = edit.definer(negated.operands[0], "graph.multiply") if negated else None
    if square is None or square.operands[0] is not square.operands[1]:
        return None
    return edit.apply("graph.subtract", square.operands[:1] * 2)


@pattern("graph.relu", benefit=5, assumed="only the order is tested")
def clamp_instead(edit: Edit) -> Value:
    """relu is a clamp."""
    return edit.apply("graph.clamp", edit.root.operands, low=0.0, high=6.0)


@pattern("graph.relu", before=("clamp_instead",))
def first_of_all(edit: Edit) -> Value | None:
    """Never matches, is tried first."""
    return None


def rewritten(text: str, *patterns: Pattern, context: PassContext | None = None) -> Operation:
    module = tinyir.parse(text)
    apply_rules(module, patterns, context or PassContext())
    return module


def names(module: Operation) -> list[str]:
    return [operation.name.partition(".")[2] for operation in module.body.operations[0].body]


def test_a_pattern_is_what_its_function_says() -> None:
    assert relu_of_negated_square.name == "relu_of_negated_square"
    assert relu_of_negated_square.statement == "relu(-(x * x)) is x - x: a square is not negative."
    assert relu_of_negated_square.place.file == "test_pattern.py"


def test_it_rewrites_and_what_is_dead_goes() -> None:
    module = rewritten(SQUARE, relu_of_negated_square)
    assert names(module) == ["subtract", "return"]
    assert names(rewritten(SQUARE.replace("%x, %x)", "%x, %n2)").replace("%s =", "%n2 = graph.exp(%x) : (tensor<4xf32>) -> tensor<4xf32>\n%s ="),
                           relu_of_negated_square)) == ["exp", "multiply", "negate", "relu", "return"]  # fmt: skip


def test_locations_of_all_that_matched_are_fused() -> None:
    (subtract,) = [o for o in rewritten(SQUARE, relu_of_negated_square).walk() if o.name == "graph.subtract"]
    assert sorted(subtract.location.names) == ["negate_1", "relu_1", "square_1"]


def test_the_trace_has_it_like_a_rule() -> None:
    context = PassContext(trace=Trace())
    rewritten(SQUARE, relu_of_negated_square, context=context)
    assert context.trace is not None
    (rewrite,) = context.trace.rewrites
    assert (rewrite.rule, rewrite.before) == ("relu_of_negated_square", "graph.relu(graph.negate(graph.multiply(%x, %x)))")
    assert rewrite.source.startswith("test_pattern.py:")
    assert rewrite.after == "graph.subtract(%x, %x)"
    assert context.rewrites == {"relu_of_negated_square": 1}


def test_rules_and_patterns_work_together() -> None:
    relu = "graph.relu(%{}) : (tensor<4xf32>) -> tensor<4xf32>"
    text = SQUARE.replace("%x, %x)", "%o, %o)").replace("%s =", f"%p = {relu.format('x')}\n%o = {relu.format('p')}\n%s =")
    context = PassContext()
    module = tinyir.parse(text)
    apply_rules(module, [relu_of_negated_square, *compiled_rules("canonical")], context)
    assert context.rewrites["relu_of_relu"] == 1
    assert context.rewrites["relu_of_negated_square"] == 1


def test_benefits_and_before_decide_who_is_tried_first() -> None:
    rules = [r for r in compiled_rules("canonical") if "graph.relu" in r.roots]
    index = RuleIndex([*rules, relu_of_negated_square, clamp_instead, first_of_all])
    assert [r.name for r in index.by_root["graph.relu"]] == ["first_of_all", "clamp_instead", *(r.name for r in rules), "relu_of_negated_square"]
    assert names(rewritten(SQUARE, relu_of_negated_square, clamp_instead)) == ["multiply", "negate", "clamp", "return"]


def test_a_cycle_of_before_is_an_error() -> None:
    one = pattern("graph.relu", before=("two",))(first_of_all.body)
    two = pattern("graph.relu", before=("first_of_all",))(clamp_instead.body)
    with pytest.raises(TinyirError, match=r"patterns are before each other: (two before first_of_all before two|first_of_all before two before first_of_all)"):
        RuleIndex([one, attrs.evolve(two, name="two")])


def test_what_is_assumed_is_said() -> None:
    context = PassContext()
    rewritten(SQUARE, relu_of_negated_square, context=context)
    rewritten(SQUARE, clamp_instead, context=context)
    assert context.remarks == [
        "the pattern 'relu_of_negated_square' is assumed, not proved: it states no obligation",
        "the pattern 'clamp_instead' is assumed, not proved: only the order is tested",
    ]


@pytest.mark.parametrize(("high", "state"), [(100, "proved"), (1 << 31, "refuted")])
def test_what_it_obliges_to_is_judged(high: int, state: str) -> None:
    def oblige(edit: Edit, values: Sequence[Value]) -> Iterable[Obligation]:
        yield Obligation("range", edit.root.name, "the sum fits", ArithmeticClaim((ArithmeticStep("+", (0, high), (0, 1), 32),)))

    ledger = Ledger()
    context = PassContext(ledger=ledger)
    rewritten(SQUARE, pattern("graph.relu", obligations=oblige)(clamp_instead.body), context=context)
    ((_, verdict),) = ledger
    assert verdict.state == state
    assert context.remarks == []


def test_the_checks_of_rules_hold_for_patterns() -> None:
    @pattern("graph.relu")
    def behind_the_back(edit: Edit) -> None:
        edit.root.name = "graph.exp"

    @pattern("graph.relu")
    def nothing_new(edit: Edit) -> Value:
        return edit.apply("graph.relu", edit.root.operands)

    for wrong, message in ((behind_the_back, "behind the driver's back"), (nothing_new, "claims success without a change")):
        with pytest.raises(CheckError, match=message):
            rewritten(SQUARE, wrong, context=PassContext(check_rewrites=True))


def test_wrong_operands_are_told_at_the_pattern() -> None:
    @pattern("graph.relu")
    def wrong(edit: Edit) -> Value:
        return edit.apply("graph.clamp", edit.root.operands)

    with pytest.raises(TinyirError, match=r"rule 'wrong' made an operation that is not defined: .*needs the property 'low'"):
        rewritten(SQUARE, wrong)
