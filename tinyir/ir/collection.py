"""The cyclic garbage collector while much is built that lives: run seldom, or it costs several times the work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS_BETWEEN_COLLECTIONS = 200_000


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
        gc.set_threshold(*thresholds)
