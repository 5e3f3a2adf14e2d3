"""Pretty forms: `OperationDefinition.assembly` is a format from which both the printer and the reader come.

A format is a sequence of

    `text`                      a keyword or punctuation
    $name                       an operand, a variadic group of operands, or a property (any attribute)
    $name:index                 an operand that always has that type, or a number property written without its type
    $name:index=1               the same with a default, for an optional group
    $name:symbol                a string property as @name (`$sym_name` always is)
    $name:word  $name:unit      a string property without quotes; a unit property, written by its presence alone
    enum($name, a b c)          an i64 property as a word
    flags($name, arith.overflow)   a property #arith.overflow<...> as overflow<...>, where it is there
    type($name)  type(results)  the types of operands or results
    same-type                   the one type of all operands and results
    functional-type             (operand types) -> result types
    attr-dict                   the remaining properties and the discardable attributes, if any;
                                attr-dict-with-keyword writes `attributes` before them, and so does attr-dict where a
                                region follows
    affine($map, $indices)      an affine map applied to index operands: %p * 2 + %i - 1, %k
    max($map, $x)  min($map, $x)   a bound: one expression, or max(0, 1 - %p * 2)
    set($set, $x)               an affine set applied to index operands: %p - 1 >= 0, %q == 0
    region                      { ... }, the next region
    successors                  ^a, ^b
    induction(index)            the name of the next region's first argument
    iter($x)                    iter(%a = %x) -> (i32): the region's further arguments, with their first values
    signature                   (%x: i32) -> i32: the arguments of the next region and the results of a function
    short                       the operation is written without its dialect's name
    ( ... )?                    an optional group: written if an operand, property or region in it is there,
                                read if its first part follows

Operand names that the definition does not list stand for one operand each, in their order; `$operands`, and the groups
of affine, max, min, set and iter are variadic.  Two variadic groups need the property operandSegmentSizes, which the
form writes and reads by itself.  Operands whose type is nowhere in the form have that of their definition; results get
theirs from `infer`.  An operation that does not fit its form is printed in generic form.

Without a format an operation is written `dialect.name(operands) {properties and attributes} : functional-type`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import attrs

from tinyir.ir.attribute import Attribute
from tinyir.ir.operation import Operation, Value
from tinyir.ir.record import Record
from tinyir.ir.registry import OperationDefinition
from tinyir.ir.types import INDEX, FloatType, IntegerType, Type
from tinyir.text.affine_part import Affine
from tinyir.text.assembly_parts import (
    AttributeDictionary,
    Enumeration,
    Flags,
    Literal,
    Operands,
    OperandTypes,
    Optional,
    Part,
    Property,
    ResultTypes,
    SameType,
    Signature,
    default_attribute,
)
from tinyir.text.cursor import Cursor
from tinyir.text.draft import SEGMENTS, Draft, Groups, Line, UnprintableError
from tinyir.text.function_signature import FunctionSignature
from tinyir.text.functional_form import FunctionalForm
from tinyir.text.generic_printer import GenericPrinter
from tinyir.text.region_parts import Induction, Iteration, RegionPart, Successors

_TOKEN = re.compile(r"\s*(`[^`]*`|\$\w+(?::\w+)?(?:=-?[\d.]+)?|\(|\)\?|\)|,|\^|[\w.\-]+)")
_VARIADIC = ("affine", "max", "min", "set", "iter")


@attrs.frozen(eq=False, repr=False)
class AssemblyForm(Record):
    """The compiled format of one operation."""

    definition: OperationDefinition
    groups: Groups
    parts: tuple[Part, ...]
    regions: int
    is_short: bool
    only: frozenset[str] | None
    """Without attr-dict: the properties that there may be."""
    tells_results: bool
    """Whether the types of the results are written; else they must be those that `infer` gives."""

    def write(self, printer: GenericPrinter, operation: Operation, indent: str) -> str:
        """The last line of the operation; the lines before are the printer's.

        Raises:
            UnprintableError: the operation does not fit the format.
        """
        name = operation.name.partition(".")[2] if self.is_short else operation.name
        if len(operation.regions) != self.regions or (operation.successors and not self._writes_successors):
            raise UnprintableError
        if self.only is not None and (operation.attributes or not operation.properties.keys() <= self.only):
            raise UnprintableError
        if not self.tells_results and infer_results(self.definition, operation.operands, operation.properties) != [r.type for r in operation.results]:
            raise UnprintableError
        line = Line(printer, operation, self.definition, indent, f"{indent}{printer.results_text(operation)}{name}")
        for part in self.parts:
            part.write(line, operation)
        return line.text

    @property
    def _writes_successors(self) -> bool:
        return any(isinstance(part, Successors) for part in self.parts)

    def read(self, reader: Cursor) -> tuple[Draft, list[Value]]:
        """What follows the operation's name, and its operands.

        Raises:
            StatementError: the text is wrong.
        """
        draft = Draft(reader, self.definition, self.groups)
        for part in self.parts:
            part.read(draft)
        return draft, draft.operands()


Form = AssemblyForm | FunctionalForm
_FORMS: dict[OperationDefinition, Form] = {}


def form_of(definition: OperationDefinition) -> Form:
    """The pretty form of an operation.

    Raises:
        ValueError: the definition's format is wrong.
    """
    form = _FORMS.get(definition)
    if form is None:
        form = _FORMS[definition] = _Compiler(definition).compile() if definition.assembly else FunctionalForm(definition)
    return form


class _Compiler:
    """Compiles one format."""

    def __init__(self, definition: OperationDefinition) -> None:
        self.definition = definition
        self.tokens = self._tokenize(definition.assembly)
        self.position = 0
        self.regions = 0
        self.groups = self._groups()
        self.is_short = False

    def compile(self) -> AssemblyForm:
        parts = self._sequence(end="")
        handled = {name for part in parts for name in part.consumes}
        if self.groups.has_segments:
            handled.add(SEGMENTS)
        parts = [
            attrs.evolve(part, handled=frozenset(handled), keyword=part.keyword or has_region(parts[position:]))
            if isinstance(part, AttributeDictionary)
            else part
            for position, part in enumerate(parts)
        ]
        complete = any(isinstance(part, AttributeDictionary) for part in parts)
        only = None if complete else frozenset(handled)
        return AssemblyForm(self.definition, self.groups, tuple(parts), self.regions, self.is_short, only, tells_results(parts))

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"assembly of '{self.definition.name}' {what}")

    def _tokenize(self, text: str) -> list[str]:
        tokens: list[str] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._wrong(f"cannot be read at: {text[position:]}")
            position = match.end()
            if match.group(1) != "^":
                tokens.append(match.group(1))
        return [*tokens, ""]

    # -- operands

    def _groups(self) -> Groups:
        declared = self.definition.operands
        if declared is not None:
            return Groups([name.removesuffix("...") for name in declared], [name.endswith("...") for name in declared])
        found: dict[str, bool] = {}
        for position, token in enumerate(self.tokens):
            name = token[1:].partition(":")[0]
            if token[:1] == "$" and name not in self.definition.property_names and name not in self._result_names():
                before = self.tokens[position - 2] if self.tokens[position - 1] == "(" else ""
                variadic = name == "operands" or before in _VARIADIC or self.tokens[position - 4] in _VARIADIC
                found[name] = found.get(name, False) or variadic
        return Groups(list(found), list(found.values()))

    def _result_names(self) -> list[str]:
        return [name.removesuffix("...") for name in self.definition.results or ()]

    def _operand(self, name: str) -> int:
        if name not in self.groups.names:
            raise self._wrong(f"names '{name}', which is neither operand nor property")
        return self.groups.names.index(name)

    # -- tokens

    def _next(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1]

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise self._wrong(f"has '{found}' where '{token}' is due")

    def _name(self) -> str:
        """`$name` as an argument of a directive."""
        token = self._next()
        if token[:1] != "$":
            raise self._wrong(f"has '{token}' where a $name is due")
        return token[1:]

    def _property(self) -> str:
        name = self._name()
        if name not in self.definition.property_names:
            raise self._wrong(f"names '{name}', which is no property")
        return name

    # -- parts

    def _sequence(self, end: str) -> list[Part]:
        parts: list[Part] = []
        token = self._next()
        while token != end:
            if not token:
                raise self._wrong("ends inside a group")
            part = self._part(token)
            if part is not None:
                parts.append(part)
            token = self._next()
        return parts

    def _part(self, token: str) -> Part | None:
        if token[0] == "`":
            return Literal(token[1:-1].strip())
        if token[0] == "$":
            return self._value(token[1:])
        if token == "(":
            parts = self._sequence(end=")?")
            if not parts:
                raise self._wrong("has an empty group")
            return Optional(tuple(parts))
        if token == "short":
            self.is_short = True
            return None
        return self._directive(token)

    def _value(self, text: str) -> Part:
        name_and_kind, _, default = text.partition("=")
        name, _, kind = name_and_kind.partition(":")
        if name in self.definition.property_names:
            if kind in ("symbol", "word", "unit"):
                return Property(name, kind)
            type = _type(kind) if kind else None
            if kind and type is None:
                raise self._wrong(f"has unknown kind '{kind}'")
            value = default_attribute(default, type) if default and type is not None else None
            return Property(name, "symbol" if name == "sym_name" else "", type, value)
        return Operands(self.groups, self._operand(name), _type(kind))

    def _directive(self, token: str) -> Part:
        if token in ("attr-dict", "attr-dict-with-keyword"):
            return AttributeDictionary(frozenset(), token != "attr-dict")
        if token == "region":
            self.regions += 1
            return RegionPart(self.regions - 1)
        simple: dict[str, Callable[[], Part]] = {"functional-type": Signature, "successors": Successors, "signature": FunctionSignature}
        if token in simple:
            return simple[token]()
        if token == "same-type":
            return SameType(len(self.definition.results or ()))
        self._expect("(")
        part = self._call(token)
        self._expect(")")
        return part

    def _call(self, token: str) -> Part:
        if token == "type":
            return self._types(self._next())
        if token == "induction":
            type = _type(self._next())
            if type is None:
                raise self._wrong("has an induction of unknown type")
            return Induction(type)
        if token == "iter":
            return Iteration(self.groups, self._operand(self._name()))
        if token in _VARIADIC:
            is_bracketed = self.position > 2 and self.tokens[self.position - 3] == "`[`"
            name = self._property()
            self._expect(",")
            return Affine(name, self.groups, self._operand(self._name()), "" if token == "affine" else token, is_bracketed)
        if token == "enum":
            name = self._property()
            self._expect(",")
            words: list[str] = []
            while self.tokens[self.position] != ")":
                words.append(self._next())
            return Enumeration(name, tuple(words))
        if token == "flags":
            name = self._property()
            self._expect(",")
            return Flags(name, self._next())
        raise self._wrong(f"has the unknown directive '{token}'")

    def _types(self, token: str) -> Part:
        name = token.removeprefix("$")
        if name in self.groups.names:
            return OperandTypes(self.groups, self.groups.names.index(name))
        results = self.definition.results
        if name == "results" or f"{name}..." in (results or ()):
            return ResultTypes(None)
        if results is not None and name not in results:
            raise self._wrong(f"has a type of '{name}', which is neither operand nor result")
        return ResultTypes(1)


def has_region(parts: list[Part]) -> bool:
    """Whether a region follows: its brace would be taken for that of a dictionary without keyword."""
    return any(isinstance(part, RegionPart) or (isinstance(part, Optional) and has_region(list(part.parts))) for part in parts)


def tells_results(parts: Sequence[Part]) -> bool:
    """Whether a part gives the types of the results."""
    kinds = (ResultTypes, SameType, Signature, Iteration)
    return any(isinstance(part, kinds) or (isinstance(part, Optional) and tells_results(part.parts)) for part in parts)


def infer_results(definition: OperationDefinition, operands: Sequence[Value], properties: dict[str, Attribute]) -> list[Type] | str:
    """The result types that follow from the operands and properties, or why they cannot be told."""
    if definition.infer is None:
        return []
    try:
        return definition.infer([operand.type for operand in operands], properties)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # The operands may be anything here: what they should be is the verifier's to say.
        return str(error) or "the operands are not of the kind that it needs"


def _type(name: str) -> Type | None:
    """The builtin scalar type of a name."""
    if name == "index":
        return INDEX
    if re.fullmatch(r"i[1-9]\d*", name):
        return IntegerType(int(name[1:]))
    return FloatType(name) if re.fullmatch(r"bf16|f\d+", name) else None
