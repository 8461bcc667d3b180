"""Colour metrics of one picture or of a set, as DESIGN.md's table defines them; RGB is float in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

Rgb = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)  # Cb, Cr: ITU-T T.871

AB_THRESHOLDS = np.arange(151)  # Zhang 2016, section 3.1: share of pixels within 0, 1, ... 150 in ab
AB_HALF, AB_CELL = 120, 10  # ab from -120 to 120 in cells of 10 x 10
AB_CELLS = 2 * AB_HALF // AB_CELL  # 24 a side

SMOOTH_WINDOW = 9  # pixels a side, in which luma must be smooth
SMOOTH_SPREAD = 0.012  # its standard deviation there, at most: 3 codes of 8 bits
SMALLEST_SMOOTH_SHARE = 0.01  # of the picture; less is no region to speak of
CHROMA_BLUR = 2.0  # pixels; the rounding of 8-bit RGB is noise of about half a code in chroma, and no blotch


def luma_of(rgb: Rgb) -> NDArray[np.float32]:
    """Returns the BT.601 luma of RGB ``... x 3``, full range."""
    return rgb @ LUMA


def chroma_of(rgb: Rgb) -> NDArray[np.float32]:
    """Returns BT.601 Cb and Cr ``... x 2`` in [-0.5, 0.5] of RGB ``... x 3``."""
    return rgb @ CHROMA.T


def psnr(result: NDArray[np.number], truth: NDArray[np.number]) -> float:
    """Returns the peak signal-to-noise ratio in dB for values whose peak is 1; infinite for equal arrays."""
    error = float(np.mean((result.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(result: Rgb, truth: Rgb) -> float:
    """Returns the structural similarity (Wang 2004: Gaussian window, sigma 1.5), the mean over R, G and B in [0, 1].

    Raises ``ValueError`` for a picture of less than 11 pixels a side.
    """
    similarity = structural_similarity(
        result, truth, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(similarity)


def lab_from_rgb(rgb: Rgb) -> NDArray[np.float32]:
    """Converts sRGB ``H x W x 3`` in [0, 1] to CIE Lab (D65): L in [0, 100], a and b in about [-110, 110]."""
    return np.asarray(rgb2lab(rgb.astype(np.float32)), np.float32)


def mean_ciede2000(result_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """Returns the mean CIEDE2000 colour difference (Sharma 2005) of two Lab pictures."""
    return float(np.mean(deltaE_ciede2000(truth_lab, result_lab)))


def colourfulness(rgb: Rgb, *, absolute: bool = False) -> float:
    """Returns the colourfulness of Hasler and Susstrunk 2003 (their M3), on values in [0, 255].

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
    """Returns the raw accuracy of Zhang 2016: percent of pixels with an ab error up to 0, 1, ... 150, averaged.

    ``weights`` ``H x W`` rebalances the pixels, by the rarity of their true colour for instance.
    """
    error = np.hypot(*np.moveaxis(result_lab[..., 1:] - truth_lab[..., 1:], -1, 0)).ravel()
    weigh = np.ones(error.size) if weights is None else weights.ravel()
    bins = np.ceil(error).astype(np.int64)  # first whole threshold that admits the pixel
    mass = np.bincount(np.minimum(bins, AB_THRESHOLDS[-1] + 1), weights=weigh, minlength=AB_THRESHOLDS[-1] + 2)
    return 100 * float(np.mean(np.cumsum(mass)[:-1] / weigh.sum()))


class AbPrior:
    """How often each true colour occurs in a set, for the rebalanced accuracy: ``add`` every picture, then ``weights``.

    As in Zhang 2016, eq. 4, on ab cells of 10 x 10: smoothed (Gaussian, sigma 5) and mixed with half a uniform prior.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(AB_CELLS**2)
        self._rarity: NDArray[np.float64] | None = None

    def add(self, truth_lab: NDArray[np.float32]) -> None:
        self._counts += np.bincount(ab_cells(truth_lab).ravel(), minlength=AB_CELLS**2)
        self._rarity = None

    def weights(self, truth_lab: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the weights ``H x W`` of a picture that was added; their mean over the set is about 1."""
        return self.rarity()[ab_cells(truth_lab)]

    def rarity(self) -> NDArray[np.float64]:
        """Returns the weight of each ab cell, 576 in all; 0 for colours that never occurred."""
        if self._rarity is None:
            counts = self._counts.reshape(AB_CELLS, AB_CELLS)
            smooth = np.asarray(cv2.GaussianBlur(counts, (0, 0), 5 / AB_CELL, borderType=cv2.BORDER_CONSTANT))
            prior = smooth / smooth.sum()
            in_use = counts > 0
            rarity = np.where(in_use, 1 / (0.5 * prior + 0.5 / in_use.sum()), 0.0)
            self._rarity = (rarity / (rarity * prior)[in_use].sum()).ravel()
        return self._rarity


def ab_cells(lab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns the number of each pixel's ab cell, ``H x W``, from 0 to 575."""
    a, b = ((np.clip(lab[..., axis], -AB_HALF, AB_HALF - 1e-3) + AB_HALF) // AB_CELL for axis in (1, 2))
    return np.asarray(a * AB_CELLS + b, np.int64)


def smooth_regions(luma: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Returns where luma ``H x W`` in [0, 1] is smooth: its standard deviation in 9 x 9 pixels is at most 0.012."""
    window = (SMOOTH_WINDOW, SMOOTH_WINDOW)
    precise = luma.astype(np.float64)
    mean = cv2.boxFilter(precise, -1, window)
    variance = cv2.boxFilter(precise * precise, -1, window) - mean * mean
    return np.asarray(variance <= SMOOTH_SPREAD**2)


def chroma_gradient(rgb: Rgb, region: NDArray[np.bool_]) -> float:
    """Returns the "rainbow" figure: mean absolute chroma gradient inside ``region`` ``H x W``, in 8-bit codes a pixel.

    The mean of |dCb/dx|, |dCb/dy|, |dCr/dx| and |dCr/dy| (central differences) of chroma blurred by a Gaussian of
    sigma 2, times 255. With ``region`` the smooth luma of the truth, blotches and rainbows raise it, and it is read as
    a ratio to the truth's own: real shading and the truth's compression are in both. NaN where the region is less than
    1 % of the picture.
    """
    if region.mean() < SMALLEST_SMOOTH_SHARE:
        return float("nan")
    chroma = np.asarray(cv2.GaussianBlur(chroma_of(rgb), (0, 0), CHROMA_BLUR), np.float32)
    down, across = (np.gradient(chroma, axis=axis) for axis in (0, 1))
    return 255 * float((np.abs(down[region]).mean() + np.abs(across[region]).mean()) / 2)
