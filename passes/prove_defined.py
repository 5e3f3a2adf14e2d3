"""Every element of a tensor that a nest reads was defined before.

An obligation (`bounds`) for each stored tensor: of its reads, those of what the function returns among them, each finds its
element defined by what comes earlier in program order, and no element is defined by two nests of the block in which the tensor
is stored.  That reads stay inside of the tensor, and that no ring has folded another row over the element, are other obligations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import bound_expressions, index_expressions
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineSet
from tinyir.ir.builder import functions
from tinyir.ir.operation import Block, Operation, Value
from tinyir.ir.types import TensorType
from tinyir.prove.bounds import Variable, box_of
from tinyir.prove.definedness import DefinedClaim
from tinyir.prove.element_access import Condition, ElementAccess
from tinyir.prove.obligations import Obligation
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class ProveDefined(Pass):
    """States and discharges the obligations of all tensors that are stored; changes nothing."""

    name: ClassVar[str] = "prove_defined"
    reads: ClassVar[tuple[str, ...]] = ("builtin", "func", "arith", "loop")
    leaves: ClassVar[tuple[str, ...]] = ("builtin", "func", "arith", "loop")
    keeps_tensors: ClassVar[bool] = False

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            for operation in function.walk():
                if operation.name == "loop.tensor" and operation.result.users:
                    context.ledger.add(_obligation(function, operation))


def _obligation(function: Operation, tensor: Operation) -> Obligation:
    names = tensor.location.names or function.location.names
    where = ", ".join(names) if names else str(function.properties["sym_name"]).strip('"')
    statement = f"the elements of '{tensor.result.name or tensor.result.type}' that are read were defined before, and by one nest only"
    return Obligation("bounds", where, statement, _Accesses(tensor).claim())


@attrs.frozen(eq=False)
class _Place:
    """An access, and what stands around it from the block of the tensor on: operations with the number of their region."""

    operation: Operation
    view: Value
    path: tuple[tuple[Operation, int], ...]

    @property
    def is_define(self) -> bool:
        return self.operation.name == "loop.define" and self.operation.operands[1] is self.view


class _Accesses:
    """What is done with one tensor."""

    def __init__(self, tensor: Operation) -> None:
        self.tensor = tensor
        assert tensor.parent is not None
        self.places = [_Place(operation, view, _path(operation, tensor.parent)) for operation, view in _users(tensor.result)]
        self.outer = [above for above, _ in _path(tensor, None) if above.name == "loop.for"]

    def claim(self) -> DefinedClaim | None:
        """None: a definition is at an index, in a loop or under a condition that comes from data."""
        type = self.tensor.result.type
        assert isinstance(type, TensorType)
        flat = any(place.view.type is not type for place in self.places)
        shape = (type.element_count,) if flat else type.shape
        times = self._times()
        defines: list[ElementAccess] = []
        reads: list[ElementAccess] = []
        try:
            rounds = _variables(self.outer)
            for place, time in zip(self.places, times, strict=True):
                if place.is_define:
                    defines.append(self._access(place, time, flat))
                else:
                    reads.append(self._read(place, time, flat, shape, rounds))
        except ValueError:
            return None
        box = box_of(rounds) or [(0, -1)] * len(rounds)
        defines, reads = ([_of_round(access, [low for low, _ in box]) for access in accesses] for accesses in (defines, reads))
        return DefinedClaim((*(high - low + 1 for low, high in box), *shape), tuple(dict.fromkeys(defines)), tuple(dict.fromkeys(reads)))

    def _times(self) -> list[tuple[AffineExpression, ...]]:
        """The time of each access, as far as it takes to tell definitions from reads."""
        found: list[tuple[AffineExpression, ...]] = []
        for place in self.places:
            others = [other for other in self.places if other.is_define != place.is_define]
            shared = max((_shared(place.path, other.path) for other in others), default=0)
            time: list[AffineExpression] = []
            loops = len(self.outer)
            for depth, (above, _) in enumerate((*place.path, (place.operation, 0))):
                time.append(AffineConstant(_place_in_block(above, place.path[depth - 1][1] if depth else 0)))
                if depth == shared:
                    break
                if above.name == "loop.for":
                    time.append(-AffineDimension(loops) if loop.is_reverse(above) else AffineDimension(loops))
                    loops += 1
            found.append(tuple(time))
        longest = max(map(len, found), default=0)
        return [(*time, *(AffineConstant(0) for _ in range(longest - len(time)))) for time in found]

    def _access(self, place: _Place, time: tuple[AffineExpression, ...], flat: bool) -> ElementAccess:
        """
        Raises:
            ValueError: indices, conditions, or bounds of the loops around come from data.
        """
        around = [*_path(self.tensor, None), *place.path]
        loops = [above for above, _ in around if above.name == "loop.for"]
        given = _of_loops(loop.access_indices(place.operation), loops)
        indices: Sequence[AffineExpression] = [index.replace(given) for index in loop.access_map(place.operation).results]
        if flat:
            indices = [_row_by_row(indices, place.view)]
        conditions = [_condition(above, region, loops) for above, region in around if above.name == "loop.if"]
        return ElementAccess(time, tuple(indices), tuple(_variables(loops)), tuple(conditions))

    def _read(self, place: _Place, time: tuple[AffineExpression, ...], flat: bool, shape: Sequence[int], rounds: Sequence[Variable]) -> ElementAccess:
        """A read; what is not known to be a part of the tensor is all of it."""
        if place.operation.name == "loop.read":
            try:
                return self._access(place, time, flat)
            except ValueError:
                pass
        loops = [above for above, _ in place.path if above.name == "loop.for"]
        inner = [Variable.between(f"d{axis}", 0, extent) for axis, extent in enumerate(shape)]
        first = len(rounds) + len(loops)
        indices = tuple(AffineDimension(first + axis) for axis in range(len(shape)))
        return ElementAccess(time, indices, (*rounds, *_variables([*self.outer, *loops])[len(rounds) :], *inner))


def _shared(one: Sequence[tuple[Operation, int]], other: Sequence[tuple[Operation, int]]) -> int:
    """How many operations are around both."""
    equal = [a[0] is b[0] for a, b in zip(one, other, strict=False)]
    return equal.index(False) if False in equal else len(equal)


def _place_in_block(operation: Operation, region: int) -> int:
    """The place of an operation in the regions of the one around it, those before the given one included."""
    block = operation.parent
    assert block is not None
    assert block.parent is not None
    above = block.parent.parent
    before = sum(len(each.operations) for other in above.regions[:region] for each in other.blocks) if above is not None else 0
    return before + block.operations.index(operation)


def _of_loops(values: Sequence[Value], loops: Sequence[Operation]) -> list[AffineExpression]:
    """
    Raises:
        ValueError: one comes from data.
    """
    found = index_expressions(values, loops)
    if found is None:
        raise ValueError("an index is computed from data")
    return found


def _condition(above: Operation, region: int, loops: Sequence[Operation]) -> Condition:
    """What holds in a region of a `loop.if`.

    Raises:
        ValueError: an operand comes from data.
    """
    values = _of_loops(above.operands, loops)
    tested = above.properties["condition"]
    assert isinstance(tested, AffineSet)
    constraints = [(expression.replace(values), equal) for expression, equal in tested.constraints]
    both = tuple(each for expression, equal in constraints for each in ((expression, -expression) if equal else (expression,)))
    return Condition(both, region == 0)


def _of_round(access: ElementAccess, lows: Sequence[int]) -> ElementAccess:
    """The access with the iterations of the loops around the tensor as indices before its own: each has a tensor of its own."""
    return attrs.evolve(access, indices=(*(AffineDimension(number) - low for number, low in enumerate(lows)), *access.indices))


def _users(value: Value) -> Iterator[tuple[Operation, Value]]:
    """What uses a tensor or views of it, each with the view it uses."""
    for user in value.users:
        if user.name == "loop.reshape":
            yield from _users(user.result)
        else:
            yield user, value


def _path(operation: Operation, top: Block | None) -> tuple[tuple[Operation, int], ...]:
    """The operations around one inside of a block, outermost first, each with the number of the region that leads inwards."""
    found: list[tuple[Operation, int]] = []
    inner: Operation = operation
    for above in operation.ancestors():
        if inner.parent is top:
            break
        found.append((above, next(n for n, region in enumerate(above.regions) if inner.parent in region.blocks)))
        inner = above
    return tuple(reversed(found))


def _variables(loops: Sequence[Operation]) -> list[Variable]:
    """
    Raises:
        ValueError: a bound comes from data, or a loop with a step has several lower bounds.
    """
    found = []
    for number, each in enumerate(loops):
        lowers, uppers = bound_expressions(each, loops[:number])
        found.append(Variable(loop.induction_variable(each).name or "i", tuple(lowers), tuple(uppers), loop.step(each)))
    return found


def _row_by_row(indices: Sequence[AffineExpression], view: Value) -> AffineExpression:
    """The number of an element of a view."""
    assert isinstance(view.type, TensorType)
    flat: AffineExpression = AffineConstant(0)
    for index, extent in zip(indices, view.type.shape, strict=True):
        flat = flat * extent + index
    return flat
