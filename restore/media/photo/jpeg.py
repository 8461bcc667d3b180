"""JPEG: luma keeps its own quantized coefficients, and every application segment is copied as it is.

Only Cb and Cr are encoded. What cannot lend its coefficients (RGB and CMYK, which store no luma, and broken files) is
encoded anew as a whole, which its warnings say.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.colour import FloatArray, pull_into_gamut
from restore.errors import DamagedMediaError
from restore.media.photo.icc import srgb_from_cmyk
from restore.media.photo.jpeg_coefficients import Blocks, Coefficients, read_coefficients, write_coefficients
from restore.media.photo.jpeg_segments import (
    FrameHeader,
    exif_of,
    has_whole_luma,
    icc_of,
    icc_segments,
    read_frame,
    segments,
    with_segments,
    without_metadata,
    xmp_of,
    xmp_segment,
)
from restore.media.photo.metadata import orientation_and_warnings
from restore.media.photo.photo import Codes, Page, Photo, check_size, luma_codes_from_rgb, rgb_codes

# T.81, table K.2, in natural order.
CHROMA_TABLE = np.full((8, 8), 99)
CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
COARSEST_CHROMA = 0.2
"""Factor on table K.2 that libjpeg calls quality 90: chroma is coded at least so well, for it is all that is new."""

QUALITY = 98
"""Of a picture that is encoded anew as a whole."""

BAND_UNITS = 32  # rows of coding units that are transformed at a time
PRODUCT_ROWS = 32


@dataclass(frozen=True)
class JpegLayout:
    """What the writer needs of the source."""

    data: bytes
    frame: FrameHeader
    lends_luma: bool
    """Whether luma's coefficients are carried over; else the picture is encoded anew as a whole."""

    def read_coefficients(self) -> Coefficients | None:
        """Returns luma as the file stores it, read again: kept, it would take twice the memory of the picture."""
        return read_coefficients(without_metadata(self.data)) if self.lends_luma else None


def read_jpeg(data: bytes, name: str) -> Photo:
    """Decodes luma alone. Raises ``InputError``."""
    parts = list(segments(data))
    frame = read_frame(parts)
    check_size(frame.width, frame.height)
    plain = without_metadata(data)
    exif, xmp, icc = exif_of(parts), xmp_of(parts), icc_of(parts)
    orientation, warnings = orientation_and_warnings(exif)
    obstacle = ""
    if frame.space in ("L", "YCbCr"):
        codes: Codes = decode(plain, "L")
        try:
            read_coefficients(plain)
        except DamagedMediaError as error:
            obstacle = str(error)
        if frame.progressive and not has_whole_luma(plain, frame):
            obstacle = "scans are missing, and decoders guess what they held"
    elif frame.space == "RGB":
        codes, obstacle = luma_codes_from_rgb(decode(plain, "RGB"), 255), "the file stores RGB"
    else:
        codes, obstacle = luma_codes_from_rgb(srgb_from_cmyk(decode(plain, "CMYK"), icc), 255), "the file stores CMYK"
        warnings += ("CMYK became sRGB: the colours to be added have no place in a CMYK separation",)
    if obstacle:
        warnings += (f"luma cannot be carried over and is encoded anew, to within a few codes: {obstacle}",)
    if frame.restart_interval and not frame.restart_rows:
        warnings += ("restart markers are left out: they are not at the ends of rows",)
    if data.count(b"MPF\0", 0, parts[-1].start):
        warnings += ("further pictures after the first one are left out",)
    layout = JpegLayout(data, frame, not obstacle)
    return Photo(name, "JPEG", 8, (Page(codes, None, orientation),), exif, xmp, icc, 8, layout, warnings)


def decode(data: bytes, mode: str) -> NDArray[np.uint8]:
    """Returns pixels; ``L`` is the file's own luma, with no way through RGB. Raises ``DamagedMediaError``."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if mode == "L":
                picture.draft("L", picture.size)
            return np.array(picture)
    except (OSError, SyntaxError, ValueError, IndexError) as error:
        raise DamagedMediaError(f"the JPEG is truncated or broken: {error}") from error


def write_jpeg(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes chroma at 4:4:4 where the source was gray, else with the source's subsampling, beside luma as it was."""
    layout: JpegLayout = photo.layout
    page = photo.pages[0]
    source = layout.read_coefficients()
    return with_segments(
        encode_anew(page, chroma) if source is None else encode_chroma(source, layout.frame, page, chroma),
        layout.data,
        keep_adobe=layout.frame.space == "YCbCr",
        xmp=xmp_segment(photo.xmp) if photo.xmp else None,
        icc=icc_segments(photo.icc) if photo.icc else None,
    )


def encode_anew(page: Page, chroma: FloatArray) -> bytes:
    """Encodes the whole picture."""
    buffer = io.BytesIO()
    Image.fromarray(rgb_codes(page, chroma, 8)).save(buffer, "JPEG", quality=QUALITY, subsampling="4:4:4")
    return buffer.getvalue()


def encode_chroma(source: Coefficients, frame: FrameHeader, page: Page, chroma: FloatArray) -> bytes:
    """Puts coefficients of chroma ``2 x H x W`` beside those of the source's luma."""
    steps = chroma_steps(source.tables)
    planes = [np.empty((*source.grid(component), 64), np.int16) for component in (1, 2)]
    unit_height, unit_width = source.unit
    for unit in range(0, -(-source.size[0] // unit_height), BAND_UNITS):
        band = slice(unit * unit_height, (unit + BAND_UNITS) * unit_height)
        in_gamut = pull_into_gamut(Page(page.luma_codes[band]).luma, chroma[:, band])
        for plane, (down, across), samples in zip(planes, source.factors[1:], in_gamut, strict=True):
            blocks = plane[unit * down : (unit + BAND_UNITS) * down]
            sides = -(-blocks.shape[0] * unit_height // down), -(-blocks.shape[1] * unit_width // across)
            padding = [(0, side - extent) for side, extent in zip(sides, samples.shape, strict=True)]
            blocks[:] = quantize(np.pad(samples, padding, "edge"), blocks.shape[:2], steps)
    picture = replace(source, planes=[*source.planes, *planes], tables=np.stack([source.tables[0], steps]))
    return write_coefficients(picture, progressive=frame.progressive, restart_rows=frame.restart_rows)


def chroma_steps(tables: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Returns steps as fine as luma's or as the source's chroma, and never coarser than quality 90."""
    coarsest = np.rint(CHROMA_TABLE.reshape(1, 64) * COARSEST_CHROMA).astype(np.uint16)
    return np.asarray(np.maximum(np.concatenate([tables, coarsest]).min(axis=0), 1), np.uint16)


def quantize(samples: FloatArray, grid: tuple[int, int], steps: NDArray[np.uint16]) -> Blocks:
    """Shrinks chroma in [-0.5, 0.5] to a grid of blocks, and returns their coefficients ``rows x columns x 64``."""
    rows, columns = grid
    if samples.shape != (8 * rows, 8 * columns):
        samples = np.asarray(cv2.resize(samples, (8 * columns, 8 * rows), interpolation=cv2.INTER_AREA), np.float32)
    blocks = samples.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 64) * np.float32(255)
    return np.asarray(
        np.rint(product(blocks, np.divide(DCT.T, steps, dtype=np.float32))).reshape(rows, columns, 64), np.int16
    )


def product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns ``N x 64`` times ``64 x 64``, in pieces so small that BLAS does not share them out among threads.

    Photos already run side by side; with threads of its own, one such product took 40 times as long on busy cores.
    """
    padded = np.zeros((-(-len(rows) // PRODUCT_ROWS), PRODUCT_ROWS, 64), np.float32)
    padded.reshape(-1, 64)[: len(rows)] = rows
    return np.asarray((padded @ matrix).reshape(-1, 64)[: len(rows)])


def dct_matrix() -> NDArray[np.float32]:
    """Returns ``64 x 64``, orthonormal: coefficients in natural order = matrix @ pixels (T.81, A.3.3)."""
    place = np.arange(8)
    rows = np.cos((2 * place[None] + 1) * place[:, None] * np.pi / 16) / 2
    rows[0] /= np.sqrt(2)
    return np.kron(rows, rows).astype(np.float32)


DCT = dct_matrix()
