"""Makes a photo look as a thermal camera might show it, so that photos teach what few thermal pairs cannot.

Heat has no fixed relation to brightness: a sky is dark, a road bright by day and dark by night, a face brighter than
what it wears. What stays are shapes. So a photo's luma gets a random spectral response and a random curve that need not
be monotone, or every colour of it a warmth of its own, and then a thermal camera's softness, local contrast and noise;
colour has to be learnt from shapes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

CURVE_POINTS = 6  # a random curve is straight between this many points
MATERIALS = 7  # colours of a crop that get a warmth of their own
DARK, BRIGHT = 0.5, 99.5  # percentiles that become black and white, as an automatic gain control does


def thermal_look(ycbcr: NDArray[np.uint8], rng: np.random.Generator) -> Plane:
    """A photo's Y, Cb, Cr ``H x W x 3`` (8-bit, full range) to a thermal-like picture ``H x W`` in [0, 1]."""
    if rng.random() < 0.5:
        plane = warmth_of_materials(ycbcr, rng)
    else:
        plane = spectral_response(ycbcr, rng)
        plane = any_curve(plane, rng) if rng.random() < 0.5 else monotone_curve(plane, rng)
    if rng.random() < 0.4:
        plane = 1 - plane
    if rng.random() < 0.6:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.4, 1.8)), np.float32)
    if rng.random() < 0.5:
        plane = local_contrast(plane, rng)
    if rng.random() < 0.7:
        plane = plane + sensor_noise(plane.shape, rng)
    return gain_controlled(plane)


def spectral_response(ycbcr: NDArray[np.uint8], rng: np.random.Generator) -> Plane:
    """Luma with some of the chroma mixed in: blue sky turns dark and leaves bright, or not, as under other filters."""
    planes = ycbcr.astype(np.float32) / np.float32(255)
    if rng.random() < 0.4:
        return np.ascontiguousarray(planes[..., 0])
    cb, cr = rng.normal(-0.6, 1.0), rng.normal(0.0, 1.0)  # the sky is cold: mostly, blue is darkened
    mixed = planes[..., 0] + np.float32(cb) * (planes[..., 1] - 0.5) + np.float32(cr) * (planes[..., 2] - 0.5)
    return np.asarray(np.clip(mixed, 0, 1), np.float32)


def warmth_of_materials(ycbcr: NDArray[np.uint8], rng: np.random.Generator) -> Plane:
    """Whatever has one colour gets one random warmth, and of its texture a random part, as it is or inverted.

    The colours are those of random pixels; every pixel is a mixture of them by its distance to each.
    """
    planes = ycbcr.astype(np.float32) / np.float32(255)
    colours = planes.reshape(-1, 3)[rng.integers(planes[..., 0].size, size=MATERIALS)]
    warmth = rng.uniform(0, 1, MATERIALS).astype(np.float32)
    texture = rng.normal(0.0, 0.5, MATERIALS).astype(np.float32)
    sharpness = np.float32(rng.uniform(40, 400))
    total = np.zeros(planes.shape[:2], np.float32)
    plane = np.zeros_like(total)
    scale = np.array([1.0, 2.5, 2.5], np.float32)  # chroma tells materials apart better than light and shade
    for colour, warm, relief in zip(colours, warmth, texture, strict=True):
        offset = planes - colour
        share = np.exp(-sharpness * np.square(offset * scale).sum(axis=2)) + np.float32(1e-6)
        plane += share * (warm + relief * offset[..., 0])
        total += share
    return plane / total


def monotone_curve(plane: Plane, rng: np.random.Generator) -> Plane:
    steps = rng.gamma(1.0, 1.0, CURVE_POINTS - 1) + 0.1
    heights = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return curved(plane, heights)


def any_curve(plane: Plane, rng: np.random.Generator) -> Plane:
    """Bright and dark things may come out alike, as a warm wall and a warm road do."""
    heights = rng.uniform(0, 1, CURVE_POINTS)
    return curved(plane, heights)


def curved(plane: Plane, heights: NDArray[np.float64]) -> Plane:
    return np.interp(plane, np.linspace(0, 1, len(heights)), heights).astype(np.float32)


def local_contrast(plane: Plane, rng: np.random.Generator) -> Plane:
    """What thermal cameras do to show detail: slow changes are flattened."""
    slow = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(6, 24)), np.float32)
    return np.asarray(plane - rng.uniform(0.2, 0.8) * (slow - slow.mean()), np.float32)


def sensor_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """White noise, and the stripes of an uncooled sensor's columns and rows."""
    height, width = shape
    noise = rng.standard_normal((height, width), np.float32) * np.float32(rng.uniform(0.003, 0.03))
    columns = rng.standard_normal((1, width), np.float32) * np.float32(rng.uniform(0, 0.012))
    rows = rng.standard_normal((height, 1), np.float32) * np.float32(rng.uniform(0, 0.012))
    return np.asarray(noise + columns + rows, np.float32)


def gain_controlled(plane: Plane) -> Plane:
    """Stretched to [0, 1] between two percentiles; a flat plane is left where it is."""
    dark, bright = np.percentile(plane, (DARK, BRIGHT)).astype(np.float32)
    if bright - dark < 0.05:
        return np.asarray(np.clip(plane, 0, 1), np.float32)
    return np.asarray(np.clip((plane - dark) / (bright - dark), 0, 1), np.float32)
