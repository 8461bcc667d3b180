"""The encoded packets of a bounded part of a film on the disk, and how parts become one stream again.

A unit file is a line of JSON and then packets, each with its times. No container of FFmpeg's keeps both times of a
packet in any time base, and nothing but this program reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.stream import VideoStream

from restore.errors import OutputError
from restore.media.files import sync_folder, temporary_path

__all__ = ["StoredPacket", "UnitFile", "joined", "read_unit"]

RECORD = struct.Struct("<qqq?I")  # pts, dts, duration, key frame, bytes of payload
NO_TIME = -(1 << 63)
LONGEST_HEADER = 1 << 20
MOST_REORDERED = 64  # frames; no codec knows as many


@dataclass(frozen=True)
class StoredPacket:
    """A packet and what it says of itself."""

    pts: int
    dts: int | None
    duration: int
    key_frame: bool
    payload: bytes

    def packet(self, dts: int, time_base: Fraction) -> Packet[VideoStream]:
        packet: Packet[Any] = av.Packet(self.payload)
        packet.pts, packet.dts, packet.duration, packet.time_base = self.pts, dts, self.duration, time_base
        packet.is_keyframe = self.key_frame
        return packet


class UnitFile:
    """Writes one unit beside its name; :meth:`commit` puts it on the disk and gives it the name.

    Raises ``OSError``.
    """

    def __init__(self, path: Path, *, time_base: Fraction, extradata: bytes | None) -> None:
        self.path = path
        self.part = temporary_path(path)
        self.digest = hashlib.sha256()
        self.file = self.part.open("wb")
        header = {"time_base": str(time_base), "extradata": (extradata or b"").hex()}
        self.put(json.dumps(header).encode() + b"\n")

    def put(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)

    def write(self, packet: Packet[VideoStream]) -> None:
        assert packet.pts is not None, "every encoder of ours gives a time"
        dts = packet.dts if packet.dts is not None else NO_TIME
        self.put(RECORD.pack(packet.pts, dts, packet.duration or 0, packet.is_keyframe, packet.size) + bytes(packet))

    def commit(self) -> str:
        """Hex SHA-256 of the file, which is safe now."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.part.replace(self.path)
        sync_folder(self.path.parent)
        return self.digest.hexdigest()

    def discard(self) -> None:
        """Removes what there is of an unfinished unit."""
        with suppress(OSError):  # the disk is still full
            self.file.close()
        self.part.unlink(missing_ok=True)


def read_unit(path: Path) -> tuple[Fraction, bytes, Iterator[StoredPacket]]:
    """Time base, the encoder's extradata, and packets one by one. Raises ``OSError``."""
    with path.open("rb") as file:
        line = file.readline(LONGEST_HEADER)
    header = json.loads(line)

    def packets() -> Iterator[StoredPacket]:
        with path.open("rb") as file:
            file.seek(len(line))
            while head := file.read(RECORD.size):
                pts, dts, duration, key_frame, size = RECORD.unpack(head)
                yield StoredPacket(
                    pts,
                    None if dts == NO_TIME else dts,
                    duration,
                    bool(key_frame),
                    file.read(size),
                )

    return Fraction(header["time_base"]), bytes.fromhex(header["extradata"]), packets()


def joined(paths: Iterable[Path], *, extradata: bytes | None, target: Path) -> Iterator[Packet[VideoStream]]:
    """The packets of all units in a row, with times of decoding that hold for the whole film.

    Each encoder counts its first times of decoding back from its first frame, by the distance of its own frames; where
    frames are unevenly spaced, that can lie before the last one of the unit before. So they are made anew, as x264 does
    for a whole film: a packet is decoded at the time at which the frame ``delay`` places before it is shown.

    Raises ``OutputError`` for units of different encoders, ``OSError``.
    """
    paths = list(paths)
    delay = max((reordering(path) for path in paths), default=0)
    times: deque[int] = deque()
    for number, path in enumerate(paths):
        time_base, own_extradata, packets = read_unit(path)
        if own_extradata != (extradata or b""):
            raise OutputError(f"{target} cannot be joined: its parts were encoded differently; use --restart")
        shown = shown_times(path)
        if number == 0:
            times.extend(times_before(shown, delay))
        times.extend(shown)
        for stored in packets:
            yield stored.packet(times.popleft(), time_base)


def shown_times(path: Path) -> list[int]:
    """Times of presentation in their order."""
    return sorted(stored.pts for stored in read_unit(path)[2])


def reordering(path: Path) -> int:
    """How many frames an encoder holds back: as it says by its first times of decoding, and at least what it needs."""
    stored = [(each.pts, each.dts) for each in read_unit(path)[2]]
    shown = sorted(pts for pts, _ in stored)
    place = {pts: index for index, pts in enumerate(shown)}
    needed = max((index - place[pts] for index, (pts, _) in enumerate(stored)), default=0)
    said = sum(dts is not None and dts < shown[0] for _, dts in stored)
    return max(needed, said if said < min(len(stored), MOST_REORDERED) else 0)


def times_before(shown: list[int], delay: int) -> list[int]:
    """The ``delay`` times of decoding before the first frame is shown."""
    if len(shown) > delay:
        return [shown[index] - (shown[delay] - shown[0]) for index in range(delay)]
    return [shown[0] - delay + index for index in range(delay)]
