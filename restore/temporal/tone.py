"""What tone a shot has, and which frames have it: networks change their mind for a few frames, and seldom for long."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray

HISTORY = 240
"""Frames of the past that are remembered, at most."""

OUTLIER = 0.008
"""Distance of a frame's tone from the shot's at which it counts half. Modes of one network lay 0.04 apart and more,
the tones within a mode 0.01."""

TONE_PRIOR = 0.05
"""Share of the picture that must be seen again before its tone counts as much as that of the frame before."""

ODD_CELL = 0.08
"""Distance from the mean shift at which a cell counts half."""

STEPS = 2
"""Of reweighting, from the median on."""

TINY = np.float32(1e-6)

Tones = NDArray[np.float64]


class ToneMemory:
    """Tones of one shot's frames, as they are given out."""

    def __init__(self, memory: float) -> None:
        """``memory`` is what a neighbour's tone keeps a frame of its weight."""
        self._memory = memory
        self._tones: Tones | None = None  # N x C, of the frames given out
        self._weights = np.zeros(0)

    def settle(self, tones: Sequence[Tones], trusts: Sequence[float]) -> tuple[Tones, Tones]:
        """The shot's tone at the first of these frames, and how far each of them has it, in [0, 1].

        ``tones`` (each ``C``) are of that frame and of those behind it; ``trusts`` say how far each can be compared
        with the one before. The first is remembered.

        The tone is a robust mean of past and future: the weighted median, then two steps of Cauchy weights.
        """
        around = np.array(tones)
        self._tones = around[:1] if self._tones is None else np.concatenate([self._tones, around[:1]])[-HISTORY:]
        self._weights = np.append(self._weights * (self._memory * trusts[0]), 1.0)[-HISTORY:]
        ahead = np.cumprod(self._memory * np.array(trusts[1:], np.float64))
        known = np.concatenate([self._tones, around[1:]])
        weights = np.concatenate([self._weights, ahead])
        tone = weighted_median(known, weights)
        for _ in range(STEPS):
            counted = weights * likeness(known, tone)
            tone = (counted[:, None] * known).sum(axis=0) / counted.sum()
        return tone, likeness(around, tone)


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


def tone_of(planes: FloatArray, past: FloatArray, previous: Tones) -> Tones:
    """Shift ``C`` of planes ``C x h x w`` against the shot so far: sums and their weights, ``past`` ``h x w x 4``.

    Measured where the past is seen again; where little is, the shift of the frame before holds. Cells far from the
    mean shift count little: what changed alone, or at the edges of what moves, is no tone.
    """
    weights = past[..., -1]
    share = 1 / np.maximum(weights, TINY)
    differences = [plane - past[..., index] * share for index, plane in enumerate(planes)]
    seen = np.minimum(weights, 1)
    prior = TONE_PRIOR * seen.size

    def mean(weight: FloatArray) -> Tones:
        total = np.array([cv2.sumElems(difference * weight)[0] for difference in differences])
        return np.asarray((total + prior * previous) / (cv2.sumElems(weight)[0] + prior))

    distance = np.zeros_like(seen)
    for difference, shift in zip(differences, mean(seen), strict=True):
        distance += np.square((difference - np.float32(shift)) * np.float32(1 / ODD_CELL))
    return mean(seen / (1 + distance))
