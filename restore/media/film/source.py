"""A film as a stream of planar frames with sound times, and everything a sink must know about it."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from fractions import Fraction
from itertools import chain, islice
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

from restore.errors import DamagedMediaError, InputError, OptionError
from restore.media.film.colour_tags import ColourTags, complete_tags
from restore.media.film.containers import CopiedStreams
from restore.media.film.decoding import (
    Damage,
    announced_end,
    decoded_frames,
    film_streams,
    open_media,
    pick_film,
    seek_before,
)
from restore.media.film.filters import DEINTERLACE, RATE_FILTERS, FilterChain, parse_chain
from restore.media.film.frames import FilmLayout, PlanarFrames, SourceFrame
from restore.media.film.timestamps import WHOLE, TimestampRepair, TimeWindow, frame_rate, lacks_presentation_times

FRAMES_LOOKED_AT = 6  # for the interlaced flag; the first picture of a field pair may lack it
HDR_SIDE_DATA = {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI_METADATA"}
INTERLACED_ORDERS = (2, 3, 4, 5)  # AVFieldOrder: top or bottom first, coded or shown
MISSED_FRAMES = 2  # less can be rounding of the announced duration


class FilmSource:
    """Reads one film, once, front to back, in bounded memory.

    Raises ``InputError`` and ``DamagedMediaError`` for a bad file and ``OptionError`` for a bad filter chain, all when
    opened; damage further on becomes a warning.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        deinterlace: str = "auto",
        filter_chain: str | None = None,
        start_seconds: float | None = None,
        duration_seconds: float | None = None,
        threads: int | None = None,
        film: int | None = None,
    ) -> None:
        """``film`` counts the file's moving pictures from 0; None takes the default or largest one."""
        if deinterlace not in ("auto", "on", "off"):
            raise OptionError(f"deinterlace is auto, on or off, not {deinterlace!r}")
        if not 0 <= (start_seconds or 0) < inf or not 0 < (1 if duration_seconds is None else duration_seconds) < inf:
            raise OptionError(f"no such part of a film: {start_seconds = }, {duration_seconds = }")
        self.path = Path(path)
        self.decisions: list[str] = []
        self.warnings: list[str] = []
        self.container = open_media(self.path)
        try:
            self.open_film(film, threads)
            self.window = self.choose_window(start_seconds, duration_seconds)
            self.start_reading(deinterlace, filter_chain)
        except BaseException:
            self.close()
            raise

    # Opening

    def open_film(self, film: int | None, threads: int | None) -> None:
        films = film_streams(self.container)
        self.stream = pick_film(self.container, self.path, film)
        self.film = films.index(self.stream)
        if len(films) > 1:
            others = ", ".join(f"#{stream.index}" for stream in films if stream is not self.stream)
            self.decisions.append(f"video stream #{self.stream.index} is coloured, {others} copied as it is")
        self.stream.thread_type = "AUTO"
        self.stream.thread_count = threads or 0
        self.rate = frame_rate(self.stream, self.container)
        self.time_base = self.stream.time_base or 1 / self.rate
        self.origin = (self.stream.start_time or 0) * self.time_base
        self.aspect = Fraction(self.stream.sample_aspect_ratio or 1)
        self.damage = Damage()

    def choose_window(self, start: float | None, duration: float | None) -> TimeWindow:
        """Returns start and end on the file's clock; seeks to just before the start where the format can."""
        if start is None and duration is None:
            return WHOLE
        skipped = round(exact_seconds(start or 0) / self.time_base) * self.time_base
        begin = self.origin + skipped
        if start and not lacks_presentation_times(self.container):
            seek_before(self.container, begin)
        end = begin + exact_seconds(duration) if duration is not None else None
        return TimeWindow(begin if start else None, end, skipped)

    def start_reading(self, deinterlace: str, filter_chain: str | None) -> None:
        """Builds the stages and takes the first frame through them, because only it tells the format."""
        self.repair = TimestampRepair(
            time_base=self.time_base,
            rate=self.rate,
            start=self.stream.start_time or 0,
            from_decoding=lacks_presentation_times(self.container),
        )
        decoded = decoded_frames(self.container, self.stream, self.damage)
        head = list(islice(decoded, FRAMES_LOOKED_AT))
        if not head:
            raise DamagedMediaError(f"{self.path}: not one frame of its video can be decoded; try another copy")
        source = head[0]
        timed = self.window.apply(self.repair.apply(chain(head, decoded)), self.time_base)
        first_in = next(timed, None)
        if first_in is None:
            raise OptionError(f"{self.path} has no frame in the chosen part; it ends before that part starts")

        filters, user_filters = self.choose_filters(head, deinterlace, filter_chain)
        frames: Iterable[av.VideoFrame] = chain([first_in], timed)
        if filters.steps:
            self.aspect = filters.measured_aspect_ratio(first_in) if user_filters else self.aspect
            frames = filters.apply(frames)
        self.planar = PlanarFrames()
        self.stage = self.planar.apply(frames)
        first = next(self.stage, None)
        if first is None:
            raise OptionError(f"the filter chain {filter_chain!r} lets no frame through")
        self.pending = [first]
        self.layout = self.layout_of(first, source, counts_known=not user_filters & RATE_FILTERS)
        self.decisions += self.planar.decisions

    def choose_filters(
        self, head: list[av.VideoFrame], deinterlace: str, filter_chain: str | None
    ) -> tuple[FilterChain, set[str]]:
        """Returns deinterlacing, if it is needed, with the user's chain after it, and the names in that chain."""
        self.field_order = self.stream.codec_context.field_order
        flagged = any(frame.interlaced_frame for frame in head)
        self.interlaced = flagged or (self.field_order in INTERLACED_ORDERS and deinterlace == "auto")
        steps = []
        if deinterlace == "on" or (deinterlace == "auto" and self.interlaced):
            steps += parse_chain(DEINTERLACE[deinterlace])
            self.decisions.append(f"deinterlaced with {DEINTERLACE[deinterlace]}")
            self.warnings.append("deinterlaced, which changes luma; deinterlace off keeps the fields as they are")
            self.interlaced = False
        elif self.interlaced:
            self.decisions.append("frames are interlaced and stay so (deinterlace off)")
        asked = parse_chain(filter_chain) if filter_chain else []
        if asked:
            self.decisions.append(f"filtered with {filter_chain}")
        return FilterChain([*steps, *asked], sample_aspect_ratio=self.aspect), {step.name for step in asked}

    def layout_of(self, first: av.VideoFrame, source: av.VideoFrame, *, counts_known: bool) -> FilmLayout:
        """Returns what all frames share, by the first one that comes out and the first one that was decoded."""
        assert self.planar.format is not None
        side_data = side_data_of(source)
        matrix = side_data.get("DISPLAYMATRIX")
        tags, decisions = complete_tags(
            ColourTags.of(first), width=first.width, height=first.height, pix_fmt=first.format.name
        )
        self.decisions += decisions
        seconds = self.expected_seconds()
        estimate = round(seconds * self.rate) if seconds else None
        count = self.stream.frames if self.window.whole else 0
        return FilmLayout(
            width=first.width,
            height=first.height,
            pix_fmt=self.planar.format.name,
            average_rate=self.rate,
            time_base=Fraction(first.time_base or self.time_base),
            tags=tags,
            rotation=source.rotation,
            display_matrix=struct.unpack("<9i", matrix) if matrix else None,
            sample_aspect_ratio=self.aspect,
            hdr_metadata=bool(HDR_SIDE_DATA & side_data.keys()),
            interlaced=self.interlaced,
            field_order=self.field_order,
            frame_count_estimate=(count or estimate) if counts_known else None,
            duration_seconds=float(seconds) if seconds else None,
        )

    def expected_seconds(self) -> Fraction | None:
        """Returns the length of the part that will be read, as far as the file says."""
        total = None
        if self.stream.duration:
            total = self.stream.duration * self.time_base
        elif self.container.duration and not lacks_presentation_times(self.container):
            total = Fraction(self.container.duration, av.time_base)
        window = self.window
        if window.whole:
            return total
        length = None if window.end is None else window.end - self.origin - window.shift
        rest = None if total is None else total - window.shift
        known = [seconds for seconds in (length, rest) if seconds is not None]
        return max(min(known), Fraction(0)) if known else None

    @property
    def copied(self) -> CopiedStreams:
        """What else of the file a result takes over; of use while the source is open."""
        return CopiedStreams.of(self.path, self.container, self.stream, self.window)

    # Reading

    def frames(self) -> Generator[SourceFrame, None, None]:
        """Yields every frame, once. Warnings about damage are complete when it ends.

        Raises ``OptionError`` for a filter chain whose times go backwards.
        """
        previous: int | None = None
        index = -1
        for index, frame in enumerate(chain(self.pending, self.stage)):
            self.pending = []
            if frame.pts is None or (previous is not None and frame.pts <= previous):
                raise OptionError(f"the filter chain gives frame {index} no time of its own; choose another chain")
            previous = frame.pts
            yield SourceFrame(frame, index, self.layout)
        if index < 0:
            raise InputError(f"{self.path} was read already; open it again")
        self.add_warnings()

    def add_warnings(self) -> None:
        """Adds what was found on the way."""
        announced, cut_short = self.missing_at_the_end() if self.window.whole else (None, False)
        self.warnings += self.damage.warnings(announced, cut_short=cut_short)
        repair = self.repair
        if repair.filled and not repair.from_decoding:
            self.warnings.append(f"{repair.filled} frames had no time and were set at {float(self.rate):g} a second")
        if repair.moved:
            self.warnings.append(f"{repair.moved} frames had a time before the one shown earlier and were moved")
        if self.planar.resized:
            size = f"{self.layout.width}x{self.layout.height}"
            self.warnings.append(f"{self.planar.resized} frames of another size were scaled to {size}")

    def missing_at_the_end(self) -> tuple[int | None, bool]:
        """Returns how many frames the file announces, None where it does not say, and whether it holds fewer."""
        end = announced_end(self.stream)
        if self.repair.from_decoding and self.stream.duration:  # AVI counts dropped frames too
            end = (self.repair.start + self.stream.duration) * self.time_base
        elif self.stream.frames:  # an edit list may hide frames that are all there
            return self.stream.frames, max(self.damage.packets, self.damage.frames) < self.stream.frames
        if end is None or self.repair.end is None:
            return None, False
        seconds = end - self.repair.end * self.time_base
        announced = self.stream.frames or self.damage.frames + round(seconds * self.rate)
        return announced, seconds * self.rate >= MISSED_FRAMES

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def exact_seconds(seconds: float) -> Fraction:
    """Returns what a user meant by 0.2; the float is a little more."""
    return Fraction(seconds).limit_denominator(1_000_000)


def side_data_of(frame: av.VideoFrame) -> dict[str, bytes]:
    """Returns what the decoder attached to a frame, by FFmpeg's name."""
    side_data: Any = frame.side_data  # typed as a dictionary, iterated as a list
    return {item.type.name: bytes(item) for item in side_data}
