"""Metrics of a clip over time, as DESIGN.md's table defines them; nothing is ever compared across a cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

GAPS = (1, 2, 4)
"""Frames between those whose colours are compared (CDC of Liu 2021, arXiv:2110.04562)."""

SMALLEST_SIDE = 32
"""Pixels. Optical flow needs a few of its patches; smaller pictures are refused."""

RETURN_SHARE, RETURN_SLACK = 0.01, 0.5
"""Where the way to the previous frame and back ends: its squared error a squared motion, and in squared pixels, that
still counts as visible (Sundaram 2010, eq. 5)."""

STABLE_RETURN = 0.25
"""Squared pixels: the same error where motion is sure, half a pixel."""

STABLE_LUMA = 0.02
"""Difference of luma along the motion, 5 codes of 8 bits, up to which a pixel counts as the same point."""


def js_divergence(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the Jensen-Shannon divergence, in nats, of distributions ``... x N``: 0 if equal, ln 2 if disjoint."""
    middle = (first + second) / 2
    total = np.zeros(middle.shape[:-1])
    for one in (first, second):
        ratio = np.divide(one, middle, out=np.ones_like(one), where=one > 0)
        total += (one * np.log(ratio)).sum(axis=-1) / 2
    return np.maximum(total, 0)


def channel_shares(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns histograms ``C x 256``, each summing to 1, of a picture's channels ``H x W x C``."""
    flat = codes.reshape(-1, codes.shape[-1])
    return np.stack([np.bincount(channel, minlength=256) for channel in flat.T]) / len(flat)


class Consistency:
    """CDC of one clip: mean divergence of the channels' histograms to frames 1, 2 and 4 later, a third each."""

    def __init__(self) -> None:
        self._recent: deque[NDArray[np.float64]] = deque(maxlen=max(GAPS))
        self._divergences: dict[int, list[float]] = {gap: [] for gap in GAPS}

    def push(self, codes: NDArray[np.uint8], *, starts_shot: bool) -> None:
        """Takes the clip's next frame ``H x W x C``, 8 bit."""
        if starts_shot:
            self._recent.clear()
        shares = channel_shares(codes)
        for gap in GAPS:
            if gap <= len(self._recent):
                self._divergences[gap].append(float(js_divergence(self._recent[-gap], shares).mean()))
        self._recent.append(shares)

    @property
    def value(self) -> float:
        """The mean; gaps that no shot is long enough for are left out, and NaN remains where none is."""
        means = [np.mean(values) for values in self._divergences.values() if values]
        return float(np.mean(means)) if means else float("nan")


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a frame was in the frame before, judged by the gray source alone."""

    previous: NDArray[np.float32]
    """``H x W x 2`` (x, y): the position in the previous frame."""
    visible: NDArray[np.bool_]
    """``H x W``: there was such a place; the way there and back returns."""
    stable: NDArray[np.bool_]
    """``H x W``: and surely so, within half a pixel and of the same luma."""

    def fetch(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Moves the previous frame's picture ``H x W x C`` to where this frame has it."""
        x, y = self.previous[..., 0], self.previous[..., 1]
        return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def motion_to_previous(luma: Luma, previous: Luma) -> Motion:
    """Finds the motion between two lumas ``H x W`` in [0, 1] of one shot.

    DIS at OpenCV's medium preset and the pictures' own size: neither the preset nor the size nor the confidence of the
    temporal filter, so that the filter is not measured with its own ruler.

    Raises ``ValueError`` below 32 pixels a side.
    """
    if min(luma.shape) < SMALLEST_SIDE:
        raise ValueError(f"motion needs pictures of at least {SMALLEST_SIDE} pixels a side, got {luma.shape = }")
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    codes, previous_codes = (np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8) for picture in (luma, previous))
    back = np.asarray(search.calc(codes, previous_codes, None), np.float32)  # type: ignore[call-overload]
    forth = np.asarray(search.calc(previous_codes, codes, None), np.float32)  # type: ignore[call-overload]

    height, width = luma.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    position = np.stack([columns + back[..., 0], rows + back[..., 1]], axis=-1)
    x, y = position[..., 0], position[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)

    forth_there = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return_error = ((back + forth_there) ** 2).sum(axis=-1)
    length = (back**2).sum(axis=-1) + (forth_there**2).sum(axis=-1)
    visible = inside & (return_error <= RETURN_SHARE * length + RETURN_SLACK)
    fetched = cv2.remap(previous, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    same_luma = np.abs(luma - fetched) <= STABLE_LUMA
    return Motion(position, visible, visible & (return_error <= STABLE_RETURN) & same_luma)


@dataclass
class Steadiness:
    """Ewarp and flicker of one clip. Lab's ab, so in its units."""

    _warp_errors: list[float] = field(default_factory=list)
    _flickers: list[float] = field(default_factory=list)

    def push(self, ab: NDArray[np.float32], previous_ab: NDArray[np.float32], motion: Motion) -> None:
        """Takes a frame's ab ``H x W x 2``, the one before, and the motion between them."""
        change = ab - motion.fetch(previous_ab)
        if motion.visible.any():
            self._warp_errors.append(float((change[motion.visible] ** 2).sum(axis=-1).mean()))
        if motion.stable.any():
            self._flickers.append(float(np.abs(change[motion.stable]).mean()))

    @property
    def ewarp(self) -> float:
        """Mean over pairs of frames of visible pixels' mean squared ab change (a and b summed); NaN without any."""
        return float(np.mean(self._warp_errors)) if self._warp_errors else float("nan")

    @property
    def flicker(self) -> float:
        """Mean over pairs of frames of the mean |ab change| (over a and b) of stable pixels; NaN without any."""
        return float(np.mean(self._flickers)) if self._flickers else float("nan")
