"""The small functions that C lacks: extremes and floor division, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinyir.dialects.c_writer import CWriter
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import StringAttribute, TypeAttribute, UnitAttribute
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import I32, FunctionType, IntegerType, Type


def c_function(name: str, type: FunctionType, index_type: IntegerType, canonical: bool = False) -> tuple[Operation, CWriter]:
    """An empty function that stands nowhere yet, and a writer for its body."""
    block = Block(type.inputs)
    properties: dict[str, Attribute] = {"sym_name": StringAttribute(name), "function_type": TypeAttribute(type)}
    function = Operation("c.function", properties=properties, regions=[Region([block])])
    return function, CWriter(block, index_type, canonical)


class Helpers:
    """The small functions of one module, by name."""

    def __init__(self) -> None:
        self.functions: dict[str, Operation] = {}

    def function(self, name: str, parameters: Sequence[Type], result: Type, body: Callable[[CWriter, Sequence[Value]], Value]) -> str:
        """The name of a small function, made when it is first asked for."""
        if name not in self.functions:
            made, writer = c_function(name, FunctionType(parameters, [result]), I32)
            made.properties["inline"] = UnitAttribute()
            for argument, hint in zip(made.body.arguments, ("a", "b"), strict=False):
                argument.name = hint
            writer.return_(body(writer, made.body.arguments))
            self.functions[name] = made
        return name

    def extreme(self, writer: CWriter, operator: str, left: Value, right: Value) -> Value:
        """The greater (`>`) or the lesser (`<`) of two values."""
        type = left.type
        word = "maximum" if operator == ">" else "minimum"
        name = self.function(f"{word}_{type}", [type, type], type, lambda w, v: w.conditional(w.binary(operator, v[0], v[1]), v[0], v[1]))
        return writer.call(name, [left, right], [type], pure=True).result

    def float_extreme(self, writer: CWriter, operator: str, left: Value, right: Value) -> Value:
        """The same for floats: if one is not a number, that one."""
        type = left.type
        word = "maximum" if operator == ">=" else "minimum"

        def body(w: CWriter, v: Sequence[Value]) -> Value:
            chosen = w.binary("||", w.binary(operator, v[0], v[1]), w.binary("!=", v[0], v[0]))
            return w.conditional(chosen, v[0], v[1])

        return writer.call(self.function(f"{word}_{type}", [type, type], type, body), [left, right], [type], pure=True).result

    def floor_divide(self, writer: CWriter, left: Value, right: Value) -> Value:
        type = left.type

        def body(w: CWriter, v: Sequence[Value]) -> Value:
            inexact = w.binary("!=", w.binary("%", v[0], v[1]), w.literal(0, type))
            apart = w.binary("!=", w.binary("<", v[0], w.literal(0, type)), w.binary("<", v[1], w.literal(0, type)))
            quotient = w.binary("/", v[0], v[1])
            return w.conditional(w.binary("&&", inexact, apart), w.binary("-", quotient, w.literal(1, type)), quotient)

        return writer.call(self.function(f"floor_divide_{type}", [type, type], type, body), [left, right], [type], pure=True).result
