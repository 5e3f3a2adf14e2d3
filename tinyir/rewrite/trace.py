"""The trace of rewrites: which rule, where, and the operations before and after, as text, JSON lines or both."""

from __future__ import annotations

import json
from collections import Counter

import attrs

from tinyir.ir.operation import Operation, Value


@attrs.frozen
class Rewrite:
    """One rewrite.  `source` is the place of the rule, `location` the place of the operation that it replaced."""

    rule: str
    source: str
    location: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.location}\n  - {_indent(self.before)}\n  + {_indent(self.after)}"


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")


@attrs.define
class Trace:
    """All rewrites of a compilation in order; with `keep_text` off only their numbers."""

    keep_text: bool = True
    rewrites: list[Rewrite] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)

    def record(self, rewrite: Rewrite) -> None:
        self.counts[rewrite.rule] += 1
        if self.keep_text:
            self.rewrites.append(rewrite)

    def json_lines(self) -> str:
        """One JSON object per rewrite, each on its line."""
        return "".join(json.dumps(attrs.asdict(rewrite), sort_keys=True) + "\n" for rewrite in self.rewrites)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rewrites))


def spell_tree(root: Operation, inputs: set[Value], longest: int = 200) -> str:
    """The operation and those that feed it up to `inputs`, nested as one expression: `graph.relu(graph.add(%x, %y))`."""

    def spell(value: Value, depth: int) -> str:
        definer = value.definer
        if definer is None or value in inputs or depth > 8:
            return f"%{value.name}" if value.name else f"<{value.type}>"
        return spell_operation(definer, depth)

    def spell_operation(operation: Operation, depth: int) -> str:
        operands = ", ".join(spell(operand, depth + 1) for operand in operation.operands)
        properties = ", ".join(f"{name} = {_short(str(value))}" for name, value in operation.properties.items())
        return f"{operation.name}({operands})" + (f" {{{properties}}}" if properties else "")

    def _short(text: str) -> str:
        return text if len(text) <= longest else text[: longest - 3] + "..."

    return spell_operation(root, 0)
