"""Makes units of a film or recording: one function for this process and for workers."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

import av

from restore.errors import InputError, WorkerError
from restore.frames import Canvas, Frame, Painted, Unit
from restore.jobs.film_units import MadeUnit, PlannedUnit, Stretch
from restore.jobs.fingerprint import sampled_sha256
from restore.jobs.job import JOURNAL, UNITS, job_folder
from restore.jobs.unit_file import UnitFile
from restore.jobs.worker_process import device_of_worker
from restore.media.files import output_errors
from restore.media.film.frames import FilmLayout
from restore.media.film.sink import FilmSink
from restore.options import Look, UnitLengths
from restore.paint.painter import Painter
from restore.paint.recipe import PainterRecipe
from restore.pipeline import AHEAD, Picture, colour, enlarge, prepare
from restore.temporal import Strength

Item = tuple[Frame, av.VideoFrame]


class Source(Protocol):
    """A film or recording that is read from its first frame on; a context manager."""

    path: Path
    layout: FilmLayout
    decisions: list[str]

    @property
    def warnings(self) -> list[str]:
        """Complete after the last frame."""

    def frames(self) -> Iterator[Any]:
        """Yields pictures; may be read once, to the end or not."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class FilmWork(ABC):
    """A film or recording to be coloured: plain data, so that workers open the same."""

    source: Path
    target: Path
    options: Any
    recipe: PainterRecipe | None = None
    """How a worker opens the painter."""

    source_sha256: str | None = None
    """Of sampled blocks, by which a worker on another machine knows the source."""

    @property
    def look(self) -> Look:
        look: Look = self.options.look
        return look

    @property
    def lengths(self) -> UnitLengths:
        lengths: UnitLengths = self.options.units
        return lengths

    @abstractmethod
    def open_source(self) -> Source:
        """Opens what is read."""

    @abstractmethod
    def open_sink(self, source: Any) -> FilmSink:
        """Returns what writes the result, not entered yet; it refuses what cannot be written."""

    @abstractmethod
    def canvas(self, source: Any, sink: FilmSink) -> Canvas:
        """Returns what :meth:`render` wants to be given."""

    @abstractmethod
    def render(self, painted: Painted, sink: FilmSink) -> av.VideoFrame:
        """Returns an enlarged picture as the encoder takes it."""

    def open_painter(self) -> Painter:
        """Opens the painter in a worker. Raises where this machine sees other files than the one that sent the work."""
        assert self.recipe is not None, "only workers open it by a recipe"
        self.check_storage()
        return self.recipe.open(device=device_of_worker(self.recipe.device))

    def check_storage(self) -> None:
        """Raises ``InputError`` or ``WorkerError`` where this machine sees other files than the one that sent us."""
        host = socket.gethostname()
        advice = "sources and results must lie under the same path on all machines"
        if not self.source.is_file():
            raise InputError(f"the worker on {host} does not see {self.source}; {advice}")
        if sampled_sha256(self.source)["sha256_of_blocks"] != self.source_sha256:
            raise InputError(f"the worker on {host} sees another {self.source}; {advice}")
        if not (job_folder(self.target) / JOURNAL).is_file():
            raise WorkerError(f"the worker on {host} does not see {job_folder(self.target)}; {advice}")


class FilmReader:
    """Gives stretches of a film. Those in the order of the film are decoded in one go, others from the start again.

    Frames between are decoded and dropped, not skipped by a seek: only so are the times of files that have none,
    filters that remember, open groups of pictures and decoders that mend damage sure to give the same frames again.
    """

    def __init__(self, open_source: Callable[[], Source], first: Source | None = None) -> None:
        """``first`` is open already: it is read first, and left to whoever opened it."""
        self.open_source, self.first = open_source, first
        self.source: Source | None = None
        self.cached: list[Any] = []
        self.following = 0
        """Index of the frame that is decoded next."""
        self.times_opened = 0

    def frames(self, first: int, end: int | None, *, keep_from: int | None = None) -> Iterator[Any]:
        """Yields frames from index ``first`` up to ``end`` or the film's end; from ``keep_from`` on they are cached."""
        oldest = self.cached[0].index if self.cached else self.following
        decoder = self.decoder if self.source is not None and oldest <= first else self.reopen()
        again = [frame for frame in self.cached if first <= frame.index and (end is None or frame.index < end)]
        self.cached = [] if keep_from is None else [frame for frame in self.cached if frame.index >= keep_from]
        yield from again
        try:
            while (end is None or self.following < end) and (frame := next(decoder, None)) is not None:
                self.following += 1
                if keep_from is not None and frame.index >= keep_from:
                    self.cached.append(frame)
                if frame.index >= first:
                    yield frame
        except Exception:
            self.close()
            raise

    def reopen(self) -> Iterator[Any]:
        self.close()
        self.source, self.first, self.is_own = self.first or self.open_source(), None, self.first is None
        self.times_opened += 1
        self.decoder = self.source.frames()
        return self.decoder

    def close(self) -> None:
        if self.source is not None and self.is_own:
            self.source.close()
        self.source, self.cached, self.following = None, [], 0


@dataclass(frozen=True)
class FilmPart:
    """A stretch of a film as the pipeline takes it."""

    reader: FilmReader
    stretch: Stretch
    lengths: UnitLengths
    strength: Strength
    look_for_cuts: bool

    @property
    def context(self) -> int:
        return self.lengths.context

    def pictures(self) -> Iterator[Picture]:
        return self.reader.frames(self.stretch.first_read, self.stretch.end, keep_from=self.stretch.keep_from)

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return self.stretch.mark(frames, self.lengths, look_for_cuts=self.look_for_cuts)


class FilmMaker:
    """A film that is open for work: decoder, model and the encoder's settings, kept from stretch to stretch."""

    def __init__(
        self,
        work: FilmWork,
        open_painter: Callable[[], Painter] | None = None,
        *,
        watch: Callable[[Iterator[Painted]], Iterator[Painted]] = iter,
    ) -> None:
        """Opens the film first: what cannot be done is refused before a model is loaded."""
        self.work, self.watch = work, watch
        self.step: Callable[[], None] = lambda: None
        """Called after each frame."""
        self.folder = job_folder(work.target) / UNITS
        with ExitStack() as stack:
            self.source = stack.enter_context(work.open_source())
            self.reader = FilmReader(work.open_source, self.source)
            self.sink = work.open_sink(self.source)
            self.canvas = work.canvas(self.source, self.sink)
            self.painter = (open_painter or work.open_painter)()
            self.resources = stack.pop_all()

    @property
    def look_for_cuts(self) -> bool:
        """Whether anybody wants to know."""
        return self.work.look.strength is not Strength.OFF or self.painter.needs_shot_start

    @property
    def source_warnings(self) -> list[str]:
        """About the source; complete when its last frame was read."""
        return self.reader.source.warnings if self.reader.source is not None else []

    def make(self, stretch: Stretch) -> Generator[MadeUnit, None, None]:
        """Makes the units of a stretch that are to be written, each in a file of the job folder.

        A stretch without a plan goes on to the film's end; whoever takes the units may leave before. Raises
        ``WorkerError`` where the film has other frames than the plan, and the errors of :mod:`restore.errors`.
        """
        part = FilmPart(self.reader, stretch, self.work.lengths, self.work.look.strength, self.look_for_cuts)
        coloured = colour(
            part,
            self.painter,
            self.canvas,
            lambda painted: self.work.render(enlarge(painted, self.work.look, self.canvas), self.sink),
            ahead=0 if self.work.options.run.threads == 1 else AHEAD,
            watch=self.watch,
        )
        planned = {unit.first: unit for unit in stretch.units or ()}
        with closing(coloured):
            following: Item | None = next(coloured, None)
            while following is not None:
                unit = following[0].unit
                assert unit is not None
                made, following = self.make_unit(unit, following, coloured, planned.get(unit.first))
                yield made

    def make_unit(
        self, unit: Unit, first: Item, rest: Iterator[Item], planned: PlannedUnit | None
    ) -> tuple[MadeUnit, Item | None]:
        """Encodes a unit; returns it and the first frame of the next one, None at the end."""
        started = time.monotonic()
        name = f"{unit.first:09d}.{uuid4().hex}"
        encoder = UnitEncoder(self.sink, self.folder / name)
        following: Item | None = None
        try:
            for frame, picture in chain([first], rest):
                if frame.unit != unit:
                    following = frame, picture
                    break
                encoder.encode(picture)
                self.step()
            if planned is not None and encoder.frames != planned.frames:
                raise WorkerError(
                    f"{encoder.frames} frames of {self.source.path} came where there were {planned.frames} before; "
                    "is it still being written?"
                )
            sha256 = encoder.finish()
        finally:
            encoder.close()
        ends = planned.ends if planned is not None else border_before(following)
        made = MadeUnit(
            first=unit.first,
            frames=encoder.frames,
            after_cut=unit.after_cut,
            ends=ends,
            file=name,
            sha256=sha256,
            seconds=round(time.monotonic() - started, 3),
            warnings=self.source_warnings if ends == "film" else [],
        )
        return made, following

    def plan(self, first_read: int, start: Unit) -> Iterator[Frame]:
        """Yields the film's frames with their units, without their colour."""
        stretch = Stretch(first_read, start, start.first)
        part = FilmPart(self.reader, stretch, self.work.lengths, self.work.look.strength, self.look_for_cuts)
        return part.mark(prepare(picture, self.painter, self.canvas) for picture in part.pictures())

    def close(self) -> None:
        self.reader.close()
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def border_before(following: Item | None) -> str:
    """Says what ends a unit, by the first frame after it."""
    if following is None:
        return "film"
    unit = following[0].unit
    return "cut" if unit is not None and unit.after_cut else "stretch"


class UnitEncoder:
    """Encodes pictures, from a key frame on, into a unit's file with the sink's own settings and without a container.

    Raises ``DiskError`` and ``EncoderError``.
    """

    def __init__(self, sink: FilmSink, path: Path) -> None:
        self.target = sink.file.target
        self.frames = 0
        with output_errors(self.target):
            # Never started, so nothing is written: it only tells the encoder what the final container will want of it.
            self.container = av.open(BytesIO(), "w", format=sink.plan.container.muxer)
            self.stream = sink.add_film(self.container)
            context = self.stream.codec_context
            self.file = UnitFile(path, time_base=Fraction(context.time_base), extradata=context.extradata)

    def encode(self, picture: av.VideoFrame) -> None:
        with output_errors(self.target):
            for packet in self.stream.encode(picture):
                self.file.write(packet)
        self.frames += 1

    def finish(self) -> str:
        """Writes what the encoder still holds; returns the hex SHA-256 of the file, which is on the disk now."""
        with output_errors(self.target):
            for packet in self.stream.encode(None):
                self.file.write(packet)
            return self.file.commit()

    def close(self) -> None:
        """Closes encoder and file; an unfinished file vanishes."""
        self.container.close()
        self.file.discard()
