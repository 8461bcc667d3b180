"""Carries the chroma of one frame through the frames behind it, and says where it can be believed.

A frame's cells are followed back to the key frame: the motion from frame to frame is added up, then corrected by a
search from here to the key frame itself that starts there. Chroma is fetched once, from the key frame, and does not
blur however long the way is. Whether a cell arrived where it should is seen from the luma: what is here must look like
what is there. That needs no memory of the way, notices drift, and heals.

Measured on the eight DAVIS clips with their true chroma, 3 to 30 frames behind the key frame: where the difference of
lumas is under half the tolerance, 2 to 5 % of the cells are off by more than 0.03, at the tolerance a third, at twice
that three quarters. The confidence of the motion, multiplied or minimised along the way, told right from wrong cells
far worse (area under the curve .72, the luma's .84), because every doubt on the way stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.temporal.flow import (
    SMALLEST_SIDE,
    dense_flow,
    fetch,
    flow_luma,
    normalise,
    pixel_grid,
    resize_flow,
    shrink_luma,
    to_codes,
)

LUMA_TOLERANCE = 0.6
"""Difference of normalised lumas (in standard deviations), averaged around a cell, that halves the trust."""

AROUND = 1.8
"""Standard deviation of that average, in cells."""

CORRECTED_BELOW = 0.9
"""A search from the key frame is followed where it leaves at most this share of the difference of lumas."""


@dataclass(frozen=True)
class View:
    """A frame's luma, exposure removed."""

    codes: NDArray[np.uint8]
    """As motion is sought in it."""
    cells: FloatArray
    """``h x w``, on the grid of the chroma."""

    @classmethod
    def of(cls, luma: FloatArray, grid: tuple[int, int]) -> View:
        small = flow_luma(luma)
        return cls(to_codes(small), normalise(shrink_luma(small, *grid)))


@dataclass(frozen=True)
class Carried:
    """What arrived at a frame."""

    chroma: FloatArray
    """``2 x h x w``; of any value where it is not trusted."""
    trust: FloatArray
    """``h x w`` in [0, 1]; 0 for what was outside the key frame."""


class Carrier:
    """The way from a key frame to the frames behind it, one after the other."""

    def __init__(self, luma: FloatArray, chroma: FloatArray) -> None:
        """A key frame's luma ``H x W`` in [0, 1], and its chroma ``2 x h x w`` over the same extent."""
        self.grid: tuple[int, int] = chroma.shape[1], chroma.shape[2]
        self.chroma = np.asarray(cv2.merge(list(chroma)), np.float32)  # h x w x 2
        self.key = self.newest = View.of(luma, self.grid)
        self.way = np.zeros((*self.grid, 2), np.float32)
        """From each cell of the newest frame to its place in the key frame, in cells."""

    def carry(self, luma: FloatArray) -> Carried:
        """To the next frame, of the same size."""
        here = View.of(luma, self.grid)
        back = resize_flow(dense_flow(here.codes, self.newest.codes), *self.grid)
        way = back + fetch(self.way, back + pixel_grid(*self.grid))
        straight = resize_flow(search_from(here.codes, self.key.codes, way), *self.grid)
        before, after = self.difference(here, way), self.difference(here, straight)
        better = after < CORRECTED_BELOW * before
        self.way = np.where(better[..., None], straight, way)
        self.newest = here
        difference = np.where(better, after, before) * np.float32(1 / LUMA_TOLERANCE)
        trust = np.exp2(-difference * difference)
        place = self.way + pixel_grid(*self.grid)
        height, width = self.grid
        trust *= cv2.inRange(place, (-0.5, -0.5), (width - 0.5, height - 0.5)) > 0
        fetched = cv2.remap(self.chroma, place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        return Carried(np.ascontiguousarray(np.moveaxis(fetched, -1, 0)), np.asarray(trust, np.float32))

    def difference(self, here: View, way: FloatArray) -> FloatArray:
        """Of lumas, here and at the end of the way, averaged around each cell."""
        apart = np.abs(here.cells - fetch(self.key.cells, way + pixel_grid(*self.grid)))
        return np.asarray(cv2.GaussianBlur(apart, (0, 0), AROUND), np.float32)


def search_from(codes_from: NDArray[np.uint8], codes_to: NDArray[np.uint8], guess: FloatArray) -> FloatArray:
    """DIS flow on codes ``h x w`` that starts from a guess on another grid over the same extent.

    Pictures too small to be searched get the guess back.
    """
    height, width = codes_from.shape
    start = np.ascontiguousarray(resize_flow(guess, height, width))
    if min(height, width) < SMALLEST_SIDE:
        return start
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(search.calc(codes_from, codes_to, start), np.float32)
