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
from restore.media.thermal.source import RawArray, StillSource, ThermalFrame, ThermalSource

APP1, FLIR = 0xE1, b"FLIR\0"
PART, PARTS, PART_HEADER = 6, 7, 8
"""Places in a segment of its number and that of the last one, and the size of what precedes its content."""

DEFAULT_RATE = 30
PADDING_CHECKED = 4096
"""Bytes after a record that have to be zero, where the next does not follow at once."""

LONGEST_PAUSE = 24 * 3600 * 1000
"""Milliseconds between two records; a camera's clock that jumps further was set, or is damaged."""


def open_flir_jpeg(path: Path, parts: list[Segment], facts: dict[str, Any]) -> StillSource | None:
    """Opens FLIR's record in a JPEG; returns None where there is none. Raises ``DamagedMediaError``."""
    content = join_parts(parts)
    if content is None:
        return None
    index = read_index(content)
    raw = decode_raw(content, index)
    sensor = read_sensor(content, index)
    frame = ThermalFrame(raw, radiometry=sensor.radiometry)
    source = StillSource(
        path, "FLIR radiometric JPEG", raw.shape, 16, frame=frame, polarity="white",
        metadata={**facts, **sensor.metadata, **scene_of(sensor)},
    )  # fmt: skip
    if sensor.radiometry is None:
        source.warn("the camera's constants are missing or damaged: there are no temperatures")
    return source


def join_parts(parts: list[Segment]) -> bytes | None:
    """Joins the FFF that is spread over APP1 segments; None where there is none. Raises ``DamagedMediaError``."""
    contents: dict[int, bytes] = {}
    last = 0
    for part in parts:
        if part.marker == APP1 and part.payload.startswith(FLIR) and len(part.payload) > PART_HEADER:
            last = part.payload[PARTS]
            contents[part.payload[PART]] = part.payload[PART_HEADER:]
    if not contents:
        return None
    missing = sorted(set(range(last + 1)) - contents.keys())
    if missing:
        raise DamagedMediaError(f"{len(missing)} of the {last + 1} parts of FLIR's thermal record are missing")
    return b"".join(contents[number] for number in range(last + 1))


def scene_of(sensor: SensorRecord) -> dict[str, Any]:
    """Returns the constants from which temperatures follow, for the report."""
    return {} if sensor.radiometry is None else {"radiometry": asdict(sensor.radiometry)}


class FlirSequence(ThermalSource):
    """A SEQ or CSQ recording, or a single FFF picture."""

    def read(self) -> Iterator[ThermalFrame]:
        """Yields every record of the first one's size that can be read."""
        with map_file(self.path) as data:
            records = SequenceRecords(data)
            clock = Clock(self.rate)
            for raw, sensor in records.frames():
                self.warn_of(records)
                if raw.shape == self.shape:
                    yield ThermalFrame(raw, clock.time_of(sensor.milliseconds or 0), sensor.radiometry)
                else:
                    height, width = raw.shape
                    self.warn(f"record {records.number} is {width}x{height} and not as the first; it is skipped")
            self.warn_of(records)
            if clock.corrected:
                self.warn(f"{clock.corrected} records have a time that cannot be; they follow at {self.rate} a second")

    def warn_of(self, records: SequenceRecords) -> None:
        for problem in records.take_problems():
            self.warn(problem)


def open_flir_sequence(path: Path) -> FlirSequence:
    """Opens SEQ, CSQ and single FFF files. Raises ``DamagedMediaError`` where not one record can be read."""
    with map_file(path) as data:
        records = SequenceRecords(data)
        first = next(records.frames(), None)
        if first is None:
            raise DamagedMediaError(f"none of its FLIR records can be read: {records.problems[0]}")
        raw, sensor = first
        compressed = records.index.raw_length < raw.nbytes
        following = records.next_header(records.index.end)
        is_recording = following >= 0
        count = max(2, round(len(data) / following)) if is_recording else 1
    kind = f"FLIR {'CSQ' if compressed else 'SEQ'} recording" if is_recording else "FLIR FFF picture"
    return FlirSequence(
        path, kind, raw.shape, 16, is_recording=is_recording,
        rate=Fraction(sensor.frame_rate or DEFAULT_RATE), frame_count_estimate=count,
        polarity="white", metadata={**sensor.metadata, **scene_of(sensor)},
    )  # fmt: skip


class Clock:
    """Turns the camera's clock into milliseconds since the first record, always rising."""

    def __init__(self, rate: Fraction) -> None:
        self.step = max(1, round(1000 / rate))
        self.start: int | None = None
        self.last = -1
        self.corrected = 0

    def time_of(self, milliseconds: int) -> int:
        """Returns the time of the next record."""
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
    """Walks through the records of a sequence and skips what is damaged."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.number = -1
        """The record that was read last, from 0."""
        self.problems: list[str] = []
        """What was skipped, a line each."""

    def take_problems(self) -> list[str]:
        """Returns the problems since the last call."""
        problems, self.problems = self.problems, []
        return problems

    def frames(self) -> Generator[tuple[RawArray, SensorRecord], None, None]:
        """Yields counts ``H x W`` and the camera record of every record that can be read."""
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
                self.check_gap(self.index.end, following if following >= 0 else len(self.data))
            position = following

    def check_gap(self, start: int, end: int) -> None:
        """Reports what is between two records, if it is no padding: it was a record."""
        if any(self.data[start : min(end, start + PADDING_CHECKED)]):
            self.number += 1
            self.problems.append(f"record {self.number} at byte {start} is skipped: its header or index is damaged")

    def next_header(self, position: int) -> int:
        """Returns the place of the next header, -1 where there is none. The magic alone also occurs in pixels."""
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
def map_file(path: Path) -> Iterator[mmap.mmap]:
    """Maps a file into memory without reading it. Raises ``InputError``."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}") from error
