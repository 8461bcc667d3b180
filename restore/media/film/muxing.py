"""The output file around the film: its streams, tags, chapters and attachments, muxed in step with the encoder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from restore.media.film.containers import Fate, Plan
from restore.media.film.copied_streams import CopiedStreams, cover_art_bytes
from restore.media.film.demuxing import media_url
from restore.media.film.metadata import MP4_TAGS, QUICKTIME_TAGS, file_metadata
from restore.media.film.source import VideoSource

if TYPE_CHECKING:
    from av.container.core import Chapter  # exists only in PyAV's stubs

__all__ = ["Muxing"]

log = logging.getLogger(__name__)

FINEST_MOVIE_CLOCK = 100_000_000  # an hour is then 3.6e11 ticks, well within 64 bits
PICTURE_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png"), "bmp": ("bmp", "image/bmp")}


class Muxing:
    """Writes everything of a file but the film's own packets, and those in their place.

    Errors are FFmpeg's; the sink says what they mean.
    """

    def __init__(self, path: Path, source: VideoSource, plan: Plan, comment: str | None) -> None:
        """Opens the file; nothing is written before ``start``."""
        self.source = source
        self.plan = plan
        self.warnings: list[str] = []
        metadata = file_metadata(dict(source.container.metadata), comment)
        self.output: OutputContainer = av.open(
            media_url(path),
            "w",
            format=plan.container.muxer,
            container_options=self.muxer_options(metadata),
            metadata_errors="surrogateescape",
        )
        self.output.metadata.update(metadata)
        if plan.container.chapters:
            self.output.set_chapters(self.chapters())
        self.copied: CopiedStreams | None = None

    def start(self, add_film: Callable[[OutputContainer], VideoStream]) -> VideoStream:
        """Adds every stream in the source's order, the film by ``add_film``, and writes the header."""
        targets: dict[int, Stream] = {}
        film: VideoStream | None = None
        covers = [stream.index for stream, fate in self.plan.streams if fate is Fate.ATTACH]
        pictures = cover_art_bytes(self.source.path, covers)
        for stream, fate in self.plan.streams:
            if fate is Fate.COLOUR:
                film = add_film(self.output)
            elif fate is Fate.COPY:
                target = self.add_copy(stream)
                if stream.type != "attachment":  # an attachment is all header
                    targets[stream.index] = target
            elif fate is Fate.ATTACH and stream.index in pictures:
                self.attach(stream, pictures[stream.index])
        assert film is not None, "every plan has a film"
        self.copied = CopiedStreams(self.source.path, self.output, targets, self.source.window)
        self.output.start_encoding()
        return film

    def muxer_options(self, metadata: dict[str, str]) -> dict[str, str]:
        if self.plan.container.muxer in ("mp4", "mov"):
            options = {"movie_timescale": str(self.movie_clock())}
            has_cover = any(stream.type == "video" and fate is Fate.COPY for stream, fate in self.plan.streams)
            usual = MP4_TAGS if self.plan.container.muxer == "mp4" else QUICKTIME_TAGS
            unusual = sorted(key for key in metadata if key not in usual)
            if unusual and not has_cover:
                options["movflags"] = "use_metadata_tags"
            elif unusual:
                self.warnings.append(f"tags not kept beside cover art: {', '.join(unusual)}")
            return options
        if self.plan.container.muxer == "mpegts":
            return {"mpegts_copyts": "1"}
        # Matroska's random identifiers would make every run's file another one; they are optional, or may be 1, 2, 3.
        return {"fflags": "+bitexact"}

    def movie_clock(self) -> int:
        """Ticks a second of an MP4's own clock, in which it writes how late streams start; FFmpeg's 1000 are coarse."""
        streams = [stream for stream, fate in self.plan.streams if fate in (Fate.COLOUR, Fate.COPY)]
        starts = [(stream.start_time or 0) * Fraction(stream.time_base or 1) for stream in streams]
        exact = lcm(1000, *(start.denominator for start in starts))
        return exact if exact <= FINEST_MOVIE_CLOCK else max(1000, self.source.format.time_base.denominator)

    def chapters(self) -> list[Chapter]:
        """The source's chapters, cut to the part that is written."""
        window = self.source.window
        chapters = []
        for chapter in self.source.container.chapters():
            time_base = Fraction(chapter["time_base"] or 1)
            start, end = chapter["start"] * time_base, chapter["end"] * time_base
            if (window.end is not None and start >= window.end) or (window.start is not None and end <= window.start):
                continue
            start = max(start, window.start) if window.start is not None else start
            end = min(end, window.end) if window.end is not None else end
            chapter["start"] = round((start - window.shift) / time_base)
            chapter["end"] = round((end - window.shift) / time_base)
            chapters.append(chapter)
        return chapters

    def add_copy(self, template: Stream) -> Stream:
        stream = self.output.add_stream_from_template(template)
        stream.metadata.update(template.metadata)
        stream.disposition = template.disposition
        if self.plan.container.muxer == "mpegts":
            stream.id = template.id
        return stream

    def attach(self, stream: Stream, picture: bytes) -> None:
        suffix, mime = PICTURE_TYPES.get(stream.codec_context.codec.canonical_name, ("bin", "application/octet-stream"))
        name = stream.metadata.get("filename", f"cover.{suffix}")
        attached = self.output.add_attachment(name, stream.metadata.get("mimetype", mime), picture)
        attached.metadata.update(stream.metadata)

    def mux(self, packet: Packet[VideoStream]) -> None:
        """A packet of the film, after all copied ones that belong before it."""
        due = packet.dts if packet.dts is not None else packet.pts
        if due is not None and self.copied is not None:
            self.copied.mux_until(due * Fraction(packet.time_base))
        self.output.mux_one(packet)

    def finish(self) -> None:
        """Writes the rest of the copied streams, and the index."""
        if self.copied is not None:
            self.copied.mux_until(None)
            if self.copied.damage.read_errors:
                self.warnings.append("the copied streams are truncated as well")
        self.output.close()

    def close(self) -> None:
        """Lets go of both files, whatever their state."""
        if self.copied is not None:
            self.copied.close()
        try:
            self.output.close()
        except (av.error.FFmpegError, OSError) as error:  # the disk is still full
            log.debug("closing an unfinished file: %s", error)
