"""What a file of specifications claims, judged: the rules of a file `.rules`, the sequences of a file `.isa`."""

from __future__ import annotations

from pathlib import Path

from tinyir.driver.progress import Progress
from tinyir.ir.errors import Place, TinyirError
from tinyir.prove.claim import Verdict
from tinyir.prove.instructions import InstructionClaim
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.prove.rules import RuleProof, prove_symbolically
from tinyir.rewrite.rule_book import rules_of_file
from tinyir.rewrite.rule_compiler import compile_rule
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


def _prove_rules(file: Path, ledger: Ledger, progress: Progress | None) -> None:
    book = rules_of_file(file)
    for rule in book.rules.values():
        compile_rule(rule, book.functions)  # what is wrong with a rule is told before any is proved
    for rule in book.rules.values():
        if progress is not None:
            progress(rule.name)
        ledger.add(Obligation("rule", rule.name, str(rule)), _verdict(prove_symbolically(rule, book.functions)))


def _verdict(proof: RuleProof) -> Verdict:
    if proof.state == "proved":
        return Verdict("proved", f"{proof.cases} cases")
    return Verdict("refuted" if proof.state == "refuted" else "unknown", f"case {proof.cases}", None, proof.detail)


def _prove_sequences(file: Path, ledger: Ledger) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TinyirError(f"cannot be read: {getattr(error, 'strerror', None) or error}", place=Place(str(file))) from error
    instructions = read_instruction_set(text, str(file))
    for name, sequence in instructions.sequences.items():
        ledger.add(Obligation("instr", name, f"the instructions of {instructions.name} are what the sequence means", InstructionClaim(instructions, sequence)))
