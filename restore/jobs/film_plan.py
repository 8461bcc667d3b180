"""A film's units as a plan that one process makes and others follow, and who needs which of its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from restore.jobs.film_units import Planned, Unit, batched_context

__all__ = ["PlannedUnit", "Reach", "UnitsTask", "film_tasks", "planned_frames", "planned_units"]

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class PlannedUnit:
    """All that is known of a unit before it is coloured."""

    first: int
    frames: int
    after_cut: bool
    ends: str
    """What comes behind it: ``cut``, ``stretch`` or ``film`` for the end."""

    cuts: tuple[int, ...] | None
    """Indices of its frames that start a shot; None where nobody looked."""

    @property
    def unit(self) -> Unit:
        return Unit(self.first, self.after_cut)

    @property
    def end(self) -> int:
        return self.first + self.frames


def planned_units(planned: Iterable[Planned[Frame]]) -> Iterator[PlannedUnit]:
    """What :func:`plan_units` found, without the frames; a unit comes with the first frame behind it."""
    before: PlannedUnit | None = None
    for unit, group in groupby(planned, key=attrgetter("unit")):
        if before is not None:
            yield replace(before, ends="cut" if unit.after_cut else "stretch")
        starts = [each.starts_shot for each in group]
        cuts = None if None in starts else tuple(unit.first + index for index, cut in enumerate(starts) if cut)
        before = PlannedUnit(unit.first, len(starts), unit.after_cut, "film", cuts)
    if before is not None:
        yield before


def planned_frames(frames: Iterator[Frame], units: Iterable[PlannedUnit]) -> Iterator[Planned[Frame]]:
    """Frames from the first unit's first on, each with what the plan says; ends early where they do."""
    for planned in units:
        unit, cuts = planned.unit, planned.cuts
        for index, frame in zip(range(planned.first, planned.end), frames, strict=False):
            yield Planned(frame, unit, None if cuts is None else index in cuts)


@dataclass(frozen=True)
class UnitsTask:
    """What one worker does at a time: a unit, or those of a shot."""

    units: tuple[PlannedUnit, ...]
    """In a row; the last ones may be there to be looked at only, and the very last one cut short."""

    wanted: tuple[int, ...]
    """First frames of those that are to be made."""

    first_read: int
    """Index of the first frame to decode; those before the first unit are its context."""

    keep_from: int
    """Index of the first frame that the task behind this one needs."""

    @property
    def start(self) -> int:
        """Index of the first frame that is wanted."""
        return self.wanted[0]

    @property
    def stop(self) -> int:
        """Index behind the last frame that is wanted."""
        return next(unit.end for unit in self.units if unit.first == self.wanted[-1])

    @property
    def end(self) -> int:
        """Index behind the last frame to decode."""
        return self.units[-1].end


@dataclass(frozen=True)
class Reach:
    """How far a unit's colour looks beyond its borders, in frames."""

    context: int
    look_ahead: int
    batch: int
    whole_shots: bool
    """A frame's colour hangs on all of its shot before it."""

    def first_read(self, unit: Unit, before: Unit | None) -> int:
        return unit.first if before is None else batched_context(unit, before, self.context, self.batch)

    def is_enough(self, units: Iterable[PlannedUnit]) -> bool:
        """Whether no more units are needed to see ahead."""
        return sum(unit.frames for unit in units) >= self.look_ahead

    def seen(self, units: Iterable[PlannedUnit]) -> list[PlannedUnit]:
        """Of the units behind a border without a cut, those that are looked at, in whole batches."""
        seen: list[PlannedUnit] = []
        missing = self.look_ahead
        for unit in units:
            if missing <= 0:
                break
            seen.append(replace(unit, frames=min(unit.frames, -(-missing // self.batch) * self.batch)))
            missing -= unit.frames
        return seen


def film_tasks(
    units: Iterable[PlannedUnit], before: Unit | None, reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[UnitsTask]:
    """Tasks in the order of the film, each as soon as all of it is known. ``before`` is the unit before the first."""
    return (
        tasks_of_shots(units, reach, is_missing)
        if reach.whole_shots
        else tasks_of_units(units, before, reach, is_missing)
    )


def tasks_of_units(
    units: Iterable[PlannedUnit], before: Unit | None, reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[UnitsTask]:
    waiting: deque[PlannedUnit] = deque()
    for unit in units:
        waiting.append(unit)
        is_last = unit.ends == "film"
        while waiting and (is_last or waiting[0].ends != "stretch" or reach.is_enough(list(waiting)[1:])):
            first = waiting.popleft()
            if is_missing(first):
                yield unit_task(first, before, waiting, reach)
            before = first.unit


def unit_task(unit: PlannedUnit, before: Unit | None, behind: Iterable[PlannedUnit], reach: Reach) -> UnitsTask:
    goes_on = unit.ends == "stretch"
    return UnitsTask(
        units=(unit, *(reach.seen(behind) if goes_on else ())),
        wanted=(unit.first,),
        first_read=reach.first_read(unit.unit, before),
        keep_from=reach.first_read(Unit(unit.end, after_cut=False), unit.unit) if goes_on else unit.end,
    )


def tasks_of_shots(
    units: Iterable[PlannedUnit], reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[UnitsTask]:
    shot: list[PlannedUnit] = []
    for unit in units:
        shot.append(unit)
        if unit.ends != "stretch":
            missing = [index for index, each in enumerate(shot) if is_missing(each)]
            if missing:
                last = missing[-1]
                made = (*shot[: last + 1], *reach.seen(shot[last + 1 :]))
                wanted = tuple(shot[index].first for index in missing)
                yield UnitsTask(made, wanted, first_read=shot[0].first, keep_from=unit.end)
            shot = []
