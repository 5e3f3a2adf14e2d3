"""The rule that nothing is left out: run on small test files of its own, in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SKIPPED = {
    "skip_in_a_test": "import pytest\ndef test_it():\n    pytest.skip('not today')\n",
    "skip_mark": "import pytest\n@pytest.mark.skip(reason='not today')\ndef test_it():\n    pass\n",
    "skipped_file": "import pytest\npytest.skip('not today', allow_module_level=True)\n",
    "missing_tool": "def test_it(require_tool):\n    require_tool('no-such-tool-anywhere')\n",
    "missing_module": "def test_it(require_tool):\n    require_tool('no_such_module_anywhere')\n",
    "missing_corpus": "def test_it(corpus):\n    pass\n",
}


def run_pytest(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    for name, text in SKIPPED.items():
        (folder / f"test_{name}.py").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "TINYIR_REQUIRE_ALL")}
    options = ["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", f"--rootdir={folder}"]
    everything = inherited | {"TINYIR_CORPUS": str(folder / "absent")} | environment
    return subprocess.run([sys.executable, "-m", "pytest", *options, str(folder)], env=everything, capture_output=True, text=True, check=False, timeout=120)


def test_at_home_a_skip_is_a_skip(tmp_path: Path) -> None:
    outcome = run_pytest(tmp_path)
    assert f"{len(SKIPPED)} skipped in" in outcome.stdout
    assert outcome.returncode == 0


@pytest.mark.parametrize("environment", [{"TINYIR_REQUIRE_ALL": "1"}, {"CI": "true"}], ids=["required", "ci"])
def test_where_all_is_required_every_skip_is_a_failure(tmp_path: Path, environment: dict[str, str]) -> None:
    outcome = run_pytest(tmp_path, **environment)
    assert outcome.returncode == 1
    assert "3 failed, 3 errors in" in outcome.stdout  # a skip outside the body of a test counts as an error of its set-up or of its file
    assert outcome.stdout.count("skipping is forbidden here") >= len(SKIPPED)


def test_what_is_here_is_found(require_tool: Callable[[str], str], repository: Path) -> None:
    assert Path(require_tool("sh")).name == "sh"
    assert Path(require_tool("attrs")).name == "__init__.py"
    assert (repository / "pyproject.toml").is_file()
