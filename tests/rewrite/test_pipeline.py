"""Pipelines in Python, in text and in files say the same; what is wrong in a text is told at its place."""

import random
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

import tinyir
from tinyir.driver.api import begin
from tinyir.driver.pipeline import passes_of, read_pipeline
from tinyir.ir.errors import Place, TinyirError
from tinyir.ir.operation import Operation
from tinyir.passes.jam_outputs import JamOutputs
from tinyir.rewrite import pass_finder
from tinyir.rewrite.observer import Hooks, PassReport
from tinyir.rewrite.option_text import spell_option, typed_option
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import Nest, PassPipeline, nest
from tinyir.rewrite.pipeline_text import PassText
from tinyir.rewrite.pipeline_text import read_pipeline as read_text

NETWORK = """
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %a = graph.relu(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %a : tensor<1x4xf32>
}
"""


EITHER: tuple[int | str, ...] = (4, "4", "none", "true")


class Order(Enum):
    """An option whose values have names."""

    ROWS = 1
    COLUMNS = 2


@attrs.frozen
class Everything(Pass):
    """One option of each kind."""

    name = "everything"
    reads = ("loop",)
    count: int = 0
    ratio: float = 0.0
    fast: bool = False
    text: str = ""
    file: Path = Path()
    limit: int | None = None
    label: str | None = None
    kind: Literal["one", "two", 3] = "one"
    order: Order = Order.ROWS
    pair: tuple[int, str] = (0, "")
    list: tuple[tuple[int, ...], ...] = ()
    either: int | str = 0
    checked: int = attrs.field(default=1, validator=attrs.validators.gt(0))

    def run(self, module: Operation, context: PassContext) -> None:
        """Nothing."""


@pytest.fixture(autouse=True)
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass above is known by its name."""
    find: Callable[..., type[Pass]] = pass_finder.find_pass

    def found(name: str, place: Place | None = None) -> type[Pass]:
        return Everything if name == "everything" else find(name, place)

    monkeypatch.setattr(pass_finder, "find_pass", found)


def random_text(source: random.Random) -> str:
    return "".join(source.choice('ab "\\\n,{}[]()=1-é//none') for _ in range(source.randrange(6)))


def random_pass(source: random.Random) -> Everything:
    return Everything(
        source.randrange(-9, 9),
        source.choice([0.0, 1e300, -2.5e-7, float("inf"), -float("inf"), 3.0]),
        source.random() < 0.5,
        random_text(source),
        Path(random_text(source) or "."),
        source.choice([None, 3, -1]),
        source.choice([None, "none", random_text(source)]),
        source.choice(["one", "two", 3]),
        source.choice(list(Order)),
        (source.randrange(9), random_text(source)),
        tuple(tuple(range(source.randrange(3))) for _ in range(source.randrange(3))),
        source.choice(EITHER),
        source.randrange(1, 5),
    )


def random_items(source: random.Random, depth: int = 0) -> list[Pass | Nest]:
    made: list[Pass | Nest] = []
    for _ in range(source.randrange(4)):
        made.append(nest("loop", random_items(source, depth + 1)) if depth < 3 and source.random() < 0.4 else random_pass(source))
    return made


@pytest.mark.parametrize("seed", range(100))
def test_any_pipeline_reads_back_equal(seed: int, tmp_path: Path) -> None:
    pipeline = PassPipeline(random_items(random.Random(seed)))
    assert PassPipeline.parse(str(pipeline)) == pipeline
    assert eval(repr(pipeline), {"PassPipeline": PassPipeline}) == pipeline
    pipeline.save(tmp_path / "a.passes")
    assert read_pipeline(f"@{tmp_path / 'a.passes'}") == pipeline


def test_a_file_may_have_comments_and_lines(tmp_path: Path) -> None:
    file = tmp_path / "mine.passes"
    file.write_text("// what I try today\ncse, // first\n\nloop(\n  jam_outputs{factor=2},\n),\n")
    assert PassPipeline.load(file) == PassPipeline(["cse", nest("loop", [JamOutputs(2)])])


def test_the_passes_are_those_of_all_levels_in_order() -> None:
    pipeline = PassPipeline.parse("cse,graph(dce,graph(canonicalize)),loop(fuse_nests)")
    assert [instance.name for instance in pipeline.passes] == ["cse", "dce", "canonicalize", "fuse_nests"]
    assert PassPipeline(str(pipeline)) == pipeline
    assert str(pipeline + PassPipeline(["dce"])) == "cse,graph(dce,graph(canonicalize)),loop(fuse_nests),dce"


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("cse,graph(dcee)", 11, "unknown pass 'dcee'", "did you mean 'dce'?"),
        ("grahp(cse)", 1, "no dialect 'grahp' for passes to run at", "did you mean 'graph'?"),
        ("graph(cse", 10, "expected ',' or ')', not the end", ""),
        ("graph(cse))", 11, "expected ',' or the end, not ')'", ""),
        ("cse dce", 5, "expected ',', not 'dce'", ""),
        ("graph(fuse_nests)", 7, "pass 'fuse_nests' works on loop, not on graph", "write loop(fuse_nests)"),
        ("everything{coun=1}", 12, "pass 'everything' has no option 'coun'", "did you mean 'count'?"),
        ("everything{count=1,count=2}", 20, "option 'count' is given twice", ""),
        ("everything{count=1.5}", 12, "option 'count' of pass 'everything' must be of type int, not '1.5'", ""),
        ('everything{count="1"}', 12, "option 'count' of pass 'everything' must be of type int, not '1'", ""),
        ("everything{fast=yes}", 12, "option 'fast' of pass 'everything' must be of type bool, not 'yes'", ""),
        ("everything{kind=tow}", 12, "option 'kind' of pass 'everything' must be one of one, two, 3, not 'tow'", "did you mean 'two'?"),
        ("everything{order=COLUMN}", 12, "must be one of ROWS, COLUMNS, not 'COLUMN'", "did you mean 'COLUMNS'?"),
        ("everything{pair=[1]}", 12, "must be [int, str], not '[1]'", ""),
        ("everything{list=[1]}", 12, "must be a list of a list of int, not '[1]'", ""),
        ("everything{limit=x}", 12, "must be of type int or none, not 'x'", ""),
        ("everything{checked=0}", 1, "pass 'everything' does not take these options: 'checked' must be > 0: 0", ""),
        ('everything{text="a}', 17, "expected a word or a number or a text in quotes, not '\"'", "a text ends with \" on its line"),
        ('everything{text="\\q"}', 17, "is no text", "a text is quoted as in JSON"),
        ("graph(default)", 7, "'default' stands for the passes of a level", "write it inside one"),
        ("a" + "(a" * 40, 65, "more than 32 brackets inside each other", ""),
        ("everything{list=" + "[" * 40, 50, "more than 32 brackets inside each other", ""),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(TinyirError) as caught:
        PassPipeline.parse(text)
    first = caught.value.diagnostics[0]
    assert (first.place.line, first.place.column, first.place.text) == (1, column, text)
    assert message in first.message
    assert hint in first.hint


def test_all_mistakes_are_told_each_on_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.passes"
    file.write_text("csee,\nloop(fold_read),\n// fine\nplan_memory{shar=1}\n")
    with pytest.raises(TinyirError) as caught:
        PassPipeline.load(file)
    assert [str(d.place) for d in caught.value.diagnostics] == [f"{file}:1:1", f"{file}:2:6", f"{file}:4:13"]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("3", float, 3.0), ("-inf", float, -float("inf")),
     ("[1,[a,b]]", tuple[int, tuple[str, ...]], (1, ("a", "b"))), ("[]", tuple[int, ...], ()), ("[1]", list[int], [1])],
)  # fmt: skip
def test_values_have_the_type_that_is_declared(text: str, kind: Any, value: object) -> None:
    (read,) = read_text(f"p{{x={text}}}")
    assert isinstance(read, PassText)
    found = typed_option(read.options["x"][0], kind, "x", Place())
    assert found == value
    assert type(found) is type(value)
    assert spell_option(value) == text.replace("3", "3.0")


def test_passes_of_another_level_are_an_error_that_names_the_way() -> None:
    with pytest.raises(TinyirError, match="nothing for loop") as caught:
        PassPipeline.parse("loop(fuse_nests)").run(tinyir.parse(NETWORK))
    assert caught.value.diagnostics[0].message == "nothing for loop(...) to do: the module holds operations of graph"
    assert caught.value.diagnostics[0].hint == "lower_to_loops leads there"


def test_a_compilation_runs_what_its_levels_are_told() -> None:
    texts: list[str] = []
    hooks = Hooks(progress=texts.append)
    begin(tinyir.parse(NETWORK), hooks=hooks, passes="graph(default,dce),loop(default,jam_outputs{factor=2})").lower("loop")
    assert texts == [*passes_of("graph"), "dce", *passes_of("loop"), "jam_outputs{factor=2}"]


def test_what_stands_at_no_level_cannot_be_compiled() -> None:
    for text, message in (("dce", "pass 'dce' stands at no level"), ("arith(dce)", "'arith' is no level")):
        with pytest.raises(TinyirError, match=message):
            begin(tinyir.parse(NETWORK), passes=text)


def test_reports_number_the_passes_through_all_levels() -> None:
    reports: list[PassReport] = PassPipeline.parse("graph(cse,graph(dce)),canonicalize").run(tinyir.parse(NETWORK), hooks=Hooks(first_number=4))
    assert [(report.number, report.text) for report in reports] == [(4, "cse"), (5, "dce"), (6, "canonicalize")]


@pytest.mark.parametrize("name", ["bufferize", "plan_memory", "lower_to_c"])
def test_a_pass_at_another_level_is_refused_before_it_runs(name: str) -> None:
    """It would meet operations that it does not know."""
    module = tinyir.parse(NETWORK)
    before = str(module)
    with pytest.raises(TinyirError, match=f"pass '{name}' cannot lower 'graph.relu'"):
        PassPipeline.parse(name).run(module, PassContext())
    assert str(module) == before
