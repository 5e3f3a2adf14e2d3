"""What a sum of products over a window reads of the lines of its input, and its weights in the order in which lines have the terms.

A line of x is its elements along one axis, each with its channels: a window takes a run of neighbours of each of its lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from tinyir.dialects import loop
from tinyir.dialects.product_axes import InputAxis, clips_match, input_axis
from tinyir.dialects.product_nests import ProductNest, extent_of, weight_elements
from tinyir.ir.affine import AffineDimension
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import TensorType

BYTE_RANGE = range(-128, 128)


@attrs.frozen(eq=False)
class LineWindow:
    """What a sum reads of x: `channels` of each element of a window over two axes; `axes`: those of x for rows, columns, channels."""

    rows: InputAxis
    columns: InputAxis
    channels: int
    channel: Operation | None
    axes: tuple[int | None, int, int | None]

    @property
    def run(self) -> int:
        """The terms of a line of the window."""
        return self.columns.terms * self.channels

    @property
    def distance(self) -> int:
        """Of neighbours in a line of positions, in elements of a line of x."""
        return self.columns.stride * self.channels

    @classmethod
    def of(cls, nest: ProductNest) -> LineWindow | None:
        """None: x is read in another way, or what is padding is not what lies outside."""
        if len(nest.outputs) != 1 or nest.x.uses(nest.outputs):
            return None
        map, indices = loop.access_map(nest.x.read), loop.access_indices(nest.x.read)
        shape = _shape(nest.x.tensor)
        taken: list[int] = []
        channel: tuple[int, Operation] | None = None
        for number, expression in enumerate(map.results):
            value = indices[expression.position] if isinstance(expression, AffineDimension) else None
            fold = next((each for each in nest.folds if loop.induction_variable(each) is value), None)
            if fold is not None and channel is None:
                channel = number, fold
            elif expression.constant_value is None:
                taken.append(number)
        still = [extent for extent, expression in zip(shape, map.results, strict=True) if expression.constant_value is not None]
        if not 1 <= len(taken) <= 2 or any(extent != 1 for extent in still):
            return None
        found = [axis for number in taken if (axis := input_axis(nest, number)) is not None]
        if len(found) != len(taken) or any(axis.position is None or not clips_match(nest, axis) for axis in found) or found[-1].outside:
            return None
        rows = found[0] if len(found) == 2 else InputAxis(1, None, None, 1, 1, 0)
        columns = found[-1]
        folds = {each for each in (rows.term, columns.term, channel[1] if channel else None) if each is not None}
        positions = {axis.position for axis in found if not axis.outside}
        if folds != set(nest.folds) or positions != set(nest.positions) or columns.term is None or columns.dilation != 1:
            return None
        if channel is not None and (extent_of(channel[1]) != shape[channel[0]] or any(nest.clip_conditions()[nest.folds.index(channel[1])])):
            return None
        axes = taken[0] if len(found) == 2 else None, taken[-1], channel[0] if channel is not None else None
        return cls(rows, columns, extent_of(channel[1]) if channel is not None else 1, channel[1] if channel is not None else None, axes)

    def packed_weights(self, nest: ProductNest, sides: int, shifts: Sequence[int], length: int) -> list[int] | None:
        """The weights of outputs side by side: by groups of outputs, for each number of zeros before a run (`shifts`), by lines of the window.

        Each run is `length` terms with its zeros; for each term the weights of the outputs follow each other, zeros for those beyond
        the last.  None: they are not constant, or no bytes.
        """
        elements = weight_elements(nest)
        if elements is None or (elements < BYTE_RANGE.start).any() or (elements >= BYTE_RANGE.stop).any():
            return None
        axes = [1 + nest.folds.index(fold) for fold in (self.rows.term, self.columns.term, self.channel) if fold is not None]
        outputs = len(elements)
        lines = elements.transpose(0, *axes).reshape(outputs, self.rows.terms, self.run)
        groups = -(-outputs // sides)
        packed = np.zeros((groups, len(shifts), self.rows.terms, length, sides), np.int64)
        for number, shift in enumerate(shifts):
            placed = np.zeros((groups * sides, self.rows.terms, length), np.int64)
            placed[:outputs, :, shift : shift + self.run] = lines
            packed[:, number] = placed.reshape(groups, sides, self.rows.terms, length).transpose(0, 2, 3, 1)
        return [int(value) for value in packed.reshape(-1)]


def _shape(tensor: Value) -> tuple[int, ...]:
    assert isinstance(tensor.type, TensorType)
    return tuple(tensor.type.shape)
