"""The geometry that convolution and pooling share: paddings, output sizes, sliding windows."""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from tests.oracle.graph import Node
from tests.oracle.rational import Array


@attrs.frozen
class Windows:
    """Per spatial axis: kernel, stride, dilation, padding before and after, number of windows, overhang.

    The overhang is what ceil_mode adds: elements that the last window reaches beyond the padding.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    counts: tuple[int, ...]
    overhang: tuple[int, ...]


def read_windows(node: Node, spatial: Sequence[int], kernel: Sequence[int]) -> Windows:
    """The windows of a Conv, MaxPool or AveragePool node over an input of the given spatial shape."""
    rank = len(spatial)
    strides = tuple(node.attribute("strides", [1] * rank))
    dilations = tuple(node.attribute("dilations", [1] * rank))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = _padding(node, spatial, strides, reach)
    counts = []
    overhang = []
    for size, stride, extent, first, last in zip(spatial, strides, reach, before, after, strict=True):
        free = size + first + last - extent
        count = free // stride + 1
        if node.attribute("ceil_mode", 0):
            count = math.ceil(free / stride) + 1
            if (count - 1) * stride >= size + first:  # it would start in the padding at the end: there is no such window
                count -= 1
        counts.append(count)
        overhang.append(max(0, (count - 1) * stride + extent - (size + first + last)))
    return Windows(tuple(kernel), strides, dilations, before, after, tuple(counts), tuple(overhang))


def _padding(node: Node, spatial: Sequence[int], strides: Sequence[int], reach: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    mode = node.attribute("auto_pad", "NOTSET")
    rank = len(spatial)
    if mode == "NOTSET":
        pads = tuple(node.attribute("pads", [0] * (2 * rank)))
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return (0,) * rank, (0,) * rank
    totals = [max((-(-size // stride) - 1) * stride + extent - size, 0) for size, stride, extent in zip(spatial, strides, reach, strict=True)]
    smaller, greater = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    return (smaller, greater) if mode == "SAME_UPPER" else (greater, smaller)


def sliding(values: Array, windows: Windows, fill: int | float) -> Array:
    """[n, c, spatial...] -> [n, c, windows..., kernel...], with `fill` outside."""
    rank = len(windows.kernel)
    pads = [(0, 0), (0, 0)] + [(b, a + o) for b, a, o in zip(windows.before, windows.after, windows.overhang, strict=True)]
    padded = np.pad(values, pads, constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(windows.kernel, windows.dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + rank)))
    starts = [slice(None, (count - 1) * stride + 1, stride) for count, stride in zip(windows.counts, windows.strides, strict=True)]
    steps = [slice(None, None, d) for d in windows.dilations]
    return view[(slice(None), slice(None), *starts, *steps)]
