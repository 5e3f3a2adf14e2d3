"""The interface in integers: what is dropped, what stays, and that the network in between is the same."""

import numpy as np

from tinyir.driver.execution import interpret
from tinyir.driver.ports import Port, module_ports
from tinyir.ir.operation import Operation
from tinyir.passes.quantized_ports import QuantizedPorts
from tinyir.rewrite.passes import PassContext
from tinyir.text.reader import parse

Q, R = "tensor<1x4x!quant.uniform<i8:f32, 0.5:3>>", "tensor<1x4x!quant.uniform<i8:f32, 0.25>>"
F = "tensor<1x4xf32>"


def network(body: str, *results: str) -> Operation:
    """A network of float inputs and outputs "in" and "out", "out1", ..."""
    types, names = ", ".join([F] * len(results)), ", ".join(f'"out{i or ""}"' for i in range(len(results)))
    head = f'func.func @net(%x: {F}) -> ({types}) attributes {{input_names = ["in"], output_names = [{names}]}} {{'
    return parse(f"{head}\n{body}\n  func.return {', '.join(results)} : {types}\n}}")


BOUNDARY = f"""
  %q = "graph.quantize"(%x) <{{result_type = !quant.uniform<i8:f32, 0.5:3>}}> : ({F}) -> {Q}
  %d = "graph.dequantize"(%q) : ({Q}) -> {F}
  %n = "graph.negate"(%d) : ({F}) -> {F}
  %r = "graph.quantize"(%n) <{{result_type = !quant.uniform<i8:f32, 0.25>}}> : ({F}) -> {R}
  %y = "graph.dequantize"(%r) : ({R}) -> {F}"""


def names(module: Operation) -> list[str]:
    return [operation.name.removeprefix("graph.") for operation in module.walk() if operation.name.startswith("graph.")]


def test_quantize_and_dequantize_at_the_boundary_are_dropped_and_nothing_else_changes() -> None:
    module = network(BOUNDARY, "%y")
    inputs = np.array([[0.5, -1.0, 3.25, 100.0]], np.float32)
    before = interpret(module, {"in": inputs})["out"]
    context = PassContext()
    QuantizedPorts().run(module, context)
    assert context.remarks == []
    assert names(module) == ["dequantize", "negate", "quantize"]
    assert module_ports(module).inputs == (Port("in", "int8", (1, 4)),)
    stored = np.clip(np.rint(inputs / 0.5) + 3, -128, 127).astype(np.int8)
    after = interpret(module, {"in": stored})["out"]
    assert after.dtype == np.int8
    assert np.array_equal(after.astype(np.float32) * np.float32(0.25), before)


def test_an_input_with_another_reader_stays_float_and_is_named() -> None:
    module = network(BOUNDARY + f'\n  %z = "graph.add"(%y, %x) : ({F}, {F}) -> {F}', "%z")
    context = PassContext()
    QuantizedPorts().run(module, context)
    assert context.remarks == [
        "the input 'in' stays float: it is not quantized before all else",
        "the output 'out' stays float: it is not dequantized at the end",
    ]
    assert names(module)[0] == "quantize"


def test_a_dequantize_with_another_reader_is_kept_for_it() -> None:
    module = network(BOUNDARY + f'\n  %z = "graph.negate"(%y) : ({F}) -> {F}', "%y", "%z")
    QuantizedPorts().run(module, PassContext())
    assert [port.dtype for port in module_ports(module).outputs] == ["int8", "float32"]
    assert names(module) == ["dequantize", "negate", "quantize", "dequantize", "negate"]
