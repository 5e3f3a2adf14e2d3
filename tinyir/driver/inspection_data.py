"""The stages of a compilation as the page holds them: lines and places once for all stages, and for each stage which of them it has.

    {"lines": [text, ...], "places": [location, ...], "stages": [
       {"title", "about", "rewrites",
        "proofs": [[numbers of the lines that are its fields], ...],
        "shown": [[number of a line, how many from there on], ...],      the text of the stage
        "from": [[number of a place, for how many lines], ...],          where its lines come from
        "changes": {"marks": [[sign, for how many lines], ...], "of": [[number of a line, how many from there on], ...]}}]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import attrs

from tinyir.driver.inspection import InspectedStage, Proof

PROOF_FIELDS = tuple(field.name for field in attrs.fields(Proof))
_PLACE = re.compile(r" loc\((.*)\)$")
Runs = list[list[Any]]


class _Numbers:
    """Texts by number, each once, in the order in which they come."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        return self.of.setdefault(text, len(self.of))


def packed(stages: Iterable[InspectedStage], longest: int) -> dict[str, Any]:
    """All stages, as the top of this file says.

    Of lines of more than `longest` characters the middle is left out: they are lists of numbers, such as the scales of channels.
    """
    lines, places = _Numbers(), _Numbers()
    found = [_packed(stage, lines, places, longest) for stage in stages]
    return {"lines": list(lines.of), "places": list(places.of), "stages": found}


def unpacked(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The stages again, `text` and `difference` with them, but for what was left out of long lines."""
    lines, places = data["lines"], data["places"]
    found = []
    for stage in data["stages"]:
        texts = [lines[first + i] for first, count in stage["shown"] for i in range(count)]
        origins = [places[place] for place, count in stage["from"] for _ in range(count)]
        signs = [sign for sign, count in stage["changes"]["marks"] for _ in range(count)]
        changed = [lines[first + i] for first, count in stage["changes"]["of"] for i in range(count)]
        text = "".join(f"{line} loc({origin})\n" if origin else f"{line}\n" for line, origin in zip(texts, origins, strict=True))
        difference = "".join(f"{sign}{line}\n" for sign, line in zip(signs, changed, strict=True))
        proofs = [{name: lines[number] for name, number in zip(PROOF_FIELDS, proof, strict=True)} for proof in stage["proofs"]]
        found.append({**stage, "text": text, "difference": difference, "proofs": proofs})
    return found


def _packed(stage: InspectedStage, lines: _Numbers, places: _Numbers, longest: int) -> dict[str, Any]:
    shown, origins, marks, changed = list[int](), list[int](), list[str](), list[int]()
    for line in stage.text.splitlines():
        place = _PLACE.search(line)
        shown.append(lines[shortened(line[: place.start()] if place is not None else line, longest)])
        origins.append(places[place[1] if place is not None else ""])
    for line in stage.difference.splitlines():
        sign = "" if line.startswith(("---", "+++", "@@")) else line[:1]
        marks.append(sign)
        changed.append(lines[shortened(line.removeprefix(sign), longest)])
    data = attrs.asdict(stage, filter=lambda field, _: field.name not in ("text", "difference", "proofs"))
    proofs = [[lines[getattr(proof, name)] for name in PROOF_FIELDS] for proof in stage.proofs]
    return {**data, "proofs": proofs, "shown": _following(shown), "from": _equal(origins), "changes": {"marks": _equal(marks), "of": _following(changed)}}


def shortened(line: str, longest: int) -> str:
    """A line without its middle if it is longer than that."""
    left_out = len(line) - longest
    return line if left_out <= 0 else f"{line[: longest * 3 // 4]} ...{left_out} characters... {line[len(line) - longest // 4 :]}"


def _following(numbers: Iterable[int]) -> Runs:
    """Runs of numbers that follow each other: the first, and how many."""
    runs: Runs = []
    for number in numbers:
        if runs and runs[-1][0] + runs[-1][1] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    return runs


def _equal(values: Iterable[int | str]) -> Runs:
    """Runs of equal values: the value, and how many."""
    runs: Runs = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return runs
