"""`--assembly`: whole loops of it, single instructions, or none stand in the C, which computes the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.test_commands import tinyir
from tinyir.backends.target import load_target, read_target
from tinyir.backends.toolchain import check_warnings
from tinyir.driver.tuning import entry_key

PAIRED = """
module {{
  buffer.global @x {{alignment = 4 : index}} : memref<32xi8, "ram">
  buffer.global @y {{alignment = 4 : index}} : memref<{words}xi16, "ram">
  func.func @net() attributes {{network}} {{
    %x = buffer.get_global @x : memref<32xi8, "ram">
    %y = buffer.get_global @y : memref<{words}xi16, "ram">
    loop.for %k = 0 to 8 parallel attributes {{rounds = 4 : i64}} {{
      %v = "buffer.load"(%x, %k) <{{map = affine_map<(d0) -> (d0 * 4)>}}> : (memref<32xi8, "ram">, index) -> vector<4xi8>
      %w = isa.sxtb16(%v) : (vector<4xi8>) -> vector<2xi16>
      "buffer.store"(%w, %y, %k) <{{map = affine_map<(d0) -> (d0 * 8 + 4)>}}> : (vector<2xi16>, memref<{words}xi16, "ram">, index) -> ()
      loop.yield
    }}
    return
  }}
}}
"""
KINDS = ("blocks", "instructions", "none")


def _text(folder: Path) -> str:
    (file,) = folder.glob("*.c")
    return file.read_text()


def test_the_c_holds_as_much_as_is_allowed_and_computes_the_same(
    repository: Path, tmp_path: Path, require_tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    require_tool("arm-none-eabi-gcc")
    model = repository / "examples" / "mnist" / "cnn_int8.onnx"
    outputs = set()
    for kind in KINDS:
        folder = tmp_path / kind
        assert tinyir("compile", model, "-t", "cortex-m4", "--assembly", kind, "-o", folder) == 0
        check_warnings(folder, load_target("cortex-m4"), "speed")
        capsys.readouterr()
        assert tinyir("run", folder, "--output", tmp_path / f"{kind}.npy", "--json") == 0
        assert json.loads(capsys.readouterr().out)["assembly"] == kind
        outputs.add((tmp_path / f"{kind}.npy").read_bytes())
    assert len(outputs) == 1
    assert "__asm__ volatile(" in _text(tmp_path / "blocks")
    assert "__asm__ volatile(" not in _text(tmp_path / "instructions")
    assert '__asm__("smlad' in _text(tmp_path / "instructions")
    assert "asm" not in _text(tmp_path / "none")
    assert "__smlad(" in _text(tmp_path / "none")


def test_pointers_stay_in_their_memory(tmp_path: Path) -> None:
    """Rows of weights lie in pairs, the second one's words end with the memory: a pointer that walks to the next pair's would leave it."""
    (tmp_path / "net.tir").write_text(PAIRED.format(words=68))
    assert tinyir("compile", tmp_path / "net.tir", "-t", "cortex-m4", "--assembly", "none", "-o", tmp_path / "fits") == 0
    assert "y2 = &y2[64];" in _text(tmp_path / "fits")
    (tmp_path / "net.tir").write_text(PAIRED.format(words=64))
    assert tinyir("compile", tmp_path / "net.tir", "-t", "cortex-m4", "--assembly", "none", "-o", tmp_path / "ends") == 0
    assert "y2 = &y2[" not in _text(tmp_path / "ends")
    assert "[k * 64 + 8]" in _text(tmp_path / "ends")


def test_bench_says_what_was_allowed(repository: Path, require_tool: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    require_tool("arm-none-eabi-gcc")
    assert tinyir("bench", repository / "examples" / "mnist" / "mlp_int8.onnx", "-t", "cortex-m4", "--assembly", "none", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["assembly"] == "none"


def test_a_target_may_allow_none_by_itself(repository: Path) -> None:
    text = (repository / "specs" / "targets" / "cortex-m4.toml").read_text()
    assert read_target("own", "own.toml", text).assembly == "blocks"
    assert read_target("own", "own.toml", f'assembly = "none"\n{text}').assembly == "none"


def test_another_word_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tinyir("compile", "net.tir", "-t", "cortex-m4", "--assembly", "block", "-o", tmp_path)
    assert "unknown --assembly 'block'" in capsys.readouterr().err


def test_variants_are_kept_apart() -> None:
    target = load_target("cortex-m4")
    assert entry_key(target, "speed", "model") == "cortex-m4 speed model"
    assert entry_key(target.with_assembly("none"), "speed", "model") == "cortex-m4 speed model none"
