"""Operators that move elements, and the integer arithmetic on shapes that is done at import."""

from __future__ import annotations

import math

import numpy as np

from tinyir.frontend.thin_importer import ELEMENT_TYPES, Importer, shape_of
from tinyir.frontend.thin_node import Node, handles
from tinyir.ir.operation import Value


def reshaped(importer: Importer, node: Node, shape: tuple[int, ...]) -> None:
    """Defines the node's result as its first input under another shape."""
    known = importer.known(node.inputs[0])
    if known is not None and known.size == math.prod(shape):
        importer.define_constant(node, known.reshape(shape))
        return
    importer.define(node, importer.create("reshape", [importer.value(node.inputs[0])], shape=shape))


def input_shape(importer: Importer, node: Node, index: int = 0) -> tuple[int, ...]:
    known = importer.known(node.inputs[index])
    return tuple(known.shape) if known is not None else shape_of(importer.value(node.inputs[index]))


def normalized(node: Node, axis: int, rank: int) -> int:
    """An axis that may count from the end.

    Raises:
        NodeError: it lies outside.
    """
    if not -rank <= axis < rank:
        raise node.error(f"axis {axis} lies outside of rank {rank}")
    return axis % rank


def axes_of(importer: Importer, node: Node, index: int, rank: int) -> tuple[int, ...] | None:
    """The axes given by an attribute (older models) or an input; None if absent."""
    axes = node.integers("axes")
    if axes is None and node.has_input(index):
        axes = tuple(int(a) for a in importer.require_known(node, index, "its list of axes").reshape(-1))
    return None if axes is None else tuple(sorted(normalized(node, a, rank) for a in axes))


@handles("Reshape")
def reshape(importer: Importer, node: Node) -> None:
    source = input_shape(importer, node)
    wanted = node.integers("shape") if not node.has_input(1) else None
    if wanted is None:
        wanted = tuple(int(n) for n in importer.require_known(node, 1, "its shape").reshape(-1))
    shape = [source[i] if n == 0 and i < len(source) and not node.integer("allowzero", 0) else n for i, n in enumerate(wanted)]
    if shape.count(-1) > 1 or any(n < -1 or n == 0 for n in shape):
        raise node.error(f"it cannot have the shape {list(wanted)}")
    count = math.prod(source)
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        shape[shape.index(-1)] = count // rest
    if math.prod(shape) != count:
        raise node.error(f"{count} elements of shape {list(source)} cannot have the shape {list(wanted)}")
    reshaped(importer, node, tuple(shape))


@handles("Flatten")
def flatten(importer: Importer, node: Node) -> None:
    shape = input_shape(importer, node)
    axis = node.integer("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    if not 0 <= axis <= len(shape):
        raise node.error(f"axis {axis} lies outside of rank {len(shape)}")
    reshaped(importer, node, (math.prod(shape[:axis]), math.prod(shape[axis:])))


@handles("Squeeze")
def squeeze(importer: Importer, node: Node) -> None:
    shape = input_shape(importer, node)
    axes = axes_of(importer, node, 1, len(shape))
    if axes is None:
        axes = tuple(i for i, n in enumerate(shape) if n == 1)
    if any(shape[a] != 1 for a in axes):
        raise node.error(f"cannot drop axes {list(axes)} of shape {list(shape)}")
    reshaped(importer, node, tuple(n for i, n in enumerate(shape) if i not in axes))


@handles("Unsqueeze")
def unsqueeze(importer: Importer, node: Node) -> None:
    shape = list(input_shape(importer, node))
    axes = node.integers("axes")
    if axes is None:
        axes = tuple(int(a) for a in importer.require_known(node, 1, "its list of axes").reshape(-1))
    rank = len(shape) + len(axes)
    for axis in sorted(normalized(node, a, rank) for a in axes):
        shape.insert(axis, 1)
    reshaped(importer, node, tuple(shape))


@handles("Transpose")
def transpose(importer: Importer, node: Node) -> None:
    rank = len(input_shape(importer, node))
    permutation = node.integers("perm", tuple(reversed(range(rank))))
    assert permutation is not None
    if sorted(permutation) != list(range(rank)):
        raise node.error(f"attribute 'perm' is {list(permutation)}, not a permutation of {rank} axes")
    known = importer.known(node.inputs[0])
    if known is not None:
        importer.define_constant(node, known.transpose(permutation))
        return
    importer.define(node, importer.create("transpose", [importer.value(node.inputs[0])], permutation=permutation))


@handles("Concat")
def concat(importer: Importer, node: Node) -> None:
    axis = normalized(node, node.integer("axis", 0), len(input_shape(importer, node)))
    known = [importer.known(name) for name in node.inputs]
    arrays = [k for k in known if k is not None]
    if len(arrays) == len(known):
        importer.define_constant(node, np.concatenate(arrays, axis))
        return
    importer.define(node, importer.create("concat", [importer.value(name) for name in node.inputs], axis=axis))


@handles("Pad")
def pad(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    rank = len(shape_of(x))
    if node.text("mode", "constant") != "constant":
        raise node.error(f"mode '{node.text('mode', '')}' is not supported", hint="use constant padding")
    pads = node.integers("pads")
    if pads is None:
        pads = tuple(int(p) for p in importer.require_known(node, 1, "its list of pads").reshape(-1))
    if len(pads) != 2 * rank or any(p < 0 or p > 1 << 20 for p in pads):
        raise node.error(f"its pads are {list(pads)}; {2 * rank} numbers of at least 0 are supported")
    value = node.number("value", 0.0)
    if node.has_input(2):
        value = float(importer.require_known(node, 2, "its value").reshape(-1)[0])
    importer.define(node, importer.create("pad", [x], low=pads[:rank], high=pads[rank:], value=value))


@handles("Slice")
def slice_(importer: Importer, node: Node) -> None:
    shape = input_shape(importer, node)
    starts, ends, axes, steps = _slice_lists(importer, node, len(shape))
    start, size, step = [0] * len(shape), list(shape), [1] * len(shape)
    for s, e, a, t in zip(starts, ends, axes, steps, strict=True):
        axis = normalized(node, a, len(shape))
        if t < 1:
            raise node.error(f"step {t} is not supported", hint="only steps of at least 1")
        extent = shape[axis]
        first, last = (min(max(v + extent if v < 0 else v, 0), extent) for v in (s, e))
        start[axis], size[axis], step[axis] = first, max(-(-(last - first) // t), 0), t
    known = importer.known(node.inputs[0])
    if known is not None:
        cut = tuple(slice(s, s + n * t, t) for s, n, t in zip(start, size, step, strict=True))
        importer.define_constant(node, known[cut])
        return
    if 0 in size:
        raise node.error(f"nothing is left of shape {list(shape)}")
    importer.define(node, importer.create("slice", [importer.value(node.inputs[0])], start=start, size=size, step=step))


def _slice_lists(importer: Importer, node: Node, rank: int) -> tuple[tuple[int, ...], ...]:
    def given(index: int, name: str) -> tuple[int, ...] | None:
        if node.has_input(index):
            return tuple(int(v) for v in importer.require_known(node, index, f"its list of {name}").reshape(-1))
        return node.integers(name)

    starts, ends = given(1, "starts"), given(2, "ends")
    if starts is None or ends is None:
        raise node.error("its starts and ends are missing")
    axes = given(3, "axes") or tuple(range(len(starts)))
    steps = given(4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error("its lists differ in length")
    return starts, ends, axes, steps


@handles("Split")
def split(importer: Importer, node: Node) -> None:
    x = importer.value(node.inputs[0])
    shape = shape_of(x)
    axis = normalized(node, node.integer("axis", 0), len(shape))
    sizes = node.integers("split")
    if sizes is None and node.has_input(1):
        sizes = tuple(int(n) for n in importer.require_known(node, 1, "its sizes").reshape(-1))
    if sizes is None:
        each = -(-shape[axis] // len(node.outputs))
        sizes = tuple(min(each, shape[axis] - i * each) for i in range(len(node.outputs)))
    if sum(sizes) != shape[axis] or min(sizes) < 1 or len(sizes) != len(node.outputs):
        raise node.error(f"it cannot split an extent of {shape[axis]} into {list(sizes)}")
    parts: list[Value] = []
    for i, size in enumerate(sizes):
        start = [sum(sizes[:i]) if a == axis else 0 for a in range(len(shape))]
        parts.append(importer.create("slice", [x], start=start, size=[size if a == axis else n for a, n in enumerate(shape)], step=[1] * len(shape)))
    importer.define(node, *parts)


@handles("Expand")
def expand(importer: Importer, node: Node) -> None:
    shape = input_shape(importer, node)
    wanted = tuple(int(n) for n in importer.require_known(node, 1, "its shape").reshape(-1))
    if any(n < 1 for n in wanted) or math.prod(wanted) > 1 << 28:
        raise node.error(f"it cannot have the shape {list(wanted)}")
    target = np.broadcast_shapes(shape, wanted)
    importer.define(node, importer.create("broadcast", [importer.value(node.inputs[0])], shape=target))


@handles("Constant")
def constant(importer: Importer, node: Node) -> None:
    for name, convert in (("value", None), ("value_float", np.float32), ("value_int", np.int64), ("value_floats", np.float32), ("value_ints", np.int64)):
        if node.attributes.get(name) is not None:
            value = node.attributes[name]
            importer.define_constant(node, np.asarray(value if convert is None else np.array(value, convert)))
            return
    raise node.error("it has no value that is supported")


@handles("Shape")
def shape(importer: Importer, node: Node) -> None:
    importer.define_constant(node, np.array(input_shape(importer, node), np.int64))


@handles("ConstantOfShape")
def constant_of_shape(importer: Importer, node: Node) -> None:
    wanted = tuple(int(n) for n in importer.require_known(node, 0, "its shape").reshape(-1))
    if any(n < 0 for n in wanted) or math.prod(wanted) > 1 << 28:
        raise node.error(f"it cannot have the shape {list(wanted)}")
    value = node.attributes.get("value")
    importer.define_constant(node, np.full(wanted, np.float32(0) if value is None else np.asarray(value).reshape(-1)[0]))


@handles("Gather")
def gather(importer: Importer, node: Node) -> None:
    shape = input_shape(importer, node)
    axis = normalized(node, node.integer("axis", 0), len(shape))
    indices = importer.require_known(node, 1, "its indices").astype(np.int64)
    if np.any((indices < -shape[axis]) | (indices >= shape[axis])):
        raise node.error(f"its indices lie outside of extent {shape[axis]}")
    known = importer.known(node.inputs[0])
    if known is not None:
        importer.define_constant(node, np.take(known, indices, axis))
        return
    if indices.size != 1:
        raise node.error("only one constant index is supported")
    first = int(indices.reshape(-1)[0]) % shape[axis]
    start = [first if a == axis else 0 for a in range(len(shape))]
    size = [1 if a == axis else n for a, n in enumerate(shape)]
    part = importer.create("slice", [importer.value(node.inputs[0])], start=start, size=size, step=[1] * len(shape))
    importer.define(node, importer.create("reshape", [part], shape=(*shape[:axis], *indices.shape, *shape[axis + 1 :])))


@handles("Cast")
def cast(importer: Importer, node: Node) -> None:
    known = importer.known(node.inputs[0])
    target = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool"}.get(node.integer("to", 1))
    if target is None:
        raise node.error(f"it casts to type {node.integer('to', 1)}, which is not supported")
    if known is not None:
        importer.define_constant(node, known.astype(target))
        return
    value = importer.value(node.inputs[0])
    if value.type is not None and str(ELEMENT_TYPES[target]) in str(value.type):
        importer.values[node.outputs[0]] = value
        return
    raise node.error("casts between types are not supported at run time")
