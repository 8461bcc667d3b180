"""The middle of a film's pipeline in the parts between which units begin and end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic

import av

from restore.jobs.film_units import Frame, Planned, Unit, batches_by_unit, smooth_units
from restore.media.film.frames import SourceFrame
from restore.paint.painter import Painter
from restore.temporal import ChromaFrame, Strength

__all__ = ["Coloured", "FilmStages"]

Planes = Any
Coloured = tuple[SourceFrame, Planes, Unit]


@dataclass(frozen=True)
class FilmStages(Generic[Frame]):
    """What is done to the frames of a film, whoever does it and from wherever on."""

    prepare: Callable[[Iterable[SourceFrame]], Iterator[Frame]]
    """From source frames to what the network sees, one for one."""

    painter: Callable[[], Painter]
    """A fresh colour stage; it gets the frames batch for batch."""

    finish: Callable[[Iterable[ChromaFrame]], Iterator[tuple[SourceFrame, Planes]]]
    """From steadied chroma to planes of the output, one for one."""

    picture: Callable[[SourceFrame, Planes], av.VideoFrame]
    """What is encoded."""

    strength: Strength
    batch: int

    def coloured(
        self, planned: Iterable[Planned[Frame]], painter: Painter, *, first: int, start: int, context: int
    ) -> Iterator[Coloured]:
        """Planned frames from index ``first`` on to planes from ``start`` on; those between lead to it."""
        batches = batches_by_unit(planned, self.batch)
        painted = self.painted(batches, painter, first, start, context)
        units: deque[Unit] = deque()

        def steadied() -> Iterator[ChromaFrame]:
            for frame, unit in smooth_units(painted, self.strength, context):
                units.append(unit)
                yield frame

        for frame, planes in self.finish(steadied()):
            yield frame, planes, units.popleft()

    def painted(
        self, batches: Iterable[list[Planned[Frame]]], painter: Painter, first: int, start: int, context: int
    ) -> Iterator[tuple[ChromaFrame, Unit | None]]:
        """The colour stage; those of the frames before ``start`` that are context come out without a unit."""
        for several in batches:
            end = first + len(several)
            wanted = end > start - context
            frames = [planned.frame for planned in several]
            painted = painter.paint(frames, [bool(planned.starts_shot) for planned in several], wanted=wanted)
            if wanted:
                for index, (frame, planned) in enumerate(zip(painted, several, strict=True), first):
                    frame.starts_shot = planned.starts_shot
                    yield frame, planned.unit if index >= start else None
            first = end
