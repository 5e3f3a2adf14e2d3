"""What a program does with tinyir: `tinyir.import_model`, `compile`, `run`, `prove` and `bench`.

Results are frozen; the fields of `Figures` are the keys of `run --json` and `bench --json`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from tinyir.backends.c_printer import GeneratedC
from tinyir.backends.manifest import Manifest, read_manifest
from tinyir.backends.measure import Measurement
from tinyir.backends.run import RunResult, build_and_run
from tinyir.backends.target import Target, load_target
from tinyir.driver.arrays import Array, Rows, fit_rows, pattern_rows
from tinyir.driver.compilation import Compilation, start
from tinyir.driver.execution import interpret
from tinyir.driver.limits import Limits, choose_variant
from tinyir.driver.load import load
from tinyir.driver.multiplications import count_multiply_accumulates
from tinyir.driver.naming import model_name
from tinyir.driver.output import output_folder
from tinyir.driver.pipeline import PassPipeline
from tinyir.driver.ports import Port, manifest_ports, module_ports
from tinyir.driver.tuning import tuned_variant
from tinyir.driver.variant import Variant
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.observer import Hooks, PassReport, PassReports
from tinyir.rewrite.trace import Trace
from tinyir.text.html import table_html

Model = str | Path | Operation
Say = Callable[[str], None]
Passes = PassPipeline | str | None


@attrs.frozen
class Compiled:
    """The C of a model with its manifest, its obligations, and what the passes had to say."""

    c: GeneratedC
    ledger: Ledger
    remarks: tuple[str, ...]
    passes: tuple[PassReport, ...]

    def __repr__(self) -> str:
        manifest = self.c.manifest
        proofs = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in self.ledger.summary().items())
        return f"<{manifest.name} for {manifest.target}, goal {manifest.goal}: arena of {manifest.arena_bytes} bytes, {proofs}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: what it costs without running it, the passes, and the proofs."""
        manifest = self.c.manifest
        facts = [("arena bytes", manifest.arena_bytes), *self.ledger.summary().items(), *(("note", remark) for remark in self.remarks)]
        return table_html((manifest.model, manifest.target), facts) + PassReports(self.passes)._repr_html_() + self.ledger._repr_html_()

    def write(self, folder: Path) -> None:
        """Writes NAME.c, NAME.h and NAME.json, all or none of them.

        Raises:
            TinyirError: the folder cannot be written.
        """
        with output_folder(folder) as scratch:
            self.c.write(scratch)


@attrs.frozen
class Figures:
    """What a model costs on a target; None where the target does not tell.  Units and meaning: `tinyir.backends.measure.Measurement`.

    `multiply_accumulates`: terms of all sums of products that the model as it was given asks for (only `bench` counts them).
    `toolchain` and `simulator`: what the figures were taken with; `assembly`: what of it may stand in the C; `variant`: how the goal was
    reached, if not by its own passes and flags; `assumed`: what somebody answers for in place of a proof, and why.
    """

    model: str
    target: str
    goal: str
    instructions: int | None
    cycles: int | None
    code_bytes: int | None
    weight_bytes: int | None
    flash_bytes: int | None
    arena_bytes: int | None
    ram_bytes: int | None
    stack_bytes: int | None
    proofs: Mapping[str, int]
    instructions_least: int | None
    instructions_mean: float | None
    multiply_accumulates: int | None = None
    toolchain: str = ""
    simulator: str = ""
    assembly: str = ""
    variant: str = ""
    assumed: tuple[str, ...] = ()


class Bench(tuple[Figures, ...]):
    """The figures of models on targets, in order; a table in notebooks."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        titles = [field.name for field in attrs.fields(Figures) if field.name not in ("proofs", "assumed")]
        rows = [[*(getattr(f, title) for title in titles), *f.proofs.values()] for f in self]
        return table_html([*(title.replace("_", " ") for title in titles), *(self[0].proofs if self else ())], rows)


@attrs.frozen
class Run:
    """Outputs by name, [rows, ...shape] each; figures if C was run; whether the inputs were given or a fixed pattern."""

    outputs: Mapping[str, Array]
    figures: Figures | None


def import_model(path: str | Path) -> Operation:
    """The module of a model at the graph level.

    Raises:
        TinyirError: the file cannot be read, or holds what is not supported.
    """
    return load(str(path))


def begin(
    model: Model,
    target: str | Target | None = None,
    *,
    goal: str = "speed",
    io: str = "model",
    prover: str = "native",
    hooks: Hooks | None = None,
    trace: Trace | None = None,
    passes: Passes = None,
    limits: Limits | None = None,
) -> Compilation:
    """A compilation that can be taken from level to level; a module that is given is copied first.

    `passes`: what runs at some levels in place of the compiler's own passes, as in 'graph(default,dce),c(default,simplify_c)'.  Without them the best
    variant is taken that `tinyir tune` measured for this model, and with `limits` the fastest that fits (variants are built and run to know).

    Raises:
        TinyirError: the model cannot be read, there is no such target or goal, or no variant fits.
    """
    chosen = load_target(target) if isinstance(target, str) else target
    module = model.clone() if isinstance(model, Operation) else load(str(model))
    variant = _variant(model, module, chosen, goal, io, limits, hooks) if passes is None and chosen is not None else None
    if limits and passes is not None:
        raise TinyirError("limits choose among the compiler's own passes, not among others", hint="leave out either the limits or the passes")
    compilation = start(module, chosen, goal=goal, io=io, prover=prover, hooks=hooks, trace=trace, passes=passes, variant=variant)
    if compilation.variant:
        compilation.context.remark(f"compiled as variant '{compilation.variant}'")
    return compilation


def _variant(model: Model, module: Operation, target: Target, goal: str, io: str, limits: Limits | None, hooks: Hooks | None) -> Variant | None:
    """The variant that was measured to be best, or the fastest that fits; None: what the goal says."""
    tuned = None if isinstance(model, Operation) or not Path(model).is_file() else tuned_variant(str(model), target, goal, io)
    if not limits:
        return tuned
    return choose_variant(module, target, limits, tuned or Variant(goal), io, None if hooks is None else hooks.progress)


def compile(
    model: Model,
    target: str | Target,
    *,
    goal: str = "speed",
    io: str = "model",
    name: str | None = None,
    arena: str = "static",
    output: str | Path | None = None,
    hooks: Hooks | None = None,
    passes: Passes = None,
    limits: Limits | None = None,
) -> Compiled:
    """The model as C, written into the folder `output` if one is named; `passes` and `limits` as in `begin`.

    `arena`: "static", or "caller": the functions of the model get its memory as an argument.

    Raises:
        TinyirError: the model cannot be read or compiled, something was not proved, or the folder cannot be written.
    """
    compilation = begin(model, target, goal=goal, io=io, hooks=hooks, passes=passes, limits=limits)
    source = "module" if isinstance(model, Operation) else Path(model).name
    generated = compilation.generate(name or ("model" if isinstance(model, Operation) else model_name(str(model))), source, arena)
    result = Compiled(generated, compilation.ledger, tuple(compilation.context.remarks), tuple(compilation.reports))
    if output is not None:
        result.write(Path(output))
    return result


def run(
    model: Model,
    target: str | Target | None = None,
    inputs: Rows | Array | None = None,
    *,
    goal: str = "speed",
    io: str = "model",
    level: str | None = None,
    say: Say | None = None,
    passes: Passes = None,
    limits: Limits | None = None,
) -> Run:
    """Runs a model, or a folder that `compile` wrote: built and measured on a target, or interpreted as it leaves `level`.

    `inputs`: by name [rows, elements...], or one such array; a fixed pattern if there are none.

    Raises:
        TinyirError: as `compile`; inputs that do not fit; tools that are missing.
    """
    if level is not None:
        compilation = begin(model, target, goal=goal, io=io, hooks=Hooks(progress=say), passes=passes)
        module = compilation.lower(level)
        return Run(interpret(module, _rows(inputs, module_ports(module).inputs), say), None)
    if not isinstance(model, Operation) and Path(model).is_dir():
        return run_folder(Path(model), target, inputs, say=say, limits=limits)
    assert target is not None
    with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
        compile(model, target, goal=goal, io=io, output=scratch, hooks=Hooks(progress=say), passes=passes, limits=limits)
        return run_folder(Path(scratch), target, inputs, say=say)


def run_folder(
    folder: Path, target: str | Target | None, inputs: Rows | Array | None, *, say: Say | None = None, limits: Limits | None = None
) -> Run:
    """Builds, runs and measures what `compile` wrote, on the target that it was compiled for unless another is named; it must fit into the limits.

    Raises:
        TinyirError: no model there, inputs that do not fit, missing tools, a program that fails.
    """
    manifest = read_manifest(folder)
    chosen = target if isinstance(target, Target) else load_target(target or manifest.target)
    rows = _rows(inputs, manifest_ports(manifest).inputs)
    if say is not None:
        say(f"running on {chosen.name}")
    result = build_and_run(folder, chosen, rows, manifest.goal)
    if limits:
        limits.check(result.measurement, chosen)
    return Run(result.outputs, figures(manifest, chosen, result))


def _rows(inputs: Rows | Array | None, ports: Sequence[Port]) -> Rows:
    if inputs is None:
        return pattern_rows(ports)
    return fit_rows(inputs if isinstance(inputs, Mapping) else {"": inputs}, ports)


def figures(manifest: Manifest, target: Target, result: RunResult) -> Figures:
    """What was measured, under the names of `--json`."""
    measured: Measurement = result.measurement
    shared = {field.name: getattr(measured, field.name) for field in attrs.fields(Measurement)}
    named = Figures(model=manifest.model, target=target.name, goal=manifest.goal, proofs=manifest.proofs, assembly=manifest.assembly, **shared)
    return attrs.evolve(named, toolchain=result.toolchain, simulator=result.simulator, variant=manifest.variant, assumed=manifest.assumed)


def prove(model: Model, target: str | Target | None = None, *, prover: str = "native", goal: str = "speed", io: str = "model", passes: Passes = None) -> Ledger:
    """Every obligation of a compilation with its verdict.

    Raises:
        TinyirError: the model cannot be compiled, or an obligation is refuted or unknown.
    """
    compilation = begin(model, target, goal=goal, io=io, prover=prover, passes=passes)
    compilation.lower("c")
    return compilation.ledger


def bench(
    models: Iterable[str | Path],
    targets: Iterable[str | Target],
    *,
    goal: str = "speed",
    io: str = "model",
    rows: int = 1,
    say: Say | None = None,
    passes: Passes = None,
    limits: Limits | None = None,
) -> Bench:
    """The figures of every model on every target, on fixed inputs.

    Raises:
        TinyirError: as `run`.
    """
    found = []
    for model in models:
        multiply_accumulates = count_multiply_accumulates(load(str(model))) or None
        for target in targets:
            if say is not None:
                say(f"{model} for {target if isinstance(target, str) else target.name}")
            with tempfile.TemporaryDirectory(prefix="tinyir-") as scratch:
                compiled = compile(model, target, goal=goal, io=io, output=scratch, hooks=Hooks(progress=say), passes=passes, limits=limits)
                inputs = pattern_rows(manifest_ports(compiled.c.manifest).inputs, rows)
                measured = run_folder(Path(scratch), target, inputs).figures
            assert measured is not None
            found.append(attrs.evolve(measured, model=str(model), multiply_accumulates=multiply_accumulates))
    return Bench(found)
