"""What the verifier finds, beside the texts in tests/bad: IR that no text can say."""

from __future__ import annotations

import pytest

from tinyir.ir.attributes import IntegerAttribute, StringAttribute
from tinyir.ir.builder import create_module
from tinyir.ir.errors import TinyirError
from tinyir.ir.location import FileLocation, NameLocation
from tinyir.ir.operation import Block, Operation, Region
from tinyir.ir.registry import OperationDefinition, register
from tinyir.ir.types import F32, I32
from tinyir.ir.verifier import verify, verify_or_raise

register(OperationDefinition("checked.wants", operands=("a", "b..."), results=("r",), properties={"p": "needed", "?q": "optional"}))
register(OperationDefinition("checked.picky", operands=(), results=(), verify=lambda operation: [str(operation.attributes["missing"])]))


def messages(module: Operation) -> list[str]:
    return [diagnostic.message for diagnostic in verify(module)]


def control_flow(*edges: tuple[int, ...]) -> tuple[Operation, list[Block]]:
    """A module with an operation whose region has one block for each tuple of successors."""
    blocks = [Block() for _ in edges]
    holder = create_module().body.append(Operation("t.region", regions=[Region(blocks)]))
    for block, successors in zip(blocks, edges, strict=True):
        block.append(Operation("t.end", successors=[blocks[i] for i in successors]))
    return holder, blocks


def define_in(block: Block) -> Operation:
    operation = Operation("t.define", result_types=[I32])
    assert block.first is not None
    return block.insert_before(block.first, operation)


def use_in(block: Block, definition: Operation) -> Operation:
    return block.insert_before(block.terminator, Operation("t.use", definition.results))


def test_a_value_reaches_the_blocks_that_its_block_dominates() -> None:
    #  0 -> 1 -> 2 -> 1, 2 -> 3, 0 -> 3
    holder, blocks = control_flow((1, 3), (2,), (1, 3), ())
    reaches = {0: (0, 1, 2, 3), 1: (1, 2), 2: (2,), 3: (3,)}
    for source, reached in reaches.items():
        for target in range(4):
            definition = define_in(blocks[source])
            use = use_in(blocks[target], definition)
            assert (messages(holder) == []) == (target in reached), (source, target)
            use.erase()
            definition.erase()


def test_paths_of_several_blocks_meet_at_the_block_where_they_part() -> None:
    #  0 -> 1 -> 2 -> 5, 0 -> 3 -> 4 -> 5
    holder, blocks = control_flow((1, 3), (2,), (5,), (4,), (5,), ())
    for source, is_seen in ((0, True), (1, False), (2, False), (3, False), (4, False)):
        definition = define_in(blocks[source])
        use = use_in(blocks[5], definition)
        assert (messages(holder) == []) == is_seen
        use.erase()
        definition.erase()


def test_blocks_that_cannot_be_reached_may_use_anything() -> None:
    holder, blocks = control_flow((1,), (), (1,))
    use_in(blocks[2], define_in(blocks[1]))
    assert messages(holder) == []
    use_in(blocks[1], define_in(blocks[2]))
    assert messages(holder) == ["operand 0 of 't.use' is used where its definition does not reach"]


def test_results_are_not_visible_in_the_regions_of_their_operation() -> None:
    region = Region([Block()])
    holder, blocks = control_flow((1,), ())
    inner = Operation("t.inner", result_types=[I32], regions=[region])
    blocks[0].insert_before(blocks[0].terminator, inner)
    region.block.append(Operation("t.use", inner.results))
    assert messages(holder) == ["operand 0 of 't.use' is used where its definition does not reach"]
    module = create_module()
    inner.detach()
    module.body.append(inner)
    assert messages(module) == []


def test_a_region_of_one_block_may_be_a_graph_if_nobody_knows_its_operation() -> None:
    """So it is in MLIR."""
    block = Block()
    first = block.append(Operation("t.first", result_types=[I32]))
    second = block.append(Operation("t.second", first.results, [I32]))
    first.operands = second.results
    assert messages(Operation("t.graph", regions=[Region([block])])) == []
    holder, blocks = control_flow((1,), ())
    use_in(blocks[0], define_in(blocks[1]))
    assert messages(holder) == ["operand 0 of 't.use' is used where its definition does not reach"]


def test_an_isolated_operation_sees_nothing_from_outside() -> None:
    module = create_module()
    definition = module.body.append(Operation("t.define", result_types=[I32]))
    inner = module.body.append(Operation("builtin.module", regions=[Region([Block()])]))
    inner.body.append(Operation("t.use", definition.results))
    assert messages(module) == ["operand 0 of 't.use' is used where its definition does not reach"]


def test_blocks_of_control_flow_end_with_terminators() -> None:
    holder, blocks = control_flow((1,), ())
    blocks[1].terminator.erase()
    assert messages(holder) == ["a block in 't.region' does not end with a terminator"]


def test_a_successor_stands_in_the_same_region() -> None:
    holder, blocks = control_flow((1,), ())
    blocks[0].terminator.successors = (Block(),)
    assert messages(holder) == ["a successor of 't.end' stands in another region"]


def test_what_has_successors_is_last() -> None:
    holder, blocks = control_flow((1,), ())
    blocks[0].append(Operation("t.end", successors=[blocks[1]]))
    assert messages(holder) == ["'t.end' must be the last operation of its block"]


@pytest.mark.parametrize(
    ("operands", "results", "properties", "message"),
    [
        (0, 1, ("p",), "'checked.wants' has at least 1 operands, not 0"),
        (1, 2, ("p",), "'checked.wants' has 1 result, not 2"),
        (3, 1, (), "'checked.wants' needs the property 'p'"),
        (1, 1, ("p", "r"), "'checked.wants' has no property 'r'"),
        (2, 1, ("p", "q"), ""),
    ],
)
def test_counts_and_properties_are_as_declared(operands: int, results: int, properties: tuple[str, ...], message: str) -> None:
    module = create_module()
    values = module.body.append(Operation("t.define", result_types=[I32] * 3)).results
    module.body.append(Operation("checked.wants", values[:operands], [F32] * results, {name: StringAttribute("") for name in properties}))
    assert messages(module) == ([message] if message else [])


def test_a_verifier_that_stumbles_over_broken_ir_is_a_diagnostic() -> None:
    module = create_module()
    module.body.append(Operation("checked.picky"))
    assert messages(module) == ["'checked.picky' is malformed: a property or type is not of the kind that the operation needs: 'missing'"]


def test_links_and_use_lists_are_checked() -> None:
    module = create_module()
    definition = module.body.append(Operation("t.define", result_types=[I32]))
    use = module.body.append(Operation("t.use", definition.results))
    assert messages(module) == []
    definition.results[0]._users = None
    assert messages(module) == ["operand 0 of 't.use' does not know of this use"]
    definition.results[0]._users = [use, definition]
    assert any("counts uses by 't.define' that are none" in message for message in messages(module))
    definition.results[0]._users = use
    use.parent = None
    assert messages(module) == ["'t.use' does not stand where its block says"]
    use.parent = module.body
    module.body.last = definition
    assert messages(module) == ["a block in 'builtin.module' does not end where it says"]
    module.body.last = use
    module.body.parent = None
    assert messages(module) == ["a block in 'builtin.module' belongs to another region"]


def test_a_value_knows_how_often_it_is_used_however_many_users_it_has() -> None:
    module = create_module()
    definition = module.body.append(Operation("t.define", result_types=[I32]))
    value = definition.result
    twice = module.body.append(Operation("t.twice", [value, value]))
    value._users = twice
    assert messages(module) == ["operand 0 of 't.twice' does not know of this use"]
    value._users = [twice, twice]
    assert messages(module) == []
    once = module.body.append(Operation("t.once", [value]))
    value._users = [twice, once]
    assert messages(module) == ["operand 0 of 't.twice' does not know of this use"]
    value._users = {twice: 2, once: 2}
    assert messages(module) == ["a value of type i32 counts uses by 't.once' that are none"]
    value._users = {twice: 2}
    assert messages(module) == ["operand 0 of 't.once' does not know of this use"]
    value._users = {twice: 2, once: 1}
    assert messages(module) == []
    argument = module.body.add_argument(I32)
    argument._users = definition
    assert "a value of type i32 counts uses by 't.define' that are none" in messages(module)


def test_a_value_that_stands_nowhere_is_told() -> None:
    module = create_module()
    module.body.append(Operation("t.use", Operation("t.define", result_types=[I32]).results))
    assert messages(module) == ["operand 0 of 't.use' is defined nowhere"]


def test_unknown_operations_of_known_dialects_are_told_with_a_hint() -> None:
    module = create_module()
    module.body.append(Operation("arith.adi"))
    (found,) = verify(module)
    assert found.message == "dialect 'arith' has no operation 'arith.adi'"
    assert found.hint == "did you mean 'arith.addi'?"


def test_a_diagnostic_names_the_place_and_the_node() -> None:
    module = create_module()
    location = NameLocation("/conv1/Conv", FileLocation("model.onnx", 3, 1))
    properties = {"value": IntegerAttribute(1, I32), "x": StringAttribute("")}
    module.body.append(Operation("arith.constant", (), [I32], properties, location=location))
    with pytest.raises(TinyirError) as caught:
        verify_or_raise(module)
    assert str(caught.value) == "model.onnx:3:1: error: 'arith.constant' has no property 'x'\nnote: from '/conv1/Conv'"


def test_the_number_of_diagnostics_is_limited() -> None:
    module = create_module()
    for _ in range(50):
        module.body.append(Operation("arith.nothing"))
    assert len(verify(module, limit=7)) == 7
