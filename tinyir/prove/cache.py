"""Verdicts by the content of the claim, so that no claim is decided twice: in memory, and in a folder if one is given."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import attrs

from tinyir.prove.claim import Claim, Verdict

PROVER_VERSION = "3"  # changed when a prover or an encoding changes: old verdicts then no longer count


@attrs.define
class VerdictCache:
    """`folder`: one small JSON file per decided claim; files that cannot be read count as absent.

    Only proofs and refutations are kept: what was unknown may be tried again.
    """

    folder: Path | None = None
    known: dict[str, Verdict] = attrs.field(factory=dict)

    def verdict(self, claim: Claim, prover: str, rlimit: int) -> Verdict:
        """The claim's verdict by the named prover, decided now if it is not known; one that is known takes no time and no work."""
        key = sha256(f"{PROVER_VERSION} {prover} {claim.digest()}".encode()).hexdigest()
        found = self.known.get(key) or self._read(key)
        if found is None:
            found = claim.check(prover, rlimit)
            if found.state in ("proved", "refuted"):
                self._write(key, found)
        if found.state in ("proved", "refuted"):
            self.known[key] = attrs.evolve(found, rlimit=0, seconds=0.0)
        return found

    def _read(self, key: str) -> Verdict | None:
        if self.folder is None:
            return None
        try:
            data = json.loads((self.folder / f"{key}.json").read_text())
            return Verdict(data["state"], data["how"], data["counterexample"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, key: str, verdict: Verdict) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        data = {"state": verdict.state, "how": verdict.how, "counterexample": verdict.counterexample}
        unfinished = self.folder / f"{key}.{id(verdict)}.unfinished"
        unfinished.write_text(json.dumps(data, sort_keys=True))
        unfinished.replace(self.folder / f"{key}.json")
