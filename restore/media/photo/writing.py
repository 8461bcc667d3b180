"""Writes coloured pictures in their own formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from restore.colour import FloatArray
from restore.errors import EncoderError, RechromaError
from restore.media.photo.icc import rgb_profile_for
from restore.media.photo.jp2 import write_jp2
from restore.media.photo.jpeg import write_jpeg
from restore.media.photo.metadata import mark_machine_made
from restore.media.photo.photo import Photo
from restore.media.photo.plain import write_bmp, write_pnm, write_webp
from restore.media.photo.png import write_png
from restore.media.photo.tiff import write_tiff

WRITERS: dict[str, Callable[[Photo, FloatArray], bytes]] = {
    "JPEG": write_jpeg,
    "PNG": write_png,
    "WEBP": write_webp,
    "BMP": write_bmp,
    "PPM": write_pnm,
    "JPEG2000": write_jp2,
}


def write_photo(photo: Photo, chroma: FloatArray | Sequence[FloatArray]) -> bytes:
    """Encodes a photo with chroma ``2 x H x W`` in [-0.5, 0.5] at its stored size and orientation, one for each page.

    Size, depth, alpha, metadata and luma are the source's; out-of-gamut chroma is pulled toward gray.

    Raises:
        ValueError: chroma of another number or size than the pages.
        EncoderError: the encoder refuses the picture.
    """
    chromas = list(chroma) if isinstance(chroma, Sequence) else [chroma]
    expected = [(2, *page.luma_codes.shape) for page in photo.pages]
    if [plane.shape for plane in chromas] != expected:
        raise ValueError(f"expected chroma of {expected}, got {[plane.shape for plane in chromas]}")
    photo = replace(photo, xmp=mark_machine_made(photo.xmp)[0], icc=rgb_profile_for(photo.icc)[0])
    try:
        if photo.format == "TIFF":
            return write_tiff(photo, chromas)
        return WRITERS[photo.format](photo, chromas[0])
    except RechromaError:
        raise
    except Exception as error:  # of any codec: one picture must not end a batch
        raise EncoderError(f"{photo.format} cannot hold this picture: {error}") from error
