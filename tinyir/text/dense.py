"""Numbers and lists of numbers as they are written, turned into attributes.

A literal is its text; a bracketed list of literals a list; a complex number `(a, b)` a tuple of two texts.
"""

from __future__ import annotations

from tinyir.ir.attributes import DenseElements, IntegerAttribute, element_bytes, encode_element, encode_float
from tinyir.ir.types import I1, INDEX, ComplexType, FloatType, IntegerType, ShapedType, Type, storage_type

Literal = str | tuple["Literal", "Literal"] | list["Literal"]
_BOOLEANS = {"true": 1, "false": 0}


class LiteralError(ValueError):
    """A literal that does not fit its type; the message says why."""


def integer_from_literal(text: Literal, type: Type) -> int:
    """The value of an integer of `type`; signless ones may be given unsigned, and then wrap.

    Raises:
        LiteralError: it is no integer, or does not fit.
    """
    if not isinstance(text, str) or text[0] == '"':
        raise LiteralError(f"expected an integer of type {type}")
    boolean = _BOOLEANS.get(text)
    if boolean is not None:
        if type is not I1:
            raise LiteralError(f"'{text}' is no value of type {type}")
        return boolean
    if "." in text:
        raise LiteralError(f"{text} is no value of type {type}: it has a point")
    value = parse_integer(text)
    if type is INDEX:
        lowest, greatest = -(1 << 63), (1 << 64) - 1
    else:
        assert isinstance(type, IntegerType)
        lowest = type.lowest
        greatest = type.greatest if type.signedness else (1 << type.width) - 1
    if not lowest <= value <= greatest:
        raise LiteralError(f"{text} does not fit in {type}: {lowest} to {greatest}")
    if type is I1:
        return value & 1
    width = type.width if isinstance(type, IntegerType) else 64
    is_signless = type is INDEX or (isinstance(type, IntegerType) and not type.signedness)
    return value - (1 << width) if is_signless and width and value >> (width - 1) > 0 else value


def parse_integer(text: str) -> int:
    """The value of a decimal or hexadecimal integer.

    Raises:
        LiteralError: it has more than a thousand digits.
    """
    if len(text) > 1000:
        raise LiteralError(f"an integer of {len(text)} digits is too long")
    return int(text, 16 if "x" in text else 10)


def float_from_literal(text: Literal, type: FloatType) -> int:
    """The bits of a float: decimal with a point, or hexadecimal bits.

    Raises:
        LiteralError: it is no float, or has too many bits.
    """
    if not isinstance(text, str) or text[0] == '"' or text in _BOOLEANS:
        raise LiteralError(f"expected a number of type {type}")
    if "." not in text:
        if not text.startswith("0x"):
            raise LiteralError(f"{text} is no value of type {type}: write {text}.0")
        bits = parse_integer(text)
        if bits >> type.width:
            raise LiteralError(f"{text} has more than the {type.width} bits of {type}")
        return bits
    return encode_float(float(text), type)


def number_attribute(text: str, type: Type) -> IntegerAttribute:
    """`text : type` for an integer type or index."""
    return IntegerAttribute(integer_from_literal(text, type), type)


def dense_elements(literal: Literal | None, type: ShapedType) -> DenseElements | None:
    """The elements, or None where they have no numeric form (strings, unknown element types).

    Raises:
        LiteralError: the literal does not have the shape or the type.
    """
    element = storage_type(type.element)
    if not _has_bytes(element):
        return None
    if literal is None:
        if type.element_count:
            raise LiteralError(f"{type} has {type.element_count} elements, none are given")
        return DenseElements(type, b"")
    if isinstance(literal, str) and literal[0] == '"':
        return _from_hexadecimal(literal, type, element)
    flat: list[Literal] = []
    shape = _flatten(literal, flat)
    if isinstance(literal, list) and shape != type.shape:
        raise LiteralError(f"the list has shape {_shape_text(shape)}, {type} has {_shape_text(type.shape)}")
    data = b"".join(_element_data(item, element) for item in flat)
    if not isinstance(literal, list) and not type.element_count:
        return DenseElements(type, b"")
    return DenseElements(type, data, splat=not isinstance(literal, list))


def _has_bytes(element: Type) -> bool:
    if isinstance(element, ComplexType):
        return _has_bytes(element.element)
    return isinstance(element, IntegerType | FloatType) or element is INDEX


def _shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "no dimensions"


def _flatten(literal: Literal, flat: list[Literal]) -> tuple[int, ...]:
    """Appends the leaves in order; returns the shape.

    Raises:
        LiteralError: rows differ in length.
    """
    if not isinstance(literal, list):
        flat.append(literal)
        return ()
    inner: tuple[int, ...] = ()
    for position, item in enumerate(literal):
        shape = _flatten(item, flat)
        if position and shape != inner:
            raise LiteralError(f"the list is ragged: shapes {_shape_text(inner)} and {_shape_text(shape)} side by side")
        inner = shape
    return (len(literal), *inner)


def _element_data(literal: Literal, element: Type) -> bytes:
    if isinstance(element, ComplexType):
        if not isinstance(literal, tuple):
            raise LiteralError(f"expected a pair '(real, imaginary)' of type {element}")
        return _element_data(literal[0], element.element) + _element_data(literal[1], element.element)
    if isinstance(element, FloatType):
        return float_from_literal(literal, element).to_bytes(element_bytes(element), "little")
    return encode_element(integer_from_literal(literal, element), element)


def _from_hexadecimal(literal: str, type: ShapedType, element: Type) -> DenseElements | None:
    digits = literal[3:-1]
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        data = b""
    if not literal.startswith('"0x') or len(data) * 2 != len(digits):
        raise LiteralError("the string must be 0x and an even number of hexadecimal digits")
    count, size = type.element_count, element_bytes(element)
    if element is I1 and len(data) in (1, (count + 7) // 8) and not (len(data) == count and count < 8):
        bits = [data[i >> 3] >> (i & 7) & 1 for i in range(8 * len(data))][: max(count, 1)]
        is_splat = len(data) == 1 and count > 8
        return DenseElements(type, bytes(bits[:1]) if is_splat else bytes(bits), is_splat)
    if len(data) == size:
        return DenseElements(type, data, splat=True)
    if len(data) != size * count:
        raise LiteralError(f"{type} needs {size * count} bytes of data, the string has {len(data)}")
    return DenseElements(type, data)
