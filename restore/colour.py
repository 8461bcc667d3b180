"""The program's one colour convention, and the border to codes, ranges and matrices.

Inside: luma Y in [0, 1] and chroma (Cb, Cr) in [-0.5, 0.5], both full range, float32, gamma-encoded (Y', not linear).
Formulas: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (Y = Kr R + Kg G + Kb B; Cb = (B - Y) / (2 - 2 Kb);
Cr = (R - Y) / (2 - 2 Kr)), quantised as in section 3 of each; JPEG (ITU-T T.871) is BT.601 at full range.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
CodeArray = NDArray[np.uint8] | NDArray[np.uint16]


class Matrix(Enum):
    """Weights (Kr, Kb) of red and blue in luma."""

    BT601 = (0.299, 0.114)
    BT709 = (0.2126, 0.0722)
    BT2020 = (0.2627, 0.0593)

    @property
    def kr(self) -> float:
        return self.value[0]

    @property
    def kb(self) -> float:
        return self.value[1]

    @property
    def kg(self) -> float:
        return 1.0 - self.kr - self.kb


def luma_from_codes(codes: CodeArray, *, bit_depth: int, full_range: bool) -> FloatArray:
    """Integer luma of any shape to [0, 1]; limited-range footroom and headroom are clipped."""
    black, span = (0, (1 << bit_depth) - 1) if full_range else (16 << (bit_depth - 8), 219 << (bit_depth - 8))
    luma = (codes.astype(np.float32) - black) * np.float32(1.0 / span)
    return np.clip(luma, 0.0, 1.0, out=luma)


def chroma_scale(bit_depth: int, full_range: bool) -> tuple[int, int]:
    """Code of zero chroma, and codes per unit of chroma."""
    span = (1 << bit_depth) - 1 if full_range else 224 << (bit_depth - 8)
    return 1 << (bit_depth - 1), span


def codes_from_chroma(chroma: FloatArray, *, bit_depth: int, full_range: bool) -> CodeArray:
    """Chroma in [-0.5, 0.5] of any shape to integer codes, rounded; uint8 up to 8 bits, uint16 above."""
    zero, span = chroma_scale(bit_depth, full_range)
    codes = chroma * np.float32(span)
    codes += np.float32(zero)
    np.rint(codes, out=codes)
    lowest, highest = (0, (1 << bit_depth) - 1) if full_range else (zero - span // 2, zero + span // 2)
    np.clip(codes, lowest, highest, out=codes)
    return codes.astype(np.uint8) if bit_depth <= 8 else codes.astype(np.uint16)


def chroma_from_codes(codes: CodeArray, *, bit_depth: int, full_range: bool) -> FloatArray:
    """Integer chroma codes of any shape to [-0.5, 0.5]."""
    zero, span = chroma_scale(bit_depth, full_range)
    return (codes.astype(np.float32) - zero) * np.float32(1.0 / span)


def luma_from_rgb(rgb: FloatArray, matrix: Matrix = Matrix.BT601) -> FloatArray:
    """``H x W x 3`` RGB in [0, 1] to luma ``H x W`` in [0, 1]."""
    return rgb @ np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)


def chroma_from_rgb(rgb: FloatArray, matrix: Matrix = Matrix.BT601) -> FloatArray:
    """``H x W x 3`` RGB in [0, 1] to chroma ``2 x H x W`` in [-0.5, 0.5]."""
    luma = luma_from_rgb(rgb, matrix)
    cb = (rgb[..., 2] - luma) / np.float32(2 - 2 * matrix.kb)
    cr = (rgb[..., 0] - luma) / np.float32(2 - 2 * matrix.kr)
    return np.stack([cb, cr])


def rgb_offsets(chroma: FloatArray, matrix: Matrix) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What chroma ``2 x H x W`` adds to luma in red, green and blue."""
    cb, cr = chroma
    red = cr * np.float32(2 - 2 * matrix.kr)
    blue = cb * np.float32(2 - 2 * matrix.kb)
    green = red * np.float32(-matrix.kr / matrix.kg)
    green -= blue * np.float32(matrix.kb / matrix.kg)
    return red, green, blue


def pull_into_gamut(luma: FloatArray, chroma: FloatArray, matrix: Matrix = Matrix.BT601) -> FloatArray:
    """Shrinks chroma ``2 x H x W`` along its hue until RGB lies in [0, 1] at this luma ``H x W``; luma stays exact."""
    red, green, blue = rgb_offsets(chroma, matrix)
    highest = np.maximum(red, green)
    np.maximum(highest, blue, out=highest)
    lowest = np.minimum(red, green, out=red)
    np.minimum(lowest, blue, out=lowest)
    outside = (luma + highest > 1) | (luma + lowest < 0)  # few: the rest need no division
    if not outside.any():
        return chroma
    luma, highest, lowest = luma[outside], highest[outside], lowest[outside]
    tiny = np.float32(1e-9)
    room = np.minimum((1 - luma) / np.maximum(highest, tiny), luma / np.maximum(-lowest, tiny))
    pulled = chroma.copy()
    pulled[:, outside] *= np.clip(room, 0.0, 1.0)
    return pulled


def rgb_from_luma_chroma(luma: FloatArray, chroma: FloatArray, matrix: Matrix = Matrix.BT601) -> FloatArray:
    """Luma ``H x W`` and chroma ``2 x H x W`` to RGB ``H x W x 3`` in [0, 1], pulled into gamut at constant luma."""
    offsets = rgb_offsets(pull_into_gamut(luma, chroma, matrix), matrix)
    rgb = np.stack([luma + offset for offset in offsets], axis=-1)
    return np.clip(rgb, 0.0, 1.0, out=rgb)
