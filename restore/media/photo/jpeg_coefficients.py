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
from dataclasses import dataclass
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
    """Luma as a file stores it, and what the components to go with it need."""

    luma: Blocks
    luma_table: NDArray[np.uint16]
    chroma_table: NDArray[np.uint16] | None
    """64 quantization steps each, in natural order."""

    factors: tuple[tuple[int, int], ...]
    """Sampling factors of Y, Cb and Cr, down and across."""

    grids: tuple[tuple[int, int], ...]
    """Rows and columns of blocks of Y, Cb and Cr."""


def read_coefficients(data: bytes) -> Coefficients:
    """Returns the coefficients of a gray or YCbCr file without metadata; a gray one gets factors and grids of 4:4:4.

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
    is_gray = counts[0] == 1
    pairs = [(0, 1)] * 3 if is_gray else [(0, 1), (2, 3), (4, 5)]
    coefficients = Coefficients(
        luma,
        tables[numbers[0]],
        None if is_gray else tables[numbers[1]],
        tuple((1, 1) if is_gray else (factors[down], factors[across]) for down, across in pairs),
        tuple((grids[down], grids[across]) for down, across in pairs),
    )
    if not is_codable(luma):
        raise DamagedMediaError("its coefficients are larger than those of any picture")
    if sum(down * across for down, across in coefficients.factors) > MOST_BLOCKS_PER_UNIT:
        raise DamagedMediaError("its components cannot be interleaved")
    return coefficients


def is_codable(blocks: Blocks) -> bool:
    """Whether baseline coding holds these coefficients; the first of a block may be one lower, which is black."""
    return bool(blocks.max() <= LARGEST and blocks[..., 1:].min() >= -LARGEST and blocks[..., 0].min() >= -LARGEST - 1)


def write_coefficients(
    planes: Sequence[Blocks],
    tables: NDArray[np.uint16],
    factors: Sequence[tuple[int, int]],
    size: tuple[int, int],
    *,
    progressive: bool = False,
    restart_rows: int = 0,
) -> bytes:
    """Returns a JPEG file of Y, Cb and Cr; ``tables`` holds the steps of luma and chroma, ``size`` height and width.

    A baseline file can restart after every so many rows of coding units. Raises ``EncoderError`` where libjpeg refuses
    the coefficients.
    """
    if progressive:
        with temporary_folder() as folder:
            source = write_file(folder / "in.jpg", write_coefficients(planes, tables, factors, size))
            return call_writer(PROGRESSIVE_LIBRARY, source, planes, None, factors, size, optimize=True)
    if not restart_rows:
        return with_identities(call_writer(BASELINE_LIBRARY, None, planes, tables, factors, size, optimize=True))
    unit_height, strips = 8 * max(down for down, _ in factors), []
    for row in range(0, -(-size[0] // unit_height), restart_rows):
        parts = [
            plane[row * down : (row + restart_rows) * down] for plane, (down, _) in zip(planes, factors, strict=True)
        ]
        height = min(size[0] - row * unit_height, restart_rows * unit_height)
        strips.append(
            with_identities(
                call_writer(BASELINE_LIBRARY, None, parts, tables, factors, (height, size[1]), optimize=False)
            )
        )
    return joined(strips, size, -(-size[1] // (8 * max(across for _, across in factors))) * restart_rows)


def call_writer(
    version: str,
    source: bytes | None,
    planes: Sequence[Blocks],
    tables: NDArray[np.uint16] | None,
    factors: Sequence[tuple[int, int]],
    size: tuple[int, int],
    *,
    optimize: bool,
) -> bytes:
    """Returns the file that libjpeg writes: with tables, or with those of a source. Raises ``EncoderError``."""
    grids = [extent for plane in planes for extent in plane.shape[:2]]
    flat_factors = [factor for pair in factors for factor in pair]
    planes = [np.ascontiguousarray(plane) for plane in planes]
    steps, numbers = np.ascontiguousarray(tables) if tables is not None else None, np.array([0, 1, 1, -1], np.int16)
    with temporary_folder() as folder:
        target = folder / "out.jpg"
        if not load_library(version).write_jpeg_dct(
            source, os.fsencode(target), *map(pointer, planes), None,
            integers(size), integers(grids), integers(flat_factors), YCBCR, len(planes),
            None if steps is None else pointer(steps), ctypes.c_short(-1), None if steps is None else pointer(numbers),
            0, None, None, None, ctypes.c_uint(OPTIMIZE_CODING * optimize), ctypes.c_uint(OPTIMIZE_CODING),
        ):  # fmt: skip
            raise EncoderError("libjpeg cannot write these coefficients")
        return target.read_bytes()


def joined(strips: Sequence[bytes], size: tuple[int, int], interval: int) -> bytes:
    """Returns strips of one picture, coded with the same tables, as one file that restarts after each of them."""
    parts = list(segments(strips[0]))
    head, scan_header = bytearray(strips[0][: parts[-1].start]), strips[0][parts[-1].start : parts[-1].end]
    frame = next(part for part in parts if part.marker in (0xC0, 0xC1))
    struct.pack_into(">HH", head, frame.start + 5, *size)
    scans = [strip[list(segments(strip))[-1].end : -len(EOI)] for strip in strips]
    restarts = [b"\xff" + bytes([0xD0 + number % 8]) + scan for number, scan in enumerate(scans[1:])]
    return (
        bytes(head) + struct.pack(">BBHH", 0xFF, DRI, 4, interval) + scan_header + b"".join([scans[0], *restarts]) + EOI
    )


def with_identities(file: bytes) -> bytes:
    """Returns a file of one scan with components numbered 1, 2, 3, as JFIF has them, instead of 0, 1, 2."""
    numbered = bytearray(file)
    for part in segments(file):
        first, step = {0xC0: (10, 3), 0xC1: (10, 3), 0xDA: (5, 2)}.get(part.marker, (0, 0))
        if step:
            for component in range(3):
                numbered[part.start + first + step * component] = component + 1
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
