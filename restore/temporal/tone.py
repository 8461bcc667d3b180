"""What tone a shot has, and which frames have it: networks change their mind for a few frames, and seldom for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ToneMemory"]

HISTORY = 240
"""Frames of the past that are remembered, at most."""

OUTLIER = 0.025
"""Distance of a frame's tone from the shot's at which it counts half. Modes of one network lay 0.04 apart and more,
the tones within a mode 0.01."""

STEPS = 2
"""Of reweighting, from the median on."""

Tones = NDArray[np.float64]


class ToneMemory:
    """Tones of one shot's frames, as they are given out."""

    def __init__(self, memory: float) -> None:
        """``memory`` is what a neighbour's tone keeps a frame of its weight."""
        self._memory = memory
        self._tones: deque[Tones] = deque(maxlen=HISTORY)
        self._weights = np.zeros(0)

    def settle(self, tones: Sequence[Tones], trusts: Sequence[float]) -> tuple[Tones, Tones]:
        """The shot's tone at the first of these frames, and how far each of them has it, in [0, 1].

        ``tones`` (each ``C``) are of that frame and of those behind it; ``trusts`` say how far each can be compared with
        the one before. The first is remembered.

        The tone is a robust mean of past and future: the weighted median, then two steps of Cauchy weights.
        """
        self._tones.append(tones[0])
        self._weights = np.append(self._weights * (self._memory * trusts[0]), 1.0)[-HISTORY:]
        ahead = np.cumprod(self._memory * np.asarray(trusts[1:], np.float64))
        known = np.stack([*self._tones, *tones[1:]])  # N x C
        weights = np.concatenate([self._weights, ahead])
        tone = weighted_median(known, weights)
        for _ in range(STEPS):
            counted = weights * likeness(known, tone)
            tone = counted @ known / counted.sum()
        return tone, likeness(np.stack(tones), tone)


def likeness(tones: Tones, tone: Tones) -> Tones:
    """Of each of ``N x C`` tones to one: 1 where equal, 1/2 at ``OUTLIER``."""
    return np.asarray(1 / (1 + ((tones - tone) ** 2).sum(axis=1) / OUTLIER**2))


def weighted_median(tones: Tones, weights: Tones) -> Tones:
    """Of each column of ``N x C``."""
    order = np.argsort(tones, axis=0, kind="stable")
    shares = np.cumsum(weights[order], axis=0)
    middle = (shares < shares[-1] / 2).sum(axis=0)
    columns = np.arange(tones.shape[1])
    return np.asarray(tones[order[middle, columns], columns])
