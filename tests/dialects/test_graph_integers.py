"""Constants of machine types hold what they are given, or are not made."""

from __future__ import annotations

import numpy as np
import pytest

from tinyir.dialects.graph_integers import create_constant
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.types import I8, I32, IntegerType


@pytest.mark.parametrize(("value", "element"), [(128, I8), (-129, I8), (1 << 31, I32), (-(1 << 31) - 1, I32)])
def test_a_value_beyond_its_type_is_no_constant(value: int, element: IntegerType) -> None:
    builder = Builder.at_end(create_function(create_module(), "net", [], []).body)
    with pytest.raises(OverflowError, match=str(value)):
        create_constant(builder, np.array([0, value]), element)
