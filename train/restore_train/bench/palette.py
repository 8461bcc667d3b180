"""What taking false colours back costs: the way that is used, the definition pixel by pixel, and the run around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from restore.jobs.thermal import ThermalOptions, colorize_thermal
from restore.media.thermal import open_thermal
from restore.media.thermal.palette_inverse import nearest_steps_of_points, points_of_rgb, points_of_ycbcr, ycbcr_inverse
from restore.media.thermal.palettes import palette_colours
from restore.media.thermal.recordings import codes_of
from restore.paint.thermal import ThermalPainter
from restore_train.bench.film import Measured, Stopwatch

__all__ = ["PaletteCost", "bench_palette", "made_recording"]

WIDTH, HEIGHT, RATE = 640, 512, 25
NOISE = 1.5  # palette steps
SLOW_FRAMES = 3  # that the definition is measured on, at most

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class PaletteCost:
    """The same recording, three times."""

    whole: Measured
    """``rechroma thermal``, from the file to the film."""

    inversion: Measured
    """From planes to steps as the run does it, starting with an empty table."""

    definition: Measured
    """Every pixel's distance to every step."""

    @property
    def share(self) -> float:
        """CPU seconds of the inversion over those of the whole run."""
        return self.inversion.cpu_seconds / self.whole.cpu_seconds

    @property
    def gain(self) -> float:
        """CPU seconds a frame by the definition, over those of the inversion."""
        slow, fast = (each.cpu_seconds / each.frames for each in (self.definition, self.inversion))
        return slow / fast


def bench_palette(clip: Path | None, *, palette: str, frames: int, painter: ThermalPainter) -> PaletteCost:
    """Measures on ``clip``, or on a recording made for it in the colours of ``palette``."""
    with TemporaryDirectory() as folder:
        if clip is None:
            clip = made_recording(Path(folder) / "made.mp4", palette, frames)
        watch = Stopwatch.start()
        options = ThermalOptions(palette=palette, preset="ultrafast")
        report = colorize_thermal([clip], Path(folder) / "out.mkv", painter=painter, options=options)
        whole = watch.stop(report.files[0]["frames"])
        with open_thermal(clip, palette=palette) as source:
            film = source.film
            assert film is not None
            layout = film.layout
            pictures: list[Planes] = [
                tuple(np.copy(plane) for plane in codes_of(frame, layout))  # type: ignore[misc]
                for frame in film.frames()
            ]
        inverse = ycbcr_inverse(palette, full_range=layout.full_range, matrix=layout.matrix)
        watch = Stopwatch.start()
        for picture in pictures:
            inverse(*picture)
        inversion = watch.stop(len(pictures))
        curve = points_of_rgb(palette_colours(palette), layout.matrix)
        few = pictures[:SLOW_FRAMES]
        watch = Stopwatch.start()
        for picture in few:
            for row in np.stack(picture, axis=-1):
                nearest_steps_of_points(points_of_ycbcr(row, full_range=layout.full_range), curve)
        return PaletteCost(whole, inversion, watch.stop(len(few)))


def made_recording(path: Path, palette: str, frames: int) -> Path:
    """A false-colour recording, H.264 with a quarter of the chroma: hills, noise, and a hot square that moves."""
    colours = np.rint(palette_colours(palette)).astype(np.uint8)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for steps in made_steps(frames):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(colours[steps], format="rgb24")))
        film.mux(stream.encode(None))
    return path


def made_steps(frames: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(frames):
        steps = 128 + 60 * np.sin((x + 3 * number) / 40) + 50 * np.cos(y / 37) + random.normal(0, NOISE, x.shape)
        left = (100 + 4 * number) % (WIDTH - 60)
        steps[200:260, left : left + 60] = 250
        yield np.clip(steps, 0, 255).astype(np.uint8)
