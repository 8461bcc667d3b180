"""The quantized coefficients of a JPEG, read and written by libjpeg with nothing decoded in between.

libjpeg comes with the package ``jpeglib``, whose C functions are called directly: its Python classes keep markers in
global variables, which threads share, give one buffer too little room, print to standard output, and leave a temporary
file for every broken picture. The C functions work on files by path and keep nothing between calls.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
from jpeglib._bind import CJpegLib
from numpy.typing import NDArray

from restore.errors import DamagedMediaError, EncoderError
from restore.media.files import output_errors
from restore.media.photo.jpeg_segments import DRI, EOI, segments

BASELINE_LIBRARY = "turbo210"
PROGRESSIVE_LIBRARY = "mozjpeg403"
"""The only one that writes progressive files from coefficients; it tries several divisions into scans, and is slow."""

COMPONENTS, TABLES = 4, 4
YCBCR = 3  # libjpeg's number of the colour space
MOST_BLOCKS_PER_UNIT = 10  # T.81, B.2.3
LARGEST = 1023
"""The largest coefficient of 8-bit samples that baseline coding holds; broken files can have more."""

OPTIMIZE_CODING = 1 << 6
Blocks = NDArray[np.int16]
"""``rows x columns x 64`` quantized coefficients in natural order."""


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of a picture, or of its luma alone, and what a file says beside them."""

    planes: Sequence[Blocks]
    """Of Y, or of Y, Cb and Cr."""

    tables: NDArray[np.uint16]
    """64 quantization steps of luma, and 64 of chroma where there is any, in natural order."""

    factors: Sequence[tuple[int, int]]
    """Sampling factors of Y, Cb and Cr, down and across."""

    size: tuple[int, int]
    """Height and width of the picture."""

    @property
    def unit(self) -> tuple[int, int]:
        """Height and width of a coding unit, which has whole blocks of each component."""
        down, across = (max(factors) for factors in zip(*self.factors, strict=True))
        return 8 * down, 8 * across

    def grid(self, component: int) -> tuple[int, int]:
        """Rows and columns of blocks of a component."""
        rows, columns = (
            -(-side * factor // unit)
            for side, factor, unit in zip(self.size, self.factors[component], self.unit, strict=True)
        )
        return rows, columns


def read_coefficients(data: bytes) -> Coefficients:
    """Returns luma of a gray or YCbCr file without metadata; a gray one gets the factors of 4:4:4.

    Raises ``DamagedMediaError`` where libjpeg refuses the file, or baseline coding could not hold what it has.
    """
    library = load_library(BASELINE_LIBRARY)
    grids, factors, counts = (ctypes.c_int * 8)(), (ctypes.c_int * 8)(), (ctypes.c_int * 3)()
    size, spaces, scans, flags = (ctypes.c_int * 2)(), (ctypes.c_int * 2)(), ctypes.c_int(), ctypes.c_uint64()
    tables, numbers = np.zeros((TABLES, 64), np.uint16), np.zeros(COMPONENTS, np.int16)
    with temporary_folder() as folder:
        source = write_file(folder / "in.jpg", data)
        # This reads the whole file too, and unlike read_jpeg_dct it survives a broken header.
        facts = (grids, size, counts, factors, spaces, None, None, None, None, ctypes.byref(scans), ctypes.byref(flags))
        if not library.read_jpeg_info(source, *facts):
            raise DamagedMediaError("libjpeg cannot read its coefficients")
        luma = np.zeros((grids[0], grids[1], 64), np.int16)
        if not library.read_jpeg_dct(source, pointer(luma), None, None, None, pointer(tables), pointer(numbers)):
            raise DamagedMediaError("libjpeg cannot read its coefficients")
    if not is_codable(luma):
        raise DamagedMediaError("its coefficients are larger than those of any picture")
    components = counts[0]
    pairs = [(factors[0], factors[1]), (factors[2], factors[3]), (factors[4], factors[5])]
    if components == 1:
        pairs = [(1, 1)] * 3
    if sum(down * across for down, across in pairs) > MOST_BLOCKS_PER_UNIT:
        raise DamagedMediaError("its components cannot be interleaved")
    return Coefficients([luma], tables[numbers[: min(components, 2)]], pairs, (size[0], size[1]))


def is_codable(blocks: Blocks) -> bool:
    """Whether baseline coding holds these coefficients; the first of a block may be one lower, which is black."""
    return bool(blocks.max() <= LARGEST and blocks[..., 1:].min() >= -LARGEST and blocks[..., 0].min() >= -LARGEST - 1)


def write_coefficients(picture: Coefficients, *, progressive: bool = False, restart_rows: int = 0) -> bytes:
    """Returns a JPEG file of Y, Cb and Cr; a baseline one can restart after every so many rows of coding units.

    Raises ``EncoderError`` where libjpeg refuses the coefficients.
    """
    if progressive:
        with temporary_folder() as folder:
            return call_writer(PROGRESSIVE_LIBRARY, picture, write_file(folder / "in.jpg", write_coefficients(picture)))
    if not restart_rows:
        return with_identities(call_writer(BASELINE_LIBRARY, picture))
    (unit_height, unit_width), (height, width) = picture.unit, picture.size
    strips = []
    for row in range(0, -(-height // unit_height), restart_rows):
        rows = zip(picture.planes, picture.factors, strict=True)
        planes = [plane[row * down : (row + restart_rows) * down] for plane, (down, _) in rows]
        size = min(height - row * unit_height, restart_rows * unit_height), width
        strips.append(
            with_identities(call_writer(BASELINE_LIBRARY, replace(picture, planes=planes, size=size), optimize=False))
        )
    return join_strips(strips, picture.size, -(-width // unit_width) * restart_rows)


def call_writer(version: str, picture: Coefficients, source: bytes | None = None, *, optimize: bool = True) -> bytes:
    """Returns the file that libjpeg writes, with the tables of ``source``, a path, if any. Raises ``EncoderError``."""
    planes = [np.ascontiguousarray(plane) for plane in picture.planes]
    tables, numbers = np.ascontiguousarray(picture.tables), np.array([0, 1, 1, -1], np.int16)
    with temporary_folder() as folder:
        target = folder / "out.jpg"
        if not load_library(version).write_jpeg_dct(
            source, os.fsencode(target), *map(pointer, planes), None, integers(picture.size),
            integers([side for plane in planes for side in plane.shape[:2]]),
            integers([factor for pair in picture.factors for factor in pair]), YCBCR, len(planes),
            None if source else pointer(tables), ctypes.c_short(-1), None if source else pointer(numbers),
            0, None, None, None, ctypes.c_uint(OPTIMIZE_CODING * optimize), ctypes.c_uint(OPTIMIZE_CODING),
        ):  # fmt: skip
            raise EncoderError("libjpeg cannot write these coefficients")
        return target.read_bytes()


def join_strips(strips: Sequence[bytes], size: tuple[int, int], interval: int) -> bytes:
    """Returns strips of one picture, coded with the same tables, as one file that restarts after each of them."""
    *head, scan = segments(strips[0])
    file = bytearray(strips[0][: scan.start])
    frame = next(part for part in head if part.marker in (0xC0, 0xC1))
    struct.pack_into(">HH", file, frame.start + 5, *size)
    file += struct.pack(">BBHH", 0xFF, DRI, 4, interval) + strips[0][scan.start : -len(EOI)]
    for number, strip in enumerate(strips[1:]):
        *_, scan = segments(strip)
        file += bytes([0xFF, 0xD0 + number % 8]) + strip[scan.end : -len(EOI)]
    return bytes(file) + EOI


def with_identities(file: bytes) -> bytes:
    """Returns a file of one scan with components numbered 1, 2, 3, as JFIF has them, instead of 0, 1, 2."""
    numbered = bytearray(file)
    for part in segments(file):
        first, step = {0xC0: (10, 3), 0xC1: (10, 3), 0xDA: (5, 2)}.get(part.marker, (0, 0))
        if step:
            numbered[part.start + first : part.start + first + 3 * step : step] = b"\1\2\3"
    return bytes(numbered)


@cache
def load_library(version: str) -> ctypes.CDLL:
    """Returns one of the builds of libjpeg."""
    return CJpegLib._bind_lib(version)  # type: ignore[no-any-return]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of one call's own. Raises ``DiskError`` and ``OutputError`` where nothing can be written to it."""
    with output_errors(Path(gettempdir())), TemporaryDirectory(prefix="rechroma-") as folder:
        yield Path(folder)


def write_file(path: Path, data: bytes) -> bytes:
    """Writes a file, and returns its path as C takes it."""
    path.write_bytes(data)
    return os.fsencode(path)


def integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int]:
    """Returns whole numbers as C takes them."""
    return (ctypes.c_int * len(values))(*values)


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    """Returns where an array begins; the array must outlive the call, and be contiguous."""
    assert array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)
