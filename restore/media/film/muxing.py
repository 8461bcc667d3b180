"""The output file around the film: its streams, tags, chapters and attachments, muxed in step with the encoder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from restore.media.film.containers import CopiedStreams, MuxPlan, StreamAction, codec_name
from restore.media.film.decoding import Damage, is_cover_art, media_url, open_media, read_packets, seek_before

if TYPE_CHECKING:
    from av.container.core import Chapter  # exists only in PyAV's stubs

log = logging.getLogger(__name__)

# Of the old file itself: brands and the program that wrote it.
FILE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
# Of the old coding of the picture. Matroska's statistics (BPS, NUMBER_OF_FRAMES, ...) may carry a language suffix.
CODING_TAGS = (
    "encoder", "rotate", "bps", "duration", "number_of_frames", "number_of_bytes", "_statistics", "variant_bitrate",
)  # fmt: skip
# Tags that MP4 and QuickTime store where every player looks for them. Others need FFmpeg's own list of keys, which
# takes the place of the usual one.
QUICKTIME_TAGS = frozenset(
    {"album", "artist", "comment", "copyright", "creation_time", "date", "genre", "location", "make", "model", "title"}
)
MP4_TAGS = (QUICKTIME_TAGS - {"make", "model"}) | {
    "album_artist", "composer", "description", "disc", "episode_id", "grouping", "keywords", "location-eng", "lyrics",
    "network", "show", "synopsis", "track",
}  # fmt: skip
FINEST_MOVIE_CLOCK = 100_000_000  # an hour is then 3.6e11 ticks, well within 64 bits
PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png"), "bmp": ("bmp", "image/bmp")}


def file_metadata(tags: Mapping[str, str], comment: str | None) -> dict[str, str]:
    """Returns the film's own tags, with a comment added to the one there is."""
    own = {key: value for key, value in tags.items() if key.lower() not in FILE_TAGS}
    if comment:
        key = next((key for key in own if key.lower() == "comment"), "comment")
        if comment not in own.get(key, ""):
            own[key] = f"{own.get(key, '')} {comment}".strip()
    return own


def film_metadata(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags of the coloured stream, without those of its former coding."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(CODING_TAGS)}


class Muxing:
    """Writes everything of a file but the film's own packets, and those in their place.

    Errors are FFmpeg's; the sink says what they mean.
    """

    def __init__(
        self, path: Path, plan: MuxPlan, copied: CopiedStreams, *, time_base: Fraction, comment: str | None
    ) -> None:
        """Opens the file; nothing is written before :meth:`start`. ``time_base`` is the film's."""
        self.plan, self.copied, self.time_base = plan, copied, time_base
        self.warnings: list[str] = []
        metadata = file_metadata(copied.metadata, comment)
        self.output: OutputContainer = av.open(
            media_url(path),
            "w",
            format=plan.container.muxer,
            container_options=self.muxer_options(metadata),
            metadata_errors="surrogateescape",
        )
        self.output.metadata.update(metadata)
        if plan.container.chapters and copied.chapters:
            self.output.set_chapters(self.chapters())
        self.copier: PacketCopier | None = None

    def start(self, add_film: Callable[[OutputContainer], VideoStream]) -> VideoStream:
        """Adds every stream in the source's order, the film by ``add_film``, and writes the header."""
        targets: dict[int, Stream] = {}
        film = add_film(self.output) if self.copied.film is None else None
        covers = [stream.index for stream, action in self.plan.streams if action is StreamAction.ATTACH]
        pictures = cover_art_bytes(self.copied.path, covers)
        for stream, action in self.plan.streams:
            if action is StreamAction.COLOUR:
                film = add_film(self.output)
            elif action is StreamAction.COPY:
                target = self.add_copy(stream)
                if stream.type != "attachment":  # an attachment is all header
                    targets[stream.index] = target
            elif action is StreamAction.ATTACH and stream.index in pictures:
                self.attach(stream, pictures[stream.index])
        assert film is not None, "every plan has a film"
        self.copier = PacketCopier(self.copied, self.output, targets)
        self.output.start_encoding()
        return film

    def muxer_options(self, metadata: dict[str, str]) -> dict[str, str]:
        muxer = self.plan.container.muxer
        if muxer == "mpegts":
            return {"mpegts_copyts": "1"}
        if muxer not in ("mp4", "mov"):
            # Matroska's random identifiers would make every run's file another; they are optional, or may be 1, 2, 3.
            return {"fflags": "+bitexact"}
        options = {"movie_timescale": str(self.movie_clock())}
        unusual = sorted(key for key in metadata if key not in (MP4_TAGS if muxer == "mp4" else QUICKTIME_TAGS))
        has_cover = any(action is StreamAction.COPY and stream.type == "video" for stream, action in self.plan.streams)
        if unusual and has_cover:
            self.warnings.append(f"tags not kept beside cover art: {', '.join(unusual)}")
        elif unusual:
            options["movflags"] = "use_metadata_tags"
        return options

    def movie_clock(self) -> int:
        """Ticks a second of an MP4's own clock, in which it writes how late streams start; FFmpeg's 1000 are coarse."""
        muxed = (StreamAction.COLOUR, StreamAction.COPY)
        streams = [stream for stream, action in self.plan.streams if action in muxed]
        starts = [(stream.start_time or 0) * Fraction(stream.time_base or 1) for stream in streams]
        exact = lcm(1000, *(start.denominator for start in starts))
        return exact if exact <= FINEST_MOVIE_CLOCK else max(1000, self.time_base.denominator)

    def chapters(self) -> list[Chapter]:
        """Returns the source's chapters, cut to the part that is written."""
        window = self.copied.window
        chapters = []
        for chapter in self.copied.chapters:
            time_base = Fraction(chapter["time_base"] or 1)
            start, end = chapter["start"] * time_base, chapter["end"] * time_base
            if (window.end is not None and start >= window.end) or (window.start is not None and end <= window.start):
                continue
            start = start if window.start is None else max(start, window.start)
            end = end if window.end is None else min(end, window.end)
            cut = chapter.copy()
            cut["start"], cut["end"] = (round((seconds - window.shift) / time_base) for seconds in (start, end))
            chapters.append(cut)
        return chapters

    def add_copy(self, template: Stream) -> Stream:
        stream = self.output.add_stream_from_template(template)
        stream.metadata.update(template.metadata)
        stream.disposition = template.disposition
        if self.plan.container.muxer == "mpegts":
            stream.id = template.id
        return stream

    def attach(self, stream: Stream, picture: bytes) -> None:
        suffix, mime = PICTURE_TYPES.get(codec_name(stream) or "", ("bin", "application/octet-stream"))
        name = stream.metadata.get("filename", f"cover.{suffix}")
        attached = self.output.add_attachment(name, stream.metadata.get("mimetype", mime), picture)
        attached.metadata.update(stream.metadata)

    def mux(self, packet: Packet[VideoStream]) -> None:
        """Writes a packet of the film, after all copied ones that belong before it."""
        due = packet.dts if packet.dts is not None else packet.pts
        if due is not None and self.copier is not None:
            self.copier.mux_until(due * Fraction(packet.time_base))
        self.output.mux_one(packet)

    def finish(self) -> None:
        """Writes the rest of the copied streams, and the index."""
        if self.copier is not None:
            self.copier.mux_until(None)
            if self.copier.damage.read_errors:
                self.warnings.append("the copied streams are truncated as well")
        self.output.close()

    def close(self) -> None:
        """Closes both files, whatever their state."""
        if self.copier is not None:
            self.copier.close()
        try:
            self.output.close()
        except (av.error.FFmpegError, OSError) as error:  # the disk is still full
            log.debug("closing an unfinished file: %s", error)


class PacketCopier:
    """Copies packets from a file into an output that is being written, never further than it is asked to.

    A second pass over the file instead of one that feeds both, so that no queue grows while the encoder looks ahead.
    """

    def __init__(self, copied: CopiedStreams, output: OutputContainer, targets: dict[int, Stream]) -> None:
        """``targets`` maps a stream's index in the file to its stream in the output."""
        self.output, self.targets, self.window = output, targets, copied.window
        self.counts = dict.fromkeys(targets, 0)
        """Packets copied, by the stream's index in the file."""
        self.damage = Damage()
        self.last_dts: dict[int, int] = {}
        self.container = open_media(copied.path) if targets else None
        self.packets = self.read(self.container) if self.container is not None else iter(())
        self.next: Packet[Stream] | None = None

    def read(self, container: InputContainer) -> Iterator[Packet[Stream]]:
        """Yields the packets of the streams to copy that lie within the window, on the shifted clock."""
        for stream in container.streams:
            if stream.index not in self.targets:
                stream.discard = Discard.all
        if self.window.start is not None:
            seek_before(container, self.window.start)
        streams = [container.streams[index] for index in self.targets]
        for packet in read_packets(container, streams, self.damage):
            if is_cover_art(packet.stream) or self.move_into_window(packet):
                yield packet

    def move_into_window(self, packet: Packet[Stream]) -> bool:
        """Sets sound times on the packet; False where it lies outside."""
        index, time_base = packet.stream.index, Fraction(packet.time_base)
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self.last_dts.get(index, -1) + 1
        if packet.pts is None:
            packet.pts = packet.dts
        if not self.window.whole:
            if not self.window.contains(packet.pts * time_base):
                return False
            shift = round(self.window.shift / time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        last = self.last_dts.get(index)
        if last is not None and packet.dts <= last:  # muxers insist; the order of the packets is what counts
            packet.dts = last + 1
            packet.pts = max(packet.pts, packet.dts)
        self.last_dts[index] = packet.dts
        return True

    def mux_until(self, seconds: Fraction | None) -> None:
        """Writes every packet up to a time of decoding; None for all that are left."""
        while (packet := self.next if self.next is not None else next(self.packets, None)) is not None:
            self.next = packet
            if seconds is not None and packet.dts is not None and packet.dts * packet.time_base > seconds:
                return
            self.counts[packet.stream.index] += 1
            packet.stream = self.targets[packet.stream.index]
            self.output.mux_one(packet)
            self.next = None

    def close(self) -> None:
        if self.container is not None:
            self.container.close()


def cover_art_bytes(path: Path, indices: list[int]) -> dict[int, bytes]:
    """Returns the files in cover art streams, by stream index."""
    pictures: dict[int, bytes] = {}
    if not indices:
        return pictures
    with open_media(path) as file:
        for packet in read_packets(file, [file.streams[index] for index in indices], Damage()):
            pictures.setdefault(packet.stream.index, bytes(packet))
            if len(pictures) == len(indices):
                break
    return pictures
