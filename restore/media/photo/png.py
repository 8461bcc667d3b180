"""PNG: pixels through libpng, every chunk that still holds copied as it is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from restore.colour import FloatArray
from restore.errors import DamagedMediaError, InputError
from restore.media.photo.metadata import orientation_and_warnings
from restore.media.photo.photo import Codes, Page, Photo, check_size, luma_codes_from_rgb, rescale, rgb_codes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
GRAY, RGB, PALETTE = 0, 2, 3
# Chunks that say something about samples as they were: palette, transparent colour, background, significant bits,
# histogram. What is transparent is an alpha channel in the output. XMP and ICC are written anew.
NOT_COPIED = {b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"bKGD", b"sBIT", b"hIST", b"iCCP"}
LARGEST_PROFILE = 1 << 26


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields type and content, up to IEND. Raises ``DamagedMediaError``."""
    position = len(SIGNATURE)
    while True:
        if len(data) < position + 12:
            raise DamagedMediaError("the PNG is truncated")
        size, kind = struct.unpack_from(">I4s", data, position)
        if len(data) < position + 12 + size:
            raise DamagedMediaError("the PNG is truncated")
        yield kind, data[position + 8 : position + 8 + size]
        if kind == b"IEND":
            return
        position += 12 + size


def read_png(data: bytes, name: str) -> Photo:
    """Decodes gray, RGB and palette of 1 to 16 bits, with or without transparency. Raises ``InputError``."""
    chunks = list(png_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise DamagedMediaError("the PNG does not begin with its header")
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    check_size(width, height)
    first = dict(reversed(chunks))
    if b"acTL" in first and struct.unpack_from(">I", first[b"acTL"])[0] > 1:
        raise InputError("this PNG is an animation; colour it with: rechroma video")
    try:
        pixels = np.asarray(imagecodecs.png_decode(data))
    except Exception as error:  # imagecodecs raises a UnicodeDecodeError of its own for some broken files
        reason = str(error) if isinstance(error, imagecodecs.PngError) else "libpng refuses it"
        raise DamagedMediaError(f"the PNG is truncated or broken: {reason}") from error
    exif, xmp = first.get(b"eXIf"), xmp_of(chunks)
    icc, warnings = icc_of(first.get(b"iCCP"))
    orientation, more = orientation_and_warnings(exif)
    luma, alpha = luma_and_alpha(pixels)
    page = Page(luma, alpha, orientation)
    copied = [(kind, content) for kind, content in chunks if kind not in NOT_COPIED and not is_xmp(kind, content)]
    source_depth = 8 if colour == PALETTE else depth
    return Photo(name, "PNG", max(source_depth, 8), (page,), exif, xmp, icc, source_depth, copied, warnings + more)


def luma_and_alpha(pixels: Codes) -> tuple[Codes, Codes | None]:
    """Turns samples ``H x W`` or ``H x W x 1..4`` that use their whole dtype to luma and alpha codes."""
    if pixels.ndim == 2:
        return pixels, None
    channels = pixels.shape[-1]
    alpha = np.ascontiguousarray(pixels[..., -1]) if channels in (2, 4) else None
    if channels <= 2:
        return np.ascontiguousarray(pixels[..., 0]), alpha
    rgb = pixels[..., :3]
    if (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all():
        return np.ascontiguousarray(rgb[..., 0]), alpha  # gray after all, at half the memory
    return luma_codes_from_rgb(rgb, int(np.iinfo(pixels.dtype).max)), alpha


def is_xmp(kind: bytes, content: bytes) -> bool:
    """Whether a chunk holds an XMP packet."""
    return kind == b"iTXt" and content.startswith(XMP_KEYWORD + b"\0")


def xmp_of(chunks: list[tuple[bytes, bytes]]) -> bytes | None:
    """Returns the first XMP packet; nothing where there is none or it is broken."""
    for kind, content in chunks:
        if is_xmp(kind, content):
            compressed = content[len(XMP_KEYWORD) + 1 : len(XMP_KEYWORD) + 2] == b"\1"
            text = content[len(XMP_KEYWORD) + 3 :].split(b"\0", 2)[-1]
            try:
                return inflate(text) if compressed else text
            except zlib.error:
                return None
    return None


def icc_of(content: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """Returns the profile in an iCCP chunk, and a line where it is broken."""
    if content is None:
        return None, ()
    try:
        return inflate(content.split(b"\0", 1)[1][1:]), ()
    except (zlib.error, IndexError):
        return None, ("the ICC profile is broken and is left out",)


def inflate(compressed: bytes) -> bytes:
    """Decompresses a profile or text. Raises ``zlib.error``, also for what would grow without bound."""
    inflater = zlib.decompressobj()
    content = inflater.decompress(compressed, LARGEST_PROFILE)
    if inflater.unconsumed_tail:
        raise zlib.error("too large")
    return content


def with_alpha(rgb: Codes, alpha: Codes | None) -> Codes:
    """Returns RGB, or RGBA with alpha at RGB's depth."""
    if alpha is None:
        return rgb
    dtype = np.uint8 if rgb.dtype == np.uint8 else np.uint16
    return np.dstack([rgb, rescale(alpha, int(np.iinfo(alpha.dtype).max), dtype)])


def write_png(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes RGB or RGBA of the source's depth, at least 8 bits."""
    page = photo.pages[0]
    encoded = bytes(imagecodecs.png_encode(with_alpha(rgb_codes(page, chroma, photo.bit_depth), page.alpha)))
    copied: list[tuple[bytes, bytes]] = list(photo.layout or [])
    if photo.xmp is not None:
        copied.append((b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + photo.xmp))
    if photo.icc is not None:
        copied.insert(0, (b"iCCP", b"ICC profile\0\0" + zlib.compress(photo.icc)))
    head = len(SIGNATURE) + 12 + 13
    return encoded[:head] + b"".join(png_chunk(kind, content) for kind, content in copied) + encoded[head:]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Returns a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
