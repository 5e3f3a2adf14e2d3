"""Reads ONNX files into the neutral form; the only file that knows the onnx package.

Every size that a file claims is compared with the bytes that are there before anything is allocated.
"""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.frontend.thin_importer import build_module
from tinyir.frontend.thin_node import Graph, GraphInput, Node
from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Operation

MOST_BYTES = 1 << 30
_DTYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 11: "float64", 12: "uint32", 13: "uint64", 10: "float16"}
_NAMES = _DTYPES | {8: "string", 14: "complex64", 15: "complex128", 16: "bfloat16", 21: "uint4", 22: "int4"}
_OLDEST_OPSET, _NEWEST_OPSET = 7, 24


def import_onnx(path: Path, name: str = "") -> Operation:
    """The graph-level module of an ONNX file.

    Raises:
        TinyirError: the file cannot be read, or the model not be imported.
    """
    place = Place(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TinyirError(f"cannot read the model: {error.strerror}", place=place) from error
    try:
        return build_module(_Reader(_decode(data), path.parent, name or path.stem).graph())
    except TinyirError as error:
        import attrs

        raise TinyirError(diagnostics=[d if d.place.file else attrs.evolve(d, place=place) for d in error.diagnostics]) from error


def _decode(data: bytes) -> Any:
    onnx = importlib.import_module("onnx")
    message = importlib.import_module("google.protobuf.message")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (message.DecodeError, RecursionError) as error:
        raise TinyirError("this is not an ONNX model: the protobuf cannot be decoded", hint="is the file complete?") from error
    if not model.HasField("graph") or not model.graph.output:
        raise TinyirError("this is not an ONNX model: it has no graph with outputs", hint="is the file complete?")
    return model


class _Reader:
    def __init__(self, model: Any, folder: Path, name: str) -> None:
        self.model = model
        self.folder = folder
        self.name = name
        self.opset = self._opset()

    def _opset(self) -> int:
        versions = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        if not versions:
            return _OLDEST_OPSET
        if not _OLDEST_OPSET <= max(versions) <= _NEWEST_OPSET:
            raise TinyirError(f"opset {max(versions)} is not supported: known are {_OLDEST_OPSET} to {_NEWEST_OPSET}", hint="convert the model to opset 13")
        return int(max(versions))

    def graph(self) -> Graph:
        graph = self.model.graph
        constants: dict[str, NDArray[Any]] = {}
        for tensor in graph.initializer:
            if tensor.name in constants:
                raise TinyirError(f"the tensor '{tensor.name}' is defined twice")
            constants[tensor.name] = self.array(tensor, f"tensor '{tensor.name}'")
        if graph.sparse_initializer:
            raise TinyirError("sparse tensors are not supported")
        inputs = tuple(self._input(i) for i in graph.input if i.name not in constants)
        nodes = self._ordered([self._node(i, node) for i, node in enumerate(graph.node)], inputs, constants)
        shapes = {v.name: s for v in (*graph.value_info, *graph.output) if (s := _declared_shape(v)) is not None}
        return Graph(self.name, nodes, inputs, tuple(o.name for o in graph.output), constants, shapes)

    def _input(self, value: Any) -> GraphInput:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            raise TinyirError(f"input '{value.name}' is not a tensor")
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            raise TinyirError(f"input '{value.name}' has no shape", hint="export the model with a fixed shape")
        shape, symbols = [], []
        for dimension in tensor.shape.dim:
            fixed = dimension.WhichOneof("value") == "dim_value" and dimension.dim_value >= 0
            shape.append(int(dimension.dim_value) if fixed else -1)
            symbols.append(dimension.dim_param or ("" if fixed else "?"))
        if shape and math.prod(max(n, 1) for n in shape) > MOST_BYTES:
            raise TinyirError(f"input '{value.name}' has the shape {shape}: more than {MOST_BYTES} elements")
        return GraphInput(value.name, _NAMES.get(tensor.elem_type, f"#{tensor.elem_type}"), tuple(shape), tuple(symbols))

    def _node(self, position: int, node: Any) -> Node:
        name = node.name or f"{node.op_type}_{position}"
        attributes = {}
        for attribute in node.attribute:
            attributes[attribute.name] = self._attribute(name, node.op_type, attribute)
        return Node(node.op_type, node.domain, name, tuple(node.input), tuple(node.output), attributes, self.opset)

    def _attribute(self, node: str, operator: str, attribute: Any) -> Any:
        kind = attribute.type
        if kind == 1:
            return float(attribute.f)
        if kind == 2:
            return int(attribute.i)
        if kind == 3:
            return attribute.s.decode("utf-8", "replace")
        if kind == 4:
            return self.array(attribute.t, f"node '{node}' ({operator}): attribute '{attribute.name}'")
        if kind == 6:
            return tuple(float(v) for v in attribute.floats)
        if kind == 7:
            return tuple(int(v) for v in attribute.ints)
        if kind == 8:
            return tuple(v.decode("utf-8", "replace") for v in attribute.strings)
        return None  # a graph or a sparse tensor: an operator that has one is not supported

    def _ordered(self, nodes: list[Node], inputs: tuple[GraphInput, ...], constants: dict[str, NDArray[Any]]) -> tuple[Node, ...]:
        """The nodes, each after those that it uses.

        Raises:
            TinyirError: a cycle, or two definitions of one name.
        """
        producer: dict[str, Node] = {}
        taken = {i.name for i in inputs} | set(constants)
        for node in nodes:
            for output in node.outputs:
                if output and (output in producer or output in taken):
                    raise node.error(f"its output '{output}' is defined twice")
                producer[output] = node
        done: dict[str, Node] = {}
        state: dict[int, int] = {}
        for root in nodes:
            stack = [(root, False)]
            while stack:
                node, finished = stack.pop()
                if finished:
                    state[id(node)] = 2
                    done[str(len(done))] = node
                    continue
                if state.get(id(node)):
                    continue
                state[id(node)] = 1
                stack.append((node, True))
                for needed in node.inputs:
                    before = producer.get(needed) if needed else None
                    if before is not None and state.get(id(before)) == 1:
                        raise node.error(f"it is part of a cycle through '{needed}'")
                    if before is not None and not state.get(id(before)):
                        stack.append((before, False))
        return tuple(done.values())

    # -- tensors

    def array(self, tensor: Any, what: str) -> NDArray[Any]:
        """The elements of a TensorProto, after checking that its shape fits its bytes.

        Raises:
            TinyirError: it does not, or its type is not supported.
        """
        shape = tuple(int(n) for n in tensor.dims)
        if any(n < 0 for n in shape):
            raise TinyirError(f"{what} has the shape {list(shape)}")
        dtype = _DTYPES.get(tensor.data_type)
        if dtype is None:
            raise TinyirError(f"{what} has elements of type {_NAMES.get(tensor.data_type, tensor.data_type)}, which is not supported")
        count = math.prod(shape)
        size = np.dtype(dtype).itemsize
        if count * size > MOST_BYTES:
            raise TinyirError(f"{what} claims {count} elements of {dtype}, more than {MOST_BYTES} bytes")
        if tensor.data_location == 1:
            raw = self._external(tensor, what, count * size)
        elif tensor.HasField("raw_data"):
            raw = tensor.raw_data
        else:
            return self._typed(tensor, what, shape, dtype, count)
        if len(raw) != count * size:
            raise TinyirError(f"{what} of shape {list(shape)} needs {count * size} bytes, but has {len(raw)}")
        array = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).reshape(shape)
        return array.astype(dtype) if sys.byteorder == "big" else array.view(dtype)

    def _typed(self, tensor: Any, what: str, shape: tuple[int, ...], dtype: str, count: int) -> NDArray[Any]:
        fields = {"float32": "float_data", "float64": "double_data", "int64": "int64_data", "uint32": "uint64_data", "uint64": "uint64_data"}
        values = getattr(tensor, fields.get(dtype, "int32_data"))
        if len(values) != count:
            raise TinyirError(f"{what} of shape {list(shape)} needs {count} elements, but has {len(values)}")
        if dtype == "float16":
            return np.array(values, np.uint16).view(np.float16).reshape(shape)
        return np.array(values).astype(dtype).reshape(shape)

    def _external(self, tensor: Any, what: str, size: int) -> bytes:
        """The bytes of a tensor beside the model, never from outside of its folder."""
        entries = {e.key: e.value for e in tensor.external_data}
        location = entries.get("location", "")
        path = Path(location)
        target = (self.folder / path).resolve()
        if not location or path.is_absolute() or not target.is_relative_to(self.folder.resolve()):
            raise TinyirError(f"{what} lies in '{location}', outside of the model's folder", hint="put the data beside the model")
        try:
            offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
            with target.open("rb") as file:
                file.seek(offset)
                return file.read(length) if 0 <= length <= size else b""
        except (OSError, ValueError) as error:
            raise TinyirError(f"{what}: cannot read its data '{location}'", hint="put the data beside the model") from error


def _declared_shape(value: Any) -> tuple[int, ...] | None:
    if value.type.WhichOneof("value") != "tensor_type" or not value.type.tensor_type.HasField("shape"):
        return None
    dims = value.type.tensor_type.shape.dim
    fixed = tuple(int(d.dim_value) if d.WhichOneof("value") == "dim_value" and d.dim_value > 0 else -1 for d in dims)
    return fixed
