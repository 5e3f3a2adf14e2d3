"""The trace of rewrites: which rule, in which pass, where, and the operations before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs

from tinyir.ir.operation import Operation, Result, Value
from tinyir.rewrite.edit import Edit, Rewriter
from tinyir.text.difference import Change, StableTexts, lines_changed

ELIDED = 4
"""In the IR that a trace keeps, constants of more elements are left out."""


@attrs.frozen
class Rewrite:
    """One rewrite.

    `source` is the place of the rule, `stage` the pass that applied it, `location` the place of the operation that was replaced,
    `nodes` the nodes of the model from which the matched operations came.  `changes` are the lines of the module's text that
    changed, if the trace keeps them.
    """

    rule: str
    source: str
    stage: str
    location: str
    nodes: tuple[str, ...]
    before: str
    after: str
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        """The rule, the pass, the source node, and the operations before and after."""
        nodes = f" for {', '.join(map(repr, self.nodes))}" if self.nodes else ""
        stage = f" in {self.stage}" if self.stage else ""
        return f"{self.rule} ({self.source}){stage}{nodes} at {self.location}\n  - {_indent(self.before)}\n  + {_indent(self.after)}"


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")


@attrs.define
class Trace:
    """All rewrites of a compilation in order.  With `keep_lines` each has the lines of the module's text that it changed."""

    keep_lines: bool = False
    rewrites: list[Rewrite] = attrs.field(factory=list)
    _texts: StableTexts = attrs.field(init=False, factory=lambda: StableTexts(ELIDED))
    _text: str = attrs.field(default="", init=False)
    _sources: dict[str, str] = attrs.field(factory=dict, init=False)
    """The places of rules as text, by name."""

    def begin(self, module: Operation) -> None:
        """The module as it is before the next rewrite (a pass is about to run)."""
        if self.keep_lines:
            self._text = self._texts.spell(module)

    def describe(self, rewriter: Rewriter, edit: Edit, values: Sequence[Value], stage: str) -> Rewrite:
        """A rewrite that is about to happen: `values` will take the place of the root's results."""
        inside = {result for operation in edit.matched for result in operation.results}
        used = [operand for operation in edit.matched for operand in operation._operands]
        outside = {operand for operand in used if operand not in inside and not _is_number(operand)}
        after = ", ".join([spell_tree(v.owner, outside) if isinstance(v, Result) and v not in outside else f"%{v.name}" for v in values])
        nodes = dict.fromkeys([name for operation in edit.matched for name in operation.location.names])
        source = self._sources.get(rewriter.name)
        if source is None:
            source = self._sources[rewriter.name] = str(rewriter.place)
        return Rewrite(
            rule=rewriter.name,
            source=source,
            stage=stage,
            location=str(edit.root.location),
            nodes=tuple(nodes),
            before=spell_tree(edit.root, outside),
            after=after,
        )

    def record(self, rewrite: Rewrite, module: Operation) -> None:
        """Adds a rewrite that has just been made in the module."""
        if self.keep_lines:
            text = self._texts.spell(module)
            rewrite = attrs.evolve(rewrite, changes=lines_changed(self._text, text))
            self._text = text
        self.rewrites.append(rewrite)

    def json_lines(self) -> str:
        """One JSON object per rewrite, each on its line."""
        return "".join(json.dumps(attrs.asdict(rewrite), sort_keys=True) + "\n" for rewrite in self.rewrites)

    def __str__(self) -> str:
        return "".join(f"{rewrite}\n" for rewrite in self.rewrites)


def _is_number(value: Value) -> bool:
    return isinstance(value, Result) and value.owner.name == "arith.constant"


DEEPEST = 8
LONGEST = 200


def spell_tree(root: Operation, inputs: set[Value], depth: int = 0) -> str:
    """The operation and those that feed it up to `inputs`, nested as one expression: `graph.relu(graph.add(%x, %y))`."""
    text = root.name
    if root._operands:
        text += f"({', '.join([_spell_value(operand, inputs, depth + 1) for operand in root._operands])})"
    else:
        text += "()"
    if root._properties:
        text += f" {{{', '.join([f'{name} = {_short(str(value))}' for name, value in root._properties.items()])}}}"
    return text


def _spell_value(value: Value, inputs: set[Value], depth: int) -> str:
    if isinstance(value, Result) and value not in inputs and depth <= DEEPEST:
        return spell_tree(value.owner, inputs, depth)
    return f"%{value.name}" if value.name else f"<{value.type}>"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
