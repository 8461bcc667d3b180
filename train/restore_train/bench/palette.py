"""What taking false colours back costs: the way that is used, the definition pixel by pixel, and the run around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from restore.jobs.thermal import colorize_thermal
from restore.media.thermal import open_thermal
from restore.media.thermal.film import codes_of
from restore.media.thermal.palette_inverse import nearest_steps_of_points, points_of_rgb, points_of_ycbcr, ycbcr_inverse
from restore.media.thermal.palettes import palette_colours
from restore.options import Encoding, ThermalOptions
from restore.paint.recipe import Model
from restore_train.bench.measure import Benchmark, Stopwatch

WIDTH, HEIGHT, RATE = 640, 512, 25
NOISE = 1.5  # palette steps
DEFINITION_FRAMES = 3  # at most; it is slow

WHOLE, INVERSION, DEFINITION = "whole run", "inversion", "by the definition"


def bench_palette(clip: Path | None, *, palette: str, frames: int, painter: Model) -> Benchmark:
    """Measures on ``clip``, or on a recording made for it in the colours of ``palette``.

    The inversion goes from planes to steps as the run does it, starting with an empty table; the definition is every
    pixel's distance to every step.
    """
    with TemporaryDirectory() as folder:
        if clip is None:
            clip = write_recording(Path(folder) / "made.mp4", palette, frames)
        watch = Stopwatch()
        options = ThermalOptions(palette=palette, encoding=Encoding(preset="ultrafast"))
        report = colorize_thermal([clip], Path(folder) / "out.mkv", model=painter, options=options)
        rows = {WHOLE: watch.stop(report.files[0]["frames"])}
        with open_thermal(clip, palette=palette) as source:
            film = source.film
            assert film is not None
            layout = film.layout
            pictures = [[np.copy(plane) for plane in codes_of(frame, layout)] for frame in film.frames()]
    inverse = ycbcr_inverse(palette, full_range=layout.full_range, matrix=layout.matrix)
    watch = Stopwatch()
    for picture in pictures:
        inverse(*picture)
    rows[INVERSION] = watch.stop(len(pictures))
    curve = points_of_rgb(palette_colours(palette), layout.matrix)
    watch = Stopwatch()
    for picture in pictures[:DEFINITION_FRAMES]:
        for row in np.stack(picture, axis=-1):
            nearest_steps_of_points(points_of_ycbcr(row, full_range=layout.full_range), curve)
    rows[DEFINITION] = watch.stop(min(len(pictures), DEFINITION_FRAMES))
    slow, fast = (rows[name].cpu_seconds / rows[name].count for name in (DEFINITION, INVERSION))
    share = rows[INVERSION].cpu_seconds / rows[WHOLE].cpu_seconds
    ratios = {
        "CPU seconds a frame, by the definition / inversion": slow / fast,
        "CPU seconds, inversion / whole run": share,
    }
    return Benchmark(rows, ratios=ratios)


def write_recording(path: Path, palette: str, frames: int) -> Path:
    """Writes a false-colour recording, H.264 with a quarter of the chroma: hills, noise, a hot square that moves."""
    colours = np.rint(palette_colours(palette)).astype(np.uint8)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for steps in moving_steps(frames):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(colours[steps], format="rgb24")))
        film.mux(stream.encode(None))
    return path


def moving_steps(frames: int) -> Iterator[NDArray[np.uint8]]:
    """Yields the palette steps ``H x W`` of the recording."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(frames):
        steps = 128 + 60 * np.sin((x + 3 * number) / 40) + 50 * np.cos(y / 37) + random.normal(0, NOISE, x.shape)
        left = (100 + 4 * number) % (WIDTH - 60)
        steps[200:260, left : left + 60] = 250
        yield np.clip(steps, 0, 255).astype(np.uint8)
