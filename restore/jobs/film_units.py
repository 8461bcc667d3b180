"""Where a film is parted: units that one process finds and any process can make.

A unit is one or more whole shots, or a bounded stretch of a long shot. What a unit becomes depends on nothing but the
source from a little before it to a little after it: borders are found by a detector that starts at each of them, and
the temporal pass begins there. So a run that starts at a border gives the bits that an uninterrupted one gives.

A stretch has no cut at its border, so the temporal pass sees the frames around it as context: those before it give it
its tone, those after it its future, and none of them is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from restore.colour import FloatArray
from restore.frames import Frame, Role, Unit
from restore.options import UnitLengths
from restore.temporal import ShotDetector
from restore.temporal.flow import flow_luma

FIRST_UNIT = Unit(0, after_cut=True)

# Finding units


def mark_units(
    frames: Iterable[Frame], start: Unit, lengths: UnitLengths, *, look_for_cuts: bool = True
) -> Iterator[Frame]:
    """Says of each frame which unit it belongs to and whether it starts a shot; the first one begins ``start``.

    Reads two frames ahead to find cuts. Where nobody looks for cuts, all units have the greatest length.
    """
    if not look_for_cuts:
        for index, frame in enumerate(frames):
            frame.unit = Unit(start.first + index // lengths.longest * lengths.longest, after_cut=True)
            yield frame
        return
    planner = Planner(start, lengths)
    for frame in frames:
        planner.push(frame, flow_luma(frame.luma))
        if planner.answers:
            yield planner.pop()
    planner.end()
    while planner.answers:
        yield planner.pop()


class Planner:
    """The state of :func:`mark_units`: frames whose shot is not known yet, and the unit that is open."""

    def __init__(self, start: Unit, lengths: UnitLengths) -> None:
        self.unit, self.lengths, self.index = start, lengths, start.first
        self.detector = ShotDetector()
        self.waiting: deque[tuple[Frame, FloatArray]] = deque()
        self.answers: deque[bool] = deque()
        self.ended = False

    def push(self, frame: Frame, luma: FloatArray) -> None:
        self.waiting.append((frame, luma))
        answer = self.detector.push(luma)
        if answer is not None:
            self.answers.append(answer)

    def end(self) -> None:
        self.ended = True
        self.answers.extend(self.detector.flush())

    def pop(self) -> Frame:
        is_cut = self.answers.popleft()
        length = self.index - self.unit.first
        if is_cut and length >= self.lengths.shortest:
            self.unit = Unit(self.index, after_cut=True)
        elif length >= self.lengths.longest:
            self.unit = Unit(self.index, after_cut=False)
            self.restart_detector()
        frame, _ = self.waiting.popleft()
        frame.unit = self.unit
        frame.starts_shot = self.unit.after_cut if self.index == self.unit.first else is_cut
        self.index += 1
        return frame

    def restart_detector(self) -> None:
        """Forgets what was before the frame that is about to be given."""
        self.detector = ShotDetector()
        answers = [self.detector.push(luma) for _, luma in self.waiting]
        if self.ended:
            answers += self.detector.flush()
        known = [answer for answer in answers if answer is not None]
        self.answers = deque(known[1:])  # the first is for the frame itself


# Units as plain data


@dataclass(frozen=True)
class PlannedUnit:
    """All that is known of a unit before it is coloured."""

    first: int
    frames: int
    after_cut: bool
    ends: str
    """What comes after it: ``cut``, ``stretch`` or ``film`` for the end."""

    cuts: tuple[int, ...] | None
    """Indices of its frames that start a shot; None where nobody looked."""

    @property
    def unit(self) -> Unit:
        return Unit(self.first, self.after_cut)

    @property
    def end(self) -> int:
        return self.first + self.frames


@dataclass(frozen=True)
class MadeUnit:
    """A unit that lies encoded in the job folder, as the journal has it."""

    first: int
    frames: int
    after_cut: bool
    ends: str
    """As :attr:`PlannedUnit.ends`."""

    file: str
    """Its name in the folder of units. No two attempts share one, so that one that is given up harms nobody."""

    sha256: str
    seconds: float
    warnings: list[str] = field(default_factory=list)
    """Of the whole source, known after its last frame."""

    @property
    def unit(self) -> Unit:
        return Unit(self.first, self.after_cut)

    @property
    def next_unit(self) -> Unit | None:
        """None at the end of the film."""
        return None if self.ends == "film" else Unit(self.first + self.frames, after_cut=self.ends == "cut")


def plan_units(frames: Iterable[Frame]) -> Iterator[PlannedUnit]:
    """Gives the units that :func:`mark_units` found; one is known with the first frame after it."""
    before: PlannedUnit | None = None
    for unit, group in groupby(frames, key=lambda frame: frame.unit):
        assert unit is not None
        if before is not None:
            yield replace(before, ends="cut" if unit.after_cut else "stretch")
        starts = [frame.starts_shot for frame in group]
        cuts = None if None in starts else tuple(unit.first + index for index, cut in enumerate(starts) if cut)
        before = PlannedUnit(unit.first, len(starts), unit.after_cut, "film", cuts)
    if before is not None:
        yield before


# Stretches


@dataclass(frozen=True)
class Stretch:
    """What is decoded and coloured in one go, so that some of its units can be written."""

    first_read: int
    """Index of the first frame to decode; those before the first unit are its context."""

    start: Unit
    """From here on there are units; the ones before the first that is written only lead to it."""

    first_written: int
    units: tuple[PlannedUnit, ...] | None = None
    """In a row; None where they are found on the way. The last may only be looked at, and the very last in part."""

    written: frozenset[int] | None = None
    """First frames of the units that are written; None where all are."""

    keep_from: int | None = None
    """Index of the first frame that the stretch after this one needs; None where none will follow."""

    @property
    def end(self) -> int | None:
        """Index after the last frame to decode."""
        return self.units[-1].end if self.units is not None else None

    def is_written(self, unit: Unit) -> bool:
        return unit.first >= self.first_written and (self.written is None or unit.first in self.written)

    def mark(self, frames: Iterator[Frame], lengths: UnitLengths, *, look_for_cuts: bool = True) -> Iterator[Frame]:
        """Says of each frame its unit, whether it starts a shot, and what it is read for."""
        for frame in self.marked(frames, lengths, look_for_cuts):
            if frame.unit is None or not self.is_written(frame.unit):
                is_near = frame.index >= self.first_written - lengths.context
                frame.role = Role.CONTEXT if is_near else Role.LEAD
            yield frame

    def marked(self, frames: Iterator[Frame], lengths: UnitLengths, look_for_cuts: bool) -> Iterator[Frame]:
        yield from islice(frames, self.start.first - self.first_read)
        if self.units is None:
            yield from mark_units(frames, self.start, lengths, look_for_cuts=look_for_cuts)
            return
        for planned in self.units:
            for frame in islice(frames, planned.frames):
                frame.unit = planned.unit
                frame.starts_shot = None if planned.cuts is None else frame.index in planned.cuts
                yield frame


@dataclass(frozen=True)
class Reach:
    """How far a unit's colour looks beyond its borders, in frames."""

    context: int
    look_ahead: int
    whole_shots: bool
    """A frame's colour depends on all of its shot before it."""

    def first_read(self, unit: Unit, first: int = 0) -> int:
        """Returns the first frame to decode for a unit; nothing lies before ``first``."""
        return unit.first if unit.after_cut else max(unit.first - self.context, first)

    def is_enough(self, units: Iterable[PlannedUnit]) -> bool:
        """Whether no more units are needed to see ahead."""
        return sum(unit.frames for unit in units) >= self.look_ahead

    def seen(self, units: Iterable[PlannedUnit]) -> list[PlannedUnit]:
        """Returns what is looked at of the units after a border without a cut."""
        seen: list[PlannedUnit] = []
        missing = self.look_ahead
        for unit in units:
            if missing <= 0:
                break
            seen.append(replace(unit, frames=min(unit.frames, missing)))
            missing -= unit.frames
        return seen


def plan_stretches(
    units: Iterable[PlannedUnit], reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[Stretch]:
    """Gives what workers do, in the order of the film, each as soon as all of it is known."""
    return (
        stretches_of_shots(units, reach, is_missing)
        if reach.whole_shots
        else stretches_of_units(units, reach, is_missing)
    )


def stretches_of_units(
    units: Iterable[PlannedUnit], reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[Stretch]:
    waiting: deque[PlannedUnit] = deque()
    for unit in units:
        waiting.append(unit)
        is_last = unit.ends == "film"
        while waiting and (is_last or waiting[0].ends != "stretch" or reach.is_enough(list(waiting)[1:])):
            first = waiting.popleft()
            if is_missing(first):
                yield stretch_of_unit(first, waiting, reach)


def stretch_of_unit(unit: PlannedUnit, following: Iterable[PlannedUnit], reach: Reach) -> Stretch:
    has_no_cut = unit.ends == "stretch"
    return Stretch(
        first_read=reach.first_read(unit.unit),
        start=unit.unit,
        first_written=unit.first,
        units=(unit, *(reach.seen(following) if has_no_cut else ())),
        written=frozenset({unit.first}),
        keep_from=reach.first_read(Unit(unit.end, after_cut=not has_no_cut)),
    )


def stretches_of_shots(
    units: Iterable[PlannedUnit], reach: Reach, is_missing: Callable[[PlannedUnit], bool]
) -> Iterator[Stretch]:
    shot: list[PlannedUnit] = []
    for unit in units:
        shot.append(unit)
        if unit.ends != "stretch":
            missing = [index for index, part in enumerate(shot) if is_missing(part)]
            if missing:
                last = missing[-1]
                yield Stretch(
                    first_read=shot[0].first,
                    start=shot[0].unit,
                    first_written=shot[missing[0]].first,
                    units=(*shot[: last + 1], *reach.seen(shot[last + 1 :])),
                    written=frozenset(shot[index].first for index in missing),
                    keep_from=unit.end,
                )
            shot = []
