"""Passes by name: found by their files and the entry points of other packages, made from text, spelled as text."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from functools import cache

import attrs

from tinyir.ir.errors import Place, TinyirError, did_you_mean
from tinyir.ir.plugins import modules_of
from tinyir.rewrite.option_text import spell_option, typed_option
from tinyir.rewrite.passes import Pass
from tinyir.rewrite.pipeline_text import PassText

ENTRY_POINTS = "tinyir.passes"


@cache
def known_passes() -> tuple[str, ...]:
    """The names of all passes, sorted: the files of `tinyir.passes` and the entry points of third parties."""
    folder = importlib.import_module("tinyir.passes")
    files = {module.name for module in pkgutil.iter_modules(folder.__path__)}
    return tuple(sorted(files | modules_of(ENTRY_POINTS).keys()))


def find_pass(name: str, place: Place | None = None) -> type[Pass]:
    """The pass of that name.

    Raises:
        TinyirError: there is none, or its file does not hold exactly one.
    """
    module_name = f"tinyir.passes.{name}"
    if not name.isidentifier() or importlib.util.find_spec(module_name) is None:
        brought = modules_of(ENTRY_POINTS)
        if name not in brought:
            raise TinyirError(f"unknown pass '{name}'", place=place, hint=did_you_mean(name, known_passes()))
        module_name = brought[name]
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the author's file raises while it is imported
        raise TinyirError(f"the file of pass '{name}' cannot be imported: {type(error).__name__}: {error}", place=_origin(error) or place) from error
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Pass) and value.__module__ == module.__name__ and value.name == name
    ]
    if len(found) != 1:
        others = [value.name for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Pass) and value.__module__ == module.__name__]
        hint = f"'{others[0]}' is there: a pass is called what its file is, its class needs no `name`" if others and not found else ""
        raise TinyirError(f"{module_name} holds {len(found) or 'no'} pass{'es' * (len(found) > 1)} named '{name}'", place=place, hint=hint)
    return found[0]


def _origin(error: Exception) -> Place | None:
    """The line that failed: of a syntax error, or the innermost one."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 0, error.offset or 1, (error.text or "").rstrip("\n"))
    frames = importlib.import_module("traceback").extract_tb(error.__traceback__)  # late: most files can be imported
    return Place(frames[-1].filename, frames[-1].lineno or 0, 1, frames[-1].line or "") if frames else None


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
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:  # what a validator of attrs says
        raise TinyirError(f"pass '{text.name}' does not take these options: {error.args[0] if error.args else error}", place=text.place) from error


def spell_pass(instance: Pass) -> str:
    """`name{option=value}`, options at their defaults left out."""
    options = []
    for field in attrs.fields(type(instance)):
        value = getattr(instance, field.name)
        factory = getattr(field.default, "factory", None)
        if value != (factory() if factory is not None else field.default):
            options.append(f"{field.name}={spell_option(value)}")
    return instance.name + (f"{{{','.join(options)}}}" if options else "")
