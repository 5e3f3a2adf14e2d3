"""From the buffer level to C: memory becomes static arrays, loops become `for`, accumulators become local variables.

    loop.for %i = 0 to 8 iter(%a = %zero) -> (i32) {       int32_t a = 0;
      %v = buffer.load %x[%i * 2] : memref<16xi8>          for (int32_t i = 0; i < 8; i++) {
      %w = arith.extsi %v : i8 to i32                =>        a = a + (int32_t)arena.i8[i * 2];
      %s = arith.addi %a, %w overflow<nsw> : i32           }
      loop.yield %s : i32
    }

Indices become integers of a width that a `bounds` proof has shown to hold every address.  Integer arithmetic is spelled
on signed types where it is known not to overflow (`overflow<nsw>`), on unsigned ones where it may wrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from tinyir.dialects import isa_vector, loop
from tinyir.dialects.buffer import FLASH, access_map, alignment_bytes, global_type, integer_property, referenced_symbol, size_bytes, symbol_name
from tinyir.dialects.c_arithmetic import ARITHMETIC, Arithmetic
from tinyir.dialects.c_helpers import Helpers, c_function
from tinyir.dialects.c_writer import CWriter, literal_of
from tinyir.dialects.isa import include_text, instruction_text, load_text, store_text, vector_home, word_type
from tinyir.dialects.isa_block import block_text, is_word_aligned, machine_loop
from tinyir.dialects.layer_description import describe
from tinyir.dialects.nest_accesses import linear_address, memory_behind
from tinyir.dialects.static_costs import layer_costs
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, AffineSet, linear_terms, used_dimensions
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
    UnitAttribute,
    element_bytes,
)
from tinyir.ir.builder import Builder, find_symbol, functions
from tinyir.ir.errors import TinyirError
from tinyir.ir.machine_block import allocate, used_registers
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import I1, I8, I32, I64, INDEX, U8, FunctionType, IndexType, IntegerType, MemRefType, TensorType, Type, VectorType
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.text.instruction_reader import instruction_set

INT32: Interval = (-(1 << 31), (1 << 31) - 1)
PLACES = 8
"""At how many places of its loops a function's instructions are estimated."""


@attrs.frozen
class LowerToC(Pass):
    """`canonical` keeps all index arithmetic in one full form, so that `merge_functions` finds more that is alike, and tells it what
    each function takes, about (`instructions`), unless the goal is size.

    `hoist_above`: innermost loops of more iterations than that, or of a number that varies, count from zero and walk through
    memory by pointers that are set before them: compilers make one instruction of a load and a step then.  Without a value
    it is 64, since compilers make more of short constant loops, and 0 if the goal is size.
    `apart`: layers are not inlined into the function that calls them all, where gcc takes them for code that runs once and
    is not worth optimizing.  Without a value they are inlined only if the goal is size.
    """

    name = "lower_to_c"
    reads = ("builtin", "func", "arith", "loop", "buffer", "isa")
    leaves = ("builtin", "c")

    canonical: bool = False
    hoist_above: int | None = None
    apart: bool | None = None

    def run(self, module: Operation, context: PassContext) -> None:
        """
        Raises:
            TinyirError: an operation that has no form in C.
        """
        small = context.goal == "size"
        hoist_above = (0 if small else 64) if self.hoist_above is None else self.hoist_above
        for function in functions(module):
            comment = describe(function, context.ledger)
            if comment:
                function.attributes["comment"] = StringAttribute(comment)
        if self.canonical and not small and context.target is not None:
            costs = layer_costs(module, context.target, PLACES)
            for function in functions(module):
                function.attributes["instructions"] = IntegerAttribute(round(costs[symbol_name(function)].instructions), INDEX)
        apart, assembly = not small if self.apart is None else self.apart, getattr(context.target, "assembly", "blocks") != "none"
        _Module(module, self.canonical, hoist_above, apart, assembly).lower()


class _Module:
    """The module, and what its functions have asked for so far."""

    def __init__(self, module: Operation, canonical: bool, hoist_above: int, apart: bool, assembly: bool) -> None:
        self.module = module
        self.canonical = canonical
        self.hoist_above = hoist_above
        self.apart = apart
        self.assembly = assembly
        self.mixed = _mixed_storages(module)
        self.accessed: dict[str, dict[Type, None]] = {}
        """For each global in RAM the element types that it is accessed with."""
        self.helpers = Helpers()
        self.instructions: dict[str, str] = {}
        """The text of each machine instruction that is used, as a function."""
        self.vectors: dict[str, str] = {}
        """The text that declares each type of vectors wider than a word, or includes a header."""

    def lower(self) -> None:
        old = list(self.module.body)
        for function in functions(self.module):
            Builder.at_end(self.module.body).insert(_Function(self, function).lower())
        self._lower_globals()
        for operation in reversed(old):
            operation.drop_references()
            operation.detach()

    def element(self, type: Type) -> Type:
        """The type that C stores: a truth value is a byte."""
        return U8 if type is I1 else type

    # -- globals

    def _lower_globals(self) -> None:
        first = next(operation for operation in self.module.body if operation.name == "c.function")
        builder = Builder(self.module.body, first)
        for operation in list(self.module.body):
            builder.location = operation.location
            if operation.name == "buffer.global" and symbol_name(operation) in self.accessed:
                self._lower_global(operation, builder)
            elif operation.name == "buffer.port":
                storage = referenced_symbol(operation, "storage")
                self.access(storage, self.element(global_type(operation).element))
        for operation in [operation for operation in self.module.body if operation.name == "buffer.port"]:
            if find_storage(self.module, referenced_symbol(operation, "storage")) is None:
                declared = find_symbol(self.module, referenced_symbol(operation, "storage"))
                assert declared is not None
                self._lower_global(declared, builder)
            builder.create("c.port", properties=dict(operation.properties), location=operation.location)
        for name, text in (*sorted(self.vectors.items()), *sorted(self.instructions.items())):
            builder.create("c.instruction", properties={"sym_name": StringAttribute(name), "text": StringAttribute(text)})
        for _, helper in sorted(self.helpers.functions.items()):
            builder.insert(helper)

    def _lower_global(self, operation: Operation, builder: Builder) -> None:
        type = global_type(operation)
        name: dict[str, Attribute] = {"sym_name": operation.properties["sym_name"]}
        if type.space is FLASH:
            value = operation.properties["value"]
            assert isinstance(value, DenseElements)
            flat = DenseElements(TensorType([type.element_count], self.element(type.element)), value.data, value.splat)
            alignment = operation.properties.get("alignment")
            stated = {"alignment": alignment} if alignment is not None else {}
            builder.create("c.array", properties={**name, "value": flat, **stated})
        else:
            accessed = sorted(self.accessed[symbol_name(operation)], key=lambda type: (element_bytes(type), str(type)))
            elements = ArrayAttribute([TypeAttribute(type) for type in accessed])
            storage: dict[str, Attribute] = {**name, "bytes": IntegerAttribute(size_bytes(type), I64), "elements": elements}
            wanted = alignment_bytes(operation)
            if wanted > max(element_bytes(element) for element in accessed):
                storage["alignment"] = IntegerAttribute(wanted, I64)
            builder.create("c.storage", properties=storage)

    def access(self, name: str, element: Type) -> None:
        """Notes that a global is accessed with elements of a type."""
        self.accessed.setdefault(name, {})[element] = None


def _mixed_storages(module: Operation) -> set[str]:
    """The globals in RAM whose bytes are accessed as several types of more than one byte: C copies such elements, it has no pointers to them."""
    wide: dict[str, set[Type]] = {}
    for operation in module.walk():
        if operation.name in ("buffer.load", "buffer.store") and not _is_word(operation):
            memory = operation.operands[0 if operation.name == "buffer.load" else 1]
            name = memory_behind(memory)[0]
            assert isinstance(memory.type, MemRefType)
            if isinstance(name, str) and element_bytes(memory.type.element) > 1:
                wide.setdefault(name, set()).add(memory.type.element)
    return {name for name, types in wide.items() if len(types) > 1}


def find_storage(module: Operation, name: str) -> Operation | None:
    """The c.storage of that name."""
    wanted = StringAttribute(name)
    return next((op for op in module.body if op.name == "c.storage" and op.properties["sym_name"] is wanted), None)


@attrs.frozen
class _Place:
    """Memory as C sees it: a global by name or a pointer, the first element's number, and the shape."""

    type: MemRefType
    name: str
    pointer: Value | None
    offset_bytes: int


class _Function:
    """One function on its way to C."""

    def __init__(self, module: _Module, function: Operation) -> None:
        self.module = module
        self.function = function
        self.values: dict[Value, Value] = {}
        self.places: dict[Value, _Place] = {}
        self.indices: dict[Value, AffineExpression] = {}
        """Values of type index, as expressions over `counters`."""
        self.counters: list[Value] = []
        self.ranges: list[Interval] = []
        self.hoisted: dict[Operation, tuple[Value, AffineExpression]] = {}
        """Accesses of an innermost loop: the pointer that was set before it, and the index from there."""
        bits = function.attributes.get("index_bits")
        self.index_type = IntegerType(bits.value) if isinstance(bits, IntegerAttribute) else I32

    def _value_type(self, type: Type) -> Type:
        """The type that C computes with."""
        return self.index_type if isinstance(type, IndexType) else word_type(type)

    def lower(self) -> Operation:
        attribute = self.function.properties["function_type"]
        assert isinstance(attribute, TypeAttribute)
        assert isinstance(attribute.type, FunctionType)
        inputs = [self._value_type(type) for type in attribute.type.inputs]
        results = [self._value_type(type) for type in attribute.type.results]
        name = c_name(self.module.module, symbol_name(self.function))
        made, writer = c_function(name, FunctionType(inputs, results), self.index_type, self.module.canonical)
        made.location = self.function.location
        if "network" in self.function.attributes:
            made.properties["network"] = UnitAttribute()
        elif self.module.apart and not results:
            made.properties["apart"] = UnitAttribute()
        if any("rounds" in operation.attributes for operation in self.function.walk()):
            made.properties["in_order"] = UnitAttribute()
        if "comment" in self.function.attributes:
            made.properties["comment"] = self.function.attributes["comment"]
        if "instructions" in self.function.attributes:
            made.attributes["instructions"] = self.function.attributes["instructions"]
        for old, new in zip(self.function.body.arguments, made.body.arguments, strict=True):
            new.name = old.name or "x"
            self._bind(old, new)
        self.block(self.function.body, writer)
        return made

    def _bind(self, old: Value, new: Value) -> None:
        self.values[old] = new
        if isinstance(old.type, IndexType):
            self.indices[old] = self._counter(new, INT32)

    def _counter(self, value: Value, range: Interval) -> AffineExpression:
        self.counters.append(value)
        self.ranges.append(range)
        return AffineDimension(len(self.counters) - 1)

    def value(self, value: Value, writer: CWriter) -> Value:
        """The C value of a scalar."""
        found = self.values.get(value)
        if found is not None:
            return found
        return writer.affine(self.indices[value], self.counters, self.ranges)

    # -- statements

    def block(self, block: Block, writer: CWriter) -> None:
        """Lowers all operations of a block."""
        for operation in block:
            writer.builder.location = operation.location
            lower = _LOWERINGS.get(operation.name)
            if lower is None and operation.name.startswith("isa."):
                lower = _Function._instruction
            if lower is None:
                raise TinyirError(f"operation '{operation.name}' has no form in C", place=operation.location.place)
            lower(self, operation, writer)

    def _get_global(self, operation: Operation, _writer: CWriter) -> None:
        type = operation.result.type
        assert isinstance(type, MemRefType)
        self.places[operation.result] = _Place(type, referenced_symbol(operation, "name"), None, 0)

    def _view(self, operation: Operation, _writer: CWriter) -> None:
        source, type = self.places[operation.operands[0]], operation.result.type
        assert isinstance(type, MemRefType)
        offset = source.offset_bytes + integer_property(operation, "offset")
        self.places[operation.result] = attrs.evolve(source, type=type, offset_bytes=offset)

    def _allocate(self, operation: Operation, writer: CWriter) -> None:
        type = operation.result.type
        assert isinstance(type, MemRefType)
        pointer = writer.scratch(type.element_count, self.module.element(type.element), type.space, operation.result.name or "scratch")
        self.places[operation.result] = _Place(type, "", pointer, 0)

    def _pointer(self, place: _Place, writer: CWriter) -> Value:
        element = self.module.element(place.type.element)
        if place.pointer is not None:
            return place.pointer
        self.module.access(place.name, element)
        return writer.address(place.name, element, place.type.space)

    def _place(self, operation: Operation) -> _Place:
        """The memory of an access.  Words of lanes are copied from and to bytes, whatever their lanes are."""
        memory = operation.operands[0 if operation.name == "buffer.load" else 1]
        place = self.places[memory]
        if not _is_word(operation) or element_bytes(place.type.element) == 1:
            return place
        if place.pointer is not None:
            raise TinyirError("words of lanes in scratch of a loop have no form in C", place=operation.location.place)
        return attrs.evolve(place, type=MemRefType([size_bytes(place.type)], I8, None, place.type.space))

    def _element(self, operation: Operation, writer: CWriter) -> tuple[Value, Value]:
        """Pointer and index of an access."""
        if operation in self.hoisted:
            pointer, index = self.hoisted[operation]
            return pointer, writer.affine(index, self.counters, self.ranges)
        return self._pointer(self._place(operation), writer), writer.affine(self._linear(operation), self.counters, self.ranges)

    def _linear(self, operation: Operation) -> AffineExpression:
        """The number of the element that is accessed, from the start of its storage, over the counters."""
        position = 0 if operation.name == "buffer.load" else 1
        memory, indices = operation.operands[position], operation.operands[position + 1 :]
        assert isinstance(memory.type, MemRefType)
        place = self._place(operation)
        size = element_bytes(place.type.element)
        return linear_address(operation, [self.indices[index] for index in indices]) * (element_bytes(memory.type.element) // size) + place.offset_bytes // size

    def _instruction(self, operation: Operation, writer: CWriter) -> None:
        included = None if self.module.assembly else include_text(operation)
        if included is not None:
            self.module.vectors[included[0]] = included[1]
        text = instruction_text(operation, self.module.assembly)
        self._call_instruction(operation, [self.value(operand, writer) for operand in operation.operands], *text, writer)

    def _call_instruction(self, operation: Operation, arguments: Sequence[Value], name: str, text: str, writer: CWriter) -> None:
        """A call of the `static inline` function that holds an instruction."""
        self.module.instructions[name] = text
        made = writer.call(name, arguments, [self._value_type(operation.result.type)], pure=True)
        self.values[operation.result] = made.result

    def _load(self, operation: Operation, writer: CWriter) -> None:
        pointer, index = self._element(operation, writer)
        if isinstance(operation.result.type, VectorType):
            address = writer.offset(pointer, index, "word")
            self._call_instruction(operation, [address], *self._vector_load(operation, operation.result.type), writer)
            return
        loaded = writer.load(pointer, index)
        self.values[operation.result] = writer.binary("!=", loaded, writer.literal(0, loaded.type)) if operation.result.type is I1 else loaded

    @staticmethod
    def _walks_aligned(access: Operation) -> bool:
        """Whether a word is accessed in rounds, where its alignment tells (elsewhere gcc only gets into trouble with pairs of registers)."""
        owner = access.parent_operation
        return owner is not None and "rounds" in owner.attributes and is_word_aligned(access)

    def _vector_load(self, operation: Operation, type: VectorType) -> tuple[str, str]:
        """The name and text of the function that loads a vector."""
        if not isa_vector.is_wide(type):
            return load_text(type, self._walks_aligned(operation))
        home = vector_home(type)
        name, text = isa_vector.type_text(*home)
        self.module.vectors[name] = text
        return isa_vector.load_text(*home)

    def _store(self, operation: Operation, writer: CWriter) -> None:
        value = self.value(operation.operands[0], writer)
        pointer, index = self._element(operation, writer)
        stored = operation.operands[0].type
        if isinstance(stored, VectorType):
            name, text = store_text(stored, self._walks_aligned(operation))
            self.module.instructions[name] = text
            writer.call(name, [writer.offset(pointer, index, "word"), value], [], pure=False)
            return
        writer.store(writer.cast(value, self.module.element(operation.operands[0].type)), pointer, index)

    # -- loops and conditions

    def _bound(self, map: AffineMap, operands: Sequence[Value], operator: str, writer: CWriter) -> Value:
        """The greatest (`>`) or least (`<`) of the map's results."""
        replaced = map.replace([self.indices[operand] for operand in operands], len(self.counters))
        values = [writer.affine(result, self.counters, self.ranges) for result in replaced.results]
        bound = values[0]
        for other in values[1:]:
            bound = self.module.helpers.extreme(writer, operator, bound, other)
        return bound

    def _block(self, operation: Operation, writer: CWriter) -> None:
        """A loop as one asm statement where the machine is there, and as itself elsewhere."""
        instructions, found = instruction_set(_word_of(operation.attributes["block"])), machine_loop(operation)
        assert instructions is not None
        assert instructions.block is not None
        assert found is not None
        variables = self._accumulators(operation, writer)
        machine, plain = writer.alternative(instructions.block.condition)
        self.indices[loop.induction_variable(operation)] = AffineConstant(0)
        pointers = []
        for load in found.pointers:
            address, index = self._element(load, machine)
            memory = load.operands[0 if load.name == "buffer.load" else 1].name or "from"
            pointers.append(machine.variable(machine.offset(address, index, memory), address.type, memory))
        for constant in [value.definer for value in found.inputs if value not in self.values]:
            assert constant is not None
            self._constant(constant, machine)
        inputs = [machine.variable(self.value(value, machine), self._value_type(value.type), value.name or "in") for value in found.inputs]
        allocated = allocate(found.body, instructions.block)
        unrolled = operation.attributes["round"]
        assert isinstance(unrolled, IntegerAttribute)
        lines, loops = block_text(allocated, found.trips, unrolled.value, instructions)
        end = []
        if loops:
            assert isinstance(pointers[0].type, MemRefType)
            first = found.body.pointers[0]
            length = found.trips * first.step * first.unit // element_bytes(pointers[0].type.element)
            end = [machine.variable(machine.offset(pointers[0], machine.index(length), "end"), pointers[0].type, "end")]
        pinned = instructions.block.operands[: found.body.operands]
        strides = [machine.variable(machine.index(stride), machine.index_type, "stride") for stride in found.strides]
        machine.assembly(lines, (variables, pointers, inputs, end, strides), used_registers(allocated, instructions.block), pinned)
        self._loop(operation, plain)

    def _in_rounds(self, operation: Operation, writer: CWriter) -> None:
        """A loop over words as rounds of several iterations, by pointers that move on after each round."""
        bounds, variable = loop.constant_bounds(operation), loop.induction_variable(operation)
        assert bounds is not None
        rounds, number = _rounds_of(operation), len(self.counters)
        count = bounds[1] // rounds
        self.indices[variable] = AffineDimension(number)
        walks = self._walking_pointers(operation, number, bounds[1], writer)
        counter, body = writer.for_(writer.index(0), writer.index(count), 1, variable.name or "i")
        self._counter(counter, (0, count - 1))
        for iteration in range(rounds):
            self.indices[variable] = AffineDimension(number) * rounds + iteration
            for access, (pointer, first, step) in walks.items():
                self.hoisted[access] = (pointer, AffineConstant(first + step * iteration))
            self.block(operation.body, body)
        for pointer, step in {pointer: step for pointer, _, step in walks.values()}.items():
            body.assign(pointer, body.offset(pointer, body.index(step * rounds), "next"))

    def _walking_pointers(self, operation: Operation, number: int, trips: int, writer: CWriter) -> dict[Operation, tuple[Value, int, int]]:
        """For each access the variable that walks with it, its distance from there, and the step, both in elements.

        An access is left out whose pointer might move farther than to the end of the memory.
        """
        found: dict[Operation, tuple[Value, int, int]] = {}
        streams: dict[tuple[Value, Type, AffineExpression, int], list[tuple[int, Operation]]] = {}
        for access in operation.body:
            if access.name in ("buffer.load", "buffer.store"):
                start, step = _split(self._linear(access), number)
                assert step is not None
                constant = linear_terms(start).get(AffineConstant(1), 0)
                memory = access.operands[0 if access.name == "buffer.load" else 1]
                element = self._place(access).type.element
                streams.setdefault((memory, element, start - constant, step), []).append((constant, access))
        for (memory, element, start, step), accesses in streams.items():
            place, first = self._place(accesses[0][1]), min(constant for constant, _ in accesses)
            declared = find_symbol(self.module.module, place.name)
            end = interval_of(start, self.ranges)[1] + first + step * trips
            if declared is not None and end * element_bytes(element) <= size_bytes(global_type(declared)):
                address = writer.offset(self._pointer(place, writer), writer.affine(start + first, self.counters, self.ranges), "from")
                pointer = writer.variable(address, address.type, memory.name or "from")
                found |= {access: (pointer, constant - first, step) for constant, access in accesses}
        return found

    def _range(self, operation: Operation) -> Interval:
        """The values that the counter of a loop takes."""
        lows, highs = self._bound_ranges(operation)
        least, greatest = max(low for low, _ in lows), min(high for _, high in highs) - 1
        return least, max(least, greatest)

    def _for(self, operation: Operation, writer: CWriter) -> None:
        if "block" in operation.attributes:
            self._block(operation, writer)
            return
        self._accumulators(operation, writer)
        if "rounds" in operation.attributes:
            self._in_rounds(operation, writer)
        else:
            self._loop(operation, writer)

    def _accumulators(self, operation: Operation, writer: CWriter) -> list[Value]:
        """The variables of a loop's iteration values, which hold its results as well."""
        variables = [self._accumulator(operation, i, initial, writer) for i, initial in enumerate(loop.initial_values(operation))]
        for value, result, variable in zip(operation.body.arguments[1:], operation.results, variables, strict=True):
            self.values[value] = self.values[result] = variable
        return variables

    def _loop(self, operation: Operation, writer: CWriter) -> None:
        """A loop whose accumulators are declared."""
        lower = self._bound(loop.lower_map(operation), loop.lower_operands(operation), ">", writer)
        upper = self._bound(loop.upper_map(operation), loop.upper_operands(operation), "<", writer)
        name = loop.induction_variable(operation).name or "i"
        if self._walks(operation):
            body = self._walking_loop(operation, lower, upper, writer, name)
        else:
            upper.name = f"{name}_end"
            counter, body = self._counting_loop(operation, lower, upper, writer, name)
            index = self._counter(counter, self._range(operation))
            bounds = loop.constant_bounds(operation)
            if loop.is_reverse(operation) and self.module.canonical and bounds is not None:
                index = sum(_last_and_first(bounds, loop.step(operation))) - index
            self.indices[loop.induction_variable(operation)] = index
        self.block(operation.body, body)

    def _walks(self, operation: Operation) -> bool:
        """Whether a loop holds no other, steps by one upwards, and runs at least once but not a small constant number of times."""
        bounds = loop.constant_bounds(operation)
        if bounds is not None and bounds[1] - bounds[0] <= self.module.hoist_above:
            return False
        if loop.step(operation) != 1 or loop.is_reverse(operation) or any(inner.name == "loop.for" for inner in operation.walk() if inner is not operation):
            return False
        lows, highs = self._bound_ranges(operation)
        return max(high for _, high in lows) < min(low for low, _ in highs)

    def _bound_ranges(self, operation: Operation) -> tuple[list[Interval], list[Interval]]:
        """The ranges of all lower and of all upper bounds."""
        lower = loop.lower_map(operation).replace([self.indices[v] for v in loop.lower_operands(operation)], len(self.counters))
        upper = loop.upper_map(operation).replace([self.indices[v] for v in loop.upper_operands(operation)], len(self.counters))
        return [interval_of(result, self.ranges) for result in lower.results], [interval_of(result, self.ranges) for result in upper.results]

    def _walking_loop(self, operation: Operation, lower: Value, upper: Value, writer: CWriter, name: str) -> CWriter:
        """A loop from zero, with pointers set before it to where its accesses begin."""
        least, greatest = self._range(operation)
        first: AffineExpression = AffineConstant(0)
        known = literal_of(lower)
        if known is not None:
            first = AffineConstant(known)
        elif len(loop.lower_map(operation).results) == 1:
            first = loop.lower_map(operation).results[0].replace([self.indices[v] for v in loop.lower_operands(operation)])
        else:
            lower.name = f"{name}_start"
            first = self._counter(lower, (least, max(high for _, high in self._bound_ranges(operation)[0])))
        count = writer.binary("-", upper, lower)
        count.name = f"{name}_count"
        number = len(self.counters)
        self.indices[loop.induction_variable(operation)] = first + AffineDimension(number)
        self.ranges.append((0, greatest - least))
        self._hoist_pointers(operation, number, writer)
        counter, body = writer.for_(writer.index(0), count, 1, name)
        self.counters.append(counter)
        return body

    def _hoist_pointers(self, operation: Operation, number: int, writer: CWriter) -> None:
        """Sets a pointer for each access that moves evenly with counter `number`; accesses at constant distances share it."""
        pointers: dict[tuple[Value, Type, AffineExpression], tuple[Value, int]] = {}
        for access in operation.walk():
            if access.name not in ("buffer.load", "buffer.store"):
                continue
            position = 0 if access.name == "buffer.load" else 1
            memory = access.operands[position]
            if memory not in self.places or any(index not in self.indices for index in access.operands[position + 1 :]):
                continue
            place = self._place(access)
            if place.name in self.module.mixed and element_bytes(place.type.element) > 1:
                continue
            start, step = _split(self._linear(access), number)
            if step is None:
                continue
            constant = linear_terms(start).get(AffineConstant(1), 0)
            key = (memory, place.type.element, start - constant)
            if key not in pointers:
                address = self._pointer(place, writer)
                pointers[key] = (writer.offset(address, writer.affine(start, self.counters, self.ranges), memory.name or "from"), constant)
            pointer, first = pointers[key]
            self.hoisted[access] = (pointer, AffineDimension(number) * step + (constant - first))

    def _counting_loop(self, operation: Operation, lower: Value, upper: Value, writer: CWriter, name: str) -> tuple[Value, CWriter]:
        step = loop.step(operation)
        if not loop.is_reverse(operation) or (self.module.canonical and loop.constant_bounds(operation) is not None):
            return writer.for_(lower, upper, step, name)
        low, high = literal_of(lower), literal_of(upper)
        if low is not None and high is not None:
            return writer.for_(writer.index(_last_and_first((low, high), step)[0]), lower, -step, name)
        last = writer.binary("-", upper, writer.index(1))
        if step != 1:
            count = writer.binary("/", writer.binary("-", last, lower), writer.index(step))
            last = writer.binary("+", lower, writer.binary("*", count, writer.index(step)))
        return writer.for_(last, lower, -step, name)

    def _accumulator(self, operation: Operation, number: int, initial: Value, writer: CWriter) -> Value:
        """The variable of an iteration value: that of the enclosing loop if it only passes through."""
        result, known = operation.results[number], self.values.get(initial)
        if known is not None and known.definer is not None and known.definer.name == "c.variable" and self._passes_through(operation, initial, result):
            return known
        name = operation.body.arguments[1 + number].name or "sum"
        return writer.variable(self.value(initial, writer), self._value_type(initial.type), name)

    @staticmethod
    def _passes_through(operation: Operation, initial: Value, result: Value) -> bool:
        block = operation.parent
        if block is None or initial not in block.arguments or not initial.has_one_use or not result.has_one_use:
            return False
        terminator = block.terminator
        position = block.arguments.index(initial) - 1
        return terminator.name == "loop.yield" and position >= 0 and terminator.operands[position] is result

    def _yield(self, operation: Operation, writer: CWriter) -> None:
        owner = operation.parent_operation
        assert owner is not None
        pairs = [(self.values[result], self.value(value, writer)) for result, value in zip(owner.results, operation.operands, strict=True)]
        pairs = [(variable, value) for variable, value in pairs if variable is not value]
        targets = {variable for variable, _ in pairs}
        taken = [(variable, writer.copy(value) if len(pairs) > 1 and value in targets else value) for variable, value in pairs]
        for variable, value in taken:
            writer.assign(variable, value)

    def _if(self, operation: Operation, writer: CWriter) -> None:
        for result in operation.results:
            self.values[result] = writer.variable(None, self._value_type(result.type), result.name or "chosen")
        condition = operation.properties["condition"]
        assert isinstance(condition, AffineSet)
        tests = [self._test(expression, equal, operation.operands, writer) for expression, equal in condition.constraints]
        if not tests:
            tests = [writer.literal(1, I1)]
        whole = tests[0]
        for test in tests[1:]:
            whole = writer.binary("&&", whole, test)
        for region, branch in zip(operation.regions, writer.if_(whole), strict=True):
            self.block(region.blocks[0], branch)

    def _test(self, expression: AffineExpression, equal: bool, operands: Sequence[Value], writer: CWriter) -> Value:
        replaced = expression.replace([self.indices[operand] for operand in operands])
        value = writer.affine(replaced, self.counters, self.ranges)
        return writer.binary("==" if equal else ">=", value, writer.index(0))

    def _index(self, operation: Operation, writer: CWriter) -> None:
        """An integer that is an affine expression of indices."""
        mapping = access_map(operation).replace([self.indices[operand] for operand in operation.operands], len(self.counters))
        value = writer.affine(mapping.results[0], self.counters, self.ranges)
        self.values[operation.result] = writer.cast(value, self._value_type(operation.result.type))
        if isinstance(operation.result.type, IndexType):
            self.indices[operation.result] = mapping.results[0]

    # -- functions

    def _return(self, operation: Operation, writer: CWriter) -> None:
        if operation.operands:
            writer.return_(*(self.value(operand, writer) for operand in operation.operands))

    def _call(self, operation: Operation, writer: CWriter) -> None:
        results = [self._value_type(result.type) for result in operation.results]
        name = c_name(self.module.module, referenced_symbol(operation, "callee"))
        arguments = [self.value(operand, writer) for operand in operation.operands]
        made = writer.call(name, arguments, results, pure=bool(results))
        for old, new in zip(operation.results, made.results, strict=True):
            self._bind(old, new)

    # -- arithmetic

    def _constant(self, operation: Operation, writer: CWriter) -> None:
        value = operation.properties["value"]
        result = operation.result
        if isinstance(value, IntegerAttribute):
            if isinstance(result.type, IndexType):
                self.indices[result] = AffineConstant(value.value)
            else:
                self.values[result] = writer.literal(value.value, result.type)
        elif isinstance(value, FloatAttribute):
            self.values[result] = writer.float_bits(value.bits, value.type)
        elif isinstance(value, DenseElements) and isinstance(result.type, VectorType):
            self.values[result] = writer.literal(int.from_bytes(value.all_data, "little"), word_type(result.type))
        else:
            raise TinyirError(f"a constant of type {result.type} has no form in C")

    def arithmetic(self, operation: Operation, writer: CWriter) -> None:
        """An operation of the arith dialect on scalars."""
        operands = [self.value(operand, writer) for operand in operation.operands]
        result = operation.result
        made = ARITHMETIC[operation.name](Arithmetic(self.module.helpers, operation, writer, self._value_type(result.type)), *operands)
        if isinstance(result.type, IndexType):
            self.indices[result] = self._counter(made, _source_range(operation))
        else:
            self.values[result] = made


def _rounds_of(operation: Operation) -> int:
    """The iterations of a loop that are written out as one round."""
    attribute = operation.attributes["rounds"]
    assert isinstance(attribute, IntegerAttribute)
    return attribute.value


def _split(expression: AffineExpression, number: int) -> tuple[AffineExpression, int | None]:
    """What does not depend on a dimension, and the dimension's factor; None if there is none or it stands in a division."""
    rest: AffineExpression = AffineConstant(0)
    step: int | None = None
    for factor, coefficient in linear_terms(expression).items():
        if factor is AffineDimension(number):
            step = coefficient
        elif number in used_dimensions(factor):
            return expression, None
        else:
            rest = rest + factor * coefficient
    return rest, step


def _source_range(operation: Operation) -> Interval:
    """What is known of an index that was computed from data: the range of the integer that it was cast from."""
    value = operation.operands[0] if operation.name in ("arith.index_cast", "arith.index_castui") else None
    definer = value.definer if value is not None else None
    if definer is not None and definer.name == "arith.extui" and isinstance(definer.operands[0].type, IntegerType):
        return 0, (1 << definer.operands[0].type.width) - 1
    return INT32


def _word_of(attribute: Attribute) -> str:
    assert isinstance(attribute, StringAttribute)
    return attribute.value


def _is_word(operation: Operation) -> bool:
    """Whether an access moves several lanes at once."""
    return isinstance((operation.result if operation.name == "buffer.load" else operation.operands[0]).type, VectorType)


def _last_and_first(bounds: tuple[int, int], step: int) -> tuple[int, int]:
    low, high = bounds
    return low + max(high - low - 1, 0) // step * step, low


def c_name(module: Operation, name: str) -> str:
    """The name of a function in C; scalar functions are named with their type, since C knows `exp` and the like by itself."""
    function = find_symbol(module, name)
    if function is not None and function.name == "func.func":
        attribute = function.properties["function_type"]
        if isinstance(attribute, TypeAttribute) and isinstance(attribute.type, FunctionType) and attribute.type.results:
            return f"{name}_{attribute.type.results[0]}"
    return name


_Lowering = Callable[[_Function, Operation, CWriter], None]

_LOWERINGS: dict[str, _Lowering] = {
    "buffer.get_global": _Function._get_global,
    "buffer.view": _Function._view,
    "buffer.allocate": _Function._allocate,
    "buffer.load": _Function._load,
    "buffer.store": _Function._store,
    "loop.for": _Function._for,
    "loop.if": _Function._if,
    "loop.index": _Function._index,
    "loop.yield": _Function._yield,
    "func.return": _Function._return,
    "func.call": _Function._call,
    "loop.call": _Function._call,
    "arith.constant": _Function._constant,
    **dict.fromkeys(ARITHMETIC, _Function.arithmetic),
}
