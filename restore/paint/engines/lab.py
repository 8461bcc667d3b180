"""Converts CIE Lab, for models that read L or answer in ab, and chroma of another matrix to our convention.

Lab as scikit-image and CIE 15:2004 have it: sRGB primaries and transfer curve (IEC 61966-2-1), white D65, 2 degrees.
"""

from __future__ import annotations

import numpy as np

from restore.colour import FloatArray, Matrix, chroma_from_rgb, luma_from_rgb, rgb_offsets

XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
RGB_FROM_LAB_XYZ = (np.linalg.inv(XYZ_FROM_RGB) * WHITE).astype(np.float32)  # from XYZ over white
HALVINGS = 18  # of the 100 units of L: to 0.0004


def linear_from_encoded(value: FloatArray) -> FloatArray:
    """Undoes sRGB's curve, for values in [0, 1]."""
    high = np.power((value + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(value > 0.04045, high, value / np.float32(12.92))


def encoded_from_linear(value: FloatArray) -> FloatArray:
    """Applies sRGB's curve, extended below 0 and above 1 for colours outside the gamut."""
    high = np.float32(1.055) * np.power(np.maximum(value, 0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(value > 0.0031308, high, np.float32(12.92) * value)


def lightness_from_luma(luma: FloatArray) -> FloatArray:
    """Returns L in [0, 100] of the gray with this luma in [0, 1], any shape, for models that read L."""
    linear = linear_from_encoded(luma)
    foot = np.float32(903.3) * linear
    return np.where(linear > 0.008856, np.float32(116) * np.cbrt(linear) - np.float32(16), foot)


def rgb_from_lab(lightness: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Converts Lab, ``H x W`` each, to RGB ``H x W x 3``, not clipped: out-of-gamut colours stay outside [0, 1]."""
    y = (lightness + np.float32(16)) / np.float32(116)
    roots = np.stack([y + a / np.float32(500), y, y - b / np.float32(200)], axis=-1)
    foot = (roots - np.float32(16 / 116)) / np.float32(7.787)
    xyz = np.where(roots > 0.2068966, roots * roots * roots, foot)
    return encoded_from_linear(xyz @ RGB_FROM_LAB_XYZ.T)


def chroma_from_ab(luma: FloatArray, ab: FloatArray) -> FloatArray:
    """Converts luma ``H x W`` in [0, 1] and ab ``2 x H x W`` in Lab units to chroma (Cb, Cr, BT.601) ``2 x H x W``.

    The colour meant is the one with this a, this b and *this luma*. A pixel's L is not known: L depends on its colour,
    and the luma of a saturated blue is that of a far darker gray. So L is sought, by halving, such that the colour
    (L, a, b) has exactly the pixel's luma, which grows with L; its Cb and Cr are the answer. The ab of a true picture
    then give back its true chroma, and luma is untouched. (Taking the gray's own L instead, as is common, changes the
    luma, and keeping the luma after that changes a and b.) Where no L in [0, 100] has that luma, the nearest end
    is taken, and the colour is outside the gamut; later stages pull it in along its hue.
    """
    a, b = ab
    low, high = np.zeros_like(luma), np.full_like(luma, 100)
    half = np.float32(0.5)
    for _ in range(HALVINGS):
        middle = (low + high) * half
        too_dark = luma_from_rgb(rgb_from_lab(middle, a, b)) < luma
        low = np.where(too_dark, middle, low)
        high = np.where(too_dark, high, middle)
    return chroma_from_rgb(rgb_from_lab((low + high) * half, a, b))


def chroma_from_other_matrix(chroma: FloatArray, matrix: Matrix) -> FloatArray:
    """Converts chroma ``2 x H x W`` of ``matrix`` to that of BT.601, in which the project's own networks answer.

    What a colour adds to its gray in R, G and B is kept. That does not depend on luma.
    """
    if matrix is Matrix.BT601:
        return chroma
    return chroma_from_rgb(np.stack(rgb_offsets(chroma, matrix), axis=-1))
