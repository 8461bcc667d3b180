"""What decay, bad copies and ill will make of a file: flipped bits, overwritten, lost and doubled stretches, cuts."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["MUTATIONS", "mutated"]

HEAD = 512
"""Bytes at the beginning, where sizes and tables are: half of all damage falls there."""

HEX_VALUES = ("00", "ff", "00000000", "ffffffff", "7fffffff", "ffffff7f", "00010000")
TELLING = tuple(bytes.fromhex(value) for value in HEX_VALUES)
"""Values that make sizes, counts and offsets extreme, in both byte orders."""


def place_in(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(min(len(data), HEAD) if chance.random() < 0.5 else len(data))


def flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        data[place_in(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = place_in(data, chance)
        value = chance.choice(TELLING) if chance.random() < 0.7 else chance.randbytes(chance.randint(1, 64))
        data[start : start + len(value)] = value[: len(data) - start]


def cut_off(data: bytearray, chance: random.Random) -> None:
    length = len(data) if chance.random() < 0.7 else min(len(data), HEAD)
    del data[chance.randrange(length) :]


def lose_stretch(data: bytearray, chance: random.Random) -> None:
    start = place_in(data, chance)
    del data[start : start + chance.choice((1, 2, 4, 512, 4096))]


def double_stretch(data: bytearray, chance: random.Random) -> None:
    start = place_in(data, chance)
    data[start:start] = data[start : start + chance.choice((1, 4, 512, 4096))]


def blank_block(data: bytearray, chance: random.Random) -> None:
    """A sector that could not be read and came back as zeros."""
    start = place_in(data, chance) // 512 * 512
    end = min(start + 512 * chance.choice((1, 8)), len(data))
    data[start:end] = bytes(end - start)


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bits,
    flip_bits,
    overwrite,
    overwrite,
    cut_off,
    lose_stretch,
    double_stretch,
    blank_block,
)


def mutated(content: bytes, key: str) -> bytes:
    """The content with one to three kinds of damage; ``key`` decides which, and where."""
    chance = random.Random(key)
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            chance.choice(MUTATIONS)(data, chance)
    return bytes(data)
