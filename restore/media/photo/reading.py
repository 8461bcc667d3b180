"""Reads pictures: what kind a file is, and its luma."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.icc import rgb_profile_for
from restore.media.photo.jp2 import read_jp2
from restore.media.photo.jpeg import read_jpeg
from restore.media.photo.metadata import mark_machine_made
from restore.media.photo.photo import Photo
from restore.media.photo.plain import read_plain
from restore.media.photo.png import read_png
from restore.media.photo.tiff import read_tiff

log = logging.getLogger(__name__)

PHOTO_SUFFIXES = frozenset(
    f".{ending}"
    for family in ("jpg jpeg jpe jfif png tif tiff webp bmp dib", "jp2 jpx jpf j2k j2c jpc", "gif ppm pgm pbm pnm")
    for ending in family.split()
)
"""Lower-case endings of files that are looked at in folders and tars."""

MAGICS = (
    (b"\xff\xd8\xff", read_jpeg),
    (b"\x89PNG\r\n\x1a\n", read_png),
    (b"II*\0", read_tiff),
    (b"MM\0*", read_tiff),
    (b"II+\0", read_tiff),
    (b"MM\0+", read_tiff),
    (b"\0\0\0\x0cjP  \r\n\x87\n", read_jp2),
    (b"\xff\x4f\xff\x51", read_jp2),
    (b"RIFF", read_plain),
    (b"BM", read_plain),
    (b"GIF8", read_plain),
    *((b"P%d" % number, read_plain) for number in range(1, 7)),
)


def read_photo(data: bytes | Path, name: str | None = None) -> Photo:
    """Decodes a picture. Its first bytes say of what kind it is, never its name.

    Raises:
        InputError: missing, empty, not a picture, an animation, or of a kind that cannot be coloured.
        DamagedMediaError: truncated or broken.
    """
    if isinstance(data, Path):
        return read_photo(read_bytes(data), name or data.name)
    if not data:
        raise InputError("the file is empty")
    for magic, read in MAGICS:
        if data.startswith(magic):
            return add_warnings(read_or_refuse(read, data, name or ""))
    raise InputError("this is no picture that can be read: JPEG, PNG, TIFF, WebP, BMP, JPEG 2000, GIF or PNM")


def read_or_refuse(read: Callable[[bytes, str], Photo], data: bytes, name: str) -> Photo:
    """Calls a reader, and turns what it did not foresee to ``DamagedMediaError``: one file must not end a batch."""
    try:
        return read(data, name)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError, struct.error) as error:
        log.debug("%s", name, exc_info=True)
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise DamagedMediaError(f"its reader stumbled over it: {reason}") from error


def add_warnings(photo: Photo) -> Photo:
    """Returns the photo with lines about what its writer will have to leave out."""
    lines = photo.warnings + mark_machine_made(photo.xmp)[1] + rgb_profile_for(photo.icc)[1]
    if photo.format in ("BMP", "PPM"):
        lines += (f"{photo.format} cannot say that the colour is machine-made",)
    return replace(photo, warnings=lines)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keeps Pillow from warning of broken metadata, which is copied, and of huge scans, which check_size judges.

    For a whole run, outside of all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read_bytes(path: Path) -> bytes:
    """Returns a file's content. Raises ``InputError``."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError("there is no such file") from error
    except IsADirectoryError as error:
        raise InputError("this is a folder, where a picture is needed") from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror or error}") from error
