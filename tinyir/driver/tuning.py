"""MODEL.tuning.json (net.onnx.tuning.json), which is committed beside a model: what variants were measured to cost, by target, goal and interface, and which is
the best.  It holds no dates and no paths, its keys are sorted: equal measurements give equal bytes.  A compilation of the same model takes the best variant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from tinyir.backends.target import Target
from tinyir.driver.output import output_file
from tinyir.driver.variant import Variant
from tinyir.ir.errors import TinyirError

ENDING = ".tuning.json"
FIGURES = ("instructions", "cycles", "code_bytes", "flash_bytes", "ram_bytes")
Costs = Mapping[str, int | None]


@attrs.frozen
class Entry:
    """What was found for one target, its assembly, goal and interface.  `measured_with`: the tools and the state of tinyir that the figures belong to."""

    best: str
    measured_with: Mapping[str, str]
    measured: Mapping[str, Costs]


@attrs.define
class Tuning:
    """The whole file; `model`: the hash of the model's bytes."""

    model: str
    entries: dict[str, Entry] = attrs.field(factory=dict)

    def write(self, path: Path) -> None:
        """
        Raises:
            TinyirError: it cannot be written.
        """
        with output_file(path) as scratch:
            scratch.write_text(json.dumps(attrs.asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def tuning_path(model: str) -> Path:
    """Where the file of a model stands."""
    return Path(f"{model}{ENDING}")


def model_hash(model: str) -> str:
    return hashlib.sha256(Path(model).read_bytes()).hexdigest()


def entry_key(target: Target, goal: str, io: str) -> str:
    words = (target.name, goal, io, *([] if target.assembly == "blocks" else [target.assembly]))
    return " ".join(words)


def read_tuning(path: Path) -> Tuning:
    """
    Raises:
        TinyirError: the file cannot be read, or is none that `tinyir tune` wrote.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        entries = {key: Entry(**{field.name: entry[field.name] for field in attrs.fields(Entry)}) for key, entry in table["entries"].items()}
        return Tuning(table["model"], entries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TinyirError(f"{path}: not a file of measurements: {error!s}", hint="delete it, and run `tinyir tune` again") from error


def tuned_variant(model: str, target: Target, goal: str, io: str) -> Variant | None:
    """The best variant that was measured; None if there is none, or if it was another model.

    Raises:
        TinyirError: as `read_tuning`, or a pass has no such option any more.
    """
    path = tuning_path(model)
    if not path.is_file():
        return None
    tuning = read_tuning(path)
    entry = tuning.entries.get(entry_key(target, goal, io))
    return Variant.parse(entry.best) if entry is not None and tuning.model == model_hash(model) else None
