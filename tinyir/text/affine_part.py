"""The part of a pretty form that applies an affine map or set to operands, in place."""

from __future__ import annotations

import re
from typing import Any

import attrs

from tinyir.ir.affine import AffineMap, AffineSet
from tinyir.ir.attribute import Attribute
from tinyir.ir.operation import Operation
from tinyir.text.affine_text import spell_bound, spell_map, spell_set
from tinyir.text.assembly_parts import Part
from tinyir.text.draft import Draft, Groups, Line, UnprintableError


@attrs.frozen(eq=False, repr=False)
class Affine(Part):
    """A map, bound (`function` max or min) or set applied to a group of index operands."""

    name: str
    groups: Groups
    index: int
    function: str
    is_bracketed: bool = False
    """Whether it stands in `[]`, so that it may be empty."""

    @property
    def consumes(self) -> tuple[str, ...]:
        return (self.name,)

    def write(self, line: Line, operation: Operation) -> None:
        value = operation.properties.get(self.name)
        operands = self.groups.slice(operation, self.index)
        names = [line.printer.names.of(operand) for operand in operands]
        if isinstance(value, AffineSet) and self.function == "set":
            line.value(spell_set(value, names))
        elif isinstance(value, AffineMap) and self.function in ("max", "min"):
            line.value(spell_bound(value, names, self.function))
        elif isinstance(value, AffineMap) and self.function == "":
            line.value(spell_map(value, names, self.is_bracketed))
        else:
            raise UnprintableError

    def read(self, draft: Draft) -> None:
        reader = draft.reader
        if reader.sees("affine_map") or reader.sees("affine_set"):
            draft.properties[self.name] = self._read_written_out(draft)
            return
        if self.function in ("max", "min") and self._read_constant(draft):
            return
        if self.function == "" and self._read_known(draft):
            return
        begin = reader.position
        trees = self._read_trees(draft)
        uses: dict[str, int] = {}
        for tree, _ in trees:
            note_operands(tree, uses)
        draft.uses[self.index] = list(uses.items())
        names = reader.dimension_names(list(uses))
        if self.function == "set":
            resolved = [(reader.resolve_affine(tree, names, is_normal=True), equal) for tree, equal in trees]
            draft.properties[self.name] = AffineSet(len(uses), 0, resolved)
        else:
            map = AffineMap(len(uses), 0, [reader.resolve_affine(tree, names, is_normal=True) for tree, _ in trees])
            draft.properties[self.name] = map
            reader.phrases.keep("indices", _anonymous(reader.text[begin : reader.position])[0], map, False)

    def _read_constant(self, draft: Draft) -> bool:
        """A bound that is a number."""
        match = _CONSTANT.match(draft.reader.text, draft.reader.position)
        if match is not None:
            draft.properties[self.name] = AffineMap.constant(int(match.group(1)))
            draft.reader.position = match.end(1)
        return match is not None

    def _read_known(self, draft: Draft) -> bool:
        """Indices that were read before, perhaps with other operands."""
        reader = draft.reader
        match = _INDICES.match(reader.text, reader.position)
        if match is None:
            return False
        text, names = _anonymous(match.group(1))
        map = reader.phrases.find("indices", text)
        if map is None:
            return False
        draft.uses[self.index] = [(name, reader.position) for name in names]
        draft.properties[self.name] = map
        reader.position = match.end(1)
        return True

    def _read_trees(self, draft: Draft) -> list[tuple[Any, bool]]:
        reader = draft.reader
        if self.function == "set":
            found: list[tuple[Any, bool]] = [] if reader.sees(")") else reader.read_value("constraints")
            return found
        if self.function:
            if not reader.skip(self.function):
                return [(reader.read_value("expression"), False)]
            reader.expect("(")
            trees = reader.read_value("expressions")
            reader.expect(")")
        else:
            trees = [] if reader.sees("]") else reader.read_value("expressions")
        return [(tree, False) for tree in trees]

    def _read_written_out(self, draft: Draft) -> Attribute:
        reader = draft.reader
        begin = reader.position
        value = reader.read_attribute()
        wanted = AffineSet if self.function == "set" else AffineMap
        if not isinstance(value, wanted):
            raise reader.failure(f"expected an affine {'set' if wanted is AffineSet else 'map'}, found {value}", begin)
        reader.expect("(")
        draft.uses[self.index] = reader.read_uses()
        reader.expect(")")
        return value


_CONSTANT = re.compile(r"[ \t]*(-?\d{1,18})(?=[ \t]+(?:\w|\{))")
_INDICES = re.compile(r"[ \t]*([^\[\]\n\"/]*)(?=\])")
_OPERAND = re.compile(r"%[\w$.\-]+(?:#\d+)?")


def _anonymous(text: str) -> tuple[str, list[str]]:
    """The text of expressions with numbers for the operands, and the operands in their order."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"%{numbers.setdefault(match.group(), len(numbers))}"

    return _OPERAND.sub(number, text.strip()), list(numbers)


def note_operands(tree: Any, uses: dict[str, int]) -> None:
    """Collects the operands of an expression in their order, with the offset of the first use."""
    if tree[0] == "operand":
        uses.setdefault(tree[1], tree[2])
    elif tree[0] not in ("integer", "name"):
        note_operands(tree[1], uses)
        note_operands(tree[2], uses)


