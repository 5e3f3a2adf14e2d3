"""Vectors that are wider than a word, in C: the compiler's own type and functions where the machine has them, lanes one by one elsewhere."""

from __future__ import annotations

from tinyir.ir import operator as ast
from tinyir.ir.instruction import Instruction, InstructionSet, Operand, VectorForm
from tinyir.ir.types import IntegerType, Type, VectorType

WORD_BITS = 32


def is_wide(type: Type) -> bool:
    """Whether a value is a vector that no word holds."""
    return isinstance(type, VectorType) and type.element_count * _width(type) > WORD_BITS


def _width(type: VectorType) -> int:
    assert isinstance(type.element, IntegerType)
    return type.element.width


def vector_name(type: Type) -> str:
    """What a vector is called in C: vector_i8x16."""
    assert isinstance(type, VectorType)
    return f"vector_i{_width(type)}x{type.element_count}"


_TYPE = """#if {condition}
#include <{include}>
typedef {spelling} {{name}};
#else
typedef struct {{{{ int{width}_t lane[{lanes}]; }}}} {{name}};
#endif"""

_LOAD = """static inline {type} {{name}}(const int{width}_t *from) {{{{
#if {condition}
    return {load};
#else
    {type} value;
    for (int i = 0; i < {lanes}; i++) value.lane[i] = from[i];
    return value;
#endif
}}}}"""

_INSTRUCTION = """static inline {type} {{name}}({parameters}) {{{{
#if {condition}
    return {spelling};
#else
    return ({type})({meaning});
#endif
}}}}"""


def type_text(instructions: InstructionSet, form: VectorForm) -> tuple[str, str]:
    """The name of a vector's type and the text that declares it."""
    type = VectorType((form.operand.lanes,), IntegerType(form.operand.width))
    text = _TYPE.format(
        condition=instructions.condition, include=form.include, spelling=form.spelling, width=form.operand.width, lanes=form.operand.lanes
    )
    return vector_name(type), text


def load_text(instructions: InstructionSet, form: VectorForm) -> tuple[str, str]:
    """The name and text of the function that loads a vector from any address."""
    operand = form.operand
    text = _LOAD.format(
        type=vector_name(operand.type),
        width=operand.width,
        condition=instructions.condition,
        load=form.load.format(**{"from": "from"}),
        lanes=operand.lanes,
    )
    return f"load_i{operand.width}x{operand.lanes}", text


def instruction_text(instructions: InstructionSet, instruction: Instruction) -> tuple[str, str]:
    """The name and text of the function that holds an instruction which C has a name for."""
    return instruction.name, _INSTRUCTION.format(
        type="int32_t",
        parameters=", ".join(f"{_c_type(operand)} {operand.name}" for operand in instruction.operands),
        condition=instructions.condition,
        spelling=instruction.spelling.format(**{operand.name: operand.name for operand in instruction.operands}),
        meaning=_c_value(instruction.lanes[0]),
    )


def _c_type(operand: Operand) -> str:
    return vector_name(operand.type) if operand.lanes > 1 else "int32_t"


def _c_value(expression: ast.Expression) -> str:
    """A meaning modulo 2^32, in unsigned arithmetic."""
    if isinstance(expression, ast.Number):
        return f"(uint32_t){expression.value}"
    if isinstance(expression, ast.Name):
        return f"(uint32_t){expression.name}"
    if isinstance(expression, ast.Access):
        lane = expression.items[0].expression
        assert isinstance(lane, ast.Number)
        return f"(uint32_t){expression.name}.lane[{lane.value}]"
    assert isinstance(expression, ast.Binary)
    left, right = _c_value(expression.left), _c_value(expression.right)
    return f"{left} {expression.operator} {right if expression.operator != '*' or not isinstance(expression.right, ast.Binary) else f'({right})'}"
