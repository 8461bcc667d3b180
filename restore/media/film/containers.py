"""What a container can hold, found out before anything is written."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import av
from av.stream import Stream

from restore.errors import EncoderError
from restore.media.film.codecs import choose_codec
from restore.media.film.decoding import is_chapter_track, is_cover_art, open_media, pick_film
from restore.media.film.pixel_formats import nearest_planar


@dataclass(frozen=True)
class Container:
    """A kind of output file."""

    suffixes: tuple[str, ...]
    muxer: str
    """FFmpeg's name."""

    codecs: frozenset[str]
    """Of ``--codec``, those that may be in it; NVENC's count as what they write."""

    chapters: bool = True
    cover_art: str = ""
    """"stream" or "attachment"; empty for none."""

    rotation: bool = True
    comment: bool = True
    others: frozenset[str] | None = None
    """Codecs of copied streams, where the muxer would take anything and garble it; None asks the muxer."""


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


class StreamAction(Enum):
    """What becomes of a stream."""

    COLOUR = "coloured"
    COPY = "copied"
    ATTACH = "attached as a file"
    RENEW = "written anew by the container"
    LOST = "lost"


@dataclass(frozen=True)
class MuxPlan:
    """What becomes of every stream in one container, in the file's order, and what else the container cannot hold."""

    container: Container
    streams: list[tuple[Stream, StreamAction]]
    other_losses: list[str]

    @property
    def losses(self) -> list[str]:
        """What would be lost, named for a user."""
        return [described(stream) for stream, action in self.streams if action is StreamAction.LOST] + self.other_losses


def container_for(path: Path) -> Container:
    """By suffix. Raises ``EncoderError`` for one that cannot be written."""
    for container in CONTAINERS:
        if path.suffix.lower() in container.suffixes:
            return container
    known = ", ".join(container.suffixes[0] for container in CONTAINERS)
    because = "AVI keeps no times of presentation" if path.suffix.lower() == ".avi" else "unknown container"
    raise EncoderError(f"cannot write {path.name}: {because}; use one of {known}")


def described(stream: Stream) -> str:
    """Number, type and codec of a stream, as ``subtitle stream #2 (mov_text)``."""
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
    kind = "cover art" if is_cover_art(stream) else stream.type
    return f"{kind} stream #{stream.index}" + (f" ({name})" if name else "")


def can_copy(container: Container, stream: Stream) -> bool:
    """Tries it, on a file in memory: only the muxer knows."""
    if container.others is not None:
        context = stream.codec_context
        name = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
        if name not in container.others:
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


def action_for(stream: Stream, film: Stream, container: Container) -> StreamAction:
    if stream is film:
        return StreamAction.COLOUR
    if is_chapter_track(stream) or is_timecode_track(stream):
        return StreamAction.RENEW
    if is_cover_art(stream):
        return {"stream": StreamAction.COPY, "attachment": StreamAction.ATTACH}.get(
            container.cover_art, StreamAction.LOST
        )
    return StreamAction.COPY if can_copy(container, stream) else StreamAction.LOST


def is_timecode_track(stream: Stream) -> bool:
    """QuickTime's timecode track; the muxer makes it from the film's tag ``timecode``."""
    return stream.type == "data" and "timecode" in stream.metadata


def plan_streams(
    streams: Sequence[Stream], film: Stream, container: Container, *, chapters: bool, rotated: bool
) -> MuxPlan:
    """What becomes of every stream of a film in ``container``."""
    losses = []
    if chapters and not container.chapters:
        losses.append("chapters")
    if rotated and not container.rotation:
        losses.append("rotation")
    return MuxPlan(container, [(stream, action_for(stream, film, container)) for stream in streams], losses)


def best_plan(
    streams: Sequence[Stream], film: Stream, codec: str, first: Container | None, *, chapters: bool, rotated: bool
) -> MuxPlan:
    """The plan that loses least among the containers that take ``codec``, ``first`` before the others."""
    family = codec.removesuffix("_nvenc")
    order = ([first] if first is not None else []) + [each for each in CONTAINERS if each is not first]
    plans = (
        plan_streams(streams, film, each, chapters=chapters, rotated=rotated) for each in order if family in each.codecs
    )
    best: MuxPlan | None = None
    for plan in plans:
        if not plan.losses:
            return plan
        if best is None or len(plan.losses) < len(best.losses):
            best = plan
    assert best is not None, f"no container takes {codec}"
    return best


def default_output_path(source: Path, codec: str | None = None) -> Path:
    """``NAME.colour.EXT`` beside the source, in the source's container where that holds codec and streams.

    A container without a place for the note that the colour is machine-made is not chosen by itself.
    Raises the same errors as opening the source, and ``EncoderError`` for an unknown codec.
    """
    with open_media(source) as film_file:
        film = pick_film(film_file, source)
        depth = nearest_planar(film.format).bit_depth if film.format else 8
        name = choose_codec(codec, depth).name
        own = next((each for each in CONTAINERS if source.suffix.lower() in each.suffixes and each.comment), None)
        if name == "prores" and own is None:
            own = QUICKTIME
        plan = best_plan(list(film_file.streams), film, name, own, chapters=bool(film_file.chapters()), rotated=False)
    suffix = source.suffix if plan.container is own and own and source.suffix.lower() in own.suffixes else None
    return source.with_name(f"{source.stem}.colour{suffix or plan.container.suffixes[0]}")
