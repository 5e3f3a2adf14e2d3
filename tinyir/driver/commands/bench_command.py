"""`tinyir bench MODEL... -t TARGET[,TARGET]`: what models cost."""

from __future__ import annotations

import argparse
import sys

from tinyir.backends.target import load_target
from tinyir.driver.api import bench
from tinyir.driver.progress import Progress
from tinyir.driver.tables import figures_json, figures_table, json_text


def execute(arguments: argparse.Namespace) -> int:
    targets = [load_target(name) for name in arguments.target.split(",")]
    with Progress.on_terminal(arguments.quiet) as progress:
        results = bench(arguments.models, targets, goal=arguments.goal, io=arguments.io, say=progress)
    sys.stdout.write(json_text([figures_json(result) for result in results]) if arguments.json else figures_table(results))
    return 0
