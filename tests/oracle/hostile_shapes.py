"""Models whose shapes are dynamic, impossible, enormous or at odds with each other."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.spoil import CULPRIT, HUGE, HostileFile, replaced, spoiled, with_constant


def _dimension(place: int, value: int | str) -> Callable[[onnx.ModelProto], None]:
    def spoil(model: onnx.ModelProto) -> None:
        dimension = model.graph.input[0].type.tensor_type.shape.dim[place]
        if isinstance(value, str):
            dimension.dim_param = value
        else:
            dimension.dim_value = value

    return spoil


def _reshape_to(target: Sequence[int]) -> Callable[[onnx.ModelProto], None]:
    return with_constant(replaced("Reshape", ["conv", "target"]), "target", np.array(target, np.int64))


def _output_of_shape_from_input(model: onnx.ModelProto) -> None:
    replaced("Reshape", ["conv", "wanted"])(model)
    model.graph.input.append(helper.make_tensor_value_info("wanted", TensorProto.INT64, [4]))


def _set_weight_shape(name: str, shape: Sequence[int]) -> Callable[[onnx.ModelProto], None]:
    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(numpy_helper.from_array(np.ones(shape, np.float32), name))

    return spoil


def shapes() -> list[HostileFile]:
    def input_without_shape(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.ClearField("shape")

    def dimension_without_value(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[2].Clear()

    def gemm_is_bad(model: onnx.ModelProto) -> None:
        model.graph.node[0].name, model.graph.node[3].name = "conv", CULPRIT
        _set_weight_shape("v", [63, 3])(model)

    return [
        spoiled("a_dynamic_height", _dimension(2, "height"), "x"),
        spoiled("a_dynamic_channel", _dimension(1, "channels"), "x"),
        spoiled("a_dimension_without_a_value", dimension_without_value, "x"),
        spoiled("an_input_without_a_shape", input_without_shape, "x"),
        spoiled("a_negative_dimension", _dimension(2, -6), "x"),
        spoiled("a_dimension_of_zero", _dimension(3, 0), "x"),
        spoiled("a_batch_of_zero", _dimension(0, 0), "x"),
        spoiled("a_huge_input", _dimension(2, HUGE), "x"),
        spoiled("an_input_larger_than_64_bits", _dimension(2, 2**62), "x"),
        spoiled("a_reshape_to_2_to_the_62", _reshape_to([2**31, 2**31])),
        spoiled("a_reshape_to_another_size", _reshape_to([1, 65])),
        spoiled("a_reshape_with_two_unknowns", _reshape_to([-1, -1])),
        spoiled("a_reshape_to_a_negative_size", _reshape_to([1, -5])),
        spoiled("a_reshape_to_zero", _reshape_to([0, 0, 0, 0, 0])),
        spoiled("a_reshape_whose_target_is_an_input", _output_of_shape_from_input),
        spoiled("a_pad_by_2_to_the_40", with_constant(replaced("Pad", ["conv", "p"]), "p", np.full(8, HUGE))),
        spoiled("a_pad_that_removes_everything", with_constant(replaced("Pad", ["conv", "p"]), "p", np.full(8, -9))),
        spoiled("an_expand_to_2_to_the_40", with_constant(replaced("Expand", ["conv", "p"]), "p", np.array([HUGE, 4, 4, 4]))),
        spoiled("a_constant_of_shape_2_to_the_40", with_constant(replaced("ConstantOfShape", ["p"]), "p", np.array([HUGE]))),
        spoiled("weights_of_other_channels", _set_weight_shape("w", [4, 3, 3, 3])),
        spoiled("weights_of_another_rank", _set_weight_shape("w", [4, 2, 3])),
        spoiled("a_kernel_larger_than_the_image", _set_weight_shape("w", [4, 2, 9, 9])),
        spoiled("weights_without_elements", _set_weight_shape("w", [0, 2, 3, 3])),
        spoiled("a_bias_of_another_length", _set_weight_shape("b", [5])),
        spoiled("a_dense_weight_of_other_rows", gemm_is_bad),
        spoiled("an_add_that_does_not_broadcast", with_constant(replaced("Add", ["conv", "p"]), "p", np.ones(3, np.float32))),
        spoiled("a_declared_output_shape_that_is_wrong", lambda model: _redeclare_output(model, [1, 4]), "y"),
    ]


def _redeclare_output(model: onnx.ModelProto, shape: Sequence[int]) -> None:
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, list(shape)))
