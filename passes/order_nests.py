"""loop -> loop: nests that do not need each other come in the order that keeps the fewest bytes alive at once.

    define %a (large)                          define %a (large)
    define %b (large)                          define %c from %a (small)
    define %c from %a (small)         =>       define %b (large)
    define %d from %b (small)                  define %d from %b (small)
    define %y from %c, %d                      define %y from %c, %d

Two nests keep their order where one defines what the other reads or defines.  The order is exact where the branches are few, and
stays as it is where nothing is gained, or where the search would take too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from tinyir.dialects.nest_order import OrderProblem, least_peak_order
from tinyir.dialects.row_groups import RowGroups, Stage
from tinyir.dialects.row_nests import is_constant, stored, tensor_bytes
from tinyir.dialects.stream_costs import StreamCosts, stream_costs
from tinyir.ir.builder import functions
from tinyir.ir.operation import Block, Operation, Value
from tinyir.rewrite.passes import Pass, PassContext

MOVABLE = ("loop.for", "loop.if", "loop.read", "loop.define", "loop.tensor", "loop.reshape", "loop.index")


@attrs.frozen
class OrderNests(Pass):
    """Orders the nests at the root of each function.

    `streamed`: the peak that counts is that of nests which run together row by row where that is less (`stream_rows`).
    `most_sets`: as many sets of nests that may have run are looked at.
    """

    name: ClassVar[str] = "order_nests"
    reads: ClassVar[tuple[str, ...]] = ("builtin", "func", "arith", "loop")
    leaves: ClassVar[tuple[str, ...]] = ("builtin", "func", "arith", "loop")

    streamed: bool = False
    most_sets: int = 20_000

    def run(self, module: Operation, context: PassContext) -> None:
        for function in functions(module):
            if all(o.name in MOVABLE or o.name.startswith("arith.") or o is function.body.terminator for o in function.body):
                self._order(function, stream_costs(context) if self.streamed else None)

    def _order(self, function: Operation, costs: StreamCosts | None) -> None:
        groups = RowGroups(function, costs)
        order = least_peak_order(_problem(function, groups), self.most_sets)
        if order is None:
            return
        before, given = groups.peak(self.streamed), function.body.operations
        _arrange(function.body, [groups.stages[number].root for number in order])
        if RowGroups(function, costs).peak(self.streamed) >= before:
            for operation in given[:-1]:
                operation.move_before(given[-1])


def _problem(function: Operation, groups: RowGroups) -> OrderProblem:
    stages = groups.stages
    tensors = list(dict.fromkeys(tensor for stage in stages for tensor in (*stage.reads, *stage.defines) if not is_constant(tensor)))
    numbers = {tensor: number for number, tensor in enumerate(tensors)}
    results = {stored(value) for value in function.body.terminator.operands}

    def shared(stage: int, dying: int, born: int) -> int:
        return groups.shared_bytes(stage, tensors[dying], tensors[born])

    return OrderProblem(
        touches=[[numbers[t] for t in dict.fromkeys((*stage.reads, *stage.defines)) if t in numbers] for stage in stages],
        predecessors=_predecessors(stages),
        sizes=[tensor_bytes(tensor) for tensor in tensors],
        given=frozenset(numbers[t] for t in function.body.arguments if t in numbers),
        kept=frozenset(numbers[t] for t in results if t in numbers),
        shared=shared,
    )


def _predecessors(stages: Sequence[Stage]) -> list[int]:
    """For each stage, as bits, those that it must follow: they define what it touches, or read what it defines, or have a result that it needs."""
    numbers = {stage.root: number for number, stage in enumerate(stages)}
    found: list[int] = []
    for number, stage in enumerate(stages):
        bits = 0
        for other, earlier in enumerate(stages[:number]):
            touched = {*earlier.reads, *earlier.defines}
            if any(tensor in touched for tensor in stage.defines) or any(tensor in earlier.defines for tensor in stage.reads):
                bits |= 1 << other
        pending = [stage.root]
        while pending:
            for definer in _definers(pending.pop()):
                if definer in numbers:
                    bits |= 1 << numbers[definer]
                else:
                    pending.append(definer)
        found.append(bits)
    return found


def _definers(operation: Operation) -> list[Operation]:
    """The operations beside one whose results it uses, in the order of their uses."""
    values: list[Value] = [operand for inner in operation.walk() for operand in inner.operands]
    found = [value.definer for value in values if value.definer is not None and value.definer.parent is operation.parent]
    return list(dict.fromkeys(found))


def _arrange(block: Block, roots: Sequence[Operation]) -> None:
    """Puts some operations in this order, each behind the others that it needs; what the end needs comes last."""
    end = block.terminator
    placed: set[Operation] = set()

    def place(operation: Operation) -> None:
        if operation not in placed:
            placed.add(operation)
            for definer in _definers(operation):
                place(definer)
            if operation is not end:
                operation.move_before(end)

    for root in (*roots, end):
        place(root)
