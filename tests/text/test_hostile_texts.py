"""Texts that nobody means: whatever they are, the answer is a module or errors, soon."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.text.test_pretty_forms import ARGUMENTS, ARITHMETIC, BUFFERS, FUNCTIONS, LOOPS, body
from tinyir.ir.equality import first_difference
from tinyir.ir.errors import TinyirError
from tinyir.ir.operation import Operation
from tinyir.ir.verifier import verify
from tinyir.text.printer import print_module
from tinyir.text.reader import parse

SAMPLES = [
    body(*ARITHMETIC, arguments=ARGUMENTS),
    body(*LOOPS, arguments="%x: tensor<25x64xi8>"),
    BUFFERS,
    FUNCTIONS,
    (Path(__file__).parent / "samples" / "values.mlir").read_text(),
    print_module(parse(body(*LOOPS, arguments="%x: tensor<25x64xi8>")), generic=True, locations=True),
]
PIECES = [
    *("%0", "%x", "(", ")", "{", "}", "<", ">", "[", "]", ",", ":", "=", "->", '"', "i32", "tensor<2xi8>", "1", "-5", "0x1F", "1.5", "loc(", "^bb0", "@f"),
    *("#a", "!b", "affine_map<", "dense<", "}) : () -> ()\n", "\n", "//", "?", "x", "*", '"a.b"() : () -> ()\n', "{-#", "true", "\\", "\x00", "é", "\ud800"),
]
COUNT = 20_000 if os.environ.get("TINYIR_SOAK") else 400


def mutated(text: str, choose: random.Random) -> str:
    """The text with one to three pieces taken out, put in, doubled or cut off."""
    for _ in range(choose.randint(1, 3)):
        start = choose.randrange(len(text) + 1)
        end = start + choose.choice((0, 1, 1, 2, 5, 20))
        action = choose.random()
        if action < 0.4:
            text = text[:start] + text[end:]
        elif action < 0.8:
            text = text[:start] + choose.choice(PIECES) + text[end:]
        elif action < 0.95:
            copied = choose.randrange(len(text) + 1)
            text = text[:start] + text[copied : copied + choose.randint(1, 60)] + text[start:]
        else:
            text = text[:start]
    return text


def read(text: str, fast: bool = True) -> Operation | list[str]:
    """The module, or the errors."""
    try:
        return parse(text, fast=fast)
    except TinyirError as error:
        return [diagnostic.render() for diagnostic in error.diagnostics]


def test_a_mutated_text_is_a_module_or_errors_and_the_short_cut_agrees() -> None:
    choose = random.Random(11)
    modules = 0
    for _ in range(COUNT):
        text = mutated(choose.choice(SAMPLES), choose)
        start = time.process_time()
        found, slow = read(text), read(text, fast=False)
        assert time.process_time() - start < 2
        if isinstance(found, list):
            assert found
            assert found == slow
            assert all(len(error.split("\n")) <= 6 for error in found)
        else:
            modules += 1
            assert isinstance(slow, Operation)
            assert first_difference(found, slow, locations=True) == ""
            verify(found)
            for generic in (True, False):
                printed = print_module(found, generic=generic, locations=True)
                assert first_difference(found, parse(printed)) == ""
    assert modules > COUNT // 50


@pytest.mark.parametrize(
    "text",
    [
        '"a.b"() ({\n' * 5000,
        "module {\n" * 5000,
        '"a.b"() {x = ' + "[" * 5000,
        '"a.b"() {x = ' + "[" * 200 + "]" * 200 + "} : () -> ()",
        '%x = "a.b"() : () -> ' + "tuple<" * 5000,
        '"a.b"() {x = affine_map<(d0) -> (' + "(" * 5000,
        '"a.b"() {x = dense<' + "[" * 5000,
        '"a.b"() {x = #foo.bar<' + "(" * 5000,
        '"a.b"() : () -> () loc(' + '"a"(' * 5000,
        "%x" * 50_000,
        "%x, " * 50_000,
        "{" * 50_000,
        '"' * 50_001,
        "loop.for %i = " + "(" * 5000,
        '"a.b"() {x = 1' + "0" * 5000 + "} : () -> ()",
        '"a.b"() {x = dense<1> : tensor<4294967296x4294967296xi8>} : () -> ()\n}',
        "%x:99999999 = " + '"a.b"() : () -> ()',
        "#a = #b\n#b = #a\n" + '"a.b"() {x = #a} : () -> ()',
        "\n".join(f"#a{i} = [#a{i + 1}, #a{i + 1}]" for i in range(60)) + "\n#a60 = 1",
        "%0 = " * 20_000,
        '"a.b"() {t = !quant.uniform<i8:f32, 0x1' + "F" * 16 + ">} : () -> ()",
        '"a.b"() {t = !quant.uniform<i8:f32, -0x1F>} : () -> ()',
        '"a.b"() {t = !quant.uniform<i8:f32:0x80000000, {0.5}>} : () -> ()',
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_hostile_text_is_refused_soon(text: str) -> None:
    start = time.process_time()
    assert isinstance(read(text), list)
    assert time.process_time() - start < 2


def test_what_nests_deeply_but_not_too_deeply_is_read_and_printed() -> None:
    text = '"a.b"() ({\n' * 60 + "}) : () -> ()\n" * 60
    module = parse(text)
    assert sum(1 for _ in module.walk()) == 61
    for generic in (True, False):
        assert first_difference(module, parse(print_module(module, generic=generic))) == ""
    assert first_difference(module, module.clone()) == ""
    nested = "[" * 130 + "]" * 130
    assert f"x = {nested}" in print_module(parse(f'"a.b"() {{x = {nested}}} : () -> ()'))
