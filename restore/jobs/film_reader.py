"""A film that is read in pieces, forward and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restore.jobs.film_source import Film
from restore.media.film.frames import SourceFrame

__all__ = ["FilmReader"]


class FilmReader:
    """Gives stretches of a film. Those in the order of the film are decoded in one go, others from the start again.

    Frames between are decoded and dropped, as :func:`restore.jobs.film_job.frames_from` does.
    """

    def __init__(self, open_film: Callable[[], Film]) -> None:
        self.open_film = open_film
        self.film: Film | None = None
        self.kept: list[SourceFrame] = []
        self.following = 0
        """Index of the frame that is decoded next."""
        self.times_opened = 0

    def frames(self, first: int, end: int, *, keep_from: int) -> Iterator[SourceFrame]:
        """Frames from index ``first`` up to ``end`` or the film's end; those from ``keep_from`` on can be had again."""
        oldest = self.kept[0].index if self.kept else self.following
        decoder = self.decoder if self.film is not None and oldest <= first else self.open_again()
        again = [frame for frame in self.kept if first <= frame.index < end]
        self.kept = [frame for frame in self.kept if frame.index >= keep_from]
        yield from again
        try:
            while self.following < end and (frame := next(decoder, None)) is not None:
                self.following += 1
                if frame.index >= keep_from:
                    self.kept.append(frame)
                if frame.index >= first:
                    yield frame
        except Exception:
            self.close()
            raise

    def open_again(self) -> Iterator[SourceFrame]:
        self.close()
        self.film = self.open_film()
        self.times_opened += 1
        self.decoder = self.film.frames()
        return self.decoder

    def close(self) -> None:
        if self.film is not None:
            self.film.close()
        self.film, self.kept, self.following = None, [], 0
