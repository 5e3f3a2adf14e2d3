"""Names of generated code: short words that tell what the model's own names tell."""

import pytest

from tinyir.ir.naming import LONGEST, short_name

NAMES = {
    "functional_1/activation_8/Relu;functional_1/batch_normalization_8/FusedBatchNormV3": "activation_8_Relu",
    "/features/features.0/conv/Conv": "conv_Conv",
    "/features/0/Conv": "features_0_Conv",
    "f.1.weight_DequantizeLinear_Output": "f_1_weight",
    "view_QuantizeLinear": "view",
    "fc_1": "fc_1",
    "0": "n0",
    "_QuantizeLinear": "QuantizeLinear",
    "": "",
    "/;": "",
}


@pytest.mark.parametrize(("name", "short"), NAMES.items())
def test_the_telling_end_of_a_name_is_kept(name: str, short: str) -> None:
    assert short_name(name) == short


def test_long_names_lose_their_beginning_at_a_word() -> None:
    name = short_name("_".join(f"part{i}" for i in range(20)))
    assert len(name) <= LONGEST
    assert name.startswith("part")
    assert name.endswith("part19")


def test_what_has_no_name_gets_the_one_offered() -> None:
    assert short_name("//", "tensor") == "tensor"
