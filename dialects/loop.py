"""The loop level: one tree of loops for the whole network, over immutable tensors whose elements are each defined once.

`loop.tensor` stands where the tensor is stored, the nest that defines it stands where it is computed; `fold` makes an
axis a ring, `layout` orders the elements.  The trivial setting: every tensor stored and computed at the root.

    loop.for %i = max(0, 1 - %p * 2) to min(3, 26 - %p * 2) iter(%acc = %zero) -> (i32) { ... loop.yield %next : i32 }
    %v = loop.read %t[%p * 2 + %i - 1, %k] : tensor<25x5xi8>
    loop.define %v, %t[%p, %k] : tensor<25x5xi8>
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyir.dialects.func import verify_call
from tinyir.ir.affine import AffineMap, AffineSet, impurities, used_dimensions
from tinyir.ir.affine_interval import interval_of
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseArray, IntegerAttribute, StringAttribute, UnitAttribute
from tinyir.ir.builder import Builder
from tinyir.ir.operation import Block, BlockArgument, Operation, Region, Value
from tinyir.ir.registry import PURE, Effects, OperationDefinition, register
from tinyir.ir.types import I32, INDEX, TensorType, Type

# -- access to the parts


def lower_map(loop: Operation) -> AffineMap:
    """The lower bound of a `loop.for`: the greatest of the results."""
    found = loop.properties["lower_map"]
    assert isinstance(found, AffineMap)
    return found


def upper_map(loop: Operation) -> AffineMap:
    """The (exclusive) upper bound of a `loop.for`: the least of the results."""
    found = loop.properties["upper_map"]
    assert isinstance(found, AffineMap)
    return found


def step(loop: Operation) -> int:
    found = loop.properties["step"]
    assert isinstance(found, IntegerAttribute)
    return found.value


def segments(loop: Operation) -> tuple[int, ...]:
    """The numbers of lower operands, upper operands and initial values."""
    found = loop.properties["operandSegmentSizes"]
    assert isinstance(found, DenseArray)
    return tuple(int(v) for v in found.values)


def segment_sizes(lower: int, upper: int, initial: int) -> DenseArray:
    """The property `operandSegmentSizes` of a `loop.for`."""
    return DenseArray([lower, upper, initial], I32)


def lower_operands(loop: Operation) -> tuple[Value, ...]:
    return loop.operands[: segments(loop)[0]]


def upper_operands(loop: Operation) -> tuple[Value, ...]:
    first, second, _ = segments(loop)
    return loop.operands[first : first + second]


def initial_values(loop: Operation) -> tuple[Value, ...]:
    first, second, _ = segments(loop)
    return loop.operands[first + second :]


def induction_variable(loop: Operation) -> BlockArgument:
    return loop.body.arguments[0]


def is_reverse(loop: Operation) -> bool:
    """Whether the loop runs from its last iteration to its first."""
    return "reverse" in loop.properties


def is_parallel(loop: Operation) -> bool:
    """Whether no iteration reads what another one defines."""
    return "parallel" in loop.properties


def constant_bounds(loop: Operation) -> tuple[int, int] | None:
    """Lower and upper bound if both are constants."""
    low, high = lower_map(loop).results, upper_map(loop).results
    if len(low) == len(high) == 1 and low[0].constant_value is not None and high[0].constant_value is not None:
        return low[0].constant_value, high[0].constant_value
    return None


def index_range(loop: Operation) -> tuple[int, int] | None:
    """The least and greatest value that the index can take, from the bounds of the loops around; None where these do not say it."""
    least = [low for low, _ in _bound_intervals(lower_map(loop), lower_operands(loop))]
    greatest = [high - 1 for _, high in _bound_intervals(upper_map(loop), upper_operands(loop))]
    return (max(least), min(greatest)) if least and greatest else None


def _bound_intervals(map: AffineMap, operands: Sequence[Value]) -> list[tuple[int, int]]:
    """The intervals of those results of a bound that are known."""
    ranges: list[tuple[int, int] | None] = []
    for operand in operands:
        owner = operand.owner.parent_operation if isinstance(operand, BlockArgument) else None
        is_index = owner is not None and owner.name == "loop.for" and induction_variable(owner) is operand
        ranges.append(index_range(owner) if owner is not None and is_index else None)
    results = [each for each in map.results if all(ranges[position] is not None for position in used_dimensions(each))]
    return [interval_of(each, [known or (0, 0) for known in ranges]) for each in results]


def access_map(operation: Operation) -> AffineMap:
    """The map of a read or define from index operands to tensor indices."""
    found = operation.properties["map"]
    assert isinstance(found, AffineMap)
    return found


def accessed_tensor(operation: Operation) -> Value:
    """The tensor of a read or define."""
    return operation.operands[0 if operation.name == "loop.read" else 1]


def access_indices(operation: Operation) -> tuple[Value, ...]:
    return operation.operands[1 if operation.name == "loop.read" else 2 :]


# -- creation


def create_for(
    builder: Builder,
    lower: tuple[AffineMap, Sequence[Value]],
    upper: tuple[AffineMap, Sequence[Value]],
    initial: Sequence[Value] = (),
    *,
    step: int = 1,
    parallel: bool = False,
    label: str = "",
) -> Operation:
    """A loop with an empty body (its `loop.yield` is still to be added)."""
    properties: dict[str, Attribute] = {
        "lower_map": lower[0],
        "upper_map": upper[0],
        "step": IntegerAttribute(step, INDEX),
        "operandSegmentSizes": segment_sizes(len(lower[1]), len(upper[1]), len(initial)),
    }
    if parallel:
        properties["parallel"] = UnitAttribute()
    if label:
        properties["label"] = StringAttribute(label)
    types = [value.type for value in initial]
    block = Block([INDEX, *types])
    block.arguments[0].name = label
    return builder.create("loop.for", [*lower[1], *upper[1], *initial], types, properties, [Region([block])])


def create_read(builder: Builder, tensor: Value, map: AffineMap, indices: Sequence[Value]) -> Value:
    assert isinstance(tensor.type, TensorType)
    return builder.create("loop.read", [tensor, *indices], [tensor.type.element], {"map": map}).result


def create_define(builder: Builder, value: Value, tensor: Value, map: AffineMap, indices: Sequence[Value]) -> Operation:
    return builder.create("loop.define", [value, tensor, *indices], [], {"map": map})


def create_region() -> Region:
    """A region of one empty block, for the branches of `loop.if`."""
    return Region([Block()])


# -- verification


def _verify_for(loop: Operation) -> Iterable[str]:
    counts = segments(loop)
    if len(counts) != 3 or sum(counts) != len(loop.operands):
        yield f"'loop.for' has {len(loop.operands)} operands, but its segments are {list(counts)}"
        return
    for what, map, operands in (
        ("lower", lower_map(loop), lower_operands(loop)),
        ("upper", upper_map(loop), upper_operands(loop)),
    ):
        if map.dimensions != len(operands) or not map.results:
            yield f"'loop.for' gives {len(operands)} operands to its {what} bound {map}"
        yield from impurities(map)
        if any(value.type is not INDEX for value in operands):
            yield "'loop.for' needs bounds of type index"
    if step(loop) < 1:
        yield f"'loop.for' needs a positive step, not {step(loop)}"
    types = [value.type for value in initial_values(loop)]
    arguments = [argument.type for argument in loop.body.arguments]
    if arguments != [INDEX, *types]:
        yield f"'loop.for' needs block arguments of types {_spell([INDEX, *types])}, not {_spell(arguments)}"
    if [result.type for result in loop.results] != types:
        yield f"'loop.for' gives {_spell(types)}, not {_spell([r.type for r in loop.results])}"
    yield from _verify_yield_of(loop, loop.regions[0])


def _verify_yield_of(operation: Operation, region: Region) -> Iterable[str]:
    last = region.blocks[0].last if region.blocks else None
    if last is None or last.name != "loop.yield":
        yield f"'{operation.name}' needs a 'loop.yield' at the end of its body"
    elif [o.type for o in last.operands] != [r.type for r in operation.results]:
        expected, found = [r.type for r in operation.results], [o.type for o in last.operands]
        yield f"'loop.yield' gives {_spell(found)}, but '{operation.name}' needs {_spell(expected)}"


def _spell(types: Sequence[Type]) -> str:
    return f"({', '.join(map(str, types))})"


def _verify_access(operation: Operation) -> Iterable[str]:
    tensor = accessed_tensor(operation).type
    element = operation.results[0].type if operation.name == "loop.read" else operation.operands[0].type
    if not isinstance(tensor, TensorType):
        yield f"'{operation.name}' needs a tensor, not {tensor}"
        return
    map = access_map(operation)
    if map.dimensions != len(access_indices(operation)) or len(map.results) != tensor.rank:
        yield f"'{operation.name}' accesses {tensor} through {map} with {len(access_indices(operation))} indices"
    yield from impurities(map)
    if element is not tensor.element:
        yield f"'{operation.name}' moves {element}, but the tensor holds {tensor.element}"


def _verify_index(operation: Operation) -> Iterable[str]:
    mapping = access_map(operation)
    if mapping.dimensions != len(operation.operands) or len(mapping.results) != 1:
        yield f"'loop.index' with {len(operation.operands)} indices does not evaluate {mapping}"
    yield from impurities(mapping)


def _verify_tensor(operation: Operation) -> Iterable[str]:
    type = operation.result.type
    if not isinstance(type, TensorType) or not type.has_static_shape:
        yield f"'loop.tensor' gives a tensor of static shape, not {type}"
        return
    fold, layout = operation.properties.get("fold"), operation.properties.get("layout")
    if fold is not None and (not isinstance(fold, DenseArray) or len(fold.values) != type.rank):
        yield f"'loop.tensor' needs one ring length per axis of {type}, not {fold}"
    if layout is not None and (not isinstance(layout, AffineMap) or layout.dimensions != type.rank):
        yield f"'loop.tensor' needs a layout over the {type.rank} axes of {type}, not {layout}"


def _verify_if(operation: Operation) -> Iterable[str]:
    condition = operation.properties["condition"]
    if not isinstance(condition, AffineSet) or condition.dimensions != len(operation.operands):
        yield f"'loop.if' gives {len(operation.operands)} operands to its condition {condition}"
    else:
        yield from impurities(condition)
    for region in operation.regions:
        yield from _verify_yield_of(operation, region)


def _verify_reshape(operation: Operation) -> Iterable[str]:
    source, target = operation.operands[0].type, operation.result.type
    if (
        not isinstance(source, TensorType)
        or not isinstance(target, TensorType)
        or source.element_count != target.element_count
        or source.element is not target.element
    ):
        yield f"'loop.reshape' keeps the elements: {source} cannot become {target}"


def _infer_read(operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    tensor = operands[0]
    if not isinstance(tensor, TensorType):
        raise ValueError(f"{tensor} is no tensor")
    return [tensor.element]


def _infer_index(_operands: list[Type], _properties: dict[str, Attribute]) -> list[Type]:
    return [INDEX]


register(
    OperationDefinition(
        "loop.for",
        "Runs its body for each index from the greatest lower bound to below the least upper bound.",
        properties={
            "lower_map": "map: the lower bounds",
            "upper_map": "map: the upper bounds",
            "step": "integer: the increment",
            "operandSegmentSizes": "integers: operands of lower bound, upper bound, initial values",
            "?reverse": "unit: runs from the last iteration to the first",
            "?parallel": "unit: no iteration reads what another defines",
            "?label": "text: the name of the axis",
        },
        effects=PURE,
        verify=_verify_for,
        assembly="induction(index) `=` max($lower_map, $lower) `to` min($upper_map, $upper) (`step` $step:index=1)? "
        "(`reverse` $reverse:unit)? (`parallel` $parallel:unit)? (`label` $label)? iter($initial) attr-dict region",
    )
)
register(
    OperationDefinition("loop.yield", "Ends a body and gives its values.", traits=("terminator",), effects=PURE, assembly="($operands^ `:` type($operands))?")
)
register(
    OperationDefinition(
        "loop.tensor",
        "A tensor stored here, its elements still to be defined.",
        operands=(),
        results=("result",),
        properties={
            "?fold": "integers: ring length per axis, 0: none",
            "?layout": "map: element order",
            "?alignment": "integer: bytes, a power of two; the element's own if absent",
        },
        traits=("memory",),
        effects=None,
        verify=_verify_tensor,
        assembly="attr-dict `:` type($result)",
    )
)
register(
    OperationDefinition(
        "loop.read",
        "An element of a tensor.",
        results=("element",),
        properties={"map": "map: from the indices to the element"},
        effects=Effects(reads=(0,)),
        verify=_verify_access,
        infer=_infer_read,
        assembly="$tensor `[` affine($map, $indices) `]` attr-dict `:` type($tensor)",
    )
)
register(
    OperationDefinition(
        "loop.define",
        "Defines an element of a tensor, once.",
        results=(),
        properties={"map": "map: from the indices to the element"},
        effects=Effects(writes=(1,)),
        verify=_verify_access,
        assembly="$value `,` $tensor `[` affine($map, $indices) `]` attr-dict `:` type($tensor)",
    )
)
register(
    OperationDefinition(
        "loop.index",
        "The value of an affine expression of indices.",
        results=("value",),
        properties={"map": "map: one result, of the operands"},
        effects=PURE,
        verify=_verify_index,
        infer=_infer_index,
        assembly="affine($map, $indices) attr-dict",
    )
)
register(
    OperationDefinition(
        "loop.call",
        "Applies a scalar function.  As `func.call`, which MLIR refuses inside of what it does not know: it might hold symbols.",
        operands=("operands...",),
        results=("results...",),
        properties={"callee": "symbol: the function's symbol"},
        verify=verify_call,
        assembly="$callee `(` $operands `)` attr-dict `:` functional-type",
    )
)
register(
    OperationDefinition(
        "loop.if",
        "Runs one of two bodies.",
        properties={"condition": "set: the set of the indices that take the first"},
        effects=PURE,
        verify=_verify_if,
        assembly="`(` set($condition, $indices) `)` (`->` `(` type(results) `)`)? attr-dict region `else` region",
    )
)
register(
    OperationDefinition(
        "loop.reshape",
        "The same elements in row-major order under another shape.",
        operands=("source",),
        results=("result",),
        traits=("view",),
        effects=PURE,
        verify=_verify_reshape,
        assembly="$source attr-dict `:` type($source) `to` type($result)",
    )
)
