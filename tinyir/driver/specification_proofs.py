"""What a file of specifications claims, judged: the rules of a file `.rules`, the sequences of a file `.isa`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import process_time

import attrs

from tinyir.driver.progress import Progress
from tinyir.ir.errors import Diagnostic, Place, TinyirError
from tinyir.prove.claim import Verdict
from tinyir.prove.instructions import InstructionClaim
from tinyir.prove.obligations import Ledger, Obligation, assumed
from tinyir.prove.rules import Known, RuleProof, prove_rule
from tinyir.rewrite.kept_rules import rules_file
from tinyir.rewrite.proof_lock import FILE_NAME, Entry, digest_of, lock_file, locked, read_lock, write_lock
from tinyir.rewrite.rule_book import RuleBook, keep_shipped_rules, rules_of_file, shipped_rules
from tinyir.rewrite.rule_compiler import compile_rule, used_functions
from tinyir.rewrite.rule_conflicts import find_conflicts, find_overlaps
from tinyir.text.instruction_reader import read_instruction_set

ENDINGS = (".rules", ".isa")


def prove_file(file: Path, prover: str = "native", progress: Progress | None = None) -> Ledger:
    """Every claim of a file with its verdict.

    Raises:
        TinyirError: the file cannot be read.
    """
    ledger = Ledger(prover)
    if file.suffix == ".rules":
        _prove_rules(file, ledger, progress)
    else:
        _prove_sequences(file, ledger)
    return ledger


def prove_shipped(progress: Progress | None = None, keep: bool = False) -> Ledger:
    """Every shipped rule, proved from nothing; with `keep` only those that have no valid line in the lock."""
    return _prove_book(shipped_rules(), Ledger(), progress, locked() if keep else {})


def conflicts_of(file: Path | None = None) -> list[Diagnostic]:
    """Errors and warnings about rules that stand in each other's way: the shipped ones, or those of a file beside these.

    Overlaps in part between shipped rules are intended: the order of the files decides.

    Raises:
        TinyirError: the file cannot be read.
    """
    shipped = list(shipped_rules().rules.values())
    if file is None:
        return find_conflicts(shipped)
    own = [rule for rule in rules_of_file(file).rules.values() if rule.name not in shipped_rules().rules]
    names = [rule.name for rule in own]
    return [*find_conflicts([*shipped, *own], names), *find_overlaps(own, names)]


def compare_with_lock(ledger: Ledger) -> list[Diagnostic]:
    """What a lock written now would say otherwise than the one that is there."""
    book, found = shipped_rules(), lock_of(ledger)
    wrong = []
    for name, rule in book.rules.items():
        entry = locked().get(name)
        if name not in found:
            continue
        if entry is None:
            wrong.append(Diagnostic(f"rule '{name}' has no line in {FILE_NAME}", rule.place, hint=_UPDATE))
        elif entry != found[name]:
            what = "its hash is stale" if entry.digest != found[name].digest else f"it is {found[name].state}, the lock says {entry.state}"
            wrong.append(Diagnostic(f"rule '{name}' is not as {FILE_NAME} says: {what}", rule.place, hint=_UPDATE))
    gone = sorted(set(read_lock(lock_file().read_text("utf-8"), Place(str(lock_file())))) - set(book.rules)) if lock_file().exists() else []
    wrong += [Diagnostic(f"{FILE_NAME} has a line for '{name}', which is no rule", Place(f"specs/{FILE_NAME}"), hint=_UPDATE) for name in gone]
    return wrong


_UPDATE = "tinyir prove rules --update"


def lock_of(ledger: Ledger) -> dict[str, Entry]:
    """The lock that the verdicts on the shipped rules make: of those that are proved or assumed."""
    book = shipped_rules()
    found = {}
    for obligation, verdict in ledger:
        rule = book.rules[obligation.where]
        if verdict.state == "proved" or rule.assumed:
            found[rule.name] = Entry(digest_of(rule, used_functions(rule, book.functions)), "assumed" if rule.assumed else "proved")
    return found


def update_lock(ledger: Ledger) -> None:
    """Writes `specs/proofs.lock` and `specs/rules.jsonl`.

    Raises:
        TinyirError: the file cannot be written.
    """
    try:
        lock_file().write_text(write_lock(lock_of(ledger)), encoding="utf-8")
        rules_file().write_text(keep_shipped_rules(), encoding="utf-8")
    except OSError as error:
        raise TinyirError(f"cannot be written: {error.strerror}", place=Place(str(lock_file()))) from error


def _prove_rules(file: Path, ledger: Ledger, progress: Progress | None) -> None:
    _prove_book(rules_of_file(file), ledger, progress)


def _prove_book(book: RuleBook, ledger: Ledger, progress: Progress | None, kept: Mapping[str, Entry] | None = None) -> Ledger:
    _check(book)
    known = Known()
    for rule in book.rules.values():
        if kept and kept.get(rule.name) == Entry(digest_of(rule, used_functions(rule, book.functions)), "proved"):
            verdict = Verdict("proved", "as before")
        elif rule.assumed:
            verdict = assumed(rule.assumed)
        else:
            if progress is not None:
                progress(rule.name)
            start = process_time()
            found = _verdict(prove_rule(rule, book.functions, known))
            verdict = attrs.evolve(found, seconds=process_time() - start)
        ledger.add(Obligation("rule", rule.name, str(rule) + ("" if rule.exact else " (over the reals)"), place=rule.place), verdict)
    return ledger


def _check(book: RuleBook) -> None:
    """What is wrong with rules is told before any is proved.

    Raises:
        TinyirError: one diagnostic for each rule that says something wrong; one alone for all that a function of theirs does.
    """
    wrong: dict[tuple[str, Place], Diagnostic] = {}
    for rule in book.rules.values():
        try:
            compile_rule(rule, book.functions)
        except TinyirError as error:
            for diagnostic in error.diagnostics:
                wrong.setdefault((diagnostic.message, diagnostic.place), diagnostic)
    if wrong:
        raise TinyirError(diagnostics=list(wrong.values()))


def _verdict(proof: RuleProof) -> Verdict:
    if proof.state == "proved":
        return Verdict("proved", f"{proof.cases} cases")
    how = "vacuous" if proof.state == "vacuous" else f"case {proof.cases}"
    return Verdict("unknown" if proof.state == "unknown" else "refuted", how, None, proof.detail)


def _prove_sequences(file: Path, ledger: Ledger) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TinyirError(f"cannot be read: {getattr(error, 'strerror', None) or error}", place=Place(str(file))) from error
    instructions = read_instruction_set(text, str(file))
    for name, sequence in instructions.sequences.items():
        ledger.add(Obligation("instr", name, f"the instructions of {instructions.name} are what the sequence means", InstructionClaim(instructions, sequence)))
