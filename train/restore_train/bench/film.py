"""Where the time goes: each stage alone, all together, and the plain decode-encode that any tool would cost.

Every measurement runs in a process of its own, so that its peak memory is its own and nothing is warm from before.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from restore.jobs.films import (
    PreparedFrame,
    VideoOptions,
    chroma_planes,
    colorize_video,
    plane_shape,
    prepared_frames,
)
from restore.media.film.codecs import Encoding
from restore.media.film.frames import SourceFrame
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.paint.network import Colorizer
from restore.paint.painter import coloured_frames, open_painter
from restore.temporal import ChromaFrame, Strength, smooth_chroma

__all__ = ["STAGES", "BenchTable", "Measured", "bench"]

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
WARM_UP_FRAMES = 2


@dataclass(frozen=True)
class Job:
    """One clip and how it is to be coloured; travels to the measuring process."""

    clip: Path
    frames: int
    model: str
    device: str
    threads: int | None
    options: VideoOptions
    engine: str = "auto"

    def colorizer(self) -> Colorizer:
        return Colorizer(self.model, engine=self.engine, device=self.device, threads=self.threads)


@dataclass(frozen=True)
class Measured:
    """One stage over all frames."""

    frames: int
    wall_seconds: float
    cpu_seconds: float
    """Of all threads of the process."""
    peak_bytes: int
    """Largest resident memory of the process, libraries included."""


@dataclass(frozen=True)
class BenchTable:
    """All stages of one clip."""

    stages: dict[str, Measured]

    @property
    def cpu_ratio(self) -> float:
        """CPU seconds of the whole run over those of the bare network and a plain decode-encode."""
        plain = self.stages["decode + encode"].cpu_seconds + self.stages["network"].cpu_seconds
        return self.stages["whole run"].cpu_seconds / plain

    @property
    def overlap(self) -> float:
        """Wall seconds of the whole run over its CPU seconds; 1 / cores where everything overlaps."""
        whole = self.stages["whole run"]
        return whole.wall_seconds / whole.cpu_seconds

    @property
    def plain_ratio(self) -> float:
        """Wall seconds of the whole run over those of a plain decode-encode."""
        return self.stages["whole run"].wall_seconds / self.stages["decode + encode"].wall_seconds


@dataclass
class Stopwatch:
    """Wall and CPU time since it was made."""

    wall: float
    cpu: float

    @classmethod
    def start(cls) -> Stopwatch:
        return cls(time.perf_counter(), time.process_time())

    def stop(self, frames: int) -> Measured:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
        return Measured(frames, wall, cpu, peak)


def measure(stage: Callable[[Job], Measured], job: Job) -> Measured:
    """Runs a stage, OpenCV too with the job's number of threads."""
    if job.threads is not None:
        cv2.setNumThreads(job.threads)
    return stage(job)


def decoded(job: Job, film: FilmSource) -> Iterator[SourceFrame]:
    with closing(film.frames()) as frames:
        yield from islice(frames, job.frames)


def decode(job: Job) -> Measured:
    watch = Stopwatch.start()
    with FilmSource(job.clip, threads=job.threads) as film:
        return watch.stop(sum(1 for _ in decoded(job, film)))


def decode_encode(job: Job) -> Measured:
    """A plain transcode with the same encoder settings, neutral chroma."""
    watch, count = Stopwatch.start(), 0
    with TemporaryDirectory() as folder, FilmSource(job.clip, threads=job.threads) as film:
        with FilmSink(Path(folder) / f"plain{job.clip.suffix}", film.layout, film.copied, encode_options(job)) as sink:
            kind = np.uint8 if sink.bit_depth <= 8 else np.uint16
            neutral = np.full(sink.chroma_shape, 1 << (sink.bit_depth - 1), kind)
            for frame in decoded(job, film):
                sink.write(frame, (neutral, neutral))
                count += 1
        return watch.stop(count)


def encode_options(job: Job) -> Encoding:
    options = job.options
    return Encoding(
        codec=options.codec, crf=options.crf, preset=options.preset, pix_fmt=options.pix_fmt, threads=job.threads
    )


def small_frames(job: Job, colorizer: Colorizer) -> list[PreparedFrame]:
    """All frames as the network sees them. The pictures themselves are let go, but for the first one's."""
    small: list[PreparedFrame] = []
    with FilmSource(job.clip, threads=job.threads) as film:
        for frame in prepared_frames(decoded(job, film), colorizer, film.layout, plane_shape(film.layout)):
            kept = small[0] if small else frame
            small.append(replace(kept, luma=frame.luma))
    return small


def network(job: Job) -> Measured:
    colorizer = job.colorizer()
    frames = small_frames(job, colorizer)
    colorizer.predict([frame.luma for frame in frames[:WARM_UP_FRAMES]])
    watch = Stopwatch.start()
    return watch.stop(sum(1 for _ in painted(frames, colorizer)))


def painted(frames: list[PreparedFrame], colorizer: Colorizer) -> Iterator[ChromaFrame]:
    return coloured_frames(frames, open_painter(colorizer), colorizer.largest_batch)


def temporal(job: Job) -> Measured:
    colorizer = job.colorizer()
    coloured = list(painted(small_frames(job, colorizer), colorizer))
    watch = Stopwatch.start()
    return watch.stop(sum(1 for _ in smooth_chroma(coloured, strength=Strength(job.options.temporal))))


def upsampling(job: Job) -> Measured:
    colorizer = job.colorizer()
    coloured = list(painted(small_frames(job, colorizer), colorizer))
    with FilmSource(job.clip) as film:
        layout = film.layout
    watch = Stopwatch.start()
    return watch.stop(sum(1 for _ in chroma_planes(coloured, job.options, layout, layout.bit_depth)))


def whole_run(job: Job) -> Measured:
    colorizer = job.colorizer()
    colorizer.predict([np.full((64, 64), 0.5, np.float32)])
    with FilmSource(job.clip) as film:
        seconds = (job.frames - 0.5) / float(film.layout.average_rate)
    watch = Stopwatch.start()
    with TemporaryDirectory() as folder:
        target = Path(folder) / f"whole{job.clip.suffix}"
        options = replace(job.options, duration_seconds=seconds)
        report = colorize_video(job.clip, target, colorizer=colorizer, options=options)
    return watch.stop(report.frames)


STAGES: dict[str, Callable[[Job], Measured]] = {
    "decode": decode,
    "decode + encode": decode_encode,
    "network": network,
    "temporal pass": temporal,
    "upsampling": upsampling,
    "whole run": whole_run,
}


def bench(
    clip: Path,
    *,
    frames: int,
    model: str = "pix2pix",
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    options: VideoOptions | None = None,
    stages: tuple[str, ...] = tuple(STAGES),
    repeat: int = 1,
) -> dict[str, Measured]:
    """Measures every stage on the first ``frames`` frames of ``clip``, ``repeat`` times in turn, and gives the medians.

    In turn, because a machine's speed drifts: a slow minute then hits all stages alike.
    """
    job = Job(clip, frames, model, device, threads, options or VideoOptions(threads=threads), engine)
    context = multiprocessing.get_context("spawn")
    runs: dict[str, list[Measured]] = {name: [] for name in stages}
    for _ in range(repeat):
        for name in stages:
            with ProcessPoolExecutor(1, mp_context=context) as process:
                runs[name].append(process.submit(measure, STAGES[name], job).result())
    return {name: middle(measured) for name, measured in runs.items()}


def middle(runs: list[Measured]) -> Measured:
    """The run whose CPU time is the median."""
    return sorted(runs, key=lambda run: run.cpu_seconds)[len(runs) // 2]
