"""A worker's side of a film: units come as tasks, and lie in the job's folder when they are done."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from restore.errors import InputError, WorkerError
from restore.jobs.film_by_workers import MadeUnit
from restore.jobs.film_plan import PlannedUnit, UnitsTask, planned_frames
from restore.jobs.film_reader import FilmReader
from restore.jobs.film_stages import Coloured
from restore.jobs.film_units import Planned
from restore.jobs.fingerprint import film_print
from restore.jobs.job import JOURNAL, UNITS, job_folder
from restore.jobs.recipe import ColorizerRecipe
from restore.jobs.unit_encoder import UnitEncoder
from restore.jobs.video_stages import PreparedFrame, film_stages, open_film, open_sink
from restore.jobs.worker_process import kept
from restore.media.film.frames import SourceFrame
from restore.options import VideoOptions
from restore.prefetch import prefetch

__all__ = ["VideoTask"]

AHEAD = 4  # frames between decoder, network and encoder, where each has a thread

Item = TypeVar("Item")


@dataclass(frozen=True)
class VideoTask:
    """Makes units of one film, in any process that sees its files. ``options`` say how many threads it has."""

    source: Path
    source_sha256: str
    """Of its blocks, by :func:`film_print`."""

    target: Path
    options: VideoOptions
    recipe: ColorizerRecipe
    batch: int

    def __call__(self, task: UnitsTask) -> list[MadeUnit]:
        """Raises what can happen to a source, a disk, an encoder or a device."""
        return self.bench().make(task)

    def prepare(self) -> None:
        """Loads what the first task needs."""
        self.bench()

    def bench(self) -> Bench:
        return kept("film", self, partial(Bench, self))

    def check_storage(self) -> None:
        """Raises ``InputError`` or ``WorkerError`` where this machine sees other files than the one that sent us."""
        host = socket.gethostname()
        advice = "sources and results must lie under the same path on all machines"
        if not self.source.is_file():
            raise InputError(f"the worker on {host} does not see {self.source}; {advice}")
        if film_print(self.source)["sha256_of_blocks"] != self.source_sha256:
            raise InputError(f"the worker on {host} sees another {self.source}; {advice}")
        if not (job_folder(self.target) / JOURNAL).is_file():
            raise WorkerError(f"the worker on {host} does not see {job_folder(self.target)}; {advice}")


class Bench:
    """What a worker keeps from task to task: the model, an encoder's settings, and the film, decoded so far."""

    def __init__(self, task: VideoTask) -> None:
        task.check_storage()
        options = task.options
        self.folder = job_folder(task.target) / UNITS
        self.context = options.units.context
        self.has_threads = options.threads != 1
        colorizer = task.recipe.with_threads(options.threads).open()
        with ExitStack() as stack:
            self.film = stack.enter_context(open_film(task.source, options))
            """Only looked at."""
            self.reader = FilmReader(partial(open_film, task.source, options))
            self.sink = open_sink(task.target, self.film, options)
            self.stages = film_stages(colorizer, options, self.film.layout, self.sink, task.batch)
            self.painter = self.stages.painter()
            self.open = stack.pop_all()

    def close(self) -> None:
        self.reader.close()
        self.open.close()

    def make(self, task: UnitsTask) -> list[MadeUnit]:
        """The units that are wanted, each in a file that has no place yet."""
        made: list[MadeUnit] = []
        frames = self.reader.frames(task.first_read, task.end, keep_from=task.keep_from)
        decoded = self.ahead(frames)
        coloured = self.ahead(self.coloured(decoded, task))
        with closing(decoded), closing(coloured):
            for unit in task.units:
                if task.start <= unit.first < task.stop:
                    started = time.monotonic()
                    its_own = islice(coloured, unit.frames)
                    if unit.first in task.wanted:
                        made.append(self.encode(unit, its_own, started))
                    else:
                        all(its_own)  # painted for those behind it
        return made

    def ahead(self, items: Iterable[Item]) -> Generator[Item, None, None]:
        """On a thread of its own, if this worker has several."""
        return prefetch(items, AHEAD) if self.has_threads else passed_on(items)

    def coloured(self, frames: Iterable[SourceFrame], task: UnitsTask) -> Iterator[Coloured]:
        first = task.units[0].first
        prepared = iter(self.stages.prepare(frames))
        before: Iterator[Planned[PreparedFrame]] = (
            Planned(frame, None, None) for frame in islice(prepared, first - task.first_read)
        )
        planned = chain(before, planned_frames(prepared, task.units))
        every = self.stages.coloured(
            planned, self.painter, first=task.first_read, start=task.start, context=self.context
        )
        return islice(every, task.stop - task.start)

    def encode(self, unit: PlannedUnit, frames: Iterable[Coloured], started: float) -> MadeUnit:
        name = f"{unit.first:09d}.{uuid4().hex}"
        encoder = UnitEncoder(self.sink, self.folder / name)
        try:
            for frame, planes, _ in frames:
                encoder.encode(self.stages.picture(frame, planes))
            if encoder.frames != unit.frames:
                raise WorkerError(
                    f"{encoder.frames} frames of {self.film.path} came where there were {unit.frames} before; "
                    "is it still being written?"
                )
            sha256 = encoder.finish()
        finally:
            encoder.close()
        return MadeUnit(unit, name, sha256, round(time.monotonic() - started, 3))


def passed_on(items: Iterable[Item]) -> Generator[Item, None, None]:
    yield from items
