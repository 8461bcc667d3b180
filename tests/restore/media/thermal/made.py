"""Thermal files made for tests: FLIR records, TIFF and video of a scene whose counts are known."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

HEADER, ENTRY = 64, 32
CAMERA_SIZE = 0x500
CONSTANTS = {
    0x20: 0.95, 0x24: 1.0, 0x28: 293.15, 0x2C: 293.15, 0x30: 293.15, 0x34: 1.0, 0x3C: 0.5, 0x58: 21106.77, 0x5C: 1501.0,
    0x60: 1.0, 0x70: 0.006569, 0x74: 0.01262, 0x78: -0.002276, 0x7C: -0.00667, 0x80: 1.9, 0x30C: 0.012545258,
}  # fmt: skip
STARTED = 1_600_000_000  # seconds since 1970

Counts = NDArray[np.uint16]


def scene(number: int = 0, height: int = 48, width: int = 64) -> Counts:
    """Counts of a warm ground below a cold sky with a hot square that moves to the right; around 20 degrees."""
    y, x = np.mgrid[:height, :width]
    counts = 18000 + 10 * y + 60 * np.sin(x / 5)
    counts[: height // 3] -= 900
    left = 4 + 2 * number
    counts[height // 2 : height // 2 + 8, left : left + 6] += 1500
    return np.asarray(counts, np.uint16)


def camera_record(milliseconds: int = 0) -> bytes:
    record = bytearray(CAMERA_SIZE)
    struct.pack_into("<H", record, 0, 2)
    for place, value in CONSTANTS.items():
        struct.pack_into("<f", record, place, value)
    struct.pack_into("<i", record, 0x308, -7340)
    record[0xD4 : 0xD4 + 9] = b"TOY SC660"
    struct.pack_into("<IIh", record, 0x384, STARTED + milliseconds // 1000, milliseconds % 1000, -60)
    struct.pack_into("<H", record, 0x464, 10)
    return bytes(record)


def raw_record(counts: Counts, encoding: str = "plain") -> bytes:
    """``plain``, ``png`` (with its bytes the wrong way round, as FLIR's are) or ``jpegls``."""
    height, width = counts.shape
    header = struct.pack("<HHH", 2, width, height).ljust(32, b"\0")
    if encoding == "png":
        return header + bytes(imagecodecs.png_encode(counts.byteswap()))
    if encoding == "jpegls":
        return header + bytes(imagecodecs.jpegls_encode(counts))
    return header + counts.astype("<u2").tobytes()


def fff(counts: Counts, *, encoding: str = "plain", milliseconds: int = 0) -> bytes:
    """One FFF with a camera and a raw record."""
    records = [(0x20, camera_record(milliseconds)), (0x01, raw_record(counts, encoding))]
    head = b"FFF\0" + b"toy".ljust(16, b"\0") + struct.pack("<III", 101, HEADER, len(records))
    index, body = b"", b""
    start = HEADER + ENTRY * len(records)
    for kind, record in records:
        index += struct.pack("<HHIIII", kind, 1, 100, 1, start + len(body), len(record)).ljust(ENTRY, b"\0")
        body += record
    return head.ljust(HEADER, b"\0") + index + body


def sequence(count: int, *, encoding: str = "plain") -> list[bytes]:
    """Records of a SEQ (``plain``) or CSQ (``jpegls``), ten a second."""
    return [fff(scene(number), encoding=encoding, milliseconds=100 * number) for number in range(count)]


def flir_jpeg(content: bytes, *, part: int = 700) -> bytes:
    """A small JPEG whose APP1 segments hold an FFF in parts."""
    picture = bytes(imagecodecs.jpeg8_encode(np.full((16, 16), 90, np.uint8)))
    parts = [content[start : start + part] for start in range(0, len(content), part)]
    segments = b""
    for number, piece in enumerate(parts):
        payload = b"FLIR\0\x01" + bytes([number, len(parts) - 1]) + piece
        segments += b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    return picture[:2] + segments + picture[2:]


def y16_avi(pictures: list[Counts]) -> bytes:
    """What a USB camera's recorder writes: uncompressed, ten frames a second, by the code Y16."""
    height, width = pictures[0].shape
    size, count = 2 * height * width, len(pictures)

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content

    main = struct.pack("<14I", 100_000, 0, 0, 0x10, count, 0, 1, size, width, height, 0, 0, 0, 0)
    strip = struct.pack(
        "<4s4sIHHIIIIIIIIHHHH", b"vids", b"Y16 ", 0, 0, 0, 0, 1, 10, 0, count, size, 0, 0, 0, 0, width, height
    )
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 16, b"Y16 ", size, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", strip) + chunk(b"strf", bitmap))
    frames = b"".join(chunk(b"00db", picture.astype("<u2").tobytes()) for picture in pictures)
    index = b"".join(struct.pack("<4sIII", b"00db", 0x10, 4 + (size + 8) * each, size) for each in range(count))
    lists = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + streams) + chunk(b"LIST", b"movi" + frames)
    return chunk(b"RIFF", b"AVI " + lists + chunk(b"idx1", index))
