"""What notebooks show: modules, pipelines, proofs and figures as HTML that says what the text says."""

import re
from html import unescape

import tinyir
from tinyir.driver.api import Bench, Compiled, Figures
from tinyir.prove.obligations import Ledger, Obligation
from tinyir.rewrite.pipeline import PassPipeline
from tinyir.text.html import LINES_SHOWN, module_html, table_html

CONSTANT = ", ".join(f"{i}.0" for i in range(20))
TEXT = """func.func @net(%x: tensor<20xf32>) -> tensor<20xf32> {
  %w = graph.constant() {value = dense<[CONSTANT]> : tensor<20xf32>} : () -> tensor<20xf32>
  %y = graph.add(%x, %w) : (tensor<20xf32>, tensor<20xf32>) -> tensor<20xf32>
  "my.op"() {text = "a < b & \\"c\\""} : () -> ()
  return %y : tensor<20xf32>
}
""".replace("CONSTANT", CONSTANT)
SMALL = """func.func @net(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = graph.relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}"""


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_a_module_is_its_text_with_great_constants_left_out() -> None:
    module = tinyir.parse(TEXT)
    html = module._repr_html_()
    assert words(html) == tinyir.print(module, elide=16)
    assert "dense_resource" in html
    assert '<span style="color: #7a2ea0">graph.add</span>' in html
    assert html.count("<span") == html.count("</span>") >= 20


def test_a_long_module_is_folded_up() -> None:
    lines = '"my.op"() : () -> ()\n' * LINES_SHOWN
    assert module_html(tinyir.parse(lines)).startswith(f"<details><summary>builtin.module, {LINES_SHOWN + 2} lines</summary><pre")


def test_the_reports_of_a_pipeline_are_a_table() -> None:
    reports = PassPipeline.parse("canonicalize,cse").run(tinyir.parse(TEXT))
    html = reports._repr_html_()
    assert html.count("<tr>") == 3
    assert "<td style=\"text-align: left\">canonicalize</td>" in html


def test_proofs_are_a_table_with_their_states() -> None:
    ledger = Ledger()
    ledger.add(Obligation("range", "relu_1", "x < y"))
    html = ledger._repr_html_()
    assert "<td style=\"text-align: left\">x &lt; y</td>" in html
    assert "<td style=\"text-align: left\">not attempted</td>" in html
    assert "<caption>1 obligations: 0 proved, 0 refuted, 0 unknown, 1 not attempted</caption>" in html


def test_a_compilation_shows_passes_and_proofs() -> None:
    compiled = tinyir.compile(tinyir.parse(SMALL), "host")
    assert isinstance(compiled, Compiled)
    html = compiled._repr_html_()
    assert html.count("<table>") == 3
    assert "lower_to_loops" in html
    assert "arena bytes" in html


def test_figures_are_a_table_with_numbers_to_the_right() -> None:
    figures = Figures("net", "host", "size", 1234567, None, 10, 20, 30, 40, 50, None, {"proved": 3}, 1, 2.5)
    html = Bench([figures])._repr_html_()
    assert '<td style="text-align: right">1,234,567</td>' in html
    assert html.count("<th>") == html.count("<td")
    assert Bench([figures]) == (figures,)


def test_tables_escape_what_they_hold() -> None:
    assert table_html(["<a>"], [["<b>"], [None], [True]], "<c>") == (
        "<table><caption>&lt;c&gt;</caption><thead><tr><th>&lt;a&gt;</th></tr></thead><tbody>"
        + "".join(f'<tr><td style="text-align: left">{text}</td></tr>' for text in ("&lt;b&gt;", "", "True"))
        + "</tbody></table>"
    )
