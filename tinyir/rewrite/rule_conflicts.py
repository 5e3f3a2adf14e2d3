"""Rules that stand in each other's way: one that can never apply, two that match the same without an order, and cycles.

All three are found on the patterns alone, and only what is certain is told: a condition counts as true where another rule of the
same chain has demanded it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tinyir.ir.errors import Diagnostic
from tinyir.rewrite.rule_matching import Bindings, conditions, match, overlap, parts, rewrites
from tinyir.rewrite.rule_types import is_program_rule, is_scalar_rule
from tinyir.text import rule_syntax as ast

LONGEST_CYCLE = 4


def find_conflicts(rules: Sequence[ast.Rule], among: Iterable[str] | None = None) -> list[Diagnostic]:
    """The conflicts between rules of one group, in the order in which they are tried; `among`: only those that one of these is part of."""
    wanted = None if among is None else set(among)
    found = []
    for group in dict.fromkeys(rule.group for rule in rules):
        members = [rule for rule in rules if rule.group == group]
        found += [*_overlaps(members, wanted), *_cycles(members, wanted)]
    return found


def find_overlaps(rules: Sequence[ast.Rule], among: Iterable[str]) -> list[Diagnostic]:
    """A warning for each two rules of a group that may match the same operations in part: the order of the text decides."""
    wanted = set(among)
    found = []
    for i, later in enumerate(rules):
        for earlier in rules[:i]:
            pair = {earlier.name, later.name}
            if earlier.group != later.group or not pair & wanted or later.name in earlier.before or not overlap(earlier.pattern, later.pattern):
                continue
            if earlier.neighbour is not None and later.neighbour is not None and not overlap(earlier.neighbour.pattern, later.neighbour.pattern):
                continue
            message = f"rules '{earlier.name}' and '{later.name}' may match the same operations: '{earlier.name}' is tried first"
            hint = f"`rule {earlier.name} before {later.name}` says that this is meant"
            found.append(Diagnostic(message, later.place, "warning", hint, ((f"'{earlier.name}' is here", earlier.place),)))
    return found


def _overlaps(rules: Sequence[ast.Rule], wanted: set[str] | None) -> Iterator[Diagnostic]:
    roots: dict[str, list[ast.Rule]] = {}
    for rule in rules:
        roots.setdefault(rule.pattern.operation, []).append(rule)
    for same in roots.values():
        for i, later in enumerate(same):
            for earlier in same[:i]:
                if wanted is None or {earlier.name, later.name} & wanted:
                    yield from _overlap(earlier, later)


def _overlap(earlier: ast.Rule, later: ast.Rule) -> Iterator[Diagnostic]:
    bindings = match(earlier.pattern, later.pattern)
    if bindings is None or not _keeps_type(earlier) or not _has_neighbour_of(earlier, later, bindings):
        return
    if conditions(earlier, bindings) <= set(parts(later.condition)):
        message = f"rule '{later.name}' can never apply: '{earlier.name}' is tried first and matches whatever it matches"
        hint = f"rule {later.name} before {earlier.name}" if match(later.pattern, earlier.pattern) is None else "one of them is enough"
        yield Diagnostic(message, later.place, hint=hint, notes=((f"'{earlier.name}' is here", earlier.place),))
    elif later.name not in earlier.before:
        message = f"rules '{earlier.name}' and '{later.name}' match the same, and nothing says which comes first"
        hint = f"rule {earlier.name} before {later.name}, or the other way round"
        yield Diagnostic(message, later.place, hint=hint, notes=((f"'{earlier.name}' is here", earlier.place),))


def _has_neighbour_of(earlier: ast.Rule, later: ast.Rule, bindings: Bindings) -> bool:
    """Whether what the earlier rule demands beside its root stands beside that of the later one."""
    one, other = earlier.neighbour, later.neighbour
    if one is None or other is None:
        return one is None
    return one.order == other.order and match(one.pattern, other.pattern, bindings) is not None


def _keeps_type(rule: ast.Rule) -> bool:
    """Whether the result surely has the type of what it replaces; where it has another one, the driver tries the next rule."""
    return is_scalar_rule(rule) or isinstance(rule.result, ast.Application)


def _cycles(rules: Sequence[ast.Rule], wanted: set[str] | None) -> Iterator[Diagnostic]:
    told: set[frozenset[str]] = set()
    rules = [rule for rule in rules if not is_program_rule(rule)]  # terms do not tell what they do
    for rule in rules:
        cycle = _cycle_from(rule, rules)
        names = frozenset(r.name for r in cycle)
        if cycle and names not in told and (wanted is None or names & wanted):
            told.add(names)
            yield _describe(cycle)


def _cycle_from(rule: ast.Rule, rules: Sequence[ast.Rule]) -> list[ast.Rule]:
    """The shortest chain of rules that starts with this one and makes something that it matches again."""
    known = set(parts(rule.condition))
    chains: list[tuple[ast.Pattern, list[ast.Rule]]] = [(made, [rule]) for made in rewrites(rule, rule.pattern, known)]
    for _ in range(LONGEST_CYCLE):
        for term, chain in chains:
            if any(_is_instance(rule, part, known) for part in ast.applications(term)):
                return chain
        longer = ((made, [*chain, other]) for term, chain in chains for other in rules if other is not rule for made in rewrites(other, term, known))
        chains = [pair for _, pair in zip(range(200), longer, strict=False)]
    return []


def _is_instance(rule: ast.Rule, term: ast.Pattern, known: set[ast.Expression]) -> bool:
    bindings: Bindings | None = match(rule.pattern, term)
    return bindings is not None and conditions(rule, bindings) <= known


def _describe(cycle: Sequence[ast.Rule]) -> Diagnostic:
    first, others = cycle[0], cycle[1:]
    if not others:
        message = f"rule '{first.name}' matches what it makes: it never comes to an end"
        return Diagnostic(message, first.place, hint="a condition that tells the two sides apart")
    names = " -> ".join(f"'{rule.name}'" for rule in (*cycle, first))
    return Diagnostic(f"rules undo each other: {names}", first.place, notes=tuple((f"'{r.name}' is here", r.place) for r in others))
