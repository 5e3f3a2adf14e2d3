"""Prints asm statements in GNU's form, their operands in registers that are pinned by name."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.backends.c_text import Names, declare
from tinyir.ir.attributes import ArrayAttribute, DenseArray, StringAttribute
from tinyir.ir.operation import Operation


def assembly_text(operation: Operation, names: Sequence[str], scope: Names, indent: str) -> list[str]:
    """The lines of a `c.assembly` whose operands have these names."""
    sizes = operation.properties["operandSegmentSizes"]
    assert isinstance(sizes, DenseArray)
    sums, pointers, inputs, ends, _ = (int(size) for size in sizes.values)
    pinned = _strings(operation, "pinned")
    words = [f"{word}{i}" for word, count in (("sum", sums), ("pointer", pointers), ("in", inputs)) for i in range(count)]
    memory = ["end"] * ends + [f"stride{i}" for i in range(len(names) - len(words) - ends)]
    places = [scope.fresh(f"in_{register}") for register in pinned]
    lines = [
        f'{indent}register {declare(operand.type, place)} __asm__("{register}") = {name};'
        for operand, place, register, name in zip(operation.operands, places, pinned, names, strict=False)
    ]
    operands = list(zip(words, places, strict=True))
    changed = [f'[{word}] "+r"({place})' for word, place in operands[: sums + pointers]]
    in_memory = (f'[{word}] "m"({name})' for word, name in zip(memory, names[len(words) :], strict=True))
    read = [*(f'[{word}] "r"({place})' for word, place in operands[sums + pointers :]), *in_memory]
    clobbered = ", ".join(f'"{word}"' for word in (*_strings(operation, "registers"), "cc", "memory"))
    inner = indent + "        "
    lines += [f"{indent}__asm__ volatile(", *(f'{inner}"{line}\\n"' for line in _strings(operation, "lines"))]
    lines += [f"{inner}: {', '.join(changed)}", f"{inner}: {', '.join(read)}".rstrip(), f"{inner}: {clobbered});"]
    return lines + [f"{indent}{name} = {place};" for name, place in zip(names[:sums], places, strict=False)]


def _strings(operation: Operation, property: str) -> list[str]:
    found = operation.properties[property]
    assert isinstance(found, ArrayAttribute)
    return [each.value for each in found.elements if isinstance(each, StringAttribute)]
