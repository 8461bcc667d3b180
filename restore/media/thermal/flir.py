"""FLIR's radiometric JPEG, and its recordings SEQ and CSQ."""

from __future__ import annotations

import mmap
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.jpeg_segments import Segment
from restore.media.thermal.fff import MAGIC, SensorRecord, decode_raw, read_index, read_sensor
from restore.media.thermal.frame import RawArray, ThermalFrame, ThermalSource

__all__ = ["open_flir_jpeg", "open_flir_sequence"]

APP1, FLIR = 0xE1, b"FLIR\0"
PART, PARTS, PART_HEADER = 6, 7, 8
"""Places in a segment: its number, that of the last one, and the size of what stands before the content."""

DEFAULT_RATE = 30
LOOKED_AT = 4096
"""Bytes behind a record that have to be zero, where the next does not follow at once."""

LONGEST_PAUSE = 24 * 3600 * 1000
"""Milliseconds between two records; a camera's clock that jumps further was set, or is damaged."""


def open_flir_jpeg(path: Path, parts: list[Segment], facts: dict[str, Any]) -> ThermalSource | None:
    """None where the JPEG has no record of FLIR's. Raises ``DamagedMediaError`` where it is broken."""
    content = joined(parts)
    if content is None:
        return None
    index = read_index(content)
    raw = decode_raw(content, index)
    sensor = read_sensor(content, index)
    frame = ThermalFrame(raw, radiometry=sensor.radiometry)
    source = ThermalSource(
        path, "FLIR radiometric JPEG", raw.shape, 16, lambda _: iter([frame]),
        polarity="white", metadata={**facts, **sensor.metadata, **scene_of(sensor)},
    )  # fmt: skip
    if sensor.radiometry is None:
        source.warn("the camera's constants are missing or damaged: there are no temperatures")
    return source


def joined(parts: list[Segment]) -> bytes | None:
    """The FFF that is spread over APP1 segments; None where there is none. Raises ``DamagedMediaError``."""
    found: dict[int, bytes] = {}
    last = 0
    for part in parts:
        if part.marker == APP1 and part.payload.startswith(FLIR) and len(part.payload) > PART_HEADER:
            last = part.payload[PARTS]
            found[part.payload[PART]] = part.payload[PART_HEADER:]
    if not found:
        return None
    missing = sorted(set(range(last + 1)) - found.keys())
    if missing:
        raise DamagedMediaError(f"{len(missing)} of the {last + 1} parts of FLIR's thermal record are missing")
    return b"".join(found[number] for number in range(last + 1))


def scene_of(sensor: SensorRecord) -> dict[str, Any]:
    """The constants behind the temperatures, for the report."""
    return {} if sensor.radiometry is None else {"radiometry": asdict(sensor.radiometry)}


def open_flir_sequence(path: Path) -> ThermalSource:
    """SEQ, CSQ and single FFF files. Raises ``DamagedMediaError`` where not one record can be read."""
    with mapped(path) as data:
        records = SequenceRecords(data)
        first = next(records.frames(), None)
        if first is None:
            raise DamagedMediaError(f"none of its FLIR records can be read: {records.problems[0]}")
        raw, sensor = first
        compressed = records.index.raw_length < raw.nbytes
        following = records.next_header(records.index.end)
        several = following >= 0
        count = max(2, round(len(data) / following)) if several else 1
    kind = f"FLIR {'CSQ' if compressed else 'SEQ'} recording" if several else "FLIR FFF picture"
    return ThermalSource(
        path, kind, raw.shape, 16, read_sequence,
        is_recording=several, rate=Fraction(sensor.frame_rate or DEFAULT_RATE), frame_count_estimate=count,
        polarity="white", metadata={**sensor.metadata, **scene_of(sensor)},
    )  # fmt: skip


def read_sequence(source: ThermalSource) -> Iterator[ThermalFrame]:
    with mapped(source.path) as data:
        records = SequenceRecords(data)
        clock = Clock(source.rate)
        for raw, sensor in records.frames():
            for problem in records.told():
                source.warn(problem)
            if raw.shape == source.shape:
                yield ThermalFrame(raw, clock.time_of(sensor.milliseconds or 0), sensor.radiometry)
            else:
                height, width = raw.shape
                source.warn(f"record {records.number} is {width}x{height} and not as the first; it is skipped")
        for problem in records.told():
            source.warn(problem)
        if clock.corrected:
            source.warn(f"{clock.corrected} records have a time that cannot be; they follow at {source.rate} a second")


class Clock:
    """From the camera's clock to milliseconds since the first record, always rising."""

    def __init__(self, rate: Fraction) -> None:
        self.step = max(1, round(1000 / rate))
        self.start: int | None = None
        self.last = -1
        self.corrected = 0

    def time_of(self, milliseconds: int) -> int:
        if self.start is None:
            self.start, self.last = milliseconds, 0
            return 0
        time = milliseconds - self.start
        if not self.last < time <= self.last + LONGEST_PAUSE:
            self.corrected += 1
            time = self.last + self.step
            self.start = milliseconds - time
        self.last = time
        return time


class SequenceRecords:
    """Walks through the records of a sequence, and over what is damaged."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.number = -1
        """Of the record last looked at, from 0."""
        self.problems: list[str] = []
        """What was skipped, a line each."""

    def told(self) -> list[str]:
        """The problems since this was last asked."""
        told, self.problems = self.problems, []
        return told

    def frames(self) -> Generator[tuple[RawArray, SensorRecord], None, None]:
        """Counts ``H x W`` and the camera's words on them, of every record that can be read."""
        position = 0
        while 0 <= position < len(self.data):
            self.number += 1
            following = self.next_header(position + 1)
            try:
                self.index = read_index(self.data, position)
                if 0 <= following < self.index.end:
                    raise DamagedMediaError("it is cut off by the next one")
                raw = decode_raw(self.data, self.index)
            except InputError as error:
                self.problems.append(f"record {self.number} at byte {position} is skipped: {error}")
            else:
                yield raw, read_sensor(self.data, self.index)
                self.look_between(self.index.end, following if following >= 0 else len(self.data))
            position = following

    def look_between(self, start: int, end: int) -> None:
        """What lies between two records is padding, or was one."""
        if any(self.data[start : min(end, start + LOOKED_AT)]):
            self.number += 1
            self.problems.append(f"record {self.number} at byte {start} is skipped: its header or index is damaged")

    def next_header(self, position: int) -> int:
        """Where the next header of a record lies, -1 for nowhere. The magic alone also occurs in pixels."""
        while True:
            position = self.data.find(MAGIC, position)
            if position < 0:
                return -1
            try:
                read_index(self.data, position)
            except DamagedMediaError:
                position += 1
            else:
                return position


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file as bytes, without reading it. Raises ``InputError``."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}") from error
