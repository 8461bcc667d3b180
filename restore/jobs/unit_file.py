"""The encoded packets of a bounded part of a film on the disk, and how parts become one stream again.

A unit file is its packets' payloads in a row and then one line of JSON: the encoder's header, and each packet's times.
So a unit is joined in one pass. No container of FFmpeg's keeps both times of a packet in any time base, and nothing but
this program reads it.
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
from typing import Any, BinaryIO, NamedTuple

import av
from av.packet import Packet
from av.video.stream import VideoStream

from restore.errors import DiskError, OutputError
from restore.media.files import sync_folder, temporary_path

FOOTER = struct.Struct("<QI")  # bytes of the line before it, frames that the encoder held back
MOST_REORDERED = 64  # frames; no codec knows as many


class StoredPacket(NamedTuple):
    """What a unit's index says of a packet."""

    pts: int
    dts: int | None
    duration: int
    key_frame: bool
    size: int
    """Bytes of its payload."""


class UnitFile:
    """Writes one unit beside its name; :meth:`commit` puts it on the disk and gives it the name.

    Raises ``OSError``.
    """

    def __init__(self, path: Path, *, time_base: Fraction, extradata: bytes | None) -> None:
        self.path, self.part = path, temporary_path(path)
        self.header = {"time_base": str(time_base), "extradata": (extradata or b"").hex()}
        self.packets: list[StoredPacket] = []
        self.digest = hashlib.sha256()
        self.file = self.part.open("wb")

    def put(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)

    def write(self, packet: Packet[VideoStream]) -> None:
        assert packet.pts is not None, "every encoder of ours gives a time"
        self.put(bytes(packet))
        stored = StoredPacket(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, packet.size)
        self.packets.append(stored)

    def commit(self) -> str:
        """Returns the hex SHA-256 of the file, which is safe now."""
        line = json.dumps({**self.header, "packets": self.packets}).encode() + b"\n"
        self.put(line + FOOTER.pack(len(line), reordering(self.packets)))
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


def joined(
    units: Iterable[tuple[Path, str]], *, extradata: bytes | None, target: Path
) -> Iterator[Packet[VideoStream]]:
    """Yields the packets of all units in a row, with times of decoding that hold for the whole film.

    ``units`` are files and their hex SHA-256; each is read once, and checked on the way.

    Each encoder counts its first times of decoding back from its first frame, by the distance of its own frames; where
    frames are unevenly spaced, that can lie before the last one of the unit before. So they are made anew, as x264 does
    for a whole film: a packet is decoded at the time at which the frame ``delay`` places before it is shown.

    Raises ``OutputError`` for units of different encoders, ``DiskError`` for a damaged one, and ``OSError``.
    """
    units = list(units)
    delay = max((read_footer(path)[1] for path, _ in units), default=0)
    times: deque[int] = deque()
    for number, (path, sha256) in enumerate(units):
        with path.open("rb") as file:
            unit = read_index(file, path)
            if unit.extradata != (extradata or b""):
                raise OutputError(f"{target} cannot be joined: its parts were encoded differently; use restart")
            shown = sorted(packet.pts for packet in unit.packets)
            if number == 0:
                times.extend(times_before(shown, delay))
            times.extend(shown)
            digest = hashlib.sha256()
            for stored in unit.packets:
                payload = file.read(stored.size)
                digest.update(payload)
                packet: Packet[Any] = av.Packet(payload)
                packet.pts, packet.dts, packet.duration = stored.pts, times.popleft(), stored.duration
                packet.time_base, packet.is_keyframe = unit.time_base, stored.key_frame
                yield packet
            digest.update(unit.end)
        if digest.hexdigest() != sha256:
            raise damaged(path)


@dataclass(frozen=True)
class UnitIndex:
    """What stands at the end of a unit file."""

    time_base: Fraction
    extradata: bytes
    packets: list[StoredPacket]
    end: bytes
    """Line and footer as they are in the file."""


def read_footer(path: Path) -> tuple[int, int]:
    """Returns how many bytes the index line has, and how many frames the encoder held back."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < FOOTER.size:
            raise damaged(path)
        file.seek(-FOOTER.size, os.SEEK_END)
        length, delay = FOOTER.unpack(file.read())
    if delay > length:  # every frame has a place in the line
        raise damaged(path)
    return int(length), int(delay)


def read_index(file: BinaryIO, path: Path) -> UnitIndex:
    """Reads the end of a unit file, and seeks to its first payload."""
    length, _ = read_footer(path)
    start = file.seek(0, os.SEEK_END) - length - FOOTER.size
    if start < 0:
        raise damaged(path)
    file.seek(start)
    end = file.read()
    try:
        line = json.loads(end[:length])
        packets = [StoredPacket(*packet) for packet in line["packets"]]
        index = UnitIndex(Fraction(line["time_base"]), bytes.fromhex(line["extradata"]), packets, end)
        is_whole = sum(packet.size for packet in packets) == start
    except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise damaged(path) from error
    if not is_whole:
        raise damaged(path)
    file.seek(0)
    return index


def damaged(path: Path) -> DiskError:
    return DiskError(f"{path} was damaged on its disk; run the same command again, and that part is done again")


def reordering(packets: list[StoredPacket]) -> int:
    """Returns how many frames an encoder holds back: by its first times of decoding, and at least what it needs."""
    shown = sorted(packet.pts for packet in packets)
    place = {pts: index for index, pts in enumerate(shown)}
    needed = max((index - place[packet.pts] for index, packet in enumerate(packets)), default=0)
    said = sum(packet.dts is not None and packet.dts < shown[0] for packet in packets)
    return max(needed, said if said < min(len(packets), MOST_REORDERED) else 0)


def times_before(shown: list[int], delay: int) -> list[int]:
    """Returns the ``delay`` times of decoding before the first frame is shown."""
    if len(shown) > delay:
        return [shown[index] - (shown[delay] - shown[0]) for index in range(delay)]
    return [shown[0] - delay + index for index in range(delay)]
