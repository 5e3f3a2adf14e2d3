"""From a module of the C level to the files NAME.c and NAME.h and the manifest: freestanding C99, the same bytes for the same module.

Order of NAME.c: constants, memory, helpers, layers (each after those that it calls), the interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from tinyir.backends.c_function import ARENA, Environment, FunctionPrinter
from tinyir.backends.c_parameters import PackedParameters
from tinyir.backends.c_text import array_lines, c_type, comment_lines, comment_text, declare, short_type
from tinyir.backends.manifest import Manifest, Tensor, write_manifest
from tinyir.backends.reserved_words import identifier
from tinyir.dialects.buffer import integer_property, referenced_symbol, symbol_name
from tinyir.dialects.c import text_property
from tinyir.ir.attributes import (
    ArrayAttribute,
    DenseElements,
    FloatAttribute,
    IntegerAttribute,
    StringAttribute,
    TypeAttribute,
    element_bytes,
)
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.types import I1, FunctionType, IntegerType, MemRefType, Type

DTYPES = {"i8": "int8", "ui8": "uint8", "i16": "int16", "ui16": "uint16", "i32": "int32", "i64": "int64", "f32": "float32", "i1": "bool"}


@attrs.frozen
class GeneratedC:
    """The texts of NAME.c and NAME.h, and what they offer."""

    source: str
    header: str
    manifest: Manifest

    def __repr__(self) -> str:
        lines = self.source.count("\n") + self.header.count("\n")
        return f"<{self.manifest.name}.c and {self.manifest.name}.h, {lines} lines>"

    def write(self, folder: Path) -> None:
        """Writes NAME.c, NAME.h and NAME.json."""
        (folder / f"{self.manifest.name}.c").write_text(self.source, encoding="utf-8")
        (folder / f"{self.manifest.name}.h").write_text(self.header, encoding="utf-8")
        write_manifest(folder, self.manifest)


def print_c(
    module: Operation,
    name: str,
    *,
    model: str = "",
    target: str = "",
    goal: str = "speed",
    variant: str = "",
    flags: tuple[str, ...] = (),
    arena: str = "static",
    assembly: str = "blocks",
    proofs: Mapping[str, int] | None = None,
    assumed: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
) -> GeneratedC:
    """The files of a module that holds the c dialect only.  `arena`: "static", or "caller": the functions get the memory as an argument.

    `assembly`: how much of it may stand in the text, as in `Target`.

    Raises:
        TinyirError: the name is no C identifier, or the module has no network.
    """
    if identifier(name) != name:
        raise TinyirError(f"'{name}' is no name for C functions", hint=f"use '{identifier(name)}'")
    network = next((op for op in module.body if op.name == "c.function" and "network" in op.properties), None)
    if network is None:
        raise TinyirError("the module has no function that runs a network", hint="it is marked by `network`")
    manifest = Manifest(
        model=model or name,
        name=name,
        target=target,
        goal=goal,
        variant=variant,
        flags=flags,
        arena=arena,
        assembly=assembly,
        inputs=tuple(_tensors(module, name, "input")),
        outputs=tuple(_tensors(module, name, "output")),
        arena_bytes=sum(integer_property(op, "bytes") for op in _all(module, "c.storage")),
        proofs=dict(proofs or {}),
        assumed=tuple(assumed),
        versions=dict(versions or {}),
    )
    return GeneratedC(_Source(module, manifest).text(), _header(module, manifest), manifest)


def _all(module: Operation, name: str) -> list[Operation]:
    return [operation for operation in module.body if operation.name == name]


def _ports(module: Operation, direction: str) -> list[Operation]:
    return [port for port in _all(module, "c.port") if text_property(port, "direction") == direction]


def _tensors(module: Operation, name: str, direction: str) -> Iterator[Tensor]:
    ports = _ports(module, direction)
    taken: set[str] = set()
    for port in ports:
        tensor = text_property(port, "name")
        word = identifier(tensor)
        while word.upper() in taken:
            word += "_2"
        taken.add(word.upper())  # of which macros are made
        type = _port_type(port)
        function = f"{name}_{direction}" if len(ports) == 1 else f"{name}_{direction}_{word}"
        yield Tensor(tensor, function, DTYPES[str(type.element)], tuple(type.shape), *_quantization(port))


def _port_type(port: Operation) -> MemRefType:
    attribute = port.properties["type"]
    assert isinstance(attribute, TypeAttribute)
    assert isinstance(attribute.type, MemRefType)
    return attribute.type


def _quantization(port: Operation) -> tuple[float | None, int | None]:
    """Scale and zero point of a quantized tensor."""
    scale, zero_point = port.properties.get("scale"), port.properties.get("zero_point")
    if isinstance(scale, FloatAttribute) and isinstance(zero_point, IntegerAttribute):
        return scale.value, zero_point.value
    return None, None


def _port_element(port: Operation) -> Type:
    """The element as C stores it."""
    element = _port_type(port).element
    return IntegerType(8, "u") if element is I1 else element


# -- NAME.c


class _Source:
    """NAME.c while it is being written."""

    def __init__(self, module: Operation, manifest: Manifest) -> None:
        self.module = module
        self.manifest = manifest
        self.environment = Environment()
        names = self.environment.names
        public = [f"{manifest.name}_{part}" for part in ("run", "reset", "input", "output", "arena")]
        ports = [tensor.function for tensor in (*manifest.inputs, *manifest.outputs)]
        for word in dict.fromkeys((*public, *ports, *([ARENA] if manifest.arena_type else []))):
            names.fresh(word)
        for operation in module.body:
            if operation.name in ("c.array", "c.storage", "c.function", "c.instruction"):
                wanted = symbol_name(operation)
                fixed = f"{manifest.name}_run" if "network" in operation.properties else names.fresh(wanted)
                self.environment.globals[wanted] = fixed
        for array in _all(module, "c.array"):
            value = array.properties["value"]
            assert isinstance(value, DenseElements)
            self.environment.constants[symbol_name(array)] = value.type.element
        storages = _all(module, "c.storage")
        for storage in storages:
            self._choose_members(storage, len(storages))
        if manifest.arena_type:
            self.environment.arena = _arena_parameter(manifest)
            self.environment.takes_arena = _functions_with_memory(module)
        calls = [operation for operation in module.walk() if operation.name == "c.call"]
        self.packed = [
            PackedParameters(self.environment, function, [call for call in calls if referenced_symbol(call, "callee") == symbol_name(function)], manifest.name)
            for function in _all(module, "c.function")
            if "packed" in function.properties
        ]

    def _choose_members(self, storage: Operation, storages: int) -> None:
        name, elements = symbol_name(storage), _elements(storage)
        spelled = self.environment.globals[name]
        union = f"{spelled}."
        if self.manifest.arena_type:
            union = f"{ARENA}->" if storages == 1 else f"{ARENA}->{identifier(name)}."
        for element in elements:
            self.environment.members[name, element] = f"{union}{short_type(element)}" if len(elements) > 1 or self.manifest.arena_type else spelled
        if sum(element_bytes(element) > 1 for element in elements) > 1:
            self.environment.copied[name] = f"{union}i8"

    def text(self) -> str:
        """The whole file."""
        functions = [self._function(function) for function in _in_call_order(self.module)]
        parts = [self._head(functions)]
        if not self.manifest.arena_type:
            parts += [self._storage(storage) for storage in _all(self.module, "c.storage")]
        parts += [self._array(array) for array in _all(self.module, "c.array")]
        if any(name.startswith(("load_", "store_")) for name in self.environment.helpers):
            parts.append(_COPY)
        parts += [make() for _, make in sorted(self.environment.helpers.items())]
        parts += [self._instruction(instruction) for instruction in _all(self.module, "c.instruction")]
        parts += [packed.text() for packed in self.packed]
        parts += functions
        parts.append("\n".join(self._accessors()))
        return "\n".join(part for part in parts if part)

    def _head(self, functions: list[str]) -> str:
        name = self.manifest.name
        shifts = "/* Shifts of negative numbers to the right are arithmetic, as on every compiler known. */\n" if any(">>" in f for f in functions) else ""
        apart = _KEEP_APART if any("apart" in function.properties for function in _all(self.module, "c.function")) else ""
        floats = _NO_CONTRACTION if any("float" in f or "double" in f for f in functions) else ""
        title = f'/* Generated by tinyir from {comment_text(self.manifest.model)}. */\n'
        title += "".join(f"/* {comment_text(reason)}. */\n" for reason in self.manifest.assumed)
        title += f'#include "{name}.h"\n\n'
        aligned = _ALIGNED if any("alignment" in o.properties for o in self.module.body if o.name in ("c.array", "c.storage")) else ""
        blocks = _FOR_BLOCKS if any(_has_blocks(function) for function in _all(self.module, "c.function")) else ""
        ordered = _IN_ORDER if any("in_order" in function.properties for function in _all(self.module, "c.function")) else ""
        hiding = _HIDE_ORIGIN_PLAINLY if self.manifest.assembly == "none" else _HIDE_ORIGIN
        origins = hiding if self.environment.hides_origins else ""
        fresh = _KEEP_FRESH if self.environment.keeps_fresh else ""
        assumed = _ASSUME if self.environment.assumes else ""
        return f"{title}{_const_macro(name)}{aligned}{apart}{blocks}{ordered}{origins}{fresh}{assumed}{shifts}{floats}".rstrip("\n") + "\n"

    def _storage(self, storage: Operation) -> str:
        elements = _elements(storage)
        name = self.environment.globals[symbol_name(storage)]
        alignment = storage.properties.get("alignment")
        aligned = f" ALIGNED({alignment.value})" if isinstance(alignment, IntegerAttribute) else ""
        if len(elements) == 1:
            return f"static {declare(elements[0], name)}[{integer_property(storage, 'bytes') // element_bytes(elements[0])}]{aligned};\n"
        return "\n".join(["static union {", *_members(storage), f"}} {name}{aligned};", ""])

    def _instruction(self, instruction: Operation) -> str:
        text = instruction.properties["text"]
        assert isinstance(text, StringAttribute)
        return text.value.format(name=self.environment.globals[symbol_name(instruction)]) + "\n"

    def _array(self, array: Operation) -> str:
        value = array.properties["value"]
        assert isinstance(value, DenseElements)
        name = self.environment.globals[symbol_name(array)]
        alignment = array.properties.get("alignment")
        aligned = f"ALIGNED({alignment.value}) " if isinstance(alignment, IntegerAttribute) else ""
        head = f"static const {declare(value.type.element, name)}[{value.type.element_count}] {aligned}{self.manifest.name.upper()}_CONST = {{"
        return "\n".join([head, *array_lines(value), "};", ""])

    def _function(self, function: Operation) -> str:
        printer = FunctionPrinter(self.environment, function)
        body = printer.body()
        attribute = function.properties["function_type"]
        assert isinstance(attribute, TypeAttribute)
        assert isinstance(attribute.type, FunctionType)
        name = self.environment.globals[symbol_name(function)]
        words = "FOR_BLOCKS " if _has_blocks(function) else ""
        words += "IN_ORDER " if "in_order" in function.properties else ""
        prefix = f"static KEEP_APART {words}" if "apart" in function.properties else "static inline " if "inline" in function.properties else "static "
        if "network" in function.properties:
            prefix = ""
        result = declare(attribute.type.results[0], name) if attribute.type.results else f"void {name}"
        return "\n".join([*_comment(function), f"{prefix}{result}({printer.parameters()}) {{", *body, "}", ""])

    def _accessors(self) -> Iterator[str]:
        for direction in ("input", "output"):
            for tensor, port in zip(getattr(self.manifest, f"{direction}s"), _ports(self.module, direction), strict=True):
                element = _port_element(port)
                member = self.environment.members[referenced_symbol(port, "storage"), element]
                offset = integer_property(port, "offset") // element_bytes(element)
                yield f"{_accessor(self.manifest, tensor, element, direction)} {{\n    return {f'&{member}[{offset}]' if offset else member};\n}}\n"


def _elements(storage: Operation) -> list[Type]:
    listed = storage.properties["elements"]
    assert isinstance(listed, ArrayAttribute)
    return [entry.type for entry in listed.elements if isinstance(entry, TypeAttribute)]


def _members(storage: Operation) -> list[str]:
    """The memory as an array of each type that is accessed, for a union; where wide types are copied, its bytes as well."""
    elements, size = _elements(storage), integer_property(storage, "bytes")
    if sum(element_bytes(element) > 1 for element in elements) > 1 and not any(str(element) == "i8" for element in elements):
        elements = [IntegerType(8), *elements]
    return [f"    {declare(element, short_type(element))}[{-(-size // element_bytes(element))}];" for element in elements]


def _arena_parameter(manifest: Manifest) -> str:
    return f"{manifest.arena_type} *{ARENA}"


def _arena_declaration(module: Operation, manifest: Manifest) -> list[str]:
    """The type of the memory that a caller owns: a union, or a structure of unions where there are several storages."""
    storages = _all(module, "c.storage")
    if len(storages) == 1:
        lines = ["typedef union {", *_members(storages[0]), f"}} {manifest.arena_type};"]
    else:
        unions = [line for storage in storages for line in ("union {", *_members(storage), f"}} {identifier(symbol_name(storage))};")]
        lines = ["typedef struct {", *(f"    {line}" for line in unions or ["char unused;"]), f"}} {manifest.arena_type};"]
    return [f"/* The memory of {manifest.name}: the caller's, one for each network that runs at the same time. */", *lines, ""]


def _functions_with_memory(module: Operation) -> set[str]:
    """The functions that access a storage, or call one that does, and the network's."""
    storages = {symbol_name(storage) for storage in _all(module, "c.storage")}
    found: set[str] = set()
    for function in _in_call_order(module):
        uses = any(
            (operation.name == "c.address" and referenced_symbol(operation, "name") in storages)
            or (operation.name == "c.call" and referenced_symbol(operation, "callee") in found)
            for operation in function.walk()
        )
        if uses or "network" in function.properties:
            found.add(symbol_name(function))
    return found


def _in_call_order(module: Operation) -> list[Operation]:
    """The functions, each after those that it calls."""
    by_name = {symbol_name(function): function for function in _all(module, "c.function")}
    done: dict[Operation, None] = {}

    def visit(function: Operation) -> None:
        if function not in done:
            for operation in function.walk():
                if operation.name == "c.call":
                    callee = by_name.get(referenced_symbol(operation, "callee"))
                    if callee is not None:
                        visit(callee)
            done[function] = None

    for function in by_name.values():
        visit(function)
    return list(done)


def _comment(function: Operation) -> list[str]:
    """The documentation of a function: its comment, or the nodes that it came from."""
    comment = function.properties.get("comment")
    return comment_lines(comment.value if isinstance(comment, StringAttribute) else ", ".join(function.location.names))


def _const_macro(name: str) -> str:
    macro = f"{name.upper()}_CONST"
    return f"#ifndef {macro}\n#define {macro} /* an attribute that places the constants */\n#endif\n\n"


_ALIGNED = """\
/* Where words of several elements are loaded at once. */
#if defined(__GNUC__)
#define ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define ALIGNED(bytes)
#endif

"""
_KEEP_APART = """\
/* Layers run long: each is compiled on its own. */
#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__)
#define KEEP_APART __attribute__((noipa))
#elif defined(__GNUC__)
#define KEEP_APART __attribute__((noinline))
#else
#define KEEP_APART
#endif

"""
_FOR_BLOCKS = """\
/* Blocks of assembly take almost all registers, that of the frame pointer too: gcc shall then allocate those of a function as a whole.
   Loops around them stay loops: to gcc a block looks small. */
#if defined(__GNUC__) && !defined(__clang__)
#define FOR_BLOCKS __attribute__((optimize("ira-region=one", "omit-frame-pointer")))
#define KEEP_ROLLED _Pragma("GCC unroll 1")
#else
#define FOR_BLOCKS
#define KEEP_ROLLED
#endif

"""
_IN_ORDER = """\
/* Words are loaded just before they are used, in rounds that are long enough: gcc shall leave both as they are. */
#if defined(__GNUC__) && !defined(__clang__)
#define IN_ORDER __attribute__((optimize("no-schedule-insns", "no-tree-ter", "no-peel-loops")))
#else
#define IN_ORDER
#endif

"""
_HIDE_ORIGIN = """\
/* Compilers shall not see where a pointer to the memory comes from: gcc 12 drops layers that walk through one array with two strides. */
#if defined(__GNUC__)
#define HIDE_ORIGIN(pointer) __asm__("" : "+r"(pointer))
#else
#define HIDE_ORIGIN(pointer) ((void)(pointer))
#endif

"""
_HIDE_ORIGIN_PLAINLY = """\
/* Compilers shall not see where a pointer to the memory comes from: gcc 12 drops layers that walk through one array with two strides. */
#define HIDE_ORIGIN(pointer) do { void *volatile hidden = (pointer); (pointer) = hidden; } while (0)

"""
_KEEP_FRESH = """\
/* A copy that compilers take for a value of its own: where blocks take the registers, they keep the other in memory. */
#if defined(__GNUC__)
#define KEEP_FRESH(value) __asm__("" : "+r"(value))
#else
#define KEEP_FRESH(value) ((void)(value))
#endif

"""
_ASSUME = """\
/* What is true of every call, though compilers cannot know: a loop need not ask whether it runs at all. */
#if defined(__GNUC__)
#define ASSUME(condition) do { if (!(condition)) { __builtin_unreachable(); } } while (0)
#else
#define ASSUME(condition) ((void)0)
#endif

"""
_NO_CONTRACTION = """\
#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#endif
"""
_COPY = """\
/* Elements of several wide types share the memory: they are copied, which is defined whatever was stored there before. */
#if defined(__GNUC__)
#define COPY_ELEMENT(to, from, size) ((void)__builtin_memcpy(to, from, size))
#else
static void copy_bytes(void *to, const void *from, unsigned size) {
    unsigned char *target = to;
    const unsigned char *source = from;
    while (size--) {
        *target++ = *source++;
    }
}
#define COPY_ELEMENT(to, from, size) copy_bytes(to, from, (unsigned)(size))
#endif
"""


# -- NAME.h


def _accessor(manifest: Manifest, tensor: Tensor, element: Type, direction: str) -> str:
    """The declaration of the function that gives the address of an input or output."""
    parameters = _arena_parameter(manifest) if manifest.arena_type else "void"
    return f"{'const ' if direction == 'output' else ''}{c_type(element)} *{tensor.function}({parameters})"


def _header(module: Operation, manifest: Manifest) -> str:
    name, macro = manifest.name, manifest.name.upper()
    lines = [
        f"/* Generated by tinyir from {comment_text(manifest.model)}.",
        f"   Write the input, call {name}_run, read the output; {name}_run may overwrite the input. */",
        f"#ifndef {macro}_H",
        f"#define {macro}_H",
        "",
        "#include <stdint.h>",
        "",
        f"#define {macro}_ARENA_BYTES {manifest.arena_bytes}",
        f"#define {macro}_ARENA_ALIGNMENT {_alignment(module)}",
        *_port_macros(manifest),
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *(_arena_declaration(module, manifest) if manifest.arena_type else []),
        *_prototypes(module, manifest),
        f"void {name}_run({_arena_parameter(manifest) if manifest.arena_type else 'void'});",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        f"#endif /* {macro}_H */",
        "",
    ]
    return "\n".join(lines)


def _has_blocks(function: Operation) -> bool:
    return any(operation.name == "c.assembly" for operation in function.walk())


def _alignment(module: Operation) -> int:
    return max((element_bytes(element) for storage in _all(module, "c.storage") for element in _elements(storage)), default=1)


def _prototypes(module: Operation, manifest: Manifest) -> Iterator[str]:
    for direction in ("input", "output"):
        for tensor, port in zip(getattr(manifest, f"{direction}s"), _ports(module, direction), strict=True):
            shape = "x".join(map(str, tensor.shape)) or "scalar"
            yield f"{_accessor(manifest, tensor, _port_element(port), direction)}; /* {comment_text(tensor.name)}: {shape} */"


def _port_macros(manifest: Manifest) -> Iterator[str]:
    for direction in ("input", "output"):
        for tensor in getattr(manifest, f"{direction}s"):
            macro = tensor.function.upper()
            yield f"#define {macro}_SIZE {tensor.elements}"
            if tensor.zero_point is not None:
                yield f"#define {macro}_SCALE {tensor.scale!r}f"
                yield f"#define {macro}_ZERO_POINT {f'({tensor.zero_point})' if tensor.zero_point < 0 else tensor.zero_point}"


