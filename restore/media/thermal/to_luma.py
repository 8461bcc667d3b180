"""From counts to luma: which end of the values is hot, and a range that is steady in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import tee

import cv2
import numpy as np

from restore.colour import FloatArray
from restore.media.thermal.local_contrast import LocalContrast
from restore.media.thermal.range import SteadyRange
from restore.media.thermal.source import RawArray, ThermalFrame, ThermalSource

THUMBNAIL = (192, 128)
"""Width and height of the pictures in which cuts are looked for."""

THUMBNAIL_FENCE = 1.5
"""Times the width of its values' middle half that a thumbnail's range reaches beyond that half (Tukey's fences)."""

UNCHANGED = 0.1
"""Share of the width of the middle half of the values by which a pixel may differ and still be unchanged."""

POLARITY_SIZE = (160, 128)
SKY_ROWS, GROUND_ROW = 25, 64
SURROUNDINGS = 6.0
"""Standard deviation, in pixels of the small picture, of the surroundings of a pixel."""

SKY_NEEDED, SPOTS_NEEDED = 0.3, 0.2

FindShotStarts = Callable[[Iterable[FloatArray]], Iterable[bool]]
"""From lumas to whether each starts a shot, as :func:`restore.temporal.find_shot_starts`."""


def to_luma(
    frames: Iterable[ThermalFrame],
    source: ThermalSource,
    *,
    black_hot: bool,
    method: str,
    find_shot_starts: FindShotStarts,
) -> Iterator[tuple[ThermalFrame, FloatArray]]:
    """Turns counts into white-hot luma ``H x W`` in [0, 1]. A shot has one range, which starts anew at a cut.

    Where most of the picture keeps its counts there is no cut, whatever came or went in the rest. ``method`` is
    percentile or local, which adds local contrast.
    """
    frames, seen_by_detector = tee(frames)  # the detector reads two frames ahead
    starts = find_shot_starts(thumbnail(frame.raw) for frame in seen_by_detector)
    steady, local = SteadyRange(source.bit_depth), LocalContrast() if method == "local" else None
    previous: ThermalFrame | None = None
    for frame, is_cut in zip(frames, starts, strict=True):
        starts_shot = is_cut and not (previous is not None and shows_same_scene(previous.raw, frame.raw))
        seconds = float((frame.pts - (previous or frame).pts) * Fraction(source.time_base))
        previous = frame
        luma = steady(frame.raw, seconds, starts_shot=starts_shot)
        luma = 1 - luma if black_hot else luma
        if local is not None:
            luma = local(luma, seconds, starts_shot=starts_shot)
        yield frame, luma


def shrink(raw: RawArray) -> FloatArray:
    """Returns a picture at the size of a thumbnail, its values unchanged."""
    return np.asarray(cv2.resize(raw, THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)


def shows_same_scene(before: RawArray, now: RawArray) -> bool:
    """Returns whether half of the picture or more has the counts that it had."""
    first, second = shrink(before), shrink(now)
    quarter, three_quarters = np.percentile(second, (25, 75))
    return bool(np.median(np.abs(second - first)) <= UNCHANGED * (three_quarters - quarter))


def thumbnail(raw: RawArray) -> FloatArray:
    """Returns small luma in [0, 1] of one picture by itself.

    Its range is that of the middle half of the values and a little around it: by percentiles further out, a hot object
    that enters would leave nothing of the contrast around it, and be taken for a cut.
    """
    small = shrink(raw)
    darkest, quarter, three_quarters, brightest = np.percentile(small, (2, 25, 75, 98))
    reach = THUMBNAIL_FENCE * (three_quarters - quarter)
    low, high = max(darkest, quarter - reach), min(brightest, three_quarters + reach)
    return np.asarray(np.clip((small - low) / max(high - low, 1.0), 0, 1), np.float32)


def guess_polarity(pictures: Sequence[RawArray]) -> str | None:
    """Guesses ``white`` or ``black`` from pictures ``H x W`` of one recording; None where they do not show it.

    Two signs change theirs when a picture is inverted. Outdoors the sky is colder than the ground, and at the top. And
    what differs from its surroundings within a small area is mostly hotter than they are: people, engines, windows.
    Measured on white-hot pictures: of 189 driving and street scenes 50 % are guessed right and none wrong, of 22 others
    77 % and none; of 250 taken from a drone, straight down, 3 % right and 2 % wrong, which is why both signs have to be
    strong.
    """
    signs = [polarity_signs(picture) for picture in pictures]
    sky, spots = (float(np.mean(column)) for column in zip(*signs, strict=True))
    if sky > SKY_NEEDED and spots > SPOTS_NEEDED:
        return "white"
    if sky < -SKY_NEEDED and spots < -SPOTS_NEEDED:
        return "black"
    return None


def polarity_signs(picture: RawArray) -> tuple[float, float]:
    """Returns how much brighter ground is than sky, in [-1, 1]; and which way small things differ, in (-1, 1)."""
    small: FloatArray = np.asarray(cv2.resize(picture, POLARITY_SIZE, interpolation=cv2.INTER_AREA), np.float32)
    low, high = np.percentile(small, (0.5, 99.5))
    small = np.clip((small - low) / max(high - low, 1.0), 0, 1, dtype=np.float32)
    sky = float(np.median(small[GROUND_ROW:]) - np.median(small[:SKY_ROWS]))
    detail = small - np.asarray(cv2.GaussianBlur(small, (0, 0), SURROUNDINGS), np.float32)
    skewness = float((detail**3).mean() / ((detail**2).mean() ** 1.5 + 1e-6))
    return sky, float(np.tanh(skewness))
