"""`tinyir tune MODEL -t TARGET`: measures variants, and writes what it finds beside the model, where `compile`, `run` and `bench` look for it."""

from __future__ import annotations

import argparse
import sys

from tinyir.driver.columns import align
from tinyir.driver.progress import Progress
from tinyir.driver.tables import count
from tinyir.driver.targets import target_of
from tinyir.driver.tuner import ORDER, Tuner
from tinyir.driver.tuning import FIGURES, Costs
from tinyir.driver.variant import Variant


def execute(arguments: argparse.Namespace) -> int:
    decisive = ORDER[arguments.goal][0]

    def report(variant: Variant, costs: Costs, best: Costs) -> None:
        if not arguments.quiet:
            found = "cannot be compiled" if costs[decisive] is None else f"{count(costs[decisive])} {decisive.removesuffix('_bytes')}"
            sys.stderr.write(f"{variant}: {found} (best so far {count(best[decisive])})\n")

    target = target_of(arguments)
    assert target is not None
    with Progress.on_terminal(arguments.quiet) as progress:
        tuner = Tuner(arguments.model, target, arguments.goal, arguments.io, report, progress)
        best = tuner.search()
    rows = [(name, *(count(tuner.measured[name][figure]) for figure in FIGURES)) for name in dict.fromkeys((arguments.goal, str(best)))]
    sys.stdout.write(align([("variant", *(figure.removesuffix("_bytes") for figure in FIGURES)), *rows]))
    sys.stdout.write(f"{tuner.path}: {len(tuner.measured)} variants measured for {tuner.key}\n")
    return 0
