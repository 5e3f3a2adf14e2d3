"""The same for rules over C (`program_writer`): pointers, counters of i32, and notes whose sums wrap around."""

from __future__ import annotations

import numpy as np

from tinyir.prove.program_writer import NOTES, SIZE, Writer
from tinyir.prove.symbolic import NoMeaningError
from tinyir.text import rule_syntax as ast


class CWriter(Writer):
    """Writes one program of the C level at random, in a function whose parameters are what it is about."""

    def _note(self) -> str:
        return self._argument(NOTES, "memref<?xui32>", self.bytes[192 : 192 + 4 * SIZE].view(np.uint32))

    def _memory_type(self) -> str:
        return f"memref<?x{self.element}>"

    def _statement(self, application: ast.Application, name: str) -> list[tuple[str, str]]:
        kinds = {"c.load": self._c_access, "c.store": self._c_access, "c.for": self._c_for, "c.if": self._c_if}
        write = kinds.get(application.operation)
        if write is None:
            raise NoMeaningError(f"'{application.operation}' in examples")
        found = write(application)
        if name:
            self.names[name] = found[application.number or 0]
        return found

    def _number(self, pattern: ast.Pattern, type: str) -> str:
        """An index, bound or condition: an argument, or a literal."""
        if not isinstance(pattern, ast.Operand | ast.Constant):
            raise NoMeaningError("an operand that is no name")
        if pattern.name not in self.names:
            value = int(self.random.integers(0, 2 if type == "i1" else 5))
            if isinstance(pattern, ast.Constant):
                self.names[pattern.name] = self._literal(value, type)
            else:
                self.names[pattern.name] = self._argument(pattern.name, type, np.bool_(value) if type == "i1" else np.int32(value))
        return str(self.names[pattern.name])

    def _literal(self, value: int, type: str) -> str:
        name = self._fresh()
        self.lines.append(f"{name} = c.literal {value} : {type}")
        return name

    def _c_access(self, application: ast.Application) -> list[tuple[str, str]]:
        *stored, leaf, index = application.operands
        if not isinstance(leaf, ast.Operand):
            raise NoMeaningError("a memory that is no name")
        memory, type = self._memory(leaf.name)
        place = self._number(index, "i32")
        if stored:
            if not isinstance(stored[0], ast.Operand):
                raise NoMeaningError("a value that is no name")
            value = self._data(stored[0].name, self.element)
            self.lines.append(f"c.store {value}, {memory}[{place}] : {type}")
            return []
        result = self._fresh()
        self.lines.append(f"{result} = c.load {memory}[{place}] : {type}")
        return [(result, self.element)]

    def _copy(self, memory: str, type: str) -> None:
        value, place = self._fresh(), self._literal(int(self.random.integers(SIZE)), "i32")
        self.lines.append(f"{value} = c.load {memory}[{place}] : {type}")
        self.lines.append(f"c.store {self._as_number(value, self.lines, self.element)}, {self.notes}[{place}] : memref<?xui32>")

    def _c_body(self, body: ast.Body, index: str) -> list[str]:
        if body.holding is not None:
            raise NoMeaningError("what a body holds")
        lines = self._body(body, index, (), 0) if body.name else []
        return [line for line in lines if not line.startswith("loop.yield")]

    def _as_number(self, value: str, lines: list[str], type: str = "i32") -> str:
        number = self._fresh()
        lines.append(f"{number} = c.cast {value} : {type} to ui32")
        return number

    def _sum(self, one: str, other: str, lines: list[str]) -> str:
        found = self._fresh()
        lines.append(f'{found} = c.binary {one} "+" {other} : ui32')
        return found

    def _constant(self, value: int, lines: list[str]) -> str:
        found = self._fresh()
        lines.append(f"{found} = c.literal {value} : ui32")
        return found

    def _noted(self, place: int, total: str, lines: list[str]) -> str:
        at, old, type = self._fresh(), self._fresh(), "memref<?xui32>"
        lines += [f"{at} = c.literal {place} : i32", f"{old} = c.load {self.notes}[{at}] : {type}"]
        total = self._sum(self._sum(old, old, lines), total, lines)
        lines.append(f"c.store {total}, {self.notes}[{at}] : {type}")
        return total

    def _c_for(self, application: ast.Application) -> list[tuple[str, str]]:
        start, limit = (self._number(operand, "i32") for operand in application.operands)
        step = self._property(application, "step", (1, 2, 3, -1, -2))
        index = self._fresh()
        self.lines += [f"c.for {index} = {start} to {limit} by {step} : i32 {{", *self._c_body(application.bodies[0], index), "}"]
        return []

    def _c_if(self, application: ast.Application) -> list[tuple[str, str]]:
        condition = self._number(application.operands[0], "i1")
        first, second = (self._c_body(body, "") for body in application.bodies)
        self.lines += [f"c.if {condition} {{", *first, "} else {", *second, "}"]
        return []
