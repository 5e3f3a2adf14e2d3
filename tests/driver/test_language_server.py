"""The language server as an editor meets it: pygls' own client starts `tinyir language-server` and talks to it over pipes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tinyir.driver.command_line import main
from tinyir.driver.commands import language_server_command
from tinyir.text.reader import parse

GOOD = """#half = affine_map<(d0) -> (d0 floordiv 2)>
module {
  func.func @inner(%x: tensor<1x4xf32>, %i: index) -> tensor<1x4xf32> {
    %a = graph.relu(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("relu_1")
    %b = graph.clamp(%a) {low = 0.0, high = 6.0} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    return %b : tensor<1x4xf32>
  }
  func.func @outer(%x: tensor<1x4xf32>, %i: index) -> tensor<1x4xf32> {
    "some.op"() {text = "🌊🌊🌊🌊🌊🌊🌊🌊", map = #half, size = 3 : index} : () -> ()   // %x
    %r = call @inner(%x, %i) {note = "🌊🌊🌊🌊🌊🌊🌊🌊"} : (tensor<1x4xf32>, index) -> tensor<1x4xf32>
    %unused = "graph.negate"(%r) : (tensor<1x4xf32>) -> tensor<1x4xf32>
    return %r : tensor<1x4xf32>
  }
}
"""
OUTSIDE = "model.onnx:1:1"
URI = "file:///models/net.tir"
BAD = Path(__file__).resolve().parent.parent / "bad"


class Editor(LanguageClient):
    """Opens one text and waits for what the server says of each of its versions."""

    def __init__(self, uri: str = URI) -> None:
        super().__init__("test", "1")
        self.uri = uri
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: self.published.put_nowait(params))
        self.text_version = 1

    async def open(self, text: str) -> types.PublishDiagnosticsParams:
        await self.start_io(sys.executable, "-m", "tinyir", "language-server")
        await self.initialize_async(types.InitializeParams(types.ClientCapabilities()))
        self.initialized(types.InitializedParams())
        self.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(self.uri, "tinyir", self.text_version, text)))
        return await self.published.get()

    def type(self, text: str) -> None:
        self.text_version += 1
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.text_document_did_change(types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(self.text_version, self.uri), [change]))

    async def hover(self, position: types.Position) -> str:
        found = await self.text_document_hover_async(types.HoverParams(types.TextDocumentIdentifier(self.uri), position))
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    async def location(self, position: types.Position) -> types.Location | None:
        found = await self.text_document_definition_async(types.DefinitionParams(types.TextDocumentIdentifier(self.uri), position))
        assert found is None or isinstance(found, types.Location)
        return found

    async def definition(self, position: types.Position) -> types.Range | None:
        found = await self.text_document_definition_async(types.DefinitionParams(types.TextDocumentIdentifier(self.uri), position))
        assert found is None or isinstance(found, types.Location)
        return found.range if found is not None else None


def session(text: str, steps: Callable[[Editor, types.PublishDiagnosticsParams], Awaitable[None]], uri: str = URI) -> None:
    """Starts a server, opens a text, takes the steps, shuts the server down; it must leave with 0."""

    async def run() -> None:
        editor = Editor(uri)
        try:
            first = await editor.open(text)
            await steps(editor, first)
            await editor.shutdown_async(None)
            editor.exit(None)
        finally:
            process = editor._server
            assert process is not None
            if sys.exc_info()[0] is not None:
                process.kill()
            stop: Callable[[], Awaitable[None]] = editor.stop
            await stop()
        assert process.returncode == 0

    asyncio.run(asyncio.wait_for(run(), 60))


def units(text: str) -> int:
    """The length as a client counts it."""
    return len(text.encode("utf-16-le")) // 2


def at(mark: str, text: str = GOOD, occurrence: int = 0) -> types.Position:
    """The position of a piece of text."""
    offset = -1
    for _ in range(occurrence + 1):
        offset = text.index(mark, offset + 1)
    return types.Position(text[:offset].count("\n"), units(text[text.rfind("\n", 0, offset) + 1 : offset]))


def words(found: types.Range, text: str) -> str:
    """The text in a range of one line."""
    line = text.split("\n")[found.start.line].encode("utf-16-le")
    return line[2 * found.start.character : 2 * found.end.character].decode("utf-16-le")


def test_the_text_of_these_tests_is_right() -> None:
    assert parse(GOOD).name == "builtin.module"


def test_what_is_said_of_another_file_stands_at_the_operation_that_comes_from_there() -> None:
    text = (BAD / "verifier.tir").read_text(encoding="utf-8")

    async def steps(_editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        (found,) = [d for d in published.diagnostics if d.message.startswith(f"{OUTSIDE}: ")]
        assert (found.range.start, words(found.range, text)) == (at('"func.func"', text), '"func.func"')

    session(text, steps)


@pytest.mark.parametrize("name", ["five_mistakes", "verifier", "unfinished"])
def test_the_diagnostics_are_those_of_opt(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = BAD / f"{name}.tir"
    assert main(["opt", str(path), "--quiet"]) == 1
    printed = capsys.readouterr().err
    heads = [line.split(": error: ") for line in printed.split("\n") if ": error: " in line]

    async def steps(_editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        places = [f"{d.range.start.line + 1}:{d.range.start.character + 1}" for d in published.diagnostics]
        inside = [head[0].startswith(f"{path}:") for head in heads]
        expected = [head[0].removeprefix(f"{path}:") for head in heads if head[0] != OUTSIDE]
        assert [place for place, is_inside in zip(places, inside, strict=True) if is_inside] == expected
        assert [d.message.split("\n")[0] for d in published.diagnostics] == [
            message if is_inside else f"{OUTSIDE}: {message}" for (_, message), is_inside in zip(heads, inside, strict=True)
        ]
        assert all(d.severity == types.DiagnosticSeverity.Error and d.source == "tinyir" for d in published.diagnostics)

    session(path.read_text(encoding="utf-8"), steps)


def test_a_diagnostic_covers_its_token_and_carries_hint_and_note() -> None:
    text = (BAD / "five_mistakes.tir").read_text(encoding="utf-8")

    async def steps(_editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        assert [words(d.range, text) for d in published.diagnostics] == ["%z", "%x", "arith.ad", "%y", "300"]
        assert published.diagnostics[2].message.endswith("\nhint: did you mean 'arith.addi'?")
        (note,) = published.diagnostics[3].related_information or []
        assert (note.message, words(note.location.range, text)) == ("'%y' is defined here", "%y")

    session(text, steps)


def test_diagnostics_follow_the_typing() -> None:
    async def steps(editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        assert list(published.diagnostics) == []
        editor.type(GOOD.replace("graph.relu", "graph.rel"))
        editor.type(GOOD.replace("graph.relu", "graph.tan"))  # right behind: the text before is not worth reading
        published = await editor.published.get()
        assert published.version == 3
        assert [d.message for d in published.diagnostics] == ["dialect 'graph' has no operation 'graph.tan'\nhint: did you mean 'graph.tanh'?"]
        assert await editor.hover(at("@inner(%x, %i) {note")) != ""
        editor.type(GOOD)
        published = await editor.published.get()
        assert (published.version, list(published.diagnostics)) == (4, [])
        editor.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
        assert list((await editor.published.get()).diagnostics) == []

    session(GOOD, steps)


HOVERS = {
    ("%a", 0): ["%a : tensor<1x4xf32>", "result of `graph.relu`", "from `relu_1`", "used 1 time"],
    ("%a", 1): ["%a : tensor<1x4xf32>"],
    ("%i", 0): ["%i : index", "block argument of `func.func`", "used 0 times"],
    ("graph.relu", 0): ["**graph.relu**", "y[d...] = max(x[d...], t(0))", "(tensor<1x4xf32>) -> (tensor<1x4xf32>)", "from `relu_1`"],
    ("graph.negate", 0): ["**graph.negate**", "y[d...] = -x[d...]"],
    ("low = 0.0", 0): ["low = 0.0", "property of `graph.clamp`"],
    ("call", 0): ["**func.call**", "Calls a function by name.", "`callee`"],
    ("return %b", 0): ["**func.return**", "Traits: terminator"],
    ("@inner", 1): ["@inner : (tensor<1x4xf32>, index) -> tensor<1x4xf32>", "symbol of `func.func`"],
    ("#half", 1): ["#half = affine_map<(d0) -> (d0 floordiv 2)>"],
    ("some.op", 0): [],
    ("%x\n", 0): [],
    ("3 : index", 0): [],
}


def test_a_hover_says_type_origin_and_meaning() -> None:
    async def steps(editor: Editor, _published: types.PublishDiagnosticsParams) -> None:
        for (mark, occurrence), expected in HOVERS.items():
            said = await editor.hover(at(mark, occurrence=occurrence))
            assert [part for part in expected if part not in said] == [], (mark, said)
            assert bool(said) == bool(expected), (mark, said)

    session(GOOD, steps)


DEFINITIONS = {
    ("%a", 0): ("%a", 0),
    ("%a", 1): ("%a", 0),
    ("%x)", 0): ("%x", 0),
    ("%i) {", 0): ("%i", 1),
    ("@inner", 1): ("@inner", 0),
    ("#half", 1): ("#half", 0),
}


def test_go_to_definition_finds_values_symbols_and_aliases() -> None:
    async def steps(editor: Editor, _published: types.PublishDiagnosticsParams) -> None:
        for (mark, occurrence), (name, where) in DEFINITIONS.items():
            found = await editor.definition(at(mark, occurrence=occurrence))
            assert found is not None, mark
            assert (words(found, GOOD), found.start) == (name, at(name, occurrence=where)), mark
        formula = await editor.location(at("graph.relu"))
        assert formula is not None
        line = Path(formula.uri.removeprefix("file://")).read_text(encoding="utf-8").split("\n")[formula.range.start.line]
        assert line.startswith("op graph.relu(")
        assert await editor.location(at("some.op")) is None
        assert await editor.definition(types.Position(10_000, 0)) is None
        inner = await editor.definition(at("%x, %i) {note"))
        assert inner is not None
        assert inner.start == at("%x: tensor<1x4xf32>", occurrence=1)

    session(GOOD, steps)


RULES = """# Mine.
group canonical

function twice(n) = n * 2
rule one   graph.relu(graph.absolute(x))  =>  graph.absolute(x)   where is_float(element(x))
rule two before relu_of_relu   graph.reshape(graph.exp(x)) {shape = permute(s, s)}  =>  graph.exp(x)   where twice(rank(x)) == 2 and s == 🌊
rule three   graph.rely(x)  =>  x
rule four   graph.relu(x)  =>  y
"""


def test_files_of_rules_have_diagnostics_hovers_and_definitions() -> None:
    text = RULES.replace(" and s == 🌊", "").replace("permute(s, s)", "s")

    async def steps(editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        assert [words(d.range, RULES) for d in published.diagnostics] == ["🌊"]
        editor.type(text)
        published = await editor.published.get()
        unknown = "unknown operation 'graph.rely'\nhint: did you mean 'graph.relu'?"
        assert [d.message for d in published.diagnostics] == [unknown, "'y' is not bound by the pattern"]
        assert [d.range.start.line for d in published.diagnostics] == [6, 7]
        assert "y[d...] = abs(x[d...])" in await editor.hover(at("graph.absolute", text))
        assert "function twice(n) = n * 2" in await editor.hover(at("twice(rank", text))
        assert await editor.hover(at("canonical", text)) == ""
        assert (await editor.definition(at("twice(rank", text))) == types.Range(at("twice(n)", text), at("(n) = n", text))
        assert (await editor.definition(at("one   graph", text))) == types.Range(at("one   graph", text), at("   graph.relu(graph.abs", text))
        formula = await editor.location(at("graph.exp", text))
        assert formula is not None
        assert formula.uri.endswith("/specs/ops/elementwise.op")

    session(RULES, steps, "file:///work/mine.rules")


OPERATOR = """# A cheap stand-in.
op graph.soft(x: f32[D...]) -> (y: f32[D...])
  y[d...] = x[d...] * exp(x[d...])

op graph.broken(x: f32[D...]) -> (y: f32[D...])
  y[d...] = = x[d...]
"""


def test_files_of_operators_too() -> None:
    async def steps(editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        (found,) = published.diagnostics
        assert (found.range.start, found.severity) == (at("= x[d...]\n", OPERATOR), types.DiagnosticSeverity.Error)
        assert "function **exp**" in await editor.hover(at("exp(", OPERATOR))
        location = await editor.location(at("exp(", OPERATOR))
        assert location is not None
        assert location.uri.endswith("/specs/functions/exp.op")

    session(OPERATOR, steps, "file:///work/mine.op")


def test_files_of_instructions_too() -> None:
    text = (BAD.parent / "prove" / "claims" / "instructions.isa").read_text(encoding="utf-8").split("# -----\n")[0].replace("value smlad", "valve smlad")

    async def steps(editor: Editor, published: types.PublishDiagnosticsParams) -> None:
        (found,) = published.diagnostics
        assert found.message == "expected 'value ...' or 'means ...'"
        assert (await editor.definition(at("smlad(a, b, c)", text))) == types.Range(at("smlad(a: ", text), at("(a: i16", text))

    session(text, steps, "file:///work/mine.isa")


def test_without_its_package_the_server_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(language_server_command, "find_spec", lambda _name: None)
    assert main(["language-server"]) == 1
    assert capsys.readouterr().err == "error: the language server needs the package pygls\n     hint: pip install 'tinyir[editor]'\n"
