"""The greedy driver does not trust its rewriters where it is told not to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import pytest

from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Value
from tinyir.rewrite.edit import Edit, Rewriter
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.observer import CheckError
from tinyir.rewrite.passes import PassContext
from tinyir.text.reader import parse

MODULE = """
module {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.negate(%a) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %b : tensor<4xf32>
  }
}
"""
PLACE = Place("patterns.py", 1, 1)


@attrs.frozen
class Pattern:
    """A rewriter in Python."""

    name: str
    rewrite: Callable[[Edit], Sequence[Value] | None]
    roots: tuple[str, ...] = ("graph.relu",)
    depth: int = 1
    place: Place = PLACE
    statement: str = "something"
    exact: bool = True


def apply(*patterns: Rewriter, check: bool = True) -> int:
    return apply_rules(parse(MODULE), patterns, PassContext(check_rewrites=check))


def mutate(edit: Edit) -> None:
    edit.root.attributes["seen"] = edit.root.location


def mutate_elsewhere(edit: Edit) -> None:
    (user,) = edit.root.result.users
    user.name = "graph.relu"


def same_value(edit: Edit) -> Sequence[Value]:
    return edit.root.results


def same_operation(edit: Edit) -> Sequence[Value]:
    return [edit.apply(edit.root.name, edit.root.operands)]


def two_values(edit: Edit) -> Sequence[Value]:
    return [edit.root.operands[0]] * 2


def to_clamp(edit: Edit) -> Sequence[Value]:
    return [edit.apply("graph.negate", edit.root.operands)]


def to_relu(edit: Edit) -> Sequence[Value]:
    return [edit.apply("graph.relu", edit.root.operands)]


@pytest.mark.parametrize(
    ("rewrite", "message"),
    [
        (mutate, "rule 'bad' changed the module behind the driver's back, at 'graph.relu'"),
        (mutate_elsewhere, "rule 'bad' changed the module behind the driver's back, at 'graph.relu'"),
        (same_value, "rule 'bad' claims success without a change of 'graph.relu'"),
        (same_operation, "rule 'bad' claims success without a change of 'graph.relu'"),
        (two_values, "rule 'bad' offers 2 values for the 1 results of 'graph.relu'"),
    ],
)
def test_a_rewriter_that_breaks_its_word_is_named(rewrite: Callable[[Edit], Sequence[Value] | None], message: str) -> None:
    with pytest.raises(CheckError) as caught:
        apply(Pattern("bad", rewrite))
    assert caught.value.diagnostics[0].message == message
    assert str(caught.value.diagnostics[0].place) == "patterns.py:1:1"


def test_a_rewriter_that_keeps_its_word_is_left_alone() -> None:
    assert apply(Pattern("good", to_clamp)) == 1
    assert apply(Pattern("good", to_clamp), check=False) == 1


def test_rules_without_an_end_are_named() -> None:
    with pytest.raises(TinyirError, match="rules do not come to an end after 1256 rewrites: the last 100 were by 'there', 'back'"):
        apply(Pattern("there", to_clamp), Pattern("back", to_relu, roots=("graph.negate",)), check=False)


def test_rules_that_undo_each_other_are_named() -> None:
    seen: list[str] = []

    def once(edit: Edit) -> Sequence[Value] | None:
        seen.append(edit.root.name)
        return to_clamp(edit) if len(seen) == 1 else None

    def back(edit: Edit) -> Sequence[Value] | None:
        return to_relu(edit) if edit.root.result.users[0].name == "graph.negate" else None

    with pytest.raises(CheckError, match="2 rewrites leave the module as it was: 'once', 'back' undo each other"):
        apply(Pattern("once", once), Pattern("back", back, roots=("graph.negate",)))
