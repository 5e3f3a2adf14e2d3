"""The self-test that can be generated beside a model: it passes for the right outputs and names the row of a wrong one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy
import pytest

from tests.backends.test_c_printer import ALL, feed, several
from tests.passes.loop_programs import Array
from tests.passes.pipeline import generate
from tinyir.backends.c_printer import GeneratedC
from tinyir.backends.self_test import print_self_test
from tinyir.backends.toolchain import STRICT_FLAGS
from tinyir.ir.errors import TinyirError


@pytest.fixture(scope="module")
def generated() -> GeneratedC:
    return generate(several(), ALL)


def expected(x: Mapping[str, Array]) -> dict[str, Array]:
    chosen = numpy.where(x["e"], x["a b"].astype(numpy.int32) + x["int"], 7)
    return {"sum": chosen.astype(numpy.float32) + x["d"], "int64": x["c"] + (1 << 40)}


def verdict(generated: GeneratedC, folder: Path, x: Mapping[str, Array], y: Mapping[str, Array]) -> int:
    generated.write(folder)
    (folder / "net_test.c").write_text(print_self_test(generated.manifest, x, y))
    command = ["cc", "-std=c99", *STRICT_FLAGS, "-ffp-contract=off", "net.c", "net_test.c", "-o", "net_test"]
    subprocess.run(command, check=True, cwd=folder)
    return subprocess.run([str(folder / "net_test")], check=False).returncode


def test_the_right_outputs_pass(require_tool: Callable[[str], str], generated: GeneratedC, tmp_path: Path) -> None:
    require_tool("cc")
    x = feed(4)
    assert verdict(generated, tmp_path, x, expected(x)) == 0


def test_the_first_wrong_row_is_told(require_tool: Callable[[str], str], generated: GeneratedC, tmp_path: Path) -> None:
    require_tool("cc")
    x = feed(4)
    y = expected(x)
    y["sum"][2, 1] = numpy.nextafter(y["sum"][2, 1], numpy.float32(9))
    y["int64"][3, 3] += 1
    assert verdict(generated, tmp_path, x, y) == 3


def test_what_does_not_fit_the_manifest_is_one_error(generated: GeneratedC) -> None:
    x = feed(2)
    y = expected(x)
    with pytest.raises(TinyirError, match="lacks 'sum'"):
        print_self_test(generated.manifest, x, {"int64": y["int64"]})
    with pytest.raises(TinyirError, match=r"'sum' has shape \[2, 3\]: rows of 4 elements"):
        print_self_test(generated.manifest, x, {**y, "sum": y["sum"][:, :3]})
    with pytest.raises(TinyirError, match=r"same number of rows everywhere, at least one: there are \[1, 2\]"):
        print_self_test(generated.manifest, x, {**y, "sum": y["sum"][:1]})
