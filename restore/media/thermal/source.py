"""A thermal file as a source: frames of raw values, and what is known about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.media.film.source import FilmSource
from restore.media.thermal.radiometry import Radiometry

RawArray = NDArray[np.uint8] | NDArray[np.uint16]

MAX_WARNINGS = 20
"""Lines about single records that a source keeps; the others are only counted."""


@dataclass(frozen=True)
class ThermalFrame:
    """One picture of the sensor."""

    raw: RawArray
    """``H x W``, as recorded: counts of the sensor, or the gray or palette step of a picture made from them."""

    pts: int = 0
    """Time of presentation in ticks of ``ThermalSource.time_base``."""

    radiometry: Radiometry | None = None
    """What turns ``raw`` into temperatures, where the file has it."""


@dataclass
class ThermalSource(ABC):
    """An open thermal file; a context manager. ``frames`` may be read once. Each kind of file has a subclass."""

    path: Path
    kind: str
    """For people, as ``FLIR radiometric JPEG``."""

    shape: tuple[int, ...]
    """Height and width of every frame."""

    bit_depth: int
    """8 to 16: of the raw values."""

    is_recording: bool = False
    rate: Fraction = Fraction(25)
    """Frames a second of a recording."""

    time_base: Fraction = Fraction(1, 1000)
    """Seconds to a tick of ``ThermalFrame.pts``."""

    frame_count_estimate: int | None = None
    """Of a recording; None where it is not known in advance."""

    polarity: str | None = None
    """``white`` (more is hotter) or ``black``, where the file says so or holds the sensor's own counts."""

    palette: str | None = None
    """Name of the false colours that were taken back."""

    metadata: dict[str, Any] = field(default_factory=dict)
    """What the file says of sensor, lens, scene and time; only what JSON can hold."""

    decisions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Complete when all frames were read."""

    film: FilmSource | None = None
    """The file as a film, where FFmpeg reads it: with sound, times and tags."""

    omitted_warnings: int = field(default=0, init=False)

    @abstractmethod
    def read(self) -> Iterator[ThermalFrame]:
        """Yields every frame that can be read, in order, and warns of the others."""

    def frames(self) -> Generator[ThermalFrame, None, None]:
        """Yields every frame that can be read, in order. Raises ``DamagedMediaError`` where there is none."""
        yield from self.read()
        if self.omitted_warnings:
            self.warnings.append(f"{self.omitted_warnings} more of the same kind")
            self.omitted_warnings = 0

    def warn(self, line: str) -> None:
        """Adds a warning; of a damaged recording's thousands only the first are kept."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(line)
        else:
            self.omitted_warnings += 1

    def close(self) -> None:
        """Closes the film, where there is one."""
        if self.film is not None:
            self.film.close()

    def __enter__(self) -> ThermalSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class StillSource(ThermalSource):
    """A file of one picture, which is decoded when it is opened."""

    frame: ThermalFrame = field(kw_only=True)

    def read(self) -> Iterator[ThermalFrame]:
        """Yields the picture."""
        yield self.frame
