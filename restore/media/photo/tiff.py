"""TIFF and BigTIFF: every page, every tag that still holds, the compression where a colour picture can have it."""

from __future__ import annotations

import io
import logging
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
import tifftools

from restore.colour import FloatArray
from restore.errors import DamagedMediaError, InputError
from restore.media.photo.icc import rgb_profile_for, srgb_from_cmyk
from restore.media.photo.metadata import mark_machine_made
from restore.media.photo.photo import (
    Codes,
    Page,
    Photo,
    check_size,
    full_scale,
    luma_codes_from_rgb,
    rescale,
    rgb_codes,
)
from restore.media.photo.png import with_alpha
from restore.media.photo.tiff_ifd import (
    Directory,
    Flavour,
    Tag,
    flavour_of,
    number,
    numbers,
    read_directories,
)

log = logging.getLogger(__name__)

BYTE, ASCII, UNDEFINED, IFD, IFD8 = 1, 2, 7, 13, 18
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS = 256, 257, 258, 259, 262, 273
ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_SIZES, PLANAR, PREDICTOR, EXTRA_SAMPLES = 274, 277, 278, 279, 284, 317, 338
TILE_OFFSETS, TILE_SIZES, SAMPLE_FORMAT, SUB_DIRECTORIES, XMP, ICC = 324, 325, 339, 330, 700, 34675
# Tags about how samples were stored, which the writer decides; responses and transfer curves of one gray channel; JPEG
# tables, old and new; YCbCr; fax options and directories; ink names; sub-directories (pyramids); ImageJ's own.
NOT_COPIED = {
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, SAMPLES, STRIP_ROWS, STRIP_SIZES, PLANAR, PREDICTOR),
    *(263, 264, 265, 266, 280, 281, 288, 289, 290, 291, 292, 293, 301, 320, 321, 322, 323, TILE_OFFSETS, TILE_SIZES),
    *(326, 327, 328, SUB_DIRECTORIES, 332, 333, 334, 336, EXTRA_SAMPLES, SAMPLE_FORMAT, 340, 341, 342, 347, 400),
    *(*range(512, 522), *range(529, 533), 32995, 32996, 50838, 50839, ICC, XMP),
}
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, MASK, SEPARATED, YCBCR = range(7)
ASSOCIATED, STRAIGHT = 1, 2
NONE, LZW, DEFLATE, PACKBITS, ZSTD = 1, 5, 8, 32773, 50000
COMPRESSIONS = {NONE: NONE, LZW: LZW, DEFLATE: DEFLATE, 32946: DEFLATE, PACKBITS: PACKBITS, ZSTD: ZSTD}
PREDICTED = {LZW, DEFLATE, ZSTD}
HORIZONTAL = 2
STRIP_BYTES = 1 << 18
MOST_SAMPLES = 1 << 30  # of all pages, which may all have the same few bytes; 50 gray pages of 20 megapixels


@dataclass(frozen=True)
class TiffLayout:
    """Byte order, and each page's tags."""

    flavour: Flavour
    directories: tuple[Directory, ...]


def read_tiff(data: bytes, name: str) -> Photo:
    """Decodes bilevel, gray, palette, RGB, CMYK and YCbCr of up to 16 bits. Raises ``InputError``."""
    flavour, directories = flavour_of(data), read_directories(data)
    if not directories:
        raise DamagedMediaError("the TIFF has no page")
    for directory in directories:
        check_page(directory, flavour.order, len(data))
    pages, warnings, depths = [], dict[str, None](), []
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if len(file.pages) != len(directories):
                raise DamagedMediaError("the TIFF's list of pages is broken")
            check_samples([part.aspage() for part in file.pages])
            for part, directory in zip(file.pages, directories, strict=True):
                page, depth, more = read_page(part.aspage(), directory, flavour.order)
                pages.append(page)
                depths.append(depth)
                warnings.update(dict.fromkeys(more))
    except InputError:
        raise
    except Exception as error:  # every codec has its own class of errors
        raise DamagedMediaError(f"the TIFF is truncated, broken or of a rare kind: {error}") from error
    first = directories[0]
    if any(SUB_DIRECTORIES in directory for directory in directories):
        warnings["smaller versions of the picture inside the file are left out"] = None
    return Photo(
        name,
        "TIFF",
        8 if max(depths) <= 8 else 16,
        tuple(pages),
        None,
        first[XMP].value if XMP in first else None,
        first[ICC].value if ICC in first else None,
        max(depths),
        TiffLayout(flavour, tuple(directories)),
        tuple(warnings),
    )


def check_page(directory: Directory, order: str, file_size: int) -> None:
    """Refuses a page without a size, or with strips outside of the file, which a reader would fill with black.

    Raises ``InputError``.
    """
    if WIDTH not in directory or HEIGHT not in directory:
        raise DamagedMediaError("the TIFF has a page without a size")
    check_size(number(directory[WIDTH], order), number(directory[HEIGHT], order))
    for starts, sizes in ((STRIPS, STRIP_SIZES), (TILE_OFFSETS, TILE_SIZES)):
        if starts in directory and sizes in directory:
            for start, size in zip(numbers(directory[starts], order), numbers(directory[sizes], order), strict=False):
                if start + size > file_size or (start == 0 and size):
                    raise DamagedMediaError("the TIFF is truncated: picture data is after its end")
            return
    if STRIPS not in directory and TILE_OFFSETS not in directory:
        raise DamagedMediaError("the TIFF is truncated or broken: a page has no picture data")


def check_samples(pages: list[tifffile.TiffPage]) -> None:
    """Raises ``InputError`` for a decompression bomb. A strip or tile may be larger than its page."""
    if sum(max(page.size, math.prod(page.chunks)) for page in pages) > MOST_SAMPLES:
        raise InputError(
            f"its pages have more than {MOST_SAMPLES // 10**6} million samples, as a decompression bomb has; "
            "cut it into parts"
        )


def read_page(part: tifffile.TiffPage, directory: Directory, order: str) -> tuple[Page, int, list[str]]:
    """Decodes a page, and returns its bit depth and lines about what is lost beside it. Raises ``InputError``."""
    depth, photometric = int(part.bitspersample), int(part.photometric)
    if int(part.sampleformat) != 1 or depth > 16:
        raise InputError(
            f"TIFF samples of {depth} bits and format {int(part.sampleformat)} have no black and white; "
            "convert it to 8 or 16 bits"
        )
    warnings = (
        [f"{depth} bits a sample become 16, for few programs read {depth} bits in colour"] if 8 < depth < 16 else []
    )
    if COMPRESSIONS.get(int(part.compression)) is None:
        log.info("compression %d is for gray pictures or has losses; the output has deflate", int(part.compression))
    samples = np.asarray(part.asarray())
    if int(part.planarconfig) == 2 and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, -1)
    if samples.ndim not in (2, 3):
        raise InputError(f"a TIFF page of shape {samples.shape} is no picture")
    dtype = np.uint8 if depth <= 8 else np.uint16
    orientation = number(directory[ORIENTATION], order) if ORIENTATION in directory else 1
    if not 1 <= orientation <= 8:
        warnings.append(f"the orientation {orientation} is none of 1 to 8 and is taken as 1")
        orientation = 1
    if photometric == PALETTE:
        colours = np.asarray(part.colormap, np.uint16).T[samples]
        return Page(luma_codes_from_rgb(colours, 65535), None, orientation), 8, warnings
    codes = rescale(samples.astype(dtype, copy=False), (1 << depth) - 1, dtype)
    colour_channels = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, MASK: 1, RGB: 3, SEPARATED: 4, YCBCR: 3}.get(photometric)
    if colour_channels is None:
        raise InputError(f"TIFF pictures of photometric kind {photometric} cannot be read; convert it to gray or RGB")
    planes = codes[..., None] if codes.ndim == 2 else codes
    if planes.shape[-1] < colour_channels:
        raise DamagedMediaError(f"the TIFF has {planes.shape[-1]} samples a pixel, where {colour_channels} are needed")
    if planes.shape[-1] > colour_channels + 1:
        warnings.append("extra channels after the first one are left out")
    alpha = np.ascontiguousarray(planes[..., colour_channels]) if planes.shape[-1] > colour_channels else None
    premultiplied = alpha is not None and extra_sample(directory, order) == ASSOCIATED
    colours = planes[..., :colour_channels]
    if colour_channels == 4:
        warnings.append("CMYK became sRGB: the colours to be added have no place in a CMYK separation")
        colours = srgb_from_cmyk(colours, directory[ICC].value if ICC in directory else None)
    if colour_channels >= 3:
        luma: Codes = luma_codes_from_rgb(colours, full_scale(codes))
    else:
        luma = np.ascontiguousarray(colours[..., 0])
        luma = full_scale(luma) - luma if photometric == MIN_IS_WHITE else luma
    return Page(luma, alpha, orientation, premultiplied), depth, warnings


def extra_sample(directory: Directory, order: str) -> int:
    """Returns what the first extra channel is; straight alpha where nothing says so."""
    return number(directory[EXTRA_SAMPLES], order) if EXTRA_SAMPLES in directory else STRAIGHT


def write_tiff(photo: Photo, chromas: list[FloatArray]) -> bytes:
    """Encodes all pages as RGB or RGBA in strips, with the source's tags beside those about samples."""
    flavour, pages, result = photo.layout.flavour, io.BytesIO(), io.BytesIO()
    with tifffile.TiffWriter(pages, bigtiff=True, byteorder=flavour.order) as writer:
        for page, chroma, source in zip(photo.pages, chromas, photo.layout.directories, strict=True):
            samples = with_alpha(rgb_codes(page, chroma, photo.bit_depth), page.alpha)
            scheme = number(source[COMPRESSION], flavour.order) if COMPRESSION in source else NONE
            scheme = COMPRESSIONS.get(scheme, DEFLATE)
            writer.write(
                samples,
                photometric=RGB,
                extrasamples=None if page.alpha is None else [extra_sample(source, flavour.order)],
                compression=scheme,
                predictor=HORIZONTAL if scheme in PREDICTED else None,
                rowsperstrip=max(1, min(len(samples), STRIP_BYTES // samples[0].nbytes)),
                metadata=None,
                maxworkers=1,  # photos already run side by side
            )
    info = tifftools.read_tiff(pages)
    for directory, source in zip(info["ifds"], photo.layout.directories, strict=True):
        directory["tags"] = {code: tag for code, tag in directory["tags"].items() if code in NOT_COPIED} | entries(
            with_new_metadata(source), flavour.order
        )
    tifftools.write_tiff(info, result, bigtiff=flavour.big)
    return result.getvalue()


def with_new_metadata(source: Directory) -> Directory:
    """Returns a page's tags that still hold, with its profile and XMP as its result has them."""
    profile, _ = rgb_profile_for(source[ICC].value if ICC in source else None)
    xmp, _ = mark_machine_made(source[XMP].value if XMP in source else None)
    directory = {code: tag for code, tag in source.items() if code not in NOT_COPIED} | {XMP: Tag(BYTE, xmp)}
    return directory if profile is None else directory | {ICC: Tag(UNDEFINED, profile)}


def entries(directory: Directory, order: str) -> dict[int, dict[str, Any]]:
    """Returns tags as tifftools takes them."""
    taken: dict[int, dict[str, Any]] = {}
    for code, tag in directory.items():
        pack = tifftools.Datatype[tag.kind].pack
        if tag.directory is not None:
            taken[code] = {"datatype": IFD, "ifds": [[{"tags": entries(tag.directory, order)}]]}
        elif tag.kind in (IFD, IFD8):
            continue  # it points to what is not there
        elif pack:
            taken[code] = {"datatype": tag.kind, "data": list(struct.unpack(order + pack * tag.count, tag.value))}
        else:  # tifftools ends a text itself
            value = tag.value.removesuffix(b"\0") if tag.kind == ASCII else tag.value
            taken[code] = {"datatype": tag.kind, "data": value}
    return taken
