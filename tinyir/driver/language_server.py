"""A language server for texts of IR and of specifications, on stdin and stdout: diagnostics, hover, go to definition.

The diagnostics of IR are those of `tinyir opt`.  A text is read again when its typist rests for a moment; what is asked in
between is answered from the text as it is then.
(Language Server Protocol 3.17.)
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left
from importlib.metadata import version
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

from tinyir.driver.hover import hover_text
from tinyir.driver.specification_page import CHECKS, SpecificationPage, file_of
from tinyir.ir.errors import Diagnostic, Place
from tinyir.ir.source import SourceText
from tinyir.text.outline import Outline, read_outline
from tinyir.text.specifications import operators

REST_SECONDS = 0.2
"""How long nothing must have been typed before the text is read again."""

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[%^@#!]?[\w$.\-]+|->|\S')
_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}


class Server(LanguageServer):
    """Keeps the outline of each open text until the text changes."""

    def __init__(self) -> None:
        super().__init__("tinyir", version("tinyir"), types.TextDocumentSyncKind.Full)
        self._outlines: dict[str, tuple[str, Outline]] = {}

    def outline(self, document: TextDocument) -> Outline:
        """The outline of a text as it is now."""
        text = document.source
        known = self._outlines.get(document.uri)
        if known is None or known[0] != text:
            known = self._outlines[document.uri] = text, read_outline(text, document.path)
        return known[1]

    def forget(self, uri: str) -> None:
        """The text is no longer open."""
        self._outlines.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def publish(self, uri: str) -> None:
        """Tells the client what is wrong with a text."""
        document = self.workspace.get_text_document(uri)
        if _is_specification(document):
            page = SpecificationPage(document.path, document.source)
            found = [_plain_diagnostic(document, diagnostic) for diagnostic in page.diagnostics]
        else:
            outline = self.outline(document)
            found = [_diagnostic(document, outline, diagnostic) for diagnostic in outline.diagnostics]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))

    def hover(self, params: types.HoverParams) -> types.Hover | None:
        document = self.workspace.get_text_document(params.text_document.uri)
        offset = _offset_of(document, params.position)
        if _is_specification(document):
            word = SpecificationPage(document.path, document.source).word_at(offset)
            return _hover(document, word.offset, word.text, word.meaning) if word is not None else None
        found = hover_text(self.outline(document), offset)
        return _hover(document, found[0].offset, found[0].text, found[1]) if found is not None else None

    def definition(self, params: types.DefinitionParams) -> types.Location | None:
        document = self.workspace.get_text_document(params.text_document.uri)
        offset = _offset_of(document, params.position)
        if _is_specification(document):
            word = SpecificationPage(document.path, document.source).word_at(offset)
            return _location(document, word.place, len(word.text)) if word is not None and word.place is not None else None
        outline = self.outline(document)
        token = outline.token_at(offset)
        if token is None:
            return None
        operator = operators().get(token.text)
        if operator is not None:
            return _location(document, operator.place, len(operator.name))
        found = outline.definition_of(token)
        return types.Location(document.uri, _range_of_name(document, found.offset, found.name)) if found is not None else None


def _is_specification(document: TextDocument) -> bool:
    return Path(document.path).suffix in CHECKS


def _hover(document: TextDocument, offset: int, name: str, text: str) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), _range_of_name(document, offset, name))


def _location(document: TextDocument, place: Place, length: int) -> types.Location | None:
    """A place in the text, or at the beginning of a line of a file of specifications."""
    if place.file == document.path:
        return types.Location(document.uri, _range(document, place, length))
    file = file_of(place)
    start = types.Position(place.line - 1, 0)
    return types.Location(file.resolve().as_uri(), types.Range(start, start)) if file is not None else None


def _plain_diagnostic(document: TextDocument, diagnostic: Diagnostic) -> types.Diagnostic:
    hint = f"\nhint: {diagnostic.hint}" if diagnostic.hint else ""
    severity = _SEVERITIES.get(diagnostic.severity, types.DiagnosticSeverity.Information)
    return types.Diagnostic(_range_of(document, diagnostic.place), f"{diagnostic.message}{hint}", severity=severity, source="tinyir")


def _diagnostic(document: TextDocument, outline: Outline, diagnostic: Diagnostic) -> types.Diagnostic:
    """At its place; what is said of a place in another file stands at the operation that comes from there."""
    hint = f"\nhint: {diagnostic.hint}" if diagnostic.hint else ""
    notes = [
        types.DiagnosticRelatedInformation(types.Location(document.uri, _range_of(document, place)), message)
        for message, place in diagnostic.notes
        if place.file == document.path
    ]
    place, elsewhere = diagnostic.place, ""
    if place.file != document.path:
        elsewhere = f"{place}: " if str(place) else ""
        place = outline.source.place(outline.offset_of_origin(place) or 0)
    return types.Diagnostic(
        _range_of(document, place),
        f"{elsewhere}{diagnostic.message}{hint}",
        severity=_SEVERITIES.get(diagnostic.severity, types.DiagnosticSeverity.Information),
        source="tinyir",
        related_information=notes or None,
    )


# -- places of the text (characters) and of the client (its own units, UTF-16 unless it can do better)


def _range_of(document: TextDocument, place: Place) -> types.Range:
    """The token at a place."""
    match = _TOKEN.match(place.text, place.column - 1)
    return _range(document, place, len(match.group()) if match is not None else 0)


def _range_of_name(document: TextDocument, offset: int, name: str) -> types.Range:
    return _range(document, SourceText(document.source).place(offset), len(name))


def _range(document: TextDocument, place: Place, length: int) -> types.Range:
    """So many characters from a place, on its line."""
    units = document.position_codec.client_num_units
    begin = place.column - 1
    positions = [types.Position(place.line - 1, units(place.text[:column])) for column in (begin, begin + length)]
    return types.Range(*positions)


def _offset_of(document: TextDocument, position: types.Position) -> int:
    """The offset in the text; a place behind the end of its line stands for the end."""
    text = document.source
    start = 0
    for _ in range(position.line):
        start = text.find("\n", start) + 1
        if not start:
            return len(text)
    line = text[start:].partition("\n")[0]
    units = document.position_codec.client_num_units
    column = bisect_left(range(len(line)), position.character, key=lambda column: units(line[:column]))
    return start + column


def create_server() -> Server:
    """A server that answers; `start_io()` sets it to work."""
    server = Server()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        await asyncio.sleep(REST_SECONDS)
        uri = params.text_document.uri
        document = server.workspace.text_documents.get(uri)
        if document is not None and document.version == params.text_document.version:
            server.publish(uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        return server.hover(params)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        return server.definition(params)

    return server
