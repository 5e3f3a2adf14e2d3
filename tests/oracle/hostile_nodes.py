"""Models with one node that is wrong: its operator or an attribute of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.oracle.spoil import HUGE, HostileFile, replaced, spoiled, with_constant, with_domain


def operators() -> list[HostileFile]:
    return [
        spoiled("an_unknown_operator", replaced("Rleu")),
        spoiled("an_operator_without_a_name", replaced("")),
        spoiled("an_unsupported_operator", replaced("Det")),
        spoiled("an_operator_of_another_domain", with_domain(replaced("FusedConv", domain="com.example"), "com.example")),
        spoiled("a_domain_that_is_not_imported", replaced("Relu", domain="com.example")),
        spoiled("too_few_inputs", replaced("Add")),
        spoiled("too_many_inputs", replaced("Relu", ["conv", "conv"])),
        spoiled("a_required_input_left_out", replaced("Add", ["conv", ""])),
        spoiled("a_random_operator", replaced("RandomNormalLike")),
    ]


def _on_convolution(**attributes: Any) -> Callable[[onnx.ModelProto], None]:
    """Sets attributes of the convolution (None: removes one)."""

    def spoil(model: onnx.ModelProto) -> None:
        node = model.graph.node[0]
        kept = [attribute for attribute in node.attribute if attribute.name not in attributes]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())

    return spoil


def _without_a_schema() -> list[HostileFile]:
    """Operators of another domain: nothing but their own translation checks them."""
    return [
        spoiled("a_gelu_of_nothing", with_domain(replaced("Gelu", ["", "conv"], "com.microsoft"), "com.microsoft")),
        spoiled("an_alpha_that_is_a_word", with_domain(replaced("QuickGelu", domain="com.microsoft", alpha="much"), "com.microsoft")),
        spoiled("a_quantized_concat_in_no_threes", with_domain(replaced("QLinearConcat", ["conv"] * 6, "com.microsoft", axis=1), "com.microsoft")),
        spoiled("a_quantized_slope_that_is_a_word", with_domain(replaced("QLinearLeakyRelu", ["conv"] * 5, "com.microsoft", alpha="much"), "com.microsoft")),
    ]


def attributes() -> list[HostileFile]:
    convolution: dict[str, dict[str, Any]] = {
        "auto_pad_misspelt": {"auto_pad": "SAME_UPER"},
        "group_does_not_divide": {"group": 3},
        "group_zero": {"group": 0},
        "group_negative": {"group": -1},
        "stride_zero": {"strides": [0, 1]},
        "stride_negative": {"strides": [-1, 1]},
        "stride_rank": {"strides": [1, 1, 1]},
        "stride_huge": {"strides": [2**62, 2**62], "pads": [2**62, 0, 2**62, 0]},
        "dilation_zero": {"dilations": [0, 1]},
        "dilation_too_large": {"dilations": [9, 9]},
        "kernel_shape_is_not_the_weights": {"kernel_shape": [5, 3]},
        "kernel_shape_rank": {"kernel_shape": [3]},
        "pads_rank": {"pads": [1, 1, 1]},
        "pads_negative": {"pads": [-1, -1, -1, -1]},
        "pads_huge": {"pads": [HUGE, HUGE, HUGE, HUGE]},
        "strides_of_strings": {"strides": ["one", "two"]},
        "group_as_float": {"group": 1.0},
        "an_attribute_nobody_knows": {"activation": "gelu"},
    }
    cases = [spoiled(f"conv_{name}", _on_convolution(**attributes)) for name, attributes in convolution.items()]
    return [
        *cases,
        spoiled("concat_without_axis", replaced("Concat", ["conv", "conv"])),
        spoiled("concat_axis_out_of_range", replaced("Concat", ["conv", "conv"], axis=7)),
        spoiled("transpose_perm_repeats", replaced("Transpose", perm=[0, 1, 1, 3])),
        spoiled("transpose_perm_rank", replaced("Transpose", perm=[1, 0])),
        spoiled("softmax_axis_out_of_range", replaced("Softmax", axis=4)),
        spoiled("flatten_axis_out_of_range", replaced("Flatten", axis=-9)),
        spoiled("max_pool_without_kernel_shape", replaced("MaxPool")),
        spoiled("max_pool_pads_beyond_the_kernel", replaced("MaxPool", kernel_shape=[2, 2], pads=[5, 5, 5, 5])),
        spoiled("max_pool_larger_than_the_image", replaced("MaxPool", kernel_shape=[50, 50])),
        spoiled("pad_mode_unknown", with_constant(replaced("Pad", ["conv", "p"], mode="mirror"), "p", np.zeros(8, np.int64))),
        spoiled("pow_of_no_number", with_constant(replaced("Pow", ["conv", "p"]), "p", np.float32("nan"))),
        spoiled("pow_infinite", with_constant(replaced("Pow", ["conv", "p"]), "p", np.float32("inf"))),
        spoiled("resize_to_more_than_a_float_holds", with_constant(replaced("Resize", ["conv", "", "p"]), "p", np.array([1, 1, 3e38, 3e38], np.float32))),
        spoiled("resize_by_no_number", with_constant(replaced("Resize", ["conv", "", "p"]), "p", np.array([1, 1, np.nan, 1], np.float32))),
        spoiled("resize_to_nothing", with_constant(replaced("Resize", ["conv", "", "p"]), "p", np.array([1, 1, 0.01, 1], np.float32))),
        spoiled("concat_of_floats_and_integers", with_constant(replaced("Concat", ["conv", "p"], axis=0), "p", np.zeros((1, 4, 4, 4), np.int8))),
        spoiled("a_sum_of_truth_values", with_constant(replaced("Add", ["p", "p"]), "p", np.array([True]))),
        *_without_a_schema(),
        spoiled("a_repeated_attribute", lambda model: model.graph.node[0].attribute.append(helper.make_attribute("strides", [2, 2]))),
        spoiled("an_attribute_without_a_type", lambda model: model.graph.node[0].attribute.append(onnx.AttributeProto(name="group"))),
    ]
