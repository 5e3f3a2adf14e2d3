"""Reads ONNX models: the file as protocol buffers, and each node against the schema of its operator.

This is the only file that knows the package `onnx`; what it finds leaves as the plain classes of `onnx_model`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from tinyir.backends.reserved_words import is_reserved
from tinyir.frontend.model_file import GREATEST_FILE_BYTES, read_file
from tinyir.frontend.onnx_expansion import EXPANSIONS, Expander
from tinyir.frontend.onnx_external import read_external
from tinyir.frontend.onnx_model import Array, Graph, ModelError, Node, Port, identifier, spell_name
from tinyir.frontend.onnx_network import translate
from tinyir.frontend.onnx_registry import is_supported, supported_operators
from tinyir.frontend.onnx_structure import name_errors, needed_nodes
from tinyir.frontend.onnx_tensors import ELEMENT_NAMES, ReadExternal, read_tensor
from tinyir.ir.errors import Diagnostic, Place, TinyirError, did_you_mean
from tinyir.ir.operation import Operation

_OPSETS = range(7, 29)
_IR_VERSIONS = range(3, 15)
_MOST_ERRORS = 20
_DAMAGED = "export it again, or copy the whole file"


def import_onnx(source: Path | str | bytes, name: str = "", file: str = "") -> Operation:
    """The network of an ONNX model (a file, or its bytes) as a `builtin.module` with one function at graph level.

    The function is called `name`, by default as the file or the graph.  A batch of unknown size becomes 1.  Input and output names as the
    model has them are the function's attributes `input_names` and `output_names`.  `file` is what errors call the model.

    Raises:
        TinyirError: the model is damaged, hostile, or uses what is not supported; one diagnostic for each independent mistake.
    """
    path = None if isinstance(source, bytes) else Path(source)
    file = file or ("<bytes>" if path is None else str(path))
    content = source if isinstance(source, bytes) else read_file(Path(source), file)
    try:
        graph = _read_graph(_parse(content), partial(read_external, None if path is None else path.parent), file)
        module, found = translate(graph, function_name(name or (graph.name if path is None else path.stem)), file)
    except ModelError as error:
        raise TinyirError(diagnostics=[error.diagnostic(file)]) from None
    _raise_all(file, found)
    return module


def function_name(name: str) -> str:
    """A name as that of a C function."""
    found = identifier(name, "model")
    return f"{found}_model" if is_reserved(found) else found


def _raise_all(file: str, found: Sequence[Diagnostic]) -> None:
    if len(found) > _MOST_ERRORS:
        found = [*found[:_MOST_ERRORS], Diagnostic(f"and {len(found) - _MOST_ERRORS} more errors", Place(file))]
    if found:
        raise TinyirError(diagnostics=found)


# -- the file


def _parse(content: bytes) -> Any:
    import onnx

    decode_error: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError  # its package has no type stubs
    if not content:
        raise ModelError("the file is empty", hint=_DAMAGED)
    try:
        model = onnx.ModelProto.FromString(content)
    except decode_error:
        raise ModelError("is not an ONNX model, or is truncated or damaged", hint=_DAMAGED) from None
    if not model.HasField("graph"):
        raise ModelError("is not an ONNX model: it has no graph", hint=_DAMAGED)
    return model


def _opset(model: Any) -> int:
    if model.ir_version not in _IR_VERSIONS:
        raise ModelError(f"has IR version {model.ir_version}; supported are {_IR_VERSIONS[0]} to {_IR_VERSIONS[-1]}")
    versions: list[int] = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        raise ModelError(f"imports {len(versions) or 'no'} versions of the ONNX operators, where one is needed")
    if versions[0] not in _OPSETS:
        hint = "convert it with onnx.version_converter, or export it again"
        raise ModelError(f"uses opset {versions[0]}; supported are {_OPSETS[0]} to {_OPSETS[-1]}", hint)
    return versions[0]


def _read_graph(model: Any, external: ReadExternal, file: str) -> Graph:
    """
    Raises:
        ModelError: the file as a whole is wrong.
        TinyirError: its parts are.
    """
    opset, graph = _opset(model), model.graph
    if graph.sparse_initializer:
        raise ModelError(f"tensor {spell_name(graph.sparse_initializer[0].values.name)} is sparse, which is not supported")
    nodes = [
        Node(position, _text(n.op_type), _domain(n.domain), _text(n.name), tuple(map(_text, n.input)), tuple(map(_text, n.output)), opset)
        for position, n in enumerate(graph.node)
    ]
    constants = [_text(tensor.name) for tensor in graph.initializer if tensor.name]
    ports = [_port(value) for value in graph.input if value.name not in set(constants)]  # older models list constants among the inputs
    outputs = tuple(_text(value.name) for value in graph.output)
    _raise_all(file, [e.diagnostic(file) for e in name_errors(nodes, [port.name for port in ports], constants, outputs)])
    parts = _Parts(graph, external, file, needed_nodes(nodes, outputs), outputs)
    _raise_all(file, parts.found)
    declared = {port.name: port for port in parts.declared()}
    return Graph(_text(graph.name), tuple(parts.nodes), parts.constants, tuple(ports), outputs, declared)


def _text(name: str | bytes) -> str:
    """A string of the file, which is given as bytes if it is none."""
    if isinstance(name, bytes):
        raise ModelError(f"is not an ONNX model, or is damaged: the name {name!r:.40} is not UTF-8", hint=_DAMAGED)
    return name


def _domain(name: str | bytes) -> str:
    return "" if name == "ai.onnx" else _text(name)


class _Parts:
    """The parts of a graph that its outputs need, each read on its own: what is wrong with one does not hide the others."""

    def __init__(self, graph: Any, external: ReadExternal, file: str, needed: Sequence[Node], outputs: Sequence[str]) -> None:
        self.graph = graph
        self.external = external
        self.found: list[Diagnostic] = []
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        unsupported: dict[str, list[Node]] = {}
        for node in needed:
            if not is_supported(node.full_operator):
                unsupported.setdefault(node.full_operator, []).append(node)
                continue
            try:
                self.nodes.append(_checked(node, graph.node[node.position], external))
            except ModelError as error:
                self.found.append(error.diagnostic(file, str(node)))
        self.found += [_unsupported(nodes).diagnostic(file, str(nodes[0])) for nodes in unsupported.values()]
        readers = dict.fromkeys(outputs, "the graph, as its output")
        readers |= {name: str(node) for node in reversed(needed) for name in node.inputs}
        for tensor in graph.initializer:
            try:
                if tensor.name in readers:
                    self.constants[tensor.name] = read_tensor(tensor, external)
            except ModelError as error:
                note = (f"read by {readers[tensor.name]}", Place(file))
                self.found.append(attrs.evolve(error.diagnostic(file), notes=(note,)))
        if not self.found:
            self._expand(file)

    def _expand(self, file: str) -> None:
        expander, nodes = Expander(self.constants, self.nodes), self.nodes
        self.nodes = []
        for node in nodes:
            try:
                self.nodes += expander.expanded(node)
            except ModelError as error:
                self.found.append(error.diagnostic(file, str(node)))

    def declared(self) -> Iterator[Port]:
        values: Iterable[Any] = [*self.graph.value_info, *self.graph.output]
        return (_port(value) for value in values if value.type.WhichOneof("value") == "tensor_type" and value.type.tensor_type.elem_type)


def _port(value: Any) -> Port:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Port(_text(value.name), "unknown" if kind is None else kind.removesuffix("_type"), None)
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else _text(d.dim_param) for d in tensor.shape.dim) if tensor.HasField("shape") else None
    return Port(_text(value.name), ELEMENT_NAMES.get(tensor.elem_type, f"number {tensor.elem_type}"), shape)


# -- nodes against their schemas


def _unsupported(nodes: Sequence[Node]) -> ModelError:
    """One error for all nodes of an operator that has no translation."""
    import onnx

    node = nodes[0]
    hint = did_you_mean(node.operator, supported_operators())
    if node.domain:
        hint = "export the model with operators of the ONNX standard only, or bring its translation (entry point group tinyir.onnx)"
    elif onnx.defs.has(node.operator):
        hint = "express it by other operators, or add its translation to tinyir/frontend/onnx_ops"
    more = f" (in {len(nodes)} nodes)" if len(nodes) > 1 else ""
    return ModelError(f"the operator {spell_name(node.full_operator)} is not supported{more}", hint)


def _checked(node: Node, proto: Any, external: ReadExternal) -> Node:
    """The node with its attributes.

    Raises:
        ModelError: it is none that its operator's schema allows.
    """
    import onnx

    given = _attributes(proto, external)
    if not onnx.defs.has(node.operator, node.domain):
        _check_types(proto, EXPANSIONS[node.full_operator].operator if node.full_operator in EXPANSIONS else node.operator)
        return attrs.evolve(node, attributes=given)
    try:
        schema = onnx.defs.get_schema(node.operator, node.opset, node.domain)
    except onnx.defs.SchemaError:  # younger than the opset that the model names, which onnxruntime takes too
        schema = onnx.defs.get_schema(node.operator, node.domain)
    _check_ports(node, schema)
    return attrs.evolve(node, attributes=_with_defaults(given, proto, schema))


def _check_types(proto: Any, akin: str) -> None:
    """An operator without a schema shares attributes with one that has: these are of the same types."""
    import onnx

    formal = onnx.defs.get_schema(akin).attributes if onnx.defs.has(akin) else {}
    for attribute in proto.attribute:
        if attribute.name in formal:
            _check_type(attribute, formal[attribute.name])


def _check_type(attribute: Any, formal: Any) -> None:
    if formal.type.value != attribute.type:
        raise ModelError(f"the attribute {spell_name(attribute.name)} is not of the type {formal.type.name}")


def _check_ports(node: Node, schema: Any) -> None:
    ports = (("inputs", len(node.inputs), schema.min_input, schema.max_input), ("outputs", len(node.outputs), schema.min_output, schema.max_output))
    for what, count, least, most in ports:
        if not least <= count <= most:
            needed = f"{least}" if least == most else f"{least} to {most}" if most < GREATEST_FILE_BYTES else f"{least} or more"
            raise ModelError(f"has {count} {what}, where {needed} {'is' if needed == '1' else 'are'} needed")
    for place, (name, formal) in enumerate(zip(node.inputs, schema.inputs, strict=False)):
        if not name and formal.option.name != "Optional":
            raise ModelError(f"leaves out the input {place} ({formal.name}), which is required")


_FLOAT, _INTEGER, _STRING, _TENSOR, _FLOATS, _INTEGERS, _STRINGS = 1, 2, 3, 4, 6, 7, 8  # AttributeProto.AttributeType


def _value(attribute: Any, external: ReadExternal) -> Any:
    if attribute.type == _FLOAT:
        return attribute.f
    if attribute.type == _INTEGER:
        return attribute.i
    if attribute.type == _STRING:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type == _FLOATS:
        return list(attribute.floats)
    if attribute.type == _INTEGERS:
        return list(attribute.ints)
    if attribute.type == _STRINGS:
        return [text.decode("utf-8", "replace") for text in attribute.strings]
    if attribute.type == _TENSOR:
        return read_tensor(attribute.t, external, f"the attribute {spell_name(attribute.name)}")
    raise ModelError(f"the attribute {spell_name(attribute.name)} is of a type that is not supported")


def _attributes(proto: Any, external: ReadExternal) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in proto.attribute:
        _text(attribute.name)
        if attribute.name in found:
            raise ModelError(f"has the attribute {spell_name(attribute.name)} twice")
        if attribute.ref_attr_name:
            raise ModelError(f"the attribute {spell_name(attribute.name)} refers to an attribute of a function, but stands in none")
        found[attribute.name] = _value(attribute, external)
    return found


def _with_defaults(given: dict[str, Any], proto: Any, schema: Any) -> dict[str, Any]:
    for attribute in proto.attribute:
        formal = schema.attributes.get(attribute.name)
        if formal is None:
            hint = did_you_mean(attribute.name, schema.attributes)
            raise ModelError(f"has no attribute {spell_name(attribute.name)} (schema of opset {schema.since_version})", hint)
        _check_type(attribute, formal)
    complete = dict(given)
    for name, formal in schema.attributes.items():
        if name not in given and formal.required:
            raise ModelError(f"lacks the attribute {spell_name(name)}, which is required")
        if name not in given and formal.default_value.type:
            complete[name] = _value(formal.default_value, lambda *_: b"")
    return complete
