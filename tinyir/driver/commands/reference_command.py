"""`tinyir reference -o DIR`: the reference pages."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyir.driver.output import output_folder
from tinyir.driver.reference import reference_pages


def execute(arguments: argparse.Namespace) -> int:
    pages = reference_pages()
    with output_folder(Path(arguments.output)) as scratch:
        for name, text in pages.items():
            (scratch / name).write_text(text, encoding="utf-8")
    return 0
