"""JPEG 2000: pixels through OpenJPEG, without losses; boxes that still hold are copied as they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np

from restore.colour import FloatArray
from restore.errors import DamagedMediaError, InputError
from restore.media.photo.metadata import orientation_and_warnings
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

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
EXIF_UUID = b"JpgTiffExif->JP2"
START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
END_OF_CODESTREAM = b"\xff\xd9"
ICC_METHOD = 2
SYCC, CMYK = 18, 12


@dataclass(frozen=True)
class Jp2Layout:
    """Whether the file is a bare codestream, and the boxes to copy into jp2h and after it."""

    bare: bool
    header_boxes: tuple[tuple[bytes, bytes], ...] = ()
    boxes: tuple[tuple[bytes, bytes], ...] = ()


def boxes_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields type and content (ISO/IEC 15444-1, annex I). Raises ``DamagedMediaError``."""
    position = 0
    while position < len(data):
        if len(data) < position + 8:
            raise DamagedMediaError("the JPEG 2000 file is truncated")
        size, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if size == 1 and len(data) >= position + 16:
            (size,) = struct.unpack_from(">Q", data, position + 8)
            head = 16
        elif size == 0:
            size = len(data) - position
        if size < head or position + size > len(data):
            raise DamagedMediaError("the JPEG 2000 file is truncated")
        yield kind, data[position + head : position + size]
        position += size


def box(kind: bytes, content: bytes) -> bytes:
    """Returns a box with its length."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def read_jp2(data: bytes, name: str) -> Photo:
    """Decodes gray or colour of 1 to 16 bits, with or without alpha. Raises ``InputError``."""
    bare = data.startswith(START_OF_CODESTREAM)
    boxes = [] if bare else list(boxes_of(data))
    codestream = data if bare else next((content for kind, content in boxes if kind == b"jp2c"), b"")
    if not codestream.startswith(START_OF_CODESTREAM) or len(codestream) < 44:
        raise DamagedMediaError("the JPEG 2000 file has no picture")
    if not codestream.rstrip(b"\0").endswith(END_OF_CODESTREAM):
        raise DamagedMediaError("the JPEG 2000 file is truncated: its picture has no end")
    right, bottom, left, top = struct.unpack_from(">4I", codestream, 8)
    check_size(right - left, bottom - top)
    (components,) = struct.unpack_from(">H", codestream, 40)
    if components > 4:
        raise InputError(f"JPEG 2000 of {components} components is no gray or colour picture")
    depth = codestream[42] + 1  # Ssiz of the first component; its upper bit says that samples are signed
    header = list(boxes_of(next((content for kind, content in boxes if kind == b"jp2h"), b"")))
    colours = [content for kind, content in header if kind == b"colr" and len(content) >= 7]
    enumerated = struct.unpack_from(">I", colours[0], 3)[0] if colours and colours[0][0] == 1 else 0
    if depth > 16 or enumerated == CMYK:
        raise InputError("signed, CMYK or over 16-bit JPEG 2000 cannot be read; convert it to TIFF")
    try:
        samples = np.asarray(imagecodecs.jpeg2k_decode(data))
    except Exception as error:  # imagecodecs raises more than its own Jpeg2kError for a broken header
        raise DamagedMediaError(f"the JPEG 2000 file is truncated, broken or of a rare kind: {error}") from error
    if any(kind == b"pclr" for kind, _ in header):
        depth = 8
    page = page_of(samples, depth, is_ycc=enumerated == SYCC)
    exif = uuid_content(boxes, EXIF_UUID)
    orientation, warnings = orientation_and_warnings(exif.removeprefix(b"Exif\0\0") if exif else None)
    icc = next((content[3:] for content in colours if content[0] == ICC_METHOD), None)
    copied = tuple(
        (kind, content)
        for kind, content in boxes
        if kind in (b"xml ", b"uinf") or (kind == b"uuid" and not content.startswith(XMP_UUID))
    )
    layout = Jp2Layout(bare, tuple((kind, content) for kind, content in header if kind == b"res "), copied)
    page = Page(page.luma_codes, page.alpha, orientation)
    return Photo(
        name, "JPEG2000", max(depth, 8), (page,), exif, uuid_content(boxes, XMP_UUID), icc, depth, layout, warnings
    )


def page_of(samples: Codes, depth: int, *, is_ycc: bool) -> Page:
    """Turns samples of so many bits to a page. Raises ``InputError``."""
    dtype = np.uint8 if depth <= 8 else np.uint16
    codes = rescale(samples.astype(dtype, copy=False), (1 << depth) - 1, dtype)
    if codes.ndim == 2:
        return Page(codes)
    channels = codes.shape[-1]
    if codes.ndim != 3 or channels > 4:
        raise InputError(f"JPEG 2000 with samples of shape {codes.shape} is no gray or colour picture")
    alpha = np.ascontiguousarray(codes[..., -1]) if channels in (2, 4) else None
    if channels <= 2 or is_ycc:
        return Page(np.ascontiguousarray(codes[..., 0]), alpha)
    return Page(luma_codes_from_rgb(codes[..., :3], full_scale(codes)), alpha)


def uuid_content(boxes: list[tuple[bytes, bytes]], uuid: bytes) -> bytes | None:
    """Returns what the first box of this UUID holds."""
    for kind, content in boxes:
        if kind == b"uuid" and content.startswith(uuid):
            return content[len(uuid) :]
    return None


def write_jp2(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes by the reversible wavelet: an encoder's losses would reach luma."""
    page, layout = photo.pages[0], photo.layout
    samples = rgb_codes(page, chroma, photo.bit_depth)
    if page.alpha is not None:
        alpha = rescale(page.alpha, full_scale(page.alpha), np.uint16)
        white = (1 << photo.bit_depth) - 1
        samples = np.dstack([samples, np.rint(alpha * (white / 65535)).astype(samples.dtype)])
    encoded = bytes(
        imagecodecs.jpeg2k_encode(
            samples, codecformat="j2k" if layout.bare else "jp2", bitspersample=photo.bit_depth, reversible=True
        )
    )
    if layout.bare:
        return encoded
    file = []
    for kind, content in boxes_of(encoded):
        if kind == b"jp2h":
            parts = [
                (part, bytes([ICC_METHOD, 0, 0]) + photo.icc if part == b"colr" and photo.icc else inner)
                for part, inner in boxes_of(content)
            ]
            content = b"".join(box(part, inner) for part, inner in [*parts, *layout.header_boxes])
        if kind == b"jp2c":
            file += [box(part, inner) for part, inner in layout.boxes]
            if photo.xmp is not None:
                file.append(box(b"uuid", XMP_UUID + photo.xmp))
        file.append(box(kind, content))
    return b"".join(file)
