"""The reference page of the Python interface: signatures and docstrings of what programs and passes are written with."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

INTERFACE: Mapping[str, Sequence[str]] = {
    "Models": ("driver.api:import_model", "driver.api:compile", "driver.api:run", "driver.api:prove", "driver.api:bench", "driver.api:begin",
               "driver.api:Compiled", "driver.api:Run", "driver.api:Figures", "driver.compilation:Compilation", "backends.target:Target"),
    "Text": ("text.reader:parse", "text.printer:print_module", "text.difference:module_difference", "ir.equality:structurally_equal",
             "ir.equality:first_difference", "ir.verifier:verify", "ir.verifier:verify_or_raise", "ir.errors:TinyirError", "ir.errors:Diagnostic",
             "ir.errors:Place"),
    "Modules": ("ir.operation:Operation", "ir.operation:Value", "ir.operation:Block", "ir.operation:Region", "ir.walking:Walk", "ir.walking:walk_inside_out",
                "ir.builder:Builder", "ir.builder:create_module", "ir.builder:create_function", "ir.builder:functions", "ir.builder:find_symbol",
                "ir.conversion:attribute_of"),
    "Passes": ("rewrite.passes:Pass", "rewrite.passes:PassContext", "rewrite.pipeline:PassPipeline", "rewrite.pipeline:nest", "rewrite.observer:Hooks",
               "rewrite.observer:Observer", "rewrite.observer:PassReport", "rewrite.analyses:Analysis", "rewrite.analyses:Analyses"),
    "Rewriting": ("rewrite.greedy:apply_rules", "rewrite.rule_book:compiled_rules", "rewrite.rule_book:rules_of_file", "rewrite.pattern:pattern",
                  "rewrite.pattern:Pattern", "rewrite.edit:Edit", "rewrite.trace:Trace"),
    "Dialects": ("ir.registry:register", "ir.registry:OperationDefinition", "ir.registry:Effects", "ir.registry:definition_of"),
    "Proofs": ("prove.obligations:Obligation", "prove.obligations:Ledger", "prove.claim:Claim", "prove.claim:Verdict"),
    "Tests": ("driver.testing:run_checked", "driver.testing:run_checked_rules", "driver.text_tests:TextTest"),
}  # fmt: skip
"""Title -> what belongs there, by module and name below `tinyir`."""


def python_sections() -> Iterator[str]:
    """The sections of the page."""
    for title, names in INTERFACE.items():
        yield f"## {title}"
        for name in names:
            module, _, attribute = name.partition(":")
            yield _section(f"tinyir.{module}", getattr(import_module(f"tinyir.{module}"), attribute))


def _section(module: str, found: object) -> str:
    name = getattr(found, "__name__", str(found))
    lines = [f"### {name}", f"`from {module} import {name}`", _signature(found, name), _text(found)]
    if inspect.isclass(found):
        lines += [_method(method, value) for method, value in vars(found).items() if _is_shown(method, value)]
    return "\n\n".join(line for line in lines if line)


def _is_shown(name: str, value: object) -> bool:
    """Public methods and properties that say what they are."""
    inner = value.__func__ if isinstance(value, classmethod | staticmethod) else value.fget if isinstance(value, property) else value
    return not name.startswith("_") and (inspect.isfunction(inner) or isinstance(value, property)) and bool(inspect.getdoc(inner))


def _method(name: str, value: object) -> str:
    if isinstance(value, property):
        return f"- `{name}`: {_text(value, '  ')}"
    inner = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    return f"- `{_spell(inner, name)}`: {_text(inner, '  ')}"


def _signature(found: object, name: str) -> str:
    return f"```python\n{_spell(found, name)}\n```" if callable(found) else ""


def _spell(found: Any, name: str) -> str:
    try:
        signature = inspect.signature(found)
    except ValueError:
        return name
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "cls")]
    text = str(signature.replace(parameters=parameters)) if len(parameters) == len(signature.parameters) or inspect.isfunction(found) else str(signature)
    return name + re.sub(r"(: |-> )'([^']*)'", r"\1\2", re.sub(r"<factory>|NOTHING", "...", text)).removesuffix(" -> None")


def _text(found: object, indent: str = "") -> str:
    text = inspect.getdoc(found) or ""
    return text.replace("\n", f"\n{indent}").replace(f"\n{indent}\n", "\n\n")
