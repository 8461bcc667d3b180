"""Reads TIFF directories, classic and BigTIFF, as raw tags, with nothing interpreted.

tifftools, which writes them, could read them too, but not from files that mean harm: it follows a circle of directories
without end. tifffile knows no sub-directories as raw tags.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from restore.errors import DamagedMediaError

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
POINTERS = {34665, 34853, 40965}  # Exif, GPS and interoperability directories
MOST_DIRECTORIES = 10_000
DEEPEST = 3
MOST_REPEATED = 1 << 28  # bytes of values that pages share, such as a profile


@dataclass(frozen=True)
class Flavour:
    """Byte order of a file, and whether its pointers have 8 bytes instead of 4."""

    order: Literal["<", ">"]
    big: bool

    @property
    def pointer(self) -> struct.Struct:
        """How pointers are stored."""
        return struct.Struct(f"{self.order}{'Q' if self.big else 'I'}")


@dataclass(frozen=True)
class Tag:
    """A tag's value in the file's byte order, or the directory that it points to."""

    kind: int
    value: bytes
    directory: Directory | None = None

    @property
    def count(self) -> int:
        """Returns how many values there are."""
        return len(self.value) // TYPE_SIZES[self.kind]


Directory = dict[int, Tag]


def flavour_of(data: bytes) -> Flavour:
    """Returns a file's byte order and pointer size. Raises ``DamagedMediaError``."""
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    if len(data) < 16:
        raise DamagedMediaError("the TIFF is cut off in its header")
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version not in (42, 43):
        raise DamagedMediaError(f"a TIFF of version {version} is not known")
    return Flavour(order, version == 43)


def read_directories(data: bytes) -> list[Directory]:
    """Returns the main chain, a directory a page. Raises ``DamagedMediaError`` where it is broken or circular."""
    flavour = flavour_of(data)
    (start,) = flavour.pointer.unpack_from(data, 8 if flavour.big else 4)
    directories: list[Directory] = []
    seen: set[int] = set()
    values = 0
    while start:
        if start in seen or len(directories) == MOST_DIRECTORIES:
            raise DamagedMediaError("the TIFF's list of pages runs in a circle")
        seen.add(start)
        directory, start = read_directory(data, start, flavour, 0)
        directories.append(directory)
        values += sum(len(tag.value) for tag in directory.values())
        if values > len(data) + MOST_REPEATED:
            raise DamagedMediaError("the TIFF's tags overlap, as those of a decompression bomb do")
    return directories


def read_directory(data: bytes, start: int, flavour: Flavour, depth: int) -> tuple[Directory, int]:
    """Returns a directory and the start of the next. Raises ``DamagedMediaError``."""
    order, pointer, inline = flavour.order, flavour.pointer, flavour.pointer.size
    try:
        (count,) = struct.unpack_from(f"{order}{'Q' if flavour.big else 'H'}", data, start)
        start += 8 if flavour.big else 2
        entry = struct.Struct(f"{order}HH{'Q' if flavour.big else 'I'}")
        end = start + count * (entry.size + inline)
        if end > len(data):
            raise DamagedMediaError("the TIFF is truncated")
        directory: Directory = {}
        values = 0
        for place in range(start, end, entry.size + inline):
            code, kind, length = entry.unpack_from(data, place)
            size = TYPE_SIZES.get(kind, 0) * length
            where = place + entry.size
            if size > inline:
                (where,) = pointer.unpack_from(data, where)
            if where + size > len(data):
                raise DamagedMediaError(f"the TIFF is truncated: the value of tag {code} is after its end")
            if size == 0:
                continue  # of a type that nobody knows
            tag = Tag(kind, data[where : where + size])
            values += size
            if values > len(data):
                raise DamagedMediaError("the TIFF's tags overlap, as those of a decompression bomb do")
            if code in POINTERS:
                if depth == DEEPEST:
                    continue
                tag = Tag(kind, tag.value, read_directory(data, number(tag, order), flavour, depth + 1)[0])
            directory[code] = tag
        (following,) = pointer.unpack_from(data, end)
    except (struct.error, OverflowError) as error:  # an offset may be any 64-bit number
        raise DamagedMediaError("the TIFF is truncated") from error
    return directory, following


def numbers(tag: Tag, order: str) -> tuple[int, ...]:
    """Returns a tag's values, unsigned integers. Raises ``DamagedMediaError`` for one of another type."""
    letter = NUMBERS.get(tag.kind)
    if letter is None:
        raise DamagedMediaError("the TIFF has a tag of the wrong type")
    return struct.unpack(f"{order}{tag.count}{letter}", tag.value)


def number(tag: Tag, order: str) -> int:
    """Returns a tag's first value. Raises ``DamagedMediaError`` as :func:`numbers` does."""
    return numbers(tag, order)[0]
