"""Layers of the corpus models by their class, beside what CMSIS-NN's kernels take for the same shapes.

usage: python -m tests.bench.layer_classes CORPUS        (as `make compare` does)

Prints the table of docs/comparison.md: CMSIS-NN's figures from cmsis_nn_layers.toml, tinyir's measured at goal speed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from tests.passes.quantized_networks import Network, Quantized
from tinyir.driver.api import begin
from tinyir.driver.layer_costs import Layer, measure_layers
from tinyir.frontend import import_onnx
from tinyir.ir.operation import Operation

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
RECORD = Path(__file__).with_name("cmsis_nn_layers.toml")
_TOLD = ("CMSIS-NN: instructions", "cycles", "tinyir: instructions", "cycles", "instructions per MAC or output", "cycles per MAC or output")
TITLES = ("layer", "of", "MACs", *_TOLD)


@attrs.frozen
class PeerLayer:
    """A layer and what CMSIS-NN's `kernels` take for it, as cmsis_nn_layers.toml explains."""

    kind: str
    shape: str
    model: str
    node: str
    multiply_accumulates: int
    outputs: int
    kernels: tuple[str, ...] = attrs.field(converter=tuple)
    instructions: int
    cycles: int

    @property
    def title(self) -> str:
        return f"{self.kind}: {self.shape}"

    def is_part(self, name: str) -> bool:
        """Whether a layer of tinyir's, named after its nodes, does this one's work."""
        return any(node.endswith(self.node) for node in name.split(", "))


@attrs.frozen
class Comparison:
    """A layer beside tinyir's own figures for it, which are those of one layer or of the few that share its work."""

    peer: PeerLayer
    multiply_accumulates: int
    instructions: int
    cycles: int


def peer_layers() -> tuple[PeerLayer, ...]:
    return tuple(PeerLayer(**entry) for entry in tomllib.loads(RECORD.read_text(encoding="utf-8"))["layers"])


def revisions() -> dict[str, str]:
    """Of the sources of the kernels."""
    found: dict[str, str] = tomllib.loads(RECORD.read_text(encoding="utf-8"))["revisions"]
    return found


def residual() -> Operation:
    """A sum of two tensors with the shape and the kind of scales that image classifiers have, and a rectifier."""
    network = Network((1, 16, 32, 32), Quantized(0.05, -128))
    other = network.input("other", (1, 16, 32, 32), Quantized(0.08, 10))
    model = network.model(network.node("Relu", network.node("Add", network.x, other)), Quantized(0.06, -128))
    return import_onnx(model.SerializeToString())


def open_model(name: str, corpus: Path) -> Operation | Path:
    if name == "residual":
        return residual()
    return corpus / name / "qdq.onnx" if name.startswith("mlperf_") else EXAMPLES / f"{name}.onnx"


def compare(name: str, corpus: Path) -> tuple[Comparison, ...]:
    """The recorded layers of one model.  Raises as `measure_layers`."""
    peers = [peer for peer in peer_layers() if peer.model == name]
    layers = measure_layers(begin(open_model(name, corpus), "cortex-m4", goal="speed"), wanted=lambda layer: any(peer.is_part(layer) for peer in peers))
    return tuple(_comparison(peer, [layer for layer in layers if peer.is_part(layer.name)]) for peer in peers)


def _comparison(peer: PeerLayer, layers: Sequence[Layer]) -> Comparison:
    if not layers:
        raise LookupError(f"no layer of {peer.model} comes from a node that ends with '{peer.node}'")
    return Comparison(
        peer, sum(layer.multiply_accumulates for layer in layers), sum(layer.instructions for layer in layers), sum(layer.cycles or 0 for layer in layers)
    )


def cells(found: Comparison) -> list[str]:
    """One row of the table."""
    peer = found.peer
    figures = (peer.instructions, peer.cycles, found.instructions, found.cycles)
    per_unit = [figure / (peer.multiply_accumulates or peer.outputs) for figure in figures]
    ratios = [f"{theirs:.2f} → {ours:.2f}" for theirs, ours in zip(per_unit[:2], per_unit[2:], strict=True)]
    products = f"{peer.multiply_accumulates:,}" if peer.multiply_accumulates else "-"
    return [peer.title, f"`{peer.model}`", products, *(f"{figure:,}" for figure in figures), *ratios]


def table(rows: Sequence[Comparison]) -> Iterator[str]:
    yield f"| {' | '.join(TITLES)} |"
    yield f"|{'---|' * 2}{'---:|' * (len(TITLES) - 2)}"
    for row in rows:
        yield f"| {' | '.join(cells(row))} |"


def claims(page: str) -> dict[str, list[int]]:
    """The figures of each row of the table in a page, by its title: CMSIS-NN's instructions and cycles, and tinyir's."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if re.match(r"\| [^|]+: [^|]+\| `\w+` \|", line)]
    return {row[0]: [int(cell.replace(",", "")) for cell in row[3:7]] for row in rows}


def main(corpus: str) -> None:
    peers = peer_layers()
    found = {comparison.peer: comparison for name in dict.fromkeys(peer.model for peer in peers) for comparison in compare(name, Path(corpus))}
    print("\n".join(table([found[peer] for peer in peers])))


if __name__ == "__main__":
    main(*sys.argv[1:])
