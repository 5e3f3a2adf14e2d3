"""The program around a model: its table of tensors in C, the rows that go in and come out (see harness/semihosting.c for the files)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy

from tinyir.backends.manifest import Manifest, Tensor
from tinyir.backends.target import Target
from tinyir.ir.errors import TinyirError, did_you_mean

Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]


def harness_table(manifest: Manifest) -> str:
    """The C text that names the model's functions and sizes for the harness."""
    argument = "&arena" if manifest.arena_type else ""
    functions = [
        f"static void *{kind}_{index}(void) {{ return (void *){tensor.function}({argument}); }}"
        for kind, tensors in (("input", manifest.inputs), ("output", manifest.outputs))
        for index, tensor in enumerate(tensors)
    ]
    run = f"{manifest.name}_run"
    if manifest.arena_type:
        functions.insert(0, f"static {manifest.arena_type} arena;")
        functions.append(f"static void run(void) {{ {run}(&arena); }}")
        run = "run"
    reset = f"{manifest.name}_reset" if manifest.has_reset else "0"
    return "\n".join(
        [
            '#include "harness.h"',
            f'#include "{manifest.name}.h"',
            *functions,
            _list("input", manifest.inputs),
            _list("output", manifest.outputs),
            f"void (*const harness_model_run)(void) = {run};",
            f"void (*const harness_model_reset)(void) = {reset};",
            "",
        ]
    )


def _list(kind: str, tensors: Sequence[Tensor]) -> str:
    rows = "".join(f"{{{kind}_{index}, {tensor.size_bytes}u}}, " for index, tensor in enumerate(tensors))
    return f"const struct harness_tensor harness_{kind}s[] = {{{rows}{{0, 0}}}};"


def pack_rows(manifest: Manifest, target: Target, inputs: Mapping[str, Array]) -> tuple[int, bytes]:
    """Number of rows, and the file that the harness reads.  A model without inputs runs one row.

    Raises TinyirError if names, rows, elements or values do not fit the manifest.
    """
    names = [tensor.name for tensor in manifest.inputs]
    for name in inputs:
        if name not in names:
            raise TinyirError(f"the model has no input '{name}': it has {', '.join(names)}", hint=did_you_mean(name, names))
    columns = [_column(tensor, inputs, target.c.byte_order) for tensor in manifest.inputs]
    counts = {len(column) for column in columns} or {1}
    if len(counts) != 1:
        stated = ", ".join(f"{name} has {len(column)}" for name, column in zip(names, columns, strict=True))
        raise TinyirError(f"the inputs differ in their number of rows: {stated}")
    rows = counts.pop()
    body = numpy.concatenate(columns, axis=1).tobytes() if columns else b""
    return rows, rows.to_bytes(4, target.c.byte_order) + body


def _column(tensor: Tensor, inputs: Mapping[str, Array], byte_order: str) -> Array:
    """The bytes of one input, [rows, bytes]."""
    if tensor.name not in inputs:
        raise TinyirError(f"input '{tensor.name}' is missing: {tensor.elements} elements of {tensor.dtype} in each row")
    array = numpy.asarray(inputs[tensor.name])
    if array.ndim == 0 or len(array) == 0 or array.size != len(array) * tensor.elements:
        raise TinyirError(
            f"input '{tensor.name}' has shape {list(array.shape)}: rows of {tensor.elements} elements {list(tensor.shape)} are needed",
            hint="the leading axis counts the rows; one row needs a leading axis of 1",
        )
    with numpy.errstate(all="ignore"):
        stored = array.astype(_stored_dtype(tensor, byte_order))
    if not numpy.array_equal(stored, array, equal_nan=array.dtype.kind == "f"):
        raise TinyirError(f"input '{tensor.name}' is {array.dtype} with values that {tensor.dtype} does not hold", hint="give the model's raw input type")
    return stored.reshape(len(array), tensor.elements).view(numpy.uint8).reshape(len(array), tensor.size_bytes)


def _stored_dtype(tensor: Tensor, byte_order: str) -> numpy.dtype[numpy.generic]:
    """The type of the elements as they lie in the target's memory."""
    return numpy.dtype(tensor.dtype).newbyteorder("<" if byte_order == "little" else ">")


def unpack_rows(manifest: Manifest, target: Target, rows: int, data: bytes) -> dict[str, Array]:
    """The outputs by name, each [rows, ...shape].

    Raises TinyirError if the program wrote less or more than the manifest says.
    """
    sizes = [tensor.size_bytes for tensor in manifest.outputs]
    if len(data) != rows * sum(sizes):
        raise TinyirError(f"the program wrote {len(data)} bytes where {rows} rows of {sum(sizes)} were expected")
    table = numpy.frombuffer(data, numpy.uint8).reshape(rows, sum(sizes))
    outputs: dict[str, Array] = {}
    start = 0
    for tensor, size in zip(manifest.outputs, sizes, strict=True):
        part = numpy.ascontiguousarray(table[:, start : start + size])
        values = part.view(_stored_dtype(tensor, target.c.byte_order)).reshape(rows, *tensor.shape)
        outputs[tensor.name] = values.astype(values.dtype.newbyteorder("="))
        start += size
    return outputs
