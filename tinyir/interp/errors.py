"""What goes wrong when a program runs."""

from __future__ import annotations

from tinyir.ir.errors import TinyirError


class InterpreterError(TinyirError):
    """The program did something undefined: read outside of a tensor, defined an element twice, ..."""
