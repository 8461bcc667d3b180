"""Opening a file for reading: what is wrong with a bad one, and which of its streams is the film."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from restore.errors import DamagedMediaError, InputError

__all__ = [
    "film_streams",
    "is_chapter_track",
    "is_cover_art",
    "media_url",
    "open_media",
    "pick_film",
    "reading",
    "seek_before",
]

# First bytes, with their offset, of files that FFmpeg reads: a file that has them and does not open is damaged.
SIGNATURES = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"), (4, b"skip"),  # QuickTime, MP4
    (0, b"\x1aE\xdf\xa3"), (0, b"RIFF"), (0, b"OggS"), (0, b"FLV"), (0, b"\x30\x26\xb2\x75"),
    (0, b"\x00\x00\x01\xba"), (0, b"\x00\x00\x01\xb3"), (0, b"\x00\x00\x00\x01"), (0, b"\x06\x0e\x2b\x34"),
)  # fmt: skip
SEEK_MARGIN_SECONDS = 1  # indexless formats are searched by bytes and may land late
MOST_PIXELS = 1 << 26
"""Of a frame, 8192 x 8192: twice the largest there are; beyond, a small file could ask for all memory."""
MOVING_PICTURE_DISPOSITIONS = Disposition.attached_pic | Disposition.timed_thumbnails


def media_url(path: Path) -> str:
    """The name under which FFmpeg opens a plain file, even one called ``http:x.mp4``."""
    return f"file:{path}"


def open_media(path: Path) -> InputContainer:
    """Opens a media file for reading.

    Raises ``InputError`` for what cannot be a film (missing, a folder, empty, no media, a still picture) and
    ``DamagedMediaError`` for a film whose beginning is broken.
    """
    check_readable(path)
    try:
        # surrogateescape: old titles are not always UTF-8, and are to be written again byte for byte.
        container = av.open(media_url(path), metadata_errors="surrogateescape")
    except av.error.FFmpegError as error:
        raise unreadable(path, error.strerror) from error
    if not len(container.streams):  # an MP4 without its index opens, and is empty
        container.close()
        raise unreadable(path, "no streams found")
    name = container.format.name
    if name == "tty" or name.startswith("image2") or name.endswith("_pipe"):
        container.close()
        kind = "text" if name == "tty" else "a still picture (use rechroma photos)"
        raise InputError(f"{path} is {kind}, not a film")
    return container


def unreadable(path: Path, reason: str | None) -> InputError:
    """The error for a file that FFmpeg does not make sense of."""
    if looks_like_media(path):
        return DamagedMediaError(f"{path} is damaged ({reason}): its beginning or index is missing; try another copy")
    return InputError(f"{path} is not a film that FFmpeg can read: {reason}")


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turns what the system says of a failing disk or connection into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be read on: {reason}; check its disk, or copy it to another") from error


def check_readable(path: Path) -> None:
    """Raises ``InputError`` unless ``path`` is a file with something in it that may be read."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one film")
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read; check its permissions")
    if not path.is_file():  # a pipe would wait for ever, and cannot be read twice
        raise InputError(f"{path} is no plain file; save the film to one first")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")


def looks_like_media(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512)
    packets_of_a_transport_stream = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return packets_of_a_transport_stream or any(head[at : at + len(magic)] == magic for at, magic in SIGNATURES)


def is_cover_art(stream: Stream) -> bool:
    """A still picture that the container attaches to the film."""
    return stream.type == "video" and bool(stream.disposition & MOVING_PICTURE_DISPOSITIONS)


def is_chapter_track(stream: Stream) -> bool:
    """The text track in which QuickTime keeps chapter titles; it comes and goes with the chapters."""
    return stream.type == "data" and stream.discard == Discard.all


def film_streams(container: InputContainer) -> list[VideoStream]:
    """Every moving picture in the file, in its order."""
    return [stream for stream in container.streams.video if not is_cover_art(stream)]


def pick_film(container: InputContainer, path: Path) -> VideoStream:
    """The stream to colour: of those marked as default, else of all, the largest; the first of equals.

    The choice rests on what a copy of the file keeps, so that original and result agree on it.
    Raises ``InputError`` where there is none, or its frames are too large to be true.
    """
    films = film_streams(container)
    if not films:
        raise InputError(f"{path} holds no video stream")
    readable = [stream for stream in films if stream.codec_context is not None]
    if not readable:
        raise InputError(f"{path} holds video of a kind that this FFmpeg cannot decode")
    defaults = [stream for stream in readable if stream.disposition & Disposition.default]
    film = max(defaults or readable, key=lambda stream: stream.width * stream.height)
    check_frame_size(film, path)
    return film


def check_frame_size(film: VideoStream, path: Path) -> None:
    """Refuses a decompression bomb, and has the decoder refuse frames that turn out larger than announced."""
    if film.width * film.height > MOST_PIXELS:
        raise InputError(
            f"{path} has frames of {film.width}x{film.height}, more than {MOST_PIXELS // 10**6} megapixels, as a "
            "decompression bomb has; scale it down first"
        )
    film.codec_context.options = {**film.codec_context.options, "max_pixels": str(MOST_PIXELS)}


def seek_before(container: InputContainer, seconds: Fraction) -> None:
    """Goes to a key frame a little before ``seconds``; stays at the beginning where that is near."""
    target = int((seconds - SEEK_MARGIN_SECONDS) * av.time_base)
    if target > (container.start_time or 0):  # AVI refuses what lies before
        container.seek(target)
