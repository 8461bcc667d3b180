"""A film's job: its units are coloured and encoded one by one, here or by workers, and joined when all are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from restore.frames import Unit
from restore.jobs.film_maker import FilmMaker, FilmWork
from restore.jobs.film_units import FIRST_UNIT, MadeUnit, PlannedUnit, Reach, Stretch, plan_stretches, plan_units
from restore.jobs.job import JOURNAL, Entry, Job, has_sha256, job_folder, read_journal
from restore.jobs.report import file_sha256
from restore.jobs.unit_file import joined
from restore.jobs.worker_process import cached
from restore.jobs.workers import Workers
from restore.prefetch import prefetch

TASKS_AHEAD = 4

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class FilmTask:
    """The work on a film as it is sent to workers; each keeps it open from stretch to stretch."""

    work: FilmWork

    def open(self) -> FilmMaker:
        return cached("film", self.work, partial(FilmMaker, self.work))

    def __call__(self, stretch: Stretch) -> list[MadeUnit]:
        return list(self.open().make(stretch))


class FilmJob:
    """Brings a job from wherever it is to a complete film.

    Memory does not grow with the film: a few numbers a unit, a frame's time while units are joined.
    """

    def __init__(
        self,
        job: Job,
        maker: FilmMaker,
        progress: Progress | None = None,
    ) -> None:
        self.job, self.maker, self.work, self.progress = job, maker, maker.work, progress
        self.finished: dict[int, MadeUnit] = {}
        self.is_joined = is_finished_result(self.work.target)
        """An earlier run gave the output its name; its units may be gone."""
        job.keep(self.is_sound)
        self.clear_leftovers()
        self.frames_done = sum(unit.frames for unit in self.finished.values())
        maker.step = self.step

    def is_sound(self, entry: Entry) -> bool:
        """Takes a unit over from an earlier run, if its file is what it was."""
        if "unit" not in entry:
            return True
        unit = MadeUnit(**entry["unit"])
        if not self.is_joined and not has_sha256(self.job.unit_path(unit.file), unit.sha256):
            self.job.warn(f"frames {unit.first} to {unit.first + unit.frames - 1} are damaged and done again")
            return False
        self.finished[unit.first] = unit
        return True

    def clear_leftovers(self) -> None:
        """Removes what an earlier run's processes left unfinished, or made when nobody was there to take it."""
        files = {unit.file for unit in self.finished.values()}
        for path in self.job.unit_path("any").parent.iterdir():
            if path.name not in files:
                path.unlink(missing_ok=True)

    def in_order(self) -> tuple[list[MadeUnit], Unit | None]:
        """Returns the finished units from the first on, and the first that is missing; None for a complete film."""
        units: list[MadeUnit] = []
        following: Unit | None = FIRST_UNIT
        while following is not None:
            unit = self.finished.get(following.first)
            if unit is None or unit.after_cut != following.after_cut:
                return units, following
            units.append(unit)
            following = unit.next_unit
        return units, None

    # Colouring

    def colour(self, workers: Workers, task: FilmTask | None = None) -> None:
        """Makes every unit that is missing, here or by workers, who do the ``task``; the bytes are the same.

        Raises as :meth:`Workers.run`.
        """
        done, missing = self.in_order()
        while missing is not None:
            if task is None:
                self.colour_here(missing, done)
            else:
                self.colour_by_workers(missing, done, workers, task)
            done, missing = self.in_order()

    def colour_here(self, missing: Unit, done: list[MadeUnit]) -> None:
        """Makes the units from ``missing`` to the next that is there, or to the film's end."""
        start = self.where_to_start(missing, done)
        stretch = Stretch(self.reach.first_read(start), start, missing.first)
        with closing(self.maker.make(stretch)) as units:
            for made in units:
                self.take(made)
                if made.next_unit is not None and made.next_unit.first in self.finished:
                    return

    def colour_by_workers(self, missing: Unit, done: list[MadeUnit], workers: Workers, task: FilmTask) -> None:
        """Makes what is missing up to the film's end: this process finds the units, workers make them."""
        with (
            closing(prefetch(self.stretches(self.where_to_start(missing, done)), TASKS_AHEAD)) as stretches,
            closing(workers.run(task, stretches, prepare=task.open)) as results,
        ):
            for units in results:
                for made in units:
                    if made.ends == "film":
                        made = replace(made, warnings=self.maker.source_warnings)
                    self.take(made)
                    self.step(made.frames)

    def stretches(self, start: Unit) -> Iterator[Stretch]:
        def is_missing(unit: PlannedUnit) -> bool:
            return unit.first not in self.finished

        units: Iterable[PlannedUnit] = plan_units(self.maker.plan(start.first, start))
        return plan_stretches(units, self.reach, is_missing)

    def where_to_start(self, missing: Unit, done: list[MadeUnit]) -> Unit:
        """Returns the unit from which a painter has to see the film: a missing one, or the first of its shot."""
        if not self.maker.painter.needs_shot_start or missing.after_cut:
            return missing
        return max((unit.unit for unit in done if unit.after_cut), key=lambda unit: unit.first)

    @property
    def reach(self) -> Reach:
        return Reach(
            self.work.lengths.context,
            self.work.look.strength.look_ahead,
            whole_shots=self.maker.painter.needs_shot_start,
        )

    def take(self, made: MadeUnit) -> None:
        self.finished[made.first] = made
        self.job.add({"unit": asdict(made)})

    def step(self, frames: int = 1) -> None:
        self.frames_done += frames
        if self.progress is not None:
            self.progress(self.frames_done, self.maker.source.layout.frame_count_estimate)

    # Joining

    def assemble(self) -> None:
        """Joins all units under the output's name, unless an earlier run came that far."""
        units, missing = self.in_order()
        assert missing is None, "only a complete film is joined"
        if self.is_joined:
            return
        sink = self.maker.sink
        sink.before_naming = self.note_result
        with sink:
            parts = [(self.job.unit_path(unit.file), unit.sha256) for unit in units]
            sink.write_encoded(joined(parts, extradata=sink.stream.codec_context.extradata, target=self.work.target))

    def note_result(self, path: Path) -> None:
        self.job.add({"result": file_sha256(path)})

    @property
    def result_sha256(self) -> str:
        """Hex SHA-256 of the joined film, from the journal: it is hashed once."""
        return str(next(entry["result"] for entry in reversed(self.job.entries) if "result" in entry))

    @property
    def seconds(self) -> float:
        """What all units took, in this run and before."""
        return sum(unit.seconds for unit in self.finished.values())

    @property
    def source_warnings(self) -> list[str]:
        """About the source, whichever run read its end."""
        units, _ = self.in_order()
        return units[-1].warnings if units else []


def is_finished_result(target: Path) -> bool:
    """Whether a job was killed between naming its complete output and clearing up."""
    if not target.is_file():
        return False
    results = [entry["result"] for entry in read_journal(job_folder(target) / JOURNAL).entries if "result" in entry]
    return bool(results) and has_sha256(target, results[-1])
