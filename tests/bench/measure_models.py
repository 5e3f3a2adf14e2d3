"""The table of what the corpus models cost: arena, code, weights, flash, instructions for each product, proofs.

usage: python -m tests.bench.measure_models CORPUS [TARGET,...]        (as `make measure` does)

Goal size shows how small a model gets, goal speed how fast; every figure comes from `tinyir bench --json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
Figures = dict[str, Any]


def models(corpus: Path) -> list[Path]:
    return [*sorted(corpus.glob("mlperf_*/qdq.onnx")), *sorted(EXAMPLES.glob("*.onnx"))]


def bench(paths: Sequence[Path], targets: str, goal: str, io: str = "model") -> list[Figures]:
    words = ["bench", *map(str, paths), "-t", targets, "--goal", goal, "--io", io, "--json"]
    outcome = subprocess.run([sys.executable, "-m", "tinyir", *words], stdout=subprocess.PIPE, text=True, check=True)
    found: list[Figures] = json.loads(outcome.stdout)
    return found


def name_of(figures: Figures) -> str:
    path = Path(figures["model"])
    return path.parent.name if path.parent.name.startswith("mlperf_") else path.stem


def row(figures: Figures) -> list[str]:
    instructions, products = figures["instructions"], figures["multiply_accumulates"]
    sizes = [f"{figures[key]:,}" for key in ("arena_bytes", "ram_bytes", "code_bytes", "weight_bytes", "flash_bytes")]
    cycles = "-" if figures["cycles"] is None else f"{figures['cycles']:,}"
    speed = [f"{instructions:,}", cycles, f"{instructions / products:.2f}"]
    proofs = " / ".join(str(figures["proofs"][state]) for state in ("proved", "refuted", "unknown", "not_attempted"))
    return [name_of(figures), figures["target"], figures["goal"], *sizes, *speed, proofs]


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    titles = ["model", "target", "goal", "arena", "RAM", "code", "weights", "flash", "instructions", "cycles", "per MAC", "proved / refuted / unknown / left"]
    lines = [titles, ["---" if index < 3 else "---:" for index in range(len(titles))], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        cells = [cell.rjust(width) if column > 2 else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths, strict=True))]
        yield f"| {' | '.join(cells)} |"


def main(corpus: str, targets: str = "cortex-m4") -> None:
    found = [figures for goal in ("size", "speed") for figures in bench(models(Path(corpus)), targets, goal)]
    print("\n".join(table([row(figures) for figures in sorted(found, key=lambda figures: (figures["goal"], figures["target"]))])))
    print("\nwith --io quantized:")
    quantized = [path for path in models(Path(corpus)) if path.stem.endswith("_int8")]
    print("\n".join(table([row(figures) for figures in bench(quantized, targets, "size", "quantized")])))
    print("\nbytes; arena holds input and output; RAM = arena + stack; instructions and modelled cycles of one run, the inputs a fixed pattern")


if __name__ == "__main__":
    main(*sys.argv[1:])
