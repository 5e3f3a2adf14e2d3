"""Tuning: what is measured is kept beside the model, the best is compiled, a search that was stopped goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.driver.test_commands import tinyir
from tinyir.backends.target import load_target
from tinyir.driver.tuner import Tuner
from tinyir.driver.tuning import tuning_path
from tinyir.driver.variant import Variant, searchable_options
from tinyir.driver.variant_meter import VariantMeter
from tinyir.ir.errors import TinyirError
from tinyir.passes.jam_outputs import JamOutputs


@pytest.fixture
def model(repository: Path, require_tool: Callable[[str], str], tmp_path: Path) -> Path:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    return Path(shutil.copy(repository / "examples" / "mnist" / "mlp_int8.onnx", tmp_path / "net.onnx"))


def entry(model: Path) -> dict[str, Any]:
    (found,) = json.loads(tuning_path(str(model)).read_text())["entries"].values()
    return dict(found)


def instructions(model: Path, capsys: pytest.CaptureFixture[str]) -> int:
    capsys.readouterr()
    assert tinyir("bench", model, "-t", "cortex-m4", "--json") == 0
    return int(json.loads(capsys.readouterr().out)[0]["instructions"])


def test_the_best_variant_is_compiled(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = instructions(model, capsys)
    assert tinyir("tune", model, "-t", "cortex-m4") == 0
    first = tuning_path(str(model)).read_bytes()
    assert "speed -O2: " in capsys.readouterr().err
    found = entry(model)
    assert any("jam_outputs{factor=" in variant for variant in found["measured"]), "options of passes are tried"
    least = min(costs["instructions"] for costs in found["measured"].values())
    assert found["measured"][found["best"]]["instructions"] == least <= found["measured"]["speed"]["instructions"] == plain
    assert instructions(model, capsys) == least
    tuning_path(str(model)).unlink()
    assert tinyir("tune", model, "-t", "cortex-m4", "--quiet") == 0
    assert tuning_path(str(model)).read_bytes() == first
    assert capsys.readouterr().err == ""


def test_a_search_that_is_stopped_goes_on_where_it_was(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Variant] = []
    measure = VariantMeter.measure

    def counting(meter: VariantMeter, variant: Variant) -> Any:
        measured.append(variant)
        if len(measured) == 4:
            raise KeyboardInterrupt
        return measure(meter, variant)

    monkeypatch.setattr(VariantMeter, "measure", counting)
    assert tinyir("tune", model, "-t", "cortex-m4", "--quiet") == 130
    assert sorted(entry(model)["measured"]) == sorted(map(str, measured[:3]))
    stopped = measured[3]
    measured[:] = [Variant()] * 4  # far beyond the interrupt
    assert tinyir("tune", model, "-t", "cortex-m4", "--quiet") == 0
    again = measured[4:]
    assert again[0] == stopped
    assert len(set(again)) == len(again) == len(entry(model)["measured"]) - 3


def test_a_variant_that_cannot_be_compiled_is_passed_over(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measure = VariantMeter.measure

    def failing(meter: VariantMeter, variant: Variant) -> Any:
        if variant.options:
            raise TinyirError("no")
        return measure(meter, variant)

    monkeypatch.setattr(VariantMeter, "measure", failing)
    assert tinyir("tune", model, "-t", "cortex-m4") == 0
    assert "jam_outputs{factor=2} -O3: cannot be compiled (best so far " in capsys.readouterr().err
    assert "{" not in entry(model)["best"]
    monkeypatch.setattr(VariantMeter, "measure", lambda *_: failing(_[0], Variant().with_option("jam_outputs", "factor", 2)))
    tuning_path(str(model)).unlink()
    assert tinyir("tune", model, "-t", "cortex-m4") == 1


def test_what_another_compiler_measured_is_measured_again(model: Path) -> None:
    assert tinyir("tune", model, "-t", "cortex-m4", "--quiet") == 0
    path = tuning_path(str(model))
    path.write_text(path.read_text().replace('"compiler": "', '"compiler": "old'))
    assert Tuner(str(model), load_target("cortex-m4"), "speed", "model", lambda *_: None).measured == {}


def test_the_file_of_another_model_is_not_used(model: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = instructions(model, capsys)
    assert tinyir("tune", model, "-t", "cortex-m4", "--quiet") == 0
    path = tuning_path(str(model))
    path.write_text(path.read_text().replace('"model": "', '"model": "0').replace(entry(model)["best"], "size"))
    assert instructions(model, capsys) == plain
    path.write_text("{}")
    assert tinyir("compile", model, "-t", "cortex-m4", "-o", model.parent / "out") == 1
    assert "not a file of measurements" in capsys.readouterr().err


def test_a_variant_is_its_text() -> None:
    variant = attrs.evolve(Variant("speed", (), ("-O2",)).with_option("jam_outputs", "factor", 2))
    assert str(variant) == "speed jam_outputs{factor=2} -O2"
    assert Variant.parse(str(variant)) == variant
    assert Variant.parse("speed jam_outputs{factor=4}") == Variant().with_option("jam_outputs", "factor", 4)
    pipeline = variant.pipeline("model")
    assert pipeline is not None
    assert JamOutputs(2) in pipeline.passes
    assert ("jam_outputs", "factor", (1, 2, 3, 4, 5, 6, 8)) in list(searchable_options("speed", "model"))
    for text in ("fast", "speed jam_output{factor=2}", "speed jam_outputs{factors=2}"):
        with pytest.raises(TinyirError, match=r"no goal|jam_output"):
            Variant.parse(text)
