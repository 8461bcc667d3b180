"""What a container can hold, found out before anything is written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from restore.errors import EncoderError
from restore.media.film.codecs import choose_codec
from restore.media.film.decoding import is_chapter_track, is_cover_art, open_media, pick_film
from restore.media.film.pixel_formats import nearest_planar
from restore.media.film.timestamps import WHOLE, TimeWindow

if TYPE_CHECKING:
    from av.container.core import Chapter  # exists only in PyAV's stubs


@dataclass(frozen=True)
class Container:
    """A kind of output file."""

    suffixes: tuple[str, ...]
    muxer: str
    """FFmpeg's name."""

    codecs: frozenset[str]
    """Names of :data:`CODECS` that may be in it; NVENC's count as what they write."""

    chapters: bool = True
    cover_art: str = ""
    """"stream" or "attachment"; empty for none."""

    rotation: bool = True
    comment: bool = True
    others: frozenset[str] | None = None
    """Codecs of copied streams, where the muxer would take anything and garble it; None asks the muxer."""

    @property
    def suffix(self) -> str:
        """The usual suffix, with its dot."""
        return self.suffixes[0]


TRANSPORT_STREAM_CODECS = frozenset(
    {
        "mpeg1video", "mpeg2video", "h264", "hevc", "mp2", "mp3", "aac", "aac_latm", "ac3", "eac3", "dts", "truehd",
        "opus", "dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "klv", "smpte_2038", "timed_id3", "epg", "scte_35",
    }
)  # fmt: skip
MATROSKA = Container(
    (".mkv",), "matroska", frozenset({"h264", "hevc", "av1", "ffv1", "prores"}), cover_art="attachment"
)
QUICKTIME = Container((".mov", ".qt"), "mov", frozenset({"h264", "hevc", "av1", "prores"}))
MP4 = Container((".mp4", ".m4v"), "mp4", frozenset({"h264", "hevc", "av1", "ffv1"}), cover_art="stream")
WEBM = Container((".webm",), "webm", frozenset({"av1"}))
TRANSPORT_STREAM = Container(
    (".ts", ".m2ts", ".mts"), "mpegts", frozenset({"h264", "hevc"}),
    chapters=False, rotation=False, comment=False, others=TRANSPORT_STREAM_CODECS,
)  # fmt: skip
# For Windows Media Audio, which PyAV lets into nothing else that can be played. It keeps no times of reordered frames.
ASF = Container((".asf", ".wmv"), "asf", frozenset({"ffv1"}), rotation=False)
# In the order in which they are proposed. AVI is missing: it keeps no times of presentation.
CONTAINERS = (MATROSKA, MP4, QUICKTIME, WEBM, TRANSPORT_STREAM, ASF)


@dataclass(frozen=True)
class CopiedStreams:
    """What a result takes over from the file of its source: nearly all of a film, nothing where FFmpeg reads no file.

    The streams belong to an open file, and are of use as long as it is open.
    """

    path: Path
    """The source, which is read a second time and never written."""

    streams: tuple[Stream, ...] = ()
    """All of the file's, in its order, the film among them."""

    film: VideoStream | None = None
    """The stream whose place the coloured one takes."""

    chapters: tuple[Chapter, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The file's tags."""

    window: TimeWindow = WHOLE

    @classmethod
    def of(cls, path: Path, file: InputContainer, film: VideoStream, window: TimeWindow) -> CopiedStreams:
        return cls(path, tuple(file.streams), film, tuple(file.chapters()), dict(file.metadata), window)

    @property
    def disposition(self) -> Disposition:
        """Disposition of the coloured stream: the film's."""
        return self.film.disposition if self.film is not None else Disposition(0)


class StreamAction(Enum):
    """What becomes of a stream."""

    COLOUR = "coloured"
    COPY = "copied"
    ATTACH = "attached as a file"
    RENEW = "written anew by the container"
    LOSE = "lost"


@dataclass(frozen=True)
class MuxPlan:
    """What becomes of every stream in one container, in the file's order, and what else it cannot hold."""

    container: Container
    streams: list[tuple[Stream, StreamAction]]
    other_losses: list[str]

    @property
    def losses(self) -> list[str]:
        """What would be lost, named for a user."""
        return [described(stream) for stream, action in self.streams if action is StreamAction.LOSE] + self.other_losses


def container_for(path: Path) -> Container:
    """Returns the container of a suffix. Raises ``EncoderError`` for one that cannot be written."""
    for container in CONTAINERS:
        if path.suffix.lower() in container.suffixes:
            return container
    known = ", ".join(container.suffix for container in CONTAINERS)
    because = "AVI keeps no times of presentation" if path.suffix.lower() == ".avi" else "unknown container"
    raise EncoderError(f"cannot write {path.name}: {because}; use one of {known}")


def codec_name(stream: Stream) -> str | None:
    """FFmpeg's name of a stream's codec, None where it knows none."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else getattr(stream, "name", None)


def described(stream: Stream) -> str:
    """Returns number, type and codec of a stream, as ``subtitle stream #2 (mov_text)``."""
    name, kind = codec_name(stream), "cover art" if is_cover_art(stream) else stream.type
    return f"{kind} stream #{stream.index}" + (f" ({name})" if name else "")


def can_copy(container: Container, stream: Stream) -> bool:
    """Tries it, on a file in memory: only the muxer knows."""
    if container.others is not None and codec_name(stream) not in container.others:
        return False
    trial = av.open(io.BytesIO(), "w", format=container.muxer)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    finally:
        with suppress(av.error.FFmpegError, ValueError, OSError):
            trial.close()
    return True


def action_for(stream: Stream, film: Stream | None, container: Container) -> StreamAction:
    if stream is film:
        return StreamAction.COLOUR
    if is_chapter_track(stream) or is_timecode_track(stream):
        return StreamAction.RENEW
    if is_cover_art(stream):
        actions = {"stream": StreamAction.COPY, "attachment": StreamAction.ATTACH}
        return actions.get(container.cover_art, StreamAction.LOSE)
    return StreamAction.COPY if can_copy(container, stream) else StreamAction.LOSE


def is_timecode_track(stream: Stream) -> bool:
    """QuickTime's timecode track; the muxer makes it from the film's tag ``timecode``."""
    return stream.type == "data" and "timecode" in stream.metadata


def plan_streams(copied: CopiedStreams, container: Container, *, rotated: bool) -> MuxPlan:
    """Decides what becomes of every stream in ``container``."""
    losses = []
    if copied.chapters and not container.chapters:
        losses.append("chapters")
    if rotated and not container.rotation:
        losses.append("rotation")
    return MuxPlan(
        container, [(stream, action_for(stream, copied.film, container)) for stream in copied.streams], losses
    )


def best_plan(copied: CopiedStreams, codec: str, first: Container | None, *, rotated: bool) -> MuxPlan:
    """Returns the plan that loses least among the containers that take ``codec``, ``first`` before the others."""
    family = codec.removesuffix("_nvenc")
    order = ([first] if first is not None else []) + [container for container in CONTAINERS if container is not first]
    best: MuxPlan | None = None
    for container in order:
        if family in container.codecs:
            plan = plan_streams(copied, container, rotated=rotated)
            if best is None or len(plan.losses) < len(best.losses):
                best = plan
            if not best.losses:
                break
    assert best is not None, f"no container takes {codec}"
    return best


def default_output_path(source: Path, codec: str | None = None) -> Path:
    """Returns ``NAME.colour.EXT`` beside the source, in the source's container where that holds codec and streams.

    A container without a place for the note that the colour is machine-made is only taken when asked for.
    Raises the same errors as opening the source, and ``EncoderError`` for an unknown codec.
    """
    suffix = source.suffix.lower()
    own = next((container for container in CONTAINERS if suffix in container.suffixes and container.comment), None)
    with open_media(source) as file:
        film = pick_film(file, source)
        name = choose_codec(codec, nearest_planar(film.format).bit_depth if film.format else 8).name
        if name == "prores" and own is None:
            own = QUICKTIME
        plan = best_plan(CopiedStreams.of(source, file, film, WHOLE), name, own, rotated=False)
    keeps_suffix = plan.container is own and suffix in own.suffixes
    return source.with_name(f"{source.stem}.colour{source.suffix if keeps_suffix else plan.container.suffix}")
