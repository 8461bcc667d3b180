"""Opens a thermal source by the file's content, whatever its name."""

from __future__ import annotations

from pathlib import Path

from restore.errors import DamagedMediaError, InputError, OptionError, RechromaError
from restore.media.film.decoding import check_readable, open_media
from restore.media.photo.jpeg_segments import segments
from restore.media.photo.reading import read_bytes
from restore.media.thermal.fff import MAGIC
from restore.media.thermal.film import open_film
from restore.media.thermal.flir import open_flir_jpeg, open_flir_sequence
from restore.media.thermal.palettes import PALETTES
from restore.media.thermal.source import ThermalSource
from restore.media.thermal.stills import open_dji_jpeg, open_rendered, read_camera_facts
from restore.media.thermal.tiff import open_gray_tiff
from restore.media.thermal.y16 import open_y16, y16_size

FILM_SUFFIXES = frozenset((".avi", ".mkv", ".mp4", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".webm", ".wmv"))
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".rjpg", ".png", ".tif", ".tiff", ".bmp", ".webp"))
THERMAL_SUFFIXES = FILM_SUFFIXES | PICTURE_SUFFIXES | {".seq", ".csq", ".fff", ".img"}
"""Lower-case endings of files that are opened in folders; what a file is, its content says."""

HEAD = 16
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OTHER_PICTURES = (b"BM", b"GIF8")


def open_thermal(path: Path | str, *, palette: str = "auto", threads: int | None = None) -> ThermalSource:
    """Opens a thermal picture or recording.

    ``palette`` is ``auto``, ``gray`` or one of :data:`restore.media.thermal.palettes.PALETTES`, for files without the
    sensor's own values. Raises, each in one line, ``InputError`` for what is missing or not thermal,
    ``DamagedMediaError`` for what is broken, ``OptionError`` for an unknown palette.
    """
    if palette not in ("auto", "gray", *PALETTES):
        raise OptionError(f"unknown palette {palette!r}; use auto, gray, {', '.join(PALETTES)}")
    path = Path(path)
    check_readable(path)
    try:
        return open_by_content(path, palette, threads)
    except RechromaError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def open_by_content(path: Path, palette: str, threads: int | None) -> ThermalSource:
    """Opens a file as what its first bytes say it is."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(MAGIC):
        return open_flir_sequence(path)
    if head.startswith(JPEG):
        return open_jpeg(path, palette)
    if head.startswith(TIFFS):
        source = open_gray_tiff(path)
        if source is not None:
            return source
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    if webp or head.startswith((PNG, *TIFFS, *OTHER_PICTURES)):
        data = read_bytes(path)
        return open_rendered(path, data, read_camera_facts(data), palette)
    size = y16_size(path)
    if size is not None:
        return open_y16(path, size)
    if path.suffix.lower() not in FILM_SUFFIXES:
        check_is_film(path)
    return open_film(path, palette=palette, threads=threads)


def check_is_film(path: Path) -> None:
    """Raises ``InputError`` for what FFmpeg cannot read either, ``DamagedMediaError`` for a broken film."""
    try:
        open_media(path).close()
    except DamagedMediaError:
        raise
    except InputError as error:
        raise InputError(
            "it looks thermal only by its name: it does not begin as FLIR's files, JPEG, PNG, TIFF or any film do"
        ) from error


def open_jpeg(path: Path, palette: str) -> ThermalSource:
    """Opens the sensor's values where the JPEG has them; else what was rendered of them."""
    data = read_bytes(path)
    facts = read_camera_facts(data)
    parts = list(segments(data))
    source = open_flir_jpeg(path, parts, facts) or open_dji_jpeg(path, parts, facts)
    return source or open_rendered(path, data, facts, palette)
