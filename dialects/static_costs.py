"""The cost model that comes with tinyir: what the code of a module at the buffer level will take, told from its tree and the target's tables.

    a loop of n iterations         n times its body, and what going round costs, unless the compiler writes it out
    a loop that is a block         the lines that its registers were allocated for, exactly
    a load, store, isa.*, arith.*  an instruction, or two where numbers are wider than registers
    a branch                       its test, and the part that is taken

Bounds and conditions that depend on other loops are tried at places that are spread evenly over these.  What compilers decide
(hoisting, addresses, spilled registers), and what scalar functions take, is not modelled: figures are estimates, and what is
measured decides where the two differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tinyir.dialects import loop
from tinyir.dialects.buffer import RAM
from tinyir.dialects.isa_block import block_text, machine_loop
from tinyir.dialects.nest_costs import nest_cost
from tinyir.ir.affine import AffineSet
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, TypeAttribute, element_bytes
from tinyir.ir.builder import functions
from tinyir.ir.machine_block import BlockForm, Line, StepLine, StrideLine, allocate
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I64, MemRefType
from tinyir.rewrite.costs import Cost
from tinyir.rewrite.passes import Target
from tinyir.text.instruction_reader import instruction_set

__all__ = ["cost", "layer_costs", "nest_cost"]

FREE = ("arith.constant", "arith.trunci", "arith.extsi", "arith.extui", "buffer.get_global", "buffer.view", "loop.yield", "func.return")
"""What takes no instruction of its own: part of a load, of a store, of what uses it, or nothing at all."""
TWO = ("arith.maxsi", "arith.minsi", "arith.select", "arith.maximumf", "arith.minimumf")
"""What takes a comparison and a move."""
PLACES = 32
"""At how many places of all loops around what depends on them is tried."""
DEFAULTS = {"loop_round": 3.0, "branch": 2.0, "unrolled_trips": 0.0, "block_entry": 0.0, "instruction_bytes": 4.0}
"""What a target's table says otherwise: instructions of going round a loop, of a branch and around a block (which takes almost all
registers), the longest loop that is written out, bytes of an instruction."""
CLASSES = {"buffer.load": "load", "buffer.store": "store", "arith.muli": "multiply", "loop.if": "branch_not_taken", "loop.for": "branch_taken"}
"""The class of the table of cycles by operation; others are data processing."""

Counts = Mapping[str, float]
"""Instructions by class."""


def cost(module: Operation, target: Target) -> Cost:
    """Of one run of the network, all of whose functions are called once."""
    layers = layer_costs(module, target)
    memories = [operation.properties["type"] for operation in module.body if operation.name == "buffer.global"]
    types = [each.type for each in memories if isinstance(each, TypeAttribute)]
    ram = sum(each.element_count * element_bytes(each.element) for each in types if isinstance(each, MemRefType) and each.space is RAM)
    parts = list(layers.values())
    return Cost(sum(each.instructions for each in parts), sum(each.cycles for each in parts), sum(each.code_bytes for each in parts), ram)


def layer_costs(module: Operation, target: Target, places: int = PLACES) -> dict[str, Cost]:
    """Of each function by its name, without RAM; fewer places take less time and tell less."""
    return {_name(function): _function_cost(function, target, places) for function in functions(module)}


def _name(function: Operation) -> str:
    name = function.properties["sym_name"]
    assert isinstance(name, StringAttribute)
    return name.value


def _function_cost(function: Operation, target: Target, places: int) -> Cost:
    tables = {**DEFAULTS, **target.costs.instructions}
    executed: dict[str, float] = defaultdict(float)
    blocks: dict[Operation, dict[str, float]] = {}
    for place in range(places):
        for kind, number in _Estimate(tables, place, blocks).block(function.body, 0).items():
            executed[kind] += number / places
    cycles = sum(number * _cycles(kind, target.costs.cycles) for kind, number in executed.items())
    return Cost(sum(executed.values()), cycles, _lines(function.body, tables) * tables["instruction_bytes"], 0)


def _cycles(kind: str, table: Mapping[str, int]) -> int:
    """Of one instruction; `load_multiple 4` is one of four registers."""
    name, _, registers = kind.partition(" ")
    return table.get(f"{name}_base", 1) + int(registers) * table.get(f"{name}_per_register", 1) if registers else table.get(name, 1)


def _lines(block: Block, tables: Mapping[str, float]) -> float:
    """How many instructions stand in the code of a block."""
    total = 0.0
    for operation in block:
        if operation.name == "loop.for" and "block" in operation.attributes:
            total += _block_lines(operation)[0]
        else:
            total += {"loop.for": tables["loop_round"], "loop.if": tables["branch"]}.get(operation.name, _instructions(operation))
            total += sum(_lines(inner, tables) for region in operation.regions for inner in region.blocks)
    return total


class _Estimate:
    """What runs if every loop's index stands at one place of its range, the same share of it for loops at the same depth."""

    def __init__(self, tables: Mapping[str, float], place: int, blocks: dict[Operation, dict[str, float]]) -> None:
        self.tables = tables
        self.place = place
        self.values: dict[Value, int] = {}
        self.blocks = blocks

    def block(self, block: Block, depth: int) -> Counts:
        """The instructions of one time through a block."""
        found: dict[str, float] = defaultdict(float)
        for operation in block:
            if operation.name == "loop.for":
                _add(found, self._loop(operation, depth))
            elif operation.name == "loop.if":
                found["branch_not_taken"] += self.tables["branch"]
                _add(found, self.block(operation.regions[0 if self._holds(operation) else 1].blocks[0], depth))
            else:
                found[CLASSES.get(operation.name, "data_processing")] += _instructions(operation)
        return found

    def _loop(self, nest: Operation, depth: int) -> Counts:
        lower = max(e.evaluate(self._point(loop.lower_operands(nest))) for e in loop.lower_map(nest).results)
        upper = min(e.evaluate(self._point(loop.upper_operands(nest))) for e in loop.upper_map(nest).results)
        trips = max(0, -(-(upper - lower) // loop.step(nest)))
        if "block" in nest.attributes and trips:
            if nest not in self.blocks:
                self.blocks[nest] = _block_lines(nest)[1]
                _add(self.blocks[nest], {"data_processing": self.tables["block_entry"]})
            return self.blocks[nest]
        share = (self.place + 0.5) * _STRIDES[depth % len(_STRIDES)] % 1
        self.values[loop.induction_variable(nest)] = lower + int(share * trips) * loop.step(nest)
        body = self.block(nest.body, depth + 1) if trips else {}
        found: dict[str, float] = defaultdict(float, {kind: number * trips for kind, number in body.items()})
        holds_block = any("block" in inner.attributes for inner in nest.walk())  # compilers are told to leave such a loop
        if holds_block or not loop.constant_bounds(nest) or trips > self.tables["unrolled_trips"]:
            found["data_processing"] += trips * (self.tables["loop_round"] - 1) + 1
            found["branch_taken"] += trips
        return found

    def _point(self, operands: Sequence[Value]) -> list[int]:
        """An index that was computed, and is known only when the code runs, counts as the first."""
        return [self.values.get(operand, 0) for operand in operands]

    def _holds(self, branch: Operation) -> bool:
        condition = branch.properties["condition"]
        assert isinstance(condition, AffineSet)
        point = self._point(branch.operands)
        return all((value == 0) if equal else (value >= 0) for e, equal in condition.constraints for value in [e.evaluate(point)])


_STRIDES = (0.6180339887, 0.7548776662, 0.5698402910, 0.8191725134, 0.6710436067, 0.5497004779)
"""Irrational steps, so that the places of loops in loops are spread evenly (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018)."""


def _add(total: dict[str, float], more: Counts) -> None:
    for kind, number in more.items():
        total[kind] += number


def _instructions(operation: Operation) -> int:
    if operation.name in FREE:
        return 0
    wide = any(value.type is I64 for value in (*operation.operands, *operation.results))
    return 2 if operation.name in TWO or (wide and operation.name != "arith.muli") else 1


def _kind(line: Line, form: BlockForm) -> str:
    """The class of a line; what several registers are loaded or stored by has their number."""
    if isinstance(line, StepLine):
        return "data_processing"
    if isinstance(line, StrideLine):
        return "load"
    access = form.accesses[line.form]
    if access.kind == "move":
        return "data_processing"
    return f"{access.kind}_multiple {len(line.registers)}" if len(line.registers) > 1 else access.kind


def _block_lines(nest: Operation) -> tuple[int, dict[str, float]]:
    """The lines of a block's text, and what one run of it executes."""
    found, name, unrolled = machine_loop(nest), nest.attributes["block"], nest.attributes["round"]
    assert found is not None
    assert isinstance(name, StringAttribute)
    assert isinstance(unrolled, IntegerAttribute)
    instructions = instruction_set(name.value)
    assert instructions is not None
    assert instructions.block is not None
    lines = allocate(found.body, instructions.block)
    text, goes_round = block_text(lines, found.trips, unrolled.value, instructions)
    kinds = Counter(_kind(line, instructions.block) for line in lines)
    executed: dict[str, float] = defaultdict(float, {kind: float(number * found.trips) for kind, number in kinds.items()})
    if goes_round:
        first = text.index("1:")
        until = len(instructions.block.until)
        rounds = (found.trips * len(lines) - first) // (len(text) - first - 1 - until)
        executed["data_processing"] += rounds * (until - 1)
        executed["branch_taken"] += rounds
    executed["data_processing"] += found.body.operands  # what puts them where the block wants them
    return len(text), executed
