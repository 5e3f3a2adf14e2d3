"""Models that change the extents of an image: ConvTranspose, Resize, Upsample."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.frontend.small_models import IMAGE, ROW, SmallModel, node, real, whole


def transposed_convolutions() -> Iterator[tuple[str, SmallModel]]:
    weight, bias = {"w": real(4, 6, 3, 2)}, {"b": real(6)}
    yield "ConvTranspose", SmallModel([node("y = ConvTranspose(x, w, b)")], IMAGE, weight | bias)
    spellings: dict[str, dict[str, Any]] = {
        "strided": {"strides": [2, 3]},
        "cropped": {"strides": [2, 2], "pads": [1, 0, 2, 1]},
        "dilated": {"strides": [1, 2], "dilations": [2, 3], "pads": [1, 1, 1, 1]},
        "longer": {"strides": [3, 2], "output_padding": [2, 1], "pads": [1, 1, 0, 0]},
        "beyond its windows": {"strides": [4, 3], "output_padding": [3, 2]},
        "of a shape": {"strides": [2, 2], "output_shape": [14, 11]},
        "same": {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        "same at the other side": {"strides": [2, 3], "auto_pad": "SAME_LOWER"},
    }
    for name, attributes in spellings.items():
        yield f"ConvTranspose {name}", SmallModel([node("y = ConvTranspose(x, w)", **attributes)], IMAGE, weight)
    yield "ConvTranspose grouped", SmallModel([node("y = ConvTranspose(x, w)", group=2, strides=[2, 2])], IMAGE, {"w": real(4, 3, 2, 3)})
    yield "ConvTranspose depthwise", SmallModel([node("y = ConvTranspose(x, w)", group=4, strides=[2, 2])], IMAGE, {"w": real(4, 1, 4, 4)})
    yield "ConvTranspose of one axis", SmallModel([node("y = ConvTranspose(x, w)", strides=[2], pads=[1, 1])], ROW, {"w": real(4, 3, 4)})


def resized() -> Iterator[tuple[str, SmallModel]]:
    twice, uneven, less = np.array([1, 1, 2, 3], np.float32), np.array([1, 1, 1.7, 2.2], np.float32), np.array([1, 1, 0.6, 0.5], np.float32)
    coordinates = ("asymmetric", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners")
    for scale in (twice, uneven, less):
        for coordinate in coordinates:
            for mode in ("linear", "cubic") if coordinate == "half_pixel_symmetric" else ("nearest", "linear", "cubic"):
                nodes = [node("y = Resize(x, -, s)", mode=mode, coordinate_transformation_mode=coordinate)]
                yield f"Resize {mode} {coordinate} {scale}", SmallModel(nodes, IMAGE, {"s": scale}, opset=19)
        for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
            nodes = [node("y = Resize(x, -, s)", nearest_mode=rounding, coordinate_transformation_mode="half_pixel")]
            yield f"Resize {rounding} {scale}", SmallModel(nodes, IMAGE, {"s": scale}, opset=13)
    symmetric = node("y = Resize(x, -, s)", coordinate_transformation_mode="half_pixel_symmetric")  # without ties, which are decided by the last bit
    yield "Resize nearest half_pixel_symmetric", SmallModel([symmetric], IMAGE, {"s": np.array([1, 1, 1.3, 2.1], np.float32)}, opset=19)
    for mode in ("nearest", "linear"):
        yield f"Resize to sizes {mode}", SmallModel([node("y = Resize(x, -, -, n)", mode=mode)], IMAGE, {"n": whole(1, 4, 9, 3)})
    excluding = node("y = Resize(x, -, s)", mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
    yield "Resize without what is outside", SmallModel([excluding], IMAGE, {"s": uneven})
    yield "Resize of some axes", SmallModel([node("y = Resize(x, -, -, n)", axes=[3], mode="linear")], IMAGE, {"n": whole(11)}, opset=18)
    yield "Resize, old", SmallModel([node("y = Resize(x, s)")], IMAGE, {"s": twice}, opset=10)
    for mode in ("nearest", "linear"):
        yield f"Upsample {mode}", SmallModel([node("y = Upsample(x, s)", mode=mode)], IMAGE, {"s": twice}, opset=9)
    yield "Upsample, old", SmallModel([node("y = Upsample(x)", scales=[1.0, 1.0, 2.0, 2.0])], IMAGE, opset=8)
    quantize = [node("q = QuantizeLinear(x, u)"), node("a = Resize(q, -, s)"), node("y = DequantizeLinear(a, u)")]
    yield "Resize of integers", SmallModel(quantize, IMAGE, {"s": twice, "u": np.float32(0.01)})
