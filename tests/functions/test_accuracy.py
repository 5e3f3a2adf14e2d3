"""Every scalar function is as accurate, and as cheap, as the comment above it says.

The stated errors were found over all 2^32 inputs; TINYIR_SOAK=1 looks at all of them again, which takes minutes for each function.
"""

import os
import re

import numpy as np
import pytest

from tests.functions.evaluate import FUNCTIONS, Function, function
from tests.functions.operation_count import operations
from tests.functions.truth import TRUTHS, Floats, errors_ulp, inputs, truth

MOST_ULP = 2.0
ERROR = re.compile(r"Greatest error: ([\d.]+) ulp at (0x[0-9a-f]{8})(?: (0x[0-9a-f]{8}))?, over ")
ROUNDING_ULP = 0.0006  # the comments state three decimals


def stated_error(stated: Function) -> tuple[float, list[Floats]]:
    """The greatest error in ulp that the comment states, and the arguments where it is reached."""
    found = ERROR.search(stated.comment)
    assert found, f"the comment of {stated.name} states no greatest error"
    return float(found[1]), [np.array([int(bits, 16)], np.uint32).view(np.float32) for bits in found.groups()[1:] if bits]


def test_every_function_is_judged() -> None:
    assert {path.stem for path in FUNCTIONS.glob("*.op")} == set(TRUTHS)


@pytest.mark.parametrize("name", TRUTHS)
def test_no_error_exceeds_the_stated_one(name: str) -> None:
    stated, _ = stated_error(function(name))
    assert stated <= MOST_ULP
    arguments = inputs(name)
    errors = errors_ulp(function(name)(*arguments), truth(name, *arguments))
    worst = np.argmax(errors)
    assert errors[worst] <= stated + ROUNDING_ULP, f"{name}{tuple(a[worst] for a in arguments)} is off by {errors[worst]} ulp"


@pytest.mark.parametrize("name", TRUTHS)
def test_the_stated_error_is_reached_where_the_comment_says(name: str) -> None:
    stated, where = stated_error(function(name))
    assert errors_ulp(function(name)(*where), truth(name, *where))[0] == pytest.approx(stated, abs=ROUNDING_ULP)


@pytest.mark.parametrize("name", TRUTHS)
def test_the_stated_operations_are_those_of_the_text(name: str) -> None:
    stated = re.search(r"Operations: (.*?)(?: \(.*\))?\.$", function(name).comment, re.MULTILINE)
    assert stated
    counts = {kind.rstrip("s"): int(number) for number, kind in (part.split(" ", 1) for part in stated[1].split(", "))}
    assert counts == {kind: number for kind, number in operations(function(name)).items() if number}


@pytest.mark.parametrize("name", ["erf", "tanh"])
def test_odd_functions_keep_the_sign_of_zero(name: str) -> None:
    zeros = function(name)(np.array([0.0, -0.0], np.float32))
    assert zeros.tolist() == [0.0, 0.0]
    assert np.signbit(zeros).tolist() == [False, True]


def test_exp_underflows_gradually() -> None:
    x = np.linspace(-103.5, -87.5, 4097, dtype=np.float32)
    y = function("exp")(x)
    assert np.all(y > 0)
    assert np.all(y < np.finfo(np.float32).smallest_normal)
    assert np.all(np.diff(y) >= 0)


def test_the_square_root_is_correctly_rounded() -> None:
    (x,) = inputs("sqrt")
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(function("sqrt")(x), np.sqrt(x))


if os.environ.get("TINYIR_SOAK") == "1":

    @pytest.mark.parametrize("name", [name for name, judged in TRUTHS.items() if judged.arguments == 1])
    def test_no_input_at_all_has_a_greater_error(name: str) -> None:
        stated, _ = stated_error(function(name))
        for start in range(0, 2**32, 2**18):
            x = np.arange(start, start + 2**18, dtype=np.int64).astype(np.uint32).view(np.float32)
            errors = errors_ulp(function(name)(x), truth(name, x))
            assert errors.max() <= stated + ROUNDING_ULP, f"{name}({x[np.argmax(errors)]!r})"
