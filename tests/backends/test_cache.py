"""What is built once is built whole, and once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tinyir.backends.cache import cache_folder, cached, digest


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_equal_parts_are_built_once() -> None:
    built: list[Path] = []

    def build(path: Path) -> None:
        built.append(path)
        path.write_text("made")

    paths = {cached("thing.o", ["a", b"b"], build) for _ in range(3)}
    other = cached("thing.o", ["ab"], build)
    assert len(built) == 2
    assert [path.read_text() for path in paths] == ["made"]
    assert other not in paths


def test_the_hash_tells_where_parts_end() -> None:
    assert len({digest(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""])}) == 4


def test_a_build_that_fails_leaves_nothing() -> None:
    def build(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        cached("thing.o", ["x"], build)
    assert [path for path in cache_folder().rglob("*") if path.is_file()] == []


def test_builds_at_the_same_time_do_not_disturb_each_other() -> None:
    barrier = threading.Barrier(4)
    seen: list[str] = []

    def build(path: Path) -> None:
        path.write_text("first half, ")
        barrier.wait(timeout=20)
        with path.open("a") as file:
            file.write("second half")

    threads = [threading.Thread(target=lambda: seen.append(cached("thing.o", ["y"], build).read_text())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["first half, second half"] * 4
