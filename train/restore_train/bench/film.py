"""Where the time goes: each stage alone, all together, and the plain decode-encode that any tool would cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from restore.colour import codes_from_chroma
from restore.frames import Canvas, Frame, Painted
from restore.jobs.film_units import FIRST_UNIT, mark_units
from restore.jobs.films import colorize_video, film_canvas, sink_encoding
from restore.media.film.frames import SourceFrame
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.options import FilmOptions, UnitLengths
from restore.paint.network import Colorizer
from restore.paint.painter import Painter
from restore.paint.recipe import painter_for
from restore.pipeline import enlarge, paint, prepare
from restore.temporal import smooth_chroma
from restore_train.bench.measure import Benchmark, Measured, Stopwatch, in_own_process, in_turn

WARM_UP_FRAMES = 2


@dataclass(frozen=True)
class BenchCase:
    """A clip and how it is to be coloured; travels to the measuring process."""

    clip: Path
    frames: int
    model: str
    device: str
    threads: int | None
    options: FilmOptions
    engine: str = "auto"

    def colorizer(self) -> Colorizer:
        return Colorizer(self.model, engine=self.engine, device=self.device, threads=self.threads)

    def painter(self) -> Painter:
        return painter_for("film", self.colorizer())


def measure(stage: Callable[[BenchCase], Measured], case: BenchCase) -> Measured:
    """Runs a stage, OpenCV too with the case's number of threads."""
    if case.threads is not None:
        cv2.setNumThreads(case.threads)
    return stage(case)


def decoded(case: BenchCase, film: FilmSource) -> Iterator[SourceFrame]:
    with closing(film.frames()) as frames:
        yield from islice(frames, case.frames)


def decode(case: BenchCase) -> Measured:
    watch = Stopwatch()
    with FilmSource(case.clip, threads=case.threads) as film:
        return watch.stop(sum(1 for _ in decoded(case, film)))


def decode_encode(case: BenchCase) -> Measured:
    """Transcodes with the same encoder settings and neutral chroma."""
    watch, count = Stopwatch(), 0
    with TemporaryDirectory() as folder, FilmSource(case.clip, threads=case.threads) as film:
        target = Path(folder) / f"plain{case.clip.suffix}"
        with FilmSink(target, film.layout, film.copied, sink_encoding(case.options, "")) as sink:
            kind = np.uint8 if sink.bit_depth <= 8 else np.uint16
            neutral = np.full(sink.chroma_shape, 1 << (sink.bit_depth - 1), kind)
            for frame in decoded(case, film):
                sink.write(frame, (neutral, neutral))
                count += 1
        return watch.stop(count)


def small_frames(case: BenchCase, painter: Painter) -> tuple[list[Frame], Canvas]:
    """Returns all frames as the network sees them; of the pictures themselves only the first one's stays in memory."""
    small: list[Frame] = []
    with FilmSource(case.clip, threads=case.threads) as film:
        canvas = film_canvas(film.layout, film.layout.subsampling)
        for picture in decoded(case, film):
            frame = prepare(picture, painter, canvas)
            first = small[0] if small else frame
            small.append(replace(first, luma=frame.luma, index=frame.index))
    return small, canvas


def network(case: BenchCase) -> Measured:
    painter = case.painter()
    frames, canvas = small_frames(case, painter)
    painter.paint(frames[:WARM_UP_FRAMES])
    watch = Stopwatch()
    return watch.stop(sum(1 for _ in paint(frames, painter, canvas)))


def painted(case: BenchCase) -> tuple[list[Painted], Canvas]:
    painter = case.painter()
    frames, canvas = small_frames(case, painter)
    return list(paint(mark_units(frames, FIRST_UNIT, UnitLengths()), painter, canvas)), canvas


def temporal(case: BenchCase) -> Measured:
    frames, _ = painted(case)
    watch = Stopwatch()
    return watch.stop(sum(1 for _ in smooth_chroma(frames, strength=case.options.look.strength)))


def upsampling(case: BenchCase) -> Measured:
    frames, canvas = painted(case)
    with FilmSource(case.clip) as film:
        layout = film.layout
    watch = Stopwatch()
    for frame in frames:
        chroma = enlarge(frame, case.options.look, canvas).chroma
        codes_from_chroma(chroma, bit_depth=layout.bit_depth, full_range=layout.full_range)
    return watch.stop(len(frames))


def whole_run(case: BenchCase) -> Measured:
    colorizer = case.colorizer()
    colorizer.predict([np.full((64, 64), 0.5, np.float32)])
    with FilmSource(case.clip) as film:
        seconds = (case.frames - 0.5) / float(film.layout.average_rate)
    watch = Stopwatch()
    with TemporaryDirectory() as folder:
        target = Path(folder) / f"whole{case.clip.suffix}"
        options = replace(case.options, duration_seconds=seconds)
        report = colorize_video(case.clip, target, model=colorizer, options=options)
    return watch.stop(report.frames)


STAGES: dict[str, Callable[[BenchCase], Measured]] = {
    "decode": decode,
    "decode + encode": decode_encode,
    "network": network,
    "temporal pass": temporal,
    "upsampling": upsampling,
    "whole run": whole_run,
}


def bench_film(case: BenchCase, *, stages: Sequence[str] = tuple(STAGES), rounds: int = 1) -> Benchmark:
    """Measures stages on the first frames of a clip, in turn, each in a process of its own; raises as `FilmSource`."""
    with FilmSource(case.clip):
        pass  # a film that cannot be read is refused before any process is started
    rows = in_turn({name: partial(in_own_process, measure, STAGES[name], case) for name in stages}, rounds)
    if set(rows) != set(STAGES):
        return Benchmark(rows)
    whole, plain = rows["whole run"], rows["decode + encode"]
    alone = plain.cpu_seconds + rows["network"].cpu_seconds
    ratios = {
        "CPU seconds, whole run / (network + plain decode-encode)": whole.cpu_seconds / alone,
        "whole run, wall / CPU seconds": whole.wall_seconds / whole.cpu_seconds,  # 1 / cores where all overlaps
        "whole run / plain decode-encode, wall seconds": whole.wall_seconds / plain.wall_seconds,
    }
    return Benchmark(rows, ratios=ratios)
