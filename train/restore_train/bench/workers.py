"""What a second worker gains: one film of many shots, coloured in this process, by one worker and by two."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import av
import cv2
from av.video.stream import VideoStream
from joblib import Parallel
from joblib._parallel_backends import LokyBackend
from joblib.executor import get_memmapping_executor
from joblib.externals.loky import get_reusable_executor

from restore.jobs.film_units import UnitLengths
from restore.jobs.films import VideoOptions, colorize_video
from restore.jobs.report import file_sha256
from restore.jobs.workers import PARALLEL, WAITING, Workers
from restore.media.film.source import FilmSource
from restore.paint.network import Colorizer

__all__ = ["Timed", "WorkersBench", "bench_workers", "join_shots"]


class OneProcess(LokyBackend):  # type: ignore[misc]  # joblib is not typed
    """joblib's processes, of which it would not start a single one."""

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        options = {key: value for key, value in options.items() if key not in ("prefer", "require")}
        environment = self._prepare_worker_env(n_jobs=n_jobs)
        self._workers = get_memmapping_executor(1, env=environment, context_id=parallel._id, **options)
        self.parallel = parallel
        return 2


class OneWorker(Workers):
    """A worker beside this process, as two are."""

    @property
    def alone(self) -> bool:
        return False

    @contextmanager
    def pool(self) -> Iterator[Parallel]:
        try:
            yield Parallel(backend=OneProcess(inner_max_num_threads=1), pre_dispatch=1 + WAITING, **PARALLEL)
        finally:
            get_reusable_executor().shutdown(wait=True)


@dataclass(frozen=True)
class Timed:
    """One way to colour the film."""

    seconds: float
    """From the call to the complete result: models loaded, workers started, parts joined, all sums made."""

    cpu_seconds: float
    """Of all its processes."""

    sha256: str
    """Of the result."""


@dataclass(frozen=True)
class WorkersBench:
    """Middle runs of each way."""

    frames: int
    units: int
    ways: dict[str, Timed]

    def gain(self, slower: str, faster: str) -> float:
        """How many times as fast."""
        return self.ways[slower].seconds / self.ways[faster].seconds


THIS_PROCESS, ONE, TWO = "this process", "one worker", "two workers"
WAYS: dict[str, Workers] = {
    THIS_PROCESS: Workers(threads=1),
    ONE: OneWorker(threads=1),
    TWO: Workers(2, threads=1),
}
"""In this process, decoder, network and encoder have a thread each, so it may use more than a core."""


@dataclass(frozen=True)
class Job:
    """Travels to a measuring process."""

    film: Path
    model: str
    engine: str
    device: str
    options: VideoOptions

    def time(self, way: str) -> Timed:
        cv2.setNumThreads(1)
        target = self.film.with_name(f"{way}{self.film.suffix}")
        started = perf_counter()
        colorizer = Colorizer(self.model, engine=self.engine, device=self.device, threads=1)
        colorize_video(self.film, target, colorizer=colorizer, options=self.options, workers=WAYS[way])
        seconds = perf_counter() - started
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return Timed(seconds, sum(each.ru_utime + each.ru_stime for each in used), file_sha256(target))


def bench_workers(
    clips: Sequence[Path],
    *,
    shots: int,
    shot_frames: int,
    height: int | None = None,
    model: str = "pix2pix",
    engine: str = "auto",
    device: str = "cpu",
    options: VideoOptions | None = None,
    repeat: int = 1,
) -> WorkersBench:
    """Joins stretches of ``clips`` to a film and colours it in all ways in turn, each in a process of its own.

    A unit is a shot, so that two workers have about the same to do. Raises as :func:`colorize_video`.
    """
    units = UnitLengths(shortest=shot_frames, longest=2 * shot_frames, context=min(24, shot_frames))
    chosen = replace(options or VideoOptions(), threads=1, units=units, overwrite=True)
    runs: dict[str, list[Timed]] = {way: [] for way in WAYS}
    with TemporaryDirectory() as folder:
        film = Path(folder) / "film.mkv"
        frames = join_shots(clips, film, shots=shots, shot_frames=shot_frames, height=height)
        job = Job(film, model, engine, device, chosen)
        for _ in range(repeat):
            for way in WAYS:
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
                    runs[way].append(process.submit(job.time, way).result())
    middle = {way: sorted(timed, key=lambda run: run.seconds)[repeat // 2] for way, timed in runs.items()}
    return WorkersBench(frames, shots, middle)


def join_shots(clips: Sequence[Path], target: Path, *, shots: int, shot_frames: int, height: int | None = None) -> int:
    """A gray film of stretches of the clips in turn, all of the first one's shape; how many frames it has."""
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


def stretch(clip: Path, start: int, frames: int) -> Iterator[av.VideoFrame]:
    """So many frames of a clip from an index on, or its first ones where it has not as many."""
    for begin in (start, 0):
        with FilmSource(clip) as film, closing(film.frames()) as every:
            found = [frame.frame for frame in islice(every, begin, begin + frames)]
        if len(found) == frames:
            break
    yield from found
