"""What is printed on the way: the IR after passes, and what they changed."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs

from tinyir.driver.output import output_file
from tinyir.ir.attributes import StringAttribute
from tinyir.ir.builder import functions
from tinyir.ir.operation import Operation
from tinyir.rewrite.observer import Observer, PassReport, PassRun
from tinyir.text.difference import ELIDED, StableTexts, text_difference
from tinyir.text.printer import print_operations


@attrs.frozen
class Style:
    """How IR is shown: constants of more than `elide` elements are left out; of all functions only those named, if any are; with or without locations."""

    elide: int | None = None
    generic: bool = False
    functions: tuple[str, ...] = ()
    locations: bool = False

    def shown(self, module: Operation) -> list[Operation]:
        """The module, or the chosen functions."""
        if not self.functions:
            return [module]
        return [function for function in functions(module) if _symbol(function) in self.functions]

    def spell(self, module: Operation) -> str:
        return print_operations(self.shown(module), self.generic, self.locations, self.elide)


def _symbol(function: Operation) -> str:
    name = function.properties.get("sym_name")
    return name.value if isinstance(name, StringAttribute) else ""


@attrs.frozen
class Watch(Observer):
    """Shows what each pass did, or each of `passes` if any are named."""

    style: Style
    passes: tuple[str, ...] = ()

    def wants(self, report: PassReport) -> bool:
        return not self.passes or report.name in self.passes


@attrs.frozen
class PrintAfter(Watch):
    """Prints the IR after each pass to stderr."""

    def after(self, run: PassRun, report: PassReport) -> None:
        if self.wants(report):
            sys.stderr.write(f"// after {report.number}: {report.text}{'' if report.changed else ' (no change)'}\n{self.style.spell(run.module)}\n")


@attrs.define
class PrintChanges(Observer):
    """Prints a unified diff for each pass that changed something to stderr."""

    watch: Watch
    _text: str = attrs.field(default="", init=False)
    _texts: StableTexts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        style = self.watch.style
        self._texts = StableTexts(ELIDED if style.elide is None else style.elide, style.generic)

    def before(self, run: PassRun) -> None:
        self._text = self._spell(run.module)

    def after(self, run: PassRun, report: PassReport) -> None:
        if not report.changed or not self.watch.wants(report):
            return
        old, new = f"before {report.number}: {report.text}", f"after {report.number}: {report.text}"
        text = text_difference(self._text, self._spell(run.module), old, new)
        if text or not self.watch.style.functions:
            sys.stderr.write(text or f"--- {old}\n+++ {new}\n{run.difference}\n")

    def _spell(self, module: Operation) -> str:
        return "".join(map(self._texts.spell, self.watch.style.shown(module)))


@attrs.frozen
class WriteFiles(Watch):
    """Writes `00_input.tir`, then `01_canonicalize.tir`, ... for each pass that changed something, into a folder, which it makes."""

    folder: Path = Path()

    def before(self, run: PassRun) -> None:
        if run.number == 1:
            self._write("00_input.tir", run.module)

    def after(self, run: PassRun, report: PassReport) -> None:
        if report.changed and self.wants(report):
            self._write(f"{report.number:02}_{report.name}.tir", run.module)

    def _write(self, name: str, module: Operation) -> None:
        with output_file(self.folder / name) as scratch:
            scratch.write_text(self.style.spell(module), encoding="utf-8")
