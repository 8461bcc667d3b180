"""Holds a film's colour still, shot by shot; what is done to the planes is in :mod:`restore.temporal.planes`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from itertools import islice

import numpy as np

from restore.colour import FloatArray
from restore.frames import Painted, Role, Trace, Unit
from restore.temporal.flow import Link, MotionPicture, flow_luma, link_neighbours
from restore.temporal.planes import PlaneFilter, Settings
from restore.temporal.shots import LOOK_AHEAD as SHOT_LOOK_AHEAD
from restore.temporal.shots import ShotDetector


class Strength(Enum):
    """How much the colour is held still."""

    OFF = "off"
    LIGHT = "light"
    STRONG = "strong"

    @property
    def settings(self) -> Settings | None:
        """None where nothing is done."""
        return SETTINGS.get(self)

    @property
    def look_ahead(self) -> int:
        """Frames of the future that are read, cuts included."""
        return self.settings.tone_ahead + SHOT_LOOK_AHEAD if self.settings else 0


SETTINGS = {
    Strength.LIGHT: Settings(tone_ahead=8, tone_memory=0.99, average_ahead=6, decay=0.9),
    Strength.STRONG: Settings(tone_ahead=10, tone_memory=0.995, average_ahead=10, decay=0.95),
}


class ShotFilter:
    """The state of one shot. Frames go in by ``push`` and come out in order."""

    def __init__(self, settings: Settings) -> None:
        self._chroma = PlaneFilter(settings)
        self._luma = PlaneFilter(settings)
        self._window: deque[Painted] = deque()
        self._newest: MotionPicture | None = None

    def push(self, frame: Painted, luma: FloatArray) -> Iterator[Painted]:
        """Takes the shot's next frame and its small luma; gives the frame whose future is known now, if any."""
        height, width = frame.chroma.shape[1:]
        picture = MotionPicture.of(luma, (height, width))
        links: tuple[Link, Link] | None = None
        confidence = np.zeros((height, width), np.float32)
        if self._newest is not None:
            links = link_neighbours(self._newest, picture)
            confidence = links[1].confidence
        self._newest = picture
        self._chroma.push(frame.chroma, links)
        if frame.generated_luma is not None:
            self._luma.push(frame.generated_luma[None], enlarged(links, frame.generated_luma.shape))
        self._window.append(replace(frame, trace=Trace(links is None, frame.chroma, confidence)))
        if self._chroma.ready:
            yield self._give()

    def flush(self) -> Iterator[Painted]:
        """The shot is over: gives the frames still waiting."""
        while self._window:
            yield self._give()

    def _give(self) -> Painted:
        frame = self._window.popleft()
        frame.chroma = np.clip(self._chroma.pop(), -0.5, 0.5)
        if frame.generated_luma is not None:
            frame.generated_luma = np.clip(self._luma.pop()[0], 0, 1)
        return frame


def enlarged(links: tuple[Link, Link] | None, grid: tuple[int, ...]) -> tuple[Link, Link] | None:
    return (links[0].enlarged(*grid), links[1].enlarged(*grid)) if links is not None else None


def smooth(frames: Iterable[Painted], strength: Strength, context: int) -> Iterator[Painted]:
    """Steadies a stream of frames unit by unit (``Frame.unit``), and drops the frames that are only context.

    A unit becomes the same whatever was painted before it: the pass starts anew at each unit. Where a unit begins
    without a cut, it sees up to ``context`` frames before it, and where the next one does, ``strength.look_ahead``
    frames after it; both are looked at as copies. The shots of context before the first unit are looked for again: a
    run that starts there does not know them. ``OFF`` passes frames through.
    """
    if strength is Strength.OFF:
        return (frame for frame in frames if frame.frame is not None and frame.frame.role is Role.WRITTEN)
    return UnitSmoother(iter(frames), strength, context).run()


class UnitSmoother:
    """The state of :func:`smooth`: frames read ahead, and small copies of those behind."""

    def __init__(self, frames: Iterator[Painted], strength: Strength, context: int) -> None:
        self.frames, self.strength = frames, strength
        self.ahead: deque[Painted] = deque()
        self.behind: deque[Painted] = deque(maxlen=context)

    def run(self) -> Iterator[Painted]:
        while self.read(1):
            frame = self.ahead[0].frame
            assert frame is not None, "only the pass itself makes copies"
            if frame.role is not Role.WRITTEN:
                self.behind.append(without_frame(self.ahead.popleft()))
                continue
            for painted in smooth_chroma(self.input_of(frame.unit), strength=self.strength):
                if painted.frame is not None:
                    yield painted

    def input_of(self, unit: Unit | None) -> Iterator[Painted]:
        """Yields a unit's frames, and copies of those around it where no cut is."""
        if unit is not None and not unit.after_cut:
            yield from [replace(painted, starts_shot=None) for painted in self.behind]
        while self.read(1) and unit_of(self.ahead[0]) == unit:
            painted = self.ahead.popleft()
            self.behind.append(without_frame(painted))
            yield painted
        following = unit_of(self.ahead[0]) if self.ahead else None
        if following is not None and not following.after_cut:
            self.read(self.strength.look_ahead)
            yield from [without_frame(painted) for painted in islice(self.ahead, self.strength.look_ahead)]

    def read(self, count: int) -> bool:
        """Reads until ``count`` frames are ahead; returns whether there is one."""
        while len(self.ahead) < count:
            following = next(self.frames, None)
            if following is None:
                break
            self.ahead.append(following)
        return bool(self.ahead)


def unit_of(painted: Painted) -> Unit | None:
    return painted.frame.unit if painted.frame is not None else None


def without_frame(painted: Painted) -> Painted:
    """Returns a copy that is only looked at; it does not keep the source's picture in memory."""
    return replace(painted, frame=None)


def smooth_chroma(frames: Iterable[Painted], *, strength: Strength) -> Iterator[Painted]:
    """Yields the same frames in the same order with steadied chroma (and generated luma).

    Reads ``strength.look_ahead`` frames ahead and holds no more. Each shot is filtered alone: from a cut on the
    result is bit for bit what it is without the frames before. A change of size starts a shot too. ``OFF`` passes
    frames through. The same input gives the same bits.
    """
    settings = strength.settings
    if settings is None:
        yield from frames
        return
    shot = ShotFilter(settings)
    for frame, luma, starts_shot in in_shots(frames):
        if starts_shot:
            yield from shot.flush()
            shot = ShotFilter(settings)
        yield from shot.push(frame, luma)
    yield from shot.flush()


def in_shots(frames: Iterable[Painted]) -> Iterator[tuple[Painted, FloatArray, bool]]:
    """Each frame with its luma at the flow's size, and whether it starts a shot."""
    finder = ShotFinder()
    shapes: tuple[tuple[int, ...], ...] | None = None
    for frame in frames:
        is_changed = shapes is not None and shapes != frame.shapes
        shapes = frame.shapes
        if is_changed or frame.starts_shot is not None:
            yield from finder.flush()
        luma = flow_luma(frame.luma)
        if frame.starts_shot is not None:
            yield frame, luma, is_changed or frame.starts_shot
        else:
            yield from finder.push(frame, luma)
    yield from finder.flush()


class ShotFinder:
    """Frames whose shot is not known yet."""

    def __init__(self) -> None:
        self._detector = ShotDetector()
        self._waiting: deque[tuple[Painted, FloatArray]] = deque()

    def push(self, frame: Painted, luma: FloatArray) -> Iterator[tuple[Painted, FloatArray, bool]]:
        self._waiting.append((frame, luma))
        starts_shot = self._detector.push(luma)
        if starts_shot is not None:
            yield *self._waiting.popleft(), starts_shot

    def flush(self) -> Iterator[tuple[Painted, FloatArray, bool]]:
        """What comes next has nothing to do with what was here."""
        for starts_shot in self._detector.flush():
            yield *self._waiting.popleft(), starts_shot
        self._detector = ShotDetector()
