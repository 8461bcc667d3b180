"""Finds hard cuts, and takes neither a flash nor film flicker nor fast motion for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.temporal.flow import dense_flow, warp

LOOK_AHEAD = 2
"""Frames after the one in question that may still show the old shot: a flash lasts no longer."""

LOOK_BACK = 3
"""Frames before it that are compared; a flash may lie among them too."""

SAME_SHOT = 0.57
"""Likeness above which two frames are of one shot. Measured: neighbours in ten films and clips 0.67 and more (fast
motocross and drifting cars), across 143 cuts 0.54 and less, at all but one of them 0.49. Past a flash 0.59 and more,
but for two of 165 that left nothing but white amid the fastest motion."""

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 96, 64
"""One size for every picture, so that the cost is one too. The aspect ratio does not matter here."""

DARKEST, BRIGHTEST = 122, 6021
"""Ranks, of the thumbnail's 6144 pixels, of the lumas that become 0 and 1: 2 % are darker, 2 % brighter."""

COARSE, FINE = 1, 0
"""Scales of the flow, log2 of the thumbnail's reduction. What the coarse one finds, in a fifth of the time, is enough
for nearly all neighbours; across a cut it finds less than the fine one."""

MARGIN = 4
"""Thumbnail pixels at the border that are not compared: the frame of the film gate stays through every cut."""

WINDOW = (9, 9)
"""Thumbnail pixels in which structure is compared."""

CONTRAST_FLOOR = np.float32(0.1)
"""Local standard deviation, of a stretched luma in [0, 1], that is half of the way to structure."""

SMALLEST_STRETCH = 0.2
"""Luma range that is stretched at most to the full one, so that grain on black does not become a picture."""

EMPTY_STRUCTURE, EMPTY_LAYOUT = 0.02, 1e-3
"""Energies a pixel, of structure and of layout, that are taken as alike in any two pictures: those of grain, not of
scenes (0.3 and 0.05). Two black frames are of one shot."""


@dataclass(frozen=True)
class Thumbnail:
    """What is compared of one frame."""

    codes: NDArray[np.uint8]
    """Luma ``64 x 96``, exposure removed, for the flow."""
    structure: FloatArray
    """The same with the local mean and contrast removed: neither flicker nor vignetting changes it."""
    energy: FloatArray
    """Mean square of ``structure`` in windows: how much texture there is."""
    layout: FloatArray
    """Luma, exposure removed, blurred: where it is dark and bright. Motion blur does not change it."""

    def seen_along(self, flow: FloatArray) -> Thumbnail:
        """As fetched by a flow ``64 x 96 x 2`` that leads here."""
        structure = warp(self.structure, flow)
        energy = window_mean(structure * structure)
        return replace(self, structure=structure, energy=energy, layout=warp(self.layout, flow))


def window_mean(picture: FloatArray) -> FloatArray:
    return np.asarray(cv2.boxFilter(picture, -1, WINDOW), np.float32)


def make_thumbnail(luma: FloatArray) -> Thumbnail:
    small = np.asarray(cv2.resize(luma, (THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT), interpolation=cv2.INTER_AREA), np.float32)
    darkest, brightest = (float(np.partition(small, rank, axis=None)[rank]) for rank in (DARKEST, BRIGHTEST))
    scale = 1 / max(brightest - darkest, SMALLEST_STRETCH)
    stretched = ((small - np.float32(darkest)) * np.float32(scale)).clip(0, 1)
    mean = window_mean(stretched)
    spread = np.sqrt(np.maximum(window_mean(stretched * stretched) - mean * mean, 0))
    structure = np.asarray((stretched - mean) / (spread + CONTRAST_FLOOR), np.float32)
    return Thumbnail(
        codes=(stretched * np.float32(255)).astype(np.uint8),
        structure=structure,
        energy=window_mean(structure * structure),
        layout=np.asarray(cv2.GaussianBlur(stretched, (0, 0), 3), np.float32),
    )


def find_motion(first: Thumbnail, second: Thumbnail, finest_scale: int) -> FloatArray:
    """Flow ``64 x 96 x 2`` from the first to the second."""
    return dense_flow(first.codes, second.codes, finest_scale)


def inner_mean(picture: FloatArray) -> float:
    """Without the border."""
    return float(cv2.mean(picture[MARGIN:-MARGIN, MARGIN:-MARGIN])[0])


def likeness(first: Thumbnail, second: Thumbnail) -> float:
    """How much of ``first`` is found at its place in ``second``: 1 all, about 0 nothing; it may lie below 0."""
    # Correlation in windows, counted by the texture there is: flat sky is like every other.
    geometric_mean = np.sqrt(np.maximum(first.energy * second.energy, 0))
    correlation = window_mean(first.structure * second.structure) / (geometric_mean + np.float32(EMPTY_STRUCTURE))
    texture = np.maximum(first.energy, second.energy)
    same_structure = (inner_mean(correlation * texture) + EMPTY_STRUCTURE) / (inner_mean(texture) + EMPTY_STRUCTURE)

    here, there = (picture - np.float32(inner_mean(picture)) for picture in (first.layout, second.layout))
    contrast = sqrt(inner_mean(here * here) * inner_mean(there * there))
    same_layout = (inner_mean(here * there) + EMPTY_LAYOUT) / (contrast + EMPTY_LAYOUT)
    return (2 * same_structure + same_layout) / 3


def of_one_shot(first: Thumbnail, second: Thumbnail) -> bool:
    """Most neighbours are alike as they stand; only the others are worth a flow, and few of them a fine one."""
    if likeness(first, second) > SAME_SHOT:
        return True
    flows = (find_motion(first, second, scale) for scale in (COARSE, FINE))
    return any(likeness(first, second.seen_along(flow)) > SAME_SHOT for flow in flows)


class ShotDetector:
    """Says of each frame whether it starts a shot, ``LOOK_AHEAD`` frames late; the first one does.

    A cut lies between two frames when none of the last ``LOOK_BACK`` before it is like any of the ``LOOK_AHEAD + 1``
    after it. Frames before a cut are forgotten: what follows is judged as if it began there.
    """

    def __init__(self) -> None:
        self._before: deque[Thumbnail] = deque(maxlen=LOOK_BACK)
        self._waiting: deque[Thumbnail] = deque()

    def push(self, luma: FloatArray) -> bool | None:
        """Takes the next luma ``h x w`` in [0, 1]; answers for the frame ``LOOK_AHEAD`` before it, None at first."""
        self._waiting.append(make_thumbnail(luma))
        return self._decide() if len(self._waiting) > LOOK_AHEAD else None

    def flush(self) -> list[bool]:
        """The film is over: answers for the frames still open."""
        return [self._decide() for _ in range(len(self._waiting))]

    def _decide(self) -> bool:
        current = self._waiting[0]
        is_cut = not any(of_one_shot(earlier, later) for later in self._waiting for earlier in reversed(self._before))
        if is_cut:
            self._before.clear()
        self._before.append(current)
        self._waiting.popleft()
        return is_cut


def find_shot_starts(lumas: Iterable[FloatArray]) -> Iterator[bool]:
    """For each luma ``h x w`` in [0, 1], whether it starts a shot; reads ``LOOK_AHEAD`` frames ahead."""
    detector = ShotDetector()
    for luma in lumas:
        is_cut = detector.push(luma)
        if is_cut is not None:
            yield is_cut
    yield from detector.flush()
