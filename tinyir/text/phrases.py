"""Texts that were read before, and their values."""

from __future__ import annotations

from typing import Any

GREATEST_LENGTH = 512
"""Longer texts (large constants) are not kept."""
GREATEST_NUMBER = 20_000
"""When so many are kept for the process, it starts afresh."""
_SHARED: dict[str, dict[str, Any]] = {}


class PhraseBook:
    """Values by kind and text.  What an alias of the file takes part in is known to this book alone."""

    def __init__(self) -> None:
        self._own: dict[str, dict[str, Any]] = {}

    def find(self, kind: str, text: str) -> Any:
        """The value, or None."""
        shared = _SHARED.get(kind)
        found = shared.get(text) if shared is not None else None
        if found is None:
            own = self._own.get(kind)
            return own.get(text) if own is not None else None
        return found

    def keep(self, kind: str, text: str, value: Any, is_own: bool) -> None:
        """Remembers a value; `is_own`: it depends on an alias."""
        if len(text) <= GREATEST_LENGTH:
            book = (self._own if is_own else _SHARED).setdefault(kind, {})
            if len(book) >= GREATEST_NUMBER:
                book.clear()
            book[text] = value
