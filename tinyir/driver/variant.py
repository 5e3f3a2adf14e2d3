"""One way to compile a model: the passes of a goal, options of some of them, the optimization flags of the C compiler.

    "speed jam_outputs{factor=2} -O2"

Options replace those of the compiler's own passes and of nothing else, so that a variant stays valid as the pipeline grows.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from tinyir.backends.target import Target
from tinyir.dialects.schedules import SCHEDULED, search_range
from tinyir.driver.pipeline import GOALS, LEVELS, passes_of
from tinyir.ir.errors import TinyirError, did_you_mean
from tinyir.rewrite.option_text import spell_option
from tinyir.rewrite.passes import Pass
from tinyir.rewrite.pipeline import Nest, PassPipeline

Option = tuple[str, str, object]
"""Pass, option, value."""
CANDIDATES = "candidates"
"""In the metadata of a pass's option: the values that are worth trying, where no schedule says so."""


@attrs.frozen
class Variant:
    """`goal`: whose passes run; `options`: what some of them are given; `flags`: of the C compiler, in place of the goal's own (empty: those)."""

    goal: str = "speed"
    options: tuple[Option, ...] = ()
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.goal, *(f"{name}{{{option}={spell_option(value)}}}" for name, option, value in self.options), *self.flags))

    @classmethod
    def parse(cls, text: str) -> Variant:
        """
        Raises:
            TinyirError: no such goal, pass or option.
        """
        goal, *words = text.split()
        if goal not in GOALS:
            raise TinyirError(f"no goal '{goal}': there are {', '.join(GOALS)}", hint=did_you_mean(goal, GOALS))
        options = tuple(_option(word) for word in words if not word.startswith("-"))
        return cls(goal, tuple(sorted(options, key=str)), tuple(word for word in words if word.startswith("-")))

    def with_option(self, name: str, option: str, value: object) -> Variant:
        """The variant with another value of one option."""
        kept = [entry for entry in self.options if entry[:2] != (name, option)]
        return attrs.evolve(self, options=tuple(sorted([*kept, (name, option, value)], key=str)))

    def pipeline(self, io: str) -> PassPipeline | None:
        """The passes of all levels; None if they are the compiler's own."""
        if not self.options:
            return None
        return PassPipeline([Nest(level, tuple(self._adjusted(item) for item in _passes(level, self.goal, io))) for level in LEVELS])

    def _adjusted(self, instance: Pass) -> Pass:
        return attrs.evolve(instance, **{option: value for name, option, value in self.options if name == instance.name})

    def compiler_flags(self, target: Target) -> tuple[str, ...]:
        """All flags of the C compiler."""
        return (*target.flags.common, *self.flags) if self.flags else target.flags.for_goal(self.goal)


def _option(word: str) -> Option:
    (instance,) = PassPipeline.parse(word).passes
    for field in attrs.fields(type(instance)):
        if getattr(instance, field.name) != field.default:
            return instance.name, field.name, getattr(instance, field.name)
    name, _, rest = word.partition("{")
    option = rest.partition("=")[0]
    return name, option, getattr(instance, option)


def _passes(level: str, goal: str, io: str) -> list[Pass]:
    return PassPipeline(passes_of(level, goal, io)).passes


def searchable_options(goal: str, io: str) -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """The options of a goal's passes that say which of their values are worth trying: pass, option, values."""
    for level in LEVELS:
        for instance in _passes(level, goal, io):
            for field in attrs.fields(type(instance)):
                values = field.metadata.get(CANDIDATES) or search_range(instance.name, field.metadata.get(SCHEDULED), goal)
                if values:
                    yield instance.name, field.name, tuple(values)
