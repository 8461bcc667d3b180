"""The middle of a batch of photos: decode, network, enlarge and encode, each running ahead of the next.

Pictures travel in windows: as many as fill the network's batches, and never more pixels than memory is meant for. A
stage holds one window, and one waits between two stages, so that a folder of any length streams. Where a model gives
several colourings of each picture, windows hold fewer pictures, and results are encoded so many pixels at a time.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from restore.colour import FloatArray
from restore.errors import InputError, RechromaError
from restore.jobs.photo_options import PhotoOptions
from restore.media.photo.photo import Photo, rotate, unrotate
from restore.media.photo.reading import read_photo
from restore.media.photo.sheet import contact_sheet
from restore.media.photo.writing import write_photo
from restore.paint.sampling import VariantPainter, samples
from restore.prefetch import prefetch
from restore.upsample import upsample_chroma

__all__ = ["Coloured", "Loaded", "Palette", "Work", "colour_pictures", "one_line", "open_brush", "pixels_of", "windows"]

log = logging.getLogger(__name__)

WINDOW_PICTURES = 32
WINDOW_PIXELS = 48_000_000
WINDOWS_AHEAD = 1
WINDOW_GRIDS = 256
"""Colourings of all pictures in a window; more at once would not be drawn any faster."""


class Palette(Protocol):
    """What of ``restore.paint.network.Colorizer`` the photos need."""

    name: str
    version: str
    weights_sha256: str

    def prepare(self, luma: FloatArray) -> FloatArray: ...

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]: ...


@dataclass(frozen=True)
class Work:
    """A picture to colour: a name for messages, and where its bytes come from."""

    name: str
    read: Callable[[], bytes]
    key: Any = None
    """The caller's own."""

    must_keep_format: bool = False
    """Refuse a picture whose colours its format cannot hold."""

    starts_window: bool = False
    """An earlier run began a window here, so this one does too: the network's last bits may hang on the company."""

    wanted: bool = True
    """False for mere company, which is not encoded."""


@dataclass
class Coloured:
    """A finished picture, or why there is none.

    Of several colourings each is one, and the contact sheet is the last; they follow each other.
    """

    work: Work
    data: bytes | None = None
    reason: str | None = None
    """One line; None where ``data`` is there."""

    warnings: tuple[str, ...] = ()
    starts_window: bool = False
    photo: Photo | None = field(default=None, repr=False)
    small_chromas: list[FloatArray] = field(default_factory=list, repr=False)
    """The network's chroma of each page, upright."""

    seed: int | None = None
    log_likelihood: float | None = None
    """Of all pages, in nats; None where nothing was drawn."""

    is_sheet: bool = False
    shown: list[Coloured] = field(default_factory=list, repr=False)
    """On a contact sheet, the colourings."""

    @property
    def pixels(self) -> int:
        """Of all pages; of a sheet none, they are few."""
        pages = self.photo.pages if self.photo is not None and not self.is_sheet else ()
        return sum(page.luma_codes.size for page in pages)


@dataclass(frozen=True)
class Loaded:
    """A file's bytes, or why they could not be read."""

    work: Work
    data: bytes = b""
    pixels: int = 0
    """Of all its pages, by the header."""

    reason: str | None = None


def colour_pictures(works: Iterable[Work], palette: Palette, options: PhotoOptions) -> Generator[Coloured, None, None]:
    """Colours pictures in their order. A bad one gives a reason; only what stops all of them is raised."""
    threads = options.threads or os.cpu_count() or 1
    brush = open_brush(palette, options)
    # By name: inside a worker, threads that are only preferred would be the cluster's.
    with Parallel(threads, backend="threading") as decoders, Parallel(threads, backend="threading") as encoders:
        loaded = windows(map(load, works), options)
        decoded = prefetch(decode(loaded, decoders, palette), WINDOWS_AHEAD)
        coloured = prefetch(paint(decoded, brush), WINDOWS_AHEAD)
        with closing(coloured):
            for window in coloured:
                window[0].starts_window = True
                for several in portions(window):
                    yield from encoders(delayed(encode)(item, options) for item in several)


def portions(window: Sequence[Coloured]) -> Iterator[list[Coloured]]:
    """As many as a window of single colourings would hold."""
    portion: list[Coloured] = []
    pixels = 0
    for item in window:
        if portion and (len(portion) == WINDOW_PICTURES or pixels + item.pixels > WINDOW_PIXELS):
            yield portion
            portion, pixels = [], 0
        portion.append(item)
        pixels += item.pixels
    yield portion


def windows(measured: Iterable[Loaded], options: PhotoOptions) -> Iterator[list[Loaded]]:
    """Groups files by number and by pixels, and leaves out windows that are mere company."""
    pictures = max(min(WINDOW_PICTURES, WINDOW_GRIDS // options.samples), 1)
    window: list[Loaded] = []
    pixels = 0
    for item in measured:
        full = len(window) == pictures or pixels + item.pixels > WINDOW_PIXELS
        if window and (full or item.work.starts_window):
            if any(other.work.wanted for other in window):
                yield window
            window, pixels = [], 0
        window.append(item)
        pixels += item.pixels
    if any(other.work.wanted for other in window):
        yield window


def load(work: Work) -> Loaded:
    try:
        data = work.read()
    except RechromaError as error:
        return Loaded(work, reason=one_line(error))
    except (OSError, MemoryError) as error:
        return Loaded(work, reason=f"cannot be read: {one_line(error)}")
    return Loaded(work, data, pixels_of(io.BytesIO(data)))


def pixels_of(file: io.BytesIO | Path) -> int:
    """From the header alone; 0 where Pillow does not know the file, whoever decodes it then says why."""
    try:
        with Image.open(file) as picture:
            return picture.width * picture.height * int(getattr(picture, "n_frames", 1))
    except Exception:  # Pillow's readers raise whatever a broken header makes them stumble over
        return 0


def decode(
    loaded: Iterable[list[Loaded]], pool: Parallel, palette: Palette
) -> Iterator[list[tuple[Coloured, list[FloatArray]]]]:
    """To photos, and the upright luma of each page as the network sees it."""
    for window in loaded:
        yield pool(delayed(decode_one)(item, palette) for item in window)


def decode_one(loaded: Loaded, palette: Palette) -> tuple[Coloured, list[FloatArray]]:
    work = loaded.work
    if loaded.reason is not None:
        return Coloured(work, reason=loaded.reason), []
    try:
        photo = read_photo(loaded.data, work.name)
        if work.must_keep_format and not loaded.data.startswith(SAME_FORMAT[photo.format]):
            raise InputError(f"its format cannot hold colour, and {photo.format} has no place under its name")
        prepared = [palette.prepare(rotate(page.luma, page.orientation)) for page in photo.pages]
    except (RechromaError, MemoryError) as error:
        return Coloured(work, reason=one_line(error)), []
    return Coloured(work, warnings=photo.warnings, photo=photo), prepared


SAME_FORMAT: dict[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG",),
    "PPM": (b"P6", b"P3"),
    **dict.fromkeys(("JPEG", "TIFF", "WEBP", "BMP", "JPEG2000"), (b"",)),
}
"""First bytes of sources that already have the output's format."""


@dataclass(frozen=True)
class Answer:
    """A network's colouring of one page."""

    chroma: FloatArray
    """``2 x h x w``, small and upright."""
    seed: int | None = None
    log_likelihood: float | None = None
    """None where nothing was drawn."""


class Brush(Protocol):
    """The network's stage."""

    @property
    def minds_company(self) -> bool:
        """Whether a picture's last bits may hang on what is painted beside it."""

    def __call__(self, prepared: Sequence[FloatArray]) -> list[list[Answer]]:
        """Prepared lumas to the colourings of each, as many for all."""


class PlainBrush:
    """A palette that gives one answer."""

    minds_company = True

    def __init__(self, palette: Palette) -> None:
        self.palette = palette

    def __call__(self, prepared: Sequence[FloatArray]) -> list[list[Answer]]:
        return [[Answer(chroma)] for chroma in self.palette.predict(prepared)]


class DrawingBrush:
    """A model that samples, and the seeds that are asked for."""

    minds_company = False

    def __init__(self, painter: VariantPainter, seeds: range) -> None:
        self.painter, self.seeds = painter, seeds

    def __call__(self, prepared: Sequence[FloatArray]) -> list[list[Answer]]:
        return [
            [Answer(variant.chroma, variant.seed, variant.log_likelihood) for variant in variants]
            for variants in self.painter.paint(prepared, self.seeds)
        ]


def open_brush(palette: Any, options: PhotoOptions) -> Brush:
    """Raises ``ModelError`` where the options ask for draws of a model that does not sample."""
    if samples(palette) or options.asks_for_draws:
        return DrawingBrush(VariantPainter(palette, temperature=options.drawn_at), options.seeds)
    return PlainBrush(palette)


def paint(decoded: Iterable[list[tuple[Coloured, list[FloatArray]]]], brush: Brush) -> Iterator[list[Coloured]]:
    """All pages of a window at once: those of one size share batches."""
    for window in decoded:
        needed = [(item, prepared if item.work.wanted or brush.minds_company else []) for item, prepared in window]
        answers = iter(brush([luma for _, prepared in needed for luma in prepared]))
        yield [
            colouring for item, prepared in needed for colouring in colourings(item, [next(answers) for _ in prepared])
        ]


def colourings(item: Coloured, pages: Sequence[Sequence[Answer]]) -> list[Coloured]:
    """A decoded picture with the answers for each of its pages, to what is to be encoded."""
    if not pages:
        return [item]
    coloured = []
    for answers in zip(*pages, strict=True):
        likelihoods = [answer.log_likelihood for answer in answers if answer.log_likelihood is not None]
        coloured.append(
            replace(
                item,
                small_chromas=[answer.chroma for answer in answers],
                seed=answers[0].seed,
                log_likelihood=sum(likelihoods) if likelihoods else None,
            )
        )
    if len(coloured) > 1:
        coloured.append(replace(item, is_sheet=True, shown=list(coloured)))
    return coloured


def encode(item: Coloured, options: PhotoOptions) -> Coloured:
    """Enlarges chroma along the stored luma's edges, and writes the file's bytes."""
    if item.photo is None or not item.work.wanted:
        return item
    finished = replace(item, photo=None, small_chromas=[], shown=[])
    try:
        finished.data = sheet(item, options) if item.is_sheet else write_photo(item.photo, enlarged(item, options))
    except (RechromaError, MemoryError) as error:
        finished.reason = one_line(error)
    return finished


def enlarged(item: Coloured, options: PhotoOptions) -> list[FloatArray]:
    """Chroma of each page at its stored size and orientation."""
    assert item.photo is not None
    return [
        upsample_chroma(
            np.float32(options.saturation) * unrotate(small, page.orientation), page.luma, method=options.upsampling
        )
        for page, small in zip(item.photo.pages, item.small_chromas, strict=True)
    ]


def sheet(item: Coloured, options: PhotoOptions) -> bytes:
    """Of the first page."""
    assert item.photo is not None
    page = item.photo.pages[0]
    likelihoods = [colouring.log_likelihood or 0.0 for colouring in item.shown]
    shown = [
        (f"seed {colouring.seed}", np.float32(options.saturation) * colouring.small_chromas[0])
        for colouring in item.shown
    ]
    return contact_sheet(rotate(page.luma, page.orientation), shown, int(np.argmax(likelihoods)))


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
