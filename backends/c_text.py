"""Spelling of C: types, literals, names, arrays."""

from __future__ import annotations

import re

from tinyir.backends.reserved_words import identifier
from tinyir.dialects.isa_vector import vector_name
from tinyir.ir.attributes import DenseElements, decode_element, element_bytes, encode_float
from tinyir.ir.types import I1, FloatType, IntegerType, MemRefType, Type, VectorType

LINE_WIDTH = 150


def c_type(type: Type) -> str:
    """The C type of a value; a pointer without its star's name."""
    if type is I1:
        return "int"
    if isinstance(type, IntegerType):
        return f"{'u' if type.is_unsigned else ''}int{type.width}_t"
    if isinstance(type, MemRefType):
        return f"{'const ' if str(type.space) == _FLASH else ''}{c_type(type.element)} *"
    if isinstance(type, VectorType):
        return vector_name(type)
    assert isinstance(type, FloatType)
    return {"f32": "float", "f64": "double"}[type.name]


_FLASH = '"flash"'


def declare(type: Type, name: str) -> str:
    """A declaration of `name` without its semicolon."""
    text = c_type(type)
    return f"{text}{name}" if text.endswith("*") else f"{text} {name}"


def declare_constant(type: Type, name: str) -> str:
    """A declaration of a value that does not change, without its semicolon."""
    return f"{c_type(type)}const {name}" if isinstance(type, MemRefType) else f"const {declare(type, name)}"


def short_type(type: Type) -> str:
    """The type as part of a name: i8, u8, f32."""
    return str(type).removeprefix("u").replace("i", "u", 1) if isinstance(type, IntegerType) and type.is_unsigned else str(type)


def integer_literal(value: int, type: Type) -> str:
    """An integer constant of the type."""
    assert isinstance(type, IntegerType)
    if type.is_unsigned:
        return f"{value & ((1 << type.width) - 1)}u" if value < 1 << 16 else f"UINT{type.width}_C({value})"
    if value == -(1 << (type.width - 1)) and type.width >= 16:
        return f"INT{type.width}_MIN"
    return str(value)


def float_literal(bits: int, type: FloatType) -> str | None:
    """The shortest decimal that reads back as these bits; None for infinities and NaNs."""
    value = decode_element(bits.to_bytes(element_bytes(type), "little"), type)
    if value != value or abs(value) == float("inf"):
        return None
    text = next(text for digits in range(1, 18) if encode_float(float(text := f"{value:.{digits}g}"), type) == bits)
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}{f'e{int(exponent)}' if exponent else ''}{'f' if type.name == 'f32' else ''}"


def comment_text(text: str) -> str:
    """A text within a comment: nothing ends it or opens another, and compilers read it as it stands."""
    shown = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return re.sub(r"\?(?=\?)", "? ", shown.replace("*/", "* /").replace("/*", "/ *"))


def comment_lines(text: str) -> list[str]:
    """A comment of one or several lines; nothing for no text."""
    if not text:
        return []
    lines = comment_text(text).split("\n")
    return [f"/* {lines[0]} */"] if len(lines) == 1 else [f"/* {lines[0]}", *(f"   {line}" for line in lines[1:-1]), f"   {lines[-1]} */"]


class Names:
    """Names of one scope and those around it; `avoided` are not for this scope, but may be for others in it."""

    def __init__(self, outer: Names | None = None, avoided: frozenset[str] = frozenset()) -> None:
        self.outer = outer
        self.avoided = avoided
        self.taken: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self.taken or (self.outer is not None and self.outer.has(name))

    def fresh(self, wanted: str) -> str:
        """An unused identifier close to the one wanted."""
        stem = identifier(wanted)
        if stem in self.avoided:
            stem = f"{stem}_"
        name, count = stem, 1
        while self.has(name):
            count += 1
            name = f"{stem}{'_' if stem[-1].isdigit() else ''}{count}"
        self.taken.add(name)
        return name


def array_lines(value: DenseElements) -> list[str]:
    """The elements of an initializer, filled into lines."""
    element = value.type.element
    texts = []
    for number in value.elements():
        if isinstance(element, FloatType):
            bits = encode_float(number, element)
            texts.append(float_literal(bits, element) or _special_float(number))
        else:
            texts.append(integer_literal(int(number), element))
    lines, current = [], ""
    for text in texts:
        if len(current) + len(text) + 2 > LINE_WIDTH - 4:
            lines.append(f"    {current.rstrip()}")
            current = ""
        current += f"{text}, "
    return [*lines, f"    {current.rstrip(', ')}"]


def _special_float(number: float) -> str:
    """An infinity or NaN as a constant expression; elements of constant arrays only."""
    return "(0.0f / 0.0f)" if number != number else "(1.0f / 0.0f)" if number > 0 else "(-1.0f / 0.0f)"
