"""What a job needs of a film, be it a video or a thermal recording."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from restore.media.film.frames import SourceFrame

__all__ = ["Film"]


class HasFrameCount(Protocol):
    """A film's format, as far as jobs care."""

    @property
    def frame_count_estimate(self) -> int | None:
        """By the container; None where it does not say."""


class Film(Protocol):
    """Frames from the first on, and what is known of them; a context manager."""

    @property
    def layout(self) -> HasFrameCount:
        """For the progress."""

    @property
    def warnings(self) -> list[str]:
        """Complete behind the last frame."""

    def frames(self) -> Iterator[SourceFrame]:
        """May be read once, to the end or not."""

    def close(self) -> None:
        """Lets go of the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
