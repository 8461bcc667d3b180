"""Groups frames for the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

__all__ = ["HasLuma", "batch"]


class HasLuma(Protocol):
    """Any frame that carries its luma."""

    @property
    def luma(self) -> NDArray[Any]:
        """``H x W``, of any type."""


Frame = TypeVar("Frame", bound=HasLuma)


def batch(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Yields lists of up to ``size`` frames in order; a list ends early where the luma's shape changes.

    Raises:
        ValueError: ``size`` is below 1.
    """
    if size < 1:
        raise ValueError(f"a batch holds at least one frame, got {size = }")
    return group(frames, size)


def group(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    gathered: list[Frame] = []
    for frame in frames:
        if gathered and frame.luma.shape != gathered[0].luma.shape:
            yield gathered
            gathered = []
        gathered.append(frame)
        if len(gathered) == size:
            yield gathered
            gathered = []
    if gathered:
        yield gathered
