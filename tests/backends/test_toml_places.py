"""Keys of a text in TOML are found where they stand."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest

from tinyir.backends.target import list_targets
from tinyir.backends.toml_places import Key, place_of_key
from tinyir.ir.plugins import specification_files

TEXT = '''# a = 1
a = "x = 2"  # [c]
list = [
  "b = 3",  # ]
]
text = """
[c]
b = 4
"""
[c]
  b = 5
"quoted key" = 1

[[row]] # the first
name = "one"

[[row]]
name = "two"
inline = { deep = 6, other = [1, 2] }
[row.more]
last = 7
[e.f]
g = { h = 8 }
'''


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("a",), 2, 1),
        (("list",), 3, 1),
        (("c",), 10, 2),
        (("c", "b"), 11, 3),
        (("c", "absent"), 10, 2),
        (("c", "quoted key"), 12, 2),
        (("row", 0, "name"), 15, 1),
        (("row", 1), 17, 3),
        (("row", 1, "name"), 18, 1),
        (("row", 1, "inline", "deep"), 19, 1),
        (("e", "f", "g", "h"), 23, 1),
        (("absent",), 0, 0),
    ],
)
def test_a_key_is_found_where_it_stands(path: tuple[Key, ...], line: int, column: int) -> None:
    tomllib.loads(TEXT)
    place = place_of_key(TEXT, "f.toml", path)
    assert (place.line, place.column) == (line, column)
    assert place.text == (TEXT.splitlines()[line - 1] if line else "")


def test_every_key_of_the_targets_is_found() -> None:
    def paths(value: object, path: tuple[Key, ...] = ()) -> Iterator[tuple[Key, ...]]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield (*path, key)
                yield from paths(item, (*path, key))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                yield from paths(item, (*path, index))

    files = specification_files("targets", ".toml")
    assert {file.name for file in files} == set(list_targets())
    for file in files:
        text = file.read()
        for path in paths(tomllib.loads(text)):
            place = place_of_key(text, file.label, path)
            words = [str(key) for key in path if isinstance(key, str)]
            assert place.line, (file.label, path)
            assert any(place.text[place.column - 1 :].startswith(word) for word in words), (file.label, path)
