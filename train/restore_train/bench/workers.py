"""What a second worker gains: one film of many shots, coloured with one job and with two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
from av.video.stream import VideoStream

from restore.jobs.films import colorize_video
from restore.jobs.report import file_sha256
from restore.jobs.workers import Workers
from restore.media.film.source import FilmSource
from restore.options import UnitLengths
from restore.paint.network import Colorizer
from restore_train.bench.film import BenchCase
from restore_train.bench.measure import Benchmark, Measured, Stopwatch, in_own_process, in_turn

JOBS = {"one job": 1, "two jobs": 2}
NOTES = (
    "counted: models loaded, workers started, planning, joining and checksums; a unit is a shot",
    "one job gives decoder, network and encoder a thread each; of two, each has one thread for all of them",
)


def bench_workers(
    clips: Sequence[Path],
    case: BenchCase,
    *,
    shots: int,
    shot_frames: int,
    height: int | None = None,
    rounds: int = 1,
) -> Benchmark:
    """Joins stretches of ``clips`` to a film and colours it with one job and two in turn, in processes of their own.

    A unit is a shot, so that two workers have about the same to do. Raises as :func:`colorize_video`.
    """
    units = UnitLengths(shortest=shot_frames, longest=2 * shot_frames, context=min(24, shot_frames))
    options = replace(case.options, units=units)
    with TemporaryDirectory() as folder:
        film = Path(folder) / "film.mkv"
        frames = join_shots(clips, film, shots=shots, shot_frames=shot_frames, height=height)
        case = replace(case, clip=film, frames=frames, threads=1, options=options)
        works = {
            name: partial(in_own_process, colour_with_jobs, case, jobs, film.with_name(f"{jobs}.mkv"))
            for name, jobs in JOBS.items()
        }
        rows = in_turn(works, rounds)
        sums = {file_sha256(film.with_name(f"{jobs}.mkv")) for jobs in JOBS.values()}
    ratios = {"two jobs / one job, speed": rows["one job"].wall_seconds / rows["two jobs"].wall_seconds}
    same = "the films are the same bytes" if len(sums) == 1 else "THE FILMS DIFFER"
    return Benchmark(rows, ratios=ratios, notes=(*NOTES, same))


def colour_with_jobs(case: BenchCase, jobs: int, target: Path) -> Measured:
    cv2.setNumThreads(1)
    watch = Stopwatch()
    colorizer = Colorizer(case.model, engine=case.engine, device=case.device, threads=1)
    colorize_video(case.clip, target, model=colorizer, options=case.options, workers=Workers(jobs, threads=1))
    return watch.stop(case.frames)


def join_shots(clips: Sequence[Path], target: Path, *, shots: int, shot_frames: int, height: int | None = None) -> int:
    """Writes a gray film of stretches of the clips in turn, all of the first one's shape; returns its frames."""
    count = 0
    with av.open(str(target), "w") as out:
        stream: VideoStream | None = None
        for number in range(shots):
            for frame in stretch(clips[number % len(clips)], number // len(clips) * shot_frames, shot_frames):
                if stream is None:
                    stream = out.add_stream("libx264", rate=25, options={"crf": "18"})
                    stream.height = height or frame.height
                    stream.width = round(frame.width * stream.height / frame.height / 2) * 2
                    stream.pix_fmt = "gray"
                picture = frame.reformat(stream.width, stream.height, "gray")
                picture.pts = None
                out.mux(stream.encode(picture))
                count += 1
        if stream is not None:
            out.mux(stream.encode(None))
    return count


def stretch(clip: Path, start: int, count: int) -> Iterator[av.VideoFrame]:
    """Yields ``count`` frames of a clip from ``start`` on, or its first ones where it has not as many."""
    for begin in (start, 0):
        with FilmSource(clip) as film, closing(film.frames()) as frames:
            pictures = [frame.frame for frame in islice(frames, begin, begin + count)]
        if len(pictures) == count:
            break
    yield from pictures
