"""Steadies planes of one shot along its motion, whatever they hold: a network's chroma, or a luma that it made.

Three steps, each against one fault of networks that see one frame at a time:

- The tone: a frame's planes shift as a whole. The shift against the shot so far is measured where the shot is seen
  again, and every frame gets the tone that most frames around it have, long into the past and ``tone_ahead`` into the
  future. So what leaves the picture and returns has the colour that it had, and a few wrong frames set no tone; they
  count little in the average too.
- The average: each cell becomes the weighted mean of what it is in this frame and in the frames around it, fetched
  along the motion. Weights fall by ``decay`` a frame, by the confidence of the motion, and where colours disagree too
  much to be flicker, so that what was hidden or comes in new keeps the frame's own prediction. The past is one running
  sum (any shot streams), the future ``average_ahead`` frames.
- The spread: an average keeps the mean colour and loses contrast where predictions differed. The colourfulness that is
  lost is given back about the mean, by a gain that changes slowly.

Measured on the eight DAVIS clips with two trainings of Pix2Pix: averaging alone takes 7 % of the colourfulness; to give
it back, a gain on all chroma costs two thirds of what the average gained in dE00, this one a fifth, because it does not
deepen a cast. The tone of most frames instead of their mean is worth another 1 and 3 % of dE00.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.temporal.flow import Link, fetch
from restore.temporal.tone import ToneMemory, tone_of

SMALLEST_SHARE = 0.05
"""What a frame of another tone than the shot's counts at least: where nothing else is seen it must do."""

ODD = 0.02
"""Distance of a cell from the mean at which it counts half in the frames behind it."""

DISAGREEMENT = 0.1
"""Distance of colours at which what was or will be counts half."""

SEEN_ENOUGH = 0.5
"""Mean confidence of a link above which tones on both sides of it are fully compared; below, the memory fades by the
share that is missing. Fast motion cuts a shot in parts that have little to do with each other."""

LARGEST_TONE_SHIFT = 0.08
"""A larger shift of a whole picture's chroma is no flicker but its content."""

CENTRE_SHARE = 0.3
"""What the length of the mean counts beside the spread in colourfulness."""

LARGEST_GAIN = 1.25
"""At most this much spread is given back."""

GAIN_MEMORY = 0.9
"""What the gain's past keeps a frame."""

CHANNELS = 4
"""Of weighted sums: up to three planes and, last, the weight. Four are fetched faster than two or three."""

TINY = np.float32(1e-6)
TINY_SPREAD = 1e-4


@dataclass(frozen=True)
class Settings:
    """How much is held still."""

    tone_ahead: int
    """Frames of the future whose tone counts; the filter is so many frames late."""
    tone_memory: float
    """What a neighbour's tone keeps a frame of its weight."""
    average_ahead: int
    """Frames of the future that are averaged, at most ``tone_ahead``."""
    decay: float
    """What a neighbour's cell keeps a frame of its weight."""


@dataclass
class Waiting:
    """A frame whose future is not known yet."""

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    """``C``: mean and standard deviation of the planes as they came."""
    planes: list[FloatArray]
    """``C`` of ``h x w``, less their tone."""
    own: FloatArray
    """``h x w x 4``: the same as sums of one, their weight 1."""
    so_far: FloatArray
    """``h x w x 4``: weighted sums of all planes fetched from the shot so far, and of weights."""
    back: Motion | None
    """To the frame before; None where the shot starts."""
    tone: NDArray[np.float64]
    """``C``: this frame's shift against the shot's first frame."""
    trust: float
    """In [0, 1]: how far this frame's tone can be compared with that of the frame before."""
    onward: Motion | None = None
    """To the next frame of the shot; None until it comes."""


@dataclass(frozen=True)
class Motion:
    """A link, its weights ready for sums."""

    position: FloatArray
    weights: FloatArray
    """``h x w x 4``, all channels alike."""

    @classmethod
    def of(cls, link: Link, decay: float) -> Motion:
        return cls(link.position, merged([link.confidence * np.float32(decay)] * CHANNELS))

    def fetch(self, sums: FloatArray) -> FloatArray:
        """The neighbour's sums as seen here, their weights reduced by distance and doubt."""
        fetched = fetch(sums, self.position)
        fetched *= self.weights
        return fetched


class PlaneFilter:
    """One shot's planes, up to three on one grid. They go in by ``push`` and come out by ``pop``, in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._window: deque[Waiting] = deque()
        self._tones = ToneMemory(settings.tone_memory)
        self._given: FloatArray | None = None  # weighted sums up to the newest frame given out, as it has them
        self._centres, self._colourfulness, self._spreads = np.zeros(3), 0.0, 0.0  # sums over the frames given out

    def __len__(self) -> int:
        """Frames inside."""
        return len(self._window)

    @property
    def ready(self) -> bool:
        """Whether the oldest frame's future is known."""
        return len(self._window) > self._settings.tone_ahead

    def push(self, planes: FloatArray, links: tuple[Link, Link] | None) -> None:
        """Takes the next planes ``C x h x w``, and the links from the frame before to this one and back.

        ``links`` is None for the first frame only.
        """
        count = planes.shape[0]
        so_far = np.zeros((*planes.shape[1:], CHANNELS), np.float32)
        tone, trust, back = np.zeros(count), 1.0, None
        if links is not None:
            newest = self._window[-1]
            newest.onward, back = (Motion.of(link, self._settings.decay) for link in links)
            so_far = back.fetch(newest.so_far + newest.own)
            tone = tone_of(planes, so_far, newest.tone)
            trust = min(1.0, cv2.mean(links[1].confidence)[0] / SEEN_ENOUGH)
        shifted = [plane - np.float32(shift) for plane, shift in zip(planes, tone, strict=True)]
        own = sums_of(shifted, np.ones(planes.shape[1:], np.float32))
        self._window.append(Waiting(*statistics(planes), shifted, own, so_far, back, tone, trust))

    def pop(self) -> FloatArray:
        """The oldest planes ``C x h x w``, steadied by what is in the filter and was before."""
        window = list(self._window)
        tone, likenesses = self._tones.settle([frame.tone for frame in window], [frame.trust for frame in window])
        shares = np.maximum(likenesses, SMALLEST_SHARE).astype(np.float32)
        oldest = self._window.popleft()
        past, past_weight = self._past(oldest)
        future, future_weight = self._future(window, shares)
        weight = shares[0] + past_weight + future_weight
        kept = [plane * shares[0] for plane in oldest.planes]
        mean = np.stack([sum(parts) / weight for parts in zip(kept, past, future, strict=True)])
        conform = conformity(oldest.planes, mean)
        given = [before + now * conform for before, now in zip(past, kept, strict=True)]
        self._given = sums_of(given, past_weight + conform * shares[0])
        centre, spread = statistics(mean)
        gain = self._gain(oldest, length(spread))
        mean *= np.float32(gain)
        shift = np.clip(tone - oldest.tone, -LARGEST_TONE_SHIFT, LARGEST_TONE_SHIFT)
        mean += (centre * (1 - gain) + oldest.tone + shift).astype(np.float32)[:, None, None]
        return mean

    def _past(self, frame: Waiting) -> tuple[list[FloatArray], FloatArray]:
        """Weighted sums fetched from the frames given out, as ``frame`` has them, and their weight."""
        if frame.back is None or self._given is None:
            nothing = np.zeros_like(frame.planes[0])
            return [nothing] * len(frame.planes), nothing
        return agreeing(frame.planes, frame.back.fetch(self._given))

    def _future(self, window: Sequence[Waiting], shares: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """Weighted sums fetched from the frames behind the first, as it has them, and their weight."""
        future = np.zeros_like(window[0].own)
        for index in range(min(self._settings.average_ahead, len(window) - 1), 0, -1):
            onward = window[index - 1].onward
            assert onward is not None
            future = onward.fetch(np.asarray(cv2.scaleAdd(window[index].own, shares[index], future), np.float32))
        return agreeing(window[0].planes, future)

    def _gain(self, raw: Waiting, spread: float) -> float:
        """What to multiply the averaged ``spread`` by so that the frames so far are as colourful as they came.

        Colourfulness (Hasler and Susstrunk 2003, M3) is the spread and a share of the mean's length. A mean that
        wobbles is longer than a steady one; that counts too, but not where it merely drifts.
        """
        count = raw.centre.size
        self._centres[:count] = GAIN_MEMORY * self._centres[:count] + raw.centre
        self._colourfulness = GAIN_MEMORY * self._colourfulness + length(raw.spread) + CENTRE_SHARE * length(raw.centre)
        self._spreads = GAIN_MEMORY * self._spreads + spread
        wanted = self._colourfulness - CENTRE_SHARE * length(self._centres)
        return min(max(wanted / max(self._spreads, TINY_SPREAD), 1.0), LARGEST_GAIN)


def length(vector: NDArray[np.float64]) -> float:
    return float(np.sqrt((vector * vector).sum()))


def merged(planes: Sequence[FloatArray]) -> FloatArray:
    """Planes ``h x w`` to channels."""
    return np.asarray(cv2.merge(planes), np.float32)


def sums_of(planes: Sequence[FloatArray], weight: FloatArray) -> FloatArray:
    """Sums ``h x w x 4`` of up to three planes and their weight."""
    unused = [weight] * (CHANNELS - 1 - len(planes))
    return merged([*planes, *unused, weight])


def agreeing(planes: Sequence[FloatArray], sums: FloatArray) -> tuple[list[FloatArray], FloatArray]:
    """The part of weighted ``sums`` ``h x w x 4`` that may count beside a frame's ``planes``, and its weight.

    Half where their colours lie ``DISAGREEMENT`` apart: that is no flicker but something else that was there.
    """
    totals, weight = [sums[..., index] for index in range(len(planes))], sums[..., -1]
    share = 1 / np.maximum(weight, TINY)
    factor = nearness(planes, [np.asarray(total * share, np.float32) for total in totals], DISAGREEMENT)
    return [total * factor for total in totals], weight * factor


def conformity(planes: Sequence[FloatArray], mean: FloatArray) -> FloatArray:
    """How far each cell of a frame counts later, ``h x w``: little where it is far from the ``mean`` that it became."""
    return nearness(planes, mean, ODD)


def nearness(first: Iterable[FloatArray], second: Iterable[FloatArray], half: float) -> FloatArray:
    """Of colours, cell by cell: 1 where equal, 1/2 where they lie ``half`` apart."""
    squares = [np.square((here - there) * np.float32(1 / half)) for here, there in zip(first, second, strict=True)]
    return np.asarray(1 / (1 + sum(squares)), np.float32)


def statistics(planes: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``C`` and standard deviation ``C`` of planes ``C x h x w`` over the picture."""
    pairs = np.array([cv2.meanStdDev(plane) for plane in planes])[:, :, 0, 0]
    return pairs[:, 0], pairs[:, 1]
