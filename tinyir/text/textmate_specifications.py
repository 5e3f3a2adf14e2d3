"""The TextMate grammar of rules, operators, functions, instructions and schedules, for editors that colour:

    python -m tinyir.text.textmate_specifications > editors/tinyir-specification.tmLanguage.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

SCOPE = "source.tinyir-specification"
STATEMENTS = ("op", "rule", "function", "group", "isa", "instr", "sequence", "schedule")
"""Words that begin a statement, and give a name to what follows."""
KEYWORDS = (
    "after", "all", "along", "assumed", "asm", "attributes", "before", "by", "by hand", "concat", "constant", "cost", "do", "else", "flat", "for",
    "goal", "in", "lane", "let", "means", "needs", "nothing", "of", "once", "over the reals", "pure", "require", "result", "return", "value", "when", "where",
    "with",
)  # fmt: skip
WORD_OPERATORS = ("and", "or", "not")
TYPES = ("i1", "i2", "i4", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "f16", "f32", "f64", "bf16", "index")


def _scope(name: str) -> str:
    return f"{name}.tinyir-specification"


def _match(scope: str, pattern: str) -> dict[str, str]:
    return {"name": _scope(scope), "match": pattern}


def _any(words: tuple[str, ...]) -> str:
    return rf"\b(?:{'|'.join(sorted(words, key=lambda word: (-len(word), word)))})\b"


def textmate_grammar() -> dict[str, Any]:
    """The grammar as the object that its JSON file holds; the first pattern that fits is taken."""
    return {
        "name": "tinyir specification",
        "scopeName": SCOPE,
        "fileTypes": ["rules", "op", "isa", "sched"],
        "patterns": [
            _match("comment.line.number-sign", "#.*$"),
            _match("string.quoted.double", r'"(?:[^"\\]|\\.)*"'),
            {
                "match": rf"^({'|'.join(STATEMENTS)})\s+([\w.\-]+)",
                "captures": {"1": {"name": _scope("keyword.declaration")}, "2": {"name": _scope("entity.name.function.definition")}},
            },
            _match("entity.name.function.operation", r"\b[a-z_]\w*\.[a-z_]\w*\b"),
            _match("keyword.other", _any(KEYWORDS)),
            _match("keyword.operator.word", _any(WORD_OPERATORS)),
            _match("storage.type", _any(TYPES)),
            _match("constant.numeric", r"(?<![\w.])-?\b(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+\-]?\d+)?)\b"),
            _match("keyword.operator", r"=>|->|==|!=|<=|>=|<<|>>>?|\.\.\.?|[=+\-*/%<>|&^~]"),
            _match("entity.name.function.call", r"\b[a-z_]\w*(?=\()"),
            _match("variable.parameter.extent", r"\b[A-Z][A-Z0-9_]*\b"),
        ],
    }


def textmate_text() -> str:
    """The text of the grammar's file."""
    return json.dumps(textmate_grammar(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(textmate_text())
