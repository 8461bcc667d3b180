"""From a source to a sink: decode, prepare, paint, steady, enlarge, render. Everything else serves this file.

Films, photos and thermal recordings go the same way. A photo's pages are shots of one frame that nothing steadies; a
thermal source makes luma from counts before it gives its pictures; only films and recordings have a temporal pass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np

from restore.colour import FloatArray, pull_into_gamut
from restore.frames import Canvas, Frame, Painted, as_stored, in_batches, upright
from restore.options import Look
from restore.paint.painter import Painter
from restore.prefetch import prefetch
from restore.temporal import Strength, smooth
from restore.upsample import upsample_chroma, upsample_luma

AHEAD = 4
"""Pictures between decoder and network, and between network and encoder."""

BATCH_PIXELS = 48_000_000
"""Of the pictures, as stored, that wait for each other until a batch is full."""

Rendered = TypeVar("Rendered")


class Picture(Protocol):
    """What a source gives: a decoded frame, a page, a thermal frame in its range."""

    @property
    def index(self) -> int:
        """Place in the source, from 0."""

    @property
    def orientation(self) -> int:
        """EXIF 1 to 8: from stored to upright."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns as stored."""

    def luma_at(self, shape: tuple[int, ...] | None) -> FloatArray:
        """Returns luma ``H x W`` in [0, 1] as stored; shrunk to ``shape`` where it is given."""


class Part(Protocol):
    """What is coloured in one go: a stretch of a film, a window of photos, one thermal picture."""

    @property
    def strength(self) -> Strength:
        """How much its colour is held still; off for photos."""

    @property
    def context(self) -> int:
        """Frames before a unit that the temporal pass sees where no cut is between."""

    def pictures(self) -> Iterator[Any]:
        """Decodes; runs ahead on a thread."""

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Says which frames start shots, which unit they belong to, and which are only context."""


def colour(
    part: Part,
    painter: Painter,
    canvas: Canvas,
    finish: Callable[[Painted], Rendered],
    *,
    ahead: int = AHEAD,
    watch: Callable[[Iterator[Painted]], Iterator[Painted]] = iter,
) -> Generator[tuple[Frame, Rendered], None, None]:
    """Colours a part of a source and yields each frame with what is to be written of it, in order.

    ``finish`` makes it: it enlarges a painted frame (:func:`enlarge`) and renders what ``canvas`` describes. Decoder
    and network run on threads of their own, ``ahead`` pictures before the caller, or with 0 on the caller's. ``watch``
    sees each frame after the temporal pass. Raises the errors of :mod:`restore.errors`.
    """
    decoded = run_ahead(part.pictures(), ahead)
    frames = part.mark(prepare(picture, painter, canvas) for picture in decoded)
    painted = paint(frames, painter, canvas)
    steady = watch(smooth(painted, part.strength, part.context))
    finished = run_ahead(((frame_of(painted), finish(painted)) for painted in steady), ahead)
    with closing(decoded), closing(finished):
        yield from finished


def run_ahead(items: Iterable[Rendered], ahead: int) -> Generator[Rendered, None, None]:
    return prefetch(items, ahead) if ahead else (item for item in items)


def frame_of(painted: Painted) -> Frame:
    assert painted.frame is not None, "only the temporal pass makes copies without a frame, and keeps them"
    return painted.frame


def prepare(picture: Picture, painter: Painter, canvas: Canvas) -> Frame:
    """Reads luma in the two sizes at which the pipeline works: along whose edges chroma grows, and as it is painted."""
    guide = picture.luma_at(canvas.guide_shape)
    is_small = min(guide.shape) < min(painter.working_size, *picture.shape)
    seen = picture.luma_at(None) if is_small and guide.shape != picture.shape else guide
    luma = painter.prepare(upright(seen, picture.orientation))
    return Frame(picture, guide, luma, picture.orientation, picture.index)


def paint(frames: Iterable[Frame], painter: Painter, canvas: Canvas) -> Iterator[Painted]:
    """Gives frames to the painter, a batch at a time."""
    for batch in in_batches(frames, painter.batch, BATCH_PIXELS):
        for painted in painter.paint(batch):
            if canvas.luma == "source":
                painted.generated_luma = None  # nobody will see it, so nothing needs to steady it
            yield painted


def enlarge(painted: Painted, look: Look, canvas: Canvas) -> Painted:
    """Puts the picture together as stored: its luma, and chroma enlarged along the luma's edges, in gamut."""
    frame = frame_of(painted)
    luma = frame.guide
    if painted.generated_luma is not None:
        generated = fit_luma(as_stored(painted.generated_luma, frame.orientation), luma)
        luma = generated if canvas.luma == "generated" else np.asarray((luma + generated) / 2, np.float32)
        luma = np.asarray(np.clip(luma, 0, 1), np.float32)
    guide = luma
    if canvas.chroma_shape is not None and guide.shape != canvas.chroma_shape:
        height, width = canvas.chroma_shape
        guide = np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    chroma = upsample_chroma(as_stored(painted.chroma, frame.orientation), guide, method=look.upsampling)
    if look.saturation != 1.0:
        chroma *= np.float32(look.saturation)
    if canvas.matrix is not None:
        chroma = pull_into_gamut(guide, chroma, canvas.matrix)
    return replace(painted, luma=luma, chroma=chroma, generated_luma=None)


def fit_luma(generated: FloatArray, luma: FloatArray) -> FloatArray:
    """Brings a model's luma to the source's size: enlarged along its edges, or shrunk where a tiny one was enlarged."""
    if generated.shape[0] > luma.shape[0]:
        return np.asarray(cv2.resize(generated, luma.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    return upsample_luma(generated, luma)
