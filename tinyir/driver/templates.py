"""What `tinyir new-pass`, `new-op`, `new-rule` and `new-target` write: small things that work, to be changed step by step.

`$name` is the name in snake_case, `$class_name` in CamelCase, `$module` where Python finds the pass, `$file` the file beside the test.
"""

from __future__ import annotations

PASS = '''"""$name: a value that is negated twice is used as it is."""

from __future__ import annotations

import attrs

from tinyir.ir.operation import Operation
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class $class_name(Pass):
    """Removes at most `most` pairs of `graph.negate`.

    Fields are options: `tinyir opt FILE -p '$name{most=3}'`.  `reads` are the dialects that the pass understands.
    """

    reads = ("builtin", "func", "graph")
    most: int = 1000

    def run(self, module: Operation, context: PassContext) -> None:
        found = 0
        for operation in module.walk():
            if operation.name == "graph.negate" and found < self.most:
                inner = operation.operands[0].definer
                if inner is not None and inner.name == "graph.negate":
                    operation.replace_by(inner.operands[0])
                    found += 1
        context.remark(f"$name: {found} pairs of negations are gone")
'''

PASS_TEST = '''"""$name: before and after, with all checks on."""

from tinyir.driver.testing import run_checked
from $module import $class_name

BEFORE = """module {
  func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.negate(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.negate(%a) : (tensor<4xf32>) -> tensor<4xf32>
    %c = graph.relu(%b) : (tensor<4xf32>) -> tensor<4xf32>
    return %c : tensor<4xf32>
  }
}
"""
AFTER = """module {
  func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
    %c = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %c : tensor<4xf32>
  }
}
"""


def test_two_negations_are_none() -> None:
    assert run_checked(BEFORE, [$class_name(), "dce"]) == AFTER


def test_an_option_limits_it() -> None:
    assert run_checked(BEFORE, [$class_name(most=0), "dce"]) == BEFORE
'''

OPERATOR = """# A smooth step: 3 x^2 - 2 x^3 of x held between 0 and 1.  The page specs/operators.md of tinyir describes the language.
op graph.$name(x: f32[D...]) -> (y: f32[D...])
  t[d...] = min(max(x[d...], 0.0), 1.0)
  y[d...] = t[d...] * t[d...] * (3.0 - 2.0 * t[d...])
"""

OPERATOR_TEST = '''"""graph.$name: the same numbers as its formula, at every level of the compiler."""

import numpy as np
import pytest
from numpy.typing import NDArray

import tinyir
from tinyir.ir.errors import TinyirError
from tinyir.ir.verifier import verify_or_raise

NETWORK = """
func.func @network(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = graph.$name(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %y : tensor<2x3xf32>
}
"""
INPUT = np.array([[-1.0, 0.0, 0.25, 0.5, 1.0, 7.0]], np.float32)


def formula(x: NDArray[np.float32]) -> NDArray[np.float32]:
    t: NDArray[np.float32] = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def test_every_level_computes_the_formula() -> None:
    for level in ("graph", "loop", "buffer"):
        found = tinyir.run(tinyir.parse(NETWORK), inputs=INPUT, level=level).outputs["output_0"]
        assert np.array_equal(found.reshape(1, 6), formula(INPUT)), level


def test_a_wrong_type_is_an_error() -> None:
    with pytest.raises(TinyirError, match=r"graph\\.$name"):
        verify_or_raise(tinyir.parse(NETWORK.replace("-> tensor<2x3xf32>", "-> tensor<3x2xf32>").replace("return %y : tensor<2x3", "return %y : tensor<3x2")))
'''

RULE = """# The magnitude of a float does not depend on its sign.  (That of an integer may: -128 has no counterpart.)
# The page specs/rules.md of tinyir describes the language.
group canonical

rule $name   graph.absolute(graph.negate(x))  =>  graph.absolute(x)   where is_float(element(x))
"""

RULE_TEST = '''"""The rule $name: what it makes of a module, which computes the same as before."""

from pathlib import Path

from tinyir.driver.testing import run_checked_rules

RULES = Path(__file__).parent / "$file"
BEFORE = """module {
  func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.negate(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.absolute(%a) : (tensor<4xf32>) -> tensor<4xf32>
    return %b : tensor<4xf32>
  }
}
"""
AFTER = """module {
  func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
    %b = graph.absolute(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %b : tensor<4xf32>
  }
}
"""


def test_the_rule_rewrites_what_it_says() -> None:
    assert run_checked_rules(BEFORE, RULES) == AFTER


def test_the_rule_leaves_other_things_alone() -> None:
    assert run_checked_rules(AFTER, RULES) == AFTER
'''

TARGET = """# $name: what this machine is, and where its numbers come from.
description = "$name: describe the chip in one line"
# Extensions that `specs/isa` describes; none: plain C.
isa = []

# The C compiler's types, in bits.
[c]
char_bits = 8
int_bits = 32
long_bits = 64
pointer_bits = 64
char_is_signed = true
byte_order = "little"

# How constants and variables are declared and aligned.
[[memories]]
name = "flash"
writable = false
qualifier = "const"
alignment_bytes = 8

[[memories]]
name = "ram"
writable = true
alignment_bytes = 8

# Flags of the C compiler: always, and for each goal.
[flags]
common = ["-std=c99", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections"]
speed = ["-O3"]
size = ["-Os"]
ram = ["-O2"]

# The program around the network, from backends/harness.
[harness]
sources = ["stdio.c"]

# Compilers, the first one that is installed is used; `package` is what to install.
[[toolchains]]
name = "gcc"
programs = ["gcc", "cc"]
package = "Debian package gcc"

[[toolchains]]
name = "clang"
programs = ["clang", "clang-19"]
package = "Debian package clang-19"

# What runs the program; `native` runs it as it is.
[[simulators]]
name = "native"
programs = ["{program}"]
package = "a C compiler"
"""

TARGET_TEST = '''"""The target $name: its file is understood, and a small network runs on it."""

from pathlib import Path

import numpy as np

import tinyir
from tinyir.backends.target import load_target

TARGET = Path(__file__).parent / "$file"
NETWORK = """
func.func @network(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""


def test_the_file_is_understood() -> None:
    target = load_target(str(TARGET))
    assert target.name == "$name"
    assert {"flash", "ram"} <= {memory.name for memory in target.memories}


def test_a_network_runs_on_it() -> None:
    found = tinyir.run(tinyir.parse(NETWORK), load_target(str(TARGET)), np.array([[-1, 2, -3, 4]], np.float32))
    assert found.outputs["output_0"].tolist() == [[0, 2, 0, 4]]
'''
