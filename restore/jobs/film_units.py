"""Where a film is parted, and how each part is coloured as if it stood alone.

A unit is one or more whole shots, or a bounded stretch of a long shot. What a unit becomes depends on nothing but the
source from a little before it to a little behind it: borders are found by a detector that starts at each of them,
batches of the network end at them, and the temporal pass begins there. So a run that starts at a border, whatever
happened before, gives the bits that an uninterrupted one gives.

A stretch has no cut at its border, so the temporal pass sees the frames around it as context: those before it give it
its tone, those behind it its future, and none of them is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

from restore.colour import FloatArray
from restore.frames import HasLuma
from restore.temporal import ChromaFrame, ShotDetector, Strength, smooth_chroma
from restore.temporal.flow import flow_luma

__all__ = [
    "Planned",
    "Unit",
    "UnitLengths",
    "batched_context",
    "batches_by_unit",
    "plan_stretches",
    "plan_units",
    "smooth_units",
]

Frame = TypeVar("Frame", bound=HasLuma)
Item = TypeVar("Item")


@dataclass(frozen=True)
class UnitLengths:
    """Frames in a unit: what is lost at most when a process dies, against a key frame and a drained encoder at each."""

    shortest: int = 240
    """A unit ends at the first cut behind so many frames."""
    longest: int = 480
    """A unit ends here where no cut comes."""
    context: int = 24
    """Frames before a stretch that the temporal pass sees."""

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest or not 0 <= self.context <= self.longest:
            raise ValueError(f"no such units: {self}")


@dataclass(frozen=True)
class Unit:
    """Where a unit starts."""

    first: int
    """Index of its first frame in the source."""
    after_cut: bool
    """It starts with a shot, and needs nothing of what was before."""


class Planned(NamedTuple, Generic[Item]):
    """A frame and where it stands."""

    frame: Item
    unit: Unit | None
    """None for context before the first unit."""
    starts_shot: bool | None
    """None where nobody looked."""


def plan_stretches(frames: Iterable[Item], start: Unit, lengths: UnitLengths) -> Iterator[Planned[Item]]:
    """As :func:`plan_units` where nobody looks for cuts: units are of the longest kind, and none needs another."""
    for index, frame in enumerate(frames):
        begin = start.first + index // lengths.longest * lengths.longest
        yield Planned(frame, Unit(begin, after_cut=True), None)


def plan_units(frames: Iterable[Frame], start: Unit, lengths: UnitLengths) -> Iterator[Planned[Frame]]:
    """Each frame with its unit; the first frame is the first of ``start``. Reads two frames ahead to find cuts."""
    planner: Planner[Frame] = Planner(start, lengths)
    for frame in frames:
        planner.take(frame, flow_luma(frame.luma))
        if planner.answers:
            yield planner.give()
    planner.end()
    while planner.answers:
        yield planner.give()


class Planner(Generic[Frame]):
    """The state of :func:`plan_units`: frames whose shot is not known yet, and the unit that is open."""

    def __init__(self, start: Unit, lengths: UnitLengths) -> None:
        self.unit, self.lengths, self.index = start, lengths, start.first
        self.detector = ShotDetector()
        self.waiting: deque[tuple[Frame, FloatArray]] = deque()
        self.answers: deque[bool] = deque()
        self.ended = False

    def take(self, frame: Frame, luma: FloatArray) -> None:
        self.waiting.append((frame, luma))
        answer = self.detector.push(luma)
        if answer is not None:
            self.answers.append(answer)

    def end(self) -> None:
        self.ended = True
        self.answers.extend(self.detector.flush())

    def give(self) -> Planned[Frame]:
        is_cut = self.answers.popleft()
        length = self.index - self.unit.first
        if is_cut and length >= self.lengths.shortest:
            self.unit = Unit(self.index, after_cut=True)
        elif length >= self.lengths.longest:
            self.unit = Unit(self.index, after_cut=False)
            self.look_afresh()
        starts_shot = self.unit.after_cut if self.index == self.unit.first else is_cut
        self.index += 1
        return Planned(self.waiting.popleft()[0], self.unit, starts_shot)

    def look_afresh(self) -> None:
        """Forgets what was before the frame that is about to be given."""
        self.detector = ShotDetector()
        answers = [self.detector.push(luma) for _, luma in self.waiting]
        if self.ended:
            answers += self.detector.flush()
        known = [answer for answer in answers if answer is not None]
        self.answers = deque(known[1:])  # the first is for the frame itself


def batches_by_unit(planned: Iterable[Planned[Item]], size: int) -> Iterator[list[Planned[Item]]]:
    """Lists of up to ``size`` in order; a list ends early with its unit.

    A network may give a picture other last bits beside other pictures, so the company must be the same in every run.
    """
    for _, group in groupby(planned, key=attrgetter("unit")):
        while several := list(islice(group, size)):
            yield several


def batched_context(unit: Unit, before: Unit, context: int, size: int) -> int:
    """Index of the first frame to read for a stretch: where the batch of its first context frame starts."""
    if unit.after_cut:
        return unit.first
    return before.first + max(unit.first - before.first - context, 0) // size * size


def smooth_units(
    frames: Iterable[tuple[ChromaFrame, Unit | None]], strength: Strength, context: int
) -> Iterator[tuple[ChromaFrame, Unit]]:
    """The temporal pass, unit by unit. Frames without a unit are context for the first one, and do not come out.

    Where the planner said which frames start a shot, they are not looked for again, but in the context before a unit:
    a run that starts there does not know.
    Reads ``strength.look_ahead`` frames ahead and holds no more than those and ``context``.
    """
    return UnitSmoother(iter(frames), strength, context).run()


class UnitSmoother:
    """The state of :func:`smooth_units`: frames read ahead, and small copies of those behind."""

    def __init__(self, frames: Iterator[tuple[ChromaFrame, Unit | None]], strength: Strength, context: int) -> None:
        self.frames, self.strength = frames, strength
        self.ahead: deque[tuple[ChromaFrame, Unit | None]] = deque()
        self.behind: deque[ChromaFrame] = deque(maxlen=context)

    def run(self) -> Iterator[tuple[ChromaFrame, Unit]]:
        while self.look(1):
            unit = self.ahead[0][1]
            if unit is None:
                self.behind.append(bare(self.ahead.popleft()[0]))
                continue
            for frame in smooth_chroma(self.input_of(unit), strength=self.strength):
                if frame.payload is not None:
                    yield frame, unit

    def input_of(self, unit: Unit) -> Iterator[ChromaFrame]:
        """A unit's frames, and copies of those around it where no cut is."""
        if not unit.after_cut:
            yield from [replace(frame, starts_shot=None) for frame in self.behind]
        while self.look(1) and self.ahead[0][1] == unit:
            frame = self.ahead.popleft()[0]
            self.behind.append(bare(frame))
            yield frame
        if self.ahead and not (self.ahead[0][1] or unit).after_cut:
            self.look(self.strength.look_ahead)
            yield from [bare(frame) for frame, _ in islice(self.ahead, self.strength.look_ahead)]

    def look(self, count: int) -> bool:
        """Reads until ``count`` frames are ahead; whether there is one."""
        while len(self.ahead) < count:
            following = next(self.frames, None)
            if following is None:
                break
            self.ahead.append(following)
        return bool(self.ahead)


def bare(frame: ChromaFrame) -> ChromaFrame:
    """A copy that is only looked at; it does not keep the source frame in memory."""
    return replace(frame, payload=None)
