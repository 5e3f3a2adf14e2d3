"""The targets that a command's arguments name."""

from __future__ import annotations

import argparse

from tinyir.backends.target import Target, load_target


def target_of(arguments: argparse.Namespace) -> Target | None:
    """The target of `-t`, with what `--assembly` allows; None if none is named.

    Raises:
        TinyirError: there is no such target, or its file is not understood.
    """
    return _named(arguments.target, arguments) if arguments.target else None


def targets_of(arguments: argparse.Namespace) -> list[Target]:
    """The targets of a `-t` that takes several with commas between.

    Raises:
        TinyirError: as `target_of`.
    """
    return [_named(name, arguments) for name in arguments.target.split(",")]


def _named(name: str, arguments: argparse.Namespace) -> Target:
    target = load_target(name)
    return target.with_assembly(arguments.assembly) if arguments.assembly else target
