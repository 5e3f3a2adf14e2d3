"""Windows that slide over an image: paddings, strides, dilations; and images with channels first as images with channels last."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from tinyir.frontend.onnx_model import GREATEST_INTEGER, ModelError
from tinyir.frontend.onnx_translator import Operand, Translator, shape_of
from tinyir.ir.operation import Value

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)
_MODES = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@attrs.frozen
class Window:
    """Of two spatial axes, rows and columns. `overhang`: how far ceil_mode lets the last window reach beyond the padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    overhang: tuple[int, int]

    @property
    def pad(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right, the overhang included."""
        return (*self.before, self.after[0] + self.overhang[0], self.after[1] + self.overhang[1])


@attrs.frozen
class _Axis:
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    overhang: int


_WHOLE = _Axis(1, 1, 1, 0, 0, 0)


def read_window(translator: Translator, spatial: Sequence[int], kernel: Sequence[int]) -> Window:
    """The windows of the node over an input with these spatial extents.

    Raises:
        ModelError: there are none, or they are not of one or two axes.
    """
    rank = len(spatial)
    if rank not in (1, 2):
        raise ModelError(f"has {rank} spatial axes; 1 and 2 are supported")
    if len(kernel) != rank:
        raise ModelError(f"has a kernel of {len(kernel)} axes for {rank} spatial axes")
    strides = read_numbers(translator, "strides", 1, rank, 1)
    dilations = read_numbers(translator, "dilations", 1, rank, 1)
    pads = read_numbers(translator, "pads", 0, 2 * rank, 0)
    mode = translator.attribute("auto_pad")
    if mode not in _MODES:
        raise ModelError(f"has auto_pad '{mode}', not one of {', '.join(_MODES)}")
    if mode != "NOTSET" and any(pads):
        raise ModelError(f"has both pads {list(pads)} and auto_pad '{mode}'")
    axes = []
    for place, size in enumerate(spatial):
        extent = (kernel[place] - 1) * dilations[place] + 1
        before, after = pads[place], pads[rank + place]
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            before, after = _same(size, strides[place], extent, upper=mode == "SAME_UPPER")
        overhang = _overhang(size, extent, strides[place], before, after) if translator.attribute("ceil_mode") else 0
        if extent > size + before + after + overhang:
            raise ModelError(f"has windows of {extent} elements on an axis of {size} + {before} + {after}")
        axes.append(_Axis(kernel[place], strides[place], dilations[place], before, after, overhang))
    return _window([_WHOLE, *axes] if rank == 1 else axes)


def _window(axes: Sequence[_Axis]) -> Window:
    rows, columns = axes
    return Window(
        (rows.kernel, columns.kernel),
        (rows.stride, columns.stride),
        (rows.dilation, columns.dilation),
        (rows.before, columns.before),
        (rows.after, columns.after),
        (rows.overhang, columns.overhang),
    )


def read_numbers(translator: Translator, name: str, otherwise: int, count: int, least: int) -> tuple[int, ...]:
    """The integers of an attribute, `otherwise` each if it is absent.

    Raises:
        ModelError: they are not `count`, or one is less than `least` or too great.
    """
    given = translator.attribute(name)
    values = tuple([otherwise] * count if given is None else given)
    if len(values) != count:
        raise ModelError(f"has {len(values)} {name}, where {count} are needed: {list(values)[:8]}")
    if any(not least <= value <= GREATEST_INTEGER for value in values):
        raise ModelError(f"has {name} {list(values)}, which do not lie between {least} and {GREATEST_INTEGER}")
    return values


def _same(size: int, stride: int, extent: int, *, upper: bool) -> tuple[int, int]:
    """Paddings that make ceil(size / stride) windows; an odd one more at the end (upper) or at the beginning."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    smaller, greater = total // 2, total - total // 2
    return (smaller, greater) if upper else (greater, smaller)


def _overhang(size: int, extent: int, stride: int, before: int, after: int) -> int:
    """What ceil_mode adds at the end; a window that would begin in the padding at the end does not count (as in onnxruntime and torch)."""
    free = size + before + after - extent
    count = -(-free // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return max(0, (count - 1) * stride + extent - (size + before + after))


def as_image(translator: Translator, value: Operand) -> Value:
    """[n, c, l] or [n, c, h, w] as [n, h, w, c]."""
    shape = shape_of(value)
    if len(shape) == 3:
        value = translator.reshaped(value, (shape[0], shape[1], 1, shape[2]))
    return translator.emit("graph.transpose", value, permutation=TO_LAST)


def from_image(translator: Translator, value: Value, spatial_rank: int) -> Operand:
    """[n, h, w, c] as [n, c, h, w], or as [n, c, w] where h is 1 by construction."""
    first = translator.emit("graph.transpose", value, permutation=TO_FIRST)
    shape = shape_of(first)
    return first if spatial_rank == 2 else translator.reshaped(first, (shape[0], shape[1], shape[3]))
