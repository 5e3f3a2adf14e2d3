"""What is known of each operation: its definition, registered by the dialect file that declares it.

The framework knows no dialect by name.  A dialect is loaded when the first of its operations is looked up,
by importing the module that `find_dialect` names; an operation of no known dialect has no definition and is
carried as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from tinyir.ir.attribute import Attribute
from tinyir.ir.errors import closest
from tinyir.ir.operation import Operation
from tinyir.ir.plugins import modules_of
from tinyir.ir.record import Record, ValueRecord
from tinyir.ir.scalar_signature import ScalarSignature
from tinyir.ir.types import Type

Verifier = Callable[[Operation], Iterable[str]]
"""Yields one message for each thing wrong with the operation itself; a `Finding` for one with a hint or a note."""


@attrs.frozen(eq=False, repr=False)
class Effects(ValueRecord):
    """Which operands' memory an operation reads and writes (indices of operands)."""

    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()


PURE = Effects()


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@attrs.define(eq=False, repr=False)
class OperationDefinition(Record):
    """What a dialect says of one operation.

    `operands`, `results`: their names, None if any; one that ends in "..." stands for any number.
    `properties`: name -> one-line meaning, of the inherent attributes; "?" before the name: it may be absent.
    A meaning may begin with the kind that is needed, as in "integer: bytes" (`tinyir.ir.property_kinds` lists them).
    `defaults`: what the absence of an optional property means; a property that is read with this value is dropped.
    `traits`: any of "terminator", "commutative", "constant", "symbol", "symbol_table", "isolated", "graph_region", "same_type"
    (all operands and results have one type), "mutable" (the result as an operand means what it holds at that moment), "memory"
    (the result is memory that is no other such operation's, unless both refer to one symbol), "view" (the result is memory of the first operand).
    `assembly`: the pretty form (the format language is described in text/assembly.py); empty: the generic form
    without quotes, properties and attributes in one dictionary.
    `effects`: None means unknown effects (never removed, moved or merged).
    `infer`: result types from operands and properties, for builders and for the verifier.
    `fold`: the value of the one result if the operands are constants of which it is known; else None.
    `signature`: the types of an operation on scalars, for rules (given the properties that a pattern fixes); `meaning`: what it
    computes in proofs (`tinyir.prove.scalar_operations`), where that table does not know it.
    """

    name: str
    summary: str = ""
    operands: tuple[str, ...] | None = None
    results: tuple[str, ...] | None = None
    properties: dict[str, str] = attrs.field(factory=dict)
    traits: frozenset[str] = attrs.field(default=frozenset[str](), converter=_names)
    assembly: str = ""
    effects: Effects | Callable[[Operation], Effects] | None = None
    verify: Verifier | None = None
    infer: Callable[[list[Type], dict[str, Attribute]], list[Type]] | None = None
    fold: Callable[[Operation], Attribute | None] | None = None
    defaults: dict[str, Attribute] = attrs.field(factory=dict)
    signature: ScalarSignature | Callable[[Mapping[str, object]], ScalarSignature] | None = None
    meaning: Callable[..., Any] | None = None
    property_names: frozenset[str] = attrs.field(init=False)
    """All declared properties, without "?"."""
    required_properties: tuple[str, ...] = attrs.field(init=False)

    @property_names.default
    def _all_properties(self) -> frozenset[str]:
        return frozenset(name.removeprefix("?") for name in self.properties)

    @required_properties.default
    def _required_properties(self) -> tuple[str, ...]:
        return tuple(name for name in self.properties if name[0] != "?")

    def drop_defaults(self, properties: dict[str, Attribute]) -> None:
        """Removes the properties that say what their absence says."""
        for name, value in self.defaults.items():
            if properties.get(name) is value:
                del properties[name]

    def effects_of(self, operation: Operation) -> Effects | None:
        return self.effects(operation) if callable(self.effects) else self.effects


_definitions: dict[str, OperationDefinition] = {}
_dialects: dict[str, str] = {}
_loaded: set[str] = set()
_missing: set[str] = set()


def register(definition: OperationDefinition) -> OperationDefinition:
    """Adds a definition.

    Raises:
        ValueError: the name is taken.
    """
    if definition.name in _definitions:
        raise ValueError(f"operation '{definition.name}' is defined twice")
    _definitions[definition.name] = definition
    return definition


def load_dialect(dialect: str) -> bool:
    """Imports the file that declares a dialect, once.  False if there is none."""
    if dialect in _loaded:
        return True
    if dialect in _missing:
        return False
    module = _dialects.get(dialect, f"tinyir.dialects.{dialect}")
    if dialect not in _dialects and dialect.isidentifier() and importlib.util.find_spec(module) is None:
        module = modules_of("tinyir.dialects").get(dialect, module)
    if not dialect.isidentifier() or importlib.util.find_spec(module) is None:
        _missing.add(dialect)
        return False
    _loaded.add(dialect)
    importlib.import_module(module)
    return True


def register_dialect(dialect: str, module: str) -> None:
    """Names the Python module that declares a dialect (others name it by an entry point: `tinyir.ir.plugins`)."""
    _dialects[dialect] = module
    _missing.discard(dialect)


def definition_of(name: str) -> OperationDefinition | None:
    """The definition of an operation's name, its dialect loaded if needed; None if unknown."""
    found = _definitions.get(name)
    if found is None and load_dialect(name.partition(".")[0]):
        found = _definitions.get(name)
    return found


def has_trait(operation: Operation, trait: str) -> bool:
    definition = definition_of(operation.name)
    return definition is not None and trait in definition.traits


def is_pure(operation: Operation, *, may_read: bool = False) -> bool:
    """Whether the operation (regions included) neither writes memory nor, unless it `may_read`, reads it."""
    definition = definition_of(operation.name)
    if definition is None:
        return False
    effects = definition.effects_of(operation)
    return is_harmless(effects, may_read=may_read) and all(
        is_pure(inner, may_read=may_read) or has_trait(inner, "terminator")
        for region in operation.regions
        for block in region.blocks
        for inner in block
    )


def is_harmless(effects: Effects | None, *, may_read: bool) -> bool:
    """Whether effects are known, and none but reads that are allowed."""
    return effects is not None and not effects.writes and (may_read or not effects.reads)


def known_operations(dialect: str) -> list[str]:
    """The names of a dialect's operations, sorted; loads the dialect."""
    load_dialect(dialect)
    return sorted(name for name in _definitions if name.startswith(dialect + "."))


def closest_dialects(name: str) -> list[str]:
    """The dialect whose name is most like another; none if none is like it.  Only those are loaded that may be it."""
    candidates = dialect_names()
    while (found := closest(name, candidates)) and not known_operations(found):
        candidates.remove(found)
    return [found] if found else []


def dialect_names() -> list[str]:
    """The names of the dialects that could be loaded, for hints; a few may be helpers of dialects."""
    package = importlib.import_module("tinyir.dialects")
    return sorted({*_dialects, *modules_of("tinyir.dialects"), *(module.name for module in pkgutil.iter_modules(package.__path__))})
