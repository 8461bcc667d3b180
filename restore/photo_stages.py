"""The middle of a batch of photos: decode, network, enlarge and encode, each running ahead of the next.

Pictures travel in windows: as many as fill the network's batches, and never more pixels than memory is meant for. A
stage holds one window, and one waits between two stages, so that a folder of any length streams.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from restore.colour import FloatArray
from restore.errors import InputError, OptionError, RechromaError
from restore.media.photo import Photo, rotate, unrotate
from restore.media.photo_sink import write_photo
from restore.media.photo_source import read_photo
from restore.prefetch import prefetch
from restore.upsample import UPSAMPLE_METHODS, upsample_chroma

__all__ = ["Coloured", "Palette", "PhotoOptions", "Work", "colour_pictures"]

log = logging.getLogger(__name__)

WINDOW_PICTURES = 32
WINDOW_PIXELS = 48_000_000
WINDOWS_AHEAD = 1


class Palette(Protocol):
    """What of ``restore.colorizer.Colorizer`` the photos need."""

    name: str
    version: str
    weights_sha256: str

    def prepare(self, luma: FloatArray) -> FloatArray: ...

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]: ...


@dataclass(frozen=True)
class PhotoOptions:
    """What a user can choose; the defaults keep everything of the original."""

    saturation: float = 1.0
    upsampling: str = "guided"
    jobs: int | None = None
    """Pictures decoded and encoded side by side; the number of cores where not given."""

    overwrite: bool = False
    """Do finished pictures again."""

    restart: bool = False
    """Forget what an earlier run of the same batch finished; with ``overwrite`` it is done again."""

    recursive: bool = True
    """Go into the folders inside a folder."""

    def check(self) -> None:
        """Raises ``OptionError``."""
        if self.upsampling not in UPSAMPLE_METHODS:
            raise OptionError(f"unknown upsampling {self.upsampling!r}; choose one of {', '.join(UPSAMPLE_METHODS)}")
        if self.jobs is not None and self.jobs < 1:
            raise OptionError(f"at least one picture has to be worked on at a time, not {self.jobs}")
        if not 0 <= self.saturation < float("inf"):
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")


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
    """A finished picture, or why there is none."""

    work: Work
    data: bytes | None = None
    reason: str | None = None
    """One line; None where ``data`` is there."""

    warnings: tuple[str, ...] = ()
    starts_window: bool = False
    photo: Photo | None = field(default=None, repr=False)
    small_chromas: list[FloatArray] = field(default_factory=list, repr=False)
    """The network's chroma of each page, upright."""


@dataclass(frozen=True)
class Loaded:
    """A file's bytes, or why they could not be read."""

    work: Work
    data: bytes
    reason: str | None = None


def colour_pictures(works: Iterable[Work], palette: Palette, options: PhotoOptions) -> Generator[Coloured, None, None]:
    """Colours pictures in their order. A bad one gives a reason; only what stops all of them is raised."""
    jobs = options.jobs or os.cpu_count() or 1
    with Parallel(jobs, prefer="threads") as decoders, Parallel(jobs, prefer="threads") as encoders:
        decoded = prefetch(decode(windows(works), decoders, palette), WINDOWS_AHEAD)
        coloured = prefetch(predict(decoded, palette), WINDOWS_AHEAD)
        with closing(coloured):
            for window in coloured:
                finished = encoders(delayed(encode)(item, options) for item in window)
                finished[0].starts_window = True
                yield from finished


def windows(works: Iterable[Work]) -> Iterator[list[Loaded]]:
    """Reads files, and groups them by number and by pixels."""
    window: list[Loaded] = []
    pixels = 0
    for work in works:
        loaded = load(work)
        more = pixels_of(loaded.data)
        full = len(window) == WINDOW_PICTURES or pixels + more > WINDOW_PIXELS
        if window and (full or work.starts_window):
            yield window
            window, pixels = [], 0
        window.append(loaded)
        pixels += more
    if window:
        yield window


def load(work: Work) -> Loaded:
    try:
        return Loaded(work, work.read())
    except RechromaError as error:
        return Loaded(work, b"", one_line(error))
    except (OSError, MemoryError) as error:
        return Loaded(work, b"", f"cannot be read: {one_line(error)}")


def pixels_of(data: bytes) -> int:
    """From the header alone; 0 where Pillow does not know the file, whoever decodes it then says why."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
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


def predict(decoded: Iterable[list[tuple[Coloured, list[FloatArray]]]], palette: Palette) -> Iterator[list[Coloured]]:
    """All pages of a window at once: the colorizer batches those of one size."""
    for window in decoded:
        chromas = iter(palette.predict([luma for _, prepared in window for luma in prepared]))
        for item, prepared in window:
            item.small_chromas = [next(chromas) for _ in prepared]
        yield [item for item, _ in window]


def encode(item: Coloured, options: PhotoOptions) -> Coloured:
    """Enlarges chroma along the stored luma's edges, and writes the file's bytes."""
    if item.photo is None or not item.work.wanted:
        return item
    try:
        chromas = [
            upsample_chroma(
                np.float32(options.saturation) * unrotate(small, page.orientation), page.luma, method=options.upsampling
            )
            for page, small in zip(item.photo.pages, item.small_chromas, strict=True)
        ]
        data = write_photo(item.photo, chromas)
    except (RechromaError, MemoryError) as error:
        return Coloured(item.work, reason=one_line(error))
    return Coloured(item.work, data, warnings=item.warnings)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
