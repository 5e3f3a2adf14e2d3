"""The speed of the IR framework: operations per second of processor time, best of three, one line for each step.

Steps that end in `_first` are the first thing that a process of their own does after its imports: nothing is known there yet.

usage: tests/bench/ir_speed.py FOLDER N [kind ...]        (with the environment's python; makes FOLDER/KIND_N.mlir where it is missing)
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import tracemalloc
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

if not __package__:  # run as a file: only its own folder is on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.irgen import KINDS
from tinyir.ir.operation import Operation
from tinyir.ir.verifier import verify
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

ROOT = Path(__file__).resolve().parents[2]
REPETITIONS = 3
FIRST_PARSE = """
import sys, time
from tinyir.text.reader import parse
text = sys.stdin.buffer.read().decode()
start = time.process_time()
module = parse(text)
print(time.process_time() - start)
"""


def seconds(run: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """The least processor time of a few runs."""
    times = []
    for _ in range(repetitions):
        gc.collect()
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def pass_seconds(name: str, module: Operation, repetitions: int = REPETITIONS) -> float:
    """The least processor time of a pass, each time on a copy of its own."""
    times = []
    for _ in range(repetitions):
        copy = module.clone()
        times.append(seconds(partial(PassPipeline.parse(name).run, copy), 1))
    return min(times)


def first_seconds(source: str) -> float:
    """The least processor time of the first parse of a process."""
    command = [sys.executable, "-c", FIRST_PARSE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = [subprocess.run(command, input=source.encode(), env=environment, capture_output=True, check=True) for _ in range(REPETITIONS)]
    return min(float(run.stdout) for run in done)


def bytes_per_operation(source: str, count: int) -> float:
    """What one operation occupies, its share of text, types and locations included."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    module = parse(source)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert module.name == "builtin.module"
    return (after - before) / count


def count_operations(module: Operation) -> int:
    return sum(1 for _ in module.walk())


def measure(source: str) -> Iterator[tuple[str, float, str]]:
    """(step, number, unit) for one module."""
    module = parse(source)
    count = count_operations(module)
    pretty = print_module(module)
    # Positions are kept as long as anybody holds them: each text has others.
    located = [print_module(parse(source, f"{number}.mlir"), generic=True, locations=True) for number in range(REPETITIONS)]
    unread = iter(located)
    steps: dict[str, Callable[[], object]] = {
        "parse": lambda: parse(source),
        "parse_without_fast_path": lambda: parse(source, fast=False),
        "parse_pretty": lambda: parse(pretty),
        "parse_locations": lambda: parse(next(unread)),
        "print": lambda: print_module(module, generic=True),
        "print_pretty": lambda: print_module(module),
        "print_locations": lambda: print_module(module, generic=True, locations=True),
        "verify": lambda: verify(module),
        "clone": lambda: module.clone(),
        "walk": lambda: count_operations(module),
    }
    yield "parse_first", count / first_seconds(source), "ops/s"
    yield "parse_locations_first", count / first_seconds(located[0]), "ops/s"
    for name, run in steps.items():
        yield name, count / seconds(run), "ops/s"
    for name in ("canonicalize", "cse", "dce"):
        yield name, count / pass_seconds(name, module), "ops/s"
    yield "memory", bytes_per_operation(source, count), "bytes/op"


def main(folder: Path, count: int, kinds: list[str]) -> None:
    """Prints the speeds for modules of `count` operations."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        path = folder / f"{kind}_{count}.mlir"
        if not path.exists():
            path.write_text(KINDS[kind](count), encoding="utf-8")
        source = path.read_text(encoding="utf-8")
        for step, number, unit in measure(source):
            print(f"tinyir {kind}_{count} {step} {number:.0f} {unit}", flush=True)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter, usage="%(prog)s FOLDER N [kind ...]")
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(KINDS)}; without one all")
    given = parser.parse_args()
    unknown = [kind for kind in given.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"no kind '{unknown[0]}': there are {', '.join(KINDS)}")
    main(given.folder, given.count, given.kinds or list(KINDS))
