"""Prints one function of the C level: which values get a name, what stands in one expression, and the parentheses.

A value is spelled where it is used if it is used once, in the same block, and if nothing that it reads can change on the
way there.  Otherwise it becomes a constant of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from tinyir.backends.c_assembly import assembly_text
from tinyir.backends.c_text import Names, c_type, declare, declare_constant, float_literal, integer_literal, short_type
from tinyir.backends.reserved_words import LIBRARY_FUNCTIONS
from tinyir.dialects.buffer import referenced_symbol, symbol_name
from tinyir.dialects.c import text_property
from tinyir.dialects.c_writer import literal_of
from tinyir.ir.attributes import FloatAttribute, IntegerAttribute
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import F32, F64, I1, I32, I64, MemRefType, Type

EXPRESSIONS = frozenset(f"c.{name}" for name in ("literal", "address", "binary", "unary", "cast", "conditional", "bits", "load", "offset"))
ATOMS = frozenset(("c.literal", "c.address"))
PRECEDENCE = {
    **dict.fromkeys(("*", "/", "%"), 12),
    **dict.fromkeys(("+", "-"), 11),
    **dict.fromkeys(("<<", ">>"), 10),
    **dict.fromkeys(("<", "<=", ">", ">="), 9),
    **dict.fromkeys(("==", "!="), 8),
    "&": 7,
    "^": 6,
    "|": 5,
    "&&": 4,
    "||": 3,
}
ARENA = "memory"
"""What the parameter is called that leads to the caller's memory."""
PARAMETERS = "p"
"""What the structure of a packed function's parameters is called inside of it."""
ATOM, POSTFIX, UNARY, CONDITIONAL, LOWEST = 20, 15, 14, 2, 0
MIXED = frozenset((10, 9, 8, 7, 6, 5, 4, 3))
"""Operators whose operands are put in parentheses even where C needs none: compilers warn, and readers wonder."""


class Parameters(Protocol):
    """How the parameters of a packed function are spelled."""

    @property
    def declaration(self) -> str:
        """The parameter list of the function."""

    def spelling(self, index: int) -> str:
        """A parameter inside of the function."""

    def argument(self, call: Operation) -> str:
        """What a call passes."""


class Environment:
    """What the functions of one file share: names of globals, how a storage is accessed, helpers that were asked for."""

    def __init__(self) -> None:
        self.names = Names(avoided=LIBRARY_FUNCTIONS)
        self.globals: dict[str, str] = {}
        self.constants: dict[str, Type] = {}
        """For each array of constants the type of its elements."""
        self.members: dict[tuple[str, Type], str] = {}
        """(storage, element type) -> how its elements are spelled as an array."""
        self.copied: dict[str, str] = {}
        """Storages accessed with several wide types -> their bytes: such elements are copied in and out."""
        self.helpers: dict[str, Callable[[], str]] = {}
        self.packed: dict[str, Parameters] = {}
        """Functions whose parameters stand in a structure."""
        self.arena = ""
        """The declaration of the parameter that leads to the storages, where the caller owns them; empty: they are static."""
        self.takes_arena: set[str] = set()
        """The functions that have this parameter."""
        self.hides_origins = False
        """Whether a function asked for the macro HIDE_ORIGIN."""
        self.keeps_fresh = False
        """Whether a function asked for the macro KEEP_FRESH."""
        self.assumes = False
        """Whether a function asked for the macro ASSUME."""

    def spelled_constants(self, name: str, type: Type) -> str:
        """An array of constants, or its bytes, as a pointer of this type."""
        stored, spelled = self.constants.get(name), self.globals[name]
        assert isinstance(type, MemRefType)
        return spelled if stored is None or stored is type.element else f"(({c_type(type)})(const void *){spelled})"

    def bits_helper(self, source: Type, target: Type) -> str:
        """The name of the function that gives the bits of one type as another."""
        name = f"{short_type(target)}_of_{short_type(source)}_bits"
        self.helpers.setdefault(name, lambda: _bits_function(name, source, target))
        return name

    def load_helper(self, element: Type) -> str:
        name = f"load_{short_type(element)}"
        self.helpers.setdefault(name, lambda: _load_function(name, element))
        return name

    def store_helper(self, element: Type) -> str:
        name = f"store_{short_type(element)}"
        self.helpers.setdefault(name, lambda: _store_function(name, element))
        return name


def _accesses(function: Operation, environment: Environment) -> dict[tuple[str, Type], str]:
    """(storage, element type) -> spelling, for all storages that the function accesses."""
    found: dict[tuple[str, Type], str] = {}
    for operation in function.walk():
        if operation.name == "c.address" and isinstance(type := operation.result.type, MemRefType):
            key = (referenced_symbol(operation, "name"), type.element)
            if key in environment.members:
                found[key] = environment.members[key]
    return found


def _blocks(function: Operation) -> list[Block]:
    return [block for operation in function.walk() for region in operation.regions for block in region.blocks]


def _sides_around(operation: Operation) -> Iterator[int]:
    """Of the alternatives that an operation stands in the side that it stands on."""
    inner = operation
    for above in operation.ancestors():
        if above.name == "c.alternative":
            yield next(side for side, region in enumerate(above.regions) if inner.parent in region.blocks)
        inner = above


def _bits_function(name: str, source: Type, target: Type) -> str:
    return (
        f"static inline {declare(target, name)}({declare(source, 'from')}) {{\n"
        f"    union {{ {declare(source, 'from')}; {declare(target, 'to')}; }} bits;\n    bits.from = from;\n    return bits.to;\n}}\n"
    )


def _load_function(name: str, element: Type) -> str:
    return (
        f"static inline {declare(element, name)}(const int8_t *from) {{\n    {declare(element, 'value')};\n"
        "    COPY_ELEMENT(&value, from, sizeof value);\n    return value;\n}\n"
    )


def _store_function(name: str, element: Type) -> str:
    return f"static inline void {name}(int8_t *to, {declare(element, 'value')}) {{\n    COPY_ELEMENT(to, &value, sizeof value);\n}}\n"


class FunctionPrinter:
    """Collects the lines of one function's body."""

    def __init__(self, environment: Environment, function: Operation) -> None:
        self.environment = environment
        self.function = function
        self.lines: list[str] = []
        self.names: dict[Value, str] = {}
        self.inlined: set[Operation] = set()
        self.bases: dict[tuple[str, Type], str] = {}
        """(storage, element type) -> the pointer through which this function accesses it."""

    def body(self) -> list[str]:
        """The lines between the braces of the function."""
        scope = Names(self.environment.names)
        packed = self.environment.packed.get(symbol_name(self.function))
        if packed is not None:
            scope.fresh(PARAMETERS)
        for block in _blocks(self.function):
            self._choose(block)
        for index, argument in enumerate(self.function.body.arguments):
            self.names[argument] = scope.fresh(argument.name or "argument")
            if packed is not None:  # read once: the compiler cannot know that no store changes the structure
                self.lines.append(f"    {declare_constant(argument.type, self.names[argument])} = {packed.spelling(index)};")
        for argument in self.function.body.arguments:
            self._excuse(argument, "    ")
        if self._takes_arena and not _accesses(self.function, self.environment) and not self._passes_arena:
            self.lines.append(f"    (void){ARENA};")
        self._declare_bases(scope, "    ")
        self._block(self.function.body, scope, "    ")
        return self.lines

    def parameters(self) -> str:
        """The parameter list (after `body`)."""
        packed = self.environment.packed.get(symbol_name(self.function))
        own = [packed.declaration] if packed is not None else [declare(a.type, self.names[a]) for a in self.function.body.arguments]
        return ", ".join([*([self.environment.arena] if self._takes_arena else []), *own]) or "void"

    @property
    def _takes_arena(self) -> bool:
        return symbol_name(self.function) in self.environment.takes_arena

    @property
    def _passes_arena(self) -> bool:
        calls = (operation for operation in self.function.walk() if operation.name == "c.call")
        return any(referenced_symbol(call, "callee") in self.environment.takes_arena for call in calls)

    def _declare_bases(self, scope: Names, indent: str) -> None:
        """Pointers of unknown origin to the storages, one for each size of elements.

        Where a loop walks through one array with two strides, gcc 12 computes one address from the other (its ivopts), loses sight
        of the array, and may then take the function for one without effect and drop its calls.  It never computes the address of
        one object from that of another, and keeps sight of a pointer whose origin it cannot see.
        """
        for (name, element), spelled in _accesses(self.function, self.environment).items():
            base = scope.fresh(f"{self.environment.globals[name]}_{short_type(element)}")
            copied = name in self.environment.copied and _width_bytes(element) > 1
            type = "int8_t" if copied else c_type(element)
            self.lines += [f"{indent}{type} *{base} = {self.environment.copied[name] if copied else spelled};", f"{indent}HIDE_ORIGIN({base});"]
            self.bases[name, element] = base
            self.environment.hides_origins = True

    # -- statements

    def _block(self, block: Block, scope: Names, indent: str) -> None:
        for operation in block:
            if operation not in self.inlined:
                self._statement(operation, scope, indent)

    def _choose(self, block: Block) -> None:
        """Decides which operations of the block are spelled inside their user."""
        operations = block.operations
        order = {operation: index for index, operation in enumerate(operations)}
        changes = [index for index, operation in enumerate(operations) if not _is_expression(operation)]
        reading: set[Operation] = set()
        for operation in operations:
            if _is_expression(operation) and (operation.name == "c.load" or any(_reads(operand, reading) for operand in operation.operands)):
                reading.add(operation)
        places = dict(order)
        for operation in reversed(operations):
            if operation.name in ATOMS:
                self.inlined.add(operation)
            elif _is_expression(operation) and (user := _only_user(operation, block)) is not None:
                place = places[user]
                blocked = operation in reading and any(order[operation] < change < place for change in changes)
                if not blocked and not _evaluated_often(operation, user):
                    self.inlined.add(operation)
                    places[operation] = place
            elif _is_expression(operation) and not operation.result.use_count:
                self.inlined.add(operation)

    def _statement(self, operation: Operation, scope: Names, indent: str) -> None:
        match operation.name:
            case "c.for":
                self._for(operation, scope, indent)
            case "c.if":
                self._if(operation, scope, indent)
            case "c.alternative":
                self._alternative(operation, scope, indent)
            case "c.assembly":
                self.lines += assembly_text(operation, [self.names[operand] for operand in operation.operands], scope, indent)
            case _:
                self.lines.append(f"{indent}{self._simple(operation, scope)};")
                if "fresh" in operation.properties:
                    self.lines.append(f"{indent}KEEP_FRESH({self.names[operation.result]});")
                    self.environment.keeps_fresh = True
                if _is_expression(operation):
                    self._excuse(operation.result, indent)

    def _excuse(self, value: Value, indent: str) -> None:
        """Tells compilers that what only some of them use is not there by mistake."""
        declared = set() if value.definer is None else set(_sides_around(value.definer))
        if value.use_count and not all(self._is_used(value, side) for side in (0, 1) if declared <= {side}):
            self.lines.append(f"{indent}(void){self.names[value]};")

    def _is_used(self, value: Value, side: int) -> bool:
        """Whether some line of what is compiled names the value, if of all alternatives the same side is taken."""
        users = [user for user in value.users if all(each == side for each in _sides_around(user))]
        return any(user not in self.inlined or self._is_used(user.result, side) for user in users)

    def _simple(self, operation: Operation, scope: Names) -> str:
        """A statement of one line."""
        operands = operation.operands
        match operation.name:
            case "c.variable":
                start = f" = {self.expression(operands[0])}" if operands else ""
                return f"{declare(operands[0].type if operands else operation.result.type, self._declare(operation.result, scope))}{start}"
            case "c.scratch":
                extent, type = operation.properties["extent"], operation.result.type
                assert isinstance(extent, IntegerAttribute)
                assert isinstance(type, MemRefType)
                return f"{declare(type.element, self._declare(operation.result, scope))}[{extent.value}]"
            case "c.assign":
                return self._assign(operands[0], operands[1])
            case "c.store":
                return self._store(*operands)
            case "c.return":
                return f"return {self.expression(operands[0])}" if operands else "return"
            case "c.call" if not operation.results:
                return self._call(operation)
            case _:
                text = self._spell(operation)[0]
                return f"{declare_constant(operation.result.type, self._declare(operation.result, scope))} = {text}"

    def _declare(self, value: Value, scope: Names) -> str:
        name = self.names[value] = scope.fresh(value.name or "value")
        return name

    def _assign(self, variable: Value, value: Value) -> str:
        definer = value.definer
        if definer is not None and definer in self.inlined and definer.name == "c.binary":
            operator = text_property(definer, "operator")
            if definer.operands[0] is variable and operator in ("+", "-", "*"):
                return f"{self.names[variable]} {operator}= {self.expression(definer.operands[1])}"
        return f"{self.names[variable]} = {self.expression(value)}"

    def _store(self, value: Value, memory: Value, index: Value) -> str:
        place = self._copied_place(memory, index)
        if place is not None:
            assert isinstance(memory.type, MemRefType)
            return f"{self.environment.store_helper(memory.type.element)}({place}, {self.expression(value)})"
        return f"{self._element(memory, index)} = {self.expression(value)}"

    def _for(self, operation: Operation, scope: Names, indent: str) -> None:
        start, limit = (self.expression(operand) for operand in operation.operands)
        step = operation.properties["step"]
        assert isinstance(step, IntegerAttribute)
        inner = Names(scope)
        counter = operation.body.arguments[0]
        name = self.names[counter] = inner.fresh(counter.name or "i")
        change = f"{name}++" if step.value == 1 else f"{name}--" if step.value == -1 else f"{name} {'+' if step.value > 0 else '-'}= {abs(step.value)}"
        compare = "<" if step.value > 0 else ">="
        if "runs" in operation.properties:
            self.lines.append(f"{indent}ASSUME({start} {compare} {limit});")
            self.environment.assumes = True
        if _stays_rolled(operation, step.value):
            self.lines.append(f"{indent}KEEP_ROLLED")
        self.lines.append(f"{indent}for ({declare(counter.type, name)} = {start}; {name} {compare} {limit}; {change}) {{")
        self._block(operation.body, inner, indent + "    ")
        self.lines.append(f"{indent}}}")

    def _if(self, operation: Operation, scope: Names, indent: str) -> None:
        self.lines.append(f"{indent}if ({self.expression(operation.operands[0])}) {{")
        self._block(operation.regions[0].blocks[0], Names(scope), indent + "    ")
        if operation.regions[1].blocks[0].first is not None:
            self.lines.append(f"{indent}}} else {{")
            self._block(operation.regions[1].blocks[0], Names(scope), indent + "    ")
        self.lines.append(f"{indent}}}")

    def _alternative(self, operation: Operation, scope: Names, indent: str) -> None:
        self.lines.append(f"#if {text_property(operation, 'condition')}")
        self.lines.append(f"{indent}{{")
        self._block(operation.regions[0].blocks[0], Names(scope), indent + "    ")
        self.lines += [f"{indent}}}", "#else"]
        self._block(operation.regions[1].blocks[0], Names(scope), indent)
        self.lines.append("#endif")

    # -- expressions

    def expression(self, value: Value, strength: int = LOWEST) -> str:
        """The text of a value, in parentheses if it binds less than `strength`."""
        definer = value.definer
        if definer is None or definer not in self.inlined:
            return self.names[value]
        text, own = self._spell(definer)
        return f"({text})" if own < strength else text

    def _spell(self, operation: Operation) -> tuple[str, int]:
        """The text of an expression, and how strongly its outermost operator binds."""
        operands = operation.operands
        match operation.name:
            case "c.literal":
                return self._literal(operation)
            case "c.address":
                return self._array(operation.result), ATOM
            case "c.binary":
                return self._binary(operation)
            case "c.unary":
                operator = text_property(operation, "operator")
                inner = self.expression(operands[0], UNARY)
                return f"{operator}{f'({inner})' if inner.startswith(operator) else inner}", UNARY
            case "c.cast":
                if operands[0].type is operation.result.type:
                    return self.expression(operands[0]), LOWEST
                return f"({c_type(operation.result.type)}){self.expression(operands[0], UNARY)}", UNARY
            case "c.conditional":
                condition, first, second = (self.expression(operand, CONDITIONAL + 1) for operand in operands)
                return f"{condition} ? {first} : {second}", CONDITIONAL
            case "c.bits":
                return f"{self.environment.bits_helper(operands[0].type, operation.result.type)}({self.expression(operands[0])})", POSTFIX
            case "c.load":
                return self._load(operands[0], operands[1]), POSTFIX
            case "c.offset":
                return f"&{self._element(operands[0], operands[1])}", UNARY
            case _:
                return self._call(operation), POSTFIX

    def _literal(self, operation: Operation) -> tuple[str, int]:
        value = operation.properties["value"]
        if isinstance(value, IntegerAttribute):
            text = integer_literal(value.value, value.type) if operation.result.type is not I1 else str(value.value)
            return text, UNARY if text.startswith("-") else ATOM
        assert isinstance(value, FloatAttribute)
        literal = float_literal(value.bits, value.type)
        if literal is None:
            integer, target = (I64, F64) if value.type is F64 else (I32, F32)
            signed = value.bits - (1 << integer.width) if value.bits >> (integer.width - 1) else value.bits
            return f"{self.environment.bits_helper(integer, target)}({integer_literal(signed, integer)})", POSTFIX
        return literal, UNARY if literal.startswith("-") else ATOM

    def _binary(self, operation: Operation) -> tuple[str, int]:
        operator, (left, right) = text_property(operation, "operator"), operation.operands
        own = PRECEDENCE[operator]
        need = UNARY if own in MIXED else own
        negative = _negative_literal(right)
        if operator == "+" and negative is not None:
            return f"{self.expression(left, need)} - {negative}", own
        return f"{self.expression(left, need)} {operator} {self.expression(right, need if own in MIXED else own + 1)}", own

    def _call(self, operation: Operation) -> str:
        callee = referenced_symbol(operation, "callee")
        packed = self.environment.packed.get(callee)
        own = [packed.argument(operation)] if packed is not None else [self.expression(operand) for operand in operation.operands]
        arguments = ", ".join([*([ARENA] if callee in self.environment.takes_arena else []), *own])
        return f"{self.environment.globals[callee]}({arguments})"

    # -- memory

    def _array(self, pointer: Value) -> str:
        definer = pointer.definer
        if definer is not None and definer.name == "c.address":
            assert isinstance(pointer.type, MemRefType)
            name = referenced_symbol(definer, "name")
            if (name, pointer.type.element) in self.bases:
                return self.bases[name, pointer.type.element]
            return self.environment.members.get((name, pointer.type.element)) or self.environment.spelled_constants(name, pointer.type)
        return self.names[pointer]

    def _copied_place(self, memory: Value, index: Value) -> str | None:
        """The address of an element that must be copied in and out, else None."""
        definer = memory.definer
        if definer is None or definer.name != "c.address" or not isinstance(memory.type, MemRefType):
            return None
        name = referenced_symbol(definer, "name")
        storage = self.environment.copied.get(name)
        bytes_each = _width_bytes(memory.type.element)
        if storage is None or bytes_each == 1:
            return None
        storage = self.bases.get((name, memory.type.element), storage)
        return f"&{storage}[{bytes_each} * {self.expression(index, PRECEDENCE['*'] + 1)}]"

    def _element(self, memory: Value, index: Value) -> str:
        definer = memory.definer
        if definer is not None and definer.name == "c.offset" and definer in self.inlined:
            pointer, distance = definer.operands
            return self._element(pointer, distance) if literal_of(index) == 0 else f"({self.expression(memory)})[{self.expression(index)}]"
        return f"{self._array(memory)}[{self.expression(index)}]"

    def _load(self, memory: Value, index: Value) -> str:
        place = self._copied_place(memory, index)
        if place is not None:
            assert isinstance(memory.type, MemRefType)
            return f"{self.environment.load_helper(memory.type.element)}({place})"
        return self._element(memory, index)


def _width_bytes(type: Type) -> int:
    return int(getattr(type, "width", 8)) // 8


def _is_expression(operation: Operation) -> bool:
    return operation.name in EXPRESSIONS or (operation.name == "c.call" and "pure" in operation.properties)


def _reads(value: Value, reading: set[Operation]) -> bool:
    definer = value.definer
    return definer is not None and (definer.name == "c.variable" or definer in reading)


def _stays_rolled(nest: Operation, step: int) -> bool:
    """Whether a loop is around a block of assembly and goes round more than twice (gcc 12 takes a wish not to unroll two rounds for the contrary)."""
    bounds = [_literal(operand) for operand in nest.operands]
    if None in bounds or not any(operation.name == "c.assembly" for operation in nest.walk()):
        return False
    start, limit = (bound for bound in bounds if bound is not None)
    return (limit - start) / step > 2


def _literal(value: Value) -> int | None:
    definer = value.definer
    attribute = definer.properties["value"] if definer is not None and definer.name == "c.literal" else None
    return attribute.value if isinstance(attribute, IntegerAttribute) else None


def _only_user(operation: Operation, block: Block) -> Operation | None:
    """The user of the one use of the result, if it stands in the same block."""
    result = operation.result
    if result.use_count != 1:
        return None
    user = result.users[0]
    return user if user.parent is block else None


def _evaluated_often(operation: Operation, user: Operation) -> bool:
    """Whether the value is a loop's limit, which C would compute again in each iteration, or a copy made on purpose."""
    if operation.name == "c.cast" and operation.operands[0].type is operation.result.type:
        return True
    return user.name == "c.for" and user.operands[1] is operation.result


def _negative_literal(value: Value) -> str | None:
    """The absolute value of a negative integer literal as text."""
    definer, number = value.definer, _literal(value)
    if definer is None or number is None or number >= 0 or definer.result.type is I1:
        return None
    return integer_literal(-number, definer.result.type)


