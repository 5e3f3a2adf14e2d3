"""The rule book: all rules of `specs/rules`, compiled, by group, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import attrs

from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.plugins import specification_files
from tinyir.rewrite.edit import Rewriter
from tinyir.rewrite.kept_rules import KeptRule, kept_rules, spell_rules
from tinyir.rewrite.proof_lock import basis_of, digest_of, has_proof, remember
from tinyir.rewrite.rule_compiler import PROVED_DIMENSIONS, CompiledRule, compile_rule, used_functions
from tinyir.rewrite.rule_types import is_scalar_rule
from tinyir.text import rule_syntax as ast
from tinyir.text.rule_reader import Statement, read_rules, wanted_names


@attrs.frozen
class RuleBook:
    """Rules by name, in order, and helper functions by name."""

    rules: Mapping[str, ast.Rule]
    functions: Mapping[str, ast.Function]

    def __repr__(self) -> str:
        return f"<{len(self.rules)} rules, {len(self.functions)} helper functions>"

    @classmethod
    def of(cls, statements: Iterable[Statement], is_part: bool = False, others: Collection[str] = ()) -> RuleBook:
        """`is_part`: the statements are some of a book's, so that others may be before or after them; `others`: rules of other books that they may be before.

        Raises:
            TinyirError: a name is defined twice, or rules are before each other in a cycle.
        """
        rules: dict[str, ast.Rule] = {}
        functions: dict[str, ast.Function] = {}
        errors = []
        for statement in statements:
            known: Mapping[str, Statement] = functions if isinstance(statement, ast.Function) else rules
            if statement.name in known:
                note = (("it is defined here too", known[statement.name].place),)
                errors.append(Diagnostic(f"'{statement.name}' is defined twice", statement.place, notes=note))
            elif isinstance(statement, ast.Function):
                functions[statement.name] = statement
            else:
                rules[statement.name] = statement
        if errors:
            raise TinyirError(diagnostics=errors)
        return cls(_in_order(rules, is_part, others), functions)

    def reachable(self, operations: Iterable[str], *groups: str) -> list[ast.Rule]:
        """The rules of some groups, in order, that start at one of the operations or at what rules make of these."""
        names, found = set(operations), dict[str, ast.Rule]()
        while True:
            new = [r for r in self.rules.values() if r.group in groups and r.pattern.operation in names and r.name not in found]
            if not new:
                return [rule for name, rule in self.rules.items() if name in found]
            found.update((rule.name, rule) for rule in new)
            names.update(application.operation for rule in new for application in ast.applications(rule.result))

    def group(self, *groups: str) -> list[ast.Rule]:
        """The rules of some groups, in order.

        Raises:
            TinyirError: there is no such group.
        """
        known = {rule.group for rule in self.rules.values()}
        for name in groups:
            if name not in known:
                raise TinyirError(f"there is no group '{name}' of rules", hint=did_you_mean(name, known))
        return [rule for rule in self.rules.values() if rule.group in groups]


def _in_order(rules: Mapping[str, ast.Rule], is_part: bool, others: Collection[str]) -> dict[str, ast.Rule]:
    """The order of the text, changed where `before` demands it."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(rules, ()))
    errors = []
    for rule in rules.values():
        for later in rule.before:
            if later not in rules and (is_part or later in others):
                continue
            if later not in rules:
                message, hint = f"rule '{rule.name}' is before the unknown rule '{later}'", did_you_mean(later, [*rules, *others])
                errors.append(Diagnostic(message, ast.place_of(rule, later), hint=hint))
                continue
            sorter.add(later, rule.name)
    if errors:
        raise TinyirError(diagnostics=errors)
    try:
        sorter.prepare()
    except CycleError as error:
        first = rules[error.args[1][0]]
        raise TinyirError(f"rules are before each other: {' before '.join(reversed(error.args[1]))}", place=first.place) from error
    order: dict[str, ast.Rule] = {}
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=list(rules).index)
        order.update((name, rules[name]) for name in ready)
        sorter.done(*ready)
    return order


@cache
def shipped_rules() -> RuleBook:
    """The rules of `specs/rules`, and of other packages."""
    return RuleBook.of([s for file in specification_files("rules", ".rules") for s in read_rules(file.read(), file.label)])


def rules_of_file(path: Path) -> RuleBook:
    """The rules of a file that need not belong to any package; they may call the functions of the shipped rules, and be before these rules.

    Raises:
        TinyirError: the file cannot be read, or what it says is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TinyirError(f"cannot be read: {getattr(error, 'strerror', None) or error}", place=Place(str(path))) from error
    book = RuleBook.of(read_rules(text, str(path)), others=shipped_rules().rules)
    return RuleBook(book.rules, {**shipped_rules().functions, **book.functions})


@lru_cache(maxsize=64)
def reachable_rules(operations: frozenset[str], *groups: str) -> Sequence[CompiledRule]:
    """`tinyir.rewrite.kept_rules.reachable_rules` of the texts.  Only these are read and compiled: a program has operations of few dialects."""
    files = [(file.read(), file.label) for file in specification_files("rules", ".rules")]
    wanted = wanted_names((text for text, _ in files), operations)
    book = RuleBook.of((s for text, label in files for s in read_rules(text, label, wanted)), is_part=True)
    return [_compiled(rule, book) for rule in book.reachable(operations, *groups)]


_COMPILED: dict[str, CompiledRule] = {}


def _compiled(rule: ast.Rule, book: RuleBook) -> CompiledRule:
    """A rule of the book, compiled once."""
    found = _COMPILED.get(rule.name)
    if found is None:
        found = _COMPILED[rule.name] = compile_proved(rule, book.functions)
    return found


def keep(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> KeptRule:
    """A shipped rule as `specs/rules.jsonl` keeps it."""
    used = used_functions(rule, functions)
    compiled = compile_rule(rule, functions, _most_dimensions(rule))
    return KeptRule(
        name=rule.name,
        roots=compiled.roots,
        definers=compiled.definers,
        repeats=compiled.repeats,
        depth=compiled.depth,
        place=rule.place,
        exact=rule.exact,
        assumed=rule.assumed,
        statement=compiled.statement,
        basis=basis_of(rule, used),
        source=compiled.source,
    )


def keep_shipped_rules() -> str:
    """The contents of `specs/rules.jsonl`, of the rules as they are now."""
    texts = {file.label: file.read() for file in specification_files("rules", ".rules")}
    book = shipped_rules()
    rules = list(book.rules.values())
    index = [(rule.name, rule.group, rule.pattern.operation, sorted({a.operation for a in ast.applications(rule.result)})) for rule in rules]
    return spell_rules(texts, index, [keep(rule, book.functions) for rule in rules])


def compile_proved(rule: ast.Rule, functions: Mapping[str, ast.Function]) -> CompiledRule:
    """A rule ready for a driver, if it is proved or assumed.

    A shipped rule has its proof in `specs/proofs.lock`, those of other packages in a lock of theirs.  Any other rule is proved when
    it is first used, and the proof is kept in the user's cache.  A rule over tensors declines ranks for which it is not proved.

    Raises:
        TinyirError: there is no proof, or the rule names something that does not exist.
    """
    if rule.assumed:
        return attrs.evolve(compile_rule(rule, functions), state="assumed")
    compiled = compile_rule(rule, functions, _most_dimensions(rule))
    digest = digest_of(rule, used_functions(rule, functions))
    if has_proof(rule.name, digest, rule.place):
        return compiled
    found = import_module("tinyir.prove.rules").prove_rule(rule, functions)
    if found.state != "proved":
        hint = 'a rule that nobody can prove is marked: assumed "the reason"'
        raise TinyirError(f"rule '{rule.name}' is {found.state}: {found.detail}", place=rule.place, hint=hint)
    remember(digest)
    return compiled


def _most_dimensions(rule: ast.Rule) -> int | None:
    """A rule that is proved for operands of so many axes only declines others."""
    return None if rule.assumed or is_scalar_rule(rule) else PROVED_DIMENSIONS


@cache
def compiled_rules(*groups: str) -> Sequence[Rewriter]:
    """The shipped rules of some groups, ready for a driver."""
    kept = kept_rules()
    if kept is not None and kept.groups.issuperset(groups):
        return kept.of_groups(groups)
    book = shipped_rules()
    return [_compiled(rule, book) for rule in book.group(*groups)]
