"""Small files that ask for all memory are refused by their headers, before anything is decoded."""

from __future__ import annotations

import io
import resource
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import InputError
from restore.media.photo import tiff as photo_tiff
from restore.media.photo.reading import read_photo

SIDE = 60_000
MOST_GROWTH = 100_000_000  # bytes


def png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(bytes(1 << 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(width: int, height: int, *, samples: int = 1, compression: int = 8, pages: int = 1) -> bytes:
    """Pages that all have the same few bytes of picture data."""
    data = zlib.compress(bytes(1 << 16))
    start = 8 + len(data) + len(data) % 2
    file = b"II*\0" + struct.pack("<I", start) + data.ljust(start - 8, b"\0")
    for number in range(pages):
        tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 8, 277: samples, 278: height}
        tags[279] = len(data)
        file += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in tags)
        following = len(file) + 4 + (len(file) + 4) % 2
        file = (file + struct.pack("<I", following if number < pages - 1 else 0)).ljust(following, b"\0")
    return file


def overlapping_tiff() -> bytes:
    """All tags of a page have the whole file as their value."""
    count, values = 2000, bytes(60_000)
    start = 8 + len(values)
    entries = b"".join(struct.pack("<HHII", 32768 + n, 7, len(values), 8) for n in range(count))
    return b"II*\0" + struct.pack("<I", start) + values + struct.pack("<H", count) + entries + bytes(4)


def webp(width: int, height: int) -> bytes:
    size = struct.pack("<I", (width - 1) | (height - 1) << 14)
    data = b"VP8L" + struct.pack("<I", 21) + b"\x2f" + size + bytes(16)
    return b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WEBP" + data


def extended_webp(width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    data = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WEBP" + data


def jpeg2000(width: int, height: int, components: int = 1) -> bytes:
    size = struct.pack(">H8IH", 0, width, height, 0, 0, width, height, 0, 0, components) + b"\7\1\1" * components
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + header + bytes(46)


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    data = file.getvalue()
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


BOMBS = {
    "PNG": png(SIDE, SIDE),
    "PNG of 16 bits and four channels": png(SIDE, SIDE, 16, 6),
    "PNG of the largest size": png(2**31 - 1, 2**31 - 1),
    "TIFF": tiff(SIDE, SIDE),
    "TIFF without compression": tiff(SIDE, SIDE, compression=1),
    "TIFF of the largest size": tiff(2**32 - 1, 2**32 - 1),
    "TIFF of many channels": tiff(10_000, 10_000, samples=200),
    "TIFF of many pages": tiff(10_000, 10_000, pages=200),
    "TIFF of tags that overlap": overlapping_tiff(),
    "WebP": webp(16_384, 16_384),
    "extended WebP": extended_webp(2**24, 2**24),
    "JPEG 2000": jpeg2000(SIDE, SIDE),
    "JPEG 2000 of the largest size": jpeg2000(2**32 - 1, 2**32 - 1),
    "JPEG 2000 of many components": jpeg2000(10_000, 10_000, 16_384),
    "BMP": bmp(SIDE, SIDE),
    "JPEG": jpeg(65_500, 65_500),
    "GIF": b"GIF89a"
    + struct.pack("<HH", 65_535, 65_535)
    + bytes(3)
    + b","
    + bytes(4)
    + b"\xff" * 4
    + b"\0\2\2\x4c\1\0;",
    "PGM": b"P5 60000 60000 255 " + bytes(50),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused_by_its_header(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            read_photo(BOMBS[name], name)
        assert tracemalloc.get_traced_memory()[1] < MOST_GROWTH
    finally:
        tracemalloc.stop()
    assert len(BOMBS[name]) < 100_000
    assert "\n" not in str(caught.value)
    assert any(words in str(caught.value) for words in ("bomb", "components"))
    if sys.platform == "linux":
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_GROWTH


def test_many_pages_of_a_fair_size_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(3):
            writer.write(np.zeros((20, 30), np.uint8), contiguous=False)
    monkeypatch.setattr(photo_tiff, "MOST_SAMPLES", 3 * 20 * 30)
    assert len(read_photo(file.getvalue()).pages) == 3
    monkeypatch.setattr(photo_tiff, "MOST_SAMPLES", 3 * 20 * 30 - 1)
    with pytest.raises(InputError, match="bomb"):
        read_photo(file.getvalue())
