"""Presentation times: kept where they are sound, made where they are missing, never equal or backwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

FALLBACK_RATE = Fraction(25)
NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS


def lacks_presentation_times(container: InputContainer) -> bool:
    """Whether a file stores no times of presentation: AVI has only the order of decoding, raw streams have nothing."""
    return container.format.name == "avi" or bool(container.format.flags & NO_TIMESTAMPS)


def frame_rate(stream: VideoStream, container: InputContainer) -> Fraction:
    """Returns frames a second, on average; 25 where the file does not say."""
    guesses = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    if container.format.flags & NO_TIMESTAMPS:  # an average over times that were themselves guessed
        guesses = (stream.guessed_rate, stream.base_rate, stream.average_rate)
    return next((Fraction(rate) for rate in guesses if rate), FALLBACK_RATE)


class TimestampRepair:
    """Gives every frame a time later than the one before, and counts what it had to change."""

    def __init__(self, *, time_base: Fraction, rate: Fraction, start: int, from_decoding: bool) -> None:
        self.time_base = time_base
        self.ticks_per_frame = 1 / (rate * time_base)
        self.start = start
        self.from_decoding = from_decoding
        self.filled = 0
        """Frames that had no time."""
        self.moved = 0
        """Frames whose time was not later than the one before."""
        self.end: int | None = None
        """When the last frame ends, in ticks."""

    def apply(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Yields the same frames, with ``pts`` set and strictly increasing."""
        exact = Fraction(self.start)  # where the running frame should be; keeps 29.97 from drifting
        previous: int | None = None
        previous_dts: int | None = None
        for frame in frames:
            pts = None if self.from_decoding else frame.pts
            if pts is None:
                self.filled += 1
                if previous is not None:
                    step = (frame.dts or 0) - (previous_dts or 0) if self.from_decoding else 0
                    known = frame.dts is not None and previous_dts is not None and step > 0
                    exact += step if known else self.ticks_per_frame
                pts = round(exact)
            if previous is not None and pts <= previous:
                self.moved += 1
                pts = previous + 1
            if pts != round(exact):
                exact = Fraction(pts)
            previous, previous_dts = pts, frame.dts
            frame.pts, frame.time_base = pts, self.time_base  # frames that a decoder held back have no time base
            self.end = pts + max(frame.duration, round(self.ticks_per_frame))
            yield frame


@dataclass(frozen=True)
class TimeWindow:
    """The part of the film that is worked on, in seconds of the file's own clock; None is open."""

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)
    """Subtracted from every time, so that a part begins where the film began."""

    @property
    def whole(self) -> bool:
        return self.start is None and self.end is None

    def contains(self, seconds: Fraction) -> bool:
        return (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)

    def apply(self, frames: Iterable[av.VideoFrame], time_base: Fraction) -> Iterator[av.VideoFrame]:
        """Yields the frames within, on the shifted clock; stops reading after the end."""
        shift = round(self.shift / time_base)
        for frame in frames:
            seconds = (frame.pts or 0) * time_base
            if self.end is not None and seconds >= self.end:
                return
            if self.contains(seconds):
                frame.pts = (frame.pts or 0) - shift
                yield frame


WHOLE = TimeWindow()
