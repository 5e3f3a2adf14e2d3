"""The page that shows every stage of a compilation."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.driver.test_commands import NETWORK
from tinyir.driver.api import compile as compile_model
from tinyir.driver.command_line import main
from tinyir.driver.inspection import InspectedStage, Proof, inspect_compilation
from tinyir.driver.inspection_data import packed, unpacked
from tinyir.text.reader import parse


class Page(HTMLParser):
    """The tags of a page, and the data in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if data.startswith('{"lines"'):
            self.data = data


def stages_of(path: Path) -> list[dict[str, Any]]:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.links == []
    assert page.tags.count("script") == 2
    return unpacked(json.loads(page.data))


def test_the_page_holds_every_stage_from_the_model_to_its_c(tmp_path: Path) -> None:
    (tmp_path / "net.tir").write_text(NETWORK)
    for name in ("a.html", "b.html"):
        assert main(["inspect", str(tmp_path / "net.tir"), "-t", "host", "-o", str(tmp_path / name), "--elide", "100"]) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    stages = stages_of(tmp_path / "a.html")
    compiled = compile_model(tmp_path / "net.tir", "host", name="net")
    assert [stage["title"] for stage in stages] == ["input", *(report.text for report in compiled.passes), "net.c", "net.h"]
    assert (stages[-2]["text"], stages[-1]["text"]) == (compiled.c.source, compiled.c.header)
    assert all(stage["about"] for stage in stages)
    for stage in stages[:-2]:
        if stage["text"]:
            parse(stage["text"], stage["title"])
    assert sum(len(stage["proofs"]) for stage in stages) == sum(compiled.c.manifest.proofs.values())
    assert {proof["state"] for stage in stages for proof in stage["proofs"]} == {"proved"}


def test_a_stage_tells_what_its_pass_changed_rewrote_and_proved() -> None:
    relus = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> attributes {input_names = ["x"], output_names = ["y"]} {
      %a = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("first")
      %b = graph.relu(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("second")
      return %b : tensor<4xf32>
    }"""
    stages = inspect_compilation(parse(relus), "host")
    first = next(stage for stage in stages if stage.title == "canonicalize")
    assert [rewrite.rule for rewrite in first.rewrites] == ["relu_of_relu"]
    assert re.findall(r"^-    (%\w+)", first.difference, re.MULTILINE)
    assert 'loc(fused["first", "second"])' in first.text
    unchanged = [stage for stage in stages if not stage.text]
    assert unchanged
    assert all(stage.difference == "" for stage in unchanged)
    assert next(stage for stage in stages if stage.title == "prove_bounds").proofs[0].kind == "bounds"


def test_the_page_holds_each_line_once_however_many_stages_have_it() -> None:
    lines = [f'%{i} = t.x() loc("node {i // 10}")' for i in range(100)]
    proof = Proof("bounds", "n", "0 <= i", "proved", "interval")
    stages = (
        InspectedStage("input", "It.", "\n".join([*lines, ""])),
        InspectedStage("dce", "Out.", "", proofs=(proof, proof)),
        InspectedStage("cse", "Less.", "\n".join([*lines[:50], "new", *lines[51:], ""]), "--- a\n+++ b\n@@ -51 +51 @@\n-%50 = t.x()\n+new\n"),
    )
    data = packed(stages, 240)
    assert len(set(data["lines"])) == len(data["lines"]) == 100 + 1 + 3 + 5
    assert data["stages"][2]["shown"] == [[0, 50], [data["lines"].index("new"), 1], [51, 49]]
    assert data["stages"][0]["from"] == [[place, 10] for place in range(10)]
    for stage, found in zip(stages, unpacked(data), strict=True):
        assert (found["title"], found["text"], found["difference"]) == (stage.title, stage.text, stage.difference)
        assert [list(entry.values()) for entry in found["proofs"]] == [["bounds", "n", "0 <= i", "proved", "interval"]] * len(stage.proofs)


def test_of_a_very_long_line_the_page_leaves_the_middle_out() -> None:
    line = f"%0 = t.scale() {{scale = [{', '.join('0.12345' for _ in range(300))}]}} : () -> i1"
    (found,) = unpacked(packed([InspectedStage("input", "It.", line)], 240))
    assert found["text"].startswith("%0 = t.scale() {scale = [0.12345, ")
    assert found["text"].endswith("]} : () -> i1\n")
    assert f"...{len(line) - 240} characters..." in found["text"]
