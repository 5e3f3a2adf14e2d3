"""The cyclic garbage collector while much is built that lives: run seldom, or it costs several times the work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS_BETWEEN_COLLECTIONS = 200_000
OBJECTS_BETWEEN_FULL_COLLECTIONS = (500_000, 1_000_000)
"""At least and at most: a collection takes a second for some millions of objects that are garbage, and as long for as many that are not."""


class Aging:
    """Makes what was built old at once: to look through it for garbage now would find little, for nearly all of it lives."""

    def __init__(self) -> None:
        self.objects = 0
        self.limit = OBJECTS_BETWEEN_FULL_COLLECTIONS[0]

    def age(self) -> None:
        """Moves the young objects to the oldest generation; after many of them all are collected, the later the less that finds."""
        self.objects += gc.get_count()[0]
        if self.objects > self.limit:
            is_garbage = gc.collect() > self.objects // 2
            self.limit = OBJECTS_BETWEEN_FULL_COLLECTIONS[0 if is_garbage else 1]
            self.objects = 0
        elif not gc.get_freeze_count():  # else somebody has frozen what must stay frozen
            gc.freeze()
            gc.unfreeze()


_AGING = Aging()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Raises the collector's thresholds for the time of a block; nested blocks leave them as they are."""
    thresholds = gc.get_threshold()
    if thresholds[0] >= OBJECTS_BETWEEN_COLLECTIONS:
        yield
        return
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 100)
    try:
        yield
    finally:
        _AGING.age()
        gc.set_threshold(*thresholds)


@contextmanager
def never_collected() -> Iterator[None]:
    """Stops the collector for the time of a block that makes no garbage: to look for some would cost more, the more the block makes."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        _AGING.age()
        gc.enable()
