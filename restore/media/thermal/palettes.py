"""False colours of thermal cameras, and which of them a picture has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

STEPS = 256

# Colours at equal distances, coldest first. FLIR's are what its cameras write into their files as the palette record
# (Y, Cr, Cb of iron.pal, rainbow.pal and rainHC, to RGB); some models show them in full range and some in studio
# range. DJI's are measured on a picture of its H20T, at equal distances of luma.
STOPS = {
    "ironbow": (
        0x000000, 0x110166, 0x490096, 0x7A00A9, 0xA209A1, 0xC31D89, 0xDC3566, 0xEF5240, 0xFC711F, 0xFF9004, 0xFFB000,
        0xFFCD0B, 0xFFE635, 0xFCF888, 0xFFFFFF,
    ),
    "ironbow-dji": (
        0x000020, 0x110242, 0x2C0262, 0x4E0274, 0x6D0483, 0x8E0691, 0xAB0A96, 0xC21976, 0xD82A54, 0xEB3C23, 0xF64F0C,
        0xF86402, 0xFB7900, 0xF98E00, 0xFAA300, 0xFBB700, 0xFCCA00, 0xFFDD01, 0xFFF009, 0xFFFF25, 0xFFFF92, 0xFFFFFF,
    ),
    "rainbow-flir": (
        0x010349, 0x00206E, 0x00409F, 0x005FD0, 0x027CD7, 0x1C9D6D, 0x7CBF12, 0xC9D502, 0xF1CD0A, 0xFEA914, 0xFF582A,
        0xF91B42, 0xF95168, 0xFF9E8F, 0xFFE7CD,
    ),
    "rainbow-hc": (
        0x000000, 0x540055, 0xAC00AC, 0xCD01DE, 0x7800C1, 0x2200A4, 0x0033AA, 0x0088C5, 0x00E5E5, 0x01AE91, 0x00763C,
        0x195F00, 0x679400, 0xB6C800, 0xD6C700, 0xAD7100, 0x882000, 0x8D090B, 0xAF1B1B, 0xD22B2D, 0xE26767, 0xEEACAC,
        0xFCF8F7,
    ),
}  # fmt: skip
OPENCV = {
    "inferno": cv2.COLORMAP_INFERNO, "magma": cv2.COLORMAP_MAGMA, "plasma": cv2.COLORMAP_PLASMA,
    "hot": cv2.COLORMAP_HOT, "jet": cv2.COLORMAP_JET, "rainbow": cv2.COLORMAP_RAINBOW, "turbo": cv2.COLORMAP_TURBO,
    "viridis": cv2.COLORMAP_VIRIDIS,
}  # fmt: skip
STUDIO = "-studio"
"""Ending of the names of FLIR's palettes in 16 to 235."""

PALETTES = (*STOPS, *(f"{name}{STUDIO}" for name in STOPS if name != "ironbow-dji"), *OPENCV)

SAMPLES = 6000
"""Pixels by which a palette is recognised."""

COLOURED = 40
"""Difference of the largest and smallest of R, G and B above which a pixel tells palettes apart: near black, white and
gray most of them meet."""

COLOURED_SHARE = 0.10
"""Share of such pixels below which no palette is recognised."""

TINTED, GRAY_SHARE = 12, 0.05
"""The same difference above which a pixel is not gray, and the share of such pixels, drawings, that a gray picture may
have. None of 224 colour photographs passes as gray."""

MEDIAN_DISTANCE, MAX_DISTANCE = 14.0, 26.0
"""Codes of RGB from the palette that half, and four of five, of the coloured pixels keep. Measured: cameras' pictures
with text, scale and printed edges 4.8 to 12.0 and 13 to 24; none of 224 photographs passes this and what follows."""

MIN_SPAN, CLOSE_DISTANCE, CLOSE_SPAN = 0.3, 7.0, 0.1
"""Share of the palette that the colours cover: a photograph of one hue may lie on a short piece of a palette, so a
short piece counts only where colours are close to it."""


@dataclass(frozen=True)
class Recognition:
    """The palette that is nearest to a picture's colours."""

    name: str
    median_distance: float
    """Codes of RGB, over coloured pixels."""


@cache
def palette_colours(name: str) -> FloatArray:
    """Returns RGB ``256 x 3`` in 0 to 255, coldest first."""
    if name in OPENCV:
        ramp = np.arange(STEPS, dtype=np.uint8)[:, None]
        return np.ascontiguousarray(cv2.applyColorMap(ramp, OPENCV[name])[:, 0, ::-1], np.float32)
    stops = np.array([[code >> 16, code >> 8 & 255, code & 255] for code in STOPS[name.removesuffix(STUDIO)]])
    places = np.linspace(0, 1, len(stops))
    steps = np.linspace(0, 1, STEPS)
    curve = np.stack([np.interp(steps, places, channel) for channel in stops.T], axis=1)
    return (curve * (219 / 255) + 16 if name.endswith(STUDIO) else curve).astype(np.float32)


def sample_pixels(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Draws pixels ``N x 3`` from all pictures ``H x W x 3``."""
    random = np.random.default_rng(0)
    parts = [picture.reshape(-1, 3) for picture in pictures]
    share = SAMPLES // len(parts)
    return np.concatenate([part[random.integers(0, len(part), share)] for part in parts])


def is_gray(pictures: Sequence[NDArray[np.uint8]]) -> bool:
    """Returns whether RGB pictures ``H x W x 3`` are gray but for a few drawings in them."""
    return float((np.ptp(sample_pixels(pictures), axis=1) > TINTED).mean()) <= GRAY_SHARE


def recognise_palette(pictures: Sequence[NDArray[np.uint8]]) -> Recognition | None:
    """Returns the palette of RGB pictures ``H x W x 3`` of one recording; None where none explains their colours."""
    sample = sample_pixels(pictures)
    coloured = sample[np.ptp(sample, axis=1) > COLOURED].astype(np.float32)
    if len(coloured) < COLOURED_SHARE * len(sample):
        return None
    candidates: list[Recognition] = []
    for name in PALETTES:
        distances, places = nearest_steps(coloured, palette_colours(name))
        middle, most = np.percentile(distances, (50, 80))
        span = np.ptp(np.percentile(places, (5, 95))) / (STEPS - 1)
        enough = span >= (CLOSE_SPAN if middle <= CLOSE_DISTANCE else MIN_SPAN)
        if middle <= MEDIAN_DISTANCE and most <= MAX_DISTANCE and enough:
            candidates.append(Recognition(name, float(middle)))
    return min(candidates, key=lambda candidate: candidate.median_distance, default=None)


def nearest_steps(colours: FloatArray, curve: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Returns for colours ``N x 3`` the distance to the nearest palette step, and which it is."""
    places = nearest_places(colours, curve)
    return np.linalg.norm(colours - curve[places], axis=1).astype(np.float32), places


def nearest_places(colours: FloatArray, curve: FloatArray) -> NDArray[np.intp]:
    """Returns the nearest palette step of colours ``N x 3``, by one product of matrices."""
    known = np.concatenate([-2 * curve.T, (curve**2).sum(axis=1)[None]])  # 4 x 256
    distances = np.pad(colours, ((0, 0), (0, 1)), constant_values=1) @ known
    return np.asarray(distances.argmin(axis=1), np.intp)


def off_palette_share(rgb: NDArray[np.uint8], name: str) -> float:
    """Returns the share of an RGB picture whose colours are not the palette's: text, logos, printed edges."""
    distances, _ = nearest_steps(sample_pixels([rgb]).astype(np.float32), palette_colours(name))
    return float((distances > 2 * MAX_DISTANCE).mean())
