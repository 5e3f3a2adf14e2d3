"""buffer -> buffer: scalar operations that one instruction of the target computes become that instruction.

    trunc(ext(%a) * ext(%b) >> 32) + %c            =>   isa.smmla %a, %b, %c
    min(max(%x >> 3, -128), 127)                   =>   isa.ssat8_asr %x {s = 3}

The operations are matched against the instruction's meaning in `specs/isa`; each kind of use states that they are equal for
all numbers of 32 bits (`instr`).
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from tinyir.ir import operator as ast
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.instruction import Instruction, InstructionSet
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I32, I64
from tinyir.prove.obligations import Obligation
from tinyir.prove.scalar_instructions import ScalarInstructionClaim, Term
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set

OPERATIONS = {"+": "arith.addi", "-": "arith.subi", "*": "arith.muli", ">>": "arith.shrsi"}
EXTREMES = {"min": "arith.minsi", "max": "arith.maxsi"}
CONVERSIONS = ("arith.extsi", "arith.trunci")


@attrs.frozen
class SelectScalars(Pass):
    """Uses the scalar instructions whose meaning is more than one operation, the greatest first."""

    name: ClassVar[str] = "select_scalars"
    reads: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")
    leaves: ClassVar[tuple[str, ...]] = ("buffer", "loop", "arith", "isa", "func", "builtin")

    def run(self, module: Operation, context: PassContext) -> None:
        for instructions in (s for name in getattr(context.target, "isa", ()) if (s := instruction_set(name)) is not None):
            scalar = [i for i in instructions.instructions.values() if i.is_scalar and len(i.lanes) == 1]
            scalar.sort(key=lambda i: -_size(i.lanes[0]))
            proofs: dict[object, bool] = {}
            for operation in reversed(list(module.walk())):
                if operation.parent is not None and operation.name.startswith("arith.") and operation.result.type is I32:
                    _select(operation, scalar, instructions, context, proofs)


def _size(expression: ast.Expression) -> int:
    if isinstance(expression, ast.Binary):
        return 1 + _size(expression.left) + _size(expression.right)
    if isinstance(expression, ast.Call):
        return 1 + sum(_size(item.expression) for item in expression.items)
    return 0


def _select(operation: Operation, scalar: list[Instruction], instructions: InstructionSet, context: PassContext, proofs: dict[object, bool]) -> None:
    for instruction in scalar:
        match = _Match(instruction)
        if not match.value(instruction.lanes[0], operation.result):
            continue
        immediates = {operand.name: match.numbers[operand.name] for operand in instruction.immediates}
        term = match.term(operation.result)
        assert isinstance(term, Term)
        key = (instruction.name, tuple(immediates.items()), term, match.same)
        if key not in proofs:
            claim = ScalarInstructionClaim(instruction, tuple(immediates.items()), term, match.same)
            statement = f"{instruction.name} of {instructions.name} computes {len(match.taken)} scalar operations"
            where = ", ".join(operation.location.names) or "scalar operations"
            proofs[key] = claim.check().state == "proved" and context.ledger.add(Obligation("instr", where, statement, claim)).state == "proved"
        if proofs[key]:
            properties: dict[str, Attribute] = {name: IntegerAttribute(value, I32) for name, value in immediates.items()}
            operands = [match.values[operand.name] for operand in instruction.registers]
            made = Builder.before(operation).create(f"isa.{instruction.name}", operands, [I32], properties)
            made.result.name = operation.result.name
            operation.replace_by(made.result)
            _erase_unused([operand.definer for operand in match.inner])
            return


def _erase_unused(operations: list[Operation | None]) -> None:
    for operation in operations:
        if operation is not None and operation.parent is not None and not any(result.use_count for result in operation.results):
            operation.erase()


class _Match:
    """A meaning laid over operations: what its names stand for."""

    def __init__(self, instruction: Instruction) -> None:
        self.instruction = instruction
        self.values: dict[str, Value] = {}
        self.numbers: dict[str, int] = {}
        self.taken: set[Operation] = set()
        self.inner: list[Value] = []
        """The results of what was taken, users first."""

    def value(self, expression: ast.Expression, value: Value) -> bool:
        number = _number(expression)
        if number is not None:
            return _constant(value) == number
        if isinstance(expression, ast.Name):
            return self._name(expression.name, value)
        value = self._unconverted(value)
        definer = value.definer
        wanted = _wanted(expression)
        if definer is None or definer.name != wanted:
            return False
        self.taken.add(definer)
        self.inner.append(value)
        sides = _parts(expression)
        swapped = definer.name not in ("arith.subi", "arith.shrsi")
        return self._sides(sides, definer.operands) or (swapped and self._sides(sides[::-1], definer.operands))

    def _sides(self, sides: list[ast.Expression], operands: tuple[Value, ...]) -> bool:
        saved = dict(self.values), dict(self.numbers), set(self.taken), list(self.inner)
        if all(self.value(side, operand) for side, operand in zip(sides, operands, strict=True)):
            return True
        self.values, self.numbers, self.taken, self.inner = saved
        return False

    def _name(self, name: str, value: Value) -> bool:
        operand = next(o for o in self.instruction.operands if o.name == name)
        if operand.immediate is not None:
            number = _constant(value)
            low, high = operand.immediate
            if number is None or not low <= number <= high:
                return False
            self.numbers[name] = number
            return True
        value = self._unconverted(value) if value.type is I64 else value
        if value.type is not I32 or self.values.get(name, value) is not value:
            return False
        self.values[name] = value
        return True

    def _unconverted(self, value: Value) -> Value:
        """The value behind conversions between 32 and 64 bits."""
        while (definer := value.definer) is not None and definer.name in CONVERSIONS and {value.type, definer.operands[0].type} == {I32, I64}:
            self.taken.add(definer)
            self.inner.append(value)
            value = definer.operands[0]
        return value

    @property
    def same(self) -> tuple[tuple[str, str], ...]:
        """The operands that are another's value, each with the first of that value."""
        return tuple((name, first) for name, value in self.values.items() if (first := self._first_name(value)) not in (name, None))

    def _first_name(self, value: Value) -> str | None:
        return next((name for name, bound in self.values.items() if bound is value), None)

    def term(self, value: Value) -> Term | str | int:
        """What was matched, as the prover sees it."""
        known = self._first_name(value)
        if known is not None:
            return known
        number = _constant(value)
        if number is not None:
            return number
        definer = value.definer
        assert definer is not None
        width = 32 if value.type is I32 else 64
        return Term(definer.name.removeprefix("arith."), tuple(self.term(operand) for operand in definer.operands), width)


def _wanted(expression: ast.Expression) -> str | None:
    if isinstance(expression, ast.Binary):
        return OPERATIONS.get(expression.operator)
    return EXTREMES.get(expression.name) if isinstance(expression, ast.Call) else None


def _parts(expression: ast.Expression) -> list[ast.Expression]:
    if isinstance(expression, ast.Binary):
        return [expression.left, expression.right]
    return [item.expression for item in expression.items] if isinstance(expression, ast.Call) else []


def _number(expression: ast.Expression) -> int | None:
    if isinstance(expression, ast.Unary) and isinstance(expression.operand, ast.Number):
        return -int(expression.operand.value)
    return int(expression.value) if isinstance(expression, ast.Number) else None


def _constant(value: Value) -> int | None:
    definer = value.definer
    attribute = definer.properties.get("value") if definer is not None and definer.name == "arith.constant" else None
    return attribute.value if isinstance(attribute, IntegerAttribute) else None
