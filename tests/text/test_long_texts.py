"""What would make lines long: types with a scale for each channel get a name, the names of values are cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.test_location_aliases import through_mlir
from tinyir.ir.builder import create_module
from tinyir.ir.equality import first_difference
from tinyir.ir.operation import Operation
from tinyir.ir.types import F32, I8, QuantizedType, TensorType
from tinyir.text.names import LONGEST, readable_name
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

CHANNELS = QuantizedType(I8, F32, [0.5 + i / 128 for i in range(16)], [0] * 16, 0)
OTHERS = QuantizedType(I8, F32, [0.25 + i / 128 for i in range(16)], [3] * 16, 0)
WHOLE = QuantizedType(I8, F32, [0.5], [3])
TEXT = """\
!quant = {channels}
!quant1 = {others}
module {{
  func.func @f(%x: tensor<16x4xf32>, %y: tensor<16x{whole}>) -> tensor<16x4x!quant1> {{
    %0 = graph.quantize(%x) {{result_type = !quant}} : (tensor<16x4xf32>) -> tensor<16x4x!quant>
    "t.a"(%0) {{b = [!quant1, {{c = tensor<16x4x!quant>}}], d = (tensor<16x!quant>) -> !quant}} : (tensor<16x4x!quant>) -> ()
  }}
}}
"""


def test_a_long_type_is_written_once_and_a_short_one_in_place() -> None:
    text = TEXT.format(channels=CHANNELS, others=OTHERS, whole=WHOLE).replace("!quant1>", "!quant>").replace("!quant1,", "!quant,")
    module = parse(text.replace("{b = [!quant,", "{b = [!quant1,"))
    for generic in (False, True):
        printed = print_module(module, generic=generic)
        assert printed.count(str(CHANNELS)) == printed.count(str(OTHERS)) == 1
        assert printed.splitlines()[:2] == [f"!quant = {CHANNELS}", f"!quant1 = {OTHERS}"]
        assert f"16x{WHOLE}>" in printed
        assert "result_type = !quant}" in printed
        assert "[!quant1, {c = tensor<16x4x!quant>}]" in printed
        assert first_difference(module, parse(printed)) == ""
        assert first_difference(module, parse(printed, fast=False)) == ""
        assert print_module(parse(printed), generic=generic) == printed


def test_an_operation_alone_stays_one_line() -> None:
    operation = Operation("t.a", result_types=[TensorType([16], CHANNELS)])
    assert print_module(operation) == f'%0 = "t.a"() : () -> tensor<16x{CHANNELS}>\n'


def test_mlir_opt_reads_the_names_of_types(require_tool: Callable[[str], str]) -> None:
    module = create_module()
    for type in (CHANNELS, OTHERS, CHANNELS):
        module.body.append(Operation("t.a", result_types=[TensorType([16], type)]))
    text = print_module(module, generic=True, locations=True)
    assert "!quant1" in text
    assert first_difference(module, parse(through_mlir(require_tool("mlir-opt-19"), text)), locations=True) == ""


NAMES = {
    "x": "x",
    "a name that is no name, but short": "a_name_that_is_no_name__but_short",
    "functional_1_activation_8_Relu_functional_1_batch_normalization_8_FusedBatchNormV3_dequant": "functional_1_activation_8..dequant",
    "functional_1_dense_BiasAdd_ReadVariableOp_resource_dequant": "functional_1_dense..resource_dequant",
    "x" * 60: f"{'x' * 25}..{'x' * 9}",
    "7_words_that_begin_with_a_number_and_do_not_end_soon": "_7_words_that_begin_with_a..end_soon",
}


@pytest.mark.parametrize("hint", NAMES, ids=lambda hint: hint[:12])
def test_of_a_long_name_the_middle_is_left_out(hint: str) -> None:
    assert readable_name(hint) == NAMES[hint]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="abc_1.é", max_size=80))
def test_no_name_is_too_long_and_none_is_cut_twice(hint: str) -> None:
    name = readable_name(hint)
    assert len(name) <= LONGEST + 1
    assert readable_name(f"{name}_999") == f"{name}_999" or len(name) > LONGEST - len("_999")


def test_names_that_are_cut_alike_are_told_apart_and_stay() -> None:
    module = create_module()
    values = []
    for i in range(3):
        made = Operation("t.a", result_types=[F32])
        made.result.name = f"a_layer_with_a_very_long_name_{'and_more_' * i}in_the_model_output"
        module.body.append(made)
        values.append(made.result)
    module.body.append(Operation("t.b", values))
    text = print_module(module, generic=True)
    assert text.count("%a_layer_with_a_very_long..output") == 6
    assert "(%a_layer_with_a_very_long..output, %a_layer_with_a_very_long..output_0, %a_layer" in text
    again = parse(text)
    assert first_difference(module, again) == ""
    assert print_module(again, generic=True) == text
