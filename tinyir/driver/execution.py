"""Runs networks row by row: in the interpreter, at whatever level their module is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyir.driver.arrays import Array, Rows
from tinyir.driver.ports import Port, module_ports
from tinyir.interp.machine import Network
from tinyir.ir.operation import Operation


def interpret(module: Operation, rows: Rows, progress: Callable[[str], None] | None = None) -> dict[str, Array]:
    """The outputs by name, each [rows, ...shape], of inputs that are [rows, elements] each.

    Raises:
        TinyirError: the program does something undefined.
    """
    ports = module_ports(module)
    network = Network(module)
    count = max((len(column) for column in rows.values()), default=1)
    results = []
    for index in range(count):
        if progress is not None:
            progress(f"interpreting row {index + 1} of {count}")
        results.append(network.run({name: column[index] for name, column in rows.items()}))
    return {port.name: np.stack([_of_port(result[port.name], port) for result in results]) for port in ports.outputs}


def _of_port(value: Array, port: Port) -> Array:
    """An output in the model's own element type: machine integers have no sign of their own."""
    value = np.ascontiguousarray(value)
    return (value if value.dtype == port.dtype else value.view(port.dtype)).reshape(port.shape)
