"""Walks that skip, and walks from the inside out."""

import tinyir
from tinyir.ir.walking import Walk, walk_inside_out

TEXT = """
"t.a"() ({
  "t.b"() ({ "t.c"() : () -> () }, { "t.d"() : () -> ()
                                     "t.e"() : () -> () }) : () -> ()
  "t.f"() : () -> ()
}) : () -> ()
"t.g"() : () -> ()
"""


def test_a_walk_sees_each_operation_before_its_contents() -> None:
    module = tinyir.parse(TEXT)
    assert list(Walk(module)) == list(module.walk())
    assert [o.name for o in Walk(module)] == ["builtin.module", *(f"t.{letter}" for letter in "abcdefg")]


def test_what_is_skipped_is_not_entered() -> None:
    walk, seen = Walk(tinyir.parse(TEXT)), ""
    for operation in walk:
        seen += operation.name[-1]
        if operation.name == "t.b":
            walk.skip()
    assert seen == "eabfg"
    assert list(walk) == []


def test_what_was_last_given_may_be_erased_or_replaced() -> None:
    module = tinyir.parse(TEXT)
    walk = Walk(module)
    for operation in walk:
        if operation.name == "t.b":
            walk.skip()
            operation.erase()
    assert [o.name[-1] for o in module.walk()] == ["e", "a", "f", "g"]


def test_from_the_inside_out_contents_come_first() -> None:
    module = tinyir.parse(TEXT)
    assert "".join(o.name[-1] for o in walk_inside_out(module)) == "cdebfage"
    for operation in walk_inside_out(module):
        if operation.name != "builtin.module":
            operation.erase()
    assert module.body.first is None


def test_a_walk_is_no_deeper_than_the_stack() -> None:
    depth = 5000
    module = tinyir.parse("")
    block = module.body
    for _ in range(depth):
        block = block.append(tinyir.parse('"t.x"() ({ ^a: }) : () -> ()').body.terminator.clone()).body
    assert sum(1 for _ in Walk(module)) == depth + 1
