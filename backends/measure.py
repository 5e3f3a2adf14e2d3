"""What a model costs: sizes from a link of its own, instructions and stack from a run.  1 KB = 1,024 bytes; start-up code and harness count nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from tinyir.backends.elf import ALLOCATE, EXECUTE, NO_BITS, WRITE, read_elf
from tinyir.backends.manifest import Manifest
from tinyir.backends.toolchain import Toolchain, script_flags


@attrs.frozen
class Measurement:
    """The figures of one model on one target; None where the target does not tell.

    instructions: those of NAME_run, greatest over the rows (least and mean beside it); cycles: modelled, of that row; code: executable sections of the model
    and of the library code it pulls in; weight: its constant data; flash: both + .data; arena: as the compiler planned it; stack: greatest depth that NAME_run
    wrote to; ram: .data + .bss + stack.
    """

    instructions: int | None = None
    instructions_least: int | None = None
    instructions_mean: float | None = None
    cycles: int | None = None
    code_bytes: int | None = None
    weight_bytes: int | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    ram_bytes: int | None = None
    stack_bytes: int | None = None


@attrs.frozen
class Sizes:
    """Bytes of a model's sections by what they are."""

    code_bytes: int
    weight_bytes: int
    data_bytes: int
    zeroed_bytes: int


def section_sizes(path: Path) -> Sizes:
    """The sizes of an object or program: executable, constant, initialized and zeroed sections (alignment inside a linked section counts)."""
    code = weights = data = zeroed = 0
    for section in read_elf(path).sections:
        if not section.flags & ALLOCATE or section.name.startswith((".note", ".eh_frame")):
            continue
        if section.flags & EXECUTE:
            code += section.size_bytes
        elif not section.flags & WRITE:
            weights += section.size_bytes
        elif section.kind == NO_BITS:
            zeroed += section.size_bytes
        else:
            data += section.size_bytes
    return Sizes(code, weights, data, zeroed)


def linked_sizes(toolchain: Toolchain, model: Path, library: Sequence[Path], roots: Sequence[str], linker_script: str) -> Sizes:
    """The sizes of a model with what it pulls in: a link without start-up and harness, in which only the roots (its functions) are kept alive."""
    program = model.with_suffix(".sizes.elf")
    keep = [f"-Wl,-u,{root}" for root in roots]
    toolchain.link([model, *library], program, [*script_flags(linker_script), f"-Wl,-e,{roots[0]}", *keep])
    return section_sizes(program)


def measurement(sizes: Sizes, counts: Sequence[int], cycles: int | None, manifest: Manifest, stack_bytes: int | None) -> Measurement:
    """Puts the readings together; `counts` are the instructions of each row, empty where none were counted, `cycles` those of the row that took most."""
    owned = manifest.arena_bytes if manifest.arena_type else 0  # by the caller, in no section of the model
    return Measurement(
        instructions=max(counts) if counts else None,
        instructions_least=min(counts) if counts else None,
        instructions_mean=sum(counts) / len(counts) if counts else None,
        cycles=cycles,
        code_bytes=sizes.code_bytes,
        weight_bytes=sizes.weight_bytes,
        flash_bytes=sizes.code_bytes + sizes.weight_bytes + sizes.data_bytes,
        arena_bytes=manifest.arena_bytes,
        ram_bytes=None if stack_bytes is None else sizes.data_bytes + sizes.zeroed_bytes + owned + stack_bytes,
        stack_bytes=stack_bytes,
    )
