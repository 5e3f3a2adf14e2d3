"""Weights that are kept in a prefix code come back bit by bit, and what does not come back is not used."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from tests.passes.product_layers import BUFFER, Layer, apply, assert_same_bytes
from tinyir.dialects import loop
from tinyir.dialects.coded_rows import CodedRows, decoded_claim
from tinyir.dialects.prefix_code import LONGEST_CODE, PrefixCode, counts_of
from tinyir.ir.attributes import DenseElements
from tinyir.ir.operation import Operation
from tinyir.ir.types import I8, TensorType
from tinyir.passes.code_weights import CodeWeights
from tinyir.prove.coding import DecodedClaim
from tinyir.prove.obligations import Ledger
from tinyir.rewrite.passes import PassContext

ALL = CodeWeights(saved_bytes=1 << 30)
DISTRIBUTIONS = {
    "one value": np.full(64, 7),
    "two values": np.arange(64) % 2 * 255 - 128,
    "a palette": np.array([-100, -3, 0, 5, 90])[np.arange(640) % 5],
    "all values alike": np.arange(-128, 128),
    "few are far off": np.concatenate([np.zeros(1000), np.arange(-128, 128)]),
}


def test_code_words_of_any_distribution_are_a_prefix_code() -> None:
    for name, values in DISTRIBUTIONS.items():
        for prefix_bits in range(1, 9):
            code = PrefixCode.of(counts_of(values.astype(np.int8)), prefix_bits)
            if code is not None:
                spans = sorted((prefix << (LONGEST_CODE - length), 1 << (LONGEST_CODE - length)) for prefix, length in code.prefixes)
                assert all(start + size <= following for (start, size), (following, _) in pairwise(spans)), name
                assert all(length + each.extra_bits <= LONGEST_CODE for each, (_, length) in zip(code.classes, code.prefixes, strict=True))
                assert len(code.table) == 1 << prefix_bits
                assert all(entry & LONGEST_CODE for entry in code.table), "32 bits less the length are shifted away, which must not be all"


def test_a_code_is_close_to_the_entropy() -> None:
    values = np.clip(np.round(np.random.default_rng(1).laplace(0, 5, 20000)), -128, 127).astype(np.int8)
    shares = counts_of(values)[counts_of(values) > 0] / values.size
    entropy = float(-(shares * np.log2(shares)).sum()) * values.size
    code = PrefixCode.of(counts_of(values), 6)
    assert code is not None
    assert entropy <= code.bits <= 1.03 * entropy


def _dense(terms: int, outputs: int) -> Operation:
    module = Layer((1, 1), terms, outputs).module()
    for operation in module.walk():
        value = operation.properties.get("value")
        if isinstance(value, DenseElements) and value.type.element is I8:
            few = [int(v) for v in np.random.default_rng(3).geometric(0.4, value.type.element_count) - 3]
            type = TensorType(value.type.shape, I8)
            operation.properties["value"] = DenseElements.of(type, [min(v, 127) for v in few])
    return module


@pytest.mark.parametrize(("terms", "outputs"), [(64, 32), (63, 17)])
def test_the_result_keeps_every_bit_at_each_level(terms: int, outputs: int) -> None:
    module = _dense(terms, outputs)
    assert_same_bytes(module, ALL, goal="size")


def test_the_bounds_of_what_a_decoder_reads_say_that_it_was_run() -> None:
    module = _dense(64, 32)
    ledger = apply(module, [ALL, *BUFFER], "size")
    stated = [obligation.statement for obligation, verdict in ledger if obligation.kind == "bounds" and verdict.state == "proved"]
    told = re.compile(r"stays within its \d+ elements: its index is computed from constants, all iterations were run and gave 0 to \d+$")
    assert any(map(told.search, stated))


@pytest.fixture
def decoder() -> tuple[list[Operation], list[Operation], Operation, DenseElements]:
    """What decodes the rows of a layer, the loops around it, the tensor that it defines, and the weights."""
    module = _dense(64, 32)
    values = [each for o in module.walk() if isinstance(each := o.properties.get("value"), DenseElements)]
    weights = next(each for each in values if len(each.type.shape) > 1)
    ledger = Ledger()
    context = PassContext(ledger=ledger)
    apply(module, [], "size")
    ALL.run(module, context)
    assert [verdict.state for obligation, verdict in ledger if obligation.kind == "coding"] == ["proved"]
    scratch = next(o for o in module.walk() if o.name == "loop.tensor" and o.result.name.endswith("_row"))
    nest = next(o for o in module.walk() if o.name == "loop.define" and loop.accessed_tensor(o) is scratch.result).parent_operation
    assert nest is not None
    assert nest.parent is not None
    operations = nest.parent.operations
    step = nest.parent_operation
    assert step is not None
    steps = [step, *(each for each in step.ancestors() if each.name == "loop.for")]
    return operations[: operations.index(nest) + 1], steps[::-1], scratch, weights


def test_a_spoilt_constant_of_the_code_is_not_proved(decoder: tuple[list[Operation], list[Operation], Operation, DenseElements]) -> None:
    operations, steps, scratch, weights = decoder
    assert decoded_claim(operations, steps, scratch.result, weights).decide().state == "proved"
    used = {o.definer for each in operations for inner in each.walk() for o in inner.operands}
    tables = [each for each in used if each is not None and each.name == "arith.constant" and isinstance(each.result.type, TensorType)]
    assert len(tables) == 3
    for constant in tables:
        value = constant.properties["value"]
        assert isinstance(value, DenseElements)
        spoilt = bytearray(value.all_data)
        spoilt[1] ^= 1
        constant.properties["value"] = DenseElements(value.type, bytes(spoilt))
        verdict = decoded_claim(operations, steps, scratch.result, weights).decide()
        assert verdict.state != "proved", constant.result.name
        if verdict.state == "refuted":
            assert verdict.counterexample is not None
            assert verdict.counterexample["decoded"] != verdict.counterexample["stated"]
        constant.properties["value"] = value


def test_z3_agrees_with_exhaustion() -> None:
    same, other = np.array([[1, -2], [3, 4]]), np.array([[1, -2], [3, 5]])
    assert DecodedClaim(same, same).check("z3").state == "proved"
    assert DecodedClaim(same, other).check("z3").state == "refuted"
    assert DecodedClaim(same, other).decide().counterexample == {"element": 3, "decoded": 4, "stated": 5}
    assert DecodedClaim(same, same, "it reads beyond").decide().state == "unknown"


def test_rows_of_words_and_odd_rows_are_filled() -> None:
    value = DenseElements.of(TensorType([4, 3], I8), list(range(12)))
    rows = CodedRows.of(value, 4, 4)
    assert rows is not None
    assert rows.row == 4
    assert rows.rounds == 2
