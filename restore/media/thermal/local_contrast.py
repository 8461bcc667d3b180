"""Local contrast that does not flicker: adaptive histogram equalisation whose curves change slowly.

Zuiderveld 1994, "Contrast Limited Adaptive Histogram Equalization" (Graphics Gems IV): a clipped histogram for each
tile, its cumulative sum as the tile's curve, bilinear between tiles. Here the curves are averaged over time.
"""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

Places = NDArray[np.int32]

TILES_HIGH, TILES_WIDE = 6, 8
BINS, LEVELS = 64, 1024
"""Bins of a histogram, and levels of luma at which its curve is looked up."""

CLIP = 2.5
"""Times the mean of a histogram that a bin may hold: how far contrast is raised at most."""

SETTLING_SECONDS = 3.0
"""Time constant of the curves."""


class LocalContrast:
    """Raises local contrast by curves that follow a shot slowly."""

    def __init__(self) -> None:
        self.curves: FloatArray | None = None

    def __call__(self, luma: FloatArray, seconds: float, *, starts_shot: bool) -> FloatArray:
        """Turns luma ``H x W`` in [0, 1] into the same, ``seconds`` after the frame before."""
        new = tile_curves(luma)
        if self.curves is None or starts_shot:
            self.curves = new
        else:
            self.curves = self.curves + np.float32(1 - exp(-seconds / SETTLING_SECONDS)) * (new - self.curves)
        return apply_curves(luma, self.curves)


def tile_curves(luma: FloatArray) -> FloatArray:
    """Returns curves ``tiles high x tiles wide x (BINS + 1)`` from 0 to 1, at the bins' edges."""
    height, width = luma.shape
    rows = np.arange(height) * TILES_HIGH // height
    columns = np.arange(width) * TILES_WIDE // width
    tiles = rows[:, None] * TILES_WIDE + columns
    bins = np.minimum((luma * BINS).astype(np.int64), BINS - 1)
    count = TILES_HIGH * TILES_WIDE
    histograms = np.bincount((tiles * BINS + bins).ravel(), minlength=count * BINS).reshape(count, BINS)
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1)
    clipped = np.minimum(shares, CLIP / BINS)
    clipped += (1 - clipped.sum(axis=1, keepdims=True)) / BINS
    curves = np.concatenate([np.zeros((count, 1)), np.cumsum(clipped, axis=1)], axis=1)
    return np.asarray(curves.reshape(TILES_HIGH, TILES_WIDE, BINS + 1), np.float32)


def apply_curves(luma: FloatArray, curves: FloatArray) -> FloatArray:
    """Maps each pixel by the curves of the four tiles around it."""
    height, width = luma.shape
    upper, lower, down = neighbouring_tiles(height, TILES_HIGH)
    left, right, across = neighbouring_tiles(width, TILES_WIDE)
    tables = sample_curves(curves).reshape(-1)
    level = np.clip(luma * (LEVELS - 1) + 0.5, 0, LEVELS - 1).astype(np.int32)
    result = np.zeros_like(luma)
    for rows, row_share in ((upper, 1 - down), (lower, down)):
        for columns, column_share in ((left, 1 - across), (right, across)):
            tiles = (rows[:, None] * TILES_WIDE + columns) * LEVELS
            result += tables.take(tiles + level) * (row_share[:, None] * column_share)
    return np.clip(result, 0, 1, out=result)


def sample_curves(curves: FloatArray) -> FloatArray:
    """Interpolates curves at the edges of bins to tables ``tiles high x tiles wide x LEVELS``."""
    place = np.linspace(0, BINS, LEVELS, dtype=np.float32)
    step = np.minimum(place.astype(np.int32), BINS - 1)
    fraction = place - step
    return np.asarray(curves[..., step] * (1 - fraction) + curves[..., step + 1] * fraction, np.float32)


def neighbouring_tiles(size: int, tiles: int) -> tuple[Places, Places, FloatArray]:
    """Returns for each row (or column) the tiles whose middles are before and after it, and the second's weight."""
    place = np.clip((np.arange(size) + 0.5) * tiles / size - 0.5, 0, tiles - 1)
    first = np.minimum(place.astype(np.int32), max(tiles - 2, 0))
    return first, np.minimum(first + 1, tiles - 1), (place - first).astype(np.float32)
