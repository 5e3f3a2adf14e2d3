"""Hard limits: the fastest variant of a model that fits into so much flash and RAM, or how much is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import attrs

from tinyir.backends.measure import Measurement
from tinyir.backends.target import Target
from tinyir.driver.pipeline import GOALS
from tinyir.driver.variant import Variant
from tinyir.driver.variant_meter import VariantMeter
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation

WORTH_MEASURING = 1.5
"""What the cost model says takes so many times the instructions of what fits is not measured: it is right within a sixth, and flags do less than a third."""
_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1024**2, "mb": 1024**2, "mib": 1024**2}


@attrs.frozen
class Limits:
    """What the chip has, in bytes; None: as much as the model wants.  RAM holds the arena, .data, .bss and the peak stack of NAME_run."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None

    def __bool__(self) -> bool:
        return self.flash_bytes is not None or self.ram_bytes is not None

    def check(self, measured: Measurement, target: Target) -> None:
        """
        Raises:
            TinyirError: what was measured does not fit, or the target does not measure it.
        """
        _require_figures(measured, self, target)
        lacking = _spell(self.missing(measured))
        if lacking:
            raise TinyirError(f"the model does not fit into {_asked(self)}: it lacks {lacking}", hint="let `compile` choose what fits")

    def missing(self, measured: Measurement) -> dict[str, int]:
        """The bytes beyond each limit that is exceeded: of flash, of RAM."""
        pairs = (("flash", measured.flash_bytes, self.flash_bytes), ("RAM", measured.ram_bytes, self.ram_bytes))
        return {name: needed - limit for name, needed, limit in pairs if needed is not None and limit is not None and needed > limit}


def read_bytes(text: str) -> int:
    """`32k` is 32,768 bytes; k and m are powers of 1,024.

    Raises:
        TinyirError: it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _UNITS or float(found[1]) <= 0:
        raise TinyirError(f"'{text}' is no size", hint="write bytes, as in 32768, or 32k, or 1m (1k is 1,024 bytes)")
    return int(float(found[1]) * _UNITS[found[2]])


def read_limits(flash: str | None, ram: str | None) -> Limits:
    """The limits of a command line."""
    return Limits(None if flash is None else read_bytes(flash), None if ram is None else read_bytes(ram))


def choose_variant(module: Operation, target: Target, limits: Limits, first: Variant, io: str, say: Callable[[str], None] | None = None) -> Variant:
    """`first` if it fits; else, of all goals with all flags of the target, the one of those that fit that takes fewest instructions.

    What the cost model says is fastest is measured first, and what cannot be the fastest is not.  If none fits into the flash, the smallest
    ones' weights are coded, as many of them as it takes.

    Raises:
        TinyirError: none fits; or the target does not measure what is limited.
    """
    meter = VariantMeter(module, target, io, say)
    tried = {first: meter.measure(first)}
    _require_figures(tried[first], limits, target)
    if not limits.missing(tried[first]):
        return first
    goals = (first.goal, *(goal for goal in GOALS if goal != first.goal))
    candidates = [Variant(goal, (), flags) for goal in goals for flags in ((), *((flag,) for flag in target.flags.candidates))]
    least: float | None = None
    for variant in sorted(candidates, key=lambda each: meter.estimate(each).instructions):
        if least is not None and meter.estimate(variant).instructions > least * WORTH_MEASURING:
            break
        tried[variant] = meter.measure(variant)
        if not limits.missing(tried[variant]):
            least = min(filter(None, (least, tried[variant].instructions)), default=None)
    fitting = [variant for variant in (first, *candidates) if variant in tried and not limits.missing(tried[variant])]
    if not fitting:
        coded = _coded(meter, tried, limits)
        tried.update(coded)
        fitting = [variant for variant in coded if not limits.missing(coded[variant])]
    if not fitting:
        raise TinyirError(_explain(tried, limits), hint="raise the limit, or make the model smaller")
    return min(fitting, key=lambda variant: (tried[variant].instructions or 0, tried[variant].flash_bytes or 0))


def _coded(meter: VariantMeter, tried: Mapping[Variant, Measurement], limits: Limits) -> dict[Variant, Measurement]:
    """For each goal the variant that takes least flash, with weights coded until it fits or nothing more is saved."""
    found: dict[Variant, Measurement] = {}
    for goal in GOALS:
        of_goal = [variant for variant in tried if variant.goal == goal]
        if not of_goal:
            continue
        base = min(of_goal, key=lambda variant: tried[variant].flash_bytes or 0)
        smallest, saved, missing = tried[base].flash_bytes or 0, 0, limits.missing(tried[base]).get("flash", 0)
        while missing:
            saved += missing
            variant = base.with_option("code_weights", "saved_bytes", saved)
            found[variant] = meter.measure(variant)
            flash = found[variant].flash_bytes or 0
            missing = limits.missing(found[variant]).get("flash", 0) if flash < smallest else 0
            smallest = min(flash, smallest)
    return found


def _require_figures(measured: Measurement, limits: Limits, target: Target) -> None:
    for name, value, limit in (("flash", measured.flash_bytes, limits.flash_bytes), ("ram", measured.ram_bytes, limits.ram_bytes)):
        if limit is not None and value is None:
            raise TinyirError(f"target '{target.name}' does not measure {name}: --{name} cannot be checked", hint="ask for it on a target that is simulated")


def _explain(tried: dict[Variant, Measurement], limits: Limits) -> str:
    """What the closest variant lacks, and the least that any variant needs of each."""
    closest = min(tried.values(), key=lambda measured: sum(limits.missing(measured).values()))
    lacking, asked = _spell(limits.missing(closest)), _asked(limits)
    least = [_least(tried, name, key) for name, key, limit in (("flash", "flash_bytes", limits.flash_bytes), ("RAM", "ram_bytes", limits.ram_bytes)) if limit]
    return f"the model does not fit into {asked}: the closest of {len(tried)} variants lacks {lacking}; {'; '.join(least)}"


def _spell(sizes: Mapping[str, int]) -> str:
    return " and ".join(f"{number:,} bytes of {name}" for name, number in sizes.items())


def _asked(limits: Limits) -> str:
    return _spell({name: limit for name, limit in (("flash", limits.flash_bytes), ("RAM", limits.ram_bytes)) if limit is not None})


def _least(tried: dict[Variant, Measurement], name: str, key: str) -> str:
    sizes: Sequence[tuple[int, str]] = sorted((getattr(measured, key), str(variant)) for variant, measured in tried.items())
    return f"the smallest found takes {sizes[0][0]:,} bytes of {name} ({sizes[0][1]})"
