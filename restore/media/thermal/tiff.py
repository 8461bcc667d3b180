"""Gray TIFF of 8 to 16 bits, one page or a recording of many."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.photo import check_size
from restore.media.thermal.source import RawArray, ThermalFrame, ThermalSource

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # this program says what is wrong with a file

DEFAULT_RATE = Fraction(25)
TEXT_TAGS = {271: "Make", 272: "Model", 305: "Software", 306: "DateTime", 50735: "CameraSerialNumber"}
FRAME_RATE = 51044
"""CinemaDNG's tag, which FLIR uses too."""

MIN_IS_WHITE, MIN_IS_BLACK = 0, 1
MAX_RATE = 10_000


class GrayTiff(ThermalSource):
    """A gray TIFF."""

    def read(self) -> Iterator[ThermalFrame]:
        """Yields every page of the first one's size. Raises ``DamagedMediaError`` where none can be read."""
        size = self.path.stat().st_size
        count = 0
        with tifffile.TiffFile(self.path) as file:
            for number in range(len(file.pages)):
                try:
                    raw = page_counts(file.pages[number].aspage(), size)
                except Exception as error:
                    self.warn(f"page {number} is skipped: {' '.join(str(error).split())}")
                    continue
                if raw.shape != self.shape:
                    self.warn(f"page {number} is {raw.shape[1]}x{raw.shape[0]} and not as the first; it is skipped")
                    continue
                count += 1
                yield ThermalFrame(raw, number)
        if not count:
            raise DamagedMediaError("not one page of the TIFF can be read")


def open_gray_tiff(path: Path) -> GrayTiff | None:
    """Opens a gray TIFF; returns None for another. Raises ``InputError`` and ``DamagedMediaError``."""
    size = path.stat().st_size
    try:
        with tifffile.TiffFile(path) as file:
            first = file.pages[0].aspage()
            if int(first.photometric) not in (MIN_IS_WHITE, MIN_IS_BLACK) or first.samplesperpixel != 1:
                return None
            shape = page_counts(first, size).shape
            count = len(file.pages)
            metadata, rate = read_facts(first)
            depth = max(8, first.bitspersample)
            inverted = int(first.photometric) == MIN_IS_WHITE
    except InputError:
        raise
    except Exception as error:  # tifffile and each of its codecs have errors of their own
        raise DamagedMediaError(f"the TIFF is truncated, broken or of a rare kind: {error}") from error
    source = GrayTiff(
        path, f"{depth}-bit TIFF" + (f" of {count} pages" if count > 1 else ""), shape, depth,
        is_recording=count > 1, rate=rate or DEFAULT_RATE, time_base=1 / (rate or DEFAULT_RATE),
        frame_count_estimate=count,
        polarity=("black" if inverted else "white") if depth > 8 else None, metadata=metadata,
    )  # fmt: skip
    if count > 1 and rate is None:
        source.decisions.append(f"the TIFF says no frame rate; it is taken as {DEFAULT_RATE}")
    return source


def page_counts(page: tifffile.TiffPage, file_size: int) -> RawArray:
    """Returns a page's samples ``H x W``. Raises ``InputError`` before anything large is allocated."""
    height, width = page.imagelength, page.imagewidth
    check_size(width, height)
    if page.samplesperpixel != 1 or page.imagedepth != 1:
        raise InputError(f"a page of shape {page.shape} is not one gray channel")
    if int(page.sampleformat) != 1 or page.bitspersample > 16:
        raise InputError(
            f"samples of {page.bitspersample} bits and format {int(page.sampleformat)} are no counts of a sensor; "
            "convert it to 16-bit integers"
        )
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        if start + length > file_size or (start == 0 and length):
            raise DamagedMediaError("the TIFF is truncated: picture data lies after its end")
    samples: Any = np.asarray(page.asarray())
    if samples.shape != (height, width):
        raise DamagedMediaError(f"a page is of shape {samples.shape}, not {height} x {width}")
    return np.asarray(samples, np.uint8) if page.bitspersample <= 8 else np.asarray(samples, np.uint16)


def read_facts(page: tifffile.TiffPage) -> tuple[dict[str, Any], Fraction | None]:
    """Returns texts about the camera, and the frame rate where the page says it."""
    facts: dict[str, Any] = {}
    for code, name in TEXT_TAGS.items():
        tag = page.tags.get(code)
        if tag is not None and isinstance(tag.value, str) and tag.value.isprintable() and tag.value:
            facts[name] = tag.value
    rate = page.tags.get(FRAME_RATE)
    try:
        numerator, denominator = rate.value if rate is not None else (0, 1)
        frame_rate = Fraction(int(numerator), int(denominator))
    except (TypeError, ValueError, ZeroDivisionError):
        frame_rate = Fraction(0)
    return facts, frame_rate if 0 < frame_rate <= MAX_RATE else None
