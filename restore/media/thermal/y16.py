"""AVI of 16-bit gray with the code Y16, as USB cameras are recorded; FFmpeg demuxes it, but has no codec for it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from restore.errors import DamagedMediaError
from restore.media.film.decoding import Damage, media_url, open_media, read_packets
from restore.media.photo.photo import check_size
from restore.media.thermal.source import ThermalFrame, ThermalSource

HEAD = 1 << 16
FORMAT, BITMAP_HEADER = b"strf", "<IIiiHH4s"
CODES = (b"Y16 ", b"Y1\0\x10")
"""The cameras' own, and the one that FFmpeg itself would write."""

DEFAULT_RATE = Fraction(30)


def y16_size(path: Path) -> tuple[int, int] | None:
    """Returns width and height; None for what is no such AVI."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    place = head.find(FORMAT)
    if head[:4] != b"RIFF" or head[8:12] != b"AVI " or place < 0:
        return None
    fields = head[place + len(FORMAT) :][: struct.calcsize(BITMAP_HEADER)]
    if len(fields) < struct.calcsize(BITMAP_HEADER):
        return None
    _, _, width, height, _, _, code = struct.unpack(BITMAP_HEADER, fields)
    return (width, abs(height)) if code in CODES else None


class Y16Source(ThermalSource):
    """An AVI of 16-bit gray."""

    def read(self) -> Iterator[ThermalFrame]:
        """Yields every packet that holds a whole picture. Raises ``DamagedMediaError`` where there is none."""
        height, width = self.shape
        damage = Damage()
        count, last = 0, -1
        with av.open(media_url(self.path), metadata_errors="surrogateescape") as container:
            for number, packet in enumerate(read_packets(container, [container.streams.video[0]], damage)):
                if packet.size < 2 * height * width or packet.is_corrupt:
                    self.warn(f"frame {number} is cut off and skipped")
                    continue
                raw = np.frombuffer(bytes(packet), "<u2", height * width).reshape(height, width).astype(np.uint16)
                last = packet.pts if packet.pts is not None and packet.pts > last else last + 1
                count += 1
                yield ThermalFrame(raw, last)
        if damage.read_errors:
            self.warn("the recording is truncated or damaged")
        if not count:
            raise DamagedMediaError(f"{self.path}: not one frame of it can be read")


def open_y16(path: Path, size: tuple[int, int]) -> Y16Source:
    """Opens an AVI of this size. Raises ``InputError`` and ``DamagedMediaError``."""
    width, height = size
    check_size(width, height)
    with open_media(path) as container:
        if not container.streams.video:
            raise DamagedMediaError("the AVI's header names no video")
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or DEFAULT_RATE)
        time_base = Fraction(stream.time_base or 1 / rate)
    return Y16Source(
        path, "16-bit AVI (Y16)", (height, width), 16, is_recording=True, rate=rate, time_base=time_base,
        polarity="white",
    )  # fmt: skip
