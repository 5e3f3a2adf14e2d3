"""Pipelines of passes: found by the names of their files, written as text, run with hooks.

    'canonicalize,unroll{factor=8},dce'   <->   PassPipeline(["canonicalize", Unroll(factor=8), "dce"])
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterable
from functools import cache
from time import process_time

import attrs

from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import found_entry_points
from tinyir.ir.verifier import verify
from tinyir.rewrite.observer import CheckError, Hooks, PassReport, PassRun
from tinyir.rewrite.pass_text import PassText, read_pipeline, spell_option, typed_option
from tinyir.rewrite.passes import Pass, PassContext

ENTRY_POINTS = "tinyir.passes"


@cache
def known_passes() -> tuple[str, ...]:
    """The names of all passes, sorted: the files of `tinyir.passes` and the entry points of third parties."""
    folder = importlib.import_module("tinyir.passes")
    files = {module.name for module in pkgutil.iter_modules(folder.__path__)}
    return tuple(sorted(files | {entry.name for entry in found_entry_points(ENTRY_POINTS)}))


def find_pass(name: str, place: Place | None = None) -> type[Pass]:
    """The pass of that name.

    Raises:
        TinyirError: there is none, or its file does not hold exactly one.
    """
    module_name = f"tinyir.passes.{name}"
    if not name.isidentifier() or importlib.util.find_spec(module_name) is None:
        entries = [entry for entry in found_entry_points(ENTRY_POINTS) if entry.name == name]
        if not entries:
            raise TinyirError(f"unknown pass '{name}'", place=place, hint=did_you_mean(name, known_passes()))
        module_name = entries[0].module
    module = importlib.import_module(module_name)
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Pass) and value.__module__ == module.__name__ and value.name == name
    ]
    if len(found) != 1:
        raise TinyirError(f"{module_name} holds {len(found)} passes named '{name}', not one", place=place)
    return found[0]


def create_pass(text: PassText) -> Pass:
    """The pass with its options from text.

    Raises:
        TinyirError: no such pass or option, or an option's text does not fit its type.
    """
    cls = find_pass(text.name, text.place)
    fields = {field.name: field for field in attrs.fields(attrs.resolve_types(cls))}
    values = {}
    for option, (value, place) in text.options.items():
        if option not in fields:
            raise TinyirError(
                f"pass '{text.name}' has no option '{option}'" + (f": it has {', '.join(fields)}" if fields else ""),
                place=place,
                hint=did_you_mean(option, fields),
            )
        values[option] = typed_option(value, fields[option].type, f"option '{option}' of pass '{text.name}'", place)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in values]
    if missing:
        raise TinyirError(f"pass '{text.name}' needs the option '{missing[0]}'", place=text.place)
    return cls(**values)


def spell_pass(instance: Pass) -> str:
    """`name{option=value}`, options at their defaults left out."""
    options = []
    for field in attrs.fields(type(instance)):
        value = getattr(instance, field.name)
        factory = getattr(field.default, "factory", None)
        if value != (factory() if factory is not None else field.default):
            options.append(f"{field.name}={spell_option(value)}")
    return instance.name + (f"{{{','.join(options)}}}" if options else "")


class PassPipeline:
    """A list of passes.  `str()` is the text that `parse` reads."""

    def __init__(self, passes: Iterable[Pass | str] = ()) -> None:
        """
        Raises:
            TinyirError: an unknown pass, or text that cannot be read.
        """
        self.passes: list[Pass] = []
        for item in passes:
            self.passes += [item] if isinstance(item, Pass) else PassPipeline.parse(item).passes

    @classmethod
    def parse(cls, text: str) -> PassPipeline:
        """The pipeline of a text such as `a,b{x=1,y=[1,2]},c`.

        Raises:
            TinyirError: with one diagnostic for each mistake.
        """
        result, errors = cls(), list[Diagnostic]()
        for item in read_pipeline(text):
            try:
                result.passes.append(create_pass(item))
            except TinyirError as error:
                errors += error.diagnostics
        if errors:
            raise TinyirError(diagnostics=errors)
        return result

    def __str__(self) -> str:
        return ",".join(map(spell_pass, self.passes))

    def __add__(self, other: PassPipeline) -> PassPipeline:
        return PassPipeline([*self.passes, *other.passes])

    def run(self, module: Operation, context: PassContext | None = None, hooks: Hooks | None = None) -> list[PassReport]:
        """Runs all passes on the module, in place.

        Raises:
            TinyirError: a pass stops, leaves an operation that it must not leave, or leaves a broken module (then the pass is
                named first).
        """
        context = PassContext() if context is None else context
        hooks = Hooks() if hooks is None else hooks
        return [_run(instance, number, module, context, hooks) for number, instance in enumerate(self.passes, hooks.first_number)]


def _run(instance: Pass, number: int, module: Operation, context: PassContext, hooks: Hooks) -> PassReport:
    text = spell_pass(instance)
    if hooks.progress is not None:
        hooks.progress(text)
    if not hooks.observers:
        return _run_and_check(instance, number, text, module, context, hooks)
    with PassRun(number, text, instance, module, context, hooks.observers) as run:
        report = _run_and_check(instance, number, text, module, context, hooks)
        if any(observer.needs_changes for observer in hooks.observers):
            report = attrs.evolve(report, changed=run.difference != "")
        for observer in hooks.observers:
            observer.after(run, report)
    return report


def _run_and_check(instance: Pass, number: int, text: str, module: Operation, context: PassContext, hooks: Hooks) -> PassReport:
    rewrites, proofs = context.rewrites.copy(), len(context.ledger)
    context.stage = text
    if context.trace is not None:
        context.trace.begin(module)
    start = process_time()
    instance.run(module, context)
    seconds = process_time() - start
    check_dialects(instance, module)
    if hooks.verify:
        _verify(text, module)
    return PassReport(number, text, seconds, None, context.rewrites - rewrites, len(context.ledger) - proofs)


def _verify(text: str, module: Operation) -> None:
    found = verify(module)
    if found:
        raise CheckError(diagnostics=[attrs.evolve(d, notes=(*d.notes, (f"after pass '{text}'", Place()))) for d in found])


def check_dialects(instance: Pass, module: Operation) -> None:
    """
    Raises:
        TinyirError: an operation of a dialect that the pass says it does not leave.
    """
    if not instance.leaves:
        return
    allowed = {"builtin", *instance.leaves}
    found: dict[str, Operation] = {}
    for operation in module.walk():
        if operation.name.partition(".")[0] not in allowed:
            found.setdefault(operation.name, operation)
    if found:
        raise TinyirError(diagnostics=[_left_over(instance, operation) for operation in found.values()])


def _left_over(instance: Pass, operation: Operation) -> Diagnostic:
    names = operation.location.names
    where = f" (node '{names[0]}')" if names else ""
    return Diagnostic(f"pass '{instance.name}' cannot lower '{operation.name}'{where}", operation.location.place)
