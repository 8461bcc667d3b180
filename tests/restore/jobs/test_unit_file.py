"""Units on the disk: round trip, times of decoding, damage, and how many bytes are read to join them."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet

from restore.errors import DiskError, OutputError
from restore.jobs.unit_file import UnitFile, joined

TIME_BASE = Fraction(1, 1000)
DISPLAY_ORDER = [0, 2, 1, 3]  # as with one B-frame


def packet(pts: int, dts: int | None, size: int = 50, seed: int = 0) -> Packet[Any]:
    made: Packet[Any] = av.Packet(np.random.default_rng(seed + pts).bytes(size))
    made.pts, made.dts, made.time_base, made.duration = pts, dts, TIME_BASE, 40
    made.is_keyframe = pts == 0
    return made


def write_unit(path: Path, packets: list[Packet[Any]], extradata: bytes = b"x") -> tuple[Path, str]:
    file = UnitFile(path, time_base=TIME_BASE, extradata=extradata)
    for each in packets:
        file.write(each)
    return path, file.commit()


def two_units(folder: Path, size: int = 50) -> list[tuple[Path, str]]:
    units = []
    for number in range(2):
        pts = [40 * (4 * number + place) for place in DISPLAY_ORDER]
        packets = [packet(time, min(pts) + 40 * (index - 1), size) for index, time in enumerate(pts)]
        units.append(write_unit(folder / f"{number}.unit", packets))
    return units


def test_packets_come_back_with_times_for_the_whole_film(tmp_path: Path) -> None:
    packets = list(joined(two_units(tmp_path), extradata=b"x", target=tmp_path / "out.mkv"))
    assert [each.pts for each in packets] == [0, 80, 40, 120, 160, 240, 200, 280]
    assert [each.dts for each in packets] == [-40, 0, 40, 80, 120, 160, 200, 240]
    assert [bytes(each) for each in packets] == [bytes(packet(each.pts or 0, None)) for each in packets]
    assert {(each.time_base, each.duration) for each in packets} == {(TIME_BASE, 40)}
    assert [each.is_keyframe for each in packets] == [True] + [False] * 7


def test_a_unit_is_read_once_to_join_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the disk, not of a buffer: at most a tenth more than the files have."""
    bytes_read = 0

    class CountedFile(io.FileIO):
        def readinto(self, buffer: Any) -> int | None:
            nonlocal bytes_read
            count = super().readinto(buffer)
            bytes_read += count or 0
            return count

        def readall(self) -> bytes:
            nonlocal bytes_read
            content = super().readall()
            bytes_read += len(content)
            return content

    units = two_units(tmp_path, size=50_000)
    monkeypatch.setattr(Path, "open", lambda path, _: io.BufferedReader(CountedFile(path)))
    assert len(list(joined(units, extradata=b"x", target=tmp_path / "out.mkv"))) == 8
    monkeypatch.undo()
    size = sum(path.stat().st_size for path, _ in units)
    assert size <= bytes_read <= 1.1 * size
    print(f"{bytes_read / size:.4f} of the units' size read")


@pytest.mark.parametrize("place", [10, -200, -10, -2])
def test_damage_is_seen_on_the_way(tmp_path: Path, place: int) -> None:
    """In a payload, in the index and in the footer."""
    units = two_units(tmp_path)
    content = bytearray(units[1][0].read_bytes())
    content[place] ^= 1
    units[1][0].write_bytes(content)
    with pytest.raises(DiskError, match=r"1\.unit was damaged on its disk"):
        list(joined(units, extradata=b"x", target=tmp_path / "out.mkv"))


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_unit_that_was_cut_off(tmp_path: Path, length: int) -> None:
    units = two_units(tmp_path)
    units[0][0].write_bytes(units[0][0].read_bytes()[:length])
    with pytest.raises(DiskError, match=r"0\.unit was damaged"):
        list(joined(units, extradata=b"x", target=tmp_path / "out.mkv"))


def test_units_of_another_encoder_are_not_joined(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="encoded differently"):
        list(joined(two_units(tmp_path), extradata=b"y", target=tmp_path / "out.mkv"))


def test_a_unit_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    file = UnitFile(tmp_path / "0.unit", time_base=TIME_BASE, extradata=None)
    file.write(packet(0, 0))
    file.discard()
    assert list(tmp_path.iterdir()) == []
