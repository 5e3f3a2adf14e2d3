"""The scripts behind the Makefile, on machines that lack something: they say what, and what to do about it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NO_ENSUREPIP = """#!/bin/sh
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin; exit 1 ;;
  *"-m pip"*) exit 1 ;;
esac
exec {python} "$@"
"""
TOO_OLD = "#!/bin/sh\nexit 1\n"


def run_script(name: str, folder: Path, repository: Path, programs: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a copy of .ci/NAME where the only programs are a few of the shell's companions and those given, each by its text."""
    shutil.copytree(repository / ".ci", folder / ".ci")
    place = folder / "bin"
    place.mkdir()
    for companion in {"sh", "dirname", "mkdir", "rm", "id"} - set(programs):
        (place / companion).symlink_to(shutil.which(companion) or companion)
    for program, text in programs.items():
        with (place / program).open("x") as file:  # "x": never through a link, onto the machine's own program
            file.write(text)
        (place / program).chmod(0o755)
    return subprocess.run([place / "sh", f".ci/{name}", *arguments], cwd=folder, env={"PATH": str(place)}, capture_output=True, text=True, check=False)


def test_without_a_recent_python_the_installation_asks_for_one(tmp_path: Path, repository: Path) -> None:
    outcome = run_script("install_python", tmp_path, repository, {"python3": TOO_OLD}, "run")
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines() == [
        "error: no Python of version 3.11 or later found",
        "hint: install one, or name it: make PYTHON=/path/to/python3 ...",
    ]


def test_without_ensurepip_pip_and_uv_the_installation_says_what_would_do(tmp_path: Path, repository: Path) -> None:
    outcome = run_script("install_python", tmp_path, repository, {"python3": NO_ENSUREPIP.format(python=sys.executable)}, "run")
    assert outcome.returncode == 1
    error, hint = outcome.stderr.splitlines()
    assert error.endswith("it has no ensurepip")
    assert "`apt install python3-venv` (as root), pip, uv or virtualenv" in hint
    assert not (tmp_path / ".venv").exists()


def test_without_ensurepip_a_pip_outside_is_used(tmp_path: Path, repository: Path) -> None:
    pip = '#!/bin/sh\ncase "$*" in\n  *without-pip*) mkdir -p .venv/bin ;;\n  *"-m venv"*) exit 1 ;;\n  *"pip --python"*) echo "$@" ;;\nesac\n'
    outcome = run_script("install_python", tmp_path, repository, {"python3": pip}, "run")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "-m pip --python .venv/bin/python install -q -e .[run]"


@pytest.mark.parametrize("may_install", [False, True], ids=["no apt", "apt that fails"])
def test_tools_that_cannot_be_installed_are_named_and_the_tests_go_on(tmp_path: Path, repository: Path, may_install: bool) -> None:
    programs = {"id": "#!/bin/sh\necho 0\n", "apt-get": "#!/bin/sh\nexit 1\n", "env": '#!/bin/sh\nshift\n"$@"\n'} if may_install else {}
    outcome = run_script("install_tools", tmp_path, repository, {"cc": "#!/bin/sh\n"} | programs)
    assert outcome.returncode == 0
    missing = outcome.stdout.splitlines()[-2].split(": ")[1].split()
    assert missing[0] == "gcc-arm-none-eabi"
    assert "mlir-19-tools" in missing
    assert "gcc" not in missing
    assert ("apt could not install" in outcome.stdout) == may_install
