"""Patterns tell the results of one operation apart, and count who uses a value."""

from __future__ import annotations

from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.rule_compiler import compile_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.printer import print_module
from tinyir.text.reader import parse
from tinyir.text.rule_reader import read_rules


def rewritten(rule: str, body: str) -> str:
    """The body after the rule, if it applied; its operands are %a, %b and the memory %m."""
    (statement,) = (s for s in read_rules(f"rule r   {rule}") if isinstance(s, ast.Rule))
    module = parse(f"module {{\nfunc.func @f(%a: i32, %b: i32, %m: memref<4xi32>) -> i32 {{\n{body}\n}}\n}}\n")
    return print_module(module) if apply_rules(module, [compile_rule(statement, {})], PassContext(most_rewrites=1)) else ""


PRODUCT = "%l, %h = arith.mulsi_extended %a, %b : i32\n%s = arith.addi %RESULT, %a : i32\nreturn %s : i32"


def test_each_result_is_itself() -> None:
    for number, name, other in ((0, "l", "h"), (1, "h", "l")):
        rule = f"arith.addi(result {number} of arith.mulsi_extended(x, y), z) => arith.subi(x, z)"
        assert "arith.subi %a, %a" in rewritten(rule, PRODUCT.replace("RESULT", name))
        assert not rewritten(rule, PRODUCT.replace("RESULT", other))


def test_an_operation_of_several_results_is_made_and_one_of_them_taken() -> None:
    rule = "arith.addi(result 0 of arith.mulsi_extended(x, y), z) => arith.addi(result 1 of arith.mului_extended(y, x), z)"
    text = rewritten(rule, PRODUCT.replace("RESULT", "l"))
    assert "%0:2 = arith.mului_extended %b, %a : i32" in text
    assert "arith.addi %0#1, %a : i32" in text


def test_a_loop_that_carries_too_few_does_not_match() -> None:
    loop = "%r:2 = loop.for %i = 0 to 3 step 1 iter(%x = %a, %y = %b) -> (i32, i32) {\nloop.yield %y, %x : i32, i32\n}"
    body = f"{loop}\nbuffer.store %r#NUMBER, %m[0] : memref<4xi32>\nreturn %a : i32"
    rule = "buffer.store(v, m, i...) {map = f} after v = result NUMBER of loop.for(l..., u..., x...) do B => nothing"
    for stored in (0, 1):
        for number in (0, 1, 2):
            found = rewritten(rule.replace("NUMBER", str(number)), body.replace("NUMBER", str(stored)))
            assert bool(found) is (stored == number)
    assert not rewritten(rule.replace("result NUMBER of ", ""), body.replace("NUMBER", "0"))


def test_uses_are_counted_before_the_rule_applies() -> None:
    body = "%s = arith.addi %a, %a : i32\n%t = arith.muli %s, %MORE : i32\nreturn %t : i32"
    rule = "arith.addi(x, x) => arith.subi(x, x) where uses(x) == 2"
    assert "arith.subi" in rewritten(rule, body.replace("MORE", "b"))
    assert not rewritten(rule, body.replace("MORE", "a"))
