"""The colour stage of a film: one answer a frame, or key frames whose colour travels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat, tee
from typing import Protocol, TypeVar

from restore.frames import HasLuma, batch
from restore.paint.key_frames import KeyFramePainter
from restore.paint.network import Colorizer
from restore.paint.sampling import DEFAULT_SEED, DEFAULT_TEMPERATURE, samples
from restore.temporal import ChromaFrame, find_shot_starts
from restore.temporal.flow import flow_luma

__all__ = ["FramePainter", "Painter", "coloured_frames", "open_painter"]

Frame = TypeVar("Frame", bound=HasLuma)


class Painter(Protocol):
    """From frames to frames with chroma, list after list."""

    @property
    def from_shot_start(self) -> bool:
        """Whether a frame's colour hangs on all frames of its shot before it."""

    @property
    def decisions(self) -> list[str]:
        """For the report."""

    def paint(
        self, frames: Sequence[HasLuma], starts_shot: Sequence[bool], *, wanted: bool = True
    ) -> list[ChromaFrame]:
        """The next frames with their chroma, each with the frame as its payload; nothing if they are not ``wanted``."""


class FramePainter:
    """A network that sees one frame at a time."""

    from_shot_start = False

    def __init__(self, colorizer: Colorizer) -> None:
        self.colorizer = colorizer
        self.decisions: list[str] = []

    def paint(
        self,
        frames: Sequence[HasLuma],
        starts_shot: Sequence[bool],  # noqa: ARG002 - the protocol's
        *,
        wanted: bool = True,
    ) -> list[ChromaFrame]:
        """As :class:`Painter`."""
        if not wanted:
            return []
        chromas = self.colorizer.predict([frame.luma for frame in frames])
        return [
            ChromaFrame(luma=frame.luma, chroma=chroma, payload=frame)
            for frame, chroma in zip(frames, chromas, strict=True)
        ]


def open_painter(colorizer: Colorizer, *, seed: int | None = None, temperature: float | None = None) -> Painter:
    """The colour stage for a colorizer's kind of model.

    Raises ``ModelError`` where a seed or temperature is given to a model that does not sample, ``OptionError`` for a
    temperature that makes no sense.
    """
    if samples(colorizer) or seed is not None or temperature is not None:
        return KeyFramePainter(
            colorizer,
            seed=DEFAULT_SEED if seed is None else seed,
            temperature=DEFAULT_TEMPERATURE if temperature is None else temperature,
        )
    return FramePainter(colorizer)


def coloured_frames(frames: Iterable[Frame], painter: Painter, size: int) -> Iterator[ChromaFrame]:
    """The colour stage for frames that nobody has looked at for cuts; lists of up to ``size`` frames."""
    starts_shot: Iterator[bool] = repeat(False)
    if painter.from_shot_start:
        frames, looked_at = tee(frames)  # the detector reads two frames ahead
        starts_shot = find_shot_starts(flow_luma(frame.luma) for frame in looked_at)
    for several in batch(frames, size):
        yield from painter.paint(several, list(islice(starts_shot, len(several))))
