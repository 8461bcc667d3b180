"""Holds a film's colour still, shot by shot; what is done to the planes is in :mod:`restore.temporal.planes`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from restore.colour import FloatArray
from restore.temporal.flow import Link, MotionPicture, flow_luma, link_neighbours
from restore.temporal.planes import PlaneFilter, Settings
from restore.temporal.shots import LOOK_AHEAD as SHOT_LOOK_AHEAD
from restore.temporal.shots import ShotDetector

__all__ = ["ChromaFrame", "Strength", "Trace", "smooth_chroma"]


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


def no_chroma() -> FloatArray:
    return np.empty((2, 0, 0), np.float32)


@dataclass(frozen=True)
class Trace:
    """What the pass saw and did, for those who want to look."""

    starts_shot: bool
    raw: FloatArray
    """Chroma ``2 x h' x w'`` before."""
    confidence: FloatArray
    """``h' x w'`` in [0, 1], of the motion to the frame before; 0 where a shot starts."""


@dataclass
class ChromaFrame:
    """A frame between the network and the upsampling."""

    luma: FloatArray
    """What the network sees: ``h x w`` in [0, 1], the shorter side about 256."""
    chroma: FloatArray = field(default_factory=no_chroma)
    """What it answers: ``2 x h' x w'`` in [-0.5, 0.5], over the same extent; empty until it has."""
    own_luma: FloatArray | None = None
    """``H x W`` in [0, 1], over the same extent, where a model makes luma too, as thermal ones do."""
    payload: Any = None
    """Whatever the caller needs later, such as the source frame. Never looked at."""
    starts_shot: bool | None = None
    """Where the caller knows the shots already; None leaves it to the temporal pass to find them."""
    trace: Trace | None = None
    """Of the temporal pass, behind it."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of all planes; what changes them starts a shot."""
        own = self.own_luma.shape if self.own_luma is not None else ()
        return self.luma.shape, self.chroma.shape, own


class ShotFilter:
    """The state of one shot. Frames go in by ``push`` and come out in order."""

    def __init__(self, settings: Settings) -> None:
        self._chroma = PlaneFilter(settings)
        self._luma = PlaneFilter(settings)
        self._window: deque[ChromaFrame] = deque()
        self._newest: MotionPicture | None = None

    def push(self, frame: ChromaFrame, luma: FloatArray) -> Iterator[ChromaFrame]:
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
        if frame.own_luma is not None:
            self._luma.push(frame.own_luma[None], enlarged(links, frame.own_luma.shape))
        self._window.append(replace(frame, trace=Trace(links is None, frame.chroma, confidence)))
        if self._chroma.ready:
            yield self._give()

    def flush(self) -> Iterator[ChromaFrame]:
        """The shot is over: gives the frames still waiting."""
        while self._window:
            yield self._give()

    def _give(self) -> ChromaFrame:
        frame = self._window.popleft()
        frame.chroma = np.clip(self._chroma.pop(), -0.5, 0.5)
        if frame.own_luma is not None:
            frame.own_luma = np.clip(self._luma.pop()[0], 0, 1)
        return frame


def enlarged(links: tuple[Link, Link] | None, grid: tuple[int, ...]) -> tuple[Link, Link] | None:
    return (links[0].enlarged(*grid), links[1].enlarged(*grid)) if links is not None else None


def smooth_chroma(frames: Iterable[ChromaFrame], *, strength: Strength) -> Iterator[ChromaFrame]:
    """Yields the same frames in the same order with steadied chroma (and ``own_luma``); luma and payload are passed on.

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


def in_shots(frames: Iterable[ChromaFrame]) -> Iterator[tuple[ChromaFrame, FloatArray, bool]]:
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
        self._waiting: deque[tuple[ChromaFrame, FloatArray]] = deque()

    def push(self, frame: ChromaFrame, luma: FloatArray) -> Iterator[tuple[ChromaFrame, FloatArray, bool]]:
        self._waiting.append((frame, luma))
        starts_shot = self._detector.push(luma)
        if starts_shot is not None:
            yield *self._waiting.popleft(), starts_shot

    def flush(self) -> Iterator[tuple[ChromaFrame, FloatArray, bool]]:
        """What comes next has nothing to do with what was here."""
        for starts_shot in self._detector.flush():
            yield *self._waiting.popleft(), starts_shot
        self._detector = ShotDetector()
