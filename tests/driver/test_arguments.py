"""The command line before any command runs: what it understands, what it says otherwise, and what it costs."""

import re
import sys
from pathlib import Path
from subprocess import run
from typing import get_args

import pytest

from tinyir.backends.target import Assembly
from tinyir.driver import arguments
from tinyir.driver.arguments import read_arguments
from tinyir.driver.command_line import main
from tinyir.driver.pipeline import passes_by_level, read_pipeline
from tinyir.ir import schedule

HEAVY = ("lark", "z3", "onnx", "torch", "numpy", "attrs")


def test_help_loads_no_more_than_argparse() -> None:
    script = (
        "import sys\nfrom tinyir.driver.command_line import main\ntry:\n    main(['opt', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', sorted(set({HEAVY}) & set(sys.modules)), sorted(m for m in sys.modules if m.startswith('tinyir.')))"
    )
    outcome = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1] == "loaded: [] ['tinyir.driver', 'tinyir.driver.arguments', 'tinyir.driver.command_line']"


def test_passes_over_a_text_load_neither_provers_nor_schedules_nor_backends(tmp_path: Path) -> None:
    """Each of these takes longer to load than a thousand operations to canonicalize."""
    file = tmp_path / "m.tir"
    file.write_text("func.func @f(%x: i32) -> i32 {\n%c = arith.constant 0 : i32\n%y = arith.addi %x, %c : i32\nreturn %y : i32\n}\n")
    unwanted = (*HEAVY[:-1], "tinyir.prove", "tinyir.dialects.isa", "tinyir.dialects.schedules", "tinyir.dialects.loop", "tinyir.backends", "tinyir.interp")
    script = f"import sys\nfrom tinyir.driver.command_line import main\nassert main(['opt', {str(file)!r}, '-p', 'canonicalize,cse,dce']) == 0\n"
    script += f"print('loaded:', [m for m in sys.modules if any((m + '.').startswith(name + '.') for name in {unwanted})])"
    outcome = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "return %x" in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == "loaded: []"


def test_what_help_offers_is_what_there_is() -> None:
    """The words stand in the module of the arguments as well, because help loads nothing else."""
    assert arguments.GOALS == schedule.GOALS
    assert get_args(Assembly) == arguments.ASSEMBLY


def test_help_takes_less_than_a_tenth_of_a_second_of_cpu() -> None:
    script = "import resource, subprocess, sys\nsubprocess.run([sys.executable, '-m', 'tinyir', 'opt', '--help'], check=True, stdout=subprocess.DEVNULL)\n"
    script += "usage = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(usage.ru_utime + usage.ru_stime)"
    seconds = [float(run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert min(seconds) <= 0.10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "error: the following arguments are required: COMMAND\n     hint: tinyir --help says what there is\n"),
        (["compile", "m.onnx"], "error: the following arguments are required: -t/--target\n     hint: tinyir compile --help says what there is\n"),
        (["opt", "--pases=x", "m"], "error: unrecognized arguments: --pases=x\n     hint: tinyir opt --help says what there is\n"),
    ],
)
def test_words_that_are_not_understood_are_one_error(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 1
    assert capsys.readouterr() == ("", message)


def test_print_after_all_does_not_swallow_the_file() -> None:
    assert read_arguments(["opt", "--print-after-all", "m.tir"]).model == "m.tir"
    assert read_arguments(["opt", "--print-after-all", "m.tir"]).print_after_all == ""
    assert read_arguments(["opt", "--print-after-all=d", "m.tir"]).print_after_all == "d"
    assert read_arguments(["opt", "m.tir"]).print_after_all is None


def test_help_shows_values_that_may_be_left_out_as_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", "--help"])
    said = capsys.readouterr().out
    for option, value in (("--print-after-all", "DIR"), ("--trace-rewrites", "FILE")):
        assert f"[{option}[={value}]]" in said
        assert f"\n  {option}[={value}]" in said
        assert f"{option} " not in said


@pytest.mark.parametrize("command", ["compile", "run", "bench"])
def test_the_passes_that_help_shows_can_be_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = re.search(r"as in\s+'([^']+)'", capsys.readouterr().out)
    assert shown is not None
    assert passes_by_level(read_pipeline("".join(shown[1].split())))


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("tinyir 0.")
