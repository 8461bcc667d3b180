"""Takes false colours back to one channel: the nearest step of the palette, computed once for each colour."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import (
    FloatArray,
    Matrix,
    chroma_from_codes,
    chroma_from_rgb,
    luma_from_codes,
    luma_from_rgb,
    rgb_from_luma_chroma,
)
from restore.media.thermal.palettes import palette_colours

Codes = NDArray[np.uint8]
Points = NDArray[np.float64]
"""Colours ``N x 3`` by their Y, Cb and Cr, as they are compared: whole numbers, in eighths of a code."""

LUMA_WEIGHT = 2
"""Codes of chroma that count as much as one of luma. Films and most JPEG have a quarter of the chroma, and coarser: on
real thermal pictures, as H.264 of its default quality in eight palettes, steps are 3.8 off with 1 and 3.1 with this; as
4:4:4 they are no further off."""

POINTS_PER_CODE = 8.0
COLOURS = 1 << 24
CHUNK = 1 << 13
"""Colours whose distances to all steps are in memory together: 16 MB."""

PIXEL = np.dtype("<u4")
"""A pixel of four bytes as one number; the fourth is zero."""


class PaletteInverse:
    """Maps colours of three times 8 bits to palette steps. Each is computed when it first occurs, and kept.

    A picture has far fewer colours than pixels, and a recording shows mostly the same ones, so this costs a look-up a
    pixel and is still the nearest step. The table has room for every colour there is (32 MB); what does not occur is
    never touched, and takes no memory where the system gives pages as they are needed.
    """

    def __init__(self, name: str, to_points: Callable[[Codes], Points], matrix: Matrix) -> None:
        """``to_points`` takes the colours ``N x 3`` as they are given; ``matrix`` is for the palette's own."""
        self.to_points = to_points
        self.curve = points_of_rgb(palette_colours(name), matrix)
        self.table = np.zeros(COLOURS, np.uint16)  # step + 1; 0 where it is not known yet

    def __call__(self, first: Codes, second: Codes, third: Codes) -> Codes:
        """Turns three planes ``H x W`` into steps ``H x W``, 0 coldest."""
        pixels = np.ascontiguousarray(cv2.merge((third, second, first, np.zeros_like(first))))
        index = pixels.view(PIXEL)[..., 0]
        entries = self.table.take(index)
        if not entries.all():
            self.learn(np.unique(index[entries == 0]))
            entries = self.table.take(index)
        return np.asarray(entries - 1, np.uint8)

    def learn(self, index: NDArray[np.uint32]) -> None:
        """Computes the steps of colours ``first << 16 | second << 8 | third``."""
        for start in range(0, len(index), CHUNK):
            part = index[start : start + CHUNK]
            colours = np.stack([part >> 16, part >> 8 & 255, part & 255], axis=1).astype(np.uint8)
            self.table[part] = nearest_steps_of_points(self.to_points(colours), self.curve) + 1


def nearest_steps_of_points(points: Points, curve: Points) -> NDArray[np.intp]:
    """Returns which of the palette's 256 is nearest to each of ``N x 3``, the colder one of two.

    All sums are of whole numbers and exact, so that the step depends neither on the machine nor on the other colours.
    """
    weights = np.array([LUMA_WEIGHT, 1, 1], np.float64)
    points, curve = points * weights, curve * weights
    distances = (curve**2).sum(axis=1) - 2 * (points @ curve.T)  # N x 256, less what they have in common
    return np.asarray(distances.argmin(axis=1), np.intp)


def points_of(luma: FloatArray, chroma: FloatArray) -> Points:
    """Converts luma ``N x 1`` in [0, 1] and chroma ``2 x N x 1`` in [-0.5, 0.5]."""
    planes = np.concatenate([luma, *chroma], axis=1).astype(np.float64)
    return np.rint(planes * (255 * POINTS_PER_CODE))


def points_of_rgb(rgb: NDArray[np.uint8] | FloatArray, matrix: Matrix = Matrix.BT601) -> Points:
    """Converts RGB ``N x 3`` in 0 to 255."""
    scaled = rgb[:, None].astype(np.float32) / np.float32(255)
    return points_of(luma_from_rgb(scaled, matrix), chroma_from_rgb(scaled, matrix))


def points_of_ycbcr(codes: Codes, *, full_range: bool) -> Points:
    """Converts Y, Cb and Cr of 8 bits, ``N x 3``."""
    return points_of(*planes_of(codes, full_range=full_range))


def planes_of(codes: Codes, *, full_range: bool) -> tuple[FloatArray, FloatArray]:
    luma = luma_from_codes(codes[:, :1], bit_depth=8, full_range=full_range)  # N x 1
    chroma = [chroma_from_codes(codes[:, plane : plane + 1], bit_depth=8, full_range=full_range) for plane in (1, 2)]
    return luma, np.stack(chroma)


def rgb_of_ycbcr(codes: Codes, *, full_range: bool, matrix: Matrix) -> Codes:
    """Converts Y, Cb and Cr of 8 bits, ``N x 3``, to RGB."""
    rgb = rgb_from_luma_chroma(*planes_of(codes, full_range=full_range), matrix)  # N x 1 x 3
    return np.rint(rgb[:, 0] * 255).astype(np.uint8)


@lru_cache(maxsize=1)
def rgb_inverse(name: str) -> PaletteInverse:
    """Returns the inverse for RGB, cached for the next picture of a folder."""
    return PaletteInverse(name, points_of_rgb, Matrix.BT601)


def invert_palette(rgb: Codes, name: str) -> Codes:
    """Turns RGB ``H x W x 3`` into the palette's steps ``H x W``, 0 coldest."""
    return rgb_inverse(name)(rgb[..., 0], rgb[..., 1], rgb[..., 2])


def ycbcr_inverse(name: str, *, full_range: bool, matrix: Matrix) -> PaletteInverse:
    """Returns the inverse for a film's planes Y, Cb and Cr, of 8 bits."""
    return PaletteInverse(name, partial(points_of_ycbcr, full_range=full_range), matrix)
