"""Enlarges the network's small chroma along the luma's edges.

The fast guided filter (He & Sun 2015, arXiv:1505.00996, on He 2013, "Guided Image Filtering", eq. 5-8): chroma is a
line in luma, ``chroma = slope * luma + offset``, fitted around each cell of the small grid, applied with the full luma.
Three changes, measured on 28 photos of ``dev.tar`` whose true chroma was area-shrunk to 64 cells on the short side
(chroma PSNR: bilinear 42.74 dB, bicubic 44.03, this file 44.09; with the small chroma blurred as a network's is, by one
cell: 38.23, 38.60, 38.69; the textbook filter at its best, sharp: 40.0):

- Every cell keeps its own chroma, ``offset = chroma - slope * luma``. The textbook's mean over the window is there for
  noisy input; a network's chroma is smooth, and the mean only blurs it.
- A slope counts by its squared correlation, so that luma texture without a colour of its own does not print through.
- Luma is clamped to the range that it has in the cells around, so that no line is followed beyond what it was fitted
  to: no haloes beside specular highlights and thin dark lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

WINDOW = (3, 3)
"""Cells that one line is fitted to. Larger ones fit worse: 5 x 5 lost 0.3 dB, 7 x 7 0.4."""

LUMA_FLOOR = np.float32(3e-3)
"""eps of He 2013: the luma variance below which an area counts as flat. 0.055 squared.
1e-2 gains 0.05 dB on sharp chroma and loses as much on chroma blurred like a network's."""

TINY_LUMA_VARIANCE = np.float32(1e-4)
TINY_CHROMA_VARIANCE = np.float32(1e-5)
"""Variances of noise, about 2.5 and 0.8 codes of 8 bits: below them nothing correlates."""


def upsample_chroma(chroma: FloatArray, guide: FloatArray, *, method: str = "guided") -> FloatArray:
    """Chroma ``2 x h x w`` to ``2 x H x W``, the size of ``guide``, both covering the same extent.

    ``guide`` is luma ``H x W`` in [0, 1] at the wanted size; one no larger than ``chroma`` only shrinks it.
    Beside steep edges the result can exceed the range of ``chroma`` a little, as any line or cubic through it does.

    Raises:
        ValueError: a wrong shape, or a method that is not in ``UPSAMPLE_METHODS``.
    """
    if chroma.ndim != 3 or chroma.shape[0] != 2 or guide.ndim != 2:
        raise ValueError(f"expected chroma 2 x h x w and guide H x W, got {chroma.shape = } and {guide.shape = }")
    if method not in UPSAMPLE_METHODS:
        raise ValueError(f"unknown upsampling {method = }; choose one of {', '.join(UPSAMPLE_METHODS)}")
    return UPSAMPLE_METHODS[method](np.ascontiguousarray(chroma, np.float32), np.ascontiguousarray(guide, np.float32))


def upsample_luma(luma: FloatArray, guide: FloatArray) -> FloatArray:
    """Luma ``h x w`` that a model made to ``H x W``, the size of ``guide``: what the model saw, in full.

    As chroma, it follows the guide's edges where the two go together, darker or brighter: sharp at any size.
    """
    if luma.shape == guide.shape:
        return luma
    return np.asarray(np.clip(upsample_chroma(np.stack([luma, luma]), guide)[0], 0, 1), np.float32)


def resize(plane: FloatArray, height: int, width: int, interpolation: int = cv2.INTER_LINEAR) -> FloatArray:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=interpolation), np.float32)


def bilinear(chroma: FloatArray, guide: FloatArray) -> FloatArray:
    """The baseline: no edges."""
    height, width = guide.shape
    shrinks = height <= chroma.shape[1] and width <= chroma.shape[2]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([resize(plane, height, width, interpolation) for plane in chroma])


def window_mean(plane: NDArray[Any]) -> FloatArray:
    return np.asarray(cv2.boxFilter(plane, -1, WINDOW), np.float32)


def shrink_guide(guide: FloatArray, height: int, width: int) -> FloatArray:
    """Area-shrinks, in halves first: OpenCV's area filter is slow at odd ratios, and a bilinear half averages 2 x 2."""
    while guide.shape[0] >= 3 * height and guide.shape[1] >= 3 * width:
        guide = resize(guide, (guide.shape[0] + 1) // 2, (guide.shape[1] + 1) // 2)
    return resize(guide, height, width, cv2.INTER_AREA)


def enlarge(plane: FloatArray, out: FloatArray) -> None:
    """Fills ``out``, nearly bicubic at the price of bilinear: twice the size by cubics, and on by lines."""
    (coarse_height, coarse_width), (height, width) = plane.shape, out.shape
    if 2 * coarse_height < height and 2 * coarse_width < width:
        plane = resize(plane, 2 * coarse_height, 2 * coarse_width, cv2.INTER_CUBIC)
    cv2.resize(plane, (width, height), dst=out)


def guided(chroma: FloatArray, guide: FloatArray) -> FloatArray:
    """The fast guided filter described at the top of this file."""
    height, width = guide.shape
    cells_high, cells_wide = chroma.shape[1:]
    if height <= cells_high or width <= cells_wide:
        return bilinear(chroma, guide)

    luma = shrink_guide(guide, cells_high, cells_wide)
    luma_mean = window_mean(luma)
    luma_variance = np.maximum(window_mean(luma * luma) - luma_mean * luma_mean, 0)
    neighbours = np.ones((3, 3), np.uint8)
    darkest = resize(np.asarray(cv2.erode(luma, neighbours), np.float32), height, width)
    brightest = resize(np.asarray(cv2.dilate(luma, neighbours), np.float32), height, width)
    within_reach = cv2.min(cv2.max(guide, darkest, dst=darkest), brightest, dst=darkest)

    enlarged = np.empty((2, height, width), np.float32)
    full_slope = brightest  # no longer needed, and of the right size
    for plane, out in zip(chroma, enlarged, strict=True):
        plane_mean = window_mean(plane)
        covariance = window_mean(plane * luma) - plane_mean * luma_mean
        plane_variance = np.maximum(window_mean(plane * plane) - plane_mean * plane_mean, 0)
        squared_correlation = covariance**2 / (
            (luma_variance + TINY_LUMA_VARIANCE) * (plane_variance + TINY_CHROMA_VARIANCE)
        )
        slope = window_mean(squared_correlation * covariance / (luma_variance + LUMA_FLOOR))
        enlarge(plane - slope * luma, out)
        enlarge(slope, full_slope)
        cv2.accumulateProduct(full_slope, within_reach, out)
    return enlarged


UPSAMPLE_METHODS: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {"guided": guided, "bilinear": bilinear}
"""Name to function: chroma ``2 x h x w`` and guide ``H x W``, both contiguous float32, to chroma ``2 x H x W``."""
