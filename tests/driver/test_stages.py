"""What the commands show on the way: the IR after passes, their differences, their times and their rewrites."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest

from tests.driver.test_commands import NETWORK
from tinyir.driver.command_line import main
from tinyir.driver.rewrites_page import rewrites_page
from tinyir.driver.stages import PrintChanges, Style, Watch
from tinyir.ir.attributes import DenseElements
from tinyir.ir.operation import Operation
from tinyir.rewrite.observer import Hooks
from tinyir.rewrite.passes import Pass, PassContext
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.rewrite.trace import Rewrite, Trace
from tinyir.text.reader import parse

TWO_FUNCTIONS = """module {
  func.func @first(%x: tensor<4xf32>) -> tensor<4xf32> {
    %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("act")
    func.return %b : tensor<4xf32>
  }
  func.func @second(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = graph.relu(%0) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %1 : tensor<4xf32>
  }
}
"""


def tinyir(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    (tmp_path / "net.tir").write_text(NETWORK)
    return tmp_path / "net.tir"


@pytest.fixture
def relus(tmp_path: Path) -> Path:
    (tmp_path / "relus.tir").write_text(TWO_FUNCTIONS)
    return tmp_path / "relus.tir"


def test_numbered_files_hold_the_input_and_the_module_after_each_pass_that_changed_it(relus: Path) -> None:
    stages = relus.parent / "stages"
    assert tinyir("opt", relus, "-p", "cse,canonicalize,dce", f"--print-after-all={stages}") == 0
    assert sorted(path.name for path in stages.iterdir()) == ["00_input.tir", "02_canonicalize.tir"]
    assert (stages / "00_input.tir").read_text().count("graph.relu") == 4
    assert (stages / "02_canonicalize.tir").read_text().count("graph.relu") == 2


def test_compile_numbers_its_stages_over_all_levels(network: Path) -> None:
    stages = network.parent / "stages"
    assert tinyir("compile", network, "-t", "host", "-o", network.parent / "out", f"--print-after-all={stages}", "--elide", "1") == 0
    names = sorted(path.name for path in stages.iterdir())
    numbers = [int(name[:2]) for name in names]
    assert numbers == sorted(set(numbers))
    assert (names[0], names[-1].partition("_")[2]) == ("00_input.tir", "simplify_c.tir")
    assert "__elided__" in (stages / "00_input.tir").read_text()
    for name in names:
        parse((stages / name).read_text(), name)


def test_without_a_folder_the_ir_goes_to_stderr(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", network, "-p", "cse,dce", "--print-after-all") == 0
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("//")] == ["// after 1: cse (no change)", "// after 2: dce (no change)"]


def test_changes_are_unified_diffs_of_the_passes_that_made_some(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", relus, "-p", "cse,canonicalize,dce", "--print-changed") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["--- before 2: canonicalize", "+++ after 2: canonicalize"]
    assert len([line for line in lines if line.startswith("--- ")]) == 1
    assert "-    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>" in lines


def test_a_value_that_did_not_change_keeps_its_number_in_a_diff(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = relus.read_text().replace("%b = graph.relu(%a)", "%8 = graph.relu(%a)").replace("return %b", "return %8")
    last = text.rindex("    func.return")
    relus.write_text(text[:last] + '    %2 = "x.y"(%x) : (tensor<4xf32>) -> i1\n' + text[last:])
    assert tinyir("opt", relus, "-p", "canonicalize", "--print-changed") == 0
    assert not [line for line in capsys.readouterr().err.splitlines() if "x.y" in line and line[0] in "+-"]


def test_printing_is_narrowed_to_passes_and_functions(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", relus, "-p", "canonicalize,cse", "--print-after-all", "--print-passes=cse", "--print-functions=second") == 0
    said = capsys.readouterr().err
    assert [line for line in said.splitlines() if line.startswith("//")] == ["// after 2: cse (no change)"]
    assert re.findall(r"@\w+", said) == ["@second"]
    assert tinyir("opt", relus, "-p", "canonicalize", "--print-changed", "--print-passes=cse") == 0
    assert capsys.readouterr().err == ""


@attrs.frozen
class Negate(Pass):
    """A pass that changes nothing but the elements of constants."""

    def run(self, module: Operation, context: PassContext) -> None:
        for operation in module.walk():
            value = operation.properties.get("value")
            if isinstance(value, DenseElements):
                operation.properties["value"] = DenseElements(value.type, bytes(byte ^ 0x80 for byte in value.data))


def test_a_change_inside_an_elided_constant_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    watch = PrintChanges(Watch(Style(elide=1)))
    PassPipeline([Negate()]).run(parse(NETWORK), PassContext(), Hooks(observers=(watch,)))
    first, second, third = capsys.readouterr().err.splitlines()
    assert (first, second) == ("--- before 1: test_stages", "+++ after 1: test_stages")
    assert third.startswith("builtin.module/region 0/0 func.func/region 0/1 graph.constant: propert")


def test_timing_is_a_tree_of_passes_with_their_rules_and_provers(relus: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", relus, "-p", "canonicalize,cse", "--timing") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["ms", "rewrites", "proofs"]
    assert re.fullmatch(r"all passes +[\d.]+ +2", lines[1])
    assert re.fullmatch(r"   1 canonicalize +[\d.]+ +2", lines[2])
    assert re.fullmatch(r"       relu_of_relu +2", lines[3])
    assert re.fullmatch(r"   2 cse +[\d.]+", lines[4])
    assert tinyir("compile", network, "-t", "host", "-o", network.parent / "out", "--timing") == 0
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"all passes +[\d.]+ +(\d+ +)?\d+", lines[1])
    assert re.fullmatch(r"  provers +[\d.]+", lines[2])
    number = next(i for i, line in enumerate(lines) if "prove_bounds" in line)
    assert lines[number + 1].split()[0] == "provers"


def test_proofs_tell_their_times_the_longest_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "two.rules"
    rules.write_text("group g\n\nrule twice   graph.relu(graph.relu(x))  =>  graph.relu(x)\n\nrule none   graph.negate(graph.negate(x))  =>  x\n")
    assert tinyir("prove", rules, "--timing") == 0
    lines = capsys.readouterr().err.splitlines()
    lines = lines[next(i for i, line in enumerate(lines) if line.split() == ["ms", "obligations"]) :]
    assert re.fullmatch(r"all +[\d.]+ +2", lines[1])
    assert re.fullmatch(r"  rule +[\d.]+ +2", lines[2])
    times = [float(line.split()[1]) for line in lines[3:]]
    assert {line.split()[0] for line in lines[3:]} == {"twice", "none"}
    assert times == sorted(times, reverse=True)


def test_files_hold_locations_and_so_does_what_is_printed_on_request(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = relus.parent / "stages"
    assert tinyir("opt", relus, "-p", "canonicalize", f"--print-after-all={stages}") == 0
    assert "loc(" not in capsys.readouterr().out
    assert '= loc("act")\n' in (stages / "01_canonicalize.tir").read_text()
    assert tinyir("opt", relus, "-p", "canonicalize", "--print-after-all", "--locations") == 0
    said = capsys.readouterr()
    assert '= loc("act")\n' in said.out
    assert '= loc("act")\n' in said.err


def test_rewrites_are_traced_as_text_and_as_json_lines(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", relus, "-p", "canonicalize", "--trace-rewrites") == 0
    said = capsys.readouterr().err
    assert re.match(r"relu_of_relu \(specs/rules/arithmetic\.rules:\d+:\d+\) in canonicalize for 'act' at .*\n  - graph\.relu\(graph\.relu\(%x\)\)\n", said)
    assert tinyir("opt", relus, "-p", "canonicalize", f"--trace-rewrites={relus.parent / 't.jsonl'}") == 0
    entries = [json.loads(line) for line in (relus.parent / "t.jsonl").read_text().splitlines()]
    assert [(entry["rule"], entry["stage"]) for entry in entries] == [("relu_of_relu", "canonicalize")] * 2
    assert [entry["nodes"] for entry in entries] == [["act"], []]
    assert "    %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32>" in entries[0]["changes"][0]["gone"]


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[str] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += [name for name, _ in attributes]
        self.inside = tag == "script"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)
            self.inside = False


def test_the_page_of_rewrites_holds_all_it_needs(relus: Path) -> None:
    assert tinyir("opt", relus, "-p", "canonicalize", f"--trace-rewrites={relus.parent / 't.html'}") == 0
    page = Page((relus.parent / "t.html").read_text())
    assert not {"src", "href"} & set(page.attributes)
    assert [entry["rule"] for entry in json.loads(page.scripts[0])] == ["relu_of_relu"] * 2


def test_no_text_of_a_model_can_end_the_script_of_the_page() -> None:
    trace = Trace(rewrites=[Rewrite("</script><b>", "a:1:1", "p", "unknown", ("<i>",), "x", "y")])
    page = Page(rewrites_page(trace, "<u>.tir"))
    assert json.loads(page.scripts[0])[0]["rule"] == "</script><b>"
    assert len(page.scripts) == 2


def test_a_trace_of_no_known_kind_is_an_error(relus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tinyir("opt", relus, "--trace-rewrites=t.png") == 1
    assert capsys.readouterr().err == "error: --trace-rewrites=t.png: the name must end with .jsonl, .html, .txt\n"
