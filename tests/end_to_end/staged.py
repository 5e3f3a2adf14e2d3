"""A model compiled level by level, each level kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from tinyir.backends.run import RunResult, build_and_run
from tinyir.backends.target import load_target
from tinyir.driver.api import Model, begin
from tinyir.driver.arrays import Array, Rows, fit_rows
from tinyir.driver.compilation import Compilation
from tinyir.driver.execution import interpret
from tinyir.driver.ports import module_ports
from tinyir.ir.operation import Operation

LEVELS = ("graph", "loop", "buffer")


@attrs.define
class Staged:
    """The modules as they leave each level, and the C in `folder`."""

    levels: dict[str, Operation]
    rows: Rows
    folder: Path
    target: str
    compilation: Compilation

    @property
    def output(self) -> str:
        """The name of the only output."""
        (port,) = module_ports(self.levels["graph"]).outputs
        return port.name

    def interpret(self, level: str, count: int) -> dict[str, Array]:
        """The first `count` rows' outputs, by the interpreter."""
        return interpret(self.levels[level], {name: rows[:count] for name, rows in self.rows.items()})

    def run(self, count: int | None = None, *, sanitize: bool = False, measure: bool = False) -> RunResult:
        """The C on its target."""
        rows = {name: column[:count] for name, column in self.rows.items()}
        goal = self.compilation.context.goal
        return build_and_run(self.folder, load_target(self.target), rows, goal, measure, sanitize=sanitize)


def stage(model: Model, inputs: Rows | Array, folder: Path, target: str = "host", goal: str = "speed", keep: Callable[[str], bool] = bool) -> Staged:
    """Compiles into a folder.  Levels that `keep` refuses are not kept."""
    compilation = begin(model, target, goal=goal)
    levels = {level: compilation.lower(level).clone() for level in LEVELS if keep(level)}
    ports = module_ports(compilation.module)
    rows = fit_rows(inputs if isinstance(inputs, Mapping) else {"": inputs}, ports.inputs)
    folder.mkdir(parents=True, exist_ok=True)
    compilation.generate("net", "model").write(folder)
    return Staged(levels, rows, folder, target, compilation)
