"""Colour metrics of one picture or of a set, as DESIGN.md's table defines them; RGB is float in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

__all__ = [
    "area_under_ab_errors",
    "colourfulness",
    "lab_from_rgb",
    "mean_ciede2000",
    "psnr",
    "rarity_weights",
]

Rgb = NDArray[np.float32]

AB_THRESHOLDS = np.arange(151)  # Zhang 2016, section 3.1: share of pixels within 0, 1, ... 150 in ab


def psnr(result: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Peak signal-to-noise ratio in dB for values whose peak is 1; infinite for equal arrays."""
    error = float(np.mean((result.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def lab_from_rgb(rgb: Rgb) -> NDArray[np.float32]:
    """sRGB ``H x W x 3`` in [0, 1] to CIE Lab (D65): L in [0, 100], a and b in about [-110, 110]."""
    return np.asarray(rgb2lab(rgb.astype(np.float32)), np.float32)


def mean_ciede2000(result_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """Mean CIEDE2000 colour difference (Sharma 2005) of two Lab pictures."""
    return float(np.mean(deltaE_ciede2000(truth_lab, result_lab)))


def colourfulness(rgb: Rgb, *, absolute: bool = False) -> float:
    """Colourfulness of Hasler and Susstrunk 2003 (their M3), on values in [0, 255].

    ``absolute`` takes |rg| and |yb| first, as the published tables of DDColor and ColorMNet do; about 16 % lower.
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float64) * 255, -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    spread = float(np.hypot(rg.std(), yb.std()))
    centre = float(np.hypot(rg.mean(), yb.mean()))
    return spread + 0.3 * centre


def area_under_ab_errors(
    result_lab: NDArray[np.float32], truth_lab: NDArray[np.float32], weights: NDArray[np.float64] | None = None
) -> float:
    """Raw accuracy of Zhang 2016: share of pixels with an ab error up to a threshold, averaged over 0-150; percent.

    ``weights`` ``H x W`` rebalances the pixels, by the rarity of their true colour for instance.
    """
    error = np.hypot(*np.moveaxis(result_lab[..., 1:] - truth_lab[..., 1:], -1, 0)).ravel()
    weigh = np.ones(error.size) if weights is None else weights.ravel()
    bins = np.ceil(error).astype(np.int64)  # first whole threshold that admits the pixel
    mass = np.bincount(np.minimum(bins, AB_THRESHOLDS[-1] + 1), weights=weigh, minlength=AB_THRESHOLDS[-1] + 2)
    return 100 * float(np.mean(np.cumsum(mass)[:-1] / weigh.sum()))


def rarity_weights(truth_labs: Sequence[NDArray[np.float32]], *, cell: int = 10) -> list[NDArray[np.float64]]:
    """For each picture, weights by how rare a pixel's true ab cell (10 x 10) is in the whole set (Zhang 2016, eq. 4).

    The prior is smoothed (Gaussian, sigma 5 in ab) and mixed with half a uniform one, as there.
    """
    half = 120
    cells = 2 * half // cell
    counts = np.zeros((cells, cells))
    placed = []
    for lab in truth_labs:
        a, b = ((np.clip(lab[..., axis], -half, half - 1e-3) + half) // cell for axis in (1, 2))
        flat = (a * cells + b).astype(np.int64)
        placed.append(flat)
        counts += np.bincount(flat.ravel(), minlength=cells * cells).reshape(cells, cells)
    smooth = np.asarray(cv2.GaussianBlur(counts, (0, 0), 5 / cell, borderType=cv2.BORDER_CONSTANT))
    prior = smooth / smooth.sum()
    in_use = counts > 0
    mixed = 0.5 * prior + 0.5 / in_use.sum()
    weights = np.where(in_use, 1 / mixed, 0.0)
    weights /= (weights * prior)[in_use].sum()
    return [weights.ravel()[flat] for flat in placed]
