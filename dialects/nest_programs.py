"""Loop nests as plain data for a prover (`tinyir.prove.nest_program`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tinyir.dialects import loop
from tinyir.interp.equations import dense_array
from tinyir.ir.affine import AffineDimension, AffineExpression, AffineSet
from tinyir.ir.attribute import Attribute
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import IndexType, IntegerType, TensorType, Type
from tinyir.prove import nest_program as program

INDEX_BITS = 64
Round = tuple[int, AffineExpression, Value]
"""A loop: its extent, the number of the iteration over its index, the index."""


def bits_of(type: Type) -> int:
    """Of an integer; 0 for another type."""
    return type.width if isinstance(type, IntegerType) else INDEX_BITS if isinstance(type, IndexType) else 0


def storage(tensor: Value) -> Value:
    """The tensor behind views."""
    while tensor.definer is not None and tensor.definer.name == "loop.reshape":
        tensor = tensor.definer.operands[0]
    return tensor


def is_constant(tensor: Value) -> bool:
    return tensor.definer is not None and tensor.definer.name == "arith.constant"


class TensorTable:
    """Numbers for tensors: one for tensors that are the same (`same`: tensors by those that stand for them), and for equal constants."""

    def __init__(self, same: Mapping[Value, Value]) -> None:
        self.same = same
        self.kept = {*same.keys(), *same.values()}
        self.tensors: list[program.Tensor] = []
        self.numbers: dict[Value | tuple[Type, Attribute], int] = {}

    def number(self, tensor: Value) -> int:
        tensor = storage(tensor)
        key = self._key(tensor)
        if key not in self.numbers:
            self.numbers[key] = len(self.tensors)
            self.tensors.append(_tensor(tensor, [extent for extent, _, _ in self.rounds(tensor)]))
        return self.numbers[key]

    def rounds(self, tensor: Value) -> list[Round]:
        """The loops each iteration of which has a tensor of its own; none for what stands for another tensor, or is constant."""
        return [] if tensor in self.kept or is_constant(tensor) else _rounds(tensor)

    def _key(self, tensor: Value) -> Value | tuple[Type, Attribute]:
        constant = tensor.definer.properties["value"] if is_constant(tensor) and tensor.definer is not None else None
        return (tensor.type, constant) if constant is not None else self.same.get(tensor, tensor)


def _tensor(tensor: Value, rounds: Sequence[int]) -> program.Tensor:
    assert isinstance(tensor.type, TensorType)
    element, shape = tensor.type.element, (*rounds, *tensor.type.shape)
    value = tensor.definer.properties["value"] if is_constant(tensor) and tensor.definer is not None else None
    if isinstance(value, DenseElements) and isinstance(element, IntegerType):
        return program.Tensor(tensor.name, shape, bits_of(element), dense_array(value).reshape(-1))
    return program.Tensor(tensor.name, shape, bits_of(element))


def _rounds(tensor: Value) -> list[Round]:
    """Of the loops around a tensor, each iteration of which has one of its own.

    A loop that moves the bounds of another one of them is left out: no iteration of that one comes again, or what it defines is as before.
    """
    loops = [each for each in tensor.definer.ancestors() if each.name == "loop.for"] if tensor.definer is not None else []
    moving = {operand for each in loops for operand in (*loop.lower_operands(each), *loop.upper_operands(each))}
    found: list[Round] = []
    for each in reversed(loops):
        variable, known = loop.induction_variable(each), loop.index_range(each)
        if variable not in moving and known is not None:
            found.append((known[1] - known[0] + 1, AffineDimension(0) - known[0], variable))
    return found


class ProgramWriter:
    """Writes nests as programs over one table of tensors."""

    def __init__(self, table: TensorTable) -> None:
        self.table = table
        self.values: dict[Value, int] = {}

    def write(self, roots: Iterable[Operation]) -> tuple[program.Step, ...]:
        """Nests of one block, with those operations beside them whose results they use."""
        ordered: dict[Operation, None] = {}
        for root in roots:
            self._add_needed(root, root.parent, ordered)
            ordered[root] = None
        return self._steps(ordered)

    def _add_needed(self, operation: Operation, block: Block | None, ordered: dict[Operation, None]) -> None:
        """The operations beside a nest whose results it uses, those before that they use themselves."""
        for inner in operation.walk():
            for operand in inner.operands:
                definer = operand.definer
                if definer is not None and definer.parent is block and definer not in ordered and not isinstance(operand.type, TensorType):
                    self._add_needed(definer, block, ordered)
                    ordered[definer] = None

    def _steps(self, operations: Iterable[Operation]) -> tuple[program.Step, ...]:
        return tuple(step for operation in operations for step in self._written(operation))

    def _number(self, value: Value) -> int:
        return self.values.setdefault(value, len(self.values))

    def _numbers(self, values: Sequence[Value]) -> tuple[int, ...]:
        return tuple(self._number(value) for value in values)

    def _written(self, operation: Operation) -> list[program.Step]:
        match operation.name:
            case "loop.yield" | "loop.tensor" | "loop.reshape":
                return []
            case "loop.for":
                return [self._loop(operation)]
            case "loop.if":
                return [self._branch(operation)]
            case "loop.read" | "loop.define":
                return [self._access(operation)]
            case "loop.index":
                return [program.Index(self._number(operation.result), loop.access_map(operation).results[0], self._numbers(operation.operands))]
            case "arith.constant":
                return [] if isinstance(operation.result.type, TensorType) else [self._constant(operation)]
            case _:
                return self._computed(operation)

    def _constant(self, operation: Operation) -> program.Step:
        value, type = operation.properties["value"], operation.result.type
        if isinstance(value, IntegerAttribute):
            return program.Constant(self._number(operation.result), value.value, bits_of(type))
        return program.Constant(self._number(operation.result), f"{value} : {type}", 0)

    def _computed(self, operation: Operation) -> list[program.Step]:
        properties = " ".join(f"{name}={value}" for name, value in sorted(operation.properties.items()))
        operands = self._numbers(operation.operands)
        types = " ".join(str(operand.type) for operand in operation.operands)
        return [
            program.Compute(self._number(result), operation.name, f"{properties} {types} to {result.type} {result.index}", bits_of(result.type), operands)
            for result in operation.results
        ]

    def _access(self, operation: Operation) -> program.Step:
        tensor, indices = loop.accessed_tensor(operation), self._numbers(loop.access_indices(operation))
        assert isinstance(tensor.type, TensorType)
        shape, map = tuple(tensor.type.shape), loop.access_map(operation).results
        for extent, index, variable in reversed(self.table.rounds(storage(tensor))):
            shape, map = (extent, *shape), (index.replace([AffineDimension(len(indices))]), *map)
            indices = (*indices, self._number(variable))
        place = self.table.number(tensor), shape, map, indices
        if operation.name == "loop.read":
            return program.Read(self._number(operation.result), *place)
        return program.Define(self._number(operation.operands[0]), *place)

    def _loop(self, operation: Operation) -> program.Step:
        body = operation.body
        return program.Loop(
            self._number(loop.induction_variable(operation)),
            loop.lower_map(operation).results,
            self._numbers(loop.lower_operands(operation)),
            loop.upper_map(operation).results,
            self._numbers(loop.upper_operands(operation)),
            loop.step(operation),
            loop.is_reverse(operation),
            self._numbers(loop.initial_values(operation)),
            self._numbers(body.arguments[1:]),
            self._steps(body),
            self._numbers(body.terminator.operands),
            self._numbers(operation.results),
        )

    def _branch(self, operation: Operation) -> program.Step:
        condition = operation.properties["condition"]
        assert isinstance(condition, AffineSet)
        first, second = (region.blocks[0] for region in operation.regions)
        bodies = self._steps(first), self._steps(second)
        gives = self._gives(first), self._gives(second)
        return program.Branch(condition.constraints, self._numbers(operation.operands), bodies, gives, self._numbers(operation.results))

    def _gives(self, block: Block) -> tuple[int, ...]:
        return self._numbers(block.terminator.operands)
