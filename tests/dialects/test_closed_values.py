"""The numbers that an index takes which is computed from constants are those of all iterations, and of data nothing is said."""

from __future__ import annotations

import pytest

from tinyir.dialects.closed_values import reached
from tinyir.text.reader import parse

TABLE = "%t = arith.constant dense<[3, 1, 7, 2]> : tensor<4xi32>"
READ = "%e = loop.read %t[%k] : tensor<4xi32>"
CARRIED = """
    %zero = arith.constant 0 : i32
    %last = loop.for %k = 0 to 4 label "k" iter(%sum = %zero) -> (i32) {
      %e = loop.read %t[%k] : tensor<4xi32>
      %next = arith.addi %sum, %e : i32
      %i = arith.index_cast %next : i32 to index
      loop.yield %next : i32
    }"""
PROGRAMS = {
    "each element": (f'loop.for %k = 0 to 4 parallel label "k" {{ {READ} %i = arith.index_cast %e : i32 to index loop.yield }}', (1, 7)),
    "some elements": (f'loop.for %k = 1 to 2 parallel label "k" {{ {READ} %i = arith.index_cast %e : i32 to index loop.yield }}', (1, 1)),
    "a sum that is carried on": (CARRIED, (3, 13)),
    "two loops": (
        f"""loop.for %j = 0 to 3 parallel label "j" {{ loop.for %k = 0 to 4 parallel label "k" {{
            {READ} %n = loop.index %j * 10 %c = arith.index_cast %n : index to i32
            %s = arith.addi %c, %e : i32 %i = arith.index_cast %s : i32 to index loop.yield }} loop.yield }}""",
        (1, 27),
    ),
    "data": ('loop.for %k = 0 to 4 parallel label "k" { %e = loop.read %x[%k] : tensor<4xi32> %i = arith.index_cast %e : i32 to index loop.yield }', None),
    "under a condition": (
        f'loop.for %k = 0 to 4 parallel label "k" {{ loop.if (%k - 1 >= 0) {{ {READ} %i = arith.index_cast %e : i32 to index loop.yield }}'
        " else { loop.yield } loop.yield }",
        None,
    ),
    "too many iterations": (f'loop.for %k = 0 to {1 << 21} parallel label "k" {{ {READ} %i = arith.index_cast %e : i32 to index loop.yield }}', None),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_index_takes_what_all_iterations_give(name: str) -> None:
    text, expected = PROGRAMS[name]
    module = parse(f"module {{ func.func @f(%x: tensor<4xi32>) {{ {TABLE} {text} return }} }}")
    (index,) = (o.result for o in module.walk() if o.name == "arith.index_cast" and o.result.name == "i")
    assert reached(module, index) == expected
