"""Model files that a compiler must refuse with one error each: builders only, what the error says is asserted elsewhere."""

from tests.oracle.hostile_bytes import broken_bytes, wrong_nesting
from tests.oracle.hostile_external import external_data
from tests.oracle.hostile_graphs import structure, subgraphs, versions
from tests.oracle.hostile_nodes import attributes, operators
from tests.oracle.hostile_quantization import quantization
from tests.oracle.hostile_shapes import shapes
from tests.oracle.hostile_tensors import tensors, types
from tests.oracle.spoil import HostileFile


def hostile_files() -> tuple[HostileFile, ...]:
    """All cases, in a fixed order, with names of their own."""
    groups = (broken_bytes, wrong_nesting, operators, attributes, shapes, types, tensors, quantization, structure, subgraphs, versions, external_data)
    return tuple(case for group in groups for case in group())
