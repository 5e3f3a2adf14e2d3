"""Every example of specs/rules.md is what the page says of it; and wrong rules of many kinds are refuted, with values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinyir.ir.errors import TinyirError
from tinyir.prove.rules import RuleProof, prove_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.rule_reader import read_rules

PAGE = Path(__file__).parents[2] / "specs" / "rules.md"
BLOCKS = re.findall(r"^```rules *(\w*)\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def verdicts(text: str) -> dict[str, RuleProof]:
    statements = read_rules(text)
    functions = {s.name: s for s in statements if isinstance(s, ast.Function)}
    return {s.name: prove_rule(s, functions) for s in statements if isinstance(s, ast.Rule)}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_page_says_what_is_so(number: int) -> None:
    expected, text = BLOCKS[number]
    found = verdicts(text)
    assert found
    assert {name: proof.state for name, proof in found.items()} == dict.fromkeys(found, expected or "proved"), found


PADDED = (
    "graph.conv2d(graph.pad(x) {{low = a, high = b, value = {}}}, w, bias) {{pad = p, x_zero_point = z}}"
    " => graph.conv2d(x, w, bias) {{pad = [p[0] + a[1], p[1] + a[2], p[2] + b[1], p[3] + b[2]], ..}}"
    " where is_float(element(x)) and z == 0 and a[0] == 0 and a[3] == 0 and b[0] == 0 and b[3] == 0"
    " and all(i < 4) (a[i] >= 0 and b[i] >= 0 and p[i] >= 0)"
)
PADDED_INTEGERS = (
    "graph.conv2d(graph.pad(x) {{low = a, high = b, value = v}}, w, bias) {{pad = p, x_zero_point = {}}}"
    " => graph.conv2d(x, w, bias) {{pad = [p[0] + a[1], p[1] + a[2], p[2] + b[1], p[3] + {}], ..}}"
    " where element(x) == i8 and element(w) == i8 and element(bias) == i32 and a[0] == 0 and a[3] == 0 and b[0] == 0 and b[3] == 0"
    " and all(i < 4) (a[i] >= 0 and b[i] >= 0 and p[i] >= 0)"
)
REFUTED = {
    "off by one": "arith.shli(arith.shli(x, constant a), constant b) => arith.shli(x, constant(value(a) + value(b) + 1)) where value(a) >= 0"
    " and value(b) >= 0 and value(a) + value(b) + 1 < bits(element(x))",
    "sign of zero": "arith.addf(x, 0.0) => x",
    "product with zero": "arith.mulf(x, 0.0) => 0.0",
    "difference with itself": "arith.subf(x, x) => 0.0",
    "overflow of a comparison": 'arith.cmpi(arith.addi(x, 1), y) {predicate = "sle"} => arith.cmpi(x, y) {predicate = "slt"}',
    "overflow of a product": "arith.divsi(arith.muli(x, constant c), c) => x where value(c) != 0",
    "missing condition": "arith.minsi(arith.maxsi(x, constant a), constant b) => arith.maxsi(arith.minsi(x, b), a)",
    "permutations composed the wrong way": "graph.transpose(graph.transpose(x) {permutation = p}) {permutation = q}"
    " => graph.transpose(x) {permutation = [q[p[i]] for i < length(p)]}",
    "the wrong axis": "graph.transpose(graph.concat(x...) {axis = a}) {permutation = p} => graph.concat(graph.transpose(x) {permutation = p}...) {axis = p[a]}",
    "another shape": "graph.reshape(graph.add(x, y)) {shape = s} => graph.add(graph.reshape(x) {shape = s}, graph.reshape(y) {shape = s})",
    "another rank": "over the reals graph.dense(graph.add(x, y), w, b) => graph.add(graph.dense(x, w, b), graph.dense(y, w, b))",
    "division rounds to zero": "arith.divsi(x, constant c) => arith.shrsi(x, constant(log2(value(c)))) where is_power_of_two(value(c))",
    "division negated": "arith.divsi(arith.subi(0, x), y) => arith.subi(0, arith.divsi(x, y))",
    "signed for unsigned": 'arith.cmpi(x, y) {predicate = "ult"} => arith.cmpi(x, y) {predicate = "slt"}',
    "shift by the width": "arith.shli(arith.shli(x, constant a), constant b) => arith.shli(x, constant(value(a) + value(b)))",
    "logical for arithmetic shift": "arith.divui(x, 2) => arith.shrsi(x, 1)",
    "sign lost in an extension": "arith.extsi(x) => arith.extui(x)",
    "cut and extended": "arith.extsi(arith.trunci(x)) : t => x where t == element(x)",
    "rounding of floats": "arith.addf(arith.addf(x, y), z) => arith.addf(x, arith.addf(y, z))",
    "reciprocal of three": "arith.divf(x, 3.0) => arith.mulf(x, 0.3333333432674408)",
    "branches swapped": "arith.select(c, x, y) => arith.select(c, y, x)",
    "clamps that do not meet": "graph.clamp(graph.clamp(x) {low = a, high = b}) {low = c, high = d} => graph.clamp(x) {low = max(a, c), high = min(b, d), ..}",
    "reshape past a transpose": "graph.reshape(graph.transpose(x) {permutation = p}) {shape = s} => graph.reshape(x) {shape = s}",
    "padding values mixed": "graph.pad(graph.pad(x) {low = a, high = b}) {low = c, high = d}"
    " => graph.pad(x) {low = [a[i] + c[i] for i < length(a)], high = [b[i] + d[i] for i < length(b)], ..}",
    "zero point forgotten": "over the reals graph.reduce_sum(graph.negate(x)) {axes = a}"
    " => graph.negate(graph.reduce_sum(x) {axes = a, ..}) where is_float(element(x))",
    "NaN forgotten": 'arith.xori(arith.cmpf(x, y) {predicate = "olt"}, 1) => arith.cmpf(x, y) {predicate = "oge"}',
    "the first part alone": "graph.slice(graph.concat(x, y) {axis = a}) {start = s, size = z, step = t} => graph.slice(x) {start = s, size = z, step = t}",
    "another place": "buffer.store(v, m, i...) {map = f} before buffer.store(w, m, j...) {map = f} => nothing where type(v) == type(w)",
    "memory that may be shared": "buffer.load(m, i...) {map = f} after buffer.store(v, n, j...) {map = g} => v",
    "the value of another store": "buffer.store(v, m, i...) {map = f} after buffer.store(w, m, i...) {map = f} => nothing",
    "an element of another tensor": "loop.read(t, i...) {map = f} after loop.define(v, s, i...) {map = f} => v",
    "a loop that may run": "loop.for(l..., u..., x...) {lower_map = f, upper_map = g} do B => x... where min(g) <= max(f) + 1",
    "a body with effects": "loop.for(l..., u...) do B => nothing",
    "one of two iterations": "loop.for(l..., u..., x...) {lower_map = f, upper_map = g, step = s} do B => B(constant(max(f)), x...)"
    " where max(f) < min(g)",
    "the wrong start": "loop.for(l..., u..., x...) {lower_map = f, upper_map = g, step = s} do B => B(constant(min(g)), x...)"
    " where max(f) < min(g) and min(g) <= max(f) + s",
    "the other branch": "loop.if(i...) {condition = s} do A else B => B() where always(s)",
    "a branch of two": "loop.if(i...) do A else B => A()",
    "a branch that does nothing": "loop.if(i...) do A else nothing => A()",
    "no value where the loop does not run": "loop.for(l..., u..., x...) do B with arith.remui(a, b)"
    " => let v = arith.remui(a, b) in loop.for(l..., u..., x...) {..} do B with v",
    "flags where the loop does not run": "loop.for(l..., u..., x...) do B with arith.addi(a, b)"
    " => let v = arith.addi(a, b) {..} in loop.for(l..., u..., x...) {..} do B with v",
    "a sum of products that overflows": "c.binary(c.binary(x, z) {operator = \"*\"}, c.binary(y, z) {operator = \"*\"}) {operator = \"+\"}"
    " => c.binary(c.binary(x, y) {operator = \"+\"}, z) {operator = \"*\"}",
    "the other branch of C": "c.if(constant c) do A else B => A() where value(c) == 0",
    "a branch of C that depends": "c.if(x) do A else B => A()",
    "one of two iterations of C": "c.for(constant a, constant b) {step = s} do B => B(a) where value(a) < value(b) and s > 0",
    "the last counter": "c.for(constant a, constant b) {step = s} do B => B(b) where s > 0 and value(a) < value(b) and value(b) <= value(a) + s",
    "a loop of C that runs": "c.for(constant a, constant b) {step = s} do B => nothing where value(a) < value(b)",
    "pointers that may be equal": "c.load(m, i) after c.store(v, n, i) => v",
    "what another pointer holds": "c.store(v, m, i) after v = c.load(n, i) => nothing",
    "another index": "c.store(v, m, i) before c.store(w, m, j) => nothing",
    "overflow of C": "c.binary(c.binary(x, y) {operator = \"+\"}, z) {operator = \"+\"}"
    " => c.binary(x, c.binary(y, z) {operator = \"+\"}) {operator = \"+\"}",
    "difference turned round": "c.binary(x, y) {operator = \"-\"} => c.binary(y, x) {operator = \"-\"}",
    "division by a shift": "c.binary(x, y) {operator = \"/\"} => c.binary(x, y) {operator = \">>\"}",
    "a bound that is reached": "c.binary(x, y) {operator = \"<\"} => c.binary(x, y) {operator = \"<=\"}",
    "values of C swapped": "c.conditional(a, x, y) => c.conditional(a, y, x)",
    "the other result of two": "arith.addi(result 1 of arith.mulsi_extended(x, y), 0) => arith.muli(x, y)",
    "a carry with its sign": 'arith.extsi(result 1 of arith.addui_extended(x, y)) : t => arith.extui(arith.cmpi(arith.addi(x, y), x) {predicate = "ult"})',
    "a use that does not matter": "arith.addi(x, x) => arith.muli(x, 3) where uses(x) == 2",
    "another result of the loop": "buffer.store(v, m, i...) {map = f} after v = result 1 of loop.for(l..., u..., x...) do B => nothing",
    "softmax of what some have more": "over the reals graph.softmax(graph.add(x, c)) => graph.softmax(x) where rank(c) >= 1 and rank(c) <= rank(x)",
    "a factor of any sign": "over the reals graph.relu(graph.multiply(x, constant c)) => graph.multiply(graph.relu(x), c) where is_float(element(x))",
    "the lesser of two bounds": "graph.maximum(graph.maximum(x, constant c), constant d) => graph.maximum(x, constant(min(value(c), value(d))))"
    " where is_float(element(x))",
    "least integer": "graph.absolute(graph.negate(x)) => graph.negate(graph.negate(x)) where is_integer(element(x))",
}


@pytest.mark.parametrize("kind", REFUTED)
def test_a_wrong_rule_is_refuted_with_values(kind: str) -> None:
    found = verdicts(f"rule wrong   {REFUTED[kind]}")["wrong"]
    assert found.state == "refuted", found
    assert re.search(r"interpreter|not defined", found.detail), found.detail
    if REFUTED[kind].startswith("c."):
        assert "interpreter" in found.detail, found.detail


VACUOUS = {
    "a contradiction": "arith.addi(x, constant c) => x where value(c) > 3 and value(c) < 2",
    "a shift without meaning": "arith.shrsi(x, constant c) => arith.shrsi(x, constant(0)) where value(c) >= bits(element(x))",
    "two ranks": "graph.relu(graph.relu(x)) => graph.relu(x) where rank(x) == 2 and rank(x) == 3",
    "bounds that cross": "loop.for(l..., u..., x...) {lower_map = f, upper_map = g} do B => x... where min(g) <= max(f) and max(f) < min(g)",
    "a loop in a tree of types": "buffer.store(v, m, i...) {map = f} after v = buffer.load(m, i...) {map = f} => nothing where type(v) != type(v)",
    "another number of arguments": "loop.if(i...) do A else A => A(constant(1))",
    "a value that nobody uses": "arith.addi(x, x) => arith.muli(x, 2) where uses(x) == 0",
    "a tensor that nobody uses": "graph.relu(graph.relu(x)) => graph.relu(x) where uses(x) < 1",
    "more axes than there are": "graph.relu(x) => graph.clamp(x) {low = 0, high = 5} where rank(x) == 7",
}


@pytest.mark.parametrize("kind", VACUOUS)
def test_a_rule_that_can_never_apply_is_told(kind: str) -> None:
    assert verdicts(f"rule empty   {VACUOUS[kind]}")["empty"].state == "vacuous"


RIGHT = {
    "distributive": "arith.addi(arith.muli(x, z), arith.muli(y, z)) => arith.muli(arith.addi(x, y), z)",
    "remainder": "arith.remui(x, constant c) => arith.andi(x, constant(value(c) - 1)) where is_power_of_two(value(c))",
    "absorption": "arith.andi(x, arith.ori(x, y)) => x",
    "lattice": "arith.minsi(arith.maxsi(x, constant a), constant b) => arith.maxsi(arith.minsi(x, b), a) where value(a) <= value(b)",
    "truth": "arith.select(c, 1, 0) => c",
    "masks": "arith.shli(arith.shrui(x, constant c), c) => arith.andi(x, constant(0 - (1 << value(c)))) where value(c) >= 0",
    "slices": "graph.slice(graph.slice(x) {start = a, size = s, step = t}) {start = b, size = u, step = v}"
    " => graph.slice(x) {start = [a[i] + b[i] * t[i] for i < length(a)], size = u, step = [t[i] * v[i] for i < length(t)]}",
    "opposite of a comparison": 'arith.xori(arith.cmpf(x, y) {predicate = "olt"}, 1) => arith.cmpf(x, y) {predicate = "uge"}',
    "greatest again": "arith.maximumf(x, arith.maximumf(x, y)) => arith.maximumf(x, y)",
    "lattice of tensors": "graph.maximum(x, graph.minimum(x, y)) => x",
    "doubled": "graph.add(x, x) => graph.multiply(x, 2)",
    "operands of a variadic operation": "graph.concat(graph.relu(x), graph.relu(y)) {axis = a} => graph.relu(graph.concat(x, y) {axis = a})",
    "memories that share nothing": "buffer.load(m, i...) {map = f} after v = buffer.load(m, i...) {map = f} => v where apart(m, m) or not apart(m, m)",
    "a tensor's element": "loop.read(t, i...) {map = f} after loop.define(v, t, i...) {map = f} => v",
    "a store that changes nothing": "c.store(v, m, i) after v = c.load(m, i) => nothing",
    "a loop of C downwards": "c.for(constant a, constant b) {step = s} do B => B(a) where s < 0 and value(b) <= value(a) and value(a) + s < value(b)",
    "a loop of C that never runs": "c.for(constant a, constant b) {step = s} do B => nothing where s < 0 and value(a) < value(b)",
    "products of C": "c.binary(c.binary(x, constant a) {operator = \"*\"}, constant b) {operator = \"*\"}"
    " => c.binary(x, constant(value(a) * value(b))) {operator = \"*\"} where fits(value(a) * value(b), element(x))",
    "branches of C": "c.if(constant c) do A else B => B() where value(c) == 0",
    "high half of a product": "arith.trunci(arith.shrsi(arith.muli(arith.extsi(x), arith.extsi(y)), constant c)) : t"
    " => result 1 of arith.mulsi_extended(x, y) where t == element(x) and value(c) == bits(t) and t == i8",
    "halves of one product": "arith.addi(result 0 of arith.mulsi_extended(x, y), z) => arith.addi(result 0 of arith.mului_extended(x, y), z)",
    "a store with one more user": "buffer.load(m, i...) {map = f} after buffer.store(v, m, i...) {map = f} => v where uses(v) == 1 and uses(m) > 1",
    "tensors with another user": "graph.relu(graph.relu(x)) => graph.relu(x) where uses(x) > 1",
    "broadcast twice": "graph.broadcast(graph.broadcast(x) {shape = s}) {shape = t} => graph.broadcast(x) {shape = t}",
    "bounds of bounds": "graph.maximum(graph.maximum(x, constant c), constant d) => graph.maximum(x, constant(max(value(c), value(d))))"
    " where is_float(element(x))",
    "a factor that keeps the sign": "over the reals graph.relu(graph.multiply(x, constant c)) => graph.multiply(graph.relu(x), c)"
    " where is_float(element(x)) and value(c) >= 0.0",
    "softmax of what all have more": "over the reals graph.softmax(graph.add(x, c)) => graph.softmax(x)"
    " where rank(c) >= 1 and rank(c) <= rank(x) and shape(c)[rank(c) - 1] == 1",
    "padding before a convolution": f"over the reals {PADDED.format(0.0)}",
    "padding of integers": PADDED_INTEGERS.format("v", "b[2]"),
    "twice": "graph.multiply(x, 2.0) => graph.add(x, x)",
}


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_rule_is_proved(kind: str) -> None:
    assert verdicts(f"rule right   {RIGHT[kind]}")["right"].state == "proved"


STRANGE = (
    "loop.reshape(loop.reshape(x)) => loop.reshape(x)",
    "arith.addi(graph.relu(x), y) => y",
    "loop.for(x...) do B => x...",
    "buffer.load(buffer.view(m), i...) {map = f} => buffer.load(m, i...) {map = f}",
)


@pytest.mark.parametrize("text", STRANGE)
def test_what_proofs_do_not_know_is_unknown_and_named(text: str) -> None:
    found = verdicts(f"rule strange   {text}")["strange"]
    assert found.state == "unknown"
    assert re.search(r"no meaning for '(loop|arith|buffer)\.\w+'", found.detail)


UNSURE = {
    "padding with another number": f"over the reals {PADDED.format(1.0)}",
    "padding of integers with another number": PADDED_INTEGERS.format("z", "b[2]"),
    "a part of a condition that is not looked at": "loop.for(l..., u..., x...) {lower_map = f, upper_map = g} do B => x..."
    " where min(g) <= max(f) or min(g) == max(f)",
}


@pytest.mark.parametrize("kind", UNSURE)
def test_what_nothing_confirms_is_unknown(kind: str) -> None:
    found = verdicts(f"rule unsure   {UNSURE[kind]}")["unsure"]
    assert found.state == "unknown"
    assert found.detail


NOTHING_ADDED = "graph.add(x, constant c) => x where is_integer(element(x)) and rank(c) == 0 and (value(c) == 0 or %s)"
UNANSWERED = (
    NOTHING_ADDED % "value(c) == 1 and value(c) < 1.5",
    NOTHING_ADDED % "value(c) == 1 and value(c) / 2.0 == 0.5",
    NOTHING_ADDED % "value(c) == 1 and min(value(c), 0.5) == 0.5",
    NOTHING_ADDED % "value(c) == 1 and value(c) < 1 << 64",
    NOTHING_ADDED % "value(c) == 1 << 22 and value(c) * value(c) * value(c) > 0",
    NOTHING_ADDED % "complement([1], value(c)) == [0]",
    "arith.addi(x, constant c) => x where value(c) == 0 or value(c) == 1 and select(value(c) == 1, 1.5, 0) > 1",
    "arith.mulf(x, constant c) => x where value(c) == 1.0 or is_power_of_two(value(c))",
    "arith.addi(x, constant c) => x where [1, 2][value(c)] == 1",
    "graph.relu(x) => x where rank(x) == 1 and product([shape(x)[0], 2.5]) == 5.0",
    "graph.transpose(x) {permutation = p} => x where rank(x) == 1 or is_power_of_two(shape(x)[0])",
    "graph.transpose(x) {permutation = p} => x where rank(x) == 1 or log2(shape(x)[0]) == 1",
    "graph.relu(graph.relu(x)) => x where rank(x) == 9 or complement(shape(x), 3) == [0]",
    "graph.relu(graph.relu(x)) => x where shape(x)[0] == 1 or shape(x)[9] == 1",
    "graph.relu(graph.relu(x)) => x where not (shape(x)[0] == 1 and shape(x)[9] == 1)",
    "graph.relu(graph.relu(x)) => x where select(shape(x)[0] == 1, 1, shape(x)[9]) == 1",
    "graph.relu(graph.relu(x)) => x where not all(i < 9) (shape(x)[i] == 1)",
)


@pytest.mark.parametrize("text", UNANSWERED)
def test_a_case_without_an_answer_leaves_the_rule_unknown(text: str) -> None:
    """The driver applies each of these rules to something for which it is wrong."""
    found = verdicts(f"rule unanswered   {text}")["unanswered"]
    assert found.state == "unknown"
    assert "proofs have no answer" in found.detail


@pytest.mark.parametrize("quotient", ["value(c) / 2 == -1", "(value(c) - 1) / -2 == 1", "value(c) % -2 == -1"])
def test_quotients_are_rounded_down_whatever_their_signs(quotient: str) -> None:
    """Each holds for -1, which is not added by doing nothing."""
    assert verdicts(f"rule rounded   {NOTHING_ADDED % quotient}")["rounded"].state == "refuted"


@pytest.mark.parametrize("condition", [
    "shape(x)[9] == 1", "shape(x)[0.5] == 1", "position([1, 2], 2.5) == 1", '["a"] == ["b"]', "1 / (rank(x) - rank(x)) == 1",
    "all(i < 9) (shape(x)[i] == 1)", "1 << 1000 == 1",
])  # fmt: skip
def test_a_condition_without_a_value_is_never_satisfied(condition: str) -> None:
    assert verdicts(f"rule never   graph.relu(graph.relu(x)) => x where {condition}")["never"].state == "vacuous"


ILL_FORMED = {
    "graph.leaky_relu(x) {alpha = a} => graph.multiply(x, a)": "'a' is a property, no operand",
    "arith.addi(arith.mulsi_extended(x, y), z) => z": "'arith.mulsi_extended' has 2 results: write `result 0 of arith.mulsi_extended(...)`",
    "arith.addi(result 2 of arith.mulsi_extended(x, y), z) => z": "'arith.mulsi_extended' has 2 results: there is no result 2",
    "arith.addi(result 1 of arith.muli(x, y), z) => z": "'arith.muli' has 1 result: there is no result 1",
    "graph.relu(result 1 of graph.relu(x)) => graph.relu(x)": "'graph.relu' has 1 result: there is no result 1",
    "result 1 of arith.mulsi_extended(x, y) => x": "what a rule begins with is replaced with all its results",
    "loop.for(l, u, x) do B => x": "the operands of 'loop.for' are sequences",
    "loop.for(l..., u..., x...) do B => x": "'x' is a sequence: write `x...`",
    "loop.if(i...) do A else B => loop.if(i...) {..} do A": "what has bodies on the right is a 'loop.if' as on the left",
    "loop.for(l..., u..., x...) do B with arith.addi(a, b) => loop.for(l..., u..., x...) {..} do B": "the body 'B' holds an operation",
    "loop.for(l..., u..., x...) do B => loop.for(l..., u..., x...) {..} do C": "'C' is no body of the left side",
    "buffer.load(m, i...) {map = f} after x => x": "'after' is followed by an operation",
}


@pytest.mark.parametrize("text", ILL_FORMED)
def test_a_rule_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(TinyirError) as caught:
        verdicts(f"rule wrong   {text}")
    assert ILL_FORMED[text] in str(caught.value)
