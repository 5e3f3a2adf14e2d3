"""What an operation is, in Markdown: for the hovers of an editor and for the reference pages."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.operator import Operator
from tinyir.ir.registry import PURE, Effects, OperationDefinition
from tinyir.text.specification_text import specification_text
from tinyir.text.specifications import operators


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def describe_operation(definition: OperationDefinition) -> str:
    """Summary, shape, properties, and for an operator its mathematics as `specs/ops` writes it."""
    operator = operators().get(definition.name)
    if operator is not None:
        return describe_operator(operator)
    parts = [
        sentence(definition.summary),
        f"`{definition.name}({_listed(definition.operands)}) -> ({_listed(definition.results)})`",
        "\n".join(f"- `{name.removeprefix('?')}`{' (optional)' * name.startswith('?')}: {meaning}" for name, meaning in definition.properties.items()),
        f"Form: `` {definition.name.removeprefix('func.')} {definition.assembly} ``" if definition.assembly else "",
        _effects(definition),
        f"Traits: {', '.join(sorted(definition.traits))}" if definition.traits else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _effects(definition: OperationDefinition) -> str:
    """Which memory it reads and writes."""
    effects = definition.effects
    if not isinstance(effects, Effects):
        return ""
    if effects == PURE:
        return "Touches no memory."
    names = definition.operands or ()
    word = {index: f"`{name}`" for index, name in enumerate(names)}
    both = (("Reads", effects.reads), ("writes", effects.writes))
    told = [f"{verb} {', '.join(word.get(i, f'operand {i}') for i in indices)}" for verb, indices in both if indices]
    return f"{sentence(' and '.join(told))}"


def describe_operator(operator: Operator) -> str:
    """Its summary, and the equations that are its meaning."""
    return "\n\n".join(part for part in (operator.summary, code(specification_text(operator.place))) if part)


def _listed(names: Sequence[str] | None) -> str:
    return "..." if names is None else ", ".join(names)


def sentence(summary: str) -> str:
    """With a capital letter and a full stop."""
    return f"{summary[:1].upper()}{summary[1:]}{'' if summary.endswith('.') else '.'}" if summary else ""
