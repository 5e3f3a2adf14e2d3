"""The modules that are measured are what they should be, and the measuring runs.  No speed is judged here."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench import ir_speed
from tests.bench.ir_speed import count_operations, measure
from tests.bench.irgen import KINDS
from tinyir.ir import collection
from tinyir.ir.collection import OBJECTS_BETWEEN_COLLECTIONS, seldom_collected
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_module_is_well_formed_and_of_the_size_asked_for(kind: str) -> None:
    module = parse(KINDS[kind](300))
    assert 285 <= count_operations(module) <= 305
    assert verify(module) == []
    assert first_difference(module, parse(print_module(module))) == ""
    assert first_difference(module, parse(KINDS[kind](300), fast=False), locations=True) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_mlir_opt_reads_a_generated_module_and_agrees(kind: str, require_tool: Callable[[str], str]) -> None:
    command = [require_tool("mlir-opt-19"), "--allow-unregistered-dialect", "--mlir-print-op-generic"]
    text = KINDS[kind](100)
    printed = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert first_difference(parse(text), parse(printed)) == ""


def test_every_step_is_measured() -> None:
    rows = list(measure(KINDS["fold"](60)))
    assert [step for step, _, _ in rows] == [
        *("parse_first", "parse_locations_first"),
        *("parse", "parse_without_fast_path", "parse_pretty", "parse_locations", "print", "print_pretty", "print_locations", "verify", "clone", "walk"),
        *("canonicalize", "cse", "dce", "memory"),
    ]
    assert all(number > 0 for _, number, _ in rows)


def test_the_measuring_runs_as_a_file_from_any_folder(tmp_path: Path) -> None:
    command = [sys.executable, ir_speed.__file__, "modules", "60", "fold"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0].startswith("tinyir fold_60 parse_first ")
    assert printed[0].endswith(" ops/s")
    assert len(printed) == 16
    assert (tmp_path / "modules" / "fold_60.mlir").exists()


def test_the_collector_is_as_before_after_a_large_step() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] == OBJECTS_BETWEEN_COLLECTIONS
        with seldom_collected():
            assert gc.get_threshold()[0] == OBJECTS_BETWEEN_COLLECTIONS
        assert gc.get_threshold()[0] == OBJECTS_BETWEEN_COLLECTIONS
    assert gc.get_threshold() == before
    with pytest.raises(TinyirError):
        parse("}")
    assert gc.isenabled()
    assert gc.get_threshold() == before


def test_full_collections_that_find_little_come_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    found, made, collections = 0, 0, 0

    def collect() -> int:
        nonlocal collections
        collections += 1
        return found

    monkeypatch.setattr(collection, "gc", SimpleNamespace(collect=collect, get_count=lambda: (made, 0, 0), get_freeze_count=lambda: 1))
    aging = collection.Aging()

    def collections_after(objects: int) -> int:
        nonlocal made, collections
        made, collections = 100_000, 0
        for _ in range(objects // made):
            aging.age()
        return collections

    assert collections_after(6_600_000) == 6
    found = 1_000_000
    assert collections_after(5_500_000) > 7
