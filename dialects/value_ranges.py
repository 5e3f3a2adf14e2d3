"""Which integers a value can be: intervals of scalars at the loop and buffer level.

Reading a constant gives the least and greatest of its elements, reading other memory the range of the type.  An
accumulator `acc = acc + term` over n iterations stays between its first value plus n times the least (negative) term and
plus n times the greatest (positive) one, whatever the order of the terms.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyir.dialects import loop
from tinyir.dialects.buffer import access_map, referenced_symbol
from tinyir.ir.affine_interval import Interval, interval_of
from tinyir.ir.attributes import DenseElements, IntegerAttribute
from tinyir.ir.builder import find_symbol
from tinyir.ir.operation import BlockArgument, Operation, Result, Value
from tinyir.ir.types import I1, IndexType, IntegerType, Type
from tinyir.rewrite.analyses import Analyses, Analysis

INDEX_RANGE: Interval = (-(1 << 31), (1 << 31) - 1)
"""What an index holds of which nothing is known."""


def type_range(type: Type) -> Interval:
    """All values of an integer type; a truth value is 0 or 1."""
    if isinstance(type, IndexType):
        return INDEX_RANGE
    assert isinstance(type, IntegerType)
    return (0, 1) if type is I1 else (type.lowest, type.greatest)


def is_integer(value: Value) -> bool:
    return isinstance(value.type, IntegerType | IndexType)


def exact_result(name: str, operands: list[Interval]) -> Interval | None:
    """The range of an arithmetic operation on integers without width; None if the operation is not known."""
    known = _EXACT.get(name)
    return known(*operands) if known is not None else None


def _product(a: Interval, b: Interval) -> Interval:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def _shifted_left(a: Interval, b: Interval) -> Interval:
    return _product(a, (1 << max(b[0], 0), 1 << min(max(b[1], 0), 64)))


def _shifted_right(a: Interval, b: Interval) -> Interval:
    ends = [x >> min(max(y, 0), 64) for x in a for y in b]
    return min(ends), max(ends)


def _and(a: Interval, b: Interval) -> Interval | None:
    """Of non-negative values at most the lesser; with a non-negative one at most that."""
    bounds = [high for low, high in (a, b) if low >= 0]
    return (0, min(bounds)) if bounds else None


def _divided(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0 <= b[1]:
        return None
    ends = [abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1) for x in (*a, 0) for y in b if a[0] <= x <= a[1]]
    return min(ends), max(ends)


def _floor_divided(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0 <= b[1]:
        return None
    ends = [x // y for x in (*a, 0) for y in b if a[0] <= x <= a[1]]
    return min(ends), max(ends)


_EXACT: dict[str, Callable[..., Interval | None]] = {
    "arith.addi": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "arith.subi": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "arith.muli": _product,
    "arith.shli": _shifted_left,
    "arith.shrsi": _shifted_right,
    "arith.andi": _and,
    "arith.maxsi": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "arith.minsi": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "arith.select": lambda _, a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "arith.divsi": _divided,
    "arith.floordivsi": _floor_divided,
    "arith.extsi": lambda a: a,
    "arith.index_cast": lambda a: a,
    "arith.trunci": lambda a: a,
}
LOADS = ("loop.read", "buffer.load")
OVERFLOWING = ("arith.addi", "arith.subi", "arith.muli", "arith.shli")
"""Operations whose exact result may not fit the type."""


class ValueRanges(Analysis):
    """The ranges of the integer values of a module, found when they are asked for and kept."""

    def __init__(self, module: Operation) -> None:
        self.module = module
        self._known: dict[Value, Interval] = {}

    @classmethod
    def compute(cls, root: Operation, _analyses: Analyses) -> ValueRanges:
        return cls(root)

    def difference(self, fresh: ValueRanges) -> str:
        """The first range of those that were asked for which is another now."""
        changed = ((value, old, fresh.of(value)) for value, old in self._known.items() if fresh.of(value) != old)
        return next((f"{value!r} in {list(old)}, now in {list(new)}" for value, old, new in changed), "")

    def of(self, value: Value) -> Interval:
        """An interval that holds every value that the scalar takes."""
        found = self._known.get(value)
        if found is None:
            found = self._known[value] = self._find(value)
        return found

    def exact(self, operation: Operation) -> Interval | None:
        """The range of an operation's result before it is made to fit its type."""
        return exact_result(operation.name, [self.of(operand) for operand in operation.operands])

    def _find(self, value: Value) -> Interval:
        whole = type_range(value.type)
        definer = value.definer
        if definer is None:
            assert isinstance(value, BlockArgument)
            found = self._argument(value)
        else:
            found = self._result(definer, value)
        if found is None or found[0] < whole[0] or found[1] > whole[1]:
            return whole
        return found

    # -- results

    def _result(self, operation: Operation, value: Value) -> Interval | None:
        match operation.name:
            case "arith.constant":
                constant = operation.properties["value"]
                return (constant.value, constant.value) if isinstance(constant, IntegerAttribute) else None
            case "arith.extsi" if operation.operands[0].type is I1:
                return -1, 0
            case "arith.extui" | "arith.index_castui":
                return self._zero_extended(operation.operands[0])
            case "arith.shrui":
                return _shifted_right(self._zero_extended(operation.operands[0]), self.of(operation.operands[1]))
            case name if name in LOADS:
                return self._element(operation.operands[0])
            case "loop.index":
                mapping = access_map(operation)
                return interval_of(mapping.results[0], [self.of(operand) for operand in operation.operands])
            case "loop.for":
                return self._accumulated(operation, _position(value), self.trips(operation))
            case "loop.if":
                position = _position(value)
                ends = [self.of(region.blocks[0].terminator.operands[position]) for region in operation.regions]
                return min(low for low, _ in ends), max(high for _, high in ends)
            case _:
                return self.exact(operation) if all(is_integer(operand) for operand in operation.operands) else None

    def _zero_extended(self, operand: Value) -> Interval:
        low, high = self.of(operand)
        if low >= 0:
            return low, high
        width = operand.type.width if isinstance(operand.type, IntegerType) else 32
        return 0, (1 << width) - 1

    def _element(self, memory: Value) -> Interval | None:
        """The least and greatest element of a constant."""
        definer = memory.definer
        while definer is not None and definer.name in ("buffer.view", "loop.reshape"):
            memory = definer.operands[0]
            definer = memory.definer
        if definer is None:
            return None
        if definer.name == "buffer.get_global":
            declared = find_symbol(self.module, referenced_symbol(definer, "name"))
            value = declared.properties.get("value") if declared is not None else None
        else:
            value = definer.properties.get("value")
        return _extremes(value) if isinstance(value, DenseElements) else None

    # -- loops

    def _argument(self, argument: BlockArgument) -> Interval | None:
        owner = argument.owner.parent_operation
        if owner is None or owner.name != "loop.for":
            return None
        if argument.index == 0:
            return self.iterations(owner)
        return self._accumulated(owner, argument.index - 1, self.trips(owner) - 1)

    def iterations(self, operation: Operation) -> Interval:
        """The values of a loop's index, for all iterations of the loops around it."""
        low, high = self._bounds(operation)
        return low, max(low, high - 1)

    def trips(self, operation: Operation) -> int:
        """The greatest number of iterations."""
        low, high = self._bounds(operation)
        return max(0, -(-(high - low) // loop.step(operation)))

    def _bounds(self, operation: Operation) -> Interval:
        lows = [self.of(operand) for operand in loop.lower_operands(operation)]
        highs = [self.of(operand) for operand in loop.upper_operands(operation)]
        least = max(interval_of(result, lows)[0] for result in loop.lower_map(operation).results)
        greatest = min(interval_of(result, highs)[1] for result in loop.upper_map(operation).results)
        return least, greatest

    def _accumulated(self, operation: Operation, position: int, trips: int) -> Interval | None:
        """The range of an iteration value after at most so many iterations."""
        low, high = self.of(loop.initial_values(operation)[position])
        argument, final = operation.body.arguments[1 + position], operation.body.terminator.operands[position]
        growth = self._growth(final, argument)
        if growth is not None:
            return low + max(trips, 0) * min(growth[0], 0), high + max(trips, 0) * max(growth[1], 0)
        chosen = self._chosen(final, argument)
        return (min(low, chosen[0]), max(high, chosen[1])) if chosen is not None else None

    def _growth(self, value: Value, argument: Value) -> Interval | None:
        """The interval of value - argument if the value is the argument plus terms that do not depend on it."""
        if value is argument:
            return 0, 0
        definer = value.definer
        if definer is None:
            return None
        if definer.name == "loop.for":
            position = _position(value)
            outer = self._growth(loop.initial_values(definer)[position], argument)
            inner = self._growth(definer.body.terminator.operands[position], definer.body.arguments[1 + position])
            if outer is None or inner is None:
                return None
            trips = self.trips(definer)
            return outer[0] + trips * min(inner[0], 0), outer[1] + trips * max(inner[1], 0)
        if definer.name not in ("arith.addi", "arith.subi"):
            return None
        left, right = definer.operands
        if definer.name == "arith.addi" and not _depends(right, argument):
            grown, term = self._growth(left, argument), self.of(right)
        elif definer.name == "arith.addi" and not _depends(left, argument):
            grown, term = self._growth(right, argument), self.of(left)
        elif definer.name == "arith.subi" and not _depends(right, argument):
            grown, (low, high) = self._growth(left, argument), self.of(right)
            term = -high, -low
        else:
            return None
        return (grown[0] + term[0], grown[1] + term[1]) if grown is not None else None

    def _chosen(self, value: Value, argument: Value) -> Interval | None:
        """The hull of what is chosen among the argument and values that do not depend on it (maxima, minima, selections)."""
        if not _depends(value, argument):
            return self.of(value)
        definer = value.definer
        if definer is None or definer.name not in ("arith.maxsi", "arith.minsi", "arith.select", "loop.for"):
            return None
        if definer.name == "loop.for":
            position = _position(value)
            if loop.initial_values(definer)[position] is not argument:
                return None
            return self._chosen(definer.body.terminator.operands[position], definer.body.arguments[1 + position])
        choices = [operand for operand in definer.operands[-2:] if operand is not argument]
        ends = [self._chosen(choice, argument) for choice in choices]
        known = [end for end in ends if end is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if known and len(known) == len(ends) else None


def _position(value: Value) -> int:
    """Which result of its operation a value is."""
    assert isinstance(value, Result)
    return value.index


def _depends(value: Value, argument: Value) -> bool:
    """Whether the range of a value may come from that of the argument, through loops and conditions as well; what memory holds tells its own."""
    pending, seen, inside = [value], set[Value](), set[Operation]()
    while pending:
        current = pending.pop()
        if current is argument:
            return True
        if current in seen:
            continue
        seen.add(current)
        definer = current.definer
        if definer is not None and definer.name in LOADS:
            continue
        if definer is not None:
            inside.update(definer.walk())
            pending += [operand for inner in definer.walk() for operand in inner.operands]
        elif isinstance(current, BlockArgument) and current.index > 0 and current.owner.parent_operation not in inside:
            return True  # another accumulator of a loop around: who knows what it takes in
    return False


def _extremes(value: DenseElements) -> Interval | None:
    if not isinstance(value.type.element, IntegerType):
        return None
    elements = [int(element) for element in value.elements()]
    return min(elements), max(elements)
