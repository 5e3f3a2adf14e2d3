"""NAME.json, which stands beside NAME.c and NAME.h: what the compiler tells those that build, run and measure a generated model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from tinyir.ir.errors import TinyirError

SIZES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4}
"""The element types of the C interface by their numpy names, with their bytes (bool is a uint8_t)."""


@attrs.frozen
class Tensor:
    """An input or output: `function` is the C function that gives its address; `dtype` a numpy name; `elements` the product of `shape`.

    A stored integer q of a quantized tensor stands for (q - zero_point) * scale; both are None for other tensors.
    """

    name: str
    function: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int | None = None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.elements * SIZES[self.dtype]

@attrs.frozen
class Manifest:
    """`variant`: how the goal was reached, if not by its own passes and flags; `flags`: those of the C compiler that belong to it
    (empty: the target's for the goal); `arena`:
    "static", or "caller" if every function takes a NAME_arena as an argument; `assembly`: what of it may stand in the C,
    as in `Target`; `proofs` counts obligations by state; `assumed` says what somebody
    answers for in place of a proof, and why; `versions` names what made the files."""

    model: str
    name: str
    target: str
    goal: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    arena_bytes: int
    has_reset: bool = False
    variant: str = ""
    flags: tuple[str, ...] = ()
    arena: str = "static"
    assembly: str = "blocks"
    proofs: Mapping[str, int] = attrs.field(factory=dict)
    assumed: tuple[str, ...] = ()
    versions: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def arena_type(self) -> str:
        """The C type of the memory that a caller owns; empty if it is static."""
        return f"{self.name}_arena" if self.arena == "caller" else ""

    @property
    def api_functions(self) -> tuple[str, ...]:
        """The C functions that the model's object offers."""
        accessors = [tensor.function for tensor in (*self.inputs, *self.outputs)]
        return (f"{self.name}_run", *([f"{self.name}_reset"] if self.has_reset else []), *accessors)

def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Writes NAME.json: keys in the order of the class, equal content gives equal bytes."""
    table = attrs.asdict(manifest)
    for key in ("inputs", "outputs"):
        for row, tensor in zip(table[key], getattr(manifest, key), strict=True):
            row["elements"] = tensor.elements
    for key in ("proofs", "versions"):
        table[key] = dict(sorted(table[key].items()))
    path = folder / f"{manifest.name}.json"
    path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return path

def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder that the compiler wrote.

    Raises TinyirError if there is none, several, or one that says what no compiler writes.
    """
    found = sorted(path for path in folder.glob("*.json") if path.with_suffix(".c").exists())
    if len(found) != 1:
        what = "no generated model" if not found else f"several generated models ({', '.join(path.stem for path in found)})"
        raise TinyirError(f"{folder}: {what} (NAME.c with NAME.json)", hint="name a folder that `tinyir compile -o` wrote, one model in each")
    try:
        return _manifest(json.loads(found[0].read_text(encoding="utf-8")))
    except (KeyError, ValueError) as error:
        raise TinyirError(f"{found[0]}: not a manifest: {error!s}", hint="compile the model again") from error

def _manifest(value: object) -> Manifest:
    table = _table(value)
    return Manifest(
        model=_text(table, "model"),
        name=_identifier(_text(table, "name")),
        target=_text(table, "target"),
        goal=_text(table, "goal"),
        inputs=tuple(_tensor(row) for row in _rows(table, "inputs")),
        outputs=tuple(_tensor(row) for row in _rows(table, "outputs")),
        arena_bytes=_count(table["arena_bytes"]),
        has_reset=table.get("has_reset") is True,
        variant=_text(table, "variant") if "variant" in table else "",
        flags=tuple(_word(word) for word in _rows(table, "flags")) if "flags" in table else (),
        arena=_text(table, "arena") if "arena" in table else "static",
        assembly=_text(table, "assembly") if "assembly" in table else "blocks",
        proofs={key: _count(number) for key, number in _table(table.get("proofs", {})).items()},
        assumed=tuple(str(text) for text in _rows(table, "assumed")) if "assumed" in table else (),
        versions={key: str(version) for key, version in _table(table.get("versions", {})).items()},
    )

def _tensor(value: object) -> Tensor:
    row = _table(value)
    dtype = _text(row, "dtype")
    if dtype not in SIZES:
        raise ValueError(f"'{dtype}' is no element type; there are {', '.join(SIZES)}")
    shape = tuple(_count(extent) for extent in _rows(row, "shape"))
    scale, zero_point = row.get("scale"), row.get("zero_point")
    if (scale is None) != (zero_point is None) or not isinstance(scale, float | None) or not isinstance(zero_point, int | None):
        raise ValueError(f"scale {scale!r} and zero point {zero_point!r} are no number and integer")
    return Tensor(_text(row, "name"), _identifier(_text(row, "function")), dtype, shape, scale, zero_point)

def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"an object is expected in place of {value!r}")
    return value

def _rows(table: Mapping[str, object], key: str) -> Sequence[object]:
    value = table[key]
    if not isinstance(value, list):
        raise ValueError(f"a list is expected for '{key}'")
    return value

def _text(table: Mapping[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ValueError(f"a text is expected for '{key}'")
    return value

def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected in place of {value!r}")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"a number >= 0 is expected in place of {value!r}")
    return value

def _identifier(word: str) -> str:
    """The word, which goes into C text."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word):
        raise ValueError(f"'{word}' is no name in C")
    return word
