"""Modules, and whatever is in them, survive pickling and copying; interned values stay the one object that they are."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tinyir
from tinyir.ir.builder import functions
from tinyir.ir.equality import structurally_equal
from tinyir.ir.location import NameLocation, fuse
from tinyir.ir.operation import Block, Operation, Region, Result
from tinyir.ir.verifier import verify_or_raise

TEXT = """
#map = affine_map<(d0) -> (d0 floordiv 2)>
module attributes {note = #map} {
  func.func @net(%x: tensor<4x!quant.uniform<i8:f32, 0.5:3>>, %i: index) -> tensor<4x!quant.uniform<i8:f32, 0.5:3>> {
    %a = graph.relu(%x) : (tensor<4x!quant.uniform<i8:f32, 0.5:3>>) -> tensor<4x!quant.uniform<i8:f32, 0.5:3>> loc("relu_1")
    "cf.br"(%i)[^next] : (index) -> ()
  ^next(%k: index):
    return %a : tensor<4x!quant.uniform<i8:f32, 0.5:3>>
  }
}
"""


def module() -> Operation:
    return tinyir.parse(TEXT)


@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy], ids=["pickle", "deepcopy", "copy"])
def test_a_module_comes_back_equal_and_new(again: object) -> None:
    assert callable(again)
    old = module()
    new = again(old)
    assert structurally_equal(old, new, locations=True)
    assert tinyir.print(old, locations=True) == tinyir.print(new, locations=True)
    verify_or_raise(new)
    assert not {id(operation) for operation in old.walk()} & {id(operation) for operation in new.walk()}


def test_types_and_attributes_are_the_same_objects() -> None:
    old = module()
    new = pickle.loads(pickle.dumps(old))
    for before, after in zip(old.walk(), new.walk(), strict=True):
        assert all(before.properties[name] is after.properties[name] for name in before.properties)
        assert all(before.attributes[name] is after.attributes[name] for name in before.attributes)
        assert all(left.type is right.type for left, right in zip(before.results, after.results, strict=True))
        assert fuse(before.location, after.location) is before.location or not isinstance(before.location, NameLocation)


def test_everything_inside_brings_its_module_along_once() -> None:
    old = module()
    (function,) = functions(old)
    relu = function.body.first
    assert relu is not None
    together = pickle.loads(pickle.dumps((old, relu, relu.result, function.body.arguments[1], function.region.blocks[1], function.region)))
    new, new_relu, result, argument, block, region = together
    assert isinstance(result, Result)
    assert new_relu in list(new.walk())
    assert result.owner is new_relu
    assert (argument.name, argument.index) == ("i", 1)
    assert region.parent in list(new.walk())
    assert region.blocks[1] is block


def test_a_pickle_is_read_by_another_process(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(module()))
    script = f"import sys; sys.path.insert(0, {str(repository)!r}); import pickle; print(pickle.load(open('m.pickle', 'rb')))"
    outcome = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert outcome.stdout == tinyir.print(module())


def test_a_long_module_fits_the_stack() -> None:
    count = 20_000
    lines = [f'%{i + 1} = "t.next"(%{i}) : (i32) -> i32' for i in range(count)]
    long = tinyir.parse('%0 = "t.first"() : () -> i32\n' + "\n".join(lines))
    assert sum(1 for _ in pickle.loads(pickle.dumps(long)).walk()) == count + 2


def test_what_depends_on_the_outside_cannot_be_pickled_alone() -> None:
    relu = functions(module())[0].body.first
    assert relu is not None
    relu.detach()
    with pytest.raises(ValueError, match=r"cannot pickle 'graph.relu' alone: 'graph.relu' inside uses a value from outside"):
        pickle.dumps(relu)
    for loose, what in ((Block(), "a block that stands in no operation"), (Region(), "a region that belongs to no operation")):
        with pytest.raises(ValueError, match=f"cannot pickle {what}"):
            pickle.dumps(loose)
