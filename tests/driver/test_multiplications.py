"""Multiply-accumulates of the MLPerf models, as their authors count them."""

from pathlib import Path

import pytest

from tinyir.driver.api import import_model
from tinyir.driver.multiplications import count_multiply_accumulates

COUNTS = {"kws": 2_656_768, "ic": 12_501_632, "vww": 7_489_664, "ad": 264_192}


@pytest.mark.parametrize("file", ["qdq.onnx", "fp32.onnx"])
@pytest.mark.parametrize("name", COUNTS)
def test_sums_of_products_are_counted_and_nothing_else(name: str, file: str, corpus: Path) -> None:
    assert count_multiply_accumulates(import_model(corpus / f"mlperf_{name}" / file)) == COUNTS[name]
