"""What a run's instructions were: counts by class and bytes moved, from the blocks that a simulator counted and the code of the program; cycles from a table.

The table is that of the target file.  A multiple load or store counts as its base and once per register (`load_multiple_base`,
`load_multiple_per_register`); a branch as taken where other code than what stands behind it ran next; an instruction right behind a load as
`CLASS_after_load` where the table knows that such pairs overlap.  An instruction of an IT block whose condition fails counts as if it had run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import attrs

from tinyir.backends.elf import Elf
from tinyir.backends.encodings import Encodings, Instruction, load_encodings
from tinyir.backends.target import Costs
from tinyir.ir.errors import TinyirError

LONGEST_BYTES = 4


@attrs.frozen
class Block:
    """Code that ran in one piece: where it stands, its length, how often it ran, and how often other code than what stands behind it ran next."""

    address: int
    instructions: int
    executions: int
    jumps: int


@attrs.frozen
class Profile:
    """One pass through a network: how often each class of the table of cycles applied, and what its loads and stores moved."""

    classes: Mapping[str, int] = attrs.field(factory=dict)
    bytes_loaded: int = 0
    bytes_stored: int = 0

    def cycles(self, costs: Costs) -> int | None:
        """Modelled by the target's table; None if there is none, or if it does not know a class that was counted."""
        if not costs.cycles or any(number and name not in costs.cycles for name, number in self.classes.items()):
            return None
        return sum(number * costs.cycles[name] for name, number in self.classes.items())

    def minus(self, before: Profile) -> Profile:
        """What came to this run beside `before`."""
        names = {*self.classes, *before.classes}
        classes = {name: self.classes.get(name, 0) - before.classes.get(name, 0) for name in sorted(names)}
        loaded, stored = self.bytes_loaded - before.bytes_loaded, self.bytes_stored - before.bytes_stored
        return Profile({name: number for name, number in classes.items() if number}, loaded, stored)


def profile(program: Elf, blocks: Sequence[Block], costs: Costs) -> Profile | None:
    """The classes of the instructions that ran; None if the target does not say how they are encoded.

    Raises:
        TinyirError: a block is no code of the program.
    """
    if not costs.encodings or not blocks:
        return None
    encodings = load_encodings(costs.encodings)
    decoded = [(block, encodings.decode(_code(program, block, encodings), block.instructions)) for block in blocks]
    entered = _entered(decoded)
    classes: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for block, instructions in decoded:
        classes.update(_classes(instructions, block, entered[block.address], costs.cycles))
        moved.update(_moved(instructions, block))
    return Profile({name: number for name, number in sorted(classes.items()) if number}, moved["load"], moved["store"])


def _entered(decoded: Sequence[tuple[Block, Sequence[Instruction]]]) -> dict[int, Counter[str]]:
    """By address: the classes of the instructions before it from which it was come to without a branch, and how often (simulators cut code anywhere)."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for block, instructions in decoded:
        end = block.address + sum(instruction.encoding.size_bytes for instruction in instructions)
        found[end][instructions[-1].encoding.classes[0]] += block.executions - block.jumps
    return found


def _code(program: Elf, block: Block, encodings: Encodings) -> bytes:
    for segment in program.segments:
        at = block.address - segment.virtual
        if 0 <= at < len(segment.data):
            return segment.data[at : at + block.instructions * LONGEST_BYTES]
    raise TinyirError(f"code of {encodings.name} ran at {block.address:#x}, where the program has none")


def _classes(instructions: Sequence[Instruction], block: Block, entered: Counter[str], cycles: Mapping[str, int]) -> Counter[str]:
    """`entered`: the classes that may stand before the first instruction, and how often each of them does."""
    found: Counter[str] = Counter()
    after_load = min(block.executions, entered["load"])
    befores = [("", block.executions - after_load), ("load", after_load)]
    for number, instruction in enumerate(instructions, 1):
        taken = block.jumps if number == len(instructions) else 0
        for before, executions in befores:
            for name, times in _weighted(instruction, before, cycles):
                found[name] += times * executions
        if "branch" in instruction.encoding.classes:
            found["branch_taken"] += taken
            found["branch_not_taken"] += block.executions - taken
        befores = [(instruction.encoding.classes[0], block.executions)]
    del found["branch"]
    return found


def _weighted(instruction: Instruction, before: str, cycles: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The classes of one instruction and how often each applies."""
    for name in instruction.encoding.classes:
        if instruction.encoding.is_multiple and name.endswith("_multiple"):
            yield f"{name}_base", 1
            yield f"{name}_per_register", instruction.registers
        elif f"{name}_after_{before}" in cycles:
            yield f"{name}_after_{before}", 1
        else:
            yield name, 1


def _moved(instructions: Sequence[Instruction], block: Block) -> Counter[str]:
    found: Counter[str] = Counter()
    for instruction in instructions:
        kind = "store" if "store" in instruction.encoding.classes[0] else "load"
        found[kind] += instruction.encoding.bytes_each * instruction.registers * block.executions
    return found
