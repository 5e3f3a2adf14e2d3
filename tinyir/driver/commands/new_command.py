"""`tinyir new-pass NAME`, `new-op`, `new-rule`, `new-target`: one file and its test."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tinyir.driver.scaffold import create


def execute(arguments: argparse.Namespace) -> int:
    paths, advice = create(arguments.kind, arguments.name, Path(arguments.output))
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    if advice:
        sys.stderr.write(f"note: {advice}\n")
    return 0
