"""Operations, values, blocks: links and use lists under every edit."""

from __future__ import annotations

import gc
import pickle
import random

import pytest

from tinyir.ir.attributes import IntegerAttribute, StringAttribute, UnitAttribute
from tinyir.ir.builder import Builder, create_function, create_module, find_symbol, functions
from tinyir.ir.collection import never_collected
from tinyir.ir.equality import first_difference, structurally_equal
from tinyir.ir.location import FileLocation
from tinyir.ir.operation import Block, Operation, Region, Value
from tinyir.ir.types import F32, I32, TensorType
from tinyir.ir.verifier import verify
from tinyir.text.reader import parse


def source() -> Operation:
    return Operation("t.source", result_types=[I32])


def test_a_value_knows_its_users_and_their_slots() -> None:
    value = source().result
    assert (value.users, value.use_count, value.has_one_use) == ((), 0, False)
    one = Operation("t.use", [value])
    assert (value.users, value.use_count, value.has_one_use) == ((one,), 1, True)
    two = Operation("t.use", [value, value])
    assert (value.users, value.use_count, value.has_one_use) == ((one, two), 3, False)
    two.set_operand(0, source().result)
    assert (value.use_count, value.uses_by(two)) == (2, 1)
    two.operands = ()
    assert (value.users, value.has_one_use) == ((one,), True)


def test_use_lists_stay_right_however_many_users_come_and_go() -> None:
    choose = random.Random(5)
    values: list[Value] = [source().result for _ in range(3)]
    users = [Operation("t.use") for _ in range(20)]
    for _ in range(2000):
        user = choose.choice(users)
        user.operands = [choose.choice(values) for _ in range(choose.randrange(4))]
        for value in values:
            counts = {user: user.operands.count(value) for user in users if value in user.operands}
            assert set(value.users) == set(counts)
            assert value.use_count == sum(counts.values())
            assert all(value.uses_by(user) == count for user, count in counts.items())


def test_replacing_a_value_reaches_every_slot() -> None:
    old, new = source().result, source().result
    user = Operation("t.use", [old, new, old])
    old.replace_by(new)
    assert user.operands == (new, new, new)
    assert (old.use_count, new.use_count) == (0, 3)
    new.replace_by(new)
    assert new.use_count == 3


def test_an_operation_that_is_used_is_not_erased() -> None:
    definition = source()
    user = Operation("t.use", [definition.result])
    with pytest.raises(ValueError, match=r"cannot erase 't\.source': its result is still used by 't\.use'"):
        definition.erase()
    user.erase()
    definition.erase()


def test_replacing_an_operation_erases_it() -> None:
    block = Block([I32])
    definition = block.append(source())
    user = block.append(Operation("t.use", [definition.result]))
    definition.replace_by(block.arguments[0])
    assert block.operations == [user]
    assert user.operands == (block.arguments[0],)


def test_operations_are_linked_in_the_order_of_the_block() -> None:
    block = Block()
    operations = [block.append(Operation(f"t.o{i}")) for i in range(4)]
    operations[3].move_before(operations[0])
    operations[0].move_after(operations[1])
    operations[3].move_after(operations[2])
    expected = [operations[1], operations[0], operations[2], operations[3]]
    assert block.operations == expected
    assert list(block.reversed()) == expected[::-1]
    assert block.terminator is operations[3]
    operations[2].detach()
    assert operations[2].parent is None
    assert block.operations == [operations[1], operations[0], operations[3]]


def test_a_block_may_lose_operations_while_it_is_walked() -> None:
    module = create_module()
    for _ in range(5):
        module.body.append(Operation("t.a", regions=[Region([Block()])])).body.append(Operation("t.b"))
    for operation in module.walk():
        if operation.name == "t.a":
            operation.erase()
    assert module.body.first is None


def test_block_arguments_come_and_go() -> None:
    block = Block([I32, F32])
    third = block.add_argument(I32, "x")
    user = Operation("t.use", [block.arguments[1]])
    with pytest.raises(ValueError, match="cannot remove block argument 1: it is used"):
        block.remove_argument(1)
    block.remove_argument(0)
    assert [argument.index for argument in block.arguments] == [0, 1]
    assert third.index == 1
    assert user.operands[0].block is block
    assert user.operands[0].definer is None


def test_properties_and_attributes_are_two_dictionaries() -> None:
    operation = Operation("t.a", properties={"x": UnitAttribute()})
    operation.attributes["y"] = StringAttribute("y")
    operation.attributes["x"] = StringAttribute("hidden")
    assert operation["x"] is UnitAttribute()
    assert operation["y"] is StringAttribute("y")
    assert operation.get("z") is None
    with pytest.raises(KeyError):
        operation["z"]
    operation.properties = {}
    assert operation.get("x") is StringAttribute("hidden")


def nest() -> Operation:
    """A module with a region that uses outer values, blocks that branch, and a use before the definition."""
    module = create_module()
    builder = Builder.at_end(module.body)
    outer = builder.create("t.source", (), [I32, F32]).results
    outer[0].name = "outer"
    first, second = Block([I32]), Block()
    region = Region([first, second])
    builder.create("t.region", [outer[1]], [I32], {"p": IntegerAttribute(1, I32)}, [region], (), {"a": UnitAttribute()})
    Builder.at_end(first).create("t.use", [first.arguments[0], outer[0]])
    Builder.at_end(first).create("t.branch", successors=[second, second])
    late = Operation("t.late", result_types=[I32])
    Builder.at_end(second).create("t.early", [late.result])
    second.append(late)
    Builder.at_end(second).create("t.end")
    return module


def test_a_clone_is_equal_and_shares_nothing() -> None:
    module = nest()
    copy = module.clone()
    assert structurally_equal(module, copy)
    assert not {id(operation) for operation in module.walk()} & {id(operation) for operation in copy.walk()}
    values = {value for operation in copy.walk() for value in operation.results}
    assert all(operand in values or operand.definer is None for operation in copy.walk() for operand in operation.operands)
    assert copy.body.first is not None
    assert copy.body.first.results[0].name == "outer"
    assert len(verify(copy)) == len(verify(module)) == 1
    copy.drop_references()
    assert structurally_equal(module, nest())


def test_a_clone_of_what_uses_itself_and_what_comes_later_uses_its_own() -> None:
    text = '"builtin.module"() ({ %0 = "t.a"(%0, %1) : (i1, i1) -> i1 %1 = "t.b"(%0) : (i1) -> i1 }) : () -> ()'
    module = parse(text)
    copy = module.clone()
    assert structurally_equal(module, copy)
    first, second = copy.body
    assert first.operands == (first.result, second.result)
    assert set(first.result.users) == {first, second}
    assert set(module.body.operations[0].result.users) == set(module.body)


def test_the_collector_rests_while_a_clone_is_made_and_no_longer() -> None:
    module = parse('"t.a"() ({ "t.b"() : () -> () }) : () -> ()')
    for before in (True, False):
        (gc.enable if before else gc.disable)()
        try:
            with never_collected():
                assert not gc.isenabled()
                module.clone()
                assert not gc.isenabled()
            assert gc.isenabled() is before
        finally:
            gc.enable()


def test_a_clone_takes_replacements_for_outer_values() -> None:
    old, new = source().result, source().result
    copy = Operation("t.use", [old, old]).clone({old: new})
    assert copy.operands == (new, new)
    assert old.use_count == 2


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda m: m.body.operations[1].properties.clear(), "/1 t.region: property 'p' 1 : i32 against None"),
        (lambda m: m.body.operations[1].attributes.clear(), "/1 t.region: attribute 'a' unit against None"),
        (lambda m: m.body.operations[1].region.blocks[1].operations[0].erase(), "block 1/0 t.early: 't.early' against 't.late'"),
        (lambda m: m.body.append(source()), "region 0: 2 operations against 3"),
        (lambda m: m.body.operations[1].region.add(Block()), "1 t.region/region 0: 2 blocks against 3"),
        (lambda m: m.body.operations[1].body.add_argument(F32), "region 0/block 0: arguments"),
        (lambda m: m.body.operations[1].body.operations[0].set_operand(0, m.body.operations[0].results[0]), "block 0/0 t.use: operand 0: another value"),
    ],
)
def test_the_first_difference_is_told_with_the_way_to_it(change: object, difference: str) -> None:
    module, other = nest(), nest()
    assert callable(change)
    change(other)
    assert not structurally_equal(module, other)
    assert difference in first_difference(module, other)


def test_locations_count_only_when_asked() -> None:
    module, other = nest(), nest()
    other.location = FileLocation("f", 1, 1)
    assert structurally_equal(module, other)
    assert first_difference(module, other, locations=True) == 'builtin.module: location unknown against "f":1:1'


def test_builders_insert_where_they_say() -> None:
    module = create_module()
    function = create_function(module, "f", [I32], [I32], FileLocation("f", 1, 2))
    middle = Builder.at_end(function.body).create("t.middle")
    Builder.at_start(function.body).create("t.first")
    Builder.before(middle).create("t.before")
    Builder.after(middle).create("t.after")
    Builder.after(function.body.terminator).create("t.last")
    assert [operation.name for operation in function.body] == ["t.first", "t.before", "t.middle", "t.after", "t.last"]
    assert functions(module) == [function]
    assert find_symbol(module, "f") is function
    assert find_symbol(module, "g") is None
    assert middle.parent_operation is function
    assert list(middle.ancestors()) == [function, module]
    assert middle.is_inside(module)
    assert not module.is_inside(middle)


def test_types_and_attributes_survive_pickling_as_themselves() -> None:
    for value in (TensorType([2, 3], F32), IntegerAttribute(5, I32), StringAttribute("x"), FileLocation("f", 1, 2)):
        assert pickle.loads(pickle.dumps(value)) is value


def test_what_debuggers_show_is_one_line_each() -> None:
    module = create_module()
    function = create_function(module, "f", [I32], [I32])
    function.body.arguments[0].name = "x"
    twice = Builder.at_end(function.body).create("arith.addi", [function.body.arguments[0]] * 2, [I32])
    twice.result.name = "y"
    Builder.at_end(function.body).create("func.return", [twice.result])
    assert repr(module) == "<builtin.module() {3 operations}>"
    assert repr(twice) == "<%y = arith.addi(%x, %x) : (i32, i32) -> (i32)>"
    assert repr(twice.result) == "<%y : i32, of arith.addi, 1 use>"
    assert repr(function.body.arguments[0]) == "<%x : i32, block argument, 2 uses>"
    assert repr(function.body) == "<block(%x : i32) of func.func, 2 operations>"
    assert repr(function.region) == "<region of func.func, 1 block>"
    assert (repr(Block()), repr(Region())) == ("<block() of nothing, 0 operations>", "<region of nothing, 0 blocks>")
    assert str(twice) == "%y = arith.addi %x, %x : i32"
