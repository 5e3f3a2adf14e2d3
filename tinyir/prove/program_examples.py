"""Programs that the left side of a rule matches (`program_writer`), run in the interpreter before and after the rule is applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.interp.machine import Machine, main_function
from tinyir.ir.errors import TinyirError
from tinyir.prove.program_writer import NOTES, Program, Writer, short
from tinyir.prove.program_writer_c import CWriter
from tinyir.prove.symbolic import NoMeaningError
from tinyir.rewrite.greedy import apply_rules
from tinyir.rewrite.passes import PassContext
from tinyir.rewrite.rule_compiler import CompiledRule, compile_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.reader import parse

Array = NDArray[Any]
ATTEMPTS = 300


def find_difference(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> str:
    """What the interpreter finds before and after on some program; empty if no program shows a difference."""
    compiled, writer = compile_rule(rule, functions), CWriter if rule.pattern.operation.startswith("c.") else Writer
    for seed in range(ATTEMPTS):
        try:
            program = writer(rule, np.random.default_rng(seed)).write()
        except NoMeaningError:
            return ""
        except IndexError:  # the loop gives no result of that number
            continue
        found = _tried(program, compiled)
        if found:
            return found
    return ""


def _tried(program: Program, compiled: CompiledRule) -> str:
    try:
        module = parse(program.text)
        before = _run(module, program)
    except (TinyirError, ValueError, IndexError):
        return ""  # the program is none, or not defined
    try:
        if not apply_rules(module, [compiled], PassContext(most_rewrites=1)):
            return ""
        after = _run(module, program)
    except (TinyirError, IndexError) as error:
        return f"{program.summary}: the interpreter stops after it is applied: the right side is not defined ({error})"
    for name, one, other in zip(("the results", *(name for name, _ in program.arguments)), before, after, strict=True):
        if not np.array_equal(one, other):
            return f"{program.summary}: in the interpreter {name} {'are' if name == 'the results' else 'holds'} {short(one)} before and {short(other)} after"
    return ""


def _run(module: Any, program: Program) -> list[Array]:
    """The results as one list, then what each argument holds; memories that share bytes do so in the copies too."""
    whole = next(value for name, value in program.arguments if name == NOTES).base.copy()
    copies = []
    for _, value in program.arguments:
        if isinstance(value, np.ndarray) and value.base is not None:
            start = value.__array_interface__["data"][0] - value.base.__array_interface__["data"][0]
            value = whole[start : start + value.nbytes].view(value.dtype)
        copies.append(value)
    with np.errstate(all="ignore"):
        found = Machine(module).call(main_function(module), copies)
    flat = [number for value in found for number in np.asarray(value).reshape(-1).tolist()]
    return [np.asarray(flat), *(np.array(value) for value in copies)]
