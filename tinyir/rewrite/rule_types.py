"""The types in a rule over scalars: which values have one type, and what it may be.

Patterns of the graph level have tensors whose types follow from the operators' equations; a scalar has one type, and operations say
which of their values agree (`ScalarSignature`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product

import attrs

from tinyir.ir.errors import TinyirError
from tinyir.ir.expression import SCALAR_TYPES
from tinyir.ir.registry import OperationDefinition, definition_of, known_operations
from tinyir.ir.scalar_signature import F16, KINDS, ScalarSignature
from tinyir.ir.types import F64, IntegerType, Type
from tinyir.text import rule_syntax as ast

Path = tuple[int, ...]
"""Where a pattern stands: the positions of operands from the root; the left side begins with 0, the right side with 1."""


def is_scalar_rule(rule: ast.Rule) -> bool:
    """Whether all operations of the left side work on scalars."""
    found = [definition_of(application.operation) for application in ast.applications(rule.pattern)]
    return all(definition is not None and definition.signature is not None for definition in found)


def is_program_rule(rule: ast.Rule) -> bool:
    """Whether the left side names memory, bodies, or operations that are neither operators on tensors nor on scalars."""
    if rule.neighbour is not None or any(application.bodies for application in ast.applications(rule.pattern)):
        return True
    definitions = [definition_of(application.operation) for application in ast.applications(rule.pattern)]
    return any(d is not None and d.signature is None and not d.name.startswith("graph.") for d in definitions)


def signature_of(application: ast.Application, definition: OperationDefinition | None = None) -> ScalarSignature:
    """The signature of an operation with the properties that the pattern fixes.

    Raises:
        TinyirError: it has none.
    """
    definition = definition or definition_of(application.operation)
    signature = definition.signature if definition is not None else None
    if signature is None:
        raise TinyirError(f"'{application.operation}' does not work on scalars: rules over scalars cannot hold it")
    if isinstance(signature, ScalarSignature):
        return signature
    return signature({name: value.value for name, value in application.properties if isinstance(value, ast.Text)})


@attrs.define
class TypeClass:
    """Values that have one type, and what it may be (None: of which nothing is known).  `parent`: the class that it was joined to."""

    types: tuple[Type | None, ...]
    parent: TypeClass | None = None

    def root(self) -> TypeClass:
        return self if self.parent is None else self.parent.root()


@attrs.define(eq=False)
class RuleTypes:
    """`of`: the class of each pattern by its path; `names`: of each operand by name; `types`: of each type that the rule names."""

    of: dict[Path, TypeClass] = attrs.field(factory=dict)
    names: dict[str, TypeClass] = attrs.field(factory=dict)
    types: dict[str, TypeClass] = attrs.field(factory=dict)
    relations: list[tuple[ScalarSignature, dict[str, TypeClass]]] = attrs.field(factory=list)

    @classmethod
    def infer(cls, rule: ast.Rule) -> RuleTypes:
        """
        Raises:
            TinyirError: an operation is unknown, or the types of a side contradict each other.
        """
        found = cls.of_left(rule)
        found._visit(rule.result, (1,), rule)
        found._join(found.of[(0,)], found.of[(1,)], rule)
        return found

    @classmethod
    def of_left(cls, rule: ast.Rule) -> RuleTypes:
        """The types that the left side alone demands.

        Raises:
            TinyirError: an operation is unknown, or its types contradict each other.
        """
        found = cls()
        found._visit(rule.pattern, (0,), rule)
        return found

    def classes(self) -> list[TypeClass]:
        """The classes, each once."""
        unique = {id(c.root()): c.root() for c in self.of.values()}
        return list(unique.values())

    def assignments(self) -> Iterator[Mapping[int, Type | None]]:
        """Every choice of types: by the id of a class."""
        classes = self.classes()
        for chosen in product(*(c.types for c in classes)):
            found = {id(c): type for c, type in zip(classes, chosen, strict=True)}
            if all(signature.allows({name: found[id(c.root())] for name, c in parts.items()}) for signature, parts in self.relations):
                yield found

    def _visit(self, pattern: ast.Pattern, path: Path, rule: ast.Rule) -> TypeClass:
        if isinstance(pattern, ast.Operand | ast.Constant):
            found = self.names.setdefault(pattern.name, TypeClass(KINDS["any"]))
        elif isinstance(pattern, ast.Application):
            found = self._visit_application(pattern, path, rule)
        elif isinstance(pattern, ast.Sequence):
            raise TinyirError(f"rule '{rule.name}': operations on scalars have no sequences of operands", place=rule.place)
        else:
            found = TypeClass(KINDS["any"])
        self.of[path] = found
        return found

    def _visit_application(self, application: ast.Application, path: Path, rule: ast.Rule) -> TypeClass:
        definition = definition_of(application.operation)
        if definition is None:
            raise TinyirError(f"rule '{rule.name}': unknown operation '{application.operation}'", place=ast.place_of_operation(rule, application))
        try:
            signature = signature_of(application, definition)
        except TinyirError as error:
            raise TinyirError(f"rule '{rule.name}': {error.diagnostics[0].message}", place=ast.place_of_operation(rule, application)) from error
        if len(signature.operands) != len(application.operands):
            message = f"rule '{rule.name}': '{application.operation}' takes {len(signature.operands)} operands, not {len(application.operands)}"
            raise TinyirError(message, place=ast.place_of_operation(rule, application))
        parts = {name: TypeClass(KINDS[kind]) for name, kind in signature.kinds.items()}
        for i, (operand, name) in enumerate(zip(application.operands, signature.operands, strict=True)):
            self._join(parts[name], self._visit(operand, (*path, i), rule), rule)
        if signature.relation:
            self.relations.append((signature, parts))
        result = parts[_result_of(application, signature, rule)]
        if isinstance(application.type, ast.Name):
            self._join(result, self._named_type(application.type.name), rule)
        return result

    def _named_type(self, name: str) -> TypeClass:
        known = literal_type(name)
        return self.types.setdefault(name, TypeClass(KINDS["any"])) if known is None else TypeClass((known,))

    def _join(self, left: TypeClass, right: TypeClass, rule: ast.Rule) -> None:
        left, right = left.root(), right.root()
        if left is right:
            return
        if None in left.types:
            left.types = right.types
        elif None not in right.types:
            left.types = tuple(type for type in left.types if type in right.types)
        if not left.types:
            raise TinyirError(f"rule '{rule.name}': the types of its two sides contradict each other", place=rule.place)
        right.parent = left


def _result_of(application: ast.Application, signature: ScalarSignature, rule: ast.Rule) -> str:
    """The variable of the result that the pattern means.

    Raises:
        TinyirError: there is none of that number, or several and the pattern does not say which.
    """
    count = len(signature.results)
    if application.number is None and count > 1:
        message = f"'{application.operation}' has {count} results: write `result 0 of {application.operation}(...)`"
        raise TinyirError(f"rule '{rule.name}': {message}", place=ast.place_of_operation(rule, application))
    if (application.number or 0) >= count:
        message = f"'{application.operation}' has {count} result{'s' * (count > 1)}: there is no result {application.number}"
        raise TinyirError(f"rule '{rule.name}': {message}", place=ast.place_of_operation(rule, application))
    return signature.results[application.number or 0]


def literal_type(name: str) -> Type | None:
    """The scalar type that a name such as `i32`, `ui16` or `f32` stands for."""
    if name in SCALAR_TYPES:
        return SCALAR_TYPES[name]
    if name in ("f16", "f64"):
        return F16 if name == "f16" else F64
    return IntegerType(int(name[2:]), "u") if name[:2] == "ui" and name[2:].isdigit() else None


def words_of(operation: str, property: str) -> tuple[str, ...]:
    """The words that a property may be, in the order of their codes: `eq ne slt ...`; none if it is no enumeration."""
    definition = definition_of(operation)
    found = re.search(rf"enum\(\${property}, ([^)]*)\)", definition.assembly) if definition is not None else None
    return tuple(found.group(1).split()) if found else ()


def constant_operation(operation: str) -> str:
    """The operation that gives constants to the dialect of another one."""
    dialect = operation.partition(".")[0]
    found = [name for name in known_operations(dialect) if (d := definition_of(name)) is not None and "constant" in d.traits]
    return found[0] if found else "arith.constant"
