"""What rules over programs talk about, as z3 terms: values, memories, the state of memory, and uninterpreted functions of these.

Memory is one array of bytes.  A memref or tensor is a base address, a number of elements and their width; nothing is said of where
two of them lie, so they may share bytes.  Where an access goes is an uninterpreted function of the memory, the map and the indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from tinyir.ir.types import Type
from tinyir.prove.scalar_operations import Machine


@attrs.frozen(eq=False)
class ProgramValue:
    """`kind`: "index", "truth", ("data", bytes of an element, elements), ("scalar", type).  `term`: an integer, a Boolean, bits."""

    kind: object
    term: Any


@attrs.frozen(eq=False)
class Memory:
    """`token` stands for it in uninterpreted functions; `width`: bytes of an element."""

    name: str
    token: Any
    base: Any
    count: Any
    width: int


@attrs.frozen(eq=False)
class State:
    """All bytes, and which of them are defined (of tensors, whose elements are defined once).

    `last`: the memory that was written last, and the state before.
    """

    bytes: Any
    defined: Any
    last: tuple[Memory, State] | None = None

    def without(self, memories: Sequence[Memory]) -> State:
        """The state before the last writes as far as they were to some memories: nothing else can tell the difference."""
        state = self
        while state.last is not None and state.last[0] in memories:
            state = state.last[1]
        return state


class Terms:
    """Makes the terms of one case; `context`: of z3, if there is one already."""

    def __init__(self, context: Any = None) -> None:
        self.machine = Machine(context=context)
        self.z3 = self.machine.z3
        self.context = self.machine.context
        self.integers = self.z3.IntSort(self.context)
        self.count = 0

    def integer(self, name: str) -> Any:
        return self.z3.Int(name, self.context)

    def number(self, value: int) -> Any:
        return self.z3.IntVal(value, self.context)

    def true(self) -> Any:
        return self.z3.BoolVal(True, self.context)

    def fresh(self, name: str) -> str:
        self.count += 1
        return f"{name}!{self.count}"

    def all_of(self, conditions: Sequence[Any]) -> Any:
        return self.z3.And(self.true(), *conditions)

    def sort(self, kind: object) -> Any:
        if kind == "index":
            return self.integers
        if kind == "truth":
            return self.z3.BoolSort(self.context)
        assert isinstance(kind, tuple)
        if kind[0] == "data":
            return self.z3.BitVecSort(8 * kind[1] * kind[2], self.context)
        found = kind[1]
        assert found is None or isinstance(found, Type)
        return self.machine.sort(found)

    def state(self, name: str) -> State:
        """A state of which nothing is known."""
        octet, truth = self.z3.BitVecSort(8, self.context), self.z3.BoolSort(self.context)
        arrays = (self.z3.ArraySort(self.integers, sort) for sort in (octet, truth))
        return State(*(self.z3.Const(f"{name}.{part}", sort) for part, sort in zip(("bytes", "defined"), arrays, strict=True)))

    def apply(self, name: str, sort: Any, *arguments: Any) -> Any:
        """An uninterpreted function of some terms: the same arguments give the same."""
        if not arguments:
            return self.z3.Const(name, sort)
        kinds = [argument.sort() for argument in arguments]
        spelled = f"{name}({', '.join(str(kind) for kind in kinds)})"
        return self.z3.Function(spelled, *kinds, sort)(*arguments)

    def truth_of(self, name: str, *arguments: Any) -> Any:
        return self.apply(name, self.z3.BoolSort(self.context), *arguments)

    def choose(self, condition: Any, first: Sequence[ProgramValue], second: Sequence[ProgramValue]) -> list[ProgramValue]:
        return [ProgramValue(a.kind, self.z3.If(condition, a.term, b.term)) for a, b in zip(first, second, strict=True)]

    def choose_state(self, condition: Any, first: State, second: State) -> State:
        if first is second:
            return first
        return State(self.z3.If(condition, first.bytes, second.bytes), self.z3.If(condition, first.defined, second.defined))

    def place(self, memory: Memory, mapping: Any, indices: Sequence[Any]) -> tuple[Any, Any]:
        """Which element an access means, and whether it lies inside."""
        where = (memory.token, mapping, *indices)
        return self.apply("element", self.integers, *where), self.truth_of("inside", *where)

    def load(self, state: State, memory: Memory, element: Any, elements: int) -> Any:
        """The bits of neighbouring elements, the first in the lowest."""
        first = memory.base + memory.width * element
        octets = [self.z3.Select(state.bytes, first + i) for i in range(memory.width * elements)]
        return self.z3.Concat(*reversed(octets)) if len(octets) > 1 else octets[0]

    def store(self, state: State, memory: Memory, element: Any, value: Any) -> State:
        first, octets, defined = memory.base + memory.width * element, state.bytes, state.defined
        for i in range(value.size() // 8):
            octets = self.z3.Store(octets, first + i, self.z3.Extract(8 * i + 7, 8 * i, value))
        return State(octets, defined, (memory, state))

    def define(self, state: State, memory: Memory, element: Any) -> State:
        """Marks an element as defined."""
        first, defined = memory.base + memory.width * element, state.defined
        for i in range(memory.width):
            defined = self.z3.Store(defined, first + i, self.true())
        return State(state.bytes, defined, (memory, state))

    def are_defined(self, state: State, memory: Memory, element: Any) -> list[Any]:
        """For each byte of an element, whether it is defined."""
        first = memory.base + memory.width * element
        return [self.z3.Select(state.defined, first + i) for i in range(memory.width)]

    def overwritten(self, name: str, seen: State, before: State, kept: Sequence[Memory], used: Sequence[Any] = ()) -> State:
        """The state after something of which is known only that it leaves some memories alone; `seen`, `used`: all that it depends on."""
        z3, address = self.z3, self.integer("address")
        inside = z3.Or(self.z3.BoolVal(False, self.context), *(self.contains(memory, address) for memory in kept))
        parts = []
        for part, old in (("bytes", before.bytes), ("defined", before.defined)):
            made = self.apply(f"{name}.{part}", old.sort(), *used, seen.bytes, seen.defined)
            parts.append(z3.Lambda([address], z3.If(inside, z3.Select(old, address), z3.Select(made, address))))
        return State(*parts)

    def contains(self, memory: Memory, address: Any) -> Any:
        return self.z3.And(memory.base <= address, address < memory.base + memory.width * memory.count)

    def apart(self, one: Memory, other: Memory) -> Any:
        """Whether two memories share no byte."""
        ends = [memory.base + memory.width * memory.count for memory in (one, other)]
        return self.z3.Or(ends[0] <= other.base, ends[1] <= one.base)
