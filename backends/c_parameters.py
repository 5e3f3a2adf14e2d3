"""The parameters of a function that several layers share: a structure in flash for each call, its fields as narrow as their values allow."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.backends.c_function import PARAMETERS, Environment
from tinyir.backends.c_text import Names, comment_lines, declare, float_literal, integer_literal
from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.dialects.c_writer import literal_of
from tinyir.ir.attributes import FloatAttribute, IntegerAttribute, StringAttribute
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I8, I16, I32, IntegerType, MemRefType, Type


class PackedParameters:
    """One packed function with all its calls; registers itself with the environment."""

    def __init__(self, environment: Environment, function: Operation, calls: Sequence[Operation], prefix: str) -> None:
        self.environment = environment
        self.calls = calls
        self.macro = f"{prefix.upper()}_CONST"
        name = symbol_name(function)
        self.structure = environment.names.fresh(f"{environment.globals[name]}_parameters")
        fields = Names()
        arguments = function.body.arguments
        self.fields = [fields.fresh(argument.name or "number") for argument in arguments]
        self.types = [_narrowest(argument.type, [call.operands[argument.index] for call in calls]) for argument in arguments]
        self.order = sorted(range(len(arguments)), key=lambda index: (-_width(self.types[index]), index))
        self.instances = {call: environment.names.fresh(f"{_layer(call)}_parameters") for call in calls}
        environment.packed[name] = self

    @property
    def declaration(self) -> str:
        return f"const struct {self.structure} *const {PARAMETERS}"

    def spelling(self, index: int) -> str:
        """A parameter inside of the function."""
        return f"{PARAMETERS}->{self.fields[index]}"

    def argument(self, call: Operation) -> str:
        """What a call passes."""
        return f"&{self.instances[call]}"

    def text(self) -> str:
        """The structure and its instances."""
        lines = [f"struct {self.structure} {{", *(f"    {declare(self.types[i], self.fields[i])};" for i in self.order), "};", ""]
        for call, name in self.instances.items():
            comment = call.properties.get("comment")
            lines += comment_lines(comment.value if isinstance(comment, StringAttribute) else "")
            lines.append(f"static const struct {self.structure} {name} {self.macro} = {{")
            lines += [*(f"    {self._value(call, index)}, /* {self.fields[index]} */" for index in self.order), "};", ""]
        return "\n".join(lines)

    def _value(self, call: Operation, index: int) -> str:
        definer = call.operands[index].definer
        assert definer is not None
        if definer.name == "c.address":
            return self.environment.spelled_constants(referenced_symbol(definer, "name"), definer.result.type)
        value = definer.properties["value"]
        if isinstance(value, IntegerAttribute):
            return integer_literal(value.value, value.type)
        assert isinstance(value, FloatAttribute)
        literal = float_literal(value.bits, value.type)
        assert literal is not None, "infinities and NaNs are no parameters"
        return literal


def _layer(call: Operation) -> str:
    layer = call.properties.get("layer")
    return layer.value if isinstance(layer, StringAttribute) else referenced_symbol(call, "callee")


def _width(type: Type) -> int:
    """The bits of a field, pointers first."""
    return 1 << 10 if isinstance(type, MemRefType) else int(getattr(type, "width", 32))


def _narrowest(type: Type, values: Sequence[Value]) -> Type:
    """The narrowest signed type that holds the literals of all calls."""
    if not isinstance(type, IntegerType) or type.is_unsigned:
        return type
    literals = [literal for value in values if (literal := literal_of(value)) is not None]
    low, high = min(literals), max(literals)
    return next((narrow for narrow in (I8, I16, I32) if narrow.width <= type.width and narrow.lowest <= low and high <= narrow.greatest), type)
