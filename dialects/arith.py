"""The dialect `arith`: scalar arithmetic, spelled as in MLIR.

Integers are signless: `s` and `u` in a name say how the bits are read.  Additions, subtractions and multiplications
wrap.  Division by zero and shifts by the width or more have no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, DenseResource, FloatAttribute, IntegerAttribute, OpaqueAttribute
from tinyir.ir.integer_arithmetic import RING, wrapped
from tinyir.ir.operation import Operation, Result, Value
from tinyir.ir.registry import PURE, OperationDefinition, register
from tinyir.ir.scalar_signature import SELECT, ScalarSignature, comparison, conversion, same
from tinyir.ir.types import I1, I64, FloatType, IndexType, IntegerType, TensorType, Type, VectorType

INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip

_FASTMATH = {"?fastmath": "relaxations of the floating-point rules"}
_OVERFLOW = {"?overflowFlags": "which overflows have no meaning (nsw, nuw)"}
_DEFAULTS: dict[str, Attribute] = {
    "fastmath": OpaqueAttribute("#arith.fastmath<none>"),
    "overflowFlags": OpaqueAttribute("#arith.overflow<none>"),
}
_WITH_FASTMATH = "flags($fastmath, arith.fastmath) attr-dict `:`"
_WITH_OVERFLOW = "flags($overflowFlags, arith.overflow) attr-dict `:`"


# -- what types are allowed


def scalar(type: Type) -> Type:
    """The element of a tensor or vector; another type itself."""
    return type.element if isinstance(type, TensorType | VectorType) else type


@cache
def is_integer(type: Type) -> bool:
    """Whether elements are signless integers or of type index."""
    element = scalar(type)
    return isinstance(element, IndexType) or (isinstance(element, IntegerType) and not element.signedness)


@cache
def is_float(type: Type) -> bool:
    return isinstance(scalar(type), FloatType)


def _width(type: Type) -> int | None:
    element = scalar(type)
    return element.width if isinstance(element, IntegerType | FloatType) else None


def _defaults_of(properties: dict[str, str]) -> dict[str, Attribute]:
    return {name: value for name, value in _DEFAULTS.items() if f"?{name}" in properties}


def _like(type: Type, element: Type) -> Type:
    """The type with other elements."""
    if isinstance(type, TensorType):
        return type.with_element(element)
    return VectorType(type.shape, element, type.scalable) if isinstance(type, VectorType) else element


def _same_shape(first: Type, second: Type) -> bool:
    return _like(first, I1) is _like(second, I1)


# -- verifiers


def _all_integers(operation: Operation) -> Iterable[str]:
    operands = operation._operands
    if operands and not is_integer(operands[0].type):
        return (f"'{operation.name}' works on integers, not on {operands[0].type}",)
    return ()


def _all_floats(operation: Operation) -> Iterable[str]:
    operands = operation._operands
    if operands and not is_float(operands[0].type):
        return (f"'{operation.name}' works on floats, not on {operands[0].type}",)
    return ()


def _verify_constant(operation: Operation) -> Iterable[str]:
    value, type = operation["value"], operation.results[0].type
    if isinstance(value, IntegerAttribute | FloatAttribute | DenseElements | DenseResource):
        if value.type is not type:
            return (f"'arith.constant' holds a value of type {value.type}, its result has type {type}",)
        if isinstance(scalar(type), IntegerType) and not is_integer(type):
            return (f"'arith.constant' gives signless integers, not {type}",)
    elif not isinstance(value, OpaqueAttribute) or not value.text.endswith(f" : {type}"):  # not sparse elements, or those of a dialect that nobody knows
        return (f"'arith.constant' holds a number or dense numbers, not {value}",)
    return ()


def _verify_compare(operation: Operation) -> Iterable[str]:
    left, right = (operand.type for operand in operation.operands)
    if left is not right:
        yield f"'{operation.name}' compares values of one type, not {left} with {right}"
    if not (is_integer(left) if operation.name == "arith.cmpi" else is_float(left)):
        yield f"'{operation.name}' does not compare values of type {left}"
    if operation.results[0].type is not _like(left, I1):
        yield f"'{operation.name}' gives {_like(left, I1)}, not {operation.results[0].type}"
    predicate = operation.properties["predicate"]
    count = len(INTEGER_PREDICATES if operation.name == "arith.cmpi" else FLOAT_PREDICATES)
    if not isinstance(predicate, IntegerAttribute) or predicate.type is not I64 or not 0 <= predicate.value < count:
        yield f"'{operation.name}' has a predicate from 0 to {count - 1} of type i64, not {predicate}"


def _verify_select(operation: Operation) -> Iterable[str]:
    condition, first, second = (operand.type for operand in operation.operands)
    result = operation.results[0].type
    if first is not second or first is not result:
        yield f"'arith.select' chooses between values of its result's type {result}, not {first} and {second}"
    if condition is not I1 and condition is not _like(result, I1):
        yield f"'arith.select' needs a condition of type i1, not {condition}"


def _verify_conversion(source: Callable[[Type], bool], target: Callable[[Type], bool], growth: int) -> Callable[[Operation], Iterable[str]]:
    """`growth`: 1 the result is wider, -1 it is narrower, 2 both have one width, 0 it does not matter."""

    def verify(operation: Operation) -> Iterable[str]:
        before, after = operation.operands[0].type, operation.results[0].type
        widths = _width(before), _width(after)
        if not source(before) or not target(after) or not _same_shape(before, after):
            yield f"'{operation.name}' does not convert {before} to {after}"
        elif widths[0] is not None and widths[1] is not None:
            difference = widths[1] - widths[0]
            if (growth == 1 and difference <= 0) or (growth == -1 and difference >= 0) or (growth == 2 and difference):
                yield f"'{operation.name}' does not convert {before} to {after}: {widths[0]} to {widths[1]} bits"

    return verify


def _is_fixed_integer(type: Type) -> bool:
    return is_integer(type) and not isinstance(scalar(type), IndexType)


def _is_number(type: Type) -> bool:
    return _is_fixed_integer(type) or is_float(type)


def _verify_index_cast(operation: Operation) -> Iterable[str]:
    before, after = operation.operands[0].type, operation.results[0].type
    one_index = isinstance(scalar(before), IndexType) != isinstance(scalar(after), IndexType)
    if not one_index or not is_integer(before) or not is_integer(after) or not _same_shape(before, after):
        yield f"'{operation.name}' converts between index and an integer, not {before} to {after}"


def _verify_extended(operation: Operation) -> Iterable[str]:
    yield from _all_integers(operation)
    left, right = (operand.type for operand in operation.operands)
    second = _like(left, I1) if operation.name == "arith.addui_extended" else left
    if right is not left or [result.type for result in operation.results] != [left, second]:
        yield f"'{operation.name}' of two {left} gives {left} and {second}"


# -- results


def _infer_constant(_operands: list[Type], properties: dict[str, Attribute]) -> list[Type]:
    value = properties["value"]
    if not isinstance(value, IntegerAttribute | FloatAttribute | DenseElements | DenseResource):
        raise ValueError(f"{value} is no number")
    return [value.type]


def _infer_compare(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [_like(operands[0], I1)]


def _infer_first(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [operands[0]]


def _infer_extended(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [operands[0], operands[0]]


def _infer_sum_extended(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [operands[0], _like(operands[0], I1)]


def _infer_select(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [operands[1]]


# -- values


def constant_value(value: Value) -> int | None:
    """The integer that a value is known to be."""
    if not isinstance(value, Result) or value.owner.name != "arith.constant":
        return None
    number = value.owner.get("value")
    return number.value if isinstance(number, IntegerAttribute) else None


def _fold_ring(operation: Operation) -> Attribute | None:
    """The value of an operation that is exact modulo any power of two."""
    left, right = operation.operands
    a, b = constant_value(left), constant_value(right)
    if a is None or b is None:
        return None
    return IntegerAttribute(wrapped(RING[operation.name](a, b), left.type), left.type)


# -- definitions


def _binary(name: str, summary: str, verify: Callable[[Operation], Iterable[str]], flags: str, commutative: bool) -> None:
    properties = _FASTMATH if flags == "fastmath" else _OVERFLOW if flags == "overflow" else {}
    middle = {"fastmath": _WITH_FASTMATH, "overflow": _WITH_OVERFLOW, "": "attr-dict `:`"}[flags]
    register(
        OperationDefinition(
            f"arith.{name}",
            summary,
            operands=("lhs", "rhs"),
            results=("result",),
            properties=dict(properties),
            defaults=_defaults_of(properties),
            traits={"same_type", "commutative"} if commutative else {"same_type"},
            assembly=f"$lhs `,` $rhs {middle} same-type",
            effects=PURE,
            verify=verify,
            infer=_infer_first,
            fold=_fold_ring if f"arith.{name}" in RING else None,
            signature=same("float" if verify is _all_floats else "integer"),
        )
    )


def _conversion(
    name: str,
    summary: str,
    verify: Callable[[Operation], Iterable[str]],
    signature: ScalarSignature,
    properties: dict[str, str] | None = None,
    flags: str = "",
) -> None:
    register(
        OperationDefinition(
            f"arith.{name}",
            summary,
            operands=("in",),
            results=("out",),
            properties=dict(properties or {}),
            defaults=_defaults_of(properties or {}),
            assembly=f"$in {flags} attr-dict `:` type($in) `to` type($out)",
            effects=PURE,
            verify=verify,
            signature=signature,
        )
    )


register(
    OperationDefinition(
        "arith.constant",
        "A number, or a tensor or vector of numbers.",
        operands=(),
        results=("result",),
        properties={"value": "the number, with its type"},
        traits={"constant"},
        assembly="attr-dict $value",
        effects=PURE,
        verify=_verify_constant,
        infer=_infer_constant,
    )
)

for _name, _summary, _flags, _commutes in (
    ("addi", "Sum, wrapping.", "overflow", True),
    ("subi", "Difference, wrapping.", "overflow", False),
    ("muli", "Product, wrapping.", "overflow", True),
    ("shli", "Shift to the left.", "overflow", False),
    ("shrsi", "Shift to the right, the sign comes in.", "", False),
    ("shrui", "Shift to the right, zeros come in.", "", False),
    ("andi", "Bitwise and.", "", True),
    ("ori", "Bitwise or.", "", True),
    ("xori", "Bitwise exclusive or.", "", True),
    ("divsi", "Signed quotient, rounded towards zero.", "", False),
    ("divui", "Unsigned quotient.", "", False),
    ("ceildivsi", "Signed quotient, rounded up.", "", False),
    ("ceildivui", "Unsigned quotient, rounded up.", "", False),
    ("floordivsi", "Signed quotient, rounded down.", "", False),
    ("remsi", "Signed remainder, with the sign of the left.", "", False),
    ("remui", "Unsigned remainder.", "", False),
    ("maxsi", "The greater, signed.", "", True),
    ("minsi", "The lesser, signed.", "", True),
    ("maxui", "The greater, unsigned.", "", True),
    ("minui", "The lesser, unsigned.", "", True),
):
    _binary(_name, _summary, _all_integers, _flags, _commutes)

for _name, _summary, _commutes in (
    ("addf", "Sum.", True),
    ("subf", "Difference.", False),
    ("mulf", "Product.", True),
    ("divf", "Quotient.", False),
    ("remf", "Remainder, with the sign of the left.", False),
    ("maximumf", "The greater; NaN if either is.", True),
    ("minimumf", "The lesser; NaN if either is.", True),
    ("maxnumf", "The greater; a NaN loses.", True),
    ("minnumf", "The lesser; a NaN loses.", True),
):
    _binary(_name, _summary, _all_floats, "fastmath", _commutes)

register(
    OperationDefinition(
        "arith.negf",
        "The number with its sign turned.",
        operands=("operand",),
        results=("result",),
        properties=dict(_FASTMATH),
        defaults=_defaults_of(_FASTMATH),
        traits={"same_type"},
        assembly=f"$operand {_WITH_FASTMATH} same-type",
        effects=PURE,
        verify=_all_floats,
        infer=_infer_first,
        signature=same("float", 1),
    )
)

for _name, _words, _properties in (("cmpi", INTEGER_PREDICATES, {}), ("cmpf", FLOAT_PREDICATES, _FASTMATH)):
    register(
        OperationDefinition(
            f"arith.{_name}",
            "Whether the values stand in a relation.",
            operands=("lhs", "rhs"),
            results=("result",),
            properties={"predicate": f"the relation: {' '.join(_words)}", **_properties},
            defaults=_defaults_of(_properties),
            assembly=f"enum($predicate, {' '.join(_words)}) `,` $lhs `,` $rhs "
            f"{_WITH_FASTMATH if _properties else 'attr-dict `:`'} type($lhs)",
            effects=PURE,
            verify=_verify_compare,
            infer=_infer_compare,
            signature=comparison("integer" if _name == "cmpi" else "float"),
        )
    )

register(
    OperationDefinition(
        "arith.select",
        "The second operand where the first holds, else the third.",
        operands=("condition", "true_value", "false_value"),
        results=("result",),
        assembly="$condition:i1 `,` $true_value `,` $false_value attr-dict `:` type($result)",
        effects=PURE,
        verify=_verify_select,
        infer=_infer_select,
        signature=SELECT,
    )
)

for _name, _infer, _form in (
    ("addui_extended", _infer_sum_extended, "type(results)"),
    ("mulsi_extended", _infer_extended, "same-type"),
    ("mului_extended", _infer_extended, "same-type"),
):
    register(
        OperationDefinition(
            f"arith.{_name}",
            "Sum and carry, or the low and the high half of a product.",
            operands=("lhs", "rhs"),
            results=("low", "high"),
            traits={"commutative"},
            assembly=f"$lhs `,` $rhs attr-dict `:` {_form}",
            effects=PURE,
            verify=_verify_extended,
            infer=_infer,
            signature=ScalarSignature(("t", "t"), "t", {"t": "integer", "b": "boolean"}, others=("b" if _name == "addui_extended" else "t",)),
        )
    )

_ROUNDING = {"?roundingmode": "how to round", **_FASTMATH}
_conversion("extsi", "To more bits, the sign goes on.", _verify_conversion(_is_fixed_integer, _is_fixed_integer, 1), conversion("fixed", "fixed", "wider"))
_conversion("extui", "To more bits, zeros come in.", _verify_conversion(_is_fixed_integer, _is_fixed_integer, 1), conversion("fixed", "fixed", "wider"))
_NARROWER = _verify_conversion(_is_fixed_integer, _is_fixed_integer, -1)
_conversion(
    "trunci", "To fewer bits, the upper ones are lost.", _NARROWER,
    conversion("fixed", "fixed", "narrower"), _OVERFLOW, "flags($overflowFlags, arith.overflow)",
)
_conversion(
    "extf", "To a wider float.", _verify_conversion(is_float, is_float, 1),
    conversion("any float", "any float", "wider"), _FASTMATH, "flags($fastmath, arith.fastmath)",
)
_conversion(
    "truncf", "To a narrower float, rounded.", _verify_conversion(is_float, is_float, -1),
    conversion("any float", "any float", "narrower"), _ROUNDING, "flags($fastmath, arith.fastmath)",
)
_conversion("sitofp", "A signed integer as a float, rounded.", _verify_conversion(_is_fixed_integer, is_float, 0), conversion("fixed", "float"))
_conversion("uitofp", "An unsigned integer as a float, rounded.", _verify_conversion(_is_fixed_integer, is_float, 0), conversion("fixed", "float"))
_conversion("fptosi", "A float as a signed integer, rounded towards zero.", _verify_conversion(is_float, _is_fixed_integer, 0), conversion("float", "fixed"))
_conversion("fptoui", "A float as an unsigned integer, rounded towards zero.", _verify_conversion(is_float, _is_fixed_integer, 0), conversion("float", "fixed"))
_conversion(
    "bitcast", "The same bits as another type of that width.", _verify_conversion(_is_number, _is_number, 2), conversion("number", "number", "same width"),
)
_conversion("index_cast", "Between index and a signed integer.", _verify_index_cast, conversion("index or integer", "index or integer", "one index"))
_conversion("index_castui", "Between index and an unsigned integer.", _verify_index_cast, conversion("index or integer", "index or integer", "one index"))
