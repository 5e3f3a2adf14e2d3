"""A prefix code for bytes that a few loads and shifts decode: short codes for what occurs often, neighbours share the rest.

Bytes are numbers from -128 to 127.  A class is a run of `1 << extra_bits` of them; its prefix is followed by the number of the byte in
the class.  The codes of a class then count upwards, so that all that a decoder has to know is a table over the next `prefix_bits` bits:
how many the whole code has, and what added to it, as a number, gives the byte (modulo 256).

Prefixes are those of Huffman's code of limited length (package-merge: Larmore and Hirschberg 1990); the classes are the cheapest partition
under the lengths that entropy would give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import attrs
import numpy as np
from numpy.typing import NDArray

LONGEST_CODE = 15
"""Bits: a word holds two, and the low bits of an entry of the table hold the length."""
BASE_SHIFT = 8
"""The bits of an entry from here on hold the base, a number with a sign."""
MOST_PREFIX_BITS = 8
LOWEST, SYMBOLS = -128, 256
_TABLE_BYTES = 2
_PENALTIES = (0, 8, 32, 128, 512, 2048)
"""Bits by which a class is made dearer, so that there are fewer."""


@attrs.frozen
class _Class:
    """The bytes from `first` on (counted from the lowest), and how often one of them occurs."""

    first: int
    extra_bits: int
    count: int


@attrs.frozen
class PrefixCode:
    """`prefixes`: of each class its prefix and how many bits that has, in the order of `classes`."""

    prefix_bits: int
    classes: tuple[_Class, ...]
    prefixes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, counts: NDArray[np.int64], prefix_bits: int) -> PrefixCode | None:
        """The shortest code found whose tables have `prefix_bits`, None if there is none; `counts[i]`: how often the byte i - 128 occurs, not all zero."""
        partitions = dict.fromkeys(_partition(counts, min(LONGEST_CODE - prefix_bits, 7), penalty) for penalty in _PENALTIES)
        fitting = [classes for classes in partitions if len(classes) <= 1 << prefix_bits]
        found = [cls(prefix_bits, classes, _prefixes([each.count for each in classes], prefix_bits)) for classes in fitting]
        return min(found, key=lambda code: code.bits, default=None)

    @property
    def bits(self) -> int:
        """What all bytes that were counted take."""
        return sum(each.count * (each.extra_bits + length) for each, (_, length) in zip(self.classes, self.prefixes, strict=True))

    @property
    def table_bytes(self) -> int:
        return _TABLE_BYTES << self.prefix_bits

    @property
    def table(self) -> list[int]:
        """The entries by the next `prefix_bits` bits."""
        entries = [1] * (1 << self.prefix_bits)
        for each, (prefix, length) in zip(self.classes, self.prefixes, strict=True):
            free = self.prefix_bits - length
            base = (each.first + LOWEST - (prefix << each.extra_bits) + 128) % 256 - 128
            for index in range(prefix << free, (prefix + 1) << free):
                entries[index] = (base << BASE_SHIFT) + length + each.extra_bits
        return entries

    def encode(self, rows: NDArray[np.int8]) -> tuple[bytes, list[int]]:
        """Each row (axis 0) as bits, the first in the highest bit of a byte, and the byte at which it begins."""
        codes, lengths = np.zeros(SYMBOLS, np.int64), np.zeros(SYMBOLS, np.int64)
        for each, (prefix, length) in zip(self.classes, self.prefixes, strict=True):
            last = min(each.first + (1 << each.extra_bits), SYMBOLS)
            codes[each.first : last] = (prefix << each.extra_bits) + np.arange(last - each.first)
            lengths[each.first : last] = length + each.extra_bits
        symbols = rows.astype(np.int64) - LOWEST
        taken = lengths[symbols]
        row_bytes = -(-taken.sum(axis=1) // 8)
        starts = np.cumsum(row_bytes) - row_bytes
        places = starts[:, None] * 8 + np.cumsum(taken, axis=1) - taken
        bits = np.zeros(int(row_bytes.sum()) * 8, np.uint8)
        for bit in range(LONGEST_CODE):
            there = taken > bit
            bits[places[there] + bit] = codes[symbols[there]] >> (taken[there] - 1 - bit) & 1
        return np.packbits(bits).tobytes(), [int(start) for start in starts]


def counts_of(values: NDArray[np.int8]) -> NDArray[np.int64]:
    """How often each byte occurs, from the lowest on."""
    return np.bincount(values.reshape(-1).astype(np.int64) - LOWEST, minlength=SYMBOLS)


def best_prefix_bits(all_counts: Sequence[NDArray[np.int64]]) -> int:
    """With how many bits the codes of several constants take least, their tables included: one number for all lets their decoders be one."""

    def bits(prefix_bits: int) -> float:
        codes = [PrefixCode.of(counts, prefix_bits) for counts in all_counts]
        return sum(float("inf") if code is None else code.bits + 8 * code.table_bytes for code in codes)

    return min(range(1, MOST_PREFIX_BITS + 1), key=bits)


def _partition(counts: NDArray[np.int64], most_extra_bits: int, penalty: int) -> tuple[_Class, ...]:
    """The classes that hold all bytes that occur, cheapest by entropy with so many bits more for each class."""
    sums = [0, *(int(total) for total in np.cumsum(counts))]
    costs, steps = [0.0] + [float("inf")] * SYMBOLS, [(0, 0)] * (SYMBOLS + 1)
    for first in range(SYMBOLS):
        choices = range(most_extra_bits + 1) if counts[first] else (0,)
        for extra_bits in choices:
            last = min(first + (1 << extra_bits), SYMBOLS)
            count = sums[last] - sums[first]
            cost = costs[first] + (count * (extra_bits + log2(sums[-1] / count)) + penalty if count else 0)
            if cost < costs[last]:
                costs[last], steps[last] = cost, (first, extra_bits)
    found, last = [], SYMBOLS
    while last:
        first, extra_bits = steps[last]
        if sums[last] > sums[first]:
            found.append(_Class(first, extra_bits, sums[last] - sums[first]))
        last = first
    return tuple(reversed(found))


def _prefixes(counts: Sequence[int], most_bits: int) -> tuple[tuple[int, int], ...]:
    """Prefixes of at most so many bits, shorter for greater counts: canonical, so that all together they use up the space of codes."""
    lengths = _lengths(counts, most_bits)
    found, code, before = [(0, 0)] * len(counts), 0, 0
    for length, place in sorted((length, place) for place, length in enumerate(lengths)):
        code <<= length - before
        found[place], before = (code, length), length
        code += 1
    return tuple(found)


def _lengths(counts: Sequence[int], most_bits: int) -> list[int]:
    """The lengths of the best prefix code none of whose codes is longer than `most_bits`, by package-merge; that of a single one is 1."""
    if len(counts) == 1:
        return [1]
    single: list[tuple[int, tuple[int, ...]]] = sorted((count, (place,)) for place, count in enumerate(counts))
    level = single
    for _ in range(most_bits - 1):
        packages = [(one[0] + other[0], one[1] + other[1]) for one, other in zip(level[::2], level[1::2], strict=False)]
        level = sorted(single + packages)
    found = [0] * len(counts)
    for _, places in level[: 2 * len(counts) - 2]:
        for place in places:
            found[place] += 1
    return found
