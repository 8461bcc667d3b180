"""The middle of the thermal pipeline: counts to steady luma, model, temporal pass, and the picture that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import tee
from math import inf
from typing import Any

import cv2
import numpy as np

from restore.colour import FloatArray, Matrix, pull_into_gamut
from restore.errors import OptionError
from restore.jobs.film_units import UnitLengths
from restore.media.film.frames import SourceFrame
from restore.media.thermal import PALETTES, RawArray, ThermalFrame, ThermalSource
from restore.media.thermal.local_contrast import LocalContrast
from restore.media.thermal.range import SteadyRange
from restore.paint.thermal import ThermalPainter
from restore.temporal import ChromaFrame, Strength, find_shot_starts
from restore.upsample import UPSAMPLE_METHODS, upsample_chroma, upsample_luma

__all__ = [
    "LIGHTS", "Normalised", "Shown", "ThermalOptions", "chroma_at", "in_range", "normalised", "painted", "shown",
    "still_picture",
]  # fmt: skip

LUMAS = ("generated", "thermal", "blend")
POLARITIES = ("auto", "white", "black")
LIGHTS = {"day": 1.0, "night": -1.0}
RANGES = ("percentile", "local")
STILLS = ("png", "jpeg")
THUMBNAIL = (192, 128)
"""Width and height of what cuts are looked for in."""

THUMBNAIL_FENCE = 1.5
"""Times the width of its values' middle half that its range reaches beyond that half (Tukey's fences)."""

UNCHANGED = 0.1
"""Of the width of the middle half of its values, by which a pixel that is as it was may have changed."""


@dataclass(frozen=True)
class ThermalOptions:
    """What a user can choose."""

    luma: str | None = None
    """generated, thermal or blend (half of each); None is generated where the model makes luma, else thermal."""

    polarity: str = "auto"
    """auto, white or black: which end of the values is hot."""

    light: str = "auto"
    """auto, day or night: what the scene is painted as. Auto guesses, once for a file, so that a recording keeps it."""

    range: str = "percentile"
    """percentile, or local contrast on top of it."""

    palette: str = "auto"
    """Of false colours: auto, gray, or a name in :data:`restore.media.thermal.PALETTES`."""

    keep_raw: bool = False
    """Write the sensor's values, and temperatures where they can be known, beside the picture."""

    temporal: str = "light"
    """off, light or strong."""

    still_format: str = "png"
    """png or jpeg."""

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    saturation: float = 1.0
    upsampling: str = "guided"
    threads: int | None = None
    overwrite: bool = False
    restart: bool = False
    """Forget what an earlier run finished of a recording."""

    units: UnitLengths = field(default_factory=UnitLengths)
    """Of a recording, how much is done before it is kept."""

    def __post_init__(self) -> None:
        strengths = tuple(strength.value for strength in Strength)
        for name, value, known in (
            ("luma", self.luma, (None, *LUMAS)), ("polarity", self.polarity, POLARITIES),
            ("light", self.light, ("auto", *LIGHTS)), ("range", self.range, RANGES),
            ("palette", self.palette, ("auto", "gray", *PALETTES)), ("temporal", self.temporal, strengths),
            ("format", self.still_format, STILLS), ("upsampling", self.upsampling, tuple(UPSAMPLE_METHODS)),
        ):  # fmt: skip
            if value not in known:
                raise OptionError(f"unknown {name} {value!r}; use {', '.join(each for each in known if each)}")
        if not 0 <= self.saturation < inf:
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")

    def luma_of(self, painter: ThermalPainter) -> str:
        """Which luma is shown. Raises ``OptionError`` where the model makes none to show."""
        if self.luma in ("generated", "blend") and not painter.makes_luma:
            raise OptionError(
                f"model {painter.facts['name']} makes no luma; use --luma thermal, or a model that translates heat"
            )
        return self.luma or ("generated" if painter.makes_luma else "thermal")

    def check_light(self, painter: ThermalPainter) -> None:
        """Raises ``OptionError`` where a light is asked for that the model does not know."""
        if self.light != "auto" and not painter.knows_light:
            raise OptionError(f"model {painter.facts['name']} knows no day and night; leave --light {self.light} out")


@dataclass(frozen=True)
class Normalised:
    """A frame on its way."""

    full: FloatArray
    """Luma ``H x W`` in [0, 1], white-hot, at the sensor's size."""

    luma: FloatArray
    """The same as the model sees it."""

    clock: SourceFrame | None = None
    """Of a recording: the frame's time."""


@dataclass(frozen=True)
class Shown:
    """A finished picture, in float."""

    clock: SourceFrame | None
    luma: FloatArray
    """``H x W`` in [0, 1]."""

    chroma: FloatArray
    """``2 x H' x W'`` in [-0.5, 0.5], of the small model's size."""


def in_range(
    frames: Iterable[ThermalFrame], source: ThermalSource, *, black_hot: bool, method: str
) -> Iterator[tuple[ThermalFrame, FloatArray]]:
    """From counts to white-hot luma ``H x W`` in [0, 1]. The range is one for a shot: it starts anew at a cut.

    Where most of the picture keeps its counts there is none, whatever came or went in the rest.
    """
    frames, looked_at = tee(frames)  # the detector reads two frames ahead
    starts: Iterable[bool] = find_shot_starts(thumbnail(frame.raw) for frame in looked_at)
    steady, local = SteadyRange(source.bit_depth), LocalContrast() if method == "local" else None
    previous: ThermalFrame | None = None
    for frame, is_cut in zip(frames, starts, strict=True):
        starts_shot = is_cut and not (previous is not None and goes_on(previous.raw, frame.raw))
        seconds = float((frame.pts - (previous or frame).pts) * Fraction(source.time_base))
        previous = frame
        luma = steady(frame.raw, seconds, starts_shot=starts_shot)
        luma = 1 - luma if black_hot else luma
        if local is not None:
            luma = local(luma, seconds, starts_shot=starts_shot)
        yield frame, luma


def normalised(
    painter: ThermalPainter, full: FloatArray, *, turns: int = 0, clock: SourceFrame | None = None
) -> Normalised:
    """Luma as the model sees it; ``turns`` quarter turns, counter-clockwise, show it upright."""
    return Normalised(full, painter.prepare(np.ascontiguousarray(np.rot90(full, turns))), clock)


def shrunk(raw: RawArray) -> FloatArray:
    return np.asarray(cv2.resize(raw, THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)


def goes_on(before: RawArray, now: RawArray) -> bool:
    """Whether half of the picture or more is as it was, in counts."""
    first, second = shrunk(before), shrunk(now)
    quarter, three_quarters = np.percentile(second, (25, 75))
    return bool(np.median(np.abs(second - first)) <= UNCHANGED * (three_quarters - quarter))


def thumbnail(raw: RawArray) -> FloatArray:
    """Luma in [0, 1] of one picture by itself, small.

    Its range is that of the middle half of the values and a little around it: by percentiles further out, a hot object
    that enters would leave nothing of the contrast around it, and be taken for a cut.
    """
    small = shrunk(raw)
    darkest, quarter, three_quarters, brightest = np.percentile(small, (2, 25, 75, 98))
    reach = THUMBNAIL_FENCE * (three_quarters - quarter)
    low, high = max(darkest, quarter - reach), min(brightest, three_quarters + reach)
    return np.asarray(np.clip((small - low) / max(high - low, 1.0), 0, 1), np.float32)


def painted(frames: Sequence[Normalised], painter: ThermalPainter, *, keeps_luma: bool) -> list[ChromaFrame]:
    """The model's stage, for frames of one size. Its luma goes on only where it will be shown."""
    return [
        ChromaFrame(luma=frame.luma, chroma=chroma, own_luma=luma if keeps_luma else None, payload=frame)
        for frame, (luma, chroma) in zip(frames, painter.paint([each.luma for each in frames]), strict=True)
    ]


def shown(frames: Iterable[ChromaFrame], *, luma: str, saturation: float, turns: int = 0) -> Iterator[Shown]:
    """Puts the picture together: which luma, how much colour."""
    for frame in frames:
        assert isinstance(frame.payload, Normalised)
        full = frame.payload.full
        if frame.own_luma is not None:
            made = fitted(np.ascontiguousarray(np.rot90(frame.own_luma, -turns)), full)
            full = made if luma == "generated" else np.asarray((full + made) / 2, np.float32)
        chroma = np.ascontiguousarray(np.rot90(frame.chroma, -turns, axes=(1, 2))) * np.float32(saturation)
        yield Shown(frame.payload.clock, np.clip(full, 0, 1, dtype=np.float32), chroma)


def fitted(made: FloatArray, full: FloatArray) -> FloatArray:
    """The model's luma at the sensor's size: enlarged along the heat's edges, or shrunk where a tiny one was."""
    if made.shape[0] > full.shape[0]:
        return np.asarray(cv2.resize(made, full.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    return upsample_luma(made, full)


def still_picture(
    frame: ThermalFrame, source: ThermalSource, painter: ThermalPainter, options: ThermalOptions, *, black_hot: bool
) -> Shown:
    """All stages for one picture, which nothing has to be steady with."""
    luma = options.luma_of(painter)
    ((_, full),) = in_range([frame], source, black_hot=black_hot, method=options.range)
    coloured = painted([normalised(painter, full)], painter, keeps_luma=luma != "thermal")
    return next(shown(coloured, luma=luma, saturation=options.saturation))


def chroma_at(picture: Shown, shape: tuple[int, int], *, upsampling: str, matrix: Matrix) -> FloatArray:
    """Chroma ``2 x h x w`` of a wanted size, along the luma's edges, inside the gamut."""
    guide: Any = picture.luma
    if guide.shape != shape:
        guide = np.asarray(cv2.resize(guide, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    return pull_into_gamut(guide, upsample_chroma(picture.chroma, guide, method=upsampling), matrix)
