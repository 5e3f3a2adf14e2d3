"""What is printed on the way: the IR after passes, and where texts go."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.driver.output import output_file
from tinyir.driver.progress import Progress
from tinyir.rewrite.pipeline import Hooks, PassReport, write_files


def hooks_of(arguments: argparse.Namespace, progress: Progress) -> Hooks:
    """The hooks that the options of a command ask for: --print-after-all, --print-changed, --elide, --generic."""
    after = None
    if arguments.print_after_all:
        after = write_files(Path(arguments.print_after_all))
    elif arguments.print_after_all is not None or arguments.print_changed:
        after = _print_to_stderr
    return Hooks(after=after, only_changed=arguments.print_changed, elide=arguments.elide, generic=arguments.generic, progress=progress)


def _print_to_stderr(report: PassReport, text: str) -> None:
    sys.stderr.write(f"// after {report.number}: {report.text}{'' if report.changed else ' (no change)'}\n{text}\n")


def write_text(path: str | None, text: str) -> None:
    """Writes a file as a whole, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    with output_file(Path(path)) as scratch:
        scratch.write_text(text, encoding="utf-8")
