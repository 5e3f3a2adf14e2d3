"""How loops and immutable tensors run, with every promise checked: bounds, one definition per element, rings.

A parallel loop runs all its iterations as lanes of arrays; a loop that carries values runs one iteration after
the other, all outer lanes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyir.dialects import loop
from tinyir.interp.machine import MOST_LANES, InterpreterError, Machine, Step, call_function, interprets
from tinyir.interp.order import Order, Timetable, TooDeepError
from tinyir.interp.scalar import dtype_of
from tinyir.ir.affine import AffineSet, used_dimensions
from tinyir.ir.attributes import DenseArray
from tinyir.ir.operation import Operation
from tinyir.ir.types import TensorType

Array = NDArray[Any]


class TensorStorage:
    """A tensor under definition: elements, which are defined, and what stands in each place of its rings."""

    def __init__(self, type: TensorType, fold: tuple[int, ...]) -> None:
        self.data = np.zeros(type.shape, dtype_of(type.element))
        self.defined = np.zeros(type.shape, np.bool_)
        self.fold = fold
        self.owner = np.full(self.ring_shape(type.shape), -1, np.int64) if any(fold) else None

    def reshaped(self, shape: tuple[int, ...]) -> TensorStorage:
        """The same elements under another shape, which keeps the axes up to the last ring; what is defined later shows in both.

        Raises:
            InterpreterError: the axis of a ring becomes another.
        """
        kept = max((axis + 1 for axis, length in enumerate(self.fold) if length), default=0)
        if shape[:kept] != self.data.shape[:kept]:
            raise InterpreterError(f"a ring of shape {self.data.shape} cannot become {shape}")
        other = copy(self)
        other.fold = (*self.fold[:kept], *(0,) * (len(shape) - kept))
        other.data, other.defined = self.data.reshape(shape), self.defined.reshape(shape)
        other.owner = self.owner.reshape(other.ring_shape(shape)) if self.owner is not None else None
        return other

    def elements(self) -> Array:
        """All elements.

        Raises:
            InterpreterError: one of them is not defined.
        """
        if not self.defined.all():
            missing = np.count_nonzero(~self.defined)
            raise InterpreterError(f"{missing} elements of a tensor are used but never defined")
        return self.data

    def ring_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(f or n for f, n in zip(self.fold, shape, strict=True))

    def ring_index(self, index: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(i % f if f else i for i, f in zip(index, self.fold, strict=True))


def _ravel(index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    position: Any = 0
    for i, n in zip(index, shape, strict=True):
        position = position * n + i
    return position


# -- loops


@interprets("loop.for")
def _for(machine: Machine, operation: Operation) -> Step:
    lower = machine.affine(loop.lower_map(operation), loop.lower_operands(operation))
    upper = machine.affine(loop.upper_map(operation), loop.upper_operands(operation))
    if loop.is_parallel(operation) and not operation.results and may_run_as_lanes(operation):
        return _parallel(machine, operation, lower, upper)
    return _sequential(machine, operation, lower, upper)


def may_run_as_lanes(operation: Operation) -> bool:
    """Whether the body declares no tensor (each lane would need its own), and its iterations do not follow each other through a ring."""
    inside = list(operation.walk())
    if any(inner.name in ("loop.tensor", "buffer.view") for inner in inside):
        return False
    read = {loop.accessed_tensor(inner) for inner in inside if inner.name == "loop.read"}
    return not any(inner.name == "loop.define" and loop.accessed_tensor(inner) in read and _turns(inner, operation) for inner in inside)


def _turns(define: Operation, nest: Operation) -> bool:
    """Whether iterations of a loop define different places along the axis of a ring."""
    definer, indices = loop.accessed_tensor(define).definer, loop.access_indices(define)
    fold = definer.properties.get("fold") if definer is not None else None
    if not isinstance(fold, DenseArray):
        return False
    folded = [result for result, length in zip(loop.access_map(define).results, fold.values, strict=True) if length]
    return any(indices[position] is loop.induction_variable(nest) for result in folded for position in used_dimensions(result))


def _extremes(bounds: list[Any], largest: bool) -> Any:
    result = bounds[0]
    for bound in bounds[1:]:
        result = np.maximum(result, bound) if largest else np.minimum(result, bound)
    return result


def _parallel(machine: Machine, operation: Operation, lower: Callable[[], list[Any]], upper: Callable[[], list[Any]]) -> Step:
    variable, body, step = loop.induction_variable(operation), operation.body, loop.step(operation)
    sequential, reverse = _sequential(machine, operation, lower, upper), loop.is_reverse(operation)

    def lanes() -> None:
        low, high = _extremes(lower(), True), _extremes(upper(), False)
        uniform = np.ndim(low) == np.ndim(high) == 0
        indices = np.arange(int(np.min(low)), int(np.max(high)), step)
        if len(indices) == 0:
            return
        if machine.lanes * len(indices) > MOST_LANES or (not uniform and step != 1):
            sequential()
            return
        outer_mask, outer_lanes, depth = machine.mask, machine.lanes, machine.depth
        lane = indices.reshape((-1,) + (1,) * depth)
        if not uniform:
            machine.mask = _both(outer_mask, (lane >= low) & (lane < high))
        machine.values[variable] = lane
        machine.lanes, machine.depth = outer_lanes * len(indices), depth + 1
        machine.extents.append(len(indices))
        if machine.order is not None:
            count = np.arange(len(indices)).reshape(lane.shape)
            machine.order.enter(operation, count[::-1] if reverse else count)
        machine.run_block(body)
        if machine.order is not None:
            machine.order.leave()
        machine.extents.pop()
        machine.mask, machine.lanes, machine.depth = outer_mask, outer_lanes, depth

    stores = [inner for inner in operation.walk() if inner.name == "buffer.store"]
    return _checked(machine, operation, stores, lanes, sequential) if stores else lanes


def _checked(machine: Machine, operation: Operation, stores: list[Operation], lanes: Step, sequential: Step) -> Step:
    """Runs a nest over memory as lanes if its loads and stores turn out to be those of the loops in their order.

    What the loop says of itself may have ceased to be true when memory was shared: the addresses decide.
    """
    try:
        timetable = Timetable(operation, _most_trips, frozenset(("buffer.load", "buffer.store")))
    except TooDeepError:
        return sequential
    refused: list[bool] = []

    def run() -> None:
        if machine.order is not None:
            lanes()
            return
        if refused:
            sequential()
            return
        order = machine.order = Order(timetable, _stored_memories(machine, stores))
        lanes()
        machine.order = None
        if not order.holds():
            order.restore()
            refused.append(True)
            sequential()

    return run


def _stored_memories(machine: Machine, stores: list[Operation]) -> list[Array]:
    """The whole memories behind the memrefs that are stored to (those of the body itself belong to one lane each)."""
    found: dict[int, Array] = {}
    for store in stores:
        array = machine.values.get(store.operands[1])
        if isinstance(array, np.ndarray):
            while isinstance(array.base, np.ndarray):
                array = array.base
            found[id(array)] = array
    return list(found.values())


def _most_trips(operation: Operation) -> int:
    """At most as many iterations as a loop has."""
    low = max((e.constant_value or 0 for e in loop.lower_map(operation).results), default=0)
    constants = [e.constant_value for e in loop.upper_map(operation).results if e.constant_value is not None]
    return max(min(constants) - low, 1) if constants else 1 << 12


def _both(first: Any, second: Any) -> Any:
    return second if first is None else first & second


def _sequential(machine: Machine, operation: Operation, lower: Callable[[], list[Any]], upper: Callable[[], list[Any]]) -> Step:
    variable, body, step = loop.induction_variable(operation), operation.body, loop.step(operation)
    carried, initial, results = body.arguments[1:], loop.initial_values(operation), operation.results
    values, reverse = machine.values, loop.is_reverse(operation)

    def run() -> None:
        low, high = _extremes(lower(), True), _extremes(upper(), False)
        uniform = np.ndim(low) == np.ndim(high) == 0
        current = [values[value] for value in initial]
        outer_mask = machine.mask
        points = _points(low, high, step)
        for count, point in enumerate(reversed(points) if reverse else points):
            active = None
            if not uniform:
                active = (low <= point) & (point < high)
                machine.mask = _both(outer_mask, active)
                if not np.any(machine.mask):
                    continue
            values[variable] = point
            if machine.order is not None:
                machine.order.enter(operation, count)
            for argument, value in zip(carried, current, strict=True):
                values[argument] = value
            updated = machine.run_block(body)
            if machine.order is not None:
                machine.order.leave()
            current = updated if active is None else [np.where(active, new, old) for new, old in zip(updated, current, strict=True)]
        machine.mask = outer_mask
        for result, value in zip(results, current, strict=True):
            values[result] = value

    return run


def _points(low: Any, high: Any, step: int) -> Sequence[Any]:
    """The indices that a loop runs through: numbers, or where lanes begin apart and step over some, arrays of them."""
    if np.ndim(low) == 0 or step == 1:
        return range(int(np.min(low)), int(np.max(high)), step)
    return [low + step * i for i in range(int(np.max(-(-(high - low) // step))))]


@interprets("loop.if")
def _if(machine: Machine, operation: Operation) -> Step:
    condition = operation.properties["condition"]
    assert isinstance(condition, AffineSet)
    then, otherwise = (region.blocks[0] for region in operation.regions)

    def run() -> None:
        point = [machine.values[operand] for operand in operation.operands]
        holds: Any = True
        for expression, equal in condition.constraints:
            value = expression.evaluate(point)
            holds = holds & ((value == 0) if equal else (value >= 0))
        if np.ndim(holds) == 0:
            results = machine.run_block(then if holds else otherwise)
        else:
            outer = machine.mask
            machine.mask = _both(outer, holds)
            first = machine.run_block(then)
            machine.mask = _both(outer, ~holds)
            second = machine.run_block(otherwise)
            machine.mask = outer
            results = [np.where(holds, a, b) for a, b in zip(first, second, strict=True)]
        machine.values.update(zip(operation.results, results, strict=True))

    return run


@interprets("loop.call")
def _call(machine: Machine, operation: Operation) -> Step:
    return call_function(machine, operation)


@interprets("loop.index")
def _index(machine: Machine, operation: Operation) -> Step:
    compute = machine.affine(loop.access_map(operation), operation.operands)

    def run() -> None:
        machine.values[operation.result] = compute()[0]

    return run


# -- tensors


@interprets("loop.tensor")
def _tensor(machine: Machine, operation: Operation) -> Step:
    type, fold = operation.result.type, operation.properties.get("fold")
    assert isinstance(type, TensorType)
    ring = tuple(int(v) for v in fold.values) if isinstance(fold, DenseArray) else (0,) * type.rank

    def run() -> None:
        machine.values[operation.result] = TensorStorage(type, ring)

    return run


@interprets("loop.reshape")
def _reshape(machine: Machine, operation: Operation) -> Step:
    type = operation.result.type
    assert isinstance(type, TensorType)

    def run() -> None:
        source = machine.values[operation.operands[0]]
        machine.values[operation.result] = source.reshaped(type.shape) if isinstance(source, TensorStorage) else source.reshape(type.shape)

    return run


def located(index: list[Any], shape: tuple[int, ...], mask: Any, operation: Operation) -> tuple[Any, ...]:
    """The index, checked against the shape in every active lane (elsewhere clipped).

    Raises:
        InterpreterError: an active lane lies outside.
    """
    for axis, (position, extent) in enumerate(zip(index, shape, strict=True)):
        outside = (position < 0) | (position >= extent)
        if np.any(outside if mask is None else outside & mask):
            raise InterpreterError(
                f"'{operation.name}' at index {_example(position, outside)} of axis {axis}, whose extent is {extent}",
                place=operation.location.place,
            )
        if mask is not None:
            index[axis] = np.clip(position, 0, extent - 1)
    return tuple(index)


def _example(position: Any, outside: Any) -> int:
    return int(np.broadcast_to(position, np.shape(outside))[np.asarray(outside)].flat[0]) if np.ndim(outside) else int(position)


@interprets("loop.read")
def _read(machine: Machine, operation: Operation) -> Step:
    tensor, result, values = operation.operands[0], operation.result, machine.values
    compute = machine.affine(loop.access_map(operation), loop.access_indices(operation))
    assert isinstance(tensor.type, TensorType)
    shape = tensor.type.shape

    def run() -> None:
        storage = values[tensor]
        index = located(compute(), shape, machine.mask, operation)
        if isinstance(storage, TensorStorage):
            _check_defined(storage, index, machine.mask, operation)
            storage = storage.data
        values[result] = storage[index]

    return run


def _check_defined(storage: TensorStorage, index: tuple[Any, ...], mask: Any, operation: Operation) -> None:
    known = storage.defined[index]
    if not np.all(known if mask is None else known | ~mask):
        raise InterpreterError("an element is read before it is defined", place=operation.location.place)
    if storage.owner is not None:
        held = storage.owner[storage.ring_index(index)] == _ravel(index, storage.data.shape)
        if not np.all(held if mask is None else held | ~mask):
            raise InterpreterError("an element is read after its ring was folded over it", place=operation.location.place)


@interprets("loop.define")
def _define(machine: Machine, operation: Operation) -> Step:
    element, tensor, values = operation.operands[0], operation.operands[1], machine.values
    compute = machine.affine(loop.access_map(operation), loop.access_indices(operation))
    assert isinstance(tensor.type, TensorType)
    shape = tensor.type.shape

    def run() -> None:
        storage: TensorStorage = values[tensor]
        index = located(compute(), shape, machine.mask, operation)
        value = values[element]
        if machine.mask is not None:
            broadcast = np.broadcast_arrays(*index, value, machine.mask)
            active = broadcast[-1]
            index, value = tuple(a[active] for a in broadcast[:-2]), broadcast[-2][active]
        count = int(np.prod(np.broadcast_shapes(*(np.shape(i) for i in index)))) if index else 1
        if machine.mask is None and machine.lanes > count:
            raise InterpreterError("iterations of a parallel loop define the same element", place=operation.location.place)
        if np.any(storage.defined[index]):
            raise InterpreterError("an element is defined twice", place=operation.location.place)
        if all(np.ndim(i) == 0 for i in index):
            value = np.reshape(value, ())  # numpy takes no lane for a single element
        storage.data[index] = value
        storage.defined[index] = True
        if storage.owner is not None:
            storage.owner[storage.ring_index(index)] = _ravel(index, shape)

    return run
