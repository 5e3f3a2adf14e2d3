"""From the nodes of a graph to one function at graph level; every node is tried, so that one run tells all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from tinyir.frontend.onnx_model import ELEMENT_TYPES, Graph, ModelError, Node, Port, element_count, identifier, spell_name
from tinyir.frontend.onnx_quantization import quantized_element, wanted_parameters
from tinyir.frontend.onnx_registry import handlers
from tinyir.frontend.onnx_translator import Operand, Translator, element_of, shape_of, tensor_type
from tinyir.ir.attributes import ArrayAttribute, StringAttribute, TypeAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.errors import Diagnostic
from tinyir.ir.location import NameLocation
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import FunctionType, TensorType


def translate(graph: Graph, name: str, file: str) -> tuple[Operation, list[Diagnostic]]:
    """A module with the function `name`, complete if there are no diagnostics."""
    network = _Network(graph, name, file)
    network.run()
    return network.module, network.found


class _Network:
    """The function under construction, and what was found wrong."""

    def __init__(self, graph: Graph, name: str, file: str) -> None:
        self.graph = graph
        self.file = file
        location = NameLocation(name)
        self.module = create_module(location)
        self.function = create_function(self.module, name, (), (), location)
        self.builder = Builder.at_end(self.function.body)
        self.translator = Translator(self.builder)
        self.translator.tensors.update(graph.constants)
        self.found: list[Diagnostic] = []
        self._failed: set[str] = set()
        self._wanted = wanted_parameters(graph)
        self._handlers = handlers()

    def run(self) -> None:
        for port in self.graph.inputs:
            try:
                self._add_input(port)
            except ModelError as error:
                self._fail(error, [port.name])
        for node in self.graph.nodes:
            if not self._failed.isdisjoint(node.inputs):
                self._failed.update(node.outputs)
                continue
            try:
                self._add_node(node)
            except ModelError as error:
                self._fail(error, node.outputs, str(node))
        if not self.found:
            try:
                self._finish()
            except ModelError as error:
                self._fail(error, ())

    def _fail(self, error: ModelError, tensors: Sequence[str], part: str = "") -> None:
        """Whatever needs these tensors is not translated: its errors would only be consequences."""
        self.found.append(error.diagnostic(self.file, part))
        self._failed.update(name for name in tensors if name)

    def _add_input(self, port: Port) -> None:
        what = f"input {spell_name(port.name)}"
        element = ELEMENT_TYPES.get(port.element)
        if element is None:
            raise ModelError(f"{what} is of type {port.element}, which is not supported", hint=f"supported are {', '.join(ELEMENT_TYPES)}")
        if port.shape is None:
            raise ModelError(f"{what} has no shape", hint="export the model with fixed shapes")
        extents = [1 if isinstance(extent, str) and place == 0 else extent for place, extent in enumerate(port.shape)]
        for place, extent in enumerate(extents):
            if isinstance(extent, str):
                symbol = f" {spell_name(extent)}" if extent else ""
                raise ModelError(f"{what} has the dynamic dimension{symbol} on axis {place}", hint="export the model with fixed shapes")
        shape = tuple(extent for extent in extents if isinstance(extent, int))
        if element_count(shape, what) == 0:
            raise ModelError(f"{what} has no elements: {list(shape)}")
        type = TensorType(shape, quantized_element(element, self._wanted.get(port.name)))
        self.translator.tensors[port.name] = self.function.body.add_argument(type, identifier(port.name, "input"), NameLocation(port.name))

    def _add_node(self, node: Node) -> None:
        self.translator.node = node
        results = self._handlers[node.full_operator](self.translator)
        operands = results if isinstance(results, list) else [results]
        for place, (name, operand) in enumerate(zip(node.outputs, operands, strict=False)):
            if name:
                self._check_declared(name, operand)
                self._name(name, operand, node, place)
                self.translator.tensors[name] = operand
        for place, name in enumerate(node.outputs[len(operands) :], len(operands)):
            if name:
                self._check_unread(name, place)

    def _name(self, name: str, operand: Operand, node: Node, place: int) -> None:
        if isinstance(operand, Value) and not operand.name:
            operand.name = identifier(name, f"{identifier(node.operator.lower(), 'value')}_{place}")

    def _check_unread(self, name: str, place: int) -> None:
        if name in self.graph.outputs or any(name in node.inputs for node in self.graph.nodes):
            raise ModelError(f"its output {place}, {spell_name(name)}, is used, which is not supported")

    def _check_declared(self, name: str, operand: Operand) -> None:
        declared = self.graph.declared.get(name)
        if declared is None:
            return
        element = ELEMENT_TYPES.get(declared.element)
        shape, promised = shape_of(operand), declared.shape
        fits = promised is None or (len(promised) == len(shape) and all(isinstance(p, str) or p == s for p, s in zip(promised, shape, strict=True)))
        if element is not element_of(operand) or not fits:
            extents = "" if promised is None else "".join("?x" if isinstance(extent, str) else f"{extent}x" for extent in promised)
            made = "".join(f"{extent}x" for extent in shape) + str(element_of(operand))
            raise ModelError(f"makes {spell_name(name)} of type {made}, but the model declares {extents}{element or declared.element}")

    def _finish(self) -> None:
        """Returns the outputs and completes the function's type."""
        outputs = []
        for name in self.graph.outputs:
            operand = self.translator.tensors[name]
            outputs.append(operand if isinstance(operand, Value) else self.translator.constant(name, operand))
        self.builder.create("func.return", outputs, location=self.function.location)
        arguments = [argument.type for argument in self.function.body.arguments]
        self.function.properties["function_type"] = TypeAttribute(FunctionType(arguments, [tensor_type(value) for value in outputs]))
        self.function.attributes["input_names"] = _strings([port.name for port in self.graph.inputs])
        self.function.attributes["output_names"] = _strings(self.graph.outputs)


def _strings(names: Sequence[str]) -> ArrayAttribute:
    return ArrayAttribute(map(StringAttribute, names))
