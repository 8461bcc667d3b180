"""Motion between two lumas, and how far it can be trusted."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

__all__ = ["estimate_flow", "flow_confidence", "resize_flow", "shrink_luma", "warp"]

LARGEST_SIDE = 512
"""Pixels. Larger pictures are for the caller to shrink: chroma is coarse, and motion at this size is fine enough."""

SMALLEST_SIDE = 16
"""Pixels. DIS works on patches of 8 in a pyramid; smaller pictures are enlarged for it."""

NORMAL_MEAN, NORMAL_SPREAD = 112.0, 56.0
"""Codes that a luma's mean and standard deviation become, so that film flicker does not look like motion."""

DARK_SPREAD = 0.02
"""Standard deviation of a luma that is next to empty; below it noise is not stretched further."""

RETURN_TOLERANCE, RETURN_SHARE = 0.3, 0.1
"""Forward-backward error that halves the trust: pixels, and more by this share of the motion (Sundaram 2010)."""

LUMA_TOLERANCE = 0.35
"""Difference of normalised lumas (in standard deviations) that halves the trust."""


def shrink_luma(luma: FloatArray, height: int, width: int) -> FloatArray:
    """Luma ``H x W`` to ``height x width`` by area."""
    if luma.shape == (height, width):
        return luma
    return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def normalise(luma: FloatArray, mean: float = 0.0, spread: float = 1.0) -> FloatArray:
    """To this mean and standard deviation (less where the picture is next to empty): exposure drops out."""
    old_mean, old_spread = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
    scale = spread / max(old_spread, DARK_SPREAD)
    return np.asarray(luma * np.float32(scale) + np.float32(mean - scale * old_mean), np.float32)


def to_codes(luma: FloatArray) -> NDArray[np.uint8]:
    codes = normalise(luma, NORMAL_MEAN, NORMAL_SPREAD)
    return np.clip(codes, 0, 255, out=codes).astype(np.uint8)


def estimate_flow(luma_from: FloatArray, luma_to: FloatArray) -> FloatArray:
    """Motion ``h x w x 2`` (x, y in pixels): ``luma_from[y, x]`` is found at ``luma_to[y + flow_y, x + flow_x]``.

    DIS (Kroeger 2016, arXiv:1603.03590), OpenCV's fast preset, on lumas ``h x w`` float32 in [0, 1] whose exposure
    is made equal first.

    Raises:
        ValueError: sizes that differ or exceed 512 pixels.
    """
    height, width = luma_from.shape
    if luma_from.shape != luma_to.shape:
        raise ValueError(f"lumas of one size are needed, got {luma_from.shape = } and {luma_to.shape = }")
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(f"flow takes at most {LARGEST_SIDE} pixels a side, got {luma_from.shape = }")
    if min(height, width) < SMALLEST_SIDE:
        size = max(width, SMALLEST_SIDE), max(height, SMALLEST_SIDE)
        large_from, large_to = (np.asarray(cv2.resize(luma, size), np.float32) for luma in (luma_from, luma_to))
        return resize_flow(estimate_flow(large_from, large_to), height, width)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(search.calc(to_codes(luma_from), to_codes(luma_to), None), np.float32)  # type: ignore[call-overload]


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> FloatArray:
    """Coordinates ``h x w x 2`` (x, y) of every pixel."""
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    grid.flags.writeable = False
    return grid


def warp(picture: FloatArray, flow: FloatArray) -> FloatArray:
    """Fetches ``picture`` (``h x w`` or ``h x w x C``) along ``flow`` ``h x w x 2``; the edge repeats beyond it.

    With the flow from a to b and b's picture this gives b's picture as seen at a.
    """
    target = flow + pixel_grid(*flow.shape[:2])
    fetched = cv2.remap(picture, target, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(fetched, np.float32)


def resize_flow(flow: FloatArray, height: int, width: int) -> FloatArray:
    """Flow ``h x w x 2`` to another grid over the same extent, its vectors scaled along."""
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    interpolation = cv2.INTER_AREA if height <= flow.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(flow, (width, height), interpolation=interpolation), np.float32) * scale


def squared_length(flow: FloatArray) -> FloatArray:
    x, y = flow[..., 0], flow[..., 1]
    return x * x + y * y


def flow_confidence(
    luma_from: FloatArray, luma_to: FloatArray, forward: FloatArray, backward: FloatArray
) -> FloatArray:
    """Trust in ``forward`` (the flow from ``luma_from`` to ``luma_to``), ``h x w`` in [0, 1]; ``backward`` leads back.

    Low where the way there and back does not return (occlusion, Sundaram 2010), where the lumas there and here
    differ after their exposure is made equal, and where the flow leaves the picture. All four on one grid.
    """
    height, width = luma_from.shape
    returned = forward + warp(backward, forward)
    slack = RETURN_TOLERANCE + RETURN_SHARE * np.sqrt(squared_length(forward))
    return_error = squared_length(returned) / (slack * slack)

    here, there = normalise(luma_from), normalise(luma_to)
    luma_error = (here - warp(there, forward)) / np.float32(LUMA_TOLERANCE)
    confidence = np.exp2(-return_error - luma_error * luma_error)

    target = forward + pixel_grid(height, width)
    x, y = target[..., 0], target[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return np.asarray(confidence * inside, np.float32)
