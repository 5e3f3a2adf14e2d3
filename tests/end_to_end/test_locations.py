"""Every operation and every argument of every level says where it comes from."""

from pathlib import Path

import pytest

from tinyir.driver.api import begin
from tinyir.ir.location import UNKNOWN
from tinyir.ir.operation import Operation

EXAMPLES = Path(__file__).parents[2] / "examples" / "mnist"


def without_location(module: Operation) -> list[str]:
    found = [operation.name for operation in module.walk() if operation.location is UNKNOWN]
    functions = [operation for operation in module.body if operation.name == "func.func"]
    return found + [argument.name for function in functions for argument in function.body.arguments if argument.location is UNKNOWN]


@pytest.mark.parametrize("goal", ["speed", "ram", "size"])
def test_no_location_is_unknown(goal: str) -> None:
    for model in sorted(EXAMPLES.glob("*.onnx")):
        compilation = begin(str(model), "cortex-m4", goal=goal)
        for level in ("graph", "loop", "buffer"):
            module = compilation.lower(level)
            assert (level, without_location(module)) == (level, [])
