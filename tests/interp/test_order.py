"""The check that lanes touched memory as the loops in their order would have."""

from __future__ import annotations

import numpy as np
import pytest

from tinyir.dialects import loop
from tinyir.dialects.loop_interpreter import _checked
from tinyir.interp.machine import Machine, Step, run
from tinyir.ir.affine import AffineDimension, AffineMap
from tinyir.ir.attributes import IntegerAttribute, StringAttribute, SymbolReference, TypeAttribute, UnitAttribute
from tinyir.ir.builder import Builder, create_function, create_module
from tinyir.ir.operation import Operation
from tinyir.ir.types import I64, MemRefType


def _shift(distance: int, reverse: bool) -> Operation:
    """memory[i + distance] = memory[i] for i in 4 .. 12, over 16 elements, claimed to be parallel."""
    module = create_module()
    memory = MemRefType((16,), I64, None, StringAttribute("ram"))
    top = Builder.at_end(module.body)
    top.create("buffer.global", properties={"sym_name": StringAttribute("m"), "type": TypeAttribute(memory)})
    for direction in ("input", "output"):
        port = {"name": StringAttribute("m"), "direction": StringAttribute(direction), "storage": SymbolReference("m")}
        top.create("buffer.port", properties={**port, "offset": IntegerAttribute(0, I64), "type": TypeAttribute(memory)})
    function = create_function(module, "f", [], [])
    builder = Builder.at_end(function.body)
    base = builder.create("buffer.get_global", [], [memory], {"name": SymbolReference("m")}).result
    nest = loop.create_for(builder, (AffineMap.constant(4), ()), (AffineMap.constant(12), ()), parallel=True)
    if reverse:
        nest.properties["reverse"] = UnitAttribute()
    body, variable = Builder.at_end(nest.body), loop.induction_variable(nest)
    value = body.create("buffer.load", [base, variable], [I64], {"map": AffineMap.identity(1)}).result
    body.create("buffer.store", [value, base, variable], [], {"map": AffineMap(1, 0, [AffineDimension(0) + distance])})
    body.create("loop.yield")
    builder.create("func.return")
    return module


def _one_by_one(distance: int, reverse: bool) -> list[int]:
    memory = list(range(16))
    for i in reversed(range(4, 12)) if reverse else range(4, 12):
        memory[i + distance] = memory[i]
    return memory


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("distance", [-3, -1, 0, 1, 3])
def test_shared_memory_gives_what_the_loop_gives_one_by_one(distance: int, reverse: bool) -> None:
    assert run(_shift(distance, reverse), {"m": np.arange(16)})["m"].tolist() == _one_by_one(distance, reverse)


@pytest.mark.parametrize(("distance", "reverse", "lanes"), [(-1, False, True), (1, False, False), (1, True, True), (-1, True, False)])
def test_lanes_are_kept_exactly_where_the_order_allows(distance: int, reverse: bool, lanes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bool] = []

    def spy(machine: Machine, operation: Operation, stores: list[Operation], together: Step, apart: Step) -> Step:
        def note() -> None:
            kept.append(False)
            apart()

        return _checked(machine, operation, stores, together, note)

    monkeypatch.setattr("tinyir.dialects.loop_interpreter._checked", spy)
    run(_shift(distance, reverse), {"m": np.arange(16)})
    assert (not kept) == lanes
