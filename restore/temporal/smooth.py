"""Holds the network's chroma still: an average along the motion, both ways in time, inside one shot.

Each frame's chroma becomes a weighted mean of its own and of what the flow fetches from the frames around it. Weights
fall by ``decay`` a frame and by the flow's confidence, so that what was hidden or came in new keeps the frame's own
prediction. The past is one running sum (as in a recursive filter; any shot streams), the future the few frames of the
look-ahead. Before that, a shift of a whole frame's colour against the shot so far is taken out: an average would only
dilute it. After it the frame gets back the saturation that averaging takes where hues differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from restore.colour import FloatArray
from restore.temporal.flow import estimate_flow, flow_confidence, resize_flow, shrink_luma, warp
from restore.temporal.shots import ShotDetector

__all__ = ["ChromaFrame", "Strength", "smooth_chroma"]

FLOW_SIDE = 256
"""Pixels on the longer side, at most, where motion is sought: about twice the grid of the network's chroma."""

TONE_MEMORY = np.float32(0.9)
"""Share of a frame's tone shift that is taken out; the rest lets a shot follow the network within some 10 frames.
0.97 holds better still, but one clip of six then kept its weaker first frames' tone (chroma PSNR -0.6 dB)."""

TONE_PRIOR = 0.05
"""Share of the picture that must be seen again before its tone counts as much as that of the frame before."""

LARGEST_TONE_SHIFT = np.float32(0.08)
"""A larger shift of a whole picture's chroma is no flicker but its content."""

LARGEST_SATURATION_GAIN = np.float32(1.15)
"""Hues that differ average to gray; at most this much is given back."""

SATURATION_MEMORY = np.float32(0.9)
"""How slowly the gain moves, a frame, so that it does not flicker itself."""


class Strength(Enum):
    """How much the colour is held still."""

    OFF = "off"
    LIGHT = "light"
    STRONG = "strong"

    @property
    def look_ahead(self) -> int:
        """Frames of the future that count."""
        return {Strength.OFF: 0, Strength.LIGHT: 3, Strength.STRONG: 6}[self]

    @property
    def decay(self) -> np.float32:
        """What a neighbour's weight keeps a frame."""
        return np.float32({Strength.OFF: 0.0, Strength.LIGHT: 0.7, Strength.STRONG: 0.9}[self])


def no_chroma() -> FloatArray:
    return np.empty((2, 0, 0), np.float32)


@dataclass
class ChromaFrame:
    """A frame between the network and the upsampling."""

    luma: FloatArray
    """What the network sees: ``h x w`` in [0, 1], the shorter side about 256."""
    chroma: FloatArray = field(default_factory=no_chroma)
    """What it answers: ``2 x h' x w'`` in [-0.5, 0.5], over the same extent; empty until it has."""
    payload: Any = None
    """Whatever the caller needs later, such as the source frame. Never looked at."""


@dataclass
class Link:
    """Motion from one frame to a neighbour, on the chroma grid."""

    flow: FloatArray
    """``h' x w' x 2`` in cells."""
    confidence: FloatArray
    """``h' x w' x 1`` in [0, 1]."""

    def fetch(self, sums: FloatArray, decay: np.float32) -> FloatArray:
        """The neighbour's weighted sums as seen here, their weights reduced by distance and doubt."""
        fetched = warp(sums, self.flow)
        fetched *= self.confidence * decay
        return fetched


@dataclass
class Waiting:
    """A frame whose future is not known yet."""

    frame: ChromaFrame
    own: FloatArray
    """``h' x w' x 3``: Cb, Cr with the tone shift taken out, and their weight, 1."""
    past: FloatArray
    """``h' x w' x 3``: weighted sums of Cb and Cr fetched from the shot so far, and of weights."""
    onward: Link | None = None
    """To the next frame of the shot; None until it comes."""


class ShotFilter:
    """The state of one shot. Frames go in by ``push`` and come out in order."""

    def __init__(self, strength: Strength) -> None:
        self._look_ahead = strength.look_ahead
        self._decay = strength.decay
        self._window: deque[Waiting] = deque()
        self._luma: FloatArray | None = None  # of the newest frame, at the flow's size
        self._tone = np.zeros(2, np.float32)  # shift taken out of the newest frame
        self._gain: np.float32 | None = None  # saturation gain of the newest frame given out

    def push(self, frame: ChromaFrame, luma: FloatArray) -> ChromaFrame | None:
        """Takes the shot's next frame and its small luma; gives the one ``look_ahead`` before it, once there is one."""
        chroma = np.moveaxis(frame.chroma, 0, -1)
        own = np.ones((*chroma.shape[:2], 3), np.float32)
        past = np.zeros_like(own)
        if self._luma is not None:
            newest = self._window[-1]
            newest.onward, back = link_neighbours(self._luma, luma, (chroma.shape[0], chroma.shape[1]))
            past = back.fetch(newest.past + newest.own, self._decay)
            self._tone = tone_shift(chroma, past, self._tone)
        own[..., :2] = chroma + self._tone
        self._window.append(Waiting(frame, own, past))
        self._luma = luma
        return self._give() if len(self._window) > self._look_ahead else None

    def flush(self) -> Iterator[ChromaFrame]:
        """The shot is over: gives the frames still waiting."""
        while self._window:
            yield self._give()

    def _give(self) -> ChromaFrame:
        future = np.zeros_like(self._window[0].own)
        for later, earlier in zip(list(self._window)[:0:-1], list(self._window)[-2::-1], strict=True):
            assert earlier.onward is not None
            future = earlier.onward.fetch(future + later.own, self._decay)
        oldest = self._window.popleft()
        sums = oldest.own + oldest.past + future
        mean = sums[..., :2] / sums[..., 2:]
        mean *= self._saturation_gain(oldest.own[..., :2], mean)
        np.clip(mean, -0.5, 0.5, out=mean)
        return replace(oldest.frame, chroma=np.ascontiguousarray(np.moveaxis(mean, -1, 0)))

    def _saturation_gain(self, own: FloatArray, mean: FloatArray) -> np.float32:
        """What gives the frame's chroma its length (root of the mean square) back, slowly changing."""
        lengths = [float(np.sqrt((chroma * chroma).mean())) for chroma in (own, mean)]
        wanted = np.float32(np.clip(lengths[0] / max(lengths[1], 1e-4), 1, LARGEST_SATURATION_GAIN))
        gain = wanted if self._gain is None else SATURATION_MEMORY * self._gain + (1 - SATURATION_MEMORY) * wanted
        self._gain = gain
        return gain


def link_neighbours(earlier: FloatArray, later: FloatArray, grid: tuple[int, int]) -> tuple[Link, Link]:
    """Links from an earlier luma to a later one and back, on a chroma grid of ``grid`` (height, width) cells."""
    onward = resize_flow(estimate_flow(earlier, later), *grid)
    back = resize_flow(estimate_flow(later, earlier), *grid)
    earlier, later = shrink_luma(earlier, *grid), shrink_luma(later, *grid)
    return (
        Link(onward, flow_confidence(earlier, later, onward, back)[..., None]),
        Link(back, flow_confidence(later, earlier, back, onward)[..., None]),
    )


def tone_shift(chroma: FloatArray, past: FloatArray, previous: FloatArray) -> FloatArray:
    """What to add to this frame's chroma ``h x w x 2`` to give it the tone of the shot so far, ``past`` ``h x w x 3``.

    Measured where the past is seen again; where little is, the shift of the frame before holds.
    """
    weight = np.minimum(past[..., 2], 1)
    seen = past[..., :2] / np.maximum(past[..., 2:], np.float32(1e-6))
    prior = np.float32(TONE_PRIOR * weight.size)
    difference = ((seen - chroma) * weight[..., None]).sum(axis=(0, 1)) + prior * previous
    shift = TONE_MEMORY * difference / (weight.sum() + prior)
    return np.asarray(np.clip(shift, -LARGEST_TONE_SHIFT, LARGEST_TONE_SHIFT), np.float32)


def smooth_chroma(frames: Iterable[ChromaFrame], *, strength: Strength) -> Iterator[ChromaFrame]:
    """Yields the same frames in the same order with steadied chroma; luma and payload are passed on.

    Reads ``strength.look_ahead + 2`` frames ahead and holds no more. Each shot is filtered alone: from a cut on the
    result is bit for bit what it is without the frames before. A change of size starts a shot too. ``OFF`` passes
    frames through. The same input gives the same bits.
    """
    if strength is Strength.OFF:
        yield from frames
        return
    shot = ShotFilter(strength)
    for frame, luma, starts_shot in in_shots(frames):
        if starts_shot:
            yield from shot.flush()
            shot = ShotFilter(strength)
        ready = shot.push(frame, luma)
        if ready is not None:
            yield ready
    yield from shot.flush()


def in_shots(frames: Iterable[ChromaFrame]) -> Iterator[tuple[ChromaFrame, FloatArray, bool]]:
    """Each frame with its luma at the flow's size, and whether it starts a shot."""
    detector = ShotDetector()
    waiting: deque[tuple[ChromaFrame, FloatArray]] = deque()
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    for frame in frames:
        if shapes is not None and shapes != (frame.luma.shape, frame.chroma.shape):
            for starts_shot in detector.flush():
                yield *waiting.popleft(), starts_shot
            detector = ShotDetector()
        shapes = frame.luma.shape, frame.chroma.shape
        luma = flow_luma(frame.luma)
        waiting.append((frame, luma))
        answer = detector.push(luma)
        if answer is not None:
            yield *waiting.popleft(), answer
    for starts_shot in detector.flush():
        yield *waiting.popleft(), starts_shot


def flow_luma(luma: FloatArray) -> FloatArray:
    """Luma shrunk to ``FLOW_SIDE`` by a whole factor, which is quick."""
    height, width = luma.shape
    factor = -(-max(height, width) // FLOW_SIDE)
    return shrink_luma(luma, -(-height // factor), -(-width // factor))
