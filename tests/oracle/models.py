"""Random small models that nobody has seen, each with inputs and the outputs that they must give.

Quantized ones are judged by the oracle (every byte), float ones by onnxruntime without optimizations (a tolerance is the
caller's). The seed is the whole identity of a case: the same seed gives the same bytes.
"""

from random import Random

import attrs
import numpy as np
import onnx

from tests.oracle.builder import Builder, Features, Tensor
from tests.oracle.engine import Engine
from tests.oracle.exact import Oracle
from tests.oracle.rational import Array
from tests.oracle.steps import IMAGE_STEPS, MATRIX_STEPS, flatten, softmax

_SAMPLES = 4
_GREATEST_ACTIVATION = 4096  # elements


@attrs.frozen
class Case:
    """A model; per sample its inputs and expected outputs, by name. `seed` makes it again."""

    seed: int
    model: onnx.ModelProto
    inputs: tuple[dict[str, Array], ...]
    expected: tuple[dict[str, Array], ...]

    @property
    def operators(self) -> frozenset[str]:
        return frozenset(node.op_type for node in self.model.graph.node)


def quantized_case(seed: int) -> Case:
    """An int8 or uint8 QDQ model; expected is what the exact oracle says."""
    return _judged(seed, *_random_model(seed, quantized=True))


def judged(seed: int, builder: Builder, name: str, samples: int) -> Case:
    """The builder's quantized model with random inputs, and what the exact oracle says of them."""
    return _judged(seed, builder.model(name), tuple(_sample(builder, builder.random) for _ in range(samples)))


def _judged(seed: int, model: onnx.ModelProto, inputs: tuple[dict[str, Array], ...]) -> Case:
    oracle = Oracle(model)
    names = oracle.graph.outputs
    results = [oracle.run(sample).tensors for sample in inputs]
    return Case(seed, model, inputs, tuple({name: result[name] for name in names} for result in results))


def float_case(seed: int) -> Case:
    """A binary32 model; expected is what onnxruntime computes with its optimizations off."""
    model, inputs = _random_model(seed, quantized=False)
    engine = Engine(model, optimized=False)
    return Case(seed, model, inputs, tuple(engine.run(sample) for sample in inputs))


def _features(random: Random, quantized: bool) -> Features:
    opset = random.choice([10, 11, 12, *range(13, 22), *range(13, 22)])
    as_nodes = random.random() < 0.15
    return Features(
        quantized=quantized,
        opset=opset,
        unsigned=random.random() < 0.3,
        per_channel=random.random() < 0.6,
        asymmetric_weights=random.random() < 0.3,
        symbolic_batch=random.random() < 0.25,
        constants_are_nodes=as_nodes,
        initializers_are_inputs=not as_nodes and opset < 13 and random.random() < 0.5,
    )


def _random_model(seed: int, *, quantized: bool) -> tuple[onnx.ModelProto, tuple[dict[str, Array], ...]]:
    random = Random(f"{'quantized' if quantized else 'float'} {seed}")
    builder = Builder(random, _features(random, quantized))
    data = _body(builder)
    if data.shape[-1] > 1 and random.random() < 0.4:
        hidden, data = data, softmax(builder, data)
        if random.random() < 0.2:  # a model that publishes its logits too
            builder.graph_output(hidden, integer=random.random() < 0.6)
    builder.graph_output(data, integer=random.random() < 0.6)
    model = builder.model(f"random_{seed}")
    return model, tuple(_sample(builder, random) for _ in range(_SAMPLES))


def _body(builder: Builder) -> Tensor:
    """Some steps on an image [1, c, h, w], then some on a matrix [1, k]."""
    random = builder.random
    integer = random.random() < 0.6
    if random.random() < 0.25:
        return _steps(builder, builder.graph_input([1, random.randint(1, 40)], integer=integer), images=False)
    shape = [1, random.randint(1, 6), random.randint(3, 11), random.randint(3, 11)]
    data = _steps(builder, builder.graph_input(shape, integer=integer), images=True)
    if len(data.shape) == 4 and random.random() < 0.4:
        return data
    return _steps(builder, flatten(builder, data), images=False)


def _steps(builder: Builder, data: Tensor, *, images: bool) -> Tensor:
    for _ in range(builder.random.randint(1, 5)):
        step = builder.random.choice(IMAGE_STEPS if images else MATRIX_STEPS)
        following = step(builder, data)
        if following is not None and np.prod(following.shape) <= _GREATEST_ACTIVATION:
            data = following
        if images and len(data.shape) != 4:
            break
    return data


def _sample(builder: Builder, random: Random) -> dict[str, Array]:
    generator = np.random.default_rng(random.getrandbits(32))
    sample: dict[str, Array] = {}
    for name, (kind, shape) in builder.input_kinds.items():
        if kind == "float32":
            sample[name] = generator.normal(size=shape).astype(np.float32)
        else:
            limits = np.iinfo(kind)
            sample[name] = generator.integers(limits.min, limits.max, size=shape, endpoint=True).astype(kind)
    return sample
