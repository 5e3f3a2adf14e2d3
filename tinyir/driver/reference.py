"""The reference pages in Markdown, made of what is the truth elsewhere: the files of `specs`, and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from sys import modules

import attrs

from tinyir.backends.target import Memory, Target, Tool, list_targets, load_target
from tinyir.dialects.nest_classes import CLASSES, FACTS
from tinyir.dialects.schedules import SCHEDULED, schedules
from tinyir.driver.descriptions import code, describe_operation, describe_operator, sentence
from tinyir.driver.reference_python import python_sections
from tinyir.ir.operator import ScalarFunction
from tinyir.ir.plugins import specification_files
from tinyir.ir.registry import definition_of, dialect_names, known_operations
from tinyir.rewrite.option_text import describe_type, spell_option
from tinyir.rewrite.pass_finder import find_pass, known_passes
from tinyir.rewrite.passes import Pass
from tinyir.rewrite.proof_lock import locked
from tinyir.rewrite.rule_book import shipped_rules
from tinyir.text.rule_syntax import Rule
from tinyir.text.specification_text import specification_text
from tinyir.text.specifications import functions, operators

ERROR = "Greatest error: "
"""How the summary of a scalar function begins the line that tells its error."""


def reference_pages() -> dict[str, str]:
    """The text of each page by its file name, `index.md` the first.

    Raises:
        TinyirError: a file of `specs` cannot be read.
    """
    made = {name: page() for name, page in PAGES.items()}
    lines = [f"- [{text.partition(chr(10))[0].removeprefix('# ')}]({name})" for name, text in made.items()]
    return {"index.md": _page("tinyir reference", "\n".join(lines)), **made}


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", *(part for part in parts if part))) + "\n"


def operator_page() -> str:
    """The operators of the graph level: their mathematics, from which everything else comes."""
    parts = (f"## {name}\n\n{describe_operator(operator)}" for name, operator in sorted(operators().items()))
    return _page("Operators", "Each operator is its equations; shapes, types, interpreter, loops and proofs come from them.", *parts)


def function_page() -> str:
    """The scalar functions: their arithmetic, the same in interpreter and C, and their greatest error."""
    known = sorted(functions().items())
    errors = [f"- `{name}`: {error_of(function)}" for name, function in known]
    parts = (f"## {name}\n\n{function.summary}\n\n{code(specification_text(function.place))}" for name, function in known)
    return _page("Scalar functions", "The greatest error of each:", "\n".join(errors), *parts)


def error_of(function: ScalarFunction) -> str:
    """The greatest error, as the summary tells it."""
    found = [line.removeprefix(ERROR) for line in function.summary.split("\n") if line.startswith(ERROR)]
    return found[0] if found else "not stated"


def operation_page() -> str:
    """The operations of all dialects that are no operators."""
    parts = []
    for dialect in dialect_names():
        names = [name for name in known_operations(dialect) if name not in operators()]
        if names:
            parts += [f"## {dialect}", *(_operation(name) for name in names)]
    return _page("Operations", "What the dialects declare beside the operators.", *parts)


def _operation(name: str) -> str:
    definition = definition_of(name)
    assert definition is not None
    return f"### {name}\n\n{describe_operation(definition)}"


def pass_page() -> str:
    """The passes: what they do, read and leave, and their options."""
    return _page("Passes", *(describe_pass(find_pass(name)) for name in known_passes()))


def describe_pass(found: type[Pass]) -> str:
    """The section of a pass: what it does, reads, leaves, and its options."""
    module = modules[found.__module__]
    exact = "computes the same bits as before" if found.exact else "computes the same over the reals; rounding may change"
    told = sentence((module.__doc__ or "").strip().removeprefix(f"{found.name}: "))
    more = sentence(inspect.cleandoc(found.__doc__ or ""))
    options = [f"- `{field.name}`: {_type(field.type)}{_default(field)}" for field in attrs.fields(attrs.resolve_types(found))]
    return "\n\n".join(
        part
        for part in (
            f"## {found.name}",
            told,
            more if more.lower() != told.lower() else "",
            f"Reads: {_names(found.reads, 'any dialect')}.  Leaves: {_names(found.leaves, 'whatever was there')}.  The program {exact}.",
            f"Options:\n\n{chr(10).join(options)}" if options else "",
        )
        if part
    )


def _type(annotation: object) -> str:
    return describe_type(annotation)


def _default(field: attrs.Attribute[object]) -> str:
    if field.default is attrs.NOTHING:
        return ", required"
    factory: Callable[[], object] | None = getattr(field.default, "factory", None)
    value = factory() if factory is not None else field.default
    if SCHEDULED in field.metadata:
        transform, name = field.metadata[SCHEDULED]
        return f", default what the schedule says (`{transform} {name}`)"
    return "" if value is None else f", default `{spell_option(value)}`"


def _names(names: Iterable[str], otherwise: str) -> str:
    return ", ".join(f"`{name}`" for name in names) or otherwise


def rule_page() -> str:
    """The rewrite rules by group, as `specs/rules` writes them; a family of rules once."""
    rules = sorted(shipped_rules().rules.values(), key=lambda rule: (rule.group, rule.place.file, rule.place.line))
    parts = []
    for group, members in groupby(rules, key=lambda rule: rule.group):
        parts.append(f"## Group {group}")
        parts += [_rules(list(family)) for _, family in groupby(members, key=lambda rule: rule.place)]
    helpers = sorted(shipped_rules().functions.items())
    parts += ["## Helper functions", *(f"### {name}\n\n{code(specification_text(helper.place))}" for name, helper in helpers)]
    return _page("Rewrite rules", *parts)


def _verdict(family: list[Rule]) -> str:
    """What the lock of proofs says of rules; those without a line are proved when they are loaded."""
    entries = [locked().get(rule.name) for rule in family]
    return "**Proved.**" if all(entry is not None and entry.state == "proved" for entry in entries) else "Proved when it is loaded."


def _rules(family: list[Rule]) -> str:
    first = family[0]
    assumed = f"**Assumed**, not proved: {first.assumed}" if first.assumed else ""
    exact = "" if first.exact else "Equal over the reals; rounding may change."
    verdict = "" if first.assumed else _verdict(family)
    title = f"### {first.name.partition('.')[0]}"
    names = f"Stands for {_names((rule.name for rule in family), '')}." if first.family else ""
    return "\n\n".join(part for part in (title, first.summary, code(specification_text(first.place)), names, exact, assumed, verdict) if part)


def target_page() -> str:
    """The targets, with memories, tools and instructions."""
    parts = [_target(load_target(name)) for name in list_targets()]
    return _page("Targets", *parts)


def _target(target: Target) -> str:
    types = [f"- `{field.name}`: {getattr(target.c, field.name)}" for field in attrs.fields(type(target.c))]
    flags = [f"- {name}: `{' '.join(getattr(target.flags, name))}`" for name in attrs.fields_dict(type(target.flags)) if getattr(target.flags, name)]
    costs = [f"- {kind}: {cycles}" for kind, cycles in target.costs.cycles.items()]
    sections = {
        "How its C sees the basic types": types,
        "Memories": [_memory(memory) for memory in target.memories],
        "Flags": flags,
        "Toolchains, the first one for official figures": [_tool(tool) for tool in target.toolchains],
        "Simulators": [_tool(tool) for tool in target.simulators],
        f"Costs in cycles ({target.costs.manual})": costs,
        "Multiply-accumulates in one instruction at most": [f"- {kind}: {number:g}" for kind, number in target.costs.multiply_accumulates.items()],
        "Instructions of parts of schedules": [f"- {kind}: {number:g}" for kind, number in target.costs.instructions.items()],
    }
    lists = [f"{title}:\n\n{chr(10).join(lines)}" for title, lines in sections.items() if lines]
    sets = [f"Instructions of `{file.name}`:\n\n{code(file.read().strip())}" for file in specification_files("isa", ".isa") if file.name in target.isa]
    return "\n\n".join((f"## {target.name}", sentence(target.description), *lists, *sets))


def _memory(memory: Memory) -> str:
    return f"- {memory.name}: {'written and read' if memory.writable else 'read only'}, aligned to {memory.alignment_bytes} bytes"


def _tool(tool: Tool) -> str:
    return f"- {tool.name}: {tool.package}"


def instruction_page() -> str:
    """The instructions of all sets, each with its meaning, and the sequences of them with what they stand for."""
    parts = []
    for file in specification_files("isa", ".isa"):
        text = file.read()
        users = [name for name in list_targets() if file.name in load_target(name).isa]
        parts += [f"## {file.name}", f"{text.partition(chr(10))[0].lstrip('# ')}  Used by: {_names(users, 'no target')}."]
        for definition in re.split(r"\n\s*\n", text.strip()):
            named = re.search(r"^(?:instr|sequence) (\w+)", definition, re.MULTILINE)
            if named is not None:
                parts.append(f"### {named[1]}\n\n{code(definition)}")
    return _page("Instructions", "Choosing one is a rewrite; its proof is the meaning that stands here.", *parts)


def schedule_page() -> str:
    """The schedules, in the order in which they are tried, and what they can say of nests."""
    parts = (f"## {each.name}\n\n{each.summary}\n\n{code(specification_text(each.place))}" for each in schedules())
    classes, facts = ("\n".join(f"- `{name}`: {text}" for name, text in known.items()) for known in (CLASSES, FACTS))
    told = "How nests of loops are transformed, by class, machine and goal; of those that fit the costs decide.  `specs/schedules.md` is the language."
    return _page("Schedules", told, f"Classes of nests:\n\n{classes}", f"Numbers of a nest:\n\n{facts}", *parts)


def python_page() -> str:
    """What programs, passes and tests are written with."""
    return _page("Python", *python_sections())


PAGES: Mapping[str, Callable[[], str]] = {
    "operators.md": operator_page,
    "functions.md": function_page,
    "operations.md": operation_page,
    "passes.md": pass_page,
    "rules.md": rule_page,
    "targets.md": target_page,
    "instructions.md": instruction_page,
    "schedules.md": schedule_page,
    "python.md": python_page,
}
