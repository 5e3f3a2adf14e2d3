"""The obligations that elements are defined before they are read: proved for models, refuted where a definition is lost or late."""

from __future__ import annotations

import pytest

from tests.passes.models import MODELS
from tests.passes.product_layers import LOOP, apply, branches
from tinyir.driver.compilation import require_proofs
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.passes.block_products import BlockProducts
from tinyir.passes.prove_defined import ProveDefined
from tinyir.passes.stream_rows import StreamRows


def nests(module: Operation) -> list[Operation]:
    (function,) = [operation for operation in module.body if operation.name == "func.func"]
    return [operation for operation in function.body if operation.name == "loop.for"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_of_the_models_is_proved(name: str, streamed: bool) -> None:
    module = MODELS[name]()
    apply(module, [StreamRows(at_any_cost=True)] if streamed else [])
    tensors = sum(operation.name == "loop.tensor" for operation in module.walk())
    ledger = apply(module, [ProveDefined()])
    assert ledger.summary()["proved"] == len(ledger) == tensors


def test_layers_that_define_parts_of_one_tensor_are_proved_and_a_lost_part_is_refuted() -> None:
    module = branches((4, 3))
    apply(module, [*LOOP, BlockProducts()])
    assert apply(module, [ProveDefined()]).summary()["refuted"] == 0
    nests(module)[-1].erase()
    ledger = apply(module, [ProveDefined()])
    (refuted,) = [verdict for _, verdict in ledger if verdict.state == "refuted"]
    assert refuted.counterexample is not None
    with pytest.raises(TinyirError):
        require_proofs(ledger)


def test_a_nest_that_comes_before_what_it_reads_is_refuted() -> None:
    module = next(module for module in (make() for make in MODELS.values()) if len(nests(module)) > 1)
    order = nests(module)
    order[0].move_before(order[-1])
    order[-1].move_before(order[0])
    assert apply(module, [ProveDefined()]).summary()["refuted"] > 0
