"""Colours pictures one after the other: decoding, network and encoding run side by side, within bounds of memory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from restore.colour import FloatArray
from restore.errors import InputError, RechromaError, one_line
from restore.frames import Canvas, Frame, Painted, upright
from restore.media.photo.photo import Page, Photo
from restore.media.photo.reading import read_photo
from restore.media.photo.sheet import contact_sheet
from restore.media.photo.writing import write_photo
from restore.options import PhotoOptions
from restore.paint.painter import Painter
from restore.pipeline import colour, enlarge
from restore.prefetch import map_ahead
from restore.temporal import Strength

MOST_PIXELS = 48_000_000
"""Of pictures that are decoded side by side, and of those that are encoded; one that is larger by itself goes alone."""

AHEAD = 2
"""Pictures between decoder and network, and between network and encoder."""

CANVAS = Canvas()
"""Chroma is written as large as luma, and the writers keep it in gamut."""

SAME_FORMAT: dict[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG",),
    "PPM": (b"P6", b"P3"),
    **dict.fromkeys(("JPEG", "TIFF", "WEBP", "BMP", "JPEG2000"), (b"",)),
}
"""First bytes of sources that already have the output's format."""


@dataclass(frozen=True)
class PhotoInput:
    """A picture to colour: a name for messages, and where its bytes come from."""

    name: str
    read: Callable[[], bytes]
    key: Any = None
    """The caller's own."""

    must_keep_format: bool = False
    """Refuse a picture whose colours its format cannot hold."""


@dataclass(frozen=True)
class PhotoResult:
    """An encoded picture, or why there is none.

    Of several colourings each is one, and the contact sheet is the last; they follow each other.
    """

    source: PhotoInput
    data: bytes | None = None
    reason: str | None = None
    """One line; None where ``data`` is there."""

    warnings: tuple[str, ...] = ()
    seed: int | None = None
    log_likelihood: float | None = None
    """Of all pages, in nats; None where nothing was sampled."""

    is_sheet: bool = False


@dataclass(frozen=True)
class PagePicture:
    """A page of a decoded photo, as the pipeline takes it."""

    result: PhotoResult
    """Of its photo, so far without data."""

    photo: Photo
    page: Page
    index: int
    """Place of the photo among all; its pages share it."""

    @property
    def orientation(self) -> int:
        """EXIF 1 to 8: from stored to upright."""
        return self.page.orientation

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns as stored."""
        return self.page.luma_codes.shape

    def luma_at(self, shape: tuple[int, ...] | None) -> FloatArray:
        """Returns luma ``H x W`` in [0, 1] as stored; shrunk to ``shape`` where it is given."""
        luma = self.page.luma
        if shape is None or luma.shape == shape:
            return luma
        return np.asarray(cv2.resize(luma, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


class PhotoPart:
    """Pictures as the pipeline takes them: each page a shot of its own, which nothing steadies."""

    strength, context = Strength.OFF, 0

    def __init__(self, inputs: Iterable[PhotoInput], threads: int) -> None:
        self.inputs, self.threads = inputs, threads
        self.failed: dict[int, PhotoResult] = {}
        """Photos that could not be decoded, by index."""

    def pictures(self) -> Iterator[PagePicture]:
        """Decodes on several threads; what cannot be decoded is put down in ``failed``."""
        loaded = (Loaded.from_input(index, source) for index, source in enumerate(self.inputs))
        for index, result, photo in map_ahead(decode, loaded, self.threads, weigh=Loaded.weigh, most=MOST_PIXELS):
            if photo is None:
                self.failed[index] = result
                continue
            for page in photo.pages:
                yield PagePicture(result, photo, page, index)

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return frames

    def failures_before(self, index: float) -> Iterator[PhotoResult]:
        """Yields what failed before a photo, in order."""
        for place in sorted(place for place in self.failed.copy() if place < index):
            yield self.failed.pop(place)


def colour_photos(
    inputs: Iterable[PhotoInput], painter: Painter, options: PhotoOptions
) -> Generator[PhotoResult, None, None]:
    """Colours pictures in their order. A bad one gives a reason; only what stops all of them is raised."""
    threads = options.run.threads or os.cpu_count() or 1
    part = PhotoPart(inputs, threads)

    def colourings() -> Iterator[Colouring | Sheet]:
        with closing(colour(part, painter, CANVAS, lambda painted: painted, ahead=AHEAD)) as coloured:
            for _, items in groupby(coloured, key=lambda item: item[0].index):
                yield from by_seed([painted for _, painted in items])

    def encode(colouring: Colouring | Sheet) -> tuple[int, PhotoResult]:
        return colouring.picture.index, colouring.encode(options)

    with closing(map_ahead(encode, colourings(), threads, weigh=weigh_colouring, most=MOST_PIXELS)) as encoded:
        for index, result in encoded:
            yield from part.failures_before(index)
            yield result
    yield from part.failures_before(inf)


@dataclass(frozen=True)
class Colouring:
    """The painted pages of a photo, to be enlarged and encoded."""

    pages: list[Painted]

    @property
    def picture(self) -> PagePicture:
        """The first page."""
        return picture_of(self.pages[0])

    @property
    def log_likelihood(self) -> float | None:
        known = [page.log_likelihood for page in self.pages if page.log_likelihood is not None]
        return sum(known) if known else None

    def encode(self, options: PhotoOptions) -> PhotoResult:
        result = replace(self.picture.result, seed=self.pages[0].seed, log_likelihood=self.log_likelihood)
        return encoded_as(
            result,
            lambda: write_photo(
                self.picture.photo, [enlarge(page, options.look, CANVAS).chroma for page in self.pages]
            ),
        )


@dataclass(frozen=True)
class Sheet:
    """All colourings of a photo's first page, small."""

    colourings: list[Colouring]

    @property
    def picture(self) -> PagePicture:
        return self.colourings[0].picture

    def encode(self, options: PhotoOptions) -> PhotoResult:
        picture, saturation = self.picture, np.float32(options.look.saturation)
        likelihoods = [colouring.log_likelihood or 0.0 for colouring in self.colourings]
        pages = [colouring.pages[0] for colouring in self.colourings]
        pictures = [(f"seed {page.seed}", saturation * page.chroma) for page in pages]
        luma = upright(picture.page.luma, picture.orientation)
        return encoded_as(
            replace(picture.result, is_sheet=True),
            lambda: contact_sheet(luma, pictures, int(np.argmax(likelihoods))),
        )


def by_seed(painted: list[Painted]) -> Iterator[Colouring | Sheet]:
    """Yields each colouring of a photo, all of whose pages are there, and of several their contact sheet."""
    seeds = dict.fromkeys(page.seed for page in painted)
    colourings = [Colouring([page for page in painted if page.seed == seed]) for seed in seeds]
    yield from colourings
    if len(colourings) > 1:
        yield Sheet(colourings)


def weigh_colouring(colouring: Colouring | Sheet) -> int:
    """Returns the pixels of all its pages; of a sheet none, they are few."""
    if isinstance(colouring, Sheet):
        return 0
    return sum(page.luma_codes.size for page in colouring.picture.photo.pages)


def picture_of(painted: Painted) -> PagePicture:
    assert painted.frame is not None
    picture: PagePicture = painted.frame.picture
    return picture


def encoded_as(result: PhotoResult, encode: Callable[[], bytes]) -> PhotoResult:
    try:
        return replace(result, data=encode())
    except (RechromaError, MemoryError) as error:
        return replace(result, reason=one_line(error))


@dataclass(frozen=True)
class Loaded:
    """A file's bytes, or why they could not be read."""

    index: int
    source: PhotoInput
    data: bytes = b""
    reason: str | None = None

    @classmethod
    def from_input(cls, index: int, source: PhotoInput) -> Loaded:
        try:
            return cls(index, source, source.read())
        except RechromaError as error:
            return cls(index, source, reason=one_line(error))
        except (OSError, MemoryError) as error:
            return cls(index, source, reason=f"cannot be read: {one_line(error)}")

    def weigh(self) -> int:
        """Returns the pixels of all pages, by the header."""
        return pixels_of(io.BytesIO(self.data)) if self.data else 0


def decode(loaded: Loaded) -> tuple[int, PhotoResult, Photo | None]:
    """Decodes a file, or says why it cannot be decoded."""
    source = loaded.source
    if loaded.reason is not None:
        return loaded.index, PhotoResult(source, reason=loaded.reason), None
    try:
        photo = read_photo(loaded.data, source.name)
        if source.must_keep_format and not loaded.data.startswith(SAME_FORMAT[photo.format]):
            raise InputError(f"its format cannot hold colour, and {photo.format} has no place under its name")
    except (RechromaError, MemoryError) as error:
        return loaded.index, PhotoResult(source, reason=one_line(error)), None
    return loaded.index, PhotoResult(source, warnings=photo.warnings), photo


def pixels_of(file: io.BytesIO | Path) -> int:
    """Returns the pixels of all pages by the header alone; 0 where Pillow does not know the file."""
    try:
        with Image.open(file) as picture:
            return picture.width * picture.height * int(getattr(picture, "n_frames", 1))
    except Exception:  # Pillow's readers raise whatever a broken header makes them stumble over
        return 0
