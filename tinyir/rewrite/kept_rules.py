"""The shipped rules as `specs/rules.jsonl` keeps them: what the drivers need to know of each, and its Python source.

To read and compile the text of rules takes longer than most passes run.  The file stands for the texts that it holds a copy of: if the
rules are others (changed, or some of another package), it counts as absent, and the texts are read (`tinyir.rewrite.rule_book`).
`tinyir prove rules --update` writes it, beside the lock of proofs; a rule's line in that lock is compared when the rule is first tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from tinyir.ir.errors import Place
from tinyir.ir.operation import Value
from tinyir.ir.plugins import specification_files
from tinyir.rewrite.definers import Definers
from tinyir.rewrite.edit import Edit, Rewriter
from tinyir.rewrite.proof_lock import Basis, has_proof, hash_of
from tinyir.rewrite.rule_scope import names_of

FILE_NAME = "rules.jsonl"


@attrs.define(eq=False, repr=False, kw_only=True)
class KeptRule:
    """A shipped rule, compiled when it is first tried: of the rules of a program few are.

    `source` defines a function `rewrite`; the rest is as in `CompiledRule`.
    """

    name: str
    roots: Sequence[str]
    definers: Sequence[Definers | None]
    repeats: bool
    depth: int
    place: Place
    exact: bool
    assumed: str
    statement: str
    basis: Basis
    source: str
    rewrite: Callable[[Edit], Sequence[Value] | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rewrite = self._compile_and_rewrite

    def __repr__(self) -> str:
        return f"<rule {self.name}: {self.statement}>"

    def _compile_and_rewrite(self, edit: Edit) -> Sequence[Value] | None:
        """
        Raises:
            TinyirError: there is no proof of the rule.
        """
        if not self.assumed:
            has_proof(self.name, hash_of(self.basis), self.place)
        self.rewrite = names_of(self.source, f"<rule {self.name}>")["rewrite"]
        return self.rewrite(edit)


def rules_file() -> Path:
    """Where the shipped rules are kept."""
    return Path(next(iter(import_module("tinyir.specs").__path__))) / FILE_NAME


class KeptRules:
    """The rules of the file, each read when it is asked for.

    `index`: for each rule its name, its group, the operation at which it starts, and those of its right side.
    """

    def __init__(self, index: Sequence[Sequence[Any]], lines: Sequence[str]) -> None:
        self.index = index
        self.lines = lines
        self.groups = frozenset(group for _, group, _, _ in index)
        self.read: dict[int, KeptRule] = {}

    def of_groups(self, groups: Iterable[str]) -> list[KeptRule]:
        """The rules of some groups, in order."""
        return [self._rule(number) for number, (_, group, _, _) in enumerate(self.index) if group in groups]

    def reachable(self, operations: Iterable[str], groups: Iterable[str]) -> list[KeptRule]:
        """Of these the rules that start at one of the operations, or at what rules make of these."""
        names, reached = set(operations), set[int]()
        while True:
            new = [number for number, (_, group, root, _) in enumerate(self.index) if group in groups and root in names and number not in reached]
            if not new:
                return [self._rule(number) for number in sorted(reached)]
            reached.update(new)
            names.update(name for number in new for name in self.index[number][3])

    def _rule(self, number: int) -> KeptRule:
        """The same one each time."""
        found = self.read.get(number)
        if found is None:
            fields = json.loads(self.lines[number])
            fields["place"] = Place(**fields["place"])
            fields["basis"] = Basis(**fields["basis"])
            fields["definers"] = [wanted and Definers(frozenset(wanted["names"]), wanted["excluded"]) for wanted in fields["definers"]]
            found = self.read[number] = KeptRule(**fields)
        return found


def spell_rules(texts: Mapping[str, str], index: Sequence[Sequence[Any]], rules: Sequence[KeptRule]) -> str:
    """The contents of the file: a line for each text of rules, by its label, the index, then a line for each rule, in order."""
    lines = [*_text_lines(texts.items()), _line(index)]
    lines += [_line(attrs.asdict(rule, filter=lambda field, _: field.init, value_serializer=_plain)) for rule in rules]
    return "\n".join([*lines, ""])


def _text_lines(texts: Iterable[tuple[str, str]]) -> list[str]:
    return [_line({"file": label, "text": text}) for label, text in texts]


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _plain(_rule: object, _field: object, value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


@cache
def kept_rules() -> KeptRules | None:
    """The shipped rules; None if the file is not there, or is not of the texts of rules that are."""
    texts = _text_lines((file.label, file.read()) for file in specification_files("rules", ".rules"))
    try:
        lines = rules_file().read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    count = len(texts)
    if lines[:count] != texts:
        return None
    return KeptRules(json.loads(lines[count]), lines[count + 1 :])


@lru_cache(maxsize=64)
def reachable_rules(operations: frozenset[str], *groups: str) -> Sequence[Rewriter]:
    """The shipped rules of some groups, in order, that start at one of the operations or at what rules make of these."""
    rules = kept_rules()
    if rules is not None:
        return rules.reachable(operations, groups)
    found: Sequence[Rewriter] = import_module("tinyir.rewrite.rule_book").reachable_rules(operations, *groups)
    return found
