"""What a Python prompt shows of things that hold much is one line that says what they are."""

import re

import tinyir
from tinyir.backends.target import load_target
from tinyir.rewrite.rule_book import compiled_rules, shipped_rules

NETWORK = "func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %y = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>\n  return %y : tensor<4xf32>\n}"


def test_compilations_tell_their_size_and_proofs() -> None:
    compiled = tinyir.compile(tinyir.parse(NETWORK), "host")
    assert re.fullmatch(r"<model for host, goal speed: arena of \d+ bytes, \d+ proved, 0 refuted, 0 unknown, 0 not attempted>", repr(compiled))
    assert re.fullmatch(r"<model\.c and model\.h, \d+ lines>", repr(compiled.c))
    assert re.fullmatch(r"<\d+ obligations: \d+ proved, 0 refuted, 0 unknown, 0 not attempted>", repr(compiled.ledger))


def test_specifications_tell_what_they_state() -> None:
    (rule,) = [rule for rule in compiled_rules("canonical") if rule.name == "relu_of_relu"]
    assert repr(rule) == repr(shipped_rules().rules["relu_of_relu"]) == "<rule relu_of_relu: graph.relu(graph.relu(x)) => graph.relu(x)>"
    assert re.fullmatch(r"<\d+ rules, \d+ helper functions>", repr(shipped_rules()))
    assert repr(load_target("host")).startswith("<target host: ")
