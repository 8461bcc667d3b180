"""The shape of pixels in a Matroska file, which PyAV has no way to write.

Encoders of H.264 and HEVC put it into the stream itself; for the others it stands only in the file's track header, as
the size at which the picture is shown (RFC 9559, section 5.1.4.1.28). A longer track name keeps room for it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

ROOM = " " * 32
"""Put after the track's name before the file is written."""

SEGMENT, TRACKS, TRACK, CRC, VOID = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xbf", b"\xec"
NUMBER, NAME, VIDEO = b"\xd7", b"\x53\x6e", b"\xe0"
SHOWN_WIDTH, SHOWN_HEIGHT, SHOWN_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
LONGEST_HEAD = 1 << 20  # bytes up to the end of the tracks


def write_shown_size(path: Path, track_number: int, width: int, height: int) -> None:
    """Changes a complete file in place: shown size in pixels in, room out. Raises ``OSError``."""
    with path.open("r+b") as file:
        head = file.read(LONGEST_HEAD)
        (segment,) = (start for name, start, _ in elements(head) if name == SEGMENT)
        start, end = next((start, end) for name, start, end in elements(head, segment) if name == TRACKS)
        tracks = head[start:end]
        changed = b""
        for name, begin, stop in elements(tracks):
            body = tracks[begin:stop]
            if name == TRACK and (NUMBER, bytes([track_number])) in children(body):
                body = with_shown_size(body, width, height)
            if name != CRC:
                changed += element(name, body, length_bytes=8 if name == TRACK else 0)
        if tracks.startswith(CRC):
            changed = element(CRC, zlib.crc32(changed).to_bytes(4, "little")) + changed
        assert len(changed) == len(tracks), "the header keeps its length"
        file.seek(start)
        file.write(changed)


def with_shown_size(track: bytes, width: int, height: int) -> bytes:
    """Returns a track entry of the same length with the shown size."""
    entry = b""
    for name, body in children(track):
        if name == NAME:
            body = body.removesuffix(ROOM.encode())
        if name == VIDEO:
            others = (
                element(*child) for child in children(body) if child[0] not in (SHOWN_WIDTH, SHOWN_HEIGHT, SHOWN_UNIT)
            )
            body = b"".join(others) + element(SHOWN_WIDTH, number(width)) + element(SHOWN_HEIGHT, number(height))
        if name != VOID and not (name == NAME and not body):
            entry += element(name, body)
    free = len(track) - len(entry) - 9
    return entry + element(VOID, bytes(free), length_bytes=8)


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def element(name: bytes, body: bytes, *, length_bytes: int = 0) -> bytes:
    """Returns an EBML element; its length takes as few bytes as it can, or as many as asked for."""
    width = length_bytes or next(width for width in range(1, 9) if len(body) < (1 << 7 * width) - 1)
    return name + (len(body) | 1 << 7 * width).to_bytes(width, "big") + body


def children(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, data[start:end]) for name, start, end in elements(data)]


def elements(data: bytes, position: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, start and end of every element's body, from ``position`` on."""
    while position < len(data):
        name_bytes = 9 - data[position].bit_length()
        name = data[position : position + name_bytes]
        position += name_bytes
        length_bytes = 9 - data[position].bit_length()
        length = int.from_bytes(data[position : position + length_bytes], "big") & ((1 << 7 * length_bytes) - 1)
        position += length_bytes
        yield name, position, position + length
        position += length
