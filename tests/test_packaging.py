"""What installs is what stands in the tree: every module and every data file of the packages, under its name below tinyir, and nothing else."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT_FOLDERS = ("dialects", "passes", "backends", "specs")
NOT_SHIPPED = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def files_below(folder: Path) -> set[str]:
    """The files of one package folder, links not followed, as paths from it."""
    found = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SHIPPED and not (Path(place) / name).is_symlink()]
        found |= {str((Path(place) / name).relative_to(folder)) for name in names}
    return found


def tree(repository: Path) -> set[str]:
    """What must be installed, each file by its name below site-packages."""
    installed = {f"tinyir/{name}" for name in files_below(repository / "tinyir") if Path(name).parts[0] not in ROOT_FOLDERS}
    for folder in ROOT_FOLDERS:
        installed |= {f"tinyir/{folder}/{name}" for name in files_below(repository / folder)}
    return installed


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that no build folder appears in the tree."""
    source, output = tmp_path_factory.mktemp("source") / "tinyir", tmp_path_factory.mktemp("wheel")
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(repository / name, source)
    for name in ("tinyir", *ROOT_FOLDERS):
        shutil.copytree(repository / name, source / name, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    script = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(output)!r}))"
    outcome = subprocess.run([sys.executable, "-c", script], cwd=source, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return output / outcome.stdout.splitlines()[-1]


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: Path, repository: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = tree(repository)
    assert held == wanted, f"missing: {sorted(wanted - held)}, too many: {sorted(held - wanted)}"
    assert {"tinyir/py.typed", "tinyir/passes/__init__.py", "tinyir/specs/__init__.py"} <= held


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE"} <= set(names)
    assert "License-Expression: Apache-2.0" in archive.read(names["METADATA"]).decode()
    assert "tinyir = tinyir.driver.command_line:main" in archive.read(names["entry_points.txt"]).decode()


def test_every_package_folder_is_named_in_pyproject(repository: Path) -> None:
    named = set(tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {str(Path(name).parent).replace("/", ".") for name in tree(repository) if name.endswith("/__init__.py")}
    assert named == found


@pytest.mark.parametrize("folder", ROOT_FOLDERS)
def test_the_link_beside_the_framework_points_to_the_folder(repository: Path, folder: str) -> None:
    link = repository / "tinyir" / folder
    assert link.is_symlink()
    assert os.readlink(link) == f"../{folder}"


@pytest.mark.parametrize("folder", ROOT_FOLDERS)
def test_a_folder_cannot_be_imported_by_its_plain_name(repository: Path, folder: str) -> None:
    outcome = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=repository, capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1].startswith(f"ImportError: import this package as tinyir.{folder}")
