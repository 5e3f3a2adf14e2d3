"""What every test may ask for, and the rule that nothing may be left out where everything is required.

A test that needs the corpus or a tool asks for `corpus` or `require_tool`; without it the test is skipped with the reason.
Under continuous integration (`CI` set) or with TINYIR_REQUIRE_ALL=1 a skip, whatever its reason, is a failure.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

# No test depends on how fast the machine is, and in a usual run all find the same on each; a long one (TINYIR_SOAK=1) looks at other examples each time.
settings.register_profile("tinyir", deadline=None, derandomize=os.environ.get("TINYIR_SOAK") != "1")
settings.load_profile("tinyir")

REPOSITORY = Path(__file__).resolve().parent.parent


def skipping_is_forbidden() -> bool:
    return os.environ.get("TINYIR_REQUIRE_ALL") == "1" or bool(os.environ.get("CI"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root folder of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of models with golden outputs: TINYIR_CORPUS, else ../shared/corpus beside the repository."""
    folder = Path(os.environ.get("TINYIR_CORPUS") or REPOSITORY.parent / "shared" / "corpus")
    if not folder.is_dir():
        pytest.skip(f"no corpus at {folder}: set TINYIR_CORPUS to its folder")
    return folder


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """A function that takes the name of an executable or of a Python module and returns where it is; the test is skipped if it is nowhere."""

    def find(name: str) -> str:
        executable = shutil.which(name)
        if executable:
            return executable
        module = importlib.util.find_spec(name) if name.isidentifier() else None
        if module is None or module.origin is None:
            pytest.skip(f"{name} is not installed: `make test` tells what it could not install")
        return module.origin

    return find


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and skipping_is_forbidden():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipping is forbidden here (CI or TINYIR_REQUIRE_ALL=1): {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report
