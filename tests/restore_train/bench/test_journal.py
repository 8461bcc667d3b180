"""The journal's own work, done again with the packets of a real result."""

from __future__ import annotations

from pathlib import Path

import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from restore.jobs.job import job_folder
from restore.jobs.unit_file import UnitFile
from restore.options import UnitLengths
from restore_train.bench.journal import bench_journal, film_packets, replay
from tests.painters import BROWN
from tests.tools import film_options

OPTIONS = film_options(codec="ffv1", threads=1, units=UnitLengths(shortest=3, longest=4, context=2))


def test_the_cost_is_measured_beside_the_run(gray_film: Path) -> None:
    result = bench_journal(gray_film, frames=7, colorizer=BROWN, options=OPTIONS)
    assert list(result.rows) == ["whole run", "journal, 3 units"]
    whole, journal = result.rows.values()
    assert whole.count == journal.count == 7
    assert list(result.ratios.values()) == [journal.cpu_seconds / whole.cpu_seconds]


def test_every_packet_goes_through_a_unit_and_nothing_stays(gray_film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write = UnitFile.write

    def note_and_write(file: UnitFile, packet: Packet[VideoStream]) -> None:
        written.append(packet.size)
        write(file, packet)

    monkeypatch.setattr(UnitFile, "write", note_and_write)
    packets = film_packets(gray_film)
    assert replay(gray_film, gray_film, packets, 4) == 3
    assert written == [packet.size for packet in packets]
    assert not job_folder(gray_film).exists()
