"""WebP, BMP, GIF and the PNM family: what Pillow reads and writes with nothing lost."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from restore.colour import FloatArray
from restore.errors import DamagedMediaError, InputError
from restore.media.photo.metadata import orientation_and_warnings
from restore.media.photo.photo import Codes, Page, Photo, check_size, rescale, rgb_codes
from restore.media.photo.png import luma_and_alpha, with_alpha

BINARY_PNM = re.compile(rb"(P[56])(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)\s")
BMP_DENSITY = 38  # bytes into the file: pixels a metre, across and down
OUTPUT_FORMATS = {"WEBP": "WEBP", "BMP": "BMP", "DIB": "BMP", "GIF": "PNG", "PPM": "PPM"}


@dataclass(frozen=True)
class PlainLayout:
    """Dots an inch across and down, where the file says so."""

    dpi: tuple[float, float] | None = None


def read_plain(data: bytes, name: str) -> Photo:
    """Decodes any of these kinds but an animation. Raises ``InputError``."""
    if match := BINARY_PNM.match(data):
        return read_binary_pnm(data, match, name)
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP", "BMP", "DIB", "GIF", "PPM"]) as picture:
            check_size(*picture.size)
            if getattr(picture, "n_frames", 1) > 1:
                raise InputError(f"this {picture.format} is an animation; colour it with: rechroma video")
            info: dict[Any, Any] = dict(picture.info)
            source_format, mode = str(picture.format), picture.mode
            samples = samples_of(picture)
    except Image.DecompressionBombError as error:
        raise InputError("it has too many pixels, as a decompression bomb has; cut the picture into parts") from error
    except UnidentifiedImageError as error:
        raise InputError("this is no picture that can be read, or it is broken from its first bytes on") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise DamagedMediaError(f"the picture is truncated or broken: {error}") from error
    exif = info.get("exif")
    exif = exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else None
    xmp, icc = info.get("xmp"), info.get("icc_profile")
    orientation, warnings = orientation_and_warnings(exif)
    luma, alpha = luma_and_alpha(samples)
    depth = 8 if samples.dtype == np.uint8 else 16
    if source_format == "GIF":
        warnings += ("GIF cannot hold these colours: the output is PNG",)
    layout = None if source_format == "GIF" else PlainLayout(info.get("dpi"))
    return Photo(
        name, OUTPUT_FORMATS[source_format], depth, (Page(luma, alpha, orientation),), exif, xmp, icc,
        1 if mode == "1" else depth, layout, warnings,
    )  # fmt: skip


def samples_of(picture: Image.Image) -> Codes:
    """Returns samples that use their dtype's whole range: gray, RGB or RGBA."""
    if picture.mode.startswith("I"):
        return np.asarray(picture, np.uint16)
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        transparent = picture.has_transparency_data
        picture = picture.convert("RGBA" if transparent else "RGB")
    return np.array(picture)


def read_binary_pnm(data: bytes, match: re.Match[bytes], name: str) -> Photo:
    """Decodes P5 and P6 of any maximum; Pillow would reduce 16-bit colour to 8."""
    width, height, white = (int(match[index]) for index in (2, 3, 4))
    check_size(width, height)
    if not 0 < white < 65536:
        raise DamagedMediaError(f"the picture says that white is {white}")
    channels = 1 if match[1] == b"P5" else 3
    stored = np.dtype(np.uint8 if white < 256 else ">u2")
    wanted = width * height * channels
    if len(data) - match.end() < wanted * stored.itemsize:
        raise DamagedMediaError("the picture is truncated")
    samples = np.frombuffer(data, stored, wanted, match.end()).reshape(height, width, channels)
    dtype = np.uint8 if white < 256 else np.uint16
    luma, _ = luma_and_alpha(rescale(samples.astype(dtype), white, dtype))
    depth = 8 if white < 256 else 16
    return Photo(name, "PPM", depth, (Page(luma),), source_bit_depth=depth, layout=PlainLayout())


def write_webp(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes without losses: at quality 100 the lossy codec still changes luma by up to 4 codes."""
    page = photo.pages[0]
    buffer = io.BytesIO()
    metadata = {"exif": photo.exif or b"", "xmp": photo.xmp or b"", "icc_profile": photo.icc or b""}
    picture = Image.fromarray(with_alpha(rgb_codes(page, chroma, 8), page.alpha))
    picture.save(buffer, "WEBP", lossless=True, exact=True, **metadata)
    return buffer.getvalue()


def write_bmp(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes 24 bits a pixel, or 32 with alpha, which OpenCV writes and Pillow does not."""
    page = photo.pages[0]
    samples = with_alpha(rgb_codes(page, chroma, 8), page.alpha)
    order = cv2.COLOR_RGB2BGR if page.alpha is None else cv2.COLOR_RGBA2BGRA
    _, encoded = cv2.imencode(".bmp", cv2.cvtColor(samples, order))
    file = bytearray(encoded.tobytes())
    if photo.layout.dpi is not None:
        struct.pack_into("<2i", file, BMP_DENSITY, *(round(dots / 0.0254) for dots in photo.layout.dpi))
    return bytes(file)


def write_pnm(photo: Photo, chroma: FloatArray) -> bytes:
    """Encodes P6, binary; gray input becomes colour under the same name."""
    samples = rgb_codes(photo.pages[0], chroma, photo.bit_depth)
    height, width, _ = samples.shape
    content = samples if samples.dtype == np.uint8 else rescale(samples, 65535, np.uint16).astype(">u2")
    return b"P6\n%d %d\n%d\n" % (width, height, (1 << photo.bit_depth) - 1) + content.tobytes()
