"""--trace-rewrites: every rewrite of a command as text, as JSON lines, or as one page to step through."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tinyir.driver.output import write_text
from tinyir.ir.errors import TinyirError

if TYPE_CHECKING:
    from tinyir.rewrite.trace import Trace

SUFFIXES = (".jsonl", ".html", ".txt")


def trace_of(arguments: argparse.Namespace) -> Trace | None:
    """The trace that --trace-rewrites asks for.

    Raises:
        TinyirError: the name of the file does not say its kind.
    """
    path = arguments.trace_rewrites
    if path is None:
        return None
    if path and Path(path).suffix not in SUFFIXES:
        raise TinyirError(f"--trace-rewrites={path}: the name must end with {', '.join(SUFFIXES)}")
    trace: Trace = import_module("tinyir.rewrite.trace").Trace(keep_lines=path.endswith((".jsonl", ".html")))  # late: few commands trace
    return trace


def write_trace(arguments: argparse.Namespace, trace: Trace | None) -> None:
    """Writes the trace to its file, or as text to stderr."""
    if trace is None:
        return
    path = arguments.trace_rewrites
    if not path:
        sys.stderr.write(str(trace))
    elif path.endswith(".html"):
        write_text(path, import_module("tinyir.driver.rewrites_page").rewrites_page(trace, Path(arguments.model).name))
    else:
        write_text(path, trace.json_lines() if path.endswith(".jsonl") else str(trace))
