"""A range of counts that is steady in time: it follows the scene slowly, and no hot object sets it."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.media.thermal.source import RawArray

TAIL = 0.01
"""Share of pixels at either end that may be outside of the range."""

FENCE = 5.0
"""The range ends no further from the middle half of the counts than this times its width (after Tukey's fences), so
that a hot object of whatever size below a quarter of the picture is outside of it."""

KNEE = 0.05
"""Luma left at either end for what is outside of the range; it is never cut off."""

SETTLING_SECONDS = 3.0
"""Time constant of the range."""

MIN_SPEED, MAX_SPEED = 0.01, 1.0
"""Share of the range by which its ends move in a second, at most: while the picture fits it, and when it does not."""

FITTING, NOT_FITTING = 0.2, 0.6
"""Share of pixels outside of the range at which these hold."""

MIN_SPAN = {8: 24.0, 16: 32.0}
"""Counts that are spread over the whole range at least, of rendered pictures and of sensors: noise is not contrast."""

DEAD_SPREAD, MAX_DEAD = 2, 1 / 3
"""Counts that a dead row or column spans at most, and the share of a side that may be dead."""


def crop_dead_lines(raw: RawArray) -> RawArray:
    """Crops rows and columns at the border that are all of one value: dead lines of a sensor, bars."""
    rows, columns = (live_lines(lines) for lines in (raw, raw.T))
    return raw[rows, columns]


def live_lines(lines: RawArray) -> slice:
    """Returns which of the rows show something."""
    most = int(len(lines) * MAX_DEAD)
    first, last = (
        next((number for number in range(most) if np.ptp(ordered[number]) > DEAD_SPREAD), most)
        for ordered in (lines, lines[::-1])
    )
    return slice(first, len(lines) - last)


class SteadyRange:
    """Maps counts to luma by a curve: a line over the range, and a bend beyond either end of it."""

    def __init__(self, bit_depth: int) -> None:
        self.codes = 1 << 8 if bit_depth <= 8 else 1 << 16
        self.min_span = MIN_SPAN[8 if bit_depth <= 8 else 16]
        self.low, self.high = 0.0, 0.0
        self.started = False

    def __call__(self, raw: RawArray, seconds: float, *, starts_shot: bool) -> FloatArray:
        """Turns counts ``H x W`` into luma in (0, 1), which rises with them, ``seconds`` after the frame before."""
        seen = crop_dead_lines(raw)
        shares = np.cumsum(np.bincount(seen.ravel(), minlength=self.codes)) / seen.size
        low, high = self.measure(shares)
        middle = float(np.searchsorted(shares, 0.5))
        span = self.high - self.low
        if starts_shot or not self.started or not self.low - span < middle < self.high + span:
            self.low, self.high, self.started = low, high, True
        else:
            most = span * self.speed(shares) * seconds
            share = 1 - exp(-seconds / SETTLING_SECONDS)
            self.low += float(np.clip(share * (low - self.low), -most, most))
            self.high += float(np.clip(share * (high - self.high), -most, most))
        return self.curve()[raw]

    def measure(self, shares: NDArray[np.float64]) -> tuple[float, float]:
        """Returns the range of one picture by itself."""
        places = (TAIL, 0.25, 0.75, 1 - TAIL)
        darkest, quarter, three_quarters, brightest = (float(np.searchsorted(shares, place)) for place in places)
        reach = FENCE * max(three_quarters - quarter, self.min_span / 4)
        low, high = max(darkest, quarter - reach), min(brightest, three_quarters + reach)
        missing = max(self.min_span - (high - low), 0) / 2
        return low - missing, high + missing

    def speed(self, shares: NDArray[np.float64]) -> float:
        """Returns how fast the range may move, in its own widths a second: faster, the less a picture fits it."""
        below = shares[int(np.clip(np.floor(self.low), 0, self.codes - 1))]
        above = 1 - shares[int(np.clip(np.ceil(self.high), 0, self.codes - 1))]
        misfit = np.clip((below + above - FITTING) / (NOT_FITTING - FITTING), 0, 1)
        return float(MIN_SPEED + (MAX_SPEED - MIN_SPEED) * misfit)

    def curve(self) -> FloatArray:
        """Returns the luma of every count."""
        place = (np.arange(self.codes, dtype=np.float32) - np.float32(self.low)) / np.float32(self.high - self.low)
        luma = KNEE + (1 - 2 * KNEE) * place
        steepness = (1 - 2 * KNEE) / KNEE
        below, above = place < 0, place > 1
        luma[below] = KNEE / (1 - steepness * place[below])
        luma[above] = 1 - KNEE / (1 + steepness * (place[above] - 1))
        return luma.astype(np.float32)
