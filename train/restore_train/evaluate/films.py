"""Measures colour on films with known truth, picture by picture and over time, with and without the temporal pass.

Figures are taken at the size of the clip's chroma planes, where its colour is stored (half the picture's for 4:2:0),
shrunk further where the longer side exceeds 512 pixels; the truth is treated alike. The colouring itself happens at the
clip's own size. Clips stream: figures stay in memory, one row of pixels a frame for the x-t slice, and small JPEGs of
the sampled frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.evaluate.figures import ClipFigures, PictureFigures, TruePicture, as_shown, mean_figures
from restore_train.evaluate.metrics import AbPrior, Rgb, lab_from_rgb
from restore_train.evaluate.sheets import jpeg
from restore_train.evaluate.video_metrics import Consistency, Motion, Steadiness, motion_to_previous

FloatArray = NDArray[np.float32]
Item = TypeVar("Item")

LARGEST_SIDE = 512  # pixels that figures are taken at
RADIUS = 2  # frames to each side in the two unaligned baselines: windows of 5
SLICE_FRAMES = 480  # longest x-t slice
SLICE_LUMA = 0.6  # colour alone is shown at this luma
LARGEST_PICTURES = 64  # sampled frames of a clip that are shown


@dataclass(frozen=True)
class TrueFrame:
    """A decoded frame with its own colour."""

    luma: FloatArray
    """``H x W`` in [0, 1]."""
    chroma: FloatArray
    """``2 x h x w`` in [-0.5, 0.5], at the size of the chroma planes."""
    starts_shot: bool


class Clip(Protocol):
    """A clip that can be read more than once, and its colourings."""

    @property
    def name(self) -> str: ...

    @property
    def unsteadied(self) -> Sequence[str]:
        """Labels of the colourings without a temporal pass: the ones that the unaligned baselines start from."""

    def truth(self) -> Iterator[TrueFrame]: ...

    def coloured(self) -> Iterator[Mapping[str, FloatArray]]:
        """Yields for each frame of ``truth`` label to chroma ``2 x h x w``."""

    def rgb(self, luma: FloatArray, chroma: FloatArray, /) -> Rgb:
        """Converts luma ``H x W`` and chroma ``2 x H x W`` to RGB ``H x W x 3`` in [0, 1]."""


@dataclass
class ClipResult:
    """What was measured on one clip."""

    name: str
    figures: dict[str, ClipFigures] = field(default_factory=dict)
    frames: dict[str, list[PictureFigures]] = field(default_factory=dict)
    """Label to the sampled frames."""
    slices: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    """Label to colour alone, RGB ``frames x W x 3``: one row of pixels, time runs down."""
    pictures: list[dict[str, bytes]] = field(default_factory=list)
    """Label to JPEG, of the first sampled frames, where pictures were asked for."""


class Meter:
    """One colouring of one clip, as its frames pass."""

    def __init__(self) -> None:
        self.frames: list[PictureFigures] = []
        self._rgb_consistency, self._chroma_consistency = Consistency(), Consistency()
        self._steadiness = Steadiness()
        self._previous_ab: FloatArray | None = None

    def push(self, rgb: Rgb, chroma: FloatArray, motion: Motion | None) -> None:
        """Takes the next frame's RGB ``H x W x 3`` as shown, its chroma ``2 x H x W``, and its motion inside a shot."""
        starts_shot = motion is None
        self._rgb_consistency.push(np.rint(rgb * 255).astype(np.uint8), starts_shot=starts_shot)
        codes = np.clip(np.rint(np.moveaxis(chroma, 0, -1) * 255 + 128), 0, 255).astype(np.uint8)
        self._chroma_consistency.push(codes, starts_shot=starts_shot)
        ab = np.ascontiguousarray(lab_from_rgb(rgb)[..., 1:])
        if motion is not None and self._previous_ab is not None:
            self._steadiness.push(ab, self._previous_ab, motion)
        self._previous_ab = ab

    def figures(self, name: str) -> ClipFigures:
        return ClipFigures(
            name=name,
            **mean_figures(self.frames),
            cdc=self._rgb_consistency.value,
            cdc_chroma=self._chroma_consistency.value,
            ewarp=self._steadiness.ewarp,
            flicker=self._steadiness.flicker,
        )


def shrink(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Shrinks a plane ``H x W`` to ``size`` (height, width) by area."""
    return plane if plane.shape == size else np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA))


def measured_size(chroma: FloatArray) -> tuple[int, int]:
    """Returns the height and width that figures are taken at."""
    height, width = chroma.shape[1:]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def view_of(clip: Clip, luma: FloatArray, chroma: FloatArray) -> tuple[Rgb, FloatArray]:
    """Returns RGB as shown and chroma ``2 x H x W``, at the measured size."""
    size = measured_size(chroma)
    small = np.stack([shrink(plane, size) for plane in chroma])
    return as_shown(clip.rgb(shrink(luma, size), small)), small


def centred_windows(items: Iterable[Item], radius: int) -> Iterator[tuple[list[Item], int]]:
    """Yields for each item the ``2 * radius + 1`` nearest ones in order, and its place among them.

    The place is the middle, but for the ends; a short sequence gives shorter windows.
    """
    window: deque[Item] = deque(maxlen=2 * radius + 1)
    next_place = 0
    for item in items:
        window.append(item)
        if len(window) == window.maxlen:
            while next_place <= radius:
                yield list(window), next_place
                next_place += 1
            next_place = radius  # the window moves on by one
    for place in range(next_place + 1 if len(window) == window.maxlen else 0, len(window)):
        yield list(window), place


def add_baselines(clip: Clip) -> Iterator[tuple[TrueFrame, dict[str, FloatArray]]]:
    """Yields every frame with all its colourings, baselines among them, as chroma planes.

    The mean and the median of 5 frames look neither at motion nor at cuts, as the tools that work so do; the median is
    FFmpeg's ``tmedian=radius=2`` on the chroma planes.
    """
    for window, place in centred_windows(zip(clip.truth(), clip.coloured(), strict=True), RADIUS):
        frame, colourings = window[place]
        results = {"gray": np.zeros_like(frame.chroma), **colourings}
        for label in clip.unsteadied:
            around = np.stack([others[label] for _, others in window])
            results[f"{label}, mean of 5"] = around.mean(axis=0)
            results[f"{label}, tmedian"] = np.asarray(np.median(around, axis=0), np.float32)
        yield frame, {**results, "truth": frame.chroma}


def evaluate_clips(
    clips: Sequence[Clip],
    *,
    sample_every: int = 8,
    with_pictures: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[ClipResult]:
    """Returns the figures of every colouring of every clip, with the baselines gray, the unaligned ones, and the truth.

    Figures of pictures are of every ``sample_every``-th frame, those over time of all. Raises ``ValueError`` for clips
    that are too small to measure.
    """
    prior = AbPrior()
    total = 0
    for clip in clips:
        for index, frame in enumerate(clip.truth()):
            if index % sample_every == 0:
                prior.add(lab_from_rgb(view_of(clip, frame.luma, frame.chroma)[0]))
            total += 1
    results = []
    done = 0
    for clip in clips:
        result = ClipResult(clip.name)
        for _ in measure_frames(clip, prior, result, sample_every, with_pictures):
            done += 1
            if progress is not None:
                progress(done, total)
        results.append(result)
    return results


def rows_of(
    results: Sequence[ClipResult],
) -> tuple[dict[str, list[ClipFigures]], dict[str, list[PictureFigures]]]:
    """Returns the figures by label: one row a clip, and one a sampled frame."""
    labels = list(results[0].figures)
    clips = {label: [result.figures[label] for result in results] for label in labels}
    return clips, {label: [row for result in results for row in result.frames[label]] for label in labels}


def measure_frames(
    clip: Clip, prior: AbPrior, result: ClipResult, sample_every: int, with_pictures: bool
) -> Iterator[int]:
    """Measures a clip into ``result``; yields after every frame."""
    meters: dict[str, Meter] = {}
    slices: dict[str, list[NDArray[np.uint8]]] = {}
    previous: FloatArray | None = None
    row = 0
    for index, (frame, colourings) in enumerate(add_baselines(clip)):
        luma = shrink(frame.luma, measured_size(frame.chroma))
        motion = None
        if previous is not None and not frame.starts_shot:
            motion = motion_to_previous(luma, previous)
        previous = luma
        views = {label: view_of(clip, frame.luma, chroma) for label, chroma in colourings.items()}
        if index == 0:
            row = int(np.abs(views["truth"][1]).mean(axis=(0, 2)).argmax())  # where there is most to see
        for label, (rgb, chroma) in views.items():
            meters.setdefault(label, Meter()).push(rgb, chroma, motion)
            if index < SLICE_FRAMES:
                line = np.ascontiguousarray(chroma[:, row : row + 1])
                flat = clip.rgb(np.full(line.shape[1:], SLICE_LUMA, np.float32), line)
                slices.setdefault(label, []).append(np.rint(flat[0] * 255).astype(np.uint8))
        if index % sample_every == 0:
            truth = TruePicture.of(f"{clip.name}, frame {index}", views["truth"][0], prior)
            for label, (rgb, _) in views.items():
                meters[label].frames.append(truth.measure(rgb))
            if with_pictures and len(result.pictures) < LARGEST_PICTURES:
                result.pictures.append({label: jpeg(rgb) for label, (rgb, _) in views.items()})
        yield index
    result.frames = {label: meter.frames for label, meter in meters.items()}
    result.figures = {label: meter.figures(clip.name) for label, meter in meters.items()}
    result.slices = {label: np.stack(lines) for label, lines in slices.items()}
