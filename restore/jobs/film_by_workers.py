"""A film's job by many workers: this process plans units, takes what is made, and alone writes the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from restore.jobs.film_job import FilmJob, FinishedUnit, frames_from
from restore.jobs.film_plan import PlannedUnit, Reach, UnitsTask, film_tasks, planned_units
from restore.jobs.film_source import Film
from restore.jobs.film_units import Frame, Unit, plan_stretches, plan_units
from restore.jobs.workers import Workers
from restore.media.files import output_errors, sync_folder
from restore.prefetch import prefetch

__all__ = ["MadeUnit", "colour_by_workers"]

TASKS_AHEAD = 4


@dataclass(frozen=True)
class MadeUnit:
    """A unit that a worker has put beside its place."""

    planned: PlannedUnit
    file: str
    """Its name in the folder of units; no two attempts share one, so that one that is given up harms nobody."""

    sha256: str
    seconds: float


def colour_by_workers(
    job: FilmJob[Frame],
    film: Film,
    reopen: Callable[[], Film],
    workers: Workers,
    task: Callable[[UnitsTask], list[MadeUnit]],
    prepare: Callable[[], object],
) -> None:
    """Does every unit that is missing, to the same bytes as :meth:`FilmJob.colour`. Raises as :meth:`Workers.run`."""
    clear_leftovers(job)
    done, start = job.in_order()
    if start is not None:
        run_plan(job, film, start, done, workers, task, prepare)
        done, start = job.in_order()
    while start is not None:
        with reopen() as again:
            run_plan(job, again, start, done, workers, task, prepare)
        done, start = job.in_order()


def clear_leftovers(job: FilmJob[Frame]) -> None:
    """Removes what an earlier run's workers made, and nobody took."""
    names = {unit.name for unit in job.finished.values()}
    for path in job.job.unit_path("any").parent.iterdir():
        if path.name not in names:
            path.unlink(missing_ok=True)


def run_plan(
    job: FilmJob[Frame],
    film: Film,
    start: Unit,
    done: list[FinishedUnit],
    workers: Workers,
    task: Callable[[UnitsTask], list[MadeUnit]],
    prepare: Callable[[], object],
) -> None:
    """From ``start`` to the film's end, without what is there."""
    with (
        closing(prefetch(plan_tasks(job, film, start, done), TASKS_AHEAD)) as tasks,
        closing(workers.run(task, tasks, prepare=prepare)) as results,
    ):
        for made in results:
            for unit in made:
                take(job, film, unit)


def plan_tasks(job: FilmJob[Frame], film: Film, start: Unit, done: list[FinishedUnit]) -> Iterator[UnitsTask]:
    stages, lengths = job.stages, job.lengths
    painter = stages.painter()
    origin = start
    if painter.from_shot_start and not start.after_cut:
        origin = Unit(max(unit.first for unit in done if unit.after_cut), after_cut=True)
    frames = frames_from(film, origin.first)
    find_cuts = job.find_cuts(painter)
    planned = (
        planned_units(plan_units(stages.prepare(frames), origin, lengths))
        if find_cuts
        else planned_units(plan_stretches(frames, origin, lengths))
    )
    reach = Reach(lengths.context, stages.strength.look_ahead, stages.batch, whole_shots=painter.from_shot_start)
    before = Unit(done[-1].first, done[-1].after_cut) if done else None
    return film_tasks(planned, before, reach, lambda unit: unit.first not in job.finished)


def take(job: FilmJob[Frame], film: Film, made: MadeUnit) -> None:
    """Gives a unit its name, and then a line in the journal."""
    planned = made.planned
    finished = FinishedUnit(
        first=planned.first,
        frames=planned.frames,
        after_cut=planned.after_cut,
        ends=planned.ends,
        sha256=made.sha256,
        seconds=made.seconds,
        warnings=film.warnings if planned.ends == "film" else [],
    )
    path = job.job.unit_path(finished.name)
    with output_errors(job.sink.file.target):
        path.with_name(made.file).replace(path)
        sync_folder(path.parent)
    job.note(finished)
    job.step(film, finished.frames)
