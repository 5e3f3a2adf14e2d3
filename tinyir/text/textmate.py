"""The TextMate grammar of the IR's text, for editors that colour: `python -m tinyir.text.textmate > editors/tinyir.tmLanguage.json`.

It is made of the terminals of `ir.lark`, the names of the dialects and the keywords of their forms, so it knows what the
reader knows.  A shaped type is the one context: inside `tensor<4x8xf32>` the `x` separates, elsewhere it is a letter.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from tinyir.ir.registry import definition_of, dialect_names, known_operations
from tinyir.text.grammar import load_grammar
from tinyir.text.reader import UNPREFIXED

SCOPE = "source.tinyir"
BEFORE_WORD = r"(?<![\w$.])"
AFTER_WORD = r"(?![\w$.])"
CLOSE = ">(?!=)"
"""The bracket, not the sign of a comparison; the one of `->` is behind its dash."""

SHAPED = ("tensor", "memref", "vector")
TYPES = ("index", "none", "tuple", "complex", *SHAPED)
CONSTANTS = ("true", "false", "unit", "unknown")
FORM_WORDS = ("attributes", "iter", "max", "min", "public", "private", "nested")
"""Words that the parts of forms write, without standing in any of them."""
AFFINE_OPERATORS = ("floordiv", "ceildiv", "mod")

_LITERAL = re.compile(r"`([a-z_]\w*)`")
_SELF = {"include": "$self"}


def textmate_grammar() -> dict[str, Any]:
    """The grammar as the object that its JSON file holds."""
    return {
        "name": "tinyir",
        "scopeName": SCOPE,
        "fileTypes": ["tir"],
        "patterns": [{"include": f"#{name}"} for name in _repository()],
        "repository": {**_repository(), "nested": {"begin": "<", "end": CLOSE, "patterns": [{"include": "#operator"}, {"include": "#nested"}, _SELF]}},
    }


def _repository() -> dict[str, Any]:
    """The patterns in the order in which they are tried."""
    terminal = {name: pattern.replace("\n", "\\n") for name, pattern in load_grammar().terminals.items()}
    type_names = f"(?:{_any(TYPES)}|{terminal['INTEGER_TYPE']}|{terminal['FLOAT_TYPE']}|{terminal['QUANTIZED_STORAGE']})"
    known = _any(_dialects())
    numbers = f"(?:{terminal['FLOAT']}|{terminal['INTEGER']})"
    return {
        "comment": _match("comment.line.double-slash", "//.*$"),
        "resources": {"name": _scope("string.unquoted.resources"), "begin": r"\{-#", "end": r"#-\}"},
        "quoted-operation": {
            "match": r'(?<!loc\()"([\w$\-]+\.[\w$.\-]+)"(?=\s*\()',
            "captures": {"1": {"name": _scope("entity.name.function.operation")}},
        },
        "string": _match("string.quoted.double", terminal["STRING"]),
        "value": _match("variable.other", terminal["OPERAND"]),
        "block": _match("entity.name.label", terminal["BLOCK"]),
        "symbol": _match("entity.name.function.symbol", terminal["SYMBOL"]),
        "dialect-type": _match("entity.name.type", terminal["DIALECT_TYPE"]),
        "dialect-attribute": _match("constant.other.attribute", terminal["DIALECT_ATTRIBUTE"]),
        "unknown-operation": {
            "match": rf"(?:^\s*|=\s*)(?!{known}\.)([a-zA-Z_]\w*\.[\w$.]+)",
            "captures": {"1": {"name": _scope("entity.name.function.unknown")}},
        },
        "operator": _match("keyword.operator", "->|::|==|>=|<=|[=+*\\-](?![0-9])"),
        "shaped-type": {
            "begin": f"{BEFORE_WORD}({'|'.join(SHAPED)})(<)",
            "beginCaptures": {"1": {"name": _scope("storage.type")}},
            "end": CLOSE,
            "patterns": [
                _match("constant.numeric.dimension", f"{terminal['DIMENSION']}|{terminal['SCALABLE_DIMENSION']}|{terminal['_STAR']}"),
                _match("storage.type", type_names),
                {"include": "#operator"},
                {"include": "#nested"},
                _SELF,
            ],
        },
        "operation": _match("entity.name.function.operation", f"{BEFORE_WORD}{known}\\.[\\w$.]+"),
        "short-operation": _match("entity.name.function.operation", f"{BEFORE_WORD}{_any(_short_names())}{AFTER_WORD}(?!\\s*=)"),
        "attribute-name": _match("entity.other.attribute-name", f"{BEFORE_WORD}{terminal['WORD']}(?=\\s*=(?!=))"),
        "type": _match("storage.type", f"{BEFORE_WORD}{type_names}{AFTER_WORD}"),
        "constant": _match("constant.language", f"{BEFORE_WORD}{_any(CONSTANTS)}{AFTER_WORD}"),
        "affine-operator": _match("keyword.operator.word", f"{BEFORE_WORD}{_any(AFFINE_OPERATORS)}{AFTER_WORD}"),
        "keyword": _match("keyword.other", f"{BEFORE_WORD}{_any(_keywords())}{AFTER_WORD}"),
        "number": _match("constant.numeric", f"{BEFORE_WORD}{numbers}"),
    }


def _scope(name: str) -> str:
    return f"{name}.{SCOPE.partition('.')[2]}"


def _match(scope: str, pattern: str) -> dict[str, str]:
    return {"name": _scope(scope), "match": pattern}


def _any(words: Iterable[str]) -> str:
    """One of some words, the longest first."""
    return f"(?:{'|'.join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))})"


def _dialects() -> list[str]:
    return [name for name in dialect_names() if known_operations(name)]


def _short_names() -> list[str]:
    """The operations that are written without their dialect."""
    return [name.partition(".")[2] for dialect in UNPREFIXED for name in known_operations(dialect)]


def _keywords() -> set[str]:
    """The words of the grammar and of the dialects' forms that are nothing else."""
    words = {spelling for spelling in load_grammar().spellings.values() if spelling.isidentifier()} | set(FORM_WORDS)
    for dialect in _dialects():
        for name in known_operations(dialect):
            definition = definition_of(name)
            words.update(_LITERAL.findall(definition.assembly) if definition is not None else ())
    return words - {*TYPES, *CONSTANTS, *AFFINE_OPERATORS}


def textmate_text() -> str:
    """The text of the grammar's file."""
    return json.dumps(textmate_grammar(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(textmate_text())
