"""Motion between two lumas, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

LARGEST_SIDE = 512
"""Pixels. Larger pictures are for the caller to shrink: chroma is coarse, and motion at this size is fine enough."""

SMALLEST_SIDE = 16
"""Pixels. DIS works on patches of 8 in a pyramid; smaller pictures are enlarged for it."""

SMALL_SIDE = 256
"""Pixels on the longer side, at most, of the luma that all else is made of: twice the grid of the network's chroma."""

MOTION_REDUCTION = 4
"""How much smaller the pictures are in which motion is sought between neighbours. The ultrafast preset goes no finer
either, but for large pictures it makes a large flow, which costs as much as the search."""

NORMAL_MEAN, NORMAL_SPREAD = 112.0, 56.0
"""Codes that a luma's mean and standard deviation become, so that film flicker does not look like motion."""

DARK_SPREAD = 0.02
"""Standard deviation of a luma that is next to empty; below it noise is not stretched further."""

RETURN_TOLERANCE, RETURN_SHARE = 0.6, 0.15
"""Forward-backward error that halves the trust: pixels, and more by this share of the motion (Sundaram 2010)."""

LUMA_TOLERANCE = 0.6
"""Difference of normalised lumas (in standard deviations) that halves the trust."""


def shrink_luma(luma: FloatArray, height: int, width: int) -> FloatArray:
    """Luma ``H x W`` to ``height x width`` by area."""
    if luma.shape == (height, width):
        return luma
    return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def reduced(luma: FloatArray, factor: int) -> FloatArray:
    """Luma smaller by a whole factor, which is quick."""
    height, width = luma.shape
    return shrink_luma(luma, -(-height // factor), -(-width // factor))


def flow_luma(luma: FloatArray) -> FloatArray:
    """Luma reduced to ``SMALL_SIDE``."""
    return reduced(luma, -(-max(luma.shape) // SMALL_SIDE))


def normalise(luma: FloatArray, mean: float = 0.0, spread: float = 1.0) -> FloatArray:
    """To this mean and standard deviation (less where the picture is next to empty): exposure drops out."""
    old_mean, old_spread = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
    scale = spread / max(old_spread, DARK_SPREAD)
    return np.asarray(luma * np.float32(scale) + np.float32(mean - scale * old_mean), np.float32)


def to_codes(luma: FloatArray) -> NDArray[np.uint8]:
    codes = normalise(luma, NORMAL_MEAN, NORMAL_SPREAD)
    return np.clip(codes, 0, 255, out=codes).astype(np.uint8)


def dense_flow(codes_from: NDArray[np.uint8], codes_to: NDArray[np.uint8], finest_scale: int = 2) -> FloatArray:
    """DIS (Kroeger 2016, arXiv:1603.03590), OpenCV's ultrafast preset, on codes ``h x w`` of any size.

    Motion is sought down to pictures reduced by ``2 ** finest_scale``; the preset's own is 2.
    """
    height, width = codes_from.shape
    if min(height, width) < SMALLEST_SIDE:
        size = max(width, SMALLEST_SIDE), max(height, SMALLEST_SIDE)
        larger_from, larger_to = (np.asarray(cv2.resize(codes, size), np.uint8) for codes in (codes_from, codes_to))
        return resize_flow(dense_flow(larger_from, larger_to, finest_scale), height, width)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    search.setFinestScale(finest_scale)
    return np.asarray(search.calc(codes_from, codes_to, None), np.float32)  # type: ignore[call-overload]


def estimate_flow(luma_from: FloatArray, luma_to: FloatArray) -> FloatArray:
    """Motion ``h x w x 2`` (x, y in pixels): ``luma_from[y, x]`` is found at ``luma_to[y + flow_y, x + flow_x]``.

    Lumas ``h x w`` float32 in [0, 1]; their exposure is made equal first.

    Raises:
        ValueError: sizes that differ or exceed 512 pixels.
    """
    if luma_from.shape != luma_to.shape:
        raise ValueError(f"lumas of one size are needed, got {luma_from.shape = } and {luma_to.shape = }")
    if max(luma_from.shape) > LARGEST_SIDE:
        raise ValueError(f"flow takes at most {LARGEST_SIDE} pixels a side, got {luma_from.shape = }")
    return dense_flow(to_codes(luma_from), to_codes(luma_to))


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> FloatArray:
    """Coordinates ``h x w x 2`` (x, y) of every pixel."""
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    grid.flags.writeable = False
    return grid


def fetch(picture: FloatArray, position: FloatArray) -> FloatArray:
    """``picture`` (``h x w`` or ``h x w x C``) at positions ``h x w x 2`` (x, y); the edge repeats beyond it."""
    fetched = cv2.remap(picture, position, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(fetched, np.float32)


def warp(picture: FloatArray, flow: FloatArray) -> FloatArray:
    """Fetches ``picture`` (``h x w`` or ``h x w x C``) along ``flow`` ``h x w x 2``; the edge repeats beyond it.

    With the flow from a to b and b's picture this gives b's picture as seen at a.
    """
    return fetch(picture, flow + pixel_grid(*flow.shape[:2]))


def resize_flow(flow: FloatArray, height: int, width: int) -> FloatArray:
    """Flow ``h x w x 2`` to another grid over the same extent, its vectors scaled along."""
    across, down = width / flow.shape[1], height / flow.shape[0]
    interpolation = cv2.INTER_AREA if height <= flow.shape[0] else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(flow, (width, height), interpolation=interpolation), np.float32)
    resized *= np.float32(across) if across == down else np.array([across, down], np.float32)  # one factor is quicker
    return resized


def flow_confidence(
    luma_from: FloatArray, luma_to: FloatArray, forward: FloatArray, backward: FloatArray
) -> FloatArray:
    """Trust in ``forward`` (the flow from ``luma_from`` to ``luma_to``), ``h x w`` in [0, 1]; ``backward`` leads back.

    Low where the way there and back does not return (occlusion, Sundaram 2010), where the lumas there and here
    differ after their exposure is made equal, and where the flow leaves the picture. All four on one grid.
    """
    return trust(normalise(luma_from), normalise(luma_to), forward, backward, forward + pixel_grid(*luma_from.shape))


def trust(
    here: FloatArray, there: FloatArray, forward: FloatArray, backward: FloatArray, position: FloatArray
) -> FloatArray:
    """:func:`flow_confidence` of normalised lumas; ``position`` is where ``forward`` leads.

    Falls with the fourth power of the errors: those of grain and of a coarse flow pass, those of occlusion do not.
    """
    height, width = here.shape
    # One fetch of four channels takes half the time of one of two and one of one.
    fetched = fetch(np.asarray(cv2.merge([backward, there, there]), np.float32), position)
    x, y = forward[..., 0], forward[..., 1]
    off_x, off_y = fetched[..., 0] + x, fetched[..., 1] + y
    slack = np.sqrt(x * x + y * y) * np.float32(RETURN_SHARE) + np.float32(RETURN_TOLERANCE)
    returned = (off_x * off_x + off_y * off_y) / (slack * slack)
    luma_error = (fetched[..., 2] - here) * np.float32(1 / LUMA_TOLERANCE)
    luma_error *= luma_error
    confidence = np.exp2(-returned * returned - luma_error * luma_error)
    confidence *= cv2.inRange(position, (-0.5, -0.5), (width - 0.5, height - 0.5)) > 0
    return np.asarray(confidence, np.float32)


@dataclass(frozen=True)
class MotionPicture:
    """What motion is sought in, made once for a frame."""

    codes: NDArray[np.uint8]
    """Luma as flow sees it, reduced by ``MOTION_REDUCTION``, exposure removed."""
    cells: FloatArray
    """Normalised luma ``h x w`` on the grid of the planes to be filtered."""

    @classmethod
    def of(cls, luma: FloatArray, grid: tuple[int, int]) -> MotionPicture:
        """Of a luma that :func:`flow_luma` made, for planes on a ``grid`` of (height, width) cells."""
        return cls(to_codes(reduced(luma, MOTION_REDUCTION)), normalise(shrink_luma(luma, *grid)))


@dataclass(frozen=True)
class Link:
    """Where a frame's cells are in a neighbour, and how surely."""

    position: FloatArray
    """``h x w x 2`` (x, y) in cells."""
    confidence: FloatArray
    """``h x w`` in [0, 1]."""

    def enlarged(self, height: int, width: int) -> Link:
        """The same for planes on a finer grid over the same extent."""
        flow = resize_flow(self.position - pixel_grid(*self.confidence.shape), height, width)
        confidence = np.asarray(cv2.resize(self.confidence, (width, height)), np.float32)
        return Link(flow + pixel_grid(height, width), confidence)


def link_neighbours(earlier: MotionPicture, later: MotionPicture) -> tuple[Link, Link]:
    """Links from an earlier frame to a later one, and back."""
    grid = earlier.cells.shape
    onward = resize_flow(dense_flow(earlier.codes, later.codes, 0), *grid)
    back = resize_flow(dense_flow(later.codes, earlier.codes, 0), *grid)
    there, here = onward + pixel_grid(*grid), back + pixel_grid(*grid)
    return (
        Link(there, trust(earlier.cells, later.cells, onward, back, there)),
        Link(here, trust(later.cells, earlier.cells, back, onward, here)),
    )
