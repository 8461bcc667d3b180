"""Decoding that goes on after damage, and keeps account of it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from restore.errors import DeviceError
from restore.media.film.demuxing import reading

__all__ = ["Damage", "announced_end", "decoded_frames", "read_packets"]

log = logging.getLogger(__name__)

StreamT = TypeVar("StreamT", bound=Stream)
READ_ERRORS_IN_A_ROW = 64  # a cut-off MP4 gives one for each sample behind the cut

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
        """One line each on missing and on patched frames, for a film read to its end."""
        lines = []
        if self.unreadable_packets or self.read_errors or cut_short:
            of = f" of an announced {announced}" if announced is not None else ""
            skipped = f"; {self.unreadable_packets} packets were unreadable" if self.unreadable_packets else ""
            lines.append(f"the film is truncated or damaged: {self.frames} frames decoded{of}{skipped}")
        if self.corrupt_frames:
            lines.append(f"{self.corrupt_frames} frames are damaged and were patched by the decoder")
        return lines


def announced_end(stream: VideoStream) -> Fraction | None:
    """Where Matroska says that the stream ends, in seconds of its clock."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")  # "00:01:02.500000000"
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def read_packets(container: InputContainer, streams: list[StreamT], damage: Damage) -> Iterator[Packet[StreamT]]:
    """Packets of the streams, going on after bad data, without the empty packets that PyAV adds at the end.

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
        except OSError as error:  # the disk or the connection: what is behind may be there when it is tried again
            with reading(container.name.removeprefix("file:")):
                raise error


def without_cut_tail(packets: Iterator[Packet[VideoStream]], damage: Damage) -> Iterator[Packet[VideoStream]]:
    """Drops a last packet that is only half there.

    With threads, its error would reach us together with the good frames before it, and take them along.
    """
    held: Packet[VideoStream] | None = None
    for packet in packets:
        if held is not None:
            yield held
        held = packet
    if held is not None and held.is_corrupt:
        damage.unreadable_packets += 1
    elif held is not None:
        yield held


def decoded_frames(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Generator[av.VideoFrame, None, None]:
    """Every frame that can be decoded, in order of presentation."""
    for packet in without_cut_tail(read_packets(container, [stream], damage), damage):
        damage.packets += 1
        yield from tried(stream, packet, damage)
    yield from tried(stream, None, damage)  # what the decoder still holds


def tried(stream: VideoStream, packet: Packet[VideoStream] | None, damage: Damage) -> list[av.VideoFrame]:
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
