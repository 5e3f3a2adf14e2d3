"""The isa dialect: `isa.NAME` is the instruction NAME of a file of `specs/isa`, with lanes as vectors.

    %e = isa.sxtb16 %word : (vector<4xi8>) -> vector<2xi16>
    %s = isa.smlad %e, %f, %acc : (vector<2xi16>, vector<2xi16>, i32) -> i32

Registering, verifying and interpreting all follow from the instruction's meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from tinyir.dialects import isa_vector
from tinyir.ir import operator as ast
from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import TinyirError
from tinyir.ir.instruction import Instruction, InstructionSet, Operand, VectorForm
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import specification_files
from tinyir.ir.registry import PURE, OperationDefinition, register
from tinyir.ir.types import IntegerType, Type, VectorType
from tinyir.text.instruction_reader import instruction_set


@cache
def instruction_sets() -> dict[str, InstructionSet]:
    """The instruction sets of `specs/isa`, and of other packages, by name."""
    found = {file.name: instruction_set(file.name) for file in specification_files("isa", ".isa")}
    return {name: known for name, known in found.items() if known is not None}


def home_of(operation_name: str) -> tuple[InstructionSet, Instruction]:
    """The set and the instruction of an `isa.NAME`.

    Raises:
        KeyError: there is none.
    """
    name = operation_name.removeprefix("isa.")
    for known in instruction_sets().values():
        if name in known.instructions:
            return known, known.instructions[name]
    raise KeyError(operation_name)


WORD = IntegerType(32, "u")
"""How C holds the lanes of a vector: lane 0 in the lowest bits."""


def word_type(type: Type) -> Type:
    """The C type of a value: a vector that fits is a word."""
    return WORD if isinstance(type, VectorType) and not isa_vector.is_wide(type) else type


def vector_home(type: VectorType) -> tuple[InstructionSet, VectorForm]:
    """The set that says how C spells a vector wider than a word.

    Raises:
        TinyirError: there is none.
    """
    for known in instruction_sets().values():
        for form in known.vectors:
            if form.operand.type is type:
                return known, form
    raise TinyirError(f"no file of specs/isa says how C spells {type}")


_LOAD = """static inline uint32_t {name}(const int8_t *from) {{
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t word;
    __builtin_memcpy(&word, from, 4);
    return word;
#else
    return (uint8_t)from[0] | (uint32_t)(uint8_t)from[1] << 8 | (uint32_t)(uint8_t)from[2] << 16 | (uint32_t)(uint8_t)from[3] << 24;
#endif
}}"""

_INSTRUCTION = """static inline {type} {{name}}({parameters}) {{{{
#if {condition} && defined(__GNUC__)
    {type} result;
    __asm__("{assembly}" : "=r"(result) : {inputs});
    return result;
#else
    return ({type})({meaning});
#endif
}}}}"""


def load_text() -> tuple[str, str]:
    """The name and text of the function that loads four bytes as a word."""
    return "load_i8x4", _LOAD


def instruction_text(operation: Operation) -> tuple[str, str]:
    """The name and text of the function that holds an instruction: its assembly, and its meaning in C for all other machines."""
    home, instruction = home_of(operation.name)
    if instruction.spelling:
        return isa_vector.instruction_text(home, instruction)
    width, mask = instruction.result.width, (1 << instruction.result.width) - 1
    lanes = [f"({_c_value(lane, instruction)})" for lane in instruction.lanes]
    packed = [f"({lane} & 0x{mask:X}u) << {i * width}" for i, lane in enumerate(lanes)]
    return instruction.name, _INSTRUCTION.format(
        type=_c_type(instruction.result),
        parameters=", ".join(f"{_c_type(o)} {o.name}" for o in instruction.operands),
        condition=home.condition,
        assembly=instruction.assembly,
        inputs=", ".join(f'"r"({o.name})' for o in instruction.operands),
        meaning=" | ".join(packed) if len(lanes) > 1 else lanes[0],
    )


def _c_type(operand: Operand) -> str:
    return "uint32_t" if operand.lanes > 1 else "int32_t"


def _c_value(expression: ast.Expression, instruction: Instruction) -> str:
    """A lane's meaning modulo 2^32, in unsigned arithmetic."""
    if isinstance(expression, ast.Number):
        return f"(uint32_t){expression.value}"
    if isinstance(expression, ast.Name):
        return f"(uint32_t){expression.name}"
    if isinstance(expression, ast.Access):
        operand = next(o for o in instruction.operands if o.name == expression.name)
        lane = expression.items[0].expression
        assert isinstance(lane, ast.Number)
        return f"(uint32_t)(int{operand.width}_t)({operand.name} >> {int(lane.value) * operand.width})"
    assert isinstance(expression, ast.Binary)
    return f"{_c_value(expression.left, instruction)} {expression.operator} {_c_value(expression.right, instruction)}"


def _verify(instruction: Instruction) -> Callable[[Operation], Iterable[str]]:
    def verify(operation: Operation) -> Iterable[str]:
        expected = [operand.type for operand in instruction.operands]
        if [operand.type for operand in operation.operands] != expected:
            yield f"'isa.{instruction.name}' needs operands of types {', '.join(map(str, expected))}"
        if [result.type for result in operation.results] != [instruction.result.type]:
            yield f"'isa.{instruction.name}' gives {instruction.result.type}"

    return verify


def _infer(instruction: Instruction) -> Callable[[list[Type], dict[str, Attribute]], list[Type]]:
    return lambda _operands, _properties: [instruction.result.type]


for _set in instruction_sets().values():
    for _instruction in _set.instructions.values():
        register(
            OperationDefinition(
                f"isa.{_instruction.name}",
                f"An instruction of {_set.name}.",
                operands=tuple(operand.name for operand in _instruction.operands),
                results=("result",),
                effects=PURE,
                verify=_verify(_instruction),
                infer=_infer(_instruction),
            )
        )
