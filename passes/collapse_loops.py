"""Two loops that walk through memory as one become one: fewer, longer inner loops.

    loop.for %j = max(0, 1 - %q) to min(3, 9 - %q) {            loop.for %jk = max(0, 4 - %q * 4) to min(12, 36 - %q * 4) {
      loop.for %k = 0 to 4 {                             =>       %v = buffer.load %x[%q * 4 + %jk - 4]
        %v = buffer.load %x[%q + %j - 1, %k]
      } }                                                       }

The inner loop runs from 0 to a constant K, is all that the outer one does, and every address inside moves K times as far
with the outer index as with the inner one.  Iterations keep their order, so sums of floats keep their bits.
"""

from __future__ import annotations

import attrs

from tinyir.dialects import loop
from tinyir.dialects.nest_accesses import linear_address
from tinyir.ir.affine import AffineConstant, AffineDimension, AffineExpression, AffineMap, linear_terms, used_dimensions
from tinyir.ir.attributes import DenseArray, IntegerAttribute
from tinyir.ir.builder import Builder, functions
from tinyir.ir.location import fuse
from tinyir.ir.operation import Operation, Value
from tinyir.ir.types import I32, INDEX, MemRefType
from tinyir.rewrite.passes import Pass, PassContext


@attrs.frozen
class CollapseLoops(Pass):
    """Collapses from the inside out, as far as it goes.

    `long_enough`: an innermost loop of a constant number of iterations, at least so many, is left alone, since compilers make
    more of a constant number than of a greater one; 0: none is.  Without a value it is 8, and 0 if the goal is size.
    """

    name = "collapse_loops"
    reads = ("builtin", "func", "arith", "loop", "buffer")
    leaves = ("builtin", "func", "arith", "loop", "buffer")

    long_enough: int | None = attrs.field(default=None, metadata={"candidates": (0, 8, 64)})

    def run(self, module: Operation, context: PassContext) -> None:
        long_enough = self.long_enough if self.long_enough is not None else 0 if context.goal == "size" else 8
        for function in functions(module):
            flat: dict[Value, Value] = {}
            for outer in reversed([operation for operation in function.walk() if operation.name == "loop.for"]):
                inner = outer.body.first
                if inner is None or inner.name != "loop.for" or (long_enough and _is_long(inner, long_enough)):
                    continue
                if _is_all(outer, inner) and _walks_as_one(outer, inner):
                    _collapse(outer, inner, flat)


def _is_long(inner: Operation, long_enough: int) -> bool:
    """Whether a loop sums up in many iterations and holds no other loop."""
    bounds = loop.constant_bounds(inner)
    holds_another = any(each.name == "loop.for" for each in inner.walk() if each is not inner)
    return bounds is not None and bounds[1] - bounds[0] >= long_enough and not holds_another and not loop.is_parallel(inner)


def _is_all(outer: Operation, inner: Operation) -> bool:
    """Whether the outer loop does nothing but the inner one, and hands its accumulators through."""
    terminator = outer.body.terminator
    return (
        inner.next is terminator
        and loop.initial_values(inner) == outer.body.arguments[1:]
        and terminator.operands == inner.results
        and all(value.has_one_use for value in (*outer.body.arguments[1:], *inner.results))
        and loop.step(outer) == loop.step(inner) == 1
        and loop.is_reverse(outer) == loop.is_reverse(inner)
    )


def _walks_as_one(outer: Operation, inner: Operation) -> bool:
    bounds = loop.constant_bounds(inner)
    if bounds is None or bounds[0] != 0 or bounds[1] < 1:
        return False
    slow, fast = loop.induction_variable(outer), loop.induction_variable(inner)
    users = dict.fromkeys((*slow.users, *fast.users))
    return all(user.name in ("buffer.load", "buffer.store") and _moves_evenly(user, slow, fast, bounds[1]) for user in users)


def _index_operands(access: Operation) -> tuple[Value, ...]:
    return access.operands[1 if access.name == "buffer.load" else 2 :]


def _moves_evenly(access: Operation, slow: Value, fast: Value, extent: int) -> bool:
    """Whether the address moves `extent` times as far with the slow index as with the fast one, and depends on them in no other way."""
    operands = _index_operands(access)
    wanted = {number for number, operand in enumerate(operands) if operand in (slow, fast)}
    steps = {slow: 0, fast: 0}
    for factor, coefficient in linear_terms(_linear(access)).items():
        if isinstance(factor, AffineDimension):
            if factor.position in wanted:
                steps[operands[factor.position]] += coefficient
        elif used_dimensions(factor) & wanted:
            return False
    return steps[slow] == extent * steps[fast]


def _linear(access: Operation) -> AffineExpression:
    """The element's number as an expression over the index operands."""
    return linear_address(access, [AffineDimension(number) for number in range(len(_index_operands(access)))])


def _collapse(outer: Operation, inner: Operation, flat: dict[Value, Value]) -> None:
    """The inner loop takes the place of the outer one: its index now counts through both."""
    slow, fast = loop.induction_variable(outer), loop.induction_variable(inner)
    bounds = loop.constant_bounds(inner)
    assert bounds is not None
    for access in dict.fromkeys((*slow.users, *fast.users)):
        _flatten(access, slow, flat)
    lower, upper = (_scaled(mapping, bounds[1]) for mapping in (loop.lower_map(outer), loop.upper_map(outer)))
    inner.operands = outer.operands
    inner.properties["lower_map"], inner.properties["upper_map"] = lower, upper
    inner.properties["operandSegmentSizes"] = DenseArray(loop.segments(outer), I32)
    inner.properties.pop("label", None)
    if not loop.is_parallel(outer):
        inner.properties.pop("parallel", None)
    inner.location = fuse(outer.location, inner.location)
    fast.name = f"{slow.name}{fast.name}" if slow.name and fast.name else fast.name
    for before, after in zip(outer.results, inner.results, strict=True):
        after.replace_by(before)  # the terminator of the outer loop, which goes with it
        before.replace_by(after)
    inner.move_before(outer)
    outer.erase()


def _scaled(mapping: AffineMap, factor: int) -> AffineMap:
    return AffineMap(mapping.dimensions, mapping.symbols, [result * factor for result in mapping.results])


def _flatten(access: Operation, slow: Value, flat: dict[Value, Value]) -> None:
    """The access as one linear index that knows the slow index no more."""
    position = 0 if access.name == "buffer.load" else 1
    operands = _index_operands(access)
    linear = _linear(access)
    kept = [number for number, operand in enumerate(operands) if operand is not slow]
    replaced: list[AffineExpression] = [AffineConstant(0)] * len(operands)
    for new, old in enumerate(kept):
        replaced[old] = AffineDimension(new)
    access.properties["map"] = AffineMap(len(kept), 0, [_in_order(linear.replace(replaced))])
    memory = _flat_view(access.operands[position], flat)
    access.operands = (*access.operands[:position], memory, *(operands[number] for number in kept))


def _in_order(expression: AffineExpression) -> AffineExpression:
    """The sum with its dimensions in order, then what is divided, then the constant."""
    terms = linear_terms(expression)
    last = AffineDimension(len(terms))
    order = sorted(terms, key=lambda factor: factor.position if isinstance(factor, AffineDimension) else last.position)
    total: AffineExpression = AffineConstant(0)
    for factor in order:
        total = total + factor * terms[factor]
    return total


def _flat_view(memory: Value, flat: dict[Value, Value]) -> Value:
    """The memory with one axis."""
    type = memory.type
    assert isinstance(type, MemRefType)
    if type.rank == 1:
        return memory
    if memory not in flat:
        definer = memory.definer
        assert definer is not None
        wide = MemRefType([type.element_count], type.element, None, type.space)
        view = Builder.after(definer).create("buffer.view", [memory], [wide], {"offset": IntegerAttribute(0, INDEX)}).result
        view.name = memory.name
        flat[memory] = view
    return flat[memory]
