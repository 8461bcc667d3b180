"""Opening a file, choosing its film, and decoding that resumes after damage and keeps account of it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from restore.errors import DamagedMediaError, DeviceError, InputError
from restore.media.files import input_errors

log = logging.getLogger(__name__)

StreamT = TypeVar("StreamT", bound=Stream)

# First bytes, with their offset, of files that FFmpeg reads: a file that has them and does not open is damaged.
SIGNATURES = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"), (4, b"skip"),  # QuickTime, MP4
    (0, b"\x1aE\xdf\xa3"), (0, b"RIFF"), (0, b"OggS"), (0, b"FLV"), (0, b"\x30\x26\xb2\x75"),
    (0, b"\x00\x00\x01\xba"), (0, b"\x00\x00\x01\xb3"), (0, b"\x00\x00\x00\x01"), (0, b"\x06\x0e\x2b\x34"),
)  # fmt: skip
SEEK_MARGIN_SECONDS = 1  # indexless formats are searched by bytes and may land late
MOST_PIXELS = 1 << 26
"""Of a frame, 8192 x 8192: twice the largest there are; beyond, a small file could ask for all memory."""
COVER_ART = Disposition.attached_pic | Disposition.timed_thumbnails
MATROSKA_DURATION = re.compile(r"(\d{1,9}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)  # "00:01:02.500000000"
READ_ERRORS_IN_A_ROW = 64  # a cut-off MP4 gives one for each sample after the cut
# What demuxers and decoders say of bad data. Anything else (no memory, a failing disk) is not the film's fault.
BAD_DATA = (
    av.error.InvalidDataError,
    av.error.PatchWelcomeError,
    av.error.UnknownError,
    av.error.BugError,
    av.error.ExternalError,
    av.error.EOFError,
    av.error.ArgumentError,  # sizes that make no sense, or are above the limit
)

# Opening


def media_url(path: Path) -> str:
    """Returns the name under which FFmpeg opens a plain file, even one called ``http:x.mp4``."""
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
    """Returns the error for a file that FFmpeg does not make sense of."""
    if looks_like_media(path):
        return DamagedMediaError(f"{path} is damaged ({reason}): its beginning or index is missing; try another copy")
    return InputError(f"{path} is not a film that FFmpeg can read: {reason}")


def check_readable(path: Path) -> None:
    """Raises ``InputError`` unless ``path`` is a file with something in it that may be read."""
    try:
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
    except OSError as error:  # too long a name, or a folder above it that may not be entered
        raise InputError(f"{path} cannot be opened: {error.strerror}; check the name") from error


def looks_like_media(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512)
    packets_of_a_transport_stream = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return packets_of_a_transport_stream or any(head[at : at + len(magic)] == magic for at, magic in SIGNATURES)


def is_cover_art(stream: Stream) -> bool:
    """Whether it is a still picture that the container attaches to the film."""
    return stream.type == "video" and bool(stream.disposition & COVER_ART)


def is_chapter_track(stream: Stream) -> bool:
    """Whether it is the text track in which QuickTime keeps chapter titles; it comes and goes with the chapters."""
    return stream.type == "data" and stream.discard == Discard.all


def film_streams(container: InputContainer) -> list[VideoStream]:
    """Returns every moving picture in the file, in its order."""
    return [stream for stream in container.streams.video if not is_cover_art(stream)]


def pick_film(container: InputContainer, path: Path, number: int | None = None) -> VideoStream:
    """Returns the stream to colour: of those marked as default, else of all, the largest; the first of equals.

    ``number`` counts the films from 0 and takes that one instead, if there is one. The choice rests on what a copy of
    the file keeps, so that original and result agree on it.
    Raises ``InputError`` where there is none, or its frames are too large to be true.
    """
    films = film_streams(container)
    if not films:
        raise InputError(f"{path} holds no video stream")
    readable = [stream for stream in films if stream.codec_context is not None]
    if not readable:
        raise InputError(f"{path} holds video of a kind that this FFmpeg cannot decode")
    asked = [stream for place, stream in enumerate(films) if place == number and stream in readable]
    defaults = [stream for stream in readable if stream.disposition & Disposition.default]
    film = max(asked or defaults or readable, key=lambda stream: stream.width * stream.height)
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
    """Seeks to a key frame a little before ``seconds``; stays at the beginning where that is near."""
    target = int((seconds - SEEK_MARGIN_SECONDS) * av.time_base)
    if target > (container.start_time or 0):  # AVI refuses what is before
        container.seek(target)


# Decoding


@dataclass
class Damage:
    """What was read of a film, and what could not be."""

    packets: int = 0
    frames: int = 0
    unreadable_packets: int = 0
    read_errors: int = 0
    corrupt_frames: int = 0
    """Decoded, but with parts made up by the decoder."""

    def warnings(self, announced: int | None, *, cut_short: bool) -> list[str]:
        """Returns one line each on missing and on patched frames, for a film read to its end."""
        lines = []
        if self.unreadable_packets or self.read_errors or cut_short:
            of = f" of an announced {announced}" if announced is not None else ""
            skipped = f"; {self.unreadable_packets} packets were unreadable" if self.unreadable_packets else ""
            lines.append(f"the film is truncated or damaged: {self.frames} frames decoded{of}{skipped}")
        if self.corrupt_frames:
            lines.append(f"{self.corrupt_frames} frames are damaged and were patched by the decoder")
        return lines


def announced_end(stream: VideoStream) -> Fraction | None:
    """Returns where Matroska says that the stream ends, in seconds of its clock."""
    match = MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3]) if match is not None else None


def read_packets(container: InputContainer, streams: list[StreamT], damage: Damage) -> Iterator[Packet[StreamT]]:
    """Yields packets of the streams, past bad data, without the empty packets that PyAV adds at the end.

    Raises ``InputError`` where the system cannot read on.
    """
    errors_in_a_row = 0
    while errors_in_a_row < READ_ERRORS_IN_A_ROW:
        try:
            for packet in cast("Iterator[Packet[StreamT]]", container.demux(streams)):
                errors_in_a_row = 0
                if packet.size:
                    yield packet
            return
        except BAD_DATA as error:
            log.debug("read error: %s", error)
            errors_in_a_row += 1
            damage.read_errors += 1
        except OSError as error:  # the disk or the connection: what comes after may be there when it is tried again
            with input_errors(container.name.removeprefix("file:")):
                raise error


def without_cut_tail(packets: Iterator[Packet[VideoStream]], damage: Damage) -> Iterator[Packet[VideoStream]]:
    """Drops a last packet that is only half there.

    With threads, its error would reach us together with the good frames before it, and take them along.
    """
    last: Packet[VideoStream] | None = None
    for packet in packets:
        if last is not None:
            yield last
        last = packet
    if last is not None and last.is_corrupt:
        damage.unreadable_packets += 1
    elif last is not None:
        yield last


def decoded_frames(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Generator[av.VideoFrame, None, None]:
    """Yields every frame that can be decoded, in order of presentation."""
    for packet in without_cut_tail(read_packets(container, [stream], damage), damage):
        damage.packets += 1
        yield from decode_packet(stream, packet, damage)
    yield from decode_packet(stream, None, damage)


def decode_packet(stream: VideoStream, packet: Packet[VideoStream] | None, damage: Damage) -> list[av.VideoFrame]:
    """Returns the frames that a packet completes, None for those that the decoder still holds; none for bad data."""
    try:
        frames = stream.decode(packet)
    except BAD_DATA as error:
        log.debug("undecodable packet: %s", error)
        damage.unreadable_packets += 1
        return []
    except MemoryError as error:
        raise DeviceError(f"there is no memory for frames of {stream.width}x{stream.height}") from error
    damage.frames += len(frames)
    damage.corrupt_frames += sum(frame.is_corrupt for frame in frames)
    return frames
