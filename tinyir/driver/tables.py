"""Results as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import attrs

from tinyir.driver.api import Figures
from tinyir.driver.arrays import Array
from tinyir.driver.columns import align
from tinyir.driver.layer_costs import Layer

T = TypeVar("T", int, float)
COLUMNS = ("instructions", "cycles", "code_bytes", "weight_bytes", "flash_bytes", "arena_bytes", "ram_bytes", "stack_bytes")
MOST_VALUES = 12
STATES = ("proved", "refuted", "unknown", "not_attempted")


def count(value: float | None) -> str:
    """A number with separators, - for what was not measured."""
    return "-" if value is None else f"{value:,}"


def spell_proofs(proofs: Mapping[str, int]) -> str:
    """`12 proved, 0 refuted, ...`."""
    return ", ".join(f"{proofs.get(state, 0)} {state.replace('_', ' ')}" for state in STATES)


def figures_table(results: Sequence[Figures]) -> str:
    """One line per model and target; below, what was assumed of them."""
    titles = ("model", "target", "goal", *(column.removesuffix("_bytes") for column in COLUMNS), "per MAC", "proofs")
    rows = [
        (
            *(result.model, result.target, f"{result.goal} by {result.variant}" if result.variant else result.goal),
            *(count(getattr(result, column)) for column in COLUMNS),
            *(per_multiplication(result), spell_proofs(result.proofs)),
        )
        for result in results
    ]
    notes = dict.fromkeys(f"note: {result.model}: {reason}\n" for result in results for reason in result.assumed)
    return align([titles, *rows], right_from=3) + "".join(notes)


def per_multiplication(result: Figures) -> str:
    """Instructions for each multiply-accumulate of the model."""
    if result.instructions is None or result.multiply_accumulates is None:
        return "-"
    return f"{result.instructions / result.multiply_accumulates:.2f}"


LONGEST_NAME = 48


def layers_table(layers: Sequence[Layer]) -> str:
    """What each layer costs, those first that lose most against the machine's limit; below, which classes of instructions all of it were."""
    titles = ("", "layer", "instructions", "share", "cycles", "bytes moved", "MACs", "per MAC", "of limit", "lost")
    total = sum(layer.instructions for layer in layers)
    order = sorted(range(len(layers)), key=lambda number: (-layers[number].lost_instructions, number))
    rows = [_layer_row(str(number + 1), layers[number], total) for number in order]
    summary = _layer_row("", total_of(layers), total)
    return align([titles, *rows, summary], right_from=2) + _classes_text(layers) + _schedules_text(layers)


def total_of(layers: Sequence[Layer]) -> Layer:
    """All layers as one; what is unknown of one is unknown of all."""

    def add(values: Sequence[T | None]) -> T | None:
        known = [value for value in values if value is not None]
        return sum(known[1:], known[0]) if known and len(known) == len(values) else None

    classes: Counter[str] = Counter()
    for layer in layers:
        classes.update(layer.classes)
    return Layer(
        "total",
        sum(layer.instructions for layer in layers),
        add([layer.cycles for layer in layers]),
        add([layer.bytes_loaded for layer in layers]),
        add([layer.bytes_stored for layer in layers]),
        sum(layer.multiply_accumulates for layer in layers),
        add([layer.least_instructions for layer in layers]),
        dict(classes.most_common()),
    )


def _layer_row(number: str, layer: Layer, total: int) -> tuple[str, ...]:
    work, percent = layer.multiply_accumulates, layer.percent_of_limit
    moved = None if layer.bytes_loaded is None or layer.bytes_stored is None else layer.bytes_loaded + layer.bytes_stored
    return (
        *(number, _short(layer.name), count(layer.instructions), f"{layer.instructions / max(total, 1):.1%}"),
        *(count(layer.cycles), count(moved), count(work) if work else "-", f"{layer.instructions / work:.2f}" if work else "-"),
        *("-" if percent is None else f"{percent:.1f}%", count(round(layer.lost_instructions))),
    )


def _short(name: str) -> str:
    """The end of the first node's name, which tells most."""
    first = name.split(", ")[0]
    return first if len(first) <= LONGEST_NAME else f"...{first[3 - LONGEST_NAME :]}"


def _classes_text(layers: Sequence[Layer]) -> str:
    classes = total_of(layers).classes
    return "classes: " + ", ".join(f"{name} {number:,}" for name, number in classes.items()) + "\n" if classes else ""


def _schedules_text(layers: Sequence[Layer]) -> str:
    """The schedules of each layer, by its number."""
    return "".join(f"{number}  {schedule}\n" for number, layer in enumerate(layers, 1) for schedule in layer.schedules)


def figures_json(result: Figures) -> dict[str, object]:
    """The object that `--json` prints: the keys of `Figures`."""
    return attrs.asdict(result) | {"proofs": {state: result.proofs.get(state, 0) for state in STATES}}


def layer_json(layer: Layer) -> dict[str, object]:
    """The object that `bench --per-layer --json` prints."""
    return attrs.asdict(layer) | {"percent_of_limit": layer.percent_of_limit, "lost_instructions": layer.lost_instructions}


def json_text(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def outputs_text(outputs: Mapping[str, Array]) -> str:
    """The first values of each output's first row."""
    lines = []
    for name, rows in outputs.items():
        values = rows[0].reshape(-1)
        shown = ", ".join(f"{value:.6g}" if values.dtype.kind == "f" else str(value) for value in values[:MOST_VALUES].tolist())
        more = f", ... ({values.size} values)" if values.size > MOST_VALUES else ""
        lines.append(f"{name}: {len(rows)} row{'s' * (len(rows) != 1)} of {rows.dtype} {list(rows.shape[1:])}; first: {shown}{more}\n")
    return "".join(lines)
