"""The isa dialect: `isa.NAME` is the instruction NAME of a file of `specs/isa`, with lanes as vectors.

    %e = isa.sxtb16 %word : (vector<4xi8>) -> vector<2xi16>
    %s = isa.smlad %e, %f, %acc : (vector<2xi16>, vector<2xi16>, i32) -> i32

Registering, verifying and interpreting all follow from the instruction's meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from tinyir.dialects import isa_vector
from tinyir.ir import operator as ast
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import IntegerAttribute
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


def sets_of(target: object) -> list[InstructionSet]:
    """A target's instruction sets, those that it prefers first."""
    return [known for name in getattr(target, "isa", ()) if (known := instruction_set(name)) is not None]


def has_sequence(target: object, name: str) -> bool:
    """Whether one of a target's instruction sets has a sequence of that name."""
    return any(name in known.sequences for known in sets_of(target))


def sequence_lanes(target: object, name: str) -> int:
    """The lanes of the first operand of a target's sequence, in the set that it prefers; 1 if it has none."""
    return next((known.sequences[name].operands[0].lanes for known in sets_of(target) if name in known.sequences), 1)


def block_registers(target: object) -> int:
    """How many registers a block of assembly has for all it holds; 0 without blocks."""
    return next((known.block.all_registers for known in sets_of(target) if known.block is not None), 0)


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


_LOAD = """static inline uint32_t {{name}}(const int8_t *from) {{{{
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t word;
    __builtin_memcpy(&word, {from_}, 4);
    return word;
#else
    union {{{{ int8_t bytes[4]; int{width}_t lanes[{lanes}]; }}}} word;
    for (int i = 0; i < 4; i++) word.bytes[i] = from[i];
    return {parts};
#endif
}}}}"""

_STORE = """static inline void {{name}}(int8_t *to, uint32_t value) {{{{
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    __builtin_memcpy({to}, &value, 4);
#else
    union {{{{ int8_t bytes[4]; int{width}_t lanes[{lanes}]; }}}} word;
{parts}
    for (int i = 0; i < 4; i++) to[i] = word.bytes[i];
#endif
}}}}"""

_INSTRUCTION = """static inline {type} {{name}}({parameters}) {{{{
#if {condition}
{machine}
#else
    return ({type})({meaning});
#endif
}}}}"""

_ASSEMBLY = """    {type} result;
    __asm__("{assembly}" : "=r"(result) : {inputs});
    return result;"""

_PLAIN_INSTRUCTION = """static inline {type} {{name}}({parameters}) {{{{
    return ({type})({meaning});
}}}}"""

_INCLUDE = """#if {condition}
#include <{include}>
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in its macros */
#endif
#endif"""


def load_text(type: VectorType, aligned: bool = False) -> tuple[str, str]:
    """The name and text of the function that loads a word of lanes from any address, or from one that is known to be a multiple of a word."""
    width, lanes = _lane_width(type), type.element_count
    parts = [f"(uint32_t)(uint{width}_t)word.lanes[{i}]" + (f" << {i * width}" if i else "") for i in range(lanes)]
    return f"load_{_word_name(type, aligned)}", _LOAD.format(width=width, lanes=lanes, from_=_word_address("from", aligned), parts=" | ".join(parts))


def store_text(type: VectorType, aligned: bool = False) -> tuple[str, str]:
    """The name and text of the function that stores a word of lanes to any address, or to one that is known to be a multiple of a word."""
    width, lanes = _lane_width(type), type.element_count
    parts = [f"    word.lanes[{i}] = (int{width}_t)(value >> {i * width});" for i in range(lanes)]
    return f"store_{_word_name(type, aligned)}", _STORE.format(width=width, lanes=lanes, to=_word_address("to", aligned), parts="\n".join(parts))


def _word_name(type: VectorType, aligned: bool) -> str:
    return f"{'aligned_' if aligned else ''}i{_lane_width(type)}x{type.element_count}"


def _word_address(pointer: str, aligned: bool) -> str:
    """A pointer as gcc shall take it: words at unknown addresses are never loaded or stored by twos."""
    return f"__builtin_assume_aligned({pointer}, 4)" if aligned else pointer


def _lane_width(type: VectorType) -> int:
    assert isinstance(type.element, IntegerType)
    return type.element.width


def include_text(operation: Operation) -> tuple[str, str] | None:
    """The name and text of what includes the header that an instruction's spelling in C needs, if it needs one."""
    home, instruction = home_of(operation.name)
    if not home.include or not instruction.spelling:
        return None
    return f"include_{home.include.replace('.', '_')}", _INCLUDE.format(condition=home.condition, include=home.include)


def instruction_text(operation: Operation, assembly: bool = True) -> tuple[str, str]:
    """The name and text of the function that holds an instruction: its assembly, and its meaning in C for all other machines.

    Without `assembly` its spelling in C is in place of the former, if it has one.
    """
    home, instruction = home_of(operation.name)
    if not instruction.assembly:
        return isa_vector.instruction_text(home, instruction)
    immediates = immediate_values(operation)
    width, mask = instruction.result.width, (1 << instruction.result.width) - 1
    if instruction.is_scalar:
        lanes = [f"(uint32_t)({_c_wide(lane, immediates)})" for lane in instruction.lanes]
    else:
        lanes = [f"({_c_value(lane, instruction)})" for lane in instruction.lanes]
    packed = [f"({lane} & 0x{mask:X}u) << {i * width}" for i, lane in enumerate(lanes)]
    parts = {
        "type": _c_type(instruction.result),
        "parameters": ", ".join(f"{_c_type(o)} {o.name}" for o in instruction.registers),
        "meaning": " | ".join(packed) if len(lanes) > 1 else lanes[0],
    }
    name = "_".join((instruction.name, *(str(v) for v in immediates.values())))
    if assembly:
        machine = _assembly(instruction, immediates)
        return name, _INSTRUCTION.format(**parts, condition=f"{home.condition} && defined(__GNUC__)", machine=machine)
    if instruction.spelling:
        words = {operand.name: str(immediates.get(operand.name, operand.name)) for operand in instruction.operands}
        return name, _INSTRUCTION.format(**parts, condition=home.condition, machine=f"    return {instruction.spelling.format(**words)};")
    return name, _PLAIN_INSTRUCTION.format(**parts)


def _assembly(instruction: Instruction, immediates: Mapping[str, int]) -> str:
    text = instruction.assembly
    for operand in instruction.immediates:
        text = text.replace(f"%{instruction.operands.index(operand) + 1}", str(immediates[operand.name]))
    inputs = ", ".join(f'"r"({o.name})' for o in instruction.registers)
    return _ASSEMBLY.format(type=_c_type(instruction.result), assembly=text, inputs=inputs)


def immediate_values(operation: Operation) -> dict[str, int]:
    """The numbers in an instruction, by the names of its operands."""
    found = {}
    for operand in home_of(operation.name)[1].immediates:
        value = operation.properties[operand.name]
        assert isinstance(value, IntegerAttribute)
        found[operand.name] = value.value
    return found


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


def _c_wide(expression: ast.Expression, immediates: Mapping[str, int]) -> str:
    """A meaning over numbers of 32 bits, in arithmetic of 64."""
    if isinstance(expression, ast.Number):
        return str(expression.value)
    if isinstance(expression, ast.Name):
        return str(immediates.get(expression.name, f"(int64_t){expression.name}"))
    if isinstance(expression, ast.Unary):
        return f"{expression.operator}{_c_wide(expression.operand, immediates)}"
    if isinstance(expression, ast.Call) and expression.name in ("min", "max"):
        left, right = (f"({_c_wide(item.expression, immediates)})" for item in expression.items)
        return f"{left} {'<' if expression.name == 'min' else '>'} {right} ? {left} : {right}"
    assert isinstance(expression, ast.Binary)
    return f"({_c_wide(expression.left, immediates)}) {expression.operator} ({_c_wide(expression.right, immediates)})"


def _verify(instruction: Instruction) -> Callable[[Operation], Iterable[str]]:
    def verify(operation: Operation) -> Iterable[str]:
        expected = [operand.type for operand in instruction.registers]
        found = [operand.type for operand in operation.operands]
        if len(found) != len(expected) or any(not _holds(a, b) for a, b in zip(found, expected, strict=True)):
            yield f"'isa.{instruction.name}' needs operands of types {', '.join(map(str, expected))}"
        if [result.type for result in operation.results] != [instruction.result.type]:
            yield f"'isa.{instruction.name}' gives {instruction.result.type}"
        for operand in instruction.immediates:
            value, (low, high) = operation.properties.get(operand.name), operand.immediate or (0, 0)
            if not isinstance(value, IntegerAttribute) or not low <= value.value <= high:
                yield f"'isa.{instruction.name}' needs a number from {low} to {high} as '{operand.name}', not {value}"

    return verify


def _holds(found: Type, expected: Type) -> bool:
    """Whether a value has the type, or is a word like it: which lanes a word has is up to those who use it."""
    return found == expected or (isinstance(found, VectorType) and isinstance(expected, VectorType) and _word_bits(found) == _word_bits(expected))


def _word_bits(type: VectorType) -> int:
    return type.element_count * _lane_width(type)


def _infer(instruction: Instruction) -> Callable[[list[Type], dict[str, Attribute]], list[Type]]:
    return lambda _operands, _properties: [instruction.result.type]


for _set in instruction_sets().values():
    for _instruction in _set.instructions.values():
        register(
            OperationDefinition(
                f"isa.{_instruction.name}",
                f"An instruction of {_set.name}.",
                operands=tuple(operand.name for operand in _instruction.registers),
                results=("result",),
                properties={operand.name: "integer: a number in the instruction" for operand in _instruction.immediates},
                effects=PURE,
                verify=_verify(_instruction),
                infer=_infer(_instruction),
            )
        )
