"""The hostile files are what they claim: one thing wrong with a valid network, the same bytes every time, harmless to write."""

import importlib
from pathlib import Path

import onnx
import pytest

from tests.oracle.hostile import hostile_files
from tests.oracle.spoil import CULPRIT, HostileFile, serialized, valid_model, valid_quantized_model

CASES = hostile_files()

_DecodeError = importlib.import_module("google.protobuf.message").DecodeError  # has no type stubs

# Legal ONNX that is out of a compiler's reach, or wrong in a way that the checker does not look for.
_UNSEEN_BY_THE_CHECKER = {
    *("a_name_that_is_not_utf8", "an_operator_of_another_domain", "a_random_operator", "conv_auto_pad_misspelt", "pad_mode_unknown"),
    *("conv_group_does_not_divide", "conv_group_zero", "conv_group_negative", "a_dynamic_height", "a_dynamic_channel"),
    *("a_dimension_without_a_value", "a_reshape_whose_target_is_an_input", "weights_of_other_channels", "weights_of_another_rank"),
    *("a_kernel_larger_than_the_image", "a_bias_of_another_length", "weights_with_elements_to_spare", "scales_of_another_length"),
    *("a_scale_that_is_zero", "a_scale_that_is_negative", "a_scale_that_is_not_a_number", "a_scale_that_is_infinite", "a_scale_that_is_computed"),
    *("zero_points_of_another_length", "scales_with_two_axes", "scales_without_elements", "a_quantization_axis_out_of_range"),
    *("two_outputs_of_one_name", "no_outputs", "an_if_on_an_input", "a_loop_without_end", "an_if_20_deep", "opset_9999", "two_opsets"),
    *("pow_of_no_number", "pow_infinite", "a_gelu_of_nothing", "an_alpha_that_is_a_word"),
    *("a_quantized_concat_in_no_threes", "a_quantized_slope_that_is_a_word"),
    "external_location_with_a_zero_byte",
}


def test_the_networks_that_are_spoiled_are_valid() -> None:
    for model in (valid_model(), valid_quantized_model()):
        onnx.checker.check_model(model, full_check=True)


def test_names_are_unique_and_bytes_repeat() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150
    assert hostile_files() == CASES


def test_every_file_differs_from_the_valid_ones() -> None:
    valid = {serialized(valid_model()), serialized(valid_quantized_model())}
    external = [case for case in CASES if case.name.startswith("external")]
    assert not valid & {case.content for case in CASES}
    assert all(CULPRIT.encode() in case.content for case in external)


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in _UNSEEN_BY_THE_CHECKER], ids=lambda case: case.name)
def test_onnx_refuses_it(case: HostileFile, tmp_path: Path) -> None:
    path = case.write(tmp_path)
    with pytest.raises((_DecodeError, ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)):
        onnx.checker.check_model(onnx.load(str(path)), full_check=True)


@pytest.mark.parametrize("name", sorted(_UNSEEN_BY_THE_CHECKER))
def test_onnx_does_not_see_it(name: str, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == name)
    onnx.checker.check_model(onnx.load(str(case.write(tmp_path))), full_check=True)


def test_culprits_are_named_in_the_file() -> None:
    for case in CASES:
        assert case.culprit.encode() in case.content, case.name


def test_writing_stays_below_the_folder(tmp_path: Path) -> None:
    for place, case in enumerate(CASES):
        folder = tmp_path / str(place)
        assert case.write(folder).read_bytes() == case.content
        for name, content in case.beside.items():
            beside = (folder / "model" / name).resolve()
            assert beside.is_relative_to(folder)
            assert beside.read_bytes() == content
