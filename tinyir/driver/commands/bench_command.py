"""`tinyir bench MODEL... -t TARGET[,TARGET]`: what models cost, as a whole and layer by layer."""

from __future__ import annotations

import argparse
import sys

from tinyir.backends.target import Target
from tinyir.driver.api import Figures, begin, bench
from tinyir.driver.layer_costs import Layer, measure_layers
from tinyir.driver.limits import Limits, read_limits
from tinyir.driver.progress import Progress
from tinyir.driver.tables import figures_json, figures_table, json_text, layer_json, layers_table
from tinyir.driver.targets import targets_of


def execute(arguments: argparse.Namespace) -> int:
    targets = targets_of(arguments)
    limits = read_limits(arguments.flash, arguments.ram)
    with Progress.on_terminal(arguments.quiet) as progress:
        results = bench(arguments.models, targets, goal=arguments.goal, io=arguments.io, say=progress, passes=arguments.passes, limits=limits)
        layers: list[tuple[Layer, ...]] = _layers(arguments, targets, limits, progress) if arguments.per_layer else [() for _ in results]
    sys.stdout.write(_json(results, layers) if arguments.json else _text(results, layers))
    return 0


def _layers(arguments: argparse.Namespace, targets: list[Target], limits: Limits, progress: Progress) -> list[tuple[Layer, ...]]:
    """For each model and target, as `bench` orders them."""
    pairs = [(model, target) for model in arguments.models for target in targets]
    chosen = {"goal": arguments.goal, "io": arguments.io, "passes": arguments.passes, "limits": limits}
    return [measure_layers(begin(model, target, **chosen), progress) for model, target in pairs]


def _json(results: tuple[Figures, ...], layers: list[tuple[Layer, ...]]) -> str:
    shown = [figures_json(result) for result in results]
    for entry, found in zip(shown, layers, strict=True):
        if found:
            entry["layers"] = [layer_json(layer) for layer in found]
    return json_text(shown)


def _text(results: tuple[Figures, ...], layers: list[tuple[Layer, ...]]) -> str:
    parts = [figures_table(results)]
    parts += [f"\n{result.model} on {result.target}:\n{layers_table(found)}" for result, found in zip(results, layers, strict=True) if found]
    return "".join(parts)
