"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from tinyir.driver.output import output_file, output_folder
from tinyir.ir.errors import TinyirError


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_move_into_a_folder_that_is_made(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "b") as scratch:
        (scratch / "x.c").write_text("1")
        assert not (tmp_path / "a").exists()
    assert names(tmp_path) == ["a", "a/b", "a/b/x.c"]


def test_what_stands_there_already_is_replaced_or_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("old")
    (tmp_path / "y.c").write_text("other")
    with output_folder(tmp_path) as scratch:
        (scratch / "x.c").write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.c": "new", "y.c": "other"}


def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with output_folder(tmp_path / "a") as scratch:
            (scratch / "x.c").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == []


def test_a_file_in_the_way_of_the_folder_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    entered = False
    with pytest.raises(TinyirError, match="a is not a folder"), output_folder(tmp_path / "a" / "b"):
        entered = True
    assert not entered


def test_a_folder_in_the_way_of_a_file_is_an_error_that_moves_nothing(tmp_path: Path) -> None:
    (tmp_path / "b.c").mkdir()

    def write() -> None:
        with output_folder(tmp_path) as scratch:
            (scratch / "a.c").write_text("")
            (scratch / "b.c").write_text("")

    with pytest.raises(TinyirError, match=r"b\.c: it is a folder"):
        write()
    assert names(tmp_path) == ["b.c"]
    with pytest.raises(TinyirError, match="it is a folder"), output_file(tmp_path / "b.c"):
        pass


def test_a_place_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(TinyirError, match="cannot write /proc/tinyir"), output_folder(Path("/proc/tinyir")):
        pass


def test_a_single_file_appears_at_the_end(tmp_path: Path) -> None:
    with output_file(tmp_path / "y.npy") as scratch:
        scratch.write_text("1")
        assert not (tmp_path / "y.npy").exists()
    assert names(tmp_path) == ["y.npy"]


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with output_file(pipe) as path:
        path.write_text("through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file.tir").write_text("old")
    link = tmp_path / "link.tir"
    link.symlink_to("file.tir")
    with output_file(link) as path:
        path.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "file.tir").read_text() == "new"
