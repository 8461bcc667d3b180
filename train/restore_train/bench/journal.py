"""What it costs that a killed film can be resumed: the journal's work alone, beside the run that it is part of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from av.packet import Packet
from av.video.stream import VideoStream

from restore.jobs.film_units import MadeUnit
from restore.jobs.films import colorize_video
from restore.jobs.fingerprint import sampled_sha256
from restore.jobs.job import Job, has_sha256
from restore.jobs.report import file_sha256
from restore.jobs.unit_file import UnitFile, joined
from restore.media.film.decoding import media_url
from restore.media.film.source import FilmSource
from restore.options import FilmOptions
from restore.paint.painter import Painter
from restore.paint.recipe import Model
from restore_train.bench.measure import Benchmark, Stopwatch

WHOLE = "whole run"


def bench_journal(clip: Path, *, frames: int, colorizer: Model | Painter, options: FilmOptions) -> Benchmark:
    """Colours the first ``frames`` frames of ``clip``, and does the journal's work once more with the same packets.

    Units are of the shortest kind, so that there are as many as can be. An encoder's start at each is not counted: it
    costs no work, but a key frame and the waiting while the one before is drained.
    """
    with FilmSource(clip) as film:
        seconds = (frames - 0.5) / float(film.layout.average_rate)
    with TemporaryDirectory() as folder:
        target = Path(folder) / f"whole{clip.suffix}"
        watch = Stopwatch()
        report = colorize_video(clip, target, model=colorizer, options=replace(options, duration_seconds=seconds))
        whole = watch.stop(report.frames)
        packets = film_packets(target)
        watch = Stopwatch()
        units = replay(clip, target, packets, options.units.shortest)
        journal = watch.stop(report.frames)
    share = journal.cpu_seconds / whole.cpu_seconds
    rows = {WHOLE: whole, f"journal, {units} units": journal}
    return Benchmark(rows, ratios={"CPU seconds, journal / whole run": share})


def film_packets(path: Path) -> list[Packet[VideoStream]]:
    """Returns all packets of a film, in their order of decoding."""
    with av.open(media_url(path)) as container:
        return [packet for packet in container.demux(container.streams.video[0]) if packet.size]


def replay(source: Path, result: Path, packets: list[Packet[VideoStream]], unit_frames: int) -> int:
    """Does all that a job does beside the work itself: checksums, units, lines, joining; returns how many units."""
    with Job(result, {"source": sampled_sha256(source)}) as job:
        parts = []
        for first, unit in units_of(packets, unit_frames):
            name = f"{first:09d}.unit"
            file = UnitFile(job.unit_path(name), time_base=packets[0].time_base, extradata=b"")
            for packet in unit:
                file.write(packet)
            sha256 = file.commit()
            job.add({"unit": asdict(MadeUnit(first, len(unit), True, "stretch", name, sha256, 0.0))})
            parts.append((job.unit_path(name), sha256))
        for _ in joined(parts, extradata=b"", target=result):
            pass
        job.add({"result": file_sha256(result)})
        assert has_sha256(result, job.entries[-1]["result"])
        job.done()
    return len(parts)


def units_of(packets: list[Packet[VideoStream]], size: int) -> Iterator[tuple[int, list[Packet[VideoStream]]]]:
    rest = iter(packets)
    first = 0
    while unit := list(islice(rest, size)):
        yield first, unit
        first += len(unit)
