"""The little of an ELF file that is needed here: sections, segments and symbols (Tool Interface Standard, ELF 1.2; 32 and 64 bits, both byte orders)."""

from __future__ import annotations

import struct
from pathlib import Path

import attrs

from tinyir.ir.errors import TinyirError

WRITE, ALLOCATE, EXECUTE = 1, 2, 4
PROGRAM_BITS, SYMBOL_TABLE, NO_BITS = 1, 2, 8
LOAD = 1


@attrs.frozen
class Section:
    name: str
    kind: int
    flags: int
    offset: int
    size_bytes: int
    link: int


@attrs.frozen
class Segment:
    """A loadable part: its bytes belong at `physical` when the program starts; `size_bytes` counts the zeros behind them, too."""

    physical: int
    virtual: int
    data: bytes
    size_bytes: int


@attrs.frozen
class Elf:
    bits: int
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]
    symbols: dict[str, int]


def read_elf(path: Path) -> Elf:
    """Raises TinyirError if the file is not an ELF file."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF" or len(data) < 52:
        raise TinyirError(f"{path.name} is not an ELF file")
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    _, segments_at, sections_at = struct.unpack_from(order + ("3Q" if wide else "3I"), data, 24)
    segment_bytes, segment_count, section_bytes, section_count, names_index = struct.unpack_from(order + "5H", data, 54 if wide else 42)
    raw = [_section(data, sections_at + i * section_bytes, wide, order) for i in range(section_count)]
    names = raw[names_index][1] if raw else 0
    sections = tuple(attrs.evolve(section, name=_text(data, names + name)) for name, _, section in raw)
    segments = tuple(
        segment for i in range(segment_count) if (segment := _segment(data, segments_at + i * segment_bytes, wide, order)) is not None
    )
    return Elf(64 if wide else 32, sections, segments, _symbols(data, sections, wide, order))


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()


def _section(data: bytes, at: int, wide: bool, order: str) -> tuple[int, int, Section]:
    name, kind, flags, _, offset, size, link = struct.unpack_from(order + ("IIQQQQI" if wide else "7I"), data, at)
    return name, offset, Section("", kind, flags, offset, size, link)


def _segment(data: bytes, at: int, wide: bool, order: str) -> Segment | None:
    if wide:
        kind, _, offset, virtual, physical, in_file, size = struct.unpack_from(order + "II5Q", data, at)
    else:
        kind, offset, virtual, physical, in_file, size = struct.unpack_from(order + "6I", data, at)
    return Segment(physical, virtual, data[offset : offset + in_file], size) if kind == LOAD and size else None


def _symbols(data: bytes, sections: tuple[Section, ...], wide: bool, order: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for table in sections:
        if table.kind != SYMBOL_TABLE:
            continue
        strings = sections[table.link].offset
        for at in range(table.offset, table.offset + table.size_bytes, 24 if wide else 16):
            if wide:
                name, _, _, _, value = struct.unpack_from(order + "IBBHQ", data, at)
            else:
                name, value = struct.unpack_from(order + "II", data, at)
            if name:
                found[_text(data, strings + name)] = value
    return found
