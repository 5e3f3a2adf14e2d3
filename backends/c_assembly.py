"""Prints asm statements in GNU's form."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.ir.attributes import ArrayAttribute, DenseArray, StringAttribute
from tinyir.ir.operation import Operation


def assembly_text(operation: Operation, names: Sequence[str], indent: str) -> list[str]:
    """The lines of a `c.assembly` whose operands have these names."""
    sizes = operation.properties["operandSegmentSizes"]
    assert isinstance(sizes, DenseArray)
    sums, pointers, _ = (int(size) for size in sizes.values)
    changed = [f'[sum{i}] "+r"({name})' for i, name in enumerate(names[:sums])]
    changed += [f'[pointer{i}] "+r"({name})' for i, name in enumerate(names[sums : sums + pointers])]
    ends = [f'[end] "m"({name})' for name in names[sums + pointers :]]
    clobbered = ", ".join(f'"{word}"' for word in (*_strings(operation, "registers"), "cc", "memory"))
    inner = indent + "        "
    lines = [f'{inner}"{line}\\n"' for line in _strings(operation, "lines")]
    return [f"{indent}__asm__ volatile(", *lines, f"{inner}: {', '.join(changed)}", f"{inner}: {', '.join(ends)}".rstrip(), f"{inner}: {clobbered});"]


def _strings(operation: Operation, property: str) -> list[str]:
    found = operation.properties[property]
    assert isinstance(found, ArrayAttribute)
    return [each.value for each in found.elements if isinstance(each, StringAttribute)]
