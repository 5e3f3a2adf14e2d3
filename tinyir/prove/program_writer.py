"""Small programs that the left side of a rule over programs matches, written at random.

Memories are arrays of a few integers, which may overlap; bodies count in memory and in what they carry, so that a body that is run once
too often, in another order or not at all shows; what stands between two neighbours copies an element away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from tinyir.ir.registry import Effects, definition_of
from tinyir.prove.symbolic import NoMeaningError
from tinyir.text import rule_syntax as ast

Array = NDArray[Any]
SIZE = 6
"""Elements of a memory."""
MAPS = {1: ("d0", "d0 + 1", "0", "d0 floordiv 2"), 2: ("d0 + d1", "d1", "d0 * 2")}
CONDITIONS = ("{0} - 2 >= 0", "1 >= 0", "-1 >= 0", "{0} == 0")
NOTES = "notes"
"""A memory that bodies write, and no rule knows of."""


@attrs.frozen
class Program:
    """`arguments`: of its function, by name; `summary`: what to say of it."""

    text: str
    arguments: Sequence[tuple[str, Any]]
    summary: str


def short(array: Array) -> str:
    """An array as a list."""
    return "[" + ", ".join(str(value) for value in np.asarray(array).reshape(-1).tolist()) + "]"


class Writer:
    """Writes one program at random.  `names`: what the rule's operands, properties and bodies are in it."""

    def __init__(self, rule: ast.Rule, random: np.random.Generator) -> None:
        self.rule = rule
        self.random = random
        self.lines: list[str] = []
        self.arguments: list[tuple[str, str, Any]] = []
        self.names: dict[str, Any] = {}
        self.count = 0
        self.results: list[tuple[str, str]] = []
        self.element = str(random.choice(["i8", "i32"]))
        self.bytes = random.integers(0, 100, 256, np.uint8)
        self.notes = self._note()
        self.is_tensor = any(a.operation in ("loop.read", "loop.define") for side in rule.left for a in ast.applications(side))

    def _note(self) -> str:
        return self._argument(NOTES, f"memref<{SIZE}xi32>", self.bytes[192 : 192 + 4 * SIZE].view(np.int32))

    def _memory_type(self) -> str:
        return f"memref<{SIZE}x{self.element}>"

    def write(self) -> Program:
        """
        Raises:
            NoMeaningError: the rule has something that examples do not.
        """
        rule, neighbour = self.rule, self.rule.neighbour
        if neighbour is not None and neighbour.order == "after":
            made = self._statement(neighbour.pattern, neighbour.name)
            self.results += made
            self._between()
        root = self._statement(rule.pattern, "")
        self.results += root
        if neighbour is not None and neighbour.order == "before":
            self._between()
            self.results += self._statement(neighbour.pattern, "")
        parameters = ", ".join(f"%{name}: {type}" for name, type, _ in self.arguments)
        types = ", ".join(type for _, type in self.results)
        given = f" {', '.join(name for name, _ in self.results)} : {types}" if self.results else ""
        lines = [*self.lines, f"return{given}"]
        text = f"func.func @main({parameters}) -> ({types}) {{\n" + "\n".join(lines) + "\n}\n"
        values = ", ".join(f"{name} = {_spelled(value)}" for name, _, value in self.arguments if name != NOTES)
        summary = f"for `{' ; '.join(' '.join(line.split()) for line in self.lines)}`{f' with {values}' if values else ''}"
        return Program(f"module {{\n{text}}}\n", [(name, value) for name, _, value in self.arguments], summary)

    def _fresh(self) -> str:
        self.count += 1
        return f"%t{self.count}"

    def _argument(self, name: str, type: str, value: Any) -> str:
        self.arguments.append((name, type, value))
        return f"%{name}"

    def _pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.random.integers(len(options)))]

    # -- operands

    def _memory(self, name: str) -> tuple[str, str]:
        """A memory and its type."""
        if name not in self.names:
            width = 1 if self.element == "i8" else 4
            start = 4 * int(self.random.integers(0, 9))
            data = self.bytes[start : start + SIZE * width].view(np.int8 if width == 1 else np.int32)
            if self.is_tensor:
                self.names[name] = (self._tensor(), f"tensor<{SIZE}x{self.element}>")
            else:
                type = self._memory_type()
                self.names[name] = (self._argument(name, type, data), type)
        found: tuple[str, str] = self.names[name]
        return found

    def _tensor(self) -> str:
        """A tensor with some elements defined."""
        tensor, value = self._fresh(), self._fresh()
        type = f"tensor<{SIZE}x{self.element}>"
        self.lines.insert(0, f"{tensor} = loop.tensor : {type}")
        self.lines.insert(1, f"{value} = arith.constant {int(self.random.integers(9))} : {self.element}")
        for place in range(int(self.random.integers(SIZE))):
            self.lines.insert(2, f"loop.define {value}, {tensor}[{place}] : {type}")
        return tensor

    def _index(self, name: str) -> str:
        if name not in self.names:
            self.names[name] = self._argument(name, "index", np.int64(self.random.integers(0, 3)))
        return str(self.names[name])

    def _several(self, patterns: Sequence[ast.Pattern], counts: Sequence[int], make: Any) -> list[str]:
        found: list[str] = []
        for pattern in patterns:
            inner = pattern.pattern if isinstance(pattern, ast.Sequence) else pattern
            if not isinstance(inner, ast.Operand):
                raise NoMeaningError("an operand that is no name")
            if not isinstance(pattern, ast.Sequence):
                found.append(make(inner.name))
                continue
            if inner.name not in self.names:
                self.names[inner.name] = [make(f"{inner.name}{i}") for i in range(self._pick(counts))]
            found += self.names[inner.name]
        return found

    def _data(self, name: str, type: str) -> str:
        if name not in self.names:
            self.names[name] = (self._argument(name, type, (np.int8 if type == "i8" else np.int32)(self.random.integers(-9, 10))), type)
        return str(self.names[name][0])

    def _property(self, application: ast.Application, name: str, options: Sequence[Any]) -> Any:
        """A property that the rule names, or any."""
        given = dict(application.properties).get(name)
        if given is None:
            return self._pick(options)
        if isinstance(given, ast.Number):
            return given.value
        if not isinstance(given, ast.Name):
            raise NoMeaningError("a property that is no name")
        if f"{name} {given.name}" not in self.names:
            self.names[f"{name} {given.name}"] = self._pick(options)
        return self.names[f"{name} {given.name}"]

    # -- operations

    def _statement(self, application: ast.Application, name: str) -> list[tuple[str, str]]:
        """Writes an operation; its results with their types."""
        kinds = {
            "buffer.load": self._access, "loop.read": self._access, "buffer.store": self._access, "loop.define": self._access,
            "loop.for": self._for, "loop.if": self._if,
        }  # fmt: skip
        write = kinds.get(application.operation)
        if write is None:
            raise NoMeaningError(f"'{application.operation}' in examples")
        found = write(application)
        if name:
            self.names[name] = found[application.number or 0]
        return found

    def _access(self, application: ast.Application) -> list[tuple[str, str]]:
        definition = definition_of(application.operation)
        effects = definition.effects if definition is not None else None
        assert isinstance(effects, Effects)
        is_load = bool(effects.reads)
        place = (effects.reads or effects.writes)[0]
        leaf = application.operands[place]
        if not isinstance(leaf, ast.Operand):
            raise NoMeaningError("a memory that is no name")
        memory, type = self._memory(leaf.name)
        value = application.operands[0]
        if not is_load and not isinstance(value, ast.Operand):
            raise NoMeaningError("a value that is no name")
        indices = self._several(application.operands[place + 1 :], (1, 2), self._index)
        results = self._property(application, "map", range(4))
        options = MAPS[len(indices)]
        mapping = f"affine_map<({', '.join(f'd{i}' for i in range(len(indices)))}) -> ({options[results % len(options)]})>"
        element = self.element if self.is_tensor else str(self._pick((self.element, self.element, f"vector<2x{self.element}>")))
        if not is_load and isinstance(value, ast.Operand):
            stored = self._data(value.name, element)
            element = self.names[value.name][1]
            operands, taken = ", ".join((stored, memory, *indices)), f"({element}, {type}{', index' * len(indices)}) -> ()"
            self.lines.append(f'"{application.operation}"({operands}) <{{map = {mapping}}}> : {taken}')
            return []
        result = self._fresh()
        operands = ", ".join((memory, *indices))
        self.lines.append(f'{result} = "{application.operation}"({operands}) <{{map = {mapping}}}> : ({type}{", index" * len(indices)}) -> {element}')
        return [(result, element)]

    def _between(self) -> None:
        """Nothing, or an element of a memory goes to the notes."""
        memories = [value for value in self.names.values() if isinstance(value, tuple) and str(value[1]).startswith(("memref", "tensor"))]
        if not memories or self._pick((True, False)):
            return
        self._copy(*self._pick(memories))

    def _copy(self, memory: str, type: str) -> None:
        value, place = self._fresh(), int(self.random.integers(SIZE))
        self.lines.append(f"{value} = {'loop.read' if self.is_tensor else 'buffer.load'} {memory}[{place}] : {type}")
        if self.element == "i32":
            self.lines.append(f"buffer.store {value}, {self.notes}[0] : memref<{SIZE}xi32>")

    # -- bodies

    def _body(self, body: ast.Body, index: str, carried: Sequence[str], results: int) -> list[str]:
        """The lines of a body, with what it yields."""
        if not body.name:
            return [f"loop.yield {', '.join(carried)}{' : ' + ', '.join(['i32'] * len(carried)) if carried else ''}"]
        if f"body {body.name}" not in self.names:
            self.names[f"body {body.name}"] = (int(self.random.integers(1, 9)), int(self.random.integers(SIZE)))
        factor, place = self.names[f"body {body.name}"]
        lines: list[str] = []
        total = self._constant(factor, lines)
        for value in [*([self._as_number(index, lines)] if index else []), *self._held(body, lines), *carried]:
            total = self._sum(total, value, lines)
        if not body.pure:
            total = self._noted(place, total, lines)
        given = [total]
        while len(given) < results:
            given.append(self._sum(given[-1], total, lines))
        given = given[:results]
        lines.append(f"loop.yield {', '.join(given)}{' : ' + ', '.join(['i32'] * results) if results else ''}")
        return lines

    def _noted(self, place: int, total: str, lines: list[str]) -> str:
        """Doubles what stands in the notes, and adds to it."""
        old, type = self._fresh(), f"memref<{SIZE}xi32>"
        lines.append(f"{old} = buffer.load {self.notes}[{place}] : {type}")
        total = self._sum(self._sum(old, old, lines), total, lines)
        lines.append(f"buffer.store {total}, {self.notes}[{place}] : {type}")
        return total

    def _constant(self, value: int, lines: list[str]) -> str:
        found = self._fresh()
        lines.append(f"{found} = arith.constant {value} : i32")
        return found

    def _as_number(self, index: str, lines: list[str]) -> str:
        number = self._fresh()
        lines.append(f"{number} = arith.index_cast {index} : index to i32")
        return number

    def _sum(self, one: str, other: str, lines: list[str]) -> str:
        found = self._fresh()
        lines.append(f"{found} = arith.addi {one}, {other} : i32")
        return found

    def _held(self, body: ast.Body, lines: list[str]) -> list[str]:
        """The operation that a body holds."""
        if body.holding is None:
            return []
        if not isinstance(body.holding, ast.Application) or body.holding.properties:
            raise NoMeaningError("an operation with properties in a body")
        operands = [self._data(operand.name, "i32") for operand in body.holding.operands if isinstance(operand, ast.Operand)]
        found = self._fresh()
        lines.append(f"{found} = {body.holding.operation} {', '.join(operands)} : i32")
        return [found]

    def _for(self, application: ast.Application) -> list[tuple[str, str]]:
        lower, upper = (self._several(application.operands[i : i + 1], (0, 0, 1), self._index) for i in (0, 1))
        carried = self._several(application.operands[2:], (0, 1, 2), lambda name: self._data(name, "i32"))
        low, high = self._property(application, "lower_map", range(3)), self._property(application, "upper_map", range(4))
        step = self._property(application, "step", (1, 2, 3))
        start = f"{lower[0]} + {low}" if lower else str(low)
        stop = f"{upper[0]} + {high}" if upper else str(high)
        index = self._fresh()
        arguments = [self._fresh() for _ in carried]
        lines = self._body(application.bodies[0], index, arguments, len(carried))
        pairs = ", ".join(f"{new} = {old}" for new, old in zip(arguments, carried, strict=True))
        types = ", ".join("i32" for _ in carried)
        results, given = self._declared(len(carried))
        carries = f" iter({pairs}) -> ({types})" if carried else ""
        self.lines += [f"{results}loop.for {index} = {start} to {stop} step {step}{carries} {{", *lines, "}"]
        return given

    def _declared(self, count: int) -> tuple[str, list[tuple[str, str]]]:
        """The text in front of an operation of some results, and these."""
        if not count:
            return "", []
        name = self._fresh()
        several = f":{count}" if count > 1 else ""
        return f"{name}{several} = ", [(f"{name}#{i}" if count > 1 else name, "i32") for i in range(count)]

    def _if(self, application: ast.Application) -> list[tuple[str, str]]:
        indices = self._several(application.operands, (1,), self._index)
        condition = self._property(application, "condition", CONDITIONS).format(*indices)
        count = int(self.random.integers(0, 3))
        if any(not body.name for body in application.bodies):
            count = 0
        results, given = self._declared(count)
        types = f" -> ({', '.join(['i32'] * count)})" if count else ""
        first, second = (self._body(body, "", (), count) for body in application.bodies)
        self.lines += [f"{results}loop.if ({condition}){types} {{", *first, "} else {", *second, "}"]
        return given


def _spelled(value: Any) -> str:
    return short(value) if isinstance(value, np.ndarray) else str(value)
