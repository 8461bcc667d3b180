"""JPEG: luma keeps its own quantized coefficients, and every application segment is copied as it is."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.colour import FloatArray, codes_from_chroma, pull_into_gamut
from restore.errors import DamagedMediaError
from restore.media.photo.icc import srgb_from_cmyk
from restore.media.photo.jpeg_blocks import encodable_luma
from restore.media.photo.jpeg_segments import (
    Frame,
    exif_of,
    icc_of,
    icc_segments,
    keep_coefficients,
    read_frame,
    segments,
    with_segments,
    with_size,
    without_metadata,
    xmp_of,
    xmp_segment,
)
from restore.media.photo.metadata import orientation_and_warnings
from restore.media.photo.photo import ROWS_AT_A_TIME, Codes, Page, Photo, check_size, luma_codes_from_rgb

__all__ = ["read_jpeg", "write_jpeg"]

PLAIN_444, PLAIN_422, PLAIN_420 = 0, 1, 2  # Pillow's names of chroma subsampling
SUBSAMPLINGS = {(1, 1): PLAIN_444, (2, 1): PLAIN_422, (2, 2): PLAIN_420}
# T.81, table K.2, in natural order.
CHROMA_TABLE = np.full((8, 8), 99)
CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
COARSEST_CHROMA = 0.2
"""Factor on table K.2 that libjpeg calls quality 90: chroma is coded at least so well, for it is all that is new."""


@dataclass(frozen=True)
class JpegLayout:
    """What the writer needs of the source."""

    data: bytes
    frame: Frame
    whole_blocks: NDArray[np.uint8] | None
    """Luma up to the borders of its blocks; ``luma_codes`` is a view of it. None where the file held no luma."""

    luma_table: NDArray[np.uint16]
    chroma_table: NDArray[np.uint16] | None
    """64 quantization steps each, in natural order."""


def read_jpeg(data: bytes, name: str) -> Photo:
    """Decodes luma alone. Raises ``InputError``."""
    parts = list(segments(data))
    frame = read_frame(parts)
    check_size(frame.width, frame.height)
    plain = without_metadata(data)
    tables = quantization(plain)
    if frame.components[0].table not in tables:
        raise DamagedMediaError("the JPEG lacks the quantization table of its luma")
    exif, xmp, icc = exif_of(parts), xmp_of(parts), icc_of(parts)
    orientation, warnings = orientation_and_warnings(exif)

    whole_blocks: NDArray[np.uint8] | None = None
    if frame.space in ("L", "YCbCr"):
        decoded = decode(plain, "L", *whole_size(frame))
        codes: Codes = decoded[: frame.height, : frame.width]
        whole_blocks = decoded if decoded.shape[0] % 8 == decoded.shape[1] % 8 == 0 else None
    elif frame.space == "RGB":
        codes = luma_codes_from_rgb(decode(plain, "RGB", frame.width, frame.height), 255)
    else:
        codes = luma_codes_from_rgb(srgb_from_cmyk(decode(plain, "CMYK", frame.width, frame.height), icc), 255)
        warnings += ("CMYK became sRGB: the colours to be added have no place in a CMYK separation",)
    if data.count(b"MPF\0", 0, parts[-1].start):
        warnings += ("further pictures behind the first one are left out",)

    chroma_table = tables.get(frame.components[1].table) if frame.space == "YCbCr" else None
    layout = JpegLayout(data, frame, whole_blocks, tables[frame.components[0].table], chroma_table)
    return Photo(name, "JPEG", 8, (Page(codes, None, orientation),), exif, xmp, icc, 8, layout, warnings)


def quantization(data: bytes) -> dict[int, NDArray[np.uint16]]:
    """Numbered tables of 64 steps in natural order. Raises ``DamagedMediaError``."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as header:
            tables: dict[int, list[int]] = getattr(header, "quantization", {})
    except (OSError, SyntaxError, ValueError, IndexError, struct.error) as error:
        raise DamagedMediaError("the JPEG's header is broken") from error
    return {number: np.array(steps, np.uint16) for number, steps in tables.items()}


def whole_size(frame: Frame) -> tuple[int, int]:
    """Width and height up to the blocks' borders, so that no pixel of a block is lost.

    Only up to those of luma's own 8 x 8 blocks: a progressive scan of one component has no further ones.
    """
    luma = frame.components[0]
    if any(other.across > luma.across or other.down > luma.down for other in frame.components):
        return frame.width, frame.height
    return frame.width + -frame.width % 8, frame.height + -frame.height % 8


def decode(data: bytes, mode: str, width: int, height: int) -> NDArray[np.uint8]:
    """``L`` is the file's own luma, with no way through RGB. Raises ``DamagedMediaError``."""
    try:
        with Image.open(io.BytesIO(with_size(data, width, height)), formats=["JPEG"]) as picture:
            if mode == "L":
                picture.draft("L", (width, height))
            return np.array(picture)
    except OSError as error:
        raise DamagedMediaError(f"the JPEG is truncated or broken: {error}") from error


def write_jpeg(photo: Photo, chroma: FloatArray) -> bytes:
    """Luma in its own quantization, chroma at 4:4:4 where the source was gray, else with the source's subsampling."""
    layout: JpegLayout = photo.layout
    luma = luma_to_encode(photo)
    height, width = luma.shape
    page = photo.pages[0]
    rows, columns = page.luma_codes.shape
    cb, cr = np.pad(chroma_codes(page, chroma), ((0, 0), (0, height - rows), (0, width - columns)), mode="edge")
    picture = Image.merge("YCbCr", [Image.fromarray(plane) for plane in (luma, cb, cr)])
    return with_segments(
        with_size(encode(picture, layout), columns, rows),
        layout.data,
        keep_adobe=layout.frame.space == "YCbCr",
        xmp=xmp_segment(photo.xmp) if photo.xmp else None,
        icc=icc_segments(photo.icc) if photo.icc else None,
    )


def chroma_codes(page: Page, chroma: FloatArray) -> NDArray[np.uint8]:
    """Chroma ``2 x H x W`` in gamut, as codes; in bands, as its float steps would take ten times its memory."""
    codes = np.empty(chroma.shape, np.uint8)
    for top in range(0, chroma.shape[1], ROWS_AT_A_TIME):
        band = slice(top, top + ROWS_AT_A_TIME)
        in_gamut = pull_into_gamut(Page(page.luma_codes[band]).luma, chroma[:, band])
        codes[:, band] = codes_from_chroma(in_gamut, bit_depth=8, full_range=True)
    return codes


def luma_to_encode(photo: Photo) -> NDArray[np.uint8]:
    layout: JpegLayout = photo.layout
    if layout.whole_blocks is None:
        return np.asarray(np.rint(photo.luma * 255), np.uint8)
    height, width = layout.whole_blocks.shape
    plain = without_metadata(layout.data)

    def decode_group(first: int, end: int) -> NDArray[np.uint8]:
        return decode(keep_coefficients(plain, first, end), "L", width, height)

    return encodable_luma(layout.whole_blocks, layout.luma_table.astype(np.float32), decode_group)


def chroma_steps(layout: JpegLayout) -> NDArray[np.uint16]:
    """As fine as luma's or as the source's chroma, and never coarser than quality 90."""
    steps = np.maximum(np.rint(CHROMA_TABLE.reshape(64) * COARSEST_CHROMA), 1).astype(np.uint16)
    steps = np.minimum(steps, np.maximum(layout.luma_table, 1))
    return steps if layout.chroma_table is None else np.minimum(steps, layout.chroma_table)


def encode(picture: Image.Image, layout: JpegLayout) -> bytes:
    frame = layout.frame
    subsampling = PLAIN_444
    if frame.space == "YCbCr":
        luma, chroma = frame.components[:2]
        subsampling = SUBSAMPLINGS.get((luma.across // chroma.across, luma.down // chroma.down), PLAIN_444)
    tables = [layout.luma_table.tolist(), chroma_steps(layout).tolist()]
    for extras in ({"optimize": True, "progressive": frame.progressive}, {}):
        buffer = io.BytesIO()
        try:  # no quality: Pillow would scale the tables by it
            picture.save(buffer, "JPEG", qtables=tables, subsampling=subsampling, **extras)
        except OSError:  # both extras need the whole file in Pillow's buffer, which noise can overflow
            if not extras:
                raise
        else:
            break
    return buffer.getvalue()
