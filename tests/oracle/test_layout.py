"""Operators that move elements do to exact tensors what numpy does to the values."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.oracle.graph import Node
from tests.oracle.layout import LAYOUT, Value
from tests.oracle.rational import Array, Exact, exact

_OPSET = 17


def per_channel() -> Exact:
    """[2, 3, 4] with a unit for each index of the middle axis."""
    units = np.array([Fraction(1, 3), Fraction(2), Fraction(5, 7)], dtype=object).reshape(1, 3, 1)
    return exact(np.arange(24).reshape(2, 3, 4) - 7, units)


def values(tensor: Value) -> Array:
    assert isinstance(tensor, Exact)
    return np.asarray(tensor.numerator.astype(object) * tensor.unit)


def moved(operator: str, inputs: list[Any], **attributes: Any) -> Array:
    node = Node(operator, tuple("abcde"[: len(inputs)]), ("y",), attributes, _OPSET)
    return values(LAYOUT[operator](node, inputs))


def same(result: Array, expected: Array) -> bool:
    return result.shape == expected.shape and bool((result == expected).all())


@pytest.mark.parametrize(("target", "shape"), [([0, -1], (2, 12)), ([4, 0, 2], (4, 3, 2)), ([-1], (24,)), ([1, 24, 1], (1, 24, 1))])
def test_reshape_keeps_zeros_and_infers_one_size(target: list[int], shape: tuple[int, ...]) -> None:
    assert same(moved("Reshape", [per_channel(), np.array(target)]), values(per_channel()).reshape(shape))


def test_flatten_transpose_and_new_axes() -> None:
    data = values(per_channel())
    assert same(moved("Flatten", [per_channel()], axis=-1), data.reshape(6, 4))
    assert same(moved("Transpose", [per_channel()], perm=[2, 0, 1]), data.transpose(2, 0, 1))
    assert same(moved("Transpose", [per_channel()]), data.T)
    wider = LAYOUT["Unsqueeze"](Node("Unsqueeze", ("a", "b"), ("y",), {}, _OPSET), [per_channel(), np.array([0, -1])])
    assert same(values(wider), data[None, ..., None])
    assert same(moved("Squeeze", [wider, np.array([-1])]), data[None])
    assert same(moved("Squeeze", [wider]), data)


def test_concat_of_different_units_keeps_the_values() -> None:
    other = exact(np.ones((2, 1, 4), np.int64), Fraction(3, 11))
    expected = np.concatenate([values(per_channel()), values(other)], axis=1)
    assert same(moved("Concat", [per_channel(), other], axis=1), expected)
    assert same(moved("Concat", [per_channel(), per_channel()], axis=-1), np.concatenate([values(per_channel())] * 2, axis=2))


def test_slices_may_step_backwards() -> None:
    inputs = [per_channel(), np.array([2, 1]), np.array([-(2**62), 4]), np.array([1, 2]), np.array([-1, 2])]
    assert same(moved("Slice", inputs), values(per_channel())[:, ::-1, 1:4:2])


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_padding_knows_three_modes(mode: str) -> None:
    fill: dict[str, Any] = {"constant_values": Fraction(1, 2)} if mode == "constant" else {}
    pad: Any = np.pad
    expected = pad(values(per_channel()), [(0, 0), (1, 2), (0, 1)], mode=mode, **fill)
    inputs = [per_channel(), np.array([0, 1, 0, 0, 2, 1]), np.array(0.5, np.float32)]
    assert same(moved("Pad", inputs, mode=mode), expected)
