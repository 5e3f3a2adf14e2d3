"""The compiler as one list: the passes that lead from an imported model to C, level by level.

A level's name stands for the module as it leaves that level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from tinyir.driver.arguments import GOALS, IO_TYPES, LEVELS
from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.rewrite.pipeline import Nest, PassPipeline

__all__ = ["GOALS", "IO_TYPES", "LEVELS", "PassPipeline", "level_of", "levels_between", "passes_by_level", "passes_of", "read_pipeline"]

GRAPH = (
    "canonicalize",
    "fold_constants",
    "fold_pads",
    "layout",
    "fold_constants{meeting=true}",
    "signed_storage",
    "lower_quantized",
    "canonicalize",
    "fold_pads",
    "dead_channels",
    "fold_zero_points",
    "lower_requantize",
    "cse",
    "dce",
)
LOOP = ("lower_to_loops", "fuse_nests{sums_apart=true,sums_alone=true,word_moves=1}", "fold_reads", "order_nests")
FAST_LOOP = ("lower_to_loops", "fuse_nests{sums_apart=true,word_moves=4}", "fold_reads", "hoist_groups", "order_nests")
LEAN_FUSION = "fuse_nests{sums_apart=true,word_moves=4,narrowing_apart=true}"
LEAN_LOOP = ("lower_to_loops", "fold_reshapes", LEAN_FUSION, "fold_reads", "order_nests{streamed=true}", "stream_rows", "hoist_groups")
"""Before those that carry out the schedules of `specs/schedules`."""
BUFFER = ("bufferize", "collapse_loops", "plan_memory", "outline_layers", "mark_no_overflow", "prove_bounds")
FAST_BUFFER = (*BUFFER, "select_instructions", "pair_lanes", "pair_chains", "select_scalars", "form_blocks", "walk_words")
SMALL_BLOCKS = "form_blocks{rounds=[1], sum_rounds=[1], shared_text=1.0e9, least_instructions=6}"
LEAN_BLOCKS = "form_blocks{shared_text=0.0, shared_strides=0.0}"
SMALL_BUFFER = tuple(SMALL_BLOCKS if name == "form_blocks" else name for name in FAST_BUFFER)
LEAN_BUFFER = tuple(LEAN_BLOCKS if name == "form_blocks" else name for name in FAST_BUFFER)
C = ("lower_to_c", "simplify_c{programs=false}")
FAST_C = ("lower_to_c{canonical=true}", "merge_functions{share_per_kilobyte=0.03}", "simplify_c")
SMALL_C = ("lower_to_c{canonical=true}", "merge_functions", "simplify_c")

PASSES = {"graph": GRAPH, "loop": LOOP, "buffer": BUFFER, "c": C}


def passes_of(level: str, goal: str = "speed", io: str = "model") -> tuple[str, ...]:
    """The names of the passes of one level.

    Raises:
        TinyirError: no such level, goal or kind of interface.
    """
    for what, word, known in (("level", level, LEVELS), ("goal", goal, GOALS), ("kind of --io", io, IO_TYPES)):
        if word not in known:
            raise TinyirError(f"no {what} '{word}': there are {', '.join(known)}", hint=did_you_mean(word, known))
    if level == "graph" and io == "quantized":
        return ("quantized_ports", *GRAPH)
    if level == "loop":
        scheduling: tuple[str, ...] = import_module("tinyir.dialects.schedules").scheduling_passes(goal)  # late: it loads much of the loop level
        return (*{"speed": FAST_LOOP, "size": LOOP, "ram": LEAN_LOOP}[goal], "choose_schedules", *scheduling, "code_weights", "prove_defined")
    if level == "buffer":
        return {"speed": FAST_BUFFER, "size": SMALL_BUFFER, "ram": LEAN_BUFFER}[goal]
    if level == "c":
        return {"speed": FAST_C, "size": SMALL_C, "ram": C}[goal]
    return PASSES[level]


def read_pipeline(text: str, goal: str = "speed", io: str = "model") -> PassPipeline:
    """The pipeline of the option -p: its text, or `@FILE` for a file that holds it.  `default` in a level stands for `passes_of` it.

    Raises:
        TinyirError: the text is wrong, or the file cannot be read.
    """

    def defaults(level: str) -> Sequence[str]:
        return passes_of(level, goal, io)

    return PassPipeline.load(text[1:], defaults) if text.startswith("@") else PassPipeline.parse(text, defaults=defaults)


def passes_by_level(pipeline: PassPipeline) -> Mapping[str, PassPipeline]:
    """What a compilation runs in place of its own passes: `graph(default,fold),loop(default,tile)` by level.

    Raises:
        TinyirError: a pass stands outside all levels, or a level is none of the compiler's.
    """
    found: dict[str, PassPipeline] = {}
    for item in pipeline.items:
        if not isinstance(item, Nest) or item.level not in LEVELS:
            what = f"'{item.level}' is no level" if isinstance(item, Nest) else f"pass '{item.name}' stands at no level"
            raise TinyirError(f"{what} of the compiler: they are {', '.join(LEVELS)}", hint="write what a level runs, as in graph(default,dce)")
        found[item.level] = found.get(item.level, PassPipeline()) + PassPipeline(item.items)
    return found


def levels_between(start: str, until: str) -> Sequence[str]:
    """The levels after `start` (all for the empty word) up to `until`, both as in LEVELS."""
    first = LEVELS.index(start) + 1 if start else 0
    return LEVELS[first : LEVELS.index(until) + 1]


def level_of(module: Operation) -> str:
    """The level that a module has left: "" if it still holds operations of the graph level, or nothing but functions."""
    dialects = {operation.name.partition(".")[0] for operation in module.walk()}
    if "graph" in dialects:
        return ""
    return next((level for level in reversed(LEVELS[1:]) if level in dialects), "")
