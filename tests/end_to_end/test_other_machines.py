"""docs/comparison.md says what networks take on other machines: no more than that, and with vectors less than CMSIS-NN does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.cases import soaking
from tinyir.driver.api import bench

TOLERANCE = 1.02
PEER = "TensorFlow Lite Micro with CMSIS-NN on the same"
TOOLS = {"cortex-m": ("arm-none-eabi-gcc", "qemu-system-arm"), "rv32": ("riscv64-unknown-elf-gcc", "qemu-system-riscv32")}


def rows(repository: Path) -> dict[str, dict[str, int]]:
    """Instructions by machine and network."""
    page = (repository / "docs" / "comparison.md").read_text(encoding="utf-8").partition("## Other machines")[2].partition("\n## ")[0]
    titles, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|"))
    names = [name.strip("`") for name in titles[1:]]
    found = {}
    for title, *cells in lines:
        machine = title.split("`")[1] if "`" in title else title
        found[machine] = dict(zip(names, (int(cell.replace(",", "")) for cell in cells), strict=True))
    return found


def test_all_targets_with_a_simulator_that_counts_are_there(repository: Path) -> None:
    files = {path.stem for path in (repository / "specs" / "targets").glob("*.toml")}
    assert rows(repository).keys() == files - {"cortex-m4", "host"} | {PEER}


@pytest.mark.parametrize("name", ["mlperf_kws", "mlperf_ic", "mlperf_vww", "mlperf_ad"])
def test_with_vectors_networks_take_less_than_with_kernels(name: str, repository: Path, corpus: Path, require_tool: Callable[[str], str]) -> None:
    claimed = rows(repository)
    assert claimed["cortex-m55"][name] < claimed[PEER][name]
    _assert_claim("cortex-m55", name, claimed["cortex-m55"][name], corpus, require_tool)


@pytest.mark.parametrize("name", ["mlperf_kws", "mlperf_ad", *(("mlperf_ic", "mlperf_vww") if soaking() else ())])
def test_no_network_takes_more_than_the_page_says(name: str, repository: Path, corpus: Path, require_tool: Callable[[str], str]) -> None:
    for target, networks in rows(repository).items():
        if target not in ("cortex-m55", PEER):
            _assert_claim(target, name, networks[name], corpus, require_tool)


def _assert_claim(target: str, name: str, claim: int, corpus: Path, require_tool: Callable[[str], str]) -> None:
    for tool in next(tools for start, tools in TOOLS.items() if target.startswith(start)):
        require_tool(tool)
    (figures,) = bench([corpus / name / "qdq.onnx"], [target])
    assert figures.instructions is not None
    assert figures.instructions <= claim * TOLERANCE, target
    assert {state for state, count in figures.proofs.items() if count} == {"proved"}
