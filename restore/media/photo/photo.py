"""A still picture between its file and the network: luma as stored, and whatever the file has to get back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.colour import FloatArray, pull_into_gamut, rgb_offsets
from restore.colour import Matrix as ColourMatrix
from restore.errors import InputError

Codes = NDArray[Any]
"""uint8 or uint16."""

ROWS_AT_A_TIME = 256  # pixels are converted in bands, so that a 100-megapixel scan needs no float copy of itself


@dataclass(frozen=True)
class Page:
    """One picture of a file, pixels as stored: the orientation tag is not applied."""

    luma_codes: Codes
    """``H x W``; the dtype's whole range is black to white, whatever the file's depth (BT.601, as JPEG has it)."""

    alpha: Codes | None = None
    """``H x W``, scaled in the same way."""

    orientation: int = 1
    """EXIF 1 to 8."""

    premultiplied: bool = False
    """Luma was multiplied by alpha (TIFF's associated alpha)."""

    @property
    def luma(self) -> FloatArray:
        """Returns ``H x W`` in [0, 1]."""
        return np.multiply(self.luma_codes, np.float32(1 / full_scale(self.luma_codes)), dtype=np.float32)


@dataclass(frozen=True)
class Photo:
    """A decoded file. Only TIFF has more than one page."""

    name: str
    format: str
    """Format of the output, which is the input's, save that GIF becomes PNG; Pillow's name of it."""

    bit_depth: int
    """Bits of a sample in the output: 8 to 16."""

    pages: tuple[Page, ...]
    exif: bytes | None = None
    """EXIF data from its TIFF header on, without ``Exif\\0\\0``."""

    xmp: bytes | None = None
    icc: bytes | None = None
    source_bit_depth: int = 0
    """Bits of a sample in the input: 1 to 16."""

    layout: Any = None
    """What the format's own writer has to know: tables, chunks, tags."""

    warnings: tuple[str, ...] = field(default=())

    @property
    def luma(self) -> FloatArray:
        """Returns the first page's luma, ``H x W`` in [0, 1]."""
        return self.pages[0].luma

    @property
    def alpha(self) -> Codes | None:
        return self.pages[0].alpha

    @property
    def orientation(self) -> int:
        return self.pages[0].orientation


def check_size(width: int, height: int) -> None:
    """Refuses a decompression bomb before anything is decoded; twice Pillow's limit, as Pillow itself does.

    Raises ``InputError``.
    """
    if width < 1 or height < 1:
        raise InputError(f"a picture of {width} x {height} pixels has nothing to colour")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > 2 * limit:
        raise InputError(
            f"{width} x {height} pixels are more than {2 * limit // 10**6} megapixels, as in a decompression bomb; "
            "cut the picture into parts"
        )


def full_scale(codes: Codes) -> int:
    """Returns white of codes that use their dtype's whole range: 255 or 65535."""
    return int(np.iinfo(codes.dtype).max)


def rescale(codes: Codes, white: int, dtype: type[np.uint8] | type[np.uint16]) -> Codes:
    """Stretches codes in [0, white] to the whole range of ``dtype``. Raises ``InputError`` for codes beyond white."""
    target = np.iinfo(dtype).max
    if white == target and codes.dtype == dtype:
        return codes
    table = np.rint(np.arange(white + 1) * (target / white)).astype(dtype)
    if codes.size and int(codes.max()) > white:
        raise InputError(f"samples go up to {codes.max()}, beyond white, which is {white}")
    scaled: Codes = table[codes]
    return scaled


def luma_codes_from_rgb(rgb: Codes, white: int) -> NDArray[np.uint16]:
    """Turns RGB codes ``H x W x 3`` in [0, white] to luma codes ``H x W`` in [0, 65535], finer than 8 bits need."""
    matrix = ColourMatrix.BT601
    red, green, blue = (np.float32(weight * 65535 / white) for weight in (matrix.kr, matrix.kg, matrix.kb))
    luma = np.empty(rgb.shape[:2], np.uint16)
    for top in range(0, len(rgb), ROWS_AT_A_TIME):
        band = rgb[top : top + ROWS_AT_A_TIME]
        luma[top : top + ROWS_AT_A_TIME] = np.rint(band[..., 0] * red + band[..., 1] * green + band[..., 2] * blue)
    return luma


def rgb_codes(page: Page, chroma: FloatArray, bit_depth: int) -> Codes:
    """Turns a page's luma and chroma ``2 x H x W`` to RGB codes ``H x W x 3``; chroma is pulled into gamut.

    Red and blue are rounded, and green takes what they lost: its share of luma is 0.587, so luma comes back within
    0.3 of a code, and rounded, exactly.
    """
    white = (1 << bit_depth) - 1
    matrix = ColourMatrix.BT601
    rgb: Codes = np.empty((*page.luma_codes.shape, 3), np.uint8 if bit_depth == 8 else np.uint16)
    for top in range(0, len(rgb), ROWS_AT_A_TIME):
        band = slice(top, top + ROWS_AT_A_TIME)
        part = Page(page.luma_codes[band], None if page.alpha is None else page.alpha[band])
        luma, in_gamut = part.luma, chroma[:, band]
        if page.premultiplied and part.alpha is not None:
            opacity = np.multiply(part.alpha, np.float32(1 / full_scale(part.alpha)), dtype=np.float32)
            straight = np.clip(luma / np.maximum(opacity, np.float32(1e-6)), 0, 1, dtype=np.float32)
            in_gamut = pull_into_gamut(straight, in_gamut, matrix) * opacity
        else:
            in_gamut = pull_into_gamut(luma, in_gamut, matrix)
        red_offset, _, blue_offset = rgb_offsets(in_gamut, matrix)
        red = np.clip(np.rint((luma + red_offset) * white), 0, white)
        blue = np.clip(np.rint((luma + blue_offset) * white), 0, white)
        green = np.rint(
            (luma * white - np.float32(matrix.kr) * red - np.float32(matrix.kb) * blue) / np.float32(matrix.kg)
        )
        rgb[band, :, 0], rgb[band, :, 1], rgb[band, :, 2] = red, np.clip(green, 0, white), blue
    return rgb
