"""The command as a process: what it does when interrupted, when nobody reads it, and what a person at a terminal sees."""

import os
import re
import signal
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run

from tests.driver.test_commands import NETWORK

STACKED = 400  # layers: enough for seconds of work


def slow_network(folder: Path) -> Path:
    """A network that takes the interpreter long: many large products."""
    tensor, matrix = "tensor<1x512xf32>", "tensor<512x512xf32>"
    lines = [f"%w = graph.constant() {{value = dense<0.5> : {matrix}}} : () -> {matrix}"]
    lines += ["%b = graph.constant() {value = dense<0.0> : tensor<512xf32>} : () -> tensor<512xf32>"]
    names = ["x", *(f"y{index}" for index in range(STACKED))]
    lines += [f'%{new} = "graph.dense"(%{old}, %w, %b) : ({tensor}, {matrix}, tensor<512xf32>) -> {tensor}' for old, new in pairwise(names)]
    path = folder / "slow.tir"
    path.write_text(f"func.func @slow(%x: {tensor}) -> {tensor} {{\n" + "\n".join(lines) + f"\nfunc.return %{names[-1]} : {tensor}\n}}\n")
    return path


def test_a_person_sees_progress_and_may_interrupt_it(tmp_path: Path) -> None:
    reader, terminal = os.openpty()
    words = [sys.executable, "-m", "tinyir", "run", str(slow_network(tmp_path)), "--level", "loop", "--output", str(tmp_path / "y.npy")]
    # Whoever starts the tests in the background has them ignore SIGINT, and with them all that they start.
    attend = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with Popen(words, stdout=DEVNULL, stderr=terminal, env=os.environ | {"TMPDIR": str(tmp_path)}, preexec_fn=attend) as process:
        os.close(terminal)
        said = ""
        while "interpreting" not in said:
            said += os.read(reader, 4096).decode()
        process.send_signal(signal.SIGINT)
        while "interrupted" not in said:
            said += os.read(reader, 4096).decode()
        assert process.wait() == 130
    os.close(reader)
    assert re.search(r"^ +\d+\.\d s  interpreting row 1 of 1\r?$", said, re.MULTILINE)
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["slow.tir"]


def test_an_output_that_is_full_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "net.tir").write_text(NETWORK)
    with open("/dev/full", "w") as full:
        outcome = run([sys.executable, "-m", "tinyir", "opt", str(tmp_path / "net.tir")], stdout=full, stderr=PIPE, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (1, "error: cannot write: No space left on device\n")


def test_a_reader_that_has_left_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.tir").write_text(NETWORK)
    script = "import os, sys\nread, write = os.pipe()\nos.close(read)\nos.dup2(write, 1)\n"
    script += "from tinyir.driver.command_line import main\nsys.exit(main(sys.argv[1:]))"
    outcome = run([sys.executable, "-c", script, "opt", str(tmp_path / "net.tir")], stderr=PIPE, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (1, "")


def test_files_are_told_no_progress(tmp_path: Path) -> None:
    (tmp_path / "net.tir").write_text(NETWORK)
    words = [sys.executable, "-m", "tinyir", "compile", "net.tir", "-t", "host", "-o", "out"]
    outcome = run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [line for line in outcome.stderr.splitlines() if not line.startswith("note: ")] == []


def test_names_that_the_encoding_of_the_terminal_does_not_have_are_written_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "modèle.tir").write_text(NETWORK)
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (["inspect", "modèle.tir", "-t", "host", "-o", "stages.html"], ["prove", "modèle.tir", "-t", "host", "--smtlib", "smt"]):
        outcome = run([sys.executable, "-m", "tinyir", *words], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert (outcome.returncode, b"error" in outcome.stderr) == (0, False), outcome.stderr
    assert "<title>modèle.tir for host" in (tmp_path / "stages.html").read_text(encoding="utf-8")
