"""Which rules are proved: `proofs.lock` beside the rules of a package, and the user's cache for rules that have no such file.

A line of the lock is a rule's name, the hash of what its proof rests on, and the verdict.  The hash covers the rule, the helper functions
it calls, the equations of its operators and the version of the prover: a change of any of them makes the line stale.  Loading a rule
compares hashes and proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.plugins import specification_files
from tinyir.ir.record import ValueRecord
from tinyir.ir.registry import definition_of

if TYPE_CHECKING:  # who reads rules has loaded it
    from tinyir.text import rule_syntax as ast

PROVER_VERSION = "3"
"""Changed when the meaning of something in proofs changes: all old proofs of rules then no longer count."""
PROGRAMS_VERSION = "1"
"""The same for rules over programs alone."""
FILE_NAME = "proofs.lock"
HEADER = """# The verdict on each rule, by the hash of what its proof rests on.  Written by `tinyir prove rules --update`; a rule that changes
# needs a new line here before it loads.
"""
CACHE = "TINYIR_CACHE"
"""The environment variable that names the folder where proofs of users' own rules are kept."""


@attrs.frozen(eq=False, repr=False)
class Entry(ValueRecord):
    """A line of the lock.  `state`: "proved" or "assumed"."""

    digest: str
    state: str


@attrs.frozen(eq=False, repr=False)
class Basis(ValueRecord):
    """What a proof rests on: what the rule says, with the functions that it uses, and the meanings of the operations that it names."""

    texts: Sequence[str]
    operations: Sequence[str]


def basis_of(rule: ast.Rule, functions: Iterable[ast.Function]) -> Basis:
    """What a proof of the rule rests on; `functions`: the helpers that it uses."""
    syntax = import_module("tinyir.text.rule_syntax")
    texts = [str(rule), "exact" if rule.exact else "over the reals", rule.assumed]
    texts += [f"{f.name}({', '.join(f.parameters)}) = {syntax.spell(f.value)}" for f in functions]
    if import_module("tinyir.rewrite.rule_types").is_program_rule(rule):
        texts.append(f"programs {PROGRAMS_VERSION}")
    return Basis(texts, sorted({a.operation for side in (*rule.left, rule.result) for a in syntax.applications(side)}))


def hash_of(basis: Basis) -> str:
    """The hash of what a proof rests on."""
    parts = [PROVER_VERSION, *basis.texts, *(f"{name}: {_meaning_text(name)}" for name in basis.operations)]
    digest: str = import_module("hashlib").sha256("\n".join(parts).encode()).hexdigest()  # late: it loads a library
    return digest[:32]


def digest_of(rule: ast.Rule, functions: Iterable[ast.Function]) -> str:
    """The hash of what a proof of the rule rests on; `functions`: the helpers that it uses."""
    return hash_of(basis_of(rule, functions))


def has_proof(rule: str, digest: str, place: Place) -> bool:
    """Whether a rule is proved that has this hash.

    Raises:
        TinyirError: it is not, and as a shipped rule it must be.
    """
    if locked().get(rule) == Entry(digest, "proved") or is_cached(digest):
        return True
    if not place.file.startswith("specs/"):
        return False
    change = "has changed since it was proved" if rule in locked() else "has no proof"
    hint = 'tinyir prove rules --update, or mark the rule: assumed "the reason"'
    raise TinyirError(f"rule '{rule}' {change}", place=place, hint=hint)


@cache
def _meaning_text(operation: str) -> str:
    """What proofs know of an operation, as text: its equations, its effects, or the types of a scalar operation (the rest is the prover's)."""
    definition = definition_of(operation)
    if definition is None or definition.signature is None:
        equations = str(import_module("tinyir.rewrite.rule_defaults").equations_of(operation))  # late: it reads all operators
        return equations or f"{definition.effects if definition is not None and not callable(definition.effects) else None}"
    return "scalar" if callable(definition.signature) else repr(definition.signature)


def read_lock(text: str, place: Place) -> dict[str, Entry]:
    """The entries by rule.

    Raises:
        TinyirError: a line is no entry.
    """
    found: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or words[2] not in ("proved", "assumed"):
            hint = "write the file anew: tinyir prove rules --update"
            raise TinyirError("this is no line of a lock of proofs", place=Place(place.file, number, 1, line), hint=hint)
        found[words[0]] = Entry(words[1], words[2])
    return found


def write_lock(entries: Mapping[str, Entry]) -> str:
    """The text of a lock."""
    width = max(map(len, entries), default=0)
    return HEADER + "".join(f"{name:{width}}  {entry.digest}  {entry.state}\n" for name, entry in sorted(entries.items()))


def lock_file() -> Path:
    """The lock of the shipped rules."""
    return Path(str(import_module("importlib.resources").files("tinyir.specs"))) / FILE_NAME


@cache
def locked() -> Mapping[str, Entry]:
    """The entries of all locks: of the shipped rules, and of other packages that bring one."""
    found: dict[str, Entry] = {}
    for file in specification_files("", ".lock"):
        if file.place.name == FILE_NAME:
            found |= {name: entry for name, entry in read_lock(file.read(), Place(file.label)).items() if name not in found}
    return found


def cache_folder() -> Path:
    """Where proofs of users' own rules are kept: $TINYIR_CACHE, or `tinyir` in the user's cache folder."""
    named = os.environ.get(CACHE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named) if named else base / "tinyir") / "rules"


def is_cached(digest: str) -> bool:
    """Whether a rule with this hash was proved before by this user."""
    try:
        return (cache_folder() / digest).read_text(encoding="ascii") == "proved\n"
    except (OSError, RuntimeError, UnicodeDecodeError):  # no home, or no such file
        return False


def remember(digest: str) -> None:
    """Keeps a proof; where that cannot be written, it is made again the next time."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{digest}.{os.getpid()}"
        unfinished.write_text("proved\n", encoding="ascii")
        unfinished.replace(folder / digest)
    except (OSError, RuntimeError):
        return
