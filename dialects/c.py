"""The C level: statements and expressions of C99, one operation each; printing adds nothing but spelling.

Types are the builtin ones and mean C's: i8 is int8_t, ui32 is uint32_t, f32 is float, i1 the int of a comparison, and a
memref of unknown extent a pointer (`const` if it points into "flash").  An expression's operands have C types at least as
wide as int or have been cast to the type that the operation works in, so integer promotion changes nothing.

A `c.variable` is an object with a name: its value as an operand means its content at that moment.  All other results are
values; the printer spells one where it is used, or gives it a name if it is used more than once or must be taken before
something changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyir.dialects.c_meaning import binary, binary_signature
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import ArrayAttribute, DenseElements, FloatAttribute, IntegerAttribute, StringAttribute, TypeAttribute
from tinyir.ir.operation import Operation
from tinyir.ir.registry import PURE, Effects, OperationDefinition, register
from tinyir.ir.scalar_signature import SELECT
from tinyir.ir.types import I1, IndexType, MemRefType, Type

ARITHMETIC = ("+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
LOGIC = ("&&", "||")
UNARY = ("-", "~", "!")


def text_property(operation: Operation, property: str) -> str:
    """The value of a string property."""
    value = operation.properties[property]
    assert isinstance(value, StringAttribute)
    return value.value


def _no_index(operation: Operation) -> Iterator[str]:
    if any(isinstance(value.type, IndexType) for value in (*operation.operands, *operation.results)):
        yield "C knows no index: a width must be chosen"


def _verify_binary(operation: Operation) -> Iterator[str]:
    yield from _no_index(operation)
    left, right, result = operation.operands[0].type, operation.operands[1].type, operation.result.type
    operator = text_property(operation, "operator")
    if operator not in ARITHMETIC + COMPARISONS + LOGIC:
        yield f"there is no operator '{operator}'"
    elif operator not in ("<<", ">>") and left is not right:
        yield f"{left} {operator} {right}: the types differ"
    elif result is not (left if operator in ARITHMETIC else I1):
        yield f"{left} {operator} {right} is no {result}"


def _verify_unary(operation: Operation) -> Iterator[str]:
    yield from _no_index(operation)
    if text_property(operation, "operator") not in UNARY:
        yield f"there is no operator '{text_property(operation, 'operator')}'"
    if operation.operands[0].type is not operation.result.type:
        yield f"{operation.operands[0].type} does not become {operation.result.type}"


def _verify_conditional(operation: Operation) -> Iterator[str]:
    condition, first, second = (operand.type for operand in operation.operands)
    if condition is not I1:
        yield f"a condition is i1, not {condition}"
    if not first is second is operation.result.type:
        yield f"{first} and {second} are not both {operation.result.type}"


def _verify_memory(operation: Operation, memory: int, element: Type) -> Iterator[str]:
    yield from _no_index(operation)
    type = operation.operands[memory].type
    if not isinstance(type, MemRefType) or type.rank != 1:
        yield f"a pointer is a memref of rank 1, not {type}"
    elif element is not type.element:
        yield f"an element of {type} is no {element}"


def _verify_load(operation: Operation) -> Iterator[str]:
    return _verify_memory(operation, 0, operation.result.type)


def _verify_store(operation: Operation) -> Iterator[str]:
    return _verify_memory(operation, 1, operation.operands[0].type)


def _verify_assign(operation: Operation) -> Iterator[str]:
    variable, value = operation.operands
    if variable.definer is None or variable.definer.name != "c.variable":
        yield "only a c.variable is assigned"
    if variable.type is not value.type:
        yield f"a variable of type {variable.type} does not hold {value.type}"


def _verify_array(operation: Operation) -> Iterator[str]:
    value = operation.properties["value"]
    if not isinstance(value, DenseElements) or value.type.rank != 1:
        yield f"an array is a list of elements, not {value}"


def _verify_storage(operation: Operation) -> Iterator[str]:
    elements = operation.properties["elements"]
    if not isinstance(elements, ArrayAttribute) or not all(isinstance(element, TypeAttribute) for element in elements.elements):
        yield f"storage lists the types of its elements, not {elements}"


def _verify_for(operation: Operation) -> Iterator[str]:
    yield from _no_index(operation)
    step = operation.properties["step"]
    if not isinstance(step, IntegerAttribute) or step.value == 0:
        yield f"a loop does not step by {step}"
    arguments = operation.body.arguments
    if len(arguments) != 1 or any(operand.type is not arguments[0].type for operand in operation.operands):
        yield "a loop has one counter, of the type of its bounds"


def _infer_load(operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    type = operands[0]
    assert isinstance(type, MemRefType), properties
    return [type.element]


def _infer_literal(operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    value = properties["value"]
    assert isinstance(value, IntegerAttribute | FloatAttribute), operands
    return [value.type]


def _infer_binary(operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    operator = properties["operator"]
    return [operands[0] if isinstance(operator, StringAttribute) and operator.value in ARITHMETIC else I1]


def _infer_first(operands: list[Type], _: dict[str, Attribute]) -> list[Type]:
    return [operands[0]]


def _infer_second(operands: list[Type], _: dict[str, Attribute]) -> list[Type]:
    return [operands[1]]


def _define(
    name: str,
    summary: str,
    operands: tuple[str, ...] = (),
    results: tuple[str, ...] = (),
    properties: dict[str, str] | None = None,
    **details: object,
) -> None:
    definition = OperationDefinition(f"c.{name}", summary, operands, results, properties or {})
    for field, value in details.items():
        setattr(definition, field, value)
    register(definition)


_SYMBOL = frozenset(("symbol",))

# -- what stands outside of functions

_define(
    "array",
    "a constant array in flash",
    properties={"sym_name": "text: its name", "value": "elements: in order", "?alignment": "integer: bytes; the element's own if absent"},
    traits=_SYMBOL,
    effects=PURE,
    verify=_verify_array,
    assembly="$sym_name `=` $value attr-dict",
)
_define(
    "instruction",
    "a machine instruction as a function: its assembly, and the same in C for other machines",
    properties={"sym_name": "text: its name", "text": "text: the function, with {name} for its name"},
    traits=_SYMBOL,
    effects=PURE,
    assembly="$sym_name attr-dict",
)
_define(
    "storage",
    "static memory, read and written as elements of the types that it lists",
    properties={
        "sym_name": "text: its name",
        "bytes": "integer: its size",
        "elements": "list: array of element types",
        "?alignment": "integer: bytes, where more than the elements'",
    },
    traits=_SYMBOL,
    effects=PURE,
    verify=_verify_storage,
    assembly="$sym_name attr-dict",
)
_define(
    "port",
    "an input or output of the network",
    properties={
        "name": "text: of the tensor in the model",
        "direction": 'text: "input" or "output"',
        "storage": "symbol: the c.storage that holds it",
        "offset": "integer: bytes from the start of the storage",
        "type": "type: memref with the model's element type",
        "?scale": "number: of a quantized tensor",
        "?zero_point": "integer: of a quantized tensor",
    },
    effects=PURE,
    assembly="$direction:word $name `in` $storage `[` $offset:index `]` attr-dict `:` $type",
)
_define(
    "function",
    "a function; `network` marks the one that runs the model, `inline` one that is spelled `static inline`",
    properties={
        "sym_name": "text: its name",
        "function_type": "type: parameters and results (at most one)",
        "?network": "unit: it runs the model",
        "?inline": "unit: spelled static inline",
        "?apart": "unit: never inlined",
        "?in_order": "unit: words are loaded in the order in which they are best loaded",
        "?packed": "unit: the parameters are one constant structure for each call",
        "?comment": "text: what it is, for the reader of the C",
    },
    traits=frozenset(("symbol", "isolated")),
    assembly="$sym_name signature attr-dict-with-keyword region",
)

# -- statements

_define(
    "variable",
    "an object with a name, and a first value or none",
    ("initial...",),
    ("variable",),
    {"?fresh": "unit: compilers do not see that it is the first value, and so keep it apart from that"},
    traits=frozenset(("mutable",)),
    assembly="($initial)? attr-dict `:` type($variable)",
)
_define(
    "scratch",
    "a local array",
    (),
    ("memory",),
    {"extent": "integer: elements"},
    traits=frozenset(("memory",)),
    assembly="attr-dict `:` type($memory)",
)
_define("assign", "gives a variable another value", ("variable", "value"), verify=_verify_assign, assembly="$variable `,` $value attr-dict `:` type($variable)")
_define(
    "store",
    "array[index] = value",
    ("value", "memory", "index"),
    effects=Effects(writes=(1,)),
    verify=_verify_store,
    assembly="$value `,` $memory `[` $index `]` attr-dict `:` type($memory)",
)
_define(
    "for",
    "counts from start while below limit, or with a negative step while not below limit",
    ("start", "limit"),
    properties={"step": "integer: added each time; not 0", "?runs": "unit: it runs at least once, whatever the parameters are"},
    assembly="induction(i32) `=` $start `to` $limit `by` $step attr-dict region",
    verify=_verify_for,
)
_define("if", "does the first region if the condition holds, else the second", ("condition",), assembly="$condition attr-dict region `else` region")
_define(
    "alternative",
    "one of two texts: the first where the preprocessor's condition holds, else the second",
    properties={"condition": "text: of an #if"},
    assembly="$condition attr-dict region `else` region",
)
_define(
    "assembly",
    "an asm statement in GNU's form: [sumN] and [pointerN] are variables that it changes, [inN] it only reads, [end] and [strideN] it reads in memory",
    ("operands...",),
    properties={
        "lines": "list: of assembly",
        "registers": "list: that it names",
        "pinned": "list: the registers of accumulators, pointers and inputs",
        "operandSegmentSizes": "integers: accumulators, pointers, inputs, ends, strides",
    },
    assembly="`(` $operands `)` attr-dict `:` type($operands)",
)
_define("return", "ends the function", ("value...",), traits=frozenset(("terminator",)), assembly="($value `:` type($value))?")
_define(
    "call",
    "calls a function; `pure` if it touches no memory",
    ("arguments...",),
    ("result...",),
    {"callee": "symbol: its name", "?pure": "unit: it touches no memory", "?comment": "text: on this call", "?layer": "text: what it computes"},
    assembly="$callee `(` $arguments `)` attr-dict `:` functional-type",
)

# -- expressions

_define(
    "literal",
    "a constant",
    (),
    ("value",),
    {"value": "number: integer or float"},
    traits=frozenset(("constant",)),
    effects=PURE,
    assembly="attr-dict $value",
    infer=_infer_literal,
)
_define(
    "address",
    "where an array or storage begins",
    (),
    ("pointer",),
    {"name": "symbol: c.array or c.storage"},
    traits=frozenset(("memory",)),
    effects=PURE,
    assembly="$name attr-dict `:` type($pointer)",
)
_define(
    "binary",
    "left operator right",
    ("left", "right"),
    ("value",),
    {"operator": "text: as in C"},
    effects=PURE,
    verify=_verify_binary,
    assembly="$left $operator $right attr-dict `:` type($left)",
    infer=_infer_binary,
    signature=binary_signature,
    meaning=binary,
)
_define(
    "unary",
    "operator operand",
    ("operand",),
    ("value",),
    {"operator": "text: as in C"},
    effects=PURE,
    verify=_verify_unary,
    assembly="$operator $operand attr-dict `:` type($operand)",
    infer=_infer_first,
)
_define("cast", "(type) operand", ("operand",), ("value",), effects=PURE, verify=_no_index, assembly="$operand attr-dict `:` type($operand) `to` type($value)")
_define(
    "conditional",
    "condition ? first : second",
    ("condition", "first", "second"),
    ("value",),
    effects=PURE,
    verify=_verify_conditional,
    assembly="$condition `,` $first `,` $second attr-dict `:` type($first)",
    infer=_infer_second,
    signature=SELECT,
    meaning=lambda machine, operands, use: machine.z3.If(operands[0] == 1, operands[1], operands[2]),
)
_define(
    "bits",
    "the bits of a float as an integer of its width, or the other way round",
    ("operand",),
    ("value",),
    effects=PURE,
    assembly="$operand attr-dict `:` type($operand) `to` type($value)",
)
_define(
    "offset",
    "the address of array[index]",
    ("memory", "index"),
    ("pointer",),
    traits=frozenset(("view",)),
    effects=PURE,
    assembly="$memory `[` $index `]` attr-dict `:` type($memory)",
    infer=_infer_first,
)
_define(
    "load",
    "array[index]",
    ("memory", "index"),
    ("value",),
    effects=Effects(reads=(0,)),
    verify=_verify_load,
    infer=_infer_load,
    assembly="$memory `[` $index `]` attr-dict `:` type($memory)",
)
