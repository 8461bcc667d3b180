"""Writes a coloured film: the source's luma and times, new chroma, and everything else of the file as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from restore.colour import CodeArray
from restore.errors import EncoderError
from restore.media.files import PartialFile, output_errors
from restore.media.film.codecs import (
    Encoding,
    check_opens,
    choose_codec,
    encoder_options,
    encoder_pix_fmt,
    output_format,
)
from restore.media.film.containers import (
    CONTAINERS,
    MuxPlan,
    StreamAction,
    best_plan,
    container_for,
    described,
    plan_streams,
)
from restore.media.film.frames import SourceFrame, fill_plane
from restore.media.film.matroska import ROOM, write_shown_size
from restore.media.film.muxing import Muxing, film_metadata
from restore.media.film.pixel_formats import PlanarFormat
from restore.media.film.source import FilmSource

Planes = tuple[CodeArray, CodeArray]
"""Codes of Cb and Cr."""

HEVC_DELAY = 4  # frames that x265 reorders by default


class FilmSink:
    """Encodes frames into a file that gets its name only when the ``with`` block ends well.

    Everything that can be refused is refused when it is made, before a file exists: ``OutputError`` for a bad place,
    ``EncoderError`` for a codec, format or container that cannot hold the film. ``DiskError`` comes while writing.
    """

    def __init__(
        self,
        path: Path | str,
        source: FilmSource,
        options: Encoding | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        """``width`` and ``height`` are for pictures made from several frames; None takes the source's."""
        self.options = options or Encoding()
        self.source = source
        self.decisions: list[str] = []
        self.warnings: list[str] = []
        self.width, self.height = width or source.layout.width, height or source.layout.height
        self.file = PartialFile(Path(path), source=source.path)
        self.choose_format()
        self.plan = self.chosen_plan()
        self.frames_written = 0
        self.before_naming: Callable[[Path], None] = lambda _: None
        """Called with the complete file while it is still hidden."""

    # What the pipeline asks

    @property
    def pix_fmt(self) -> str:
        """Planar FFmpeg name of what is written."""
        return self.format.name

    @property
    def bit_depth(self) -> int:
        return self.format.bit_depth

    @property
    def subsampling(self) -> tuple[int, int]:
        return self.format.subsampling

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """Rows and columns of a chroma plane."""
        return self.format.chroma_size(self.width, self.height)

    @property
    def packets_copied(self) -> dict[int, int]:
        """How many packets were copied, by the stream's index in the source."""
        return dict(self.muxing.copied.counts) if self.muxing.copied else {}

    @property
    def shape_stands_in_header(self) -> bool:
        """Whether only the container can say that pixels are not square, and PyAV does not let it."""
        in_stream = self.codec.name.startswith(("h264", "hevc"))
        return (
            self.source.layout.sample_aspect_ratio != 1
            and not in_stream
            and self.plan.container.muxer in ("matroska", "webm")
        )

    # Choosing

    def choose_format(self) -> None:
        film = self.source.layout
        layout = PlanarFormat.parse(film.pix_fmt)
        self.codec = choose_codec(self.options.codec, layout.bit_depth)
        if self.codec.name.endswith("_nvenc"):
            check_opens(self.codec)
        self.format: PlanarFormat = output_format(self.codec, layout, self.width, self.height, self.options.pix_fmt)
        self.encoder_options = encoder_options(self.codec, self.options.crf, self.options.preset, self.format)
        chosen = f"{self.codec.name} {self.format.name}"
        settings = ", ".join(f"{key} {value}" for key, value in self.encoder_options.items())
        self.decisions.append(f"encoded as {chosen} ({settings})")
        if self.options.codec is None and self.codec.name != "h264":
            self.decisions.append(f"{self.codec.name} instead of h264, to keep {layout.bit_depth} bits")
        if self.options.pix_fmt is None and self.format.subsampling != layout.subsampling:
            why = f"{self.codec.name} cannot hold {layout.name} at {self.width}x{self.height}"
            self.warnings.append(f"chroma is written as {self.format.name}: {why}")
        if self.format.bit_depth != layout.bit_depth:
            self.decisions.append(f"luma is shifted from {layout.bit_depth} to {self.format.bit_depth} bits")
        if film.hdr_metadata:
            self.warnings.append("HDR mastering metadata is not carried over; transfer and primaries tags are")
        if film.full_range and self.codec.name == "prores":
            self.warnings.append("ProRes does not say that the range is full; players will take it for limited")

    def chosen_plan(self) -> MuxPlan:
        """What becomes of every stream. Raises ``EncoderError`` where another container would keep more."""
        container = container_for(self.file.target)
        family = self.codec.name.removesuffix("_nvenc")
        if family not in container.codecs:
            able = " or ".join(each.suffixes[0] for each in CONTAINERS if family in each.codecs)
            raise EncoderError(f"{container.suffixes[0]} cannot hold {family}; use {able}, or another --codec")
        streams = list(self.source.container.streams)
        has_chapters = bool(self.source.container.chapters())
        rotated = self.source.layout.display_matrix is not None
        film = self.source.stream
        plan = plan_streams(streams, film, container, chapters=has_chapters, rotated=rotated)
        if plan.losses:
            what = ", ".join(plan.losses)
            for codec in (self.codec.name, "ffv1"):
                better = best_plan(streams, film, codec, container, chapters=has_chapters, rotated=rotated)
                if len(better.losses) < len(plan.losses) and not self.options.allow_loss:
                    able = better.container.suffixes[0] + ("" if codec == self.codec.name else f" with --codec {codec}")
                    raise EncoderError(f"{container.suffixes[0]} cannot hold {what}; use {able}")
            self.warnings.append(f"not kept, because {container.suffixes[0]} cannot hold it: {what}")
        if self.options.comment and not container.comment:
            self.warnings.append(f"{container.suffixes[0]} has no place for the note that the colour is machine-made")
        for stream, action in plan.streams:
            if action in (StreamAction.COPY, StreamAction.ATTACH, StreamAction.RENEW):
                self.decisions.append(f"{described(stream)} {action.value}")
        return plan

    # Opening

    def __enter__(self) -> FilmSink:
        self.file.create()
        try:
            with output_errors(self.file.target):
                self.muxing = Muxing(self.file.path, self.source, self.plan, self.options.comment)
                self.stream = self.muxing.start(self.add_film)
        except BaseException:
            self.file.discard()
            raise
        return self

    def add_film(self, output: OutputContainer) -> VideoStream:
        """The encoder, opened, with all that it must know."""
        film = self.source.layout
        stream = output.add_stream(self.codec.encoder, film.average_rate, options=dict(self.encoder_options))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = self.width, self.height
        context.pix_fmt = encoder_pix_fmt(self.codec, self.format)
        context.time_base = film.time_base
        context.framerate = film.average_rate
        context.sample_aspect_ratio = film.sample_aspect_ratio
        context.thread_count = self.options.threads or 0
        context.flags |= Flags.frame_duration
        film.tags.stamp(context)
        if film.interlaced:
            context.field_order = film.field_order
            if self.codec.name in ("h264", "prores"):
                context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if self.codec.name.startswith("hevc") and self.plan.container.muxer in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # what QuickTime plays
        if film.display_matrix is not None and self.plan.container.rotation:
            stream.set_display_matrix(film.display_matrix)
        stream.time_base = film.time_base
        stream.metadata.update(film_metadata(self.source.stream.metadata))
        if self.shape_stands_in_header:
            stream.metadata["title"] = stream.metadata.get("title", "") + ROOM
        stream.disposition = self.source.stream.disposition
        context.open()
        return stream

    # Writing

    def write(self, frame: SourceFrame, chroma_codes: Planes) -> None:
        """Encodes the frame's own luma with new chroma planes of ``chroma_shape``; the frame is used up.

        Raises ``ValueError`` for planes of another shape, ``DiskError`` and ``EncoderError``.
        """
        self.encode(self.picture(frame, chroma_codes))

    def write_planes(self, luma_codes: CodeArray, chroma_codes: Planes, *, like: SourceFrame) -> None:
        """Encodes a picture made elsewhere, with the time of a source frame; luma is in the source's bit depth."""
        self.encode(self.picture_of_planes(luma_codes, chroma_codes, like=like))

    def write_encoded(self, packets: Iterable[Packet[VideoStream]]) -> None:
        """Takes what another encoder made that :meth:`add_film` opened, in place of pictures."""
        with output_errors(self.file.target):
            for packet in packets:
                packet.stream = self.stream
                self.muxing.mux(packet)

    def picture(self, frame: SourceFrame, chroma_codes: Planes) -> av.VideoFrame:
        """The frame's own luma with new chroma, as the encoder takes it; the frame is used up."""
        picture = frame.frame
        if picture.format.name != self.format.name:
            return self.picture_of_planes(frame.luma_codes(), chroma_codes, like=frame)
        if (picture.width, picture.height) != (self.width, self.height):
            raise ValueError(f"frame of {picture.width}x{picture.height}, not {self.width}x{self.height}")
        picture.make_writable()
        return self.completed(picture, chroma_codes)

    def picture_of_planes(self, luma_codes: CodeArray, chroma_codes: Planes, *, like: SourceFrame) -> av.VideoFrame:
        """A picture made elsewhere, as the encoder takes it."""
        shift = self.format.bit_depth - self.source.layout.bit_depth
        picture = av.VideoFrame(self.width, self.height, self.format.name)
        picture.pts, picture.time_base, picture.duration = like.frame.pts, like.frame.time_base, like.frame.duration
        fill_plane(picture, 0, np.left_shift(luma_codes.astype("<u2"), shift) if shift else luma_codes)
        return self.completed(picture, chroma_codes)

    def completed(self, picture: av.VideoFrame, chroma_codes: Planes) -> av.VideoFrame:
        for index, codes in enumerate(chroma_codes, start=1):
            fill_plane(picture, index, codes)
        picture.pict_type = PictureType.NONE  # the old coding's choice of key frames is not ours
        self.source.layout.tags.stamp(picture)
        return picture

    def encode(self, picture: av.VideoFrame) -> None:
        with output_errors(self.file.target):
            for packet in self.stream.encode(picture):
                self.muxing.mux(packet)
        self.frames_written += 1

    def finish(self) -> None:
        """Writes what encoder and muxer still hold, and gives the file its name."""
        with output_errors(self.file.target):
            if self.frames_written:  # not after `write_encoded`
                packets = self.stream.encode(None)
                if self.codec.name == "hevc" and len(packets) == self.frames_written <= HEVC_DELAY:
                    mend_decoding_times(packets)
                for packet in packets:
                    self.muxing.mux(packet)
            self.muxing.finish()
            if self.shape_stands_in_header:
                shown_width = round(self.width * self.source.layout.sample_aspect_ratio)
                write_shown_size(self.file.path, self.stream.index + 1, shown_width, self.height)
        self.warnings += self.muxing.warnings
        self.before_naming(self.file.path)
        self.file.commit()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.muxing.close()
            self.file.discard()


def mend_decoding_times(packets: list[Packet[VideoStream]]) -> None:
    """Makes the times of decoding of a whole film of a few frames, which x265 4.1 takes from unset memory."""
    first_shown = min(packet.pts for packet in packets if packet.pts is not None)
    for place, packet in enumerate(packets):
        packet.dts = first_shown - len(packets) + place
