"""Says on stderr what is being done, once it has taken over two seconds."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from types import TracebackType
from typing import TextIO

PATIENCE_SECONDS = 2.0


class Progress:
    """A line per step from `patience_seconds` after the start on, the step that was then running included.

    `stream` None: says nothing.  Use as a context: what was waiting to be said is dropped at its end.
    """

    def __init__(self, stream: TextIO | None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._stream = stream
        self._start = monotonic()
        self._step = ""
        self._lock = threading.Lock()
        self._talking = patience_seconds <= 0
        self._timer = threading.Timer(patience_seconds, self._begin)
        self._timer.daemon = True
        if stream is not None and not self._talking:
            self._timer.start()

    @classmethod
    def on_terminal(cls, quiet: bool) -> Progress:
        """Talks to a person only: not to a file, and not if asked to be quiet."""
        return cls(sys.stderr if sys.stderr.isatty() and not quiet else None)

    def __call__(self, step: str) -> None:
        """A step begins."""
        with self._lock:
            self._step = step
            if self._talking:
                self._say()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()

    def _begin(self) -> None:
        with self._lock:
            self._talking = True
            if self._step:
                self._say()

    def _say(self) -> None:
        if self._stream is not None:
            self._stream.write(f"{monotonic() - self._start:6.1f} s  {self._step}\n")
            self._stream.flush()
