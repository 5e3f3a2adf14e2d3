"""Models whose scales, zero points or quantization axis are wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.spoil import CULPRIT, HostileFile, spoiled, valid_quantized_model


def quantization() -> list[HostileFile]:
    def constant(name: str, tensor: str, values: Any, culprit: str = CULPRIT) -> HostileFile:
        def change(proto: onnx.TensorProto) -> None:
            proto.CopyFrom(numpy_helper.from_array(np.asarray(values), tensor))

        def spoil(model: onnx.ModelProto) -> None:
            for proto in model.graph.initializer:
                if proto.name == tensor:
                    change(proto)

        return spoiled(name, spoil, culprit, valid_quantized_model)

    def axis(value: int) -> Callable[[onnx.ModelProto], None]:
        def spoil(model: onnx.ModelProto) -> None:
            model.graph.node[1].attribute[0].i = value

        return spoil

    float_numbers = {"zero": 0.0, "negative": -0.1, "not_a_number": np.nan, "infinite": np.inf}
    cases = [constant(f"a_scale_that_is_{name}", "sx", np.array(value, np.float32)) for name, value in float_numbers.items()]
    return [
        *cases,
        constant("a_scale_of_double", "sx", np.array(0.1)),
        constant("a_scale_of_integers", "sx", np.array(1)),
        constant("a_zero_point_of_another_type", "zx", np.array(3, np.uint8)),
        constant("a_zero_point_that_is_float", "zx", np.array(3, np.float32)),
        constant("scales_of_another_length", "sw", np.array([0.2, 0.3, 0.4], np.float32), "weights"),
        constant("zero_points_of_another_length", "zw", np.zeros(3, np.int8), "weights"),
        constant("scales_with_two_axes", "sw", np.full((4, 2), 0.1, np.float32), "weights"),
        constant("scales_without_elements", "sw", np.zeros(0, np.float32), "weights"),
        spoiled("a_quantization_axis_out_of_range", axis(5), "weights", valid_quantized_model),
        spoiled("a_scale_that_is_computed", _scale_from_input, CULPRIT, valid_quantized_model),
    ]


def _scale_from_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, []))
    model.graph.node[0].input[1] = "scale"
