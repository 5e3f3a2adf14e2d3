"""Models whose graph is wrong: cycles, names, missing parts, subgraphs, versions."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.oracle.spoil import CULPRIT, HostileFile, replaced, spoiled, with_constant


def structure() -> list[HostileFile]:
    def cycle(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "relu"

    def self_loop(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "conv"

    def out_of_order(model: onnx.ModelProto) -> None:
        nodes = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([nodes[1], nodes[0], *nodes[2:]])

    def missing_input(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "nowhere"

    def missing_output(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "nowhere"

    def same_output_twice(model: onnx.ModelProto) -> None:
        model.graph.node[0].name, model.graph.node[1].name = "conv", CULPRIT
        model.graph.node[1].output[0] = "conv"
        model.graph.node[2].input[0] = "conv"

    def output_named_as_input(model: onnx.ModelProto) -> None:
        model.graph.node[0].output[0] = model.graph.node[1].input[0] = "x"

    def output_named_as_constant(model: onnx.ModelProto) -> None:
        model.graph.node[0].output[0] = model.graph.node[1].input[0] = "v"

    def no_outputs_of_a_node(model: onnx.ModelProto) -> None:
        del model.graph.node[0].output[:]

    return [
        spoiled("a_cycle", cycle),
        spoiled("a_node_that_reads_itself", self_loop),
        spoiled("nodes_out_of_order", out_of_order, "relu"),
        spoiled("an_input_that_nobody_makes", missing_input),
        spoiled("an_output_that_nobody_makes", missing_output, "nowhere"),
        spoiled("a_tensor_made_twice", same_output_twice),
        spoiled("a_node_that_makes_the_graph_input", output_named_as_input),
        spoiled("a_node_that_makes_a_constant", output_named_as_constant),
        spoiled("a_node_without_outputs", no_outputs_of_a_node),
        spoiled("two_inputs_of_one_name", lambda model: model.graph.input.append(model.graph.input[0]), "x"),
        spoiled("two_outputs_of_one_name", lambda model: model.graph.output.append(model.graph.output[0]), "y"),
        spoiled("two_constants_of_one_name", lambda model: model.graph.initializer.append(model.graph.initializer[0]), "w"),
        spoiled("a_constant_without_a_name", lambda model: model.graph.initializer[0].ClearField("name")),
        spoiled("no_nodes", lambda model: model.graph.ClearField("node"), "y"),
        spoiled("no_inputs", lambda model: model.graph.ClearField("input")),
        spoiled("no_outputs", lambda model: model.graph.ClearField("output"), ""),
        spoiled("an_empty_graph", lambda model: model.graph.Clear(), ""),
        spoiled("no_graph", lambda model: model.ClearField("graph"), ""),
    ]


def subgraphs() -> list[HostileFile]:
    def branch(name: str) -> onnx.GraphProto:
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 4, 4])
        return helper.make_graph([helper.make_node("Relu", ["conv"], [name])], name, [], [output])

    def nested(depth: int) -> onnx.GraphProto:
        graph = branch("innermost")
        for level in range(depth):
            name = f"level{level}"
            node = helper.make_node("If", ["flag"], [name], then_branch=graph, else_branch=branch(f"other{level}"))
            graph = helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 4, 4])])
        return graph

    flag = np.array(True)
    conditional = replaced("If", ["flag"], then_branch=branch("one"), else_branch=branch("two"))

    def condition_is_an_input(model: onnx.ModelProto) -> None:
        conditional(model)
        model.graph.input.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))

    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Relu", ["state"], ["new_state"])],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 4, 4, 4]),
        ],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, []), helper.make_tensor_value_info("new_state", TensorProto.FLOAT, [1, 4, 4, 4])],
    )
    return [
        spoiled("an_if_on_an_input", condition_is_an_input),
        spoiled("a_loop_without_end", with_constant(replaced("Loop", ["", "flag", "conv"], body=body), "flag", flag)),
        spoiled("an_if_without_branches", with_constant(replaced("If", ["flag"]), "flag", flag)),
        spoiled("an_if_20_deep", with_constant(replaced("If", ["flag"], then_branch=nested(20), else_branch=branch("two")), "flag", flag)),
    ]


def versions() -> list[HostileFile]:
    def opset(version: int) -> Callable[[onnx.ModelProto], None]:
        def spoil(model: onnx.ModelProto) -> None:
            model.opset_import[0].version = version

        return spoil

    def ir_version(version: int) -> Callable[[onnx.ModelProto], None]:
        def spoil(model: onnx.ModelProto) -> None:
            model.ir_version = version

        return spoil

    return [
        spoiled("no_opset", lambda model: model.ClearField("opset_import"), ""),
        spoiled("opset_9999", opset(9999), ""),
        spoiled("opset_0", opset(0), ""),
        spoiled("opset_minus_1", opset(-1), ""),
        spoiled("two_opsets", lambda model: model.opset_import.append(helper.make_opsetid("", 13)), ""),
        spoiled("ir_version_9999", ir_version(9999), ""),
    ]
