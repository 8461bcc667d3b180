"""Writes a coloured film: luma and times as they were, new chroma, and everything else of the file that is copied."""

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
    CopiedStreams,
    MuxPlan,
    StreamAction,
    best_plan,
    container_for,
    described,
    plan_streams,
)
from restore.media.film.frames import FilmLayout, SourceFrame, fill_plane
from restore.media.film.matroska import ROOM, write_shown_size
from restore.media.film.muxing import Muxing, film_metadata
from restore.media.film.pixel_formats import PlanarFormat

ChromaPlanes = tuple[CodeArray, CodeArray]
"""Codes of Cb and Cr."""

HEVC_DELAY = 4  # frames that x265 reorders by default


class FilmSink:
    """Encodes frames into a file that gets its name only when the ``with`` block ends well.

    Everything that can be refused is refused when it is made, before a file exists: ``OutputError`` for a bad place,
    ``EncoderError`` for a codec, format or container that cannot hold the film. ``DiskError`` comes while writing.
    """

    def __init__(
        self, path: Path | str, layout: FilmLayout, copied: CopiedStreams, encoding: Encoding | None = None
    ) -> None:
        """``layout`` is that of the pictures which are written, ``copied`` what else the file gets."""
        self.layout, self.copied, self.encoding = layout, copied, encoding or Encoding()
        self.decisions: list[str] = []
        self.warnings: list[str] = []
        self.file = PartialFile(Path(path), source=copied.path)
        self.choose_format()
        self.plan = self.choose_plan()
        self.frames_written = 0
        self.before_naming: Callable[[Path], None] = lambda _: None
        """Called with the complete file while it is still hidden."""

    @property
    def pix_fmt(self) -> str:
        """Planar FFmpeg name of what is written."""
        return self.planar.name

    @property
    def bit_depth(self) -> int:
        return self.planar.bit_depth

    @property
    def subsampling(self) -> tuple[int, int]:
        return self.planar.subsampling

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """Rows and columns of a chroma plane."""
        return self.planar.chroma_size(self.layout.width, self.layout.height)

    @property
    def packets_copied(self) -> dict[int, int]:
        """Number of packets copied, by the stream's index in the source."""
        return dict(self.muxing.copier.counts) if self.muxing.copier else {}

    @property
    def needs_shape_in_header(self) -> bool:
        """Whether only the container can say that pixels are not square, and PyAV does not let it."""
        in_stream = self.codec.name.startswith(("h264", "hevc"))
        in_matroska = self.plan.container.muxer in ("matroska", "webm")
        return self.layout.sample_aspect_ratio != 1 and not in_stream and in_matroska

    # Choosing

    def choose_format(self) -> None:
        layout, encoding, source = self.layout, self.encoding, self.layout.planar
        self.codec = choose_codec(encoding.codec, source.bit_depth)
        if self.codec.name.endswith("_nvenc"):
            check_opens(self.codec)
        self.planar: PlanarFormat = output_format(self.codec, source, layout.width, layout.height, encoding.pix_fmt)
        self.encoder_options = encoder_options(self.codec, encoding.crf, encoding.preset, self.planar)
        settings = ", ".join(f"{key} {value}" for key, value in self.encoder_options.items())
        self.decisions.append(f"encoded as {self.codec.name} {self.planar.name} ({settings})")
        if encoding.codec is None and self.codec.name != "h264":
            self.decisions.append(f"{self.codec.name} instead of h264, to keep {source.bit_depth} bits")
        if encoding.pix_fmt is None and self.planar.subsampling != source.subsampling:
            why = f"{self.codec.name} cannot hold {source.name} at {layout.width}x{layout.height}"
            self.warnings.append(f"chroma is written as {self.planar.name}: {why}")
        if self.planar.bit_depth != source.bit_depth:
            self.decisions.append(f"luma is shifted from {source.bit_depth} to {self.planar.bit_depth} bits")
        if layout.hdr_metadata:
            self.warnings.append("HDR mastering metadata is not carried over; transfer and primaries tags are")
        if layout.full_range and self.codec.name == "prores":
            self.warnings.append("ProRes does not say that the range is full; players will take it for limited")

    def choose_plan(self) -> MuxPlan:
        """Decides what becomes of every stream. Raises ``EncoderError`` where another container would keep more."""
        container = container_for(self.file.target)
        family = self.codec.name.removesuffix("_nvenc")
        if family not in container.codecs:
            able = " or ".join(other.suffix for other in CONTAINERS if family in other.codecs)
            raise EncoderError(f"{container.suffix} cannot hold {family}; use {able}, or another codec")
        rotated = self.layout.display_matrix is not None
        plan = plan_streams(self.copied, container, rotated=rotated)
        if plan.losses:
            what = ", ".join(plan.losses)
            for codec in (self.codec.name, "ffv1"):
                better = best_plan(self.copied, codec, container, rotated=rotated)
                if len(better.losses) < len(plan.losses) and not self.encoding.allow_loss:
                    able = better.container.suffix + ("" if codec == self.codec.name else f" with codec {codec}")
                    raise EncoderError(f"{container.suffix} cannot hold {what}; use {able}")
            self.warnings.append(f"not kept, because {container.suffix} cannot hold it: {what}")
        if self.encoding.comment and not container.comment:
            self.warnings.append(f"{container.suffix} has no place for the note that the colour is machine-made")
        for stream, action in plan.streams:
            if action in (StreamAction.COPY, StreamAction.ATTACH, StreamAction.RENEW):
                self.decisions.append(f"{described(stream)} {action.value}")
        return plan

    # Opening

    def __enter__(self) -> FilmSink:
        self.file.create()
        try:
            with output_errors(self.file.target):
                self.muxing = Muxing(
                    self.file.path, self.plan, self.copied,
                    time_base=self.layout.time_base, comment=self.encoding.comment,
                )  # fmt: skip
                self.stream = self.muxing.start(self.add_film)
        except BaseException:
            self.file.discard()
            raise
        return self

    def add_film(self, output: OutputContainer) -> VideoStream:
        """Returns the encoder, opened, with all that it must know."""
        layout = self.layout
        stream = output.add_stream(self.codec.encoder, layout.average_rate, options=dict(self.encoder_options))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = layout.width, layout.height
        context.pix_fmt = encoder_pix_fmt(self.codec, self.planar)
        context.time_base = layout.time_base
        context.framerate = layout.average_rate
        context.sample_aspect_ratio = layout.sample_aspect_ratio
        context.thread_count = self.encoding.threads or 0
        context.flags |= Flags.frame_duration
        layout.tags.stamp(context)
        if layout.interlaced:
            context.field_order = layout.field_order
            if self.codec.name in ("h264", "prores"):
                context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if self.codec.name.startswith("hevc") and self.plan.container.muxer in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # what QuickTime plays
        if layout.display_matrix is not None and self.plan.container.rotation:
            stream.set_display_matrix(layout.display_matrix)
        stream.time_base = layout.time_base
        if self.copied.film is not None:
            stream.metadata.update(film_metadata(self.copied.film.metadata))
        if self.needs_shape_in_header:
            stream.metadata["title"] = stream.metadata.get("title", "") + ROOM
        stream.disposition = self.copied.disposition
        context.open()
        return stream

    # Writing

    def write(self, frame: SourceFrame, chroma_codes: ChromaPlanes) -> None:
        """Encodes the frame's own luma with new chroma planes of ``chroma_shape``; the frame is used up.

        Raises ``ValueError`` for planes of another shape, ``DiskError`` and ``EncoderError``.
        """
        self.encode(self.picture(frame, chroma_codes))

    def write_encoded(self, packets: Iterable[Packet[VideoStream]]) -> None:
        """Takes what another encoder made that :meth:`add_film` opened, in place of pictures."""
        with output_errors(self.file.target):
            for packet in packets:
                packet.stream = self.stream
                self.muxing.mux(packet)

    def picture(self, frame: SourceFrame, chroma_codes: ChromaPlanes) -> av.VideoFrame:
        """Returns the frame's own luma with new chroma, as the encoder takes it; the frame is used up."""
        picture = frame.frame
        if picture.format.name != self.planar.name:
            return self.picture_of_planes(frame.luma_codes(), chroma_codes, pts=frame.pts, duration=picture.duration)
        if (picture.width, picture.height) != (self.layout.width, self.layout.height):
            size = f"{self.layout.width}x{self.layout.height}"
            raise ValueError(f"frame of {picture.width}x{picture.height}, not {size}")
        picture.make_writable()
        return self.complete(picture, chroma_codes)

    def picture_of_planes(
        self, luma_codes: CodeArray, chroma_codes: ChromaPlanes, *, pts: int, duration: int = 0
    ) -> av.VideoFrame:
        """Returns a picture made elsewhere, as the encoder takes it; luma is in the layout's bit depth."""
        shift = self.planar.bit_depth - self.layout.bit_depth
        picture = av.VideoFrame(self.layout.width, self.layout.height, self.planar.name)
        picture.pts, picture.time_base, picture.duration = pts, self.layout.time_base, duration
        fill_plane(picture, 0, np.left_shift(luma_codes.astype("<u2"), shift) if shift else luma_codes)
        return self.complete(picture, chroma_codes)

    def complete(self, picture: av.VideoFrame, chroma_codes: ChromaPlanes) -> av.VideoFrame:
        for index, codes in enumerate(chroma_codes, start=1):
            fill_plane(picture, index, codes)
        picture.pict_type = PictureType.NONE  # the old coding's choice of key frames is not ours
        self.layout.tags.stamp(picture)
        return picture

    def encode(self, picture: av.VideoFrame) -> None:
        """Encodes what :meth:`picture` or :meth:`picture_of_planes` gave."""
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
            if self.needs_shape_in_header:
                shown_width = round(self.layout.width * self.layout.sample_aspect_ratio)
                write_shown_size(self.file.path, self.stream.index + 1, shown_width, self.layout.height)
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
