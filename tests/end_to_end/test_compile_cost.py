"""What a compilation costs grows linearly with the length of the network."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from cProfile import Profile
from pathlib import Path
from types import CodeType

import pytest

from tests.bench.convolution_chains import CHANNELS, convolution_chain
from tests.oracle.cases import soaking
from tinyir.driver.api import begin

MOST_GROWTH = 1.05
"""Calls for each convolution of a long chain by those of a short one."""
GREATEST_RATIO = 150.0
GREATEST_MEGABYTES = 1024
MEASURE = (
    "import resource, sys\nfrom time import process_time\nfrom tinyir.driver.api import begin\nstart = process_time()\n"
    "begin(sys.argv[1], 'cortex-m4', goal=sys.argv[2]).generate('net', '')\n"
    "print(process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)


def chain(length: int, folder: Path, channels: int = CHANNELS) -> Path:
    path = folder / f"chain{length}.onnx"
    path.write_bytes(convolution_chain(length, channels=channels))
    return path


def calls(model: Path, goal: str) -> Counter[str]:
    """The calls of functions in one compilation, generators' steps included, by file: a count that does not depend on the machine."""
    profile = Profile(subcalls=False, builtins=False)
    profile.runcall(lambda: begin(model, "cortex-m4", goal=goal).generate("net", ""))
    found: Counter[str] = Counter()
    for entry in profile.getstats():
        if isinstance(entry.code, CodeType):
            found[entry.code.co_filename] += entry.callcount
    return found


# At goal size schedules are chosen by what code they need: chains of small layers, and of greater ones.
@pytest.mark.parametrize(("goal", "lengths", "channels"), [("speed", (8, 24), 8), ("size", (8, 24), 8), ("size", (8, 24), 32)])
def test_the_calls_of_a_compilation_grow_with_the_length(goal: str, lengths: tuple[int, int], channels: int, tmp_path: Path) -> None:
    begin(chain(2, tmp_path, channels), "cortex-m4", goal=goal).generate("net", "")  # what is read once: specifications, tables
    short, long = (calls(chain(length, tmp_path, channels), goal) for length in lengths)
    growth = {file: long[file] / lengths[1] / (short[file] / lengths[0]) for file in short if long[file] > long.total() / 1000}
    assert long.total() / lengths[1] <= MOST_GROWTH * short.total() / lengths[0], sorted(growth.items(), key=lambda item: -item[1])[:5]


if soaking():  # a minute of CPU time

    @pytest.mark.parametrize("goal", ["speed", "size", "ram"])
    def test_a_thousand_convolutions_cost_little_more_than_ten_a_hundred_times(goal: str, tmp_path: Path) -> None:
        def measure(length: int) -> tuple[float, float]:
            words = [sys.executable, "-c", MEASURE, str(chain(length, tmp_path)), goal]
            seconds, megabytes = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
            return float(seconds), float(megabytes)

        (short, _), (long, megabytes) = measure(10), measure(1000)
        assert long / short <= GREATEST_RATIO
        assert megabytes <= GREATEST_MEGABYTES
