"""How instructions run: by their meaning, on words that hold their lanes, lane 0 in the lowest bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyir.dialects.isa import home_of, immediate_values
from tinyir.interp.machine import Machine, Step, interprets
from tinyir.ir import operator as ast
from tinyir.ir.instruction import Operand
from tinyir.ir.operation import Operation


def lanes(word: Any, operand: Operand) -> list[Any]:
    """The lanes of a word, as 64-bit integers."""
    mask, sign = (1 << operand.width) - 1, 1 << (operand.width - 1)
    if operand.lanes * operand.width > 32:
        parts = [np.asarray(np.asarray(word, object) >> operand.width * i & mask).astype(np.int64) for i in range(operand.lanes)]
        return [(part ^ sign) - sign for part in parts]
    wide = np.asarray(word).astype(np.int64)
    if operand.lanes == 1:
        return [wide]
    return [(((wide >> (operand.width * i)) & mask) ^ sign) - sign for i in range(operand.lanes)]


def packed(values: list[Any], operand: Operand) -> Any:
    """Lanes as one 32-bit word, each modulo its width."""
    mask = (1 << operand.width) - 1
    word = sum((np.asarray(value) & mask) << (operand.width * i) for i, value in enumerate(values))
    return np.asarray(word).astype(np.uint32).view(np.int32)


def _value(expression: ast.Expression, known: dict[str, list[Any]]) -> Any:
    if isinstance(expression, ast.Number):
        return expression.value
    if isinstance(expression, ast.Name):
        return known[expression.name][0]
    if isinstance(expression, ast.Access):
        index = expression.items[0].expression
        assert isinstance(index, ast.Number)
        return known[expression.name][int(index.value)]
    if isinstance(expression, ast.Unary):
        return -_value(expression.operand, known)
    if isinstance(expression, ast.Call):
        parts = [_value(item.expression, known) for item in expression.items]
        return np.minimum(*parts) if expression.name == "min" else np.maximum(*parts)
    assert isinstance(expression, ast.Binary)
    return _OPERATORS[expression.operator](_value(expression.left, known), _value(expression.right, known))


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    ">>": lambda a, b: a >> b,
}


@interprets("isa.*")
def _instruction(machine: Machine, operation: Operation) -> Step:
    instruction, immediates = home_of(operation.name)[1], immediate_values(operation)

    def run() -> None:
        known = {o.name: lanes(machine.values[v], o) for o, v in zip(instruction.registers, operation.operands, strict=True)}
        known.update({name: [value] for name, value in immediates.items()})
        machine.values[operation.result] = packed([_value(lane, known) for lane in instruction.lanes], instruction.result)

    return run
