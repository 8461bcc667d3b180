"""The carriers of the pipeline: a frame before the network and a painted one after it.

Everything that a source, the network, the temporal pass and a sink hand to each other is one of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray, Matrix

# EXIF orientation -> (transpose, flip vertically, flip horizontally), in this order, from stored to upright.
ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
ORIENTATION_OF_TURNS = (1, 8, 3, 6)  # by counter-clockwise quarter turns to upright


@dataclass(frozen=True)
class Unit:
    """Where a part of a film starts that is encoded by itself."""

    first: int
    """Index of its first frame in the source."""
    after_cut: bool
    """It starts with a shot, and needs nothing of what was before."""


class Role(Enum):
    """What a frame is read for."""

    WRITTEN = "written"
    CONTEXT = "context"
    """The temporal pass looks at it."""
    LEAD = "lead"
    """A painter that follows a shot from its start looks at it; it is not even painted."""


@dataclass
class Frame:
    """A picture of a source: one frame of a film or recording, one page of a photo."""

    picture: Any
    """What the source gave and its sink needs: the decoded frame, the page. No stage looks at it."""

    guide: FloatArray
    """Luma ``H x W`` in [0, 1] as stored; chroma is enlarged along its edges."""

    luma: FloatArray
    """Luma ``h x w`` in [0, 1], upright, at the size that the network sees."""

    orientation: int = 1
    """EXIF 1 to 8: from ``guide``, which is as stored, to ``luma``, which is upright."""

    index: int = 0
    """Place in the source, from 0."""

    unit: Unit | None = None
    """The part of a film it belongs to; None in photos, and in context before the first part."""

    starts_shot: bool | None = None
    """None where nobody looked."""

    role: Role = Role.WRITTEN


def no_chroma() -> FloatArray:
    return np.empty((2, 0, 0), np.float32)


@dataclass(frozen=True)
class Trace:
    """What the temporal pass saw and did with a frame."""

    starts_shot: bool
    raw: FloatArray
    """Chroma ``2 x h' x w'`` before the pass."""
    confidence: FloatArray
    """``h' x w'`` in [0, 1], of the motion to the frame before; 0 where a shot starts."""


@dataclass
class Painted:
    """A frame after the network: small chroma first, enlarged chroma at the end."""

    luma: FloatArray
    """What the network saw: ``h x w`` in [0, 1], upright."""

    chroma: FloatArray = field(default_factory=no_chroma)
    """``2 x h' x w'`` in [-0.5, 0.5] over the same extent."""

    generated_luma: FloatArray | None = None
    """``h x w`` in [0, 1] over the same extent, by models that make luma too, as thermal ones do."""

    frame: Frame | None = None
    """Where it came from; None for a copy that the temporal pass only looks at."""

    starts_shot: bool | None = None
    """Known from the plan; None leaves it to the temporal pass to find out."""

    trace: Trace | None = None
    """Set by the temporal pass."""

    seed: int | None = None
    """Of a model that samples."""

    log_likelihood: float | None = None
    """In nats, of what was sampled."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of all planes; a change of them starts a shot."""
        generated = self.generated_luma.shape if self.generated_luma is not None else ()
        return self.luma.shape, self.chroma.shape, generated


@dataclass(frozen=True)
class Canvas:
    """What a sink wants to be given of each picture."""

    guide_shape: tuple[int, ...] | None = None
    """At which luma is read from the source; None takes the picture's own size."""

    chroma_shape: tuple[int, ...] | None = None
    """At which chroma is written; None takes that of the luma."""

    matrix: Matrix | None = None
    """Of the RGB in whose gamut chroma is to stay; None where the writer sees to it."""

    luma: str = "source"
    """Which luma is shown: the source's, ``generated`` by the model, or a ``blend`` of both."""


def in_batches(frames: Iterable[Frame], size: int, most_pixels: float = inf) -> Iterator[list[Frame]]:
    """Yields lists of ``size`` frames in order; a list ends early once its pictures have so many pixels.

    Raises:
        ValueError: ``size`` is below 1.
    """
    if size < 1:
        raise ValueError(f"a batch holds at least one frame, got {size = }")
    return group(frames, size, most_pixels)


def group(frames: Iterable[Frame], size: int, most_pixels: float) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size or sum(waiting.guide.size for waiting in batch) >= most_pixels:
            yield batch
            batch = []
    if batch:
        yield batch


def upright(planes: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns planes ``... x H x W`` from how they are stored to how they are shown (EXIF 1 to 8)."""
    transpose, flip_vertically, flip_horizontally = ORIENTATIONS[orientation]
    if transpose:
        planes = planes.swapaxes(-1, -2)
    return flip(planes, flip_vertically, flip_horizontally)


def as_stored(planes: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns planes ``... x H x W`` from how they are shown to how they are stored (EXIF 1 to 8)."""
    transpose, flip_vertically, flip_horizontally = ORIENTATIONS[orientation]
    planes = flip(planes, flip_vertically, flip_horizontally)
    return np.ascontiguousarray(planes.swapaxes(-1, -2) if transpose else planes)


def flip(planes: NDArray[Any], vertically: bool, horizontally: bool) -> NDArray[Any]:
    if vertically:
        planes = planes[..., ::-1, :]
    if horizontally:
        planes = planes[..., ::-1]
    return np.ascontiguousarray(planes)


def orientation_of_rotation(degrees: float) -> int:
    """The EXIF orientation of a frame that is shown upright after a counter-clockwise turn; 1 for odd angles."""
    return ORIENTATION_OF_TURNS[round(degrees / 90) % 4] if degrees % 90 == 0 else 1
