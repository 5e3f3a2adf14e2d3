"""Pipelines of passes: in Python, in text, in a file; nested by level; run with hooks.

    'canonicalize,loop(unroll{factor=8}),dce'   <->   PassPipeline(["canonicalize", nest("loop", [Unroll(factor=8)]), "dce"])
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from time import process_time

import attrs

from tinyir.ir.collection import seldom_collected
from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.operation import Operation
from tinyir.ir.registry import dialect_names, known_operations
from tinyir.ir.verifier import verify
from tinyir.rewrite.observer import CheckError, Hooks, PassReport, PassReports, PassRun
from tinyir.rewrite.pass_finder import create_pass, find_pass, known_passes, spell_pass
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline_text import NestText, PassText, read_pipeline

SHARED = ("builtin", "func", "arith")
"""Dialects that belong to no level."""
DEFAULT = "default"
"""Inside a level: the passes that the compiler itself runs there."""

Defaults = Callable[[str], Sequence[str]]
"""The texts of the passes that the compiler runs at a level.

Raises:
    TinyirError: there is no such level.
"""


@attrs.frozen
class Nest:
    """Passes that run at one level: `loop(tile{size=8},unroll)`.  Each of them must read or leave that dialect."""

    level: str
    items: tuple[Pass | Nest, ...]

    def __str__(self) -> str:
        return f"{self.level}({','.join(map(_spell, self.items))})"

    @property
    def passes(self) -> Iterator[Pass]:
        """The passes, nested ones included, in order."""
        for item in self.items:
            if isinstance(item, Nest):
                yield from item.passes
            else:
                yield item


def _spell(item: Pass | Nest) -> str:
    return str(item) if isinstance(item, Nest) else spell_pass(item)


def nest(level: str, passes: Iterable[Pass | Nest | str], place: Place | None = None) -> Nest:
    """Passes to run at a level.

    Raises:
        TinyirError: there is no dialect of that name, or a pass neither reads nor leaves it.
    """
    _check_level(level, place)
    items = tuple(PassPipeline(passes).items)
    for item in items:
        if isinstance(item, Pass):
            _check_fits(level, item, place)
    return Nest(level, items)


def _check_level(level: str, place: Place | None) -> None:
    if not known_operations(level):
        known = [name for name in dialect_names() if known_operations(name)]
        raise TinyirError(f"no dialect '{level}' for passes to run at", place=place, hint=did_you_mean(level, known) or f"there are {', '.join(known)}")


def _check_fits(level: str, instance: Pass, place: Place | None) -> None:
    known = [name for name in dict.fromkeys((*instance.reads, *instance.leaves)) if name not in SHARED]
    if instance.reads and level not in (*known, *SHARED):
        hint = f"write {known[0]}({instance.name})" if known else ""
        raise TinyirError(f"pass '{instance.name}' works on {' and '.join(known) or 'no level'}, not on {level}", place=place, hint=hint)


class PassPipeline:
    """A list of passes, nested by level where that helps.  `str()` is the text that `parse` reads.

        PassPipeline(["canonicalize", nest("loop", [Unroll(factor=8)])])   <->   'canonicalize,loop(unroll{factor=8})'
    """

    def __init__(self, passes: str | Iterable[Pass | Nest | str] = ()) -> None:
        """From a text, or from passes, levels and texts in order.

        Raises:
            TinyirError: an unknown pass, or text that cannot be read.
        """
        self.items: list[Pass | Nest] = []
        for item in [passes] if isinstance(passes, str) else passes:
            self.items += PassPipeline.parse(item).items if isinstance(item, str) else [item]

    @classmethod
    def parse(cls, text: str, file: str = "pipeline", defaults: Defaults | None = None) -> PassPipeline:
        """The pipeline of a text such as `a,b{x=1,y=[1,2]},loop(c)`; `defaults` tells what the word `default` in a level stands for.

        Raises:
            TinyirError: with one diagnostic for each mistake.
        """
        result, errors = cls(), list[Diagnostic]()
        result.items = _build(read_pipeline(text, file), "", defaults, errors)
        if errors:
            raise TinyirError(diagnostics=errors)
        return result

    @classmethod
    def load(cls, path: str | Path, defaults: Defaults | None = None) -> PassPipeline:
        """The pipeline that a file holds.

        Raises:
            TinyirError: the file cannot be read, or as `parse`.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TinyirError(f"cannot be read: {getattr(error, 'strerror', None) or error}", place=Place(str(path))) from error
        return cls.parse(text, str(path), defaults)

    def save(self, path: str | Path) -> None:
        """Writes the text, one item a line, for `load` and `-p @FILE`."""
        Path(path).write_text(",\n".join(map(_spell, self.items)) + "\n", encoding="utf-8")

    @property
    def passes(self) -> list[Pass]:
        """The passes in order, those of levels included."""
        return list(Nest("", tuple(self.items)).passes)

    def __str__(self) -> str:
        return ",".join(map(_spell, self.items))

    def __repr__(self) -> str:
        return f"PassPipeline.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PassPipeline) and self.items == other.items

    def __hash__(self) -> int:
        return hash(str(self))

    def __add__(self, other: PassPipeline) -> PassPipeline:
        return PassPipeline([*self.items, *other.items])

    def run(self, module: Operation, context: PassContext | None = None, hooks: Hooks | None = None) -> PassReports:
        """Runs all passes on the module, in place.

        Raises:
            TinyirError: a pass stops, leaves an operation that it must not leave, or leaves a broken module (then the pass is
                named first).
        """
        context = PassContext() if context is None else context
        hooks = Hooks() if hooks is None else hooks
        reports = PassReports()
        with seldom_collected():
            _run_items(self.items, module, context, hooks, reports)
            for translation in context.translations:
                translation.settle(context)
        return reports


def _build(texts: Iterable[PassText | NestText], level: str, defaults: Defaults | None, errors: list[Diagnostic]) -> list[Pass | Nest]:
    """The passes of a text; what is wrong is added to `errors`."""
    items: list[Pass | Nest] = []
    for text in texts:
        try:
            if isinstance(text, NestText):
                _check_level(text.level, text.place)
                items.append(Nest(text.level, tuple(_build(text.items, text.level, defaults, errors))))
            elif text.name == DEFAULT:
                items += _defaults(text, level, defaults)
            else:
                instance = create_pass(text)
                items.append(instance)
                if level:
                    _check_fits(level, instance, text.place)
        except TinyirError as error:
            errors += error.diagnostics
    return items


def _defaults(text: PassText, level: str, defaults: Defaults | None) -> list[Pass | Nest]:
    if not level or defaults is None:
        raise TinyirError(f"'{DEFAULT}' stands for the passes of a level", place=text.place, hint=f"write it inside one, as in graph({DEFAULT})")
    try:
        return PassPipeline(defaults(level)).items
    except TinyirError as error:
        raise TinyirError(error.diagnostics[0].message, place=text.place, hint=error.diagnostics[0].hint) from error


def _run_items(items: Iterable[Pass | Nest], module: Operation, context: PassContext, hooks: Hooks, reports: list[PassReport]) -> None:
    for item in items:
        if isinstance(item, Nest):
            _check_something_to_do(item, module)
            _run_items(item.items, module, context, hooks, reports)
        else:
            reports.append(_run(item, hooks.first_number + len(reports), module, context, hooks))


def _check_something_to_do(item: Nest, module: Operation) -> None:
    """
    Raises:
        TinyirError: the module is at another level than the passes, which would do nothing.
    """
    found = {operation.name.partition(".")[0] for operation in module.walk()} - {*SHARED}
    understood = {item.level, *(name for instance in item.passes for name in instance.reads)}
    if found and not found & understood:
        ways = [name for name in known_passes() if item.level in find_pass(name).leaves and found & {*find_pass(name).reads}]
        hint = f"{' or '.join(ways)} leads there" if ways else ""
        raise TinyirError(f"nothing for {item.level}(...) to do: the module holds operations of {', '.join(sorted(found))}", hint=hint)


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
    rewrites, proofs, proving = context.rewrites.copy(), context.obligations, context.proof_seconds
    context.stage = text
    if context.trace is not None:
        context.trace.begin(module)
    for translation in context.translations:
        translation.before(instance, module, context)
    start = process_time()
    if instance.reads and instance.leaves:
        check_dialects(instance, module, {*instance.reads, *instance.leaves})
    instance.run(module, context)
    seconds = process_time() - start
    context.settle_analyses(instance.preserves)
    check_dialects(instance, module, instance.leaves)
    if hooks.verify:
        _verify(text, module)
    proofs, proving = context.obligations - proofs, context.proof_seconds - proving
    return PassReport(number, text, seconds, None, context.rewrites - rewrites, proofs, proving)


def _verify(text: str, module: Operation) -> None:
    found = verify(module)
    if found:
        raise CheckError(diagnostics=[attrs.evolve(d, notes=(*d.notes, (f"after pass '{text}'", Place()))) for d in found])


def check_dialects(instance: Pass, module: Operation, dialects: Collection[str]) -> None:
    """Before a pass: of the dialects that it reads or leaves, since it cannot lower another; after it: of those that it leaves.

    Raises:
        TinyirError: the module holds an operation of none of these dialects (which may be any, if there are none).
    """
    if not dialects:
        return
    allowed = {"builtin", *dialects}
    found: dict[str, Operation] = {}
    for operation in module.walk():
        if operation.name not in found and operation.name.partition(".")[0] not in allowed:
            found[operation.name] = operation
    if found:
        raise TinyirError(diagnostics=[_left_over(instance, operation) for operation in found.values()])


def _left_over(instance: Pass, operation: Operation) -> Diagnostic:
    names = operation.location.names
    where = f" (node '{names[0]}')" if names else ""
    return Diagnostic(f"pass '{instance.name}' cannot lower '{operation.name}'{where}", operation.location.place)
