"""Hard limits: the fastest variant that fits, or what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.driver.test_commands import tinyir
from tinyir.backends.measure import Measurement
from tinyir.backends.target import load_target
from tinyir.driver.limits import Limits, choose_variant, read_bytes
from tinyir.driver.pipeline import GOALS
from tinyir.driver.variant import Variant
from tinyir.driver.variant_meter import VariantMeter
from tinyir.ir.errors import TinyirError
from tinyir.rewrite.costs import Cost
from tinyir.text.reader import parse


@pytest.fixture
def model(repository: Path, require_tool: Callable[[str], str]) -> Path:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    return repository / "examples" / "mnist" / "cnn_int8.onnx"


def bench(model: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert tinyir("bench", model, "-t", "cortex-m4", "--json", *words) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return dict(found)


def test_the_fastest_variant_that_fits_is_taken(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fast, small = bench(model, capsys), bench(model, capsys, "--goal", "size")
    assert bench(model, capsys, "--flash", str(fast["flash_bytes"]), "--ram", str(fast["ram_bytes"])) == fast
    tight = bench(model, capsys, "--flash", str(fast["flash_bytes"] - 1))
    assert tight["flash_bytes"] < fast["flash_bytes"]
    assert fast["instructions"] < tight["instructions"] < small["instructions"]
    assert (fast["variant"], small["variant"]) == ("", "")
    assert tight["variant"].split()[0] in GOALS
    assert tinyir("bench", model, "-t", "cortex-m4", "--flash", str(fast["flash_bytes"] - 1)) == 0
    assert f"  speed by {tight['variant']}  " in capsys.readouterr().out
    tightest = bench(model, capsys, "--flash", str(small["flash_bytes"]))
    assert tightest["flash_bytes"] <= small["flash_bytes"]
    assert tinyir("compile", model, "-t", "cortex-m4", "--flash", str(fast["flash_bytes"] - 1), "-o", tmp_path / "net") == 0
    assert "note: compiled as variant '" in capsys.readouterr().err
    assert tinyir("run", tmp_path / "net", "--json") == 0
    assert json.loads(capsys.readouterr().out)["instructions"] == tight["instructions"]


def test_what_does_not_fit_is_one_error_with_the_missing_bytes(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = bench(model, capsys, "--goal", "size")
    assert tinyir("compile", model, "-t", "cortex-m4", "--flash", "1k", "-o", tmp_path / "net") == 1
    error = capsys.readouterr().err
    found = re.search(r"does not fit into 1,024 bytes of flash: the closest of (\d+) variants lacks ([\d,]+) bytes of flash", error)
    assert found is not None
    assert int(found[1]) > 12, "beside goals and flags, weights were coded"
    smallest = int(found[2].replace(",", "")) + 1024
    assert smallest < small["flash_bytes"]
    assert f"the smallest found takes {smallest:,} bytes of flash (size code_weights{{saved_bytes=" in error
    assert error.count("error:") == 1
    assert not (tmp_path / "net").exists()


def test_weights_are_coded_where_no_other_variant_fits(repository: Path, model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    del model  # for its tools
    network = repository / "examples" / "mnist" / "mlp_int8.onnx"
    small = bench(network, capsys, "--goal", "size")
    limit = small["flash_bytes"] - 40
    assert tinyir("compile", network, "-t", "cortex-m4", "--flash", str(limit), "-o", tmp_path / "net") == 0
    assert "code_weights{saved_bytes=" in capsys.readouterr().err
    assert tinyir("run", tmp_path / "net", "--json", "--flash", str(limit)) == 0
    coded = json.loads(capsys.readouterr().out)
    assert coded["flash_bytes"] <= limit
    assert coded["proofs"]["refuted"] == coded["proofs"]["unknown"] == 0


def test_a_folder_that_does_not_fit_is_an_error(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert tinyir("compile", model, "-t", "cortex-m4", "--goal", "size", "-o", tmp_path / "net") == 0
    assert tinyir("run", tmp_path / "net", "--flash", "32k", "--ram", "32k") == 0
    capsys.readouterr()
    assert tinyir("run", tmp_path / "net", "--ram", "1k") == 1
    assert "does not fit into 1,024 bytes of RAM: it lacks " in capsys.readouterr().err


def test_limits_and_passes_do_not_go_together(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert tinyir("compile", model, "-t", "cortex-m4", "--flash", "32k", "-p", "loop(default)", "-o", tmp_path / "net") == 1
    assert "limits choose among the compiler's own passes" in capsys.readouterr().err


def test_a_limit_that_the_target_does_not_measure_is_an_error(repository: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = repository / "examples" / "mnist" / "mlp_int8.onnx"
    assert tinyir("compile", model, "-t", "host", "--ram", "8k", "-o", tmp_path / "net") == 1
    assert "target 'host' does not measure ram: --ram cannot be checked" in capsys.readouterr().err


def test_the_most_promising_is_measured_first_and_what_cannot_win_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"speed": 300.0, "size": 900.0, "ram": 400.0}
    measured: list[str] = []

    def measure(_: VariantMeter, variant: Variant) -> Measurement:
        measured.append(variant.goal)
        return Measurement(instructions=int(expected[variant.goal]), flash_bytes={"speed": 200, "size": 50, "ram": 80}[variant.goal])

    monkeypatch.setattr(VariantMeter, "measure", measure)
    monkeypatch.setattr(VariantMeter, "estimate", lambda _, variant: Cost(expected[variant.goal], 0, 0, 0))
    target = load_target("cortex-m4")
    assert choose_variant(parse("module {}"), target, Limits(100), Variant("speed"), "model").goal == "ram"
    assert list(dict.fromkeys(measured)) == ["speed", "ram"], "900 is more than half as much again as 400"
    expected["size"] = 500.0
    assert choose_variant(parse("module {}"), target, Limits(60), Variant("speed"), "model").goal == "size"


CODED_UNTIL_IT_FITS = [
    (0, "size code_weights{saved_bytes=430}"),
    (640, "the smallest found takes 640 bytes of flash (size code_weights{saved_bytes=4"),
]


@pytest.mark.parametrize(("least", "outcome"), CODED_UNTIL_IT_FITS)
def test_weights_are_coded_until_it_fits_or_no_more_is_saved(least: int, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(_: VariantMeter, variant: Variant) -> Measurement:
        saved = next((value for name, _, value in variant.options if name == "code_weights"), 0)
        assert isinstance(saved, int)
        decoder = 30 if saved else 0
        return Measurement(instructions=1, flash_bytes=max(1000 - saved + decoder, least) if variant.goal == "size" else 2000)

    monkeypatch.setattr(VariantMeter, "measure", measure)
    monkeypatch.setattr(VariantMeter, "estimate", lambda *_: Cost(1.0, 0, 0, 0))
    try:
        found = str(choose_variant(parse("module {}"), load_target("cortex-m4"), Limits(600), Variant("speed"), "model"))
    except TinyirError as error:
        found = str(error)
    assert outcome in found


def test_the_stack_counts_as_ram() -> None:
    measured = Measurement(flash_bytes=1000, arena_bytes=90, stack_bytes=20, ram_bytes=110)
    assert Limits(1000, 110).missing(measured) == {}
    assert Limits(999, 100).missing(measured) == {"flash": 1, "RAM": 10}
    assert not Limits()


@pytest.mark.parametrize(("text", "expected"), [("32768", 32768), ("32k", 32768), ("1.5 KB", 1536), ("1m", 1 << 20), ("12B", 12)])
def test_a_size_is_read(text: str, expected: int) -> None:
    assert read_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "k", "0", "-1k", "5x", "1k2"])
def test_what_is_no_size_is_an_error(text: str) -> None:
    with pytest.raises(TinyirError, match="is no size"):
        read_bytes(text)
