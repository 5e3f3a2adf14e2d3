"""Random networks of the kinds that people train for small machines, of awkward sizes and with awkward quantizations.

`models.py` puts single steps in any order, on few channels; here are whole blocks (separable, residual, inverted, inception,
squeeze and excite, one-dimensional, encoders and decoders) with up to dozens of channels, so that the schedules of the inner
loops meet every remainder of their block sizes.
"""

from collections.abc import Callable, Sequence
from math import prod
from random import Random

from tests.oracle.builder import Builder, Features, Tensor
from tests.oracle.models import Case, judged
from tests.oracle.steps import flatten, softmax

CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 32, 33, 40)
_GREATEST_LAYER = 60_000  # multiply-accumulates: every model is compiled, run and judged in about a second


def network_case(seed: int) -> Case:
    """A QDQ model of int8 or uint8 and what the exact oracle says of it; each kind of network comes every `len(NETWORKS)` seeds."""
    random, network = Random(f"network {seed}"), NETWORKS[seed % len(NETWORKS)]
    per_channel = random.random() < 0.6
    features = Features(
        quantized=True,
        opset=random.choice(range(13, 22)),
        unsigned=random.random() < 0.25,
        per_channel=per_channel,
        asymmetric_weights=not per_channel and random.random() < 0.3,
        symbolic_batch=network is not batch and random.random() < 0.2,
        constants_are_nodes=random.random() < 0.1,
        initializers_are_inputs=False,
        weights_of_whole_range=random.random() < 0.5,
        awkward_scales=random.random() < 0.3,
    )
    builder = Builder(random, features)
    for result in network(builder):
        builder.graph_output(result, integer=random.random() < 0.8)
    return judged(seed, builder, f"network_{seed}", samples=3)


def _channels(builder: Builder) -> int:
    return builder.random.choice(CHANNELS)


def _image(builder: Builder, channels: int | None = None, most: int = 12) -> Tensor:
    """An input [1, c, h, w]; now and then of a single row, column or pixel."""
    random = builder.random
    height, width = (random.choice([1, 2, 3, random.randint(3, most), random.randint(3, most), random.randint(3, most)]) for _ in "hw")
    return builder.graph_input([1, channels or random.choice([1, 3, _channels(builder)]), height, width], integer=random.random() < 0.8)


def _kernel(builder: Builder, data: Tensor) -> tuple[int, ...]:
    rank = len(data.shape) - 2
    if rank == 1:
        return (builder.random.choice([1, 3, 5, 8, 11]),)
    return builder.random.choice([(3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2), (1, 7), (4, 10)])


def _conv(
    builder: Builder,
    data: Tensor,
    outputs: int,
    kernel: Sequence[int] | None = None,
    *,
    stride: int | None = None,
    groups: int = 1,
    activation: str | None = None,
) -> Tensor:
    """Conv with paddings that leave a window in any case; its outputs are as many as the budget of a layer allows."""
    random = builder.random
    _, channels, *space = data.shape
    kernel = tuple(kernel or _kernel(builder, data))
    strides = [stride or random.choice([1, 1, 1, 2, 3]) for _ in kernel]
    dilations = [random.choice([1, 1, 1, 1, 2]) if k > 1 and stride is None else 1 for k in kernel]
    pads = [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for k, d in zip(kernel, dilations, strict=True)]
    if stride is None and random.random() < 0.5:
        pads = [(random.randint(0, d * (k - 1)), random.randint(0, d * (k - 1))) for k, d in zip(kernel, dilations, strict=True)]
    pads = [
        (first, max(last, d * (k - 1) + 1 - size - first)) for (first, last), k, d, size in zip(pads, kernel, dilations, space, strict=True)
    ]
    found = [(n + sum(p) - d * (k - 1) - 1) // s + 1 for n, p, k, d, s in zip(space, pads, kernel, dilations, strides, strict=True)]
    terms = channels // groups * prod(kernel)
    if groups == 1:
        outputs = max(1, min(outputs, _GREATEST_LAYER // (terms * prod(found))))
    weight, scales, weight_rms = builder.weight([outputs, channels // groups, *kernel], 0, terms)
    rms = max(1e-6, data.rms * weight_rms * terms**0.5)
    bias = [] if random.random() < 0.2 else [builder.bias(outputs, data, scales, rms)]
    flat_pads = [first for first, _ in pads] + [last for _, last in pads]
    attributes = {"strides": strides, "dilations": dilations, "pads": flat_pads, "group": groups, "kernel_shape": list(kernel)}
    result = builder.node("Conv", [builder.dequantized(data), weight, *bias], **attributes)
    return _activated(builder, result, (1, outputs, *found), rms, activation)


def _activated(builder: Builder, name: str, shape: Sequence[int], rms: float, activation: str | None = None) -> Tensor:
    """The values `name` behind an activation, quantized."""
    random, reach = builder.random, rms * builder.random.uniform(2, 4)
    activation = activation or random.choice(["none", "relu", "relu", "relu6", "hard_swish", "swish", "tanh", "sigmoid"])
    if activation == "relu":
        return builder.quantized(builder.node("Relu", [name]), shape, 0, reach, rms * 0.7)
    if activation == "relu6":
        result = builder.node("Clip", [name, builder.float32(0), builder.float32(6)])
        return builder.quantized(result, shape, 0, min(6.0, reach), min(rms * 0.7, 3))
    plain = builder.quantized(name, shape, -reach, reach, rms)
    if activation in ("tanh", "sigmoid"):
        result = builder.node(activation.title(), [builder.dequantized(plain)])
        return builder.quantized(result, shape, -1 if activation == "tanh" else 0, 1, 0.6)
    if activation in ("swish", "hard_swish"):
        return _gated(builder, plain, activation)
    return plain


def _gated(builder: Builder, data: Tensor, activation: str) -> Tensor:
    """x * sigmoid(x), or x * clip(x + 3, 0, 6) / 6 as converters spell it."""
    gate = _gate(builder, data) if activation == "hard_swish" else _sigmoid(builder, data)
    result = builder.node("Mul", [builder.dequantized(data), builder.dequantized(gate)])
    return builder.quantized(result, data.shape, -0.4, 3 * data.rms, max(data.rms * 0.6, 1e-6))


def _sigmoid(builder: Builder, data: Tensor) -> Tensor:
    return builder.quantized(builder.node("Sigmoid", [builder.dequantized(data)]), data.shape, 0, 1, 0.5)


def _gate(builder: Builder, data: Tensor) -> Tensor:
    moved = builder.node("Add", [builder.dequantized(data), builder.float32(3)])
    clipped = builder.node("Clip", [moved, builder.float32(0), builder.float32(6)])
    return builder.quantized(builder.node("Mul", [clipped, builder.float32(1 / 6)]), data.shape, 0, 1, 0.5)


def _sum(builder: Builder, first: Tensor, second: Tensor) -> Tensor:
    rms = (first.rms**2 + second.rms**2) ** 0.5
    result = builder.node("Add", [builder.dequantized(first), builder.dequantized(second)])
    return _activated(builder, result, first.shape, rms, builder.random.choice(["none", "relu"]))


def _pool(builder: Builder, data: Tensor, operator: str = "", *, same: bool = False) -> Tensor:
    """MaxPool or AveragePool, padded; `same` keeps the size."""
    random = builder.random
    operator = operator or random.choice(["MaxPool", "AveragePool"])
    kernel = [3 if same else min(n, random.choice([2, 2, 3])) for n in data.shape[2:]]
    stride = 1 if same else random.choice([1, 2, 2, 3])
    pads = [1 if same else random.randint(0, (k - 1) // 2) for k in (*kernel, *kernel)]
    rank = len(kernel)
    space = [(n + pads[i] + pads[i + rank] - kernel[i]) // stride + 1 for i, n in enumerate(data.shape[2:])]
    result = builder.node(operator, [builder.dequantized(data)], kernel_shape=kernel, strides=[stride] * rank, pads=pads)
    kept = data.quantization if random.random() < 0.6 else None
    return builder.quantized(result, (*data.shape[:2], *space), -2.5 * data.rms, 2.5 * data.rms, data.rms, kept)


def _global_pool(builder: Builder, data: Tensor) -> Tensor:
    axes = list(range(2, len(data.shape)))
    if builder.random.random() < 0.5:
        result = builder.node("GlobalAveragePool", [builder.dequantized(data)])
    elif builder.features.opset >= 18:
        result = builder.node("ReduceMean", [builder.dequantized(data), builder.int64(axes)], keepdims=1)
    else:
        result = builder.node("ReduceMean", [builder.dequantized(data)], axes=axes, keepdims=1)
    kept = data.quantization if builder.random.random() < 0.6 else None
    return builder.quantized(result, (*data.shape[:2], *(1 for _ in axes)), -data.rms, data.rms, max(1e-6, data.rms * 0.5), kept)


def _dense(builder: Builder, data: Tensor, outputs: int, activation: str | None = None) -> Tensor:
    """Gemm with either order of the weights, or MatMul with an Add or without."""
    random, terms = builder.random, data.shape[-1]
    by_rows = random.random() < 0.5
    spelled = random.choice(["Gemm", "Gemm", "MatMul"])
    transposed = by_rows and spelled == "Gemm"
    weight, scales, weight_rms = builder.weight([outputs, terms] if transposed else [terms, outputs], 0 if transposed else 1, terms)
    rms = max(1e-6, data.rms * weight_rms * terms**0.5)
    bias = [] if random.random() < 0.2 else [builder.bias(outputs, data, scales, rms)]
    operands = [builder.dequantized(data), weight]
    if spelled == "Gemm":
        result = builder.node("Gemm", [*operands, *bias], transB=int(transposed))
    else:
        result = builder.node("MatMul", operands)
        result = builder.node("Add", [result, *bias]) if bias else result
    return _activated(builder, result, (*data.shape[:-1], outputs), rms, activation)


def _head(builder: Builder, data: Tensor) -> Tensor:
    """Classes out of an image or a signal: pooled or not, flat, dense, perhaps a softmax; or all as it is, where every byte of it shows."""
    random = builder.random
    if random.random() < 0.4:
        return data
    if random.random() < 0.6 or prod(data.shape) > 500:
        data = _global_pool(builder, data)
    data = _dense(builder, flatten(builder, data), random.choice([2, 3, 10, 12]), random.choice(["none", "sigmoid", "none"]))
    return softmax(builder, data) if random.random() < 0.4 else data


# Kinds of networks: each gives the tensors that leave it.


def separable(builder: Builder) -> Sequence[Tensor]:
    """A convolution, then depthwise (now and then with two outputs for each channel) and pointwise ones in turn."""
    random = builder.random
    data = _conv(builder, _image(builder), _channels(builder))
    for _ in range(random.randint(1, 3)):
        channels = data.shape[1]
        data = _conv(builder, data, channels * random.choice([1, 1, 1, 2]), groups=channels)
        data = _conv(builder, data, _channels(builder), [1] * (len(data.shape) - 2), stride=1)
    return [_head(builder, data)]


def inverted(builder: Builder) -> Sequence[Tensor]:
    """Expanded, depthwise, projected, with a residual where the shapes agree."""
    random = builder.random
    data = _conv(builder, _image(builder), random.choice([4, 8, 5, 9]), (3, 3), activation="relu6")
    for _ in range(random.randint(1, 3)):
        skip, clipped = data, random.choice(["relu6", "relu", "hard_swish"])
        outputs = random.choice([data.shape[1], data.shape[1], _channels(builder)])
        data = _conv(builder, data, data.shape[1] * random.choice([2, 3, 6]), (1, 1), stride=1, activation=clipped)
        data = _conv(builder, data, data.shape[1], random.choice([(3, 3), (5, 5)]), stride=random.choice([1, 1, 2]), groups=data.shape[1], activation=clipped)
        data = _conv(builder, data, outputs, (1, 1), stride=1, activation="none")
        if data.shape == skip.shape:
            data = _sum(builder, skip, data)
    return [_head(builder, data)]


def residual(builder: Builder) -> Sequence[Tensor]:
    """Two convolutions and a shortcut, a convolution of its own where the shape changes."""
    random = builder.random
    data = _conv(builder, _image(builder), random.choice([3, 8, 9, 16]), (3, 3), stride=1)
    for _ in range(random.randint(1, 2)):
        skip, stride, outputs = data, random.choice([1, 1, 2]), random.choice([data.shape[1], _channels(builder)])
        data = _conv(builder, data, outputs, (3, 3), stride=stride, activation="relu")
        data = _conv(builder, data, data.shape[1], (3, 3), stride=1, activation="none")
        if skip.shape != data.shape:
            skip = _conv(builder, skip, data.shape[1], (1, 1), stride=stride, activation="none")
        if skip.shape == data.shape:
            data = _sum(builder, data, skip)
    return [_head(builder, data)]


def inception(builder: Builder) -> Sequence[Tensor]:
    """Branches of several reaches, joined along the channels."""
    random = builder.random
    data = _image(builder)
    for _ in range(random.randint(1, 2)):
        branches = [
            _conv(builder, data, _channels(builder), (1, 1), stride=1),
            _conv(builder, _conv(builder, data, _channels(builder), (1, 1), stride=1), _channels(builder), (3, 3), stride=1),
            _conv(builder, _conv(builder, data, _channels(builder), (1, 5), stride=1), _channels(builder), (5, 1), stride=1),
            _conv(builder, _pool(builder, data, same=True), _channels(builder), (1, 1), stride=1),
        ]
        branches = random.sample(branches, random.randint(2, 4))
        joined = builder.node("Concat", [builder.dequantized(branch) for branch in branches], axis=1)
        shape = (1, sum(branch.shape[1] for branch in branches), *data.shape[2:])
        reach = 2.5 * max(branch.rms for branch in branches)
        data = builder.quantized(joined, shape, -reach, reach, reach / 2.5)
    return [_head(builder, data)]


def excited(builder: Builder) -> Sequence[Tensor]:
    """Channels weighed by what a small network makes of their means (squeeze and excite)."""
    data = _conv(builder, _image(builder), _channels(builder))
    channels = data.shape[1]
    weights = _conv(builder, _global_pool(builder, data), max(1, channels // 4), (1, 1), stride=1, activation="relu")
    weights = _conv(builder, weights, channels, (1, 1), stride=1, activation="none")
    weights = _sigmoid(builder, weights) if builder.random.random() < 0.5 else _gate(builder, weights)
    product = builder.node("Mul", [builder.dequantized(data), builder.dequantized(weights)])
    data = builder.quantized(product, data.shape, -2 * data.rms, 2 * data.rms, max(1e-6, data.rms * 0.5))
    return [_head(builder, data)]


def classic(builder: Builder) -> Sequence[Tensor]:
    """Convolutions and pools in turn, then dense layers; grouped convolutions too."""
    random = builder.random
    data = _image(builder, random.choice([1, 2, 3, 4, 6]), 16)
    for _ in range(random.randint(1, 3)):
        groups = random.choice([g for g in (1, 1, 2, 3, 4) if data.shape[1] % g == 0])
        data = _conv(builder, data, groups * random.choice([1, 2, 3, 5, 8]), groups=groups)
        data = _pool(builder, data)
    return [_head(builder, data)]


def signal(builder: Builder) -> Sequence[Tensor]:
    """A one-dimensional network."""
    random = builder.random
    data = builder.graph_input([1, random.choice([1, 1, 2, 3, 6]), random.choice([5, 33, 100, 250])], integer=random.random() < 0.8)
    for _ in range(random.randint(1, 3)):
        grouped = random.random() < 0.3
        data = _conv(builder, data, data.shape[1] if grouped else _channels(builder), groups=data.shape[1] if grouped else 1)
        data = _pool(builder, data) if random.random() < 0.5 else data
    return [_head(builder, data)]


def perceptron(builder: Builder) -> Sequence[Tensor]:
    """Dense layers of any width; a narrow one in the middle is an autoencoder."""
    random = builder.random
    data = builder.graph_input([1, random.choice([1, 2, 3, 7, 19, 40, 64, 130])], integer=random.random() < 0.8)
    outputs = [random.choice([1, 2, 3, 5, 8, 17, 33, 64]) for _ in range(random.randint(1, 4))]
    for width in outputs:
        data = _dense(builder, data, width)
    return [softmax(builder, data)] if random.random() < 0.3 and data.shape[-1] > 1 else [data]


def batch(builder: Builder) -> Sequence[Tensor]:
    """Dense layers on several rows at once: products of two matrices."""
    random = builder.random
    data = builder.graph_input([random.choice([2, 3, 4, 8]), random.choice([3, 8, 17, 32])], integer=random.random() < 0.8)
    for _ in range(random.randint(1, 3)):
        data = _dense(builder, data, random.choice([1, 2, 5, 8, 16, 33]))
    return [data]


def two_heads(builder: Builder) -> Sequence[Tensor]:
    """Two inputs that meet, two outputs from the same trunk."""
    random = builder.random
    first = _image(builder)
    trunk = _conv(builder, first, _channels(builder), (3, 3), stride=1)
    second = builder.graph_input(trunk.shape, integer=random.random() < 0.8)
    trunk = _sum(builder, trunk, second)
    return [_head(builder, _conv(builder, trunk, _channels(builder))), _conv(builder, trunk, _channels(builder), (1, 1), stride=1)]


NETWORKS: tuple[Callable[[Builder], Sequence[Tensor]], ...] = (
    separable,
    inverted,
    residual,
    inception,
    excited,
    classic,
    signal,
    perceptron,
    batch,
    two_heads,
)
