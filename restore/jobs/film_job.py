"""A film's job: its units are coloured and encoded one by one, and joined when all are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Generic

from restore.jobs.film_source import Film
from restore.jobs.film_stages import Coloured, FilmStages
from restore.jobs.film_units import Frame, Planned, Unit, UnitLengths, batched_context, plan_stretches, plan_units
from restore.jobs.job import JOURNAL, Entry, Job, has_sha256, job_folder, read_journal
from restore.jobs.report import file_sha256
from restore.jobs.unit_encoder import UnitEncoder
from restore.jobs.unit_file import joined
from restore.media.film.frames import SourceFrame
from restore.media.film.sink import FilmSink
from restore.paint.painter import Painter
from restore.prefetch import prefetch
from restore.temporal import Strength

__all__ = ["FilmJob", "FinishedUnit", "frames_from", "is_finished_result"]

DECODED_AHEAD = 4  # frames between decoder and network, beside a batch
COLOURED_AHEAD = 4  # frames between network and encoder


@dataclass(frozen=True)
class FinishedUnit:
    """A unit that lies in the job folder, as its journal has it."""

    first: int
    frames: int
    after_cut: bool
    ends: str
    """What comes behind it: ``cut``, ``stretch`` or ``film`` for the end."""

    sha256: str
    seconds: float
    warnings: list[str] = field(default_factory=list)
    """Of the whole source, known behind its last frame."""

    @property
    def name(self) -> str:
        return f"{self.first:09d}.unit"

    @property
    def next_unit(self) -> Unit | None:
        """None at the end of the film."""
        return None if self.ends == "film" else Unit(self.first + self.frames, after_cut=self.ends == "cut")


class FilmJob(Generic[Frame]):
    """Brings a job from wherever it is to a complete film.

    Memory does not grow with the film: a few numbers a unit, a frame's time while units are joined.
    """

    def __init__(
        self,
        job: Job,
        sink: FilmSink,
        stages: FilmStages[Frame],
        lengths: UnitLengths,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self.job, self.sink, self.stages, self.lengths = job, sink, stages, lengths
        self.progress = progress
        self.finished: dict[int, FinishedUnit] = {}
        self.is_joined = is_finished_result(sink.file.target)
        """An earlier run gave the output its name; its units may be gone."""
        job.keep(self.is_sound)
        self.frames_done = sum(unit.frames for unit in self.finished.values())

    def is_sound(self, entry: Entry) -> bool:
        """Takes a unit over from an earlier run, if its file is what it was."""
        if "unit" not in entry:
            return True
        unit = FinishedUnit(**entry["unit"])
        if not self.is_joined and not has_sha256(self.job.unit_path(unit.name), unit.sha256):
            self.job.warn(f"frames {unit.first} to {unit.first + unit.frames - 1} are damaged and done again")
            return False
        self.finished[unit.first] = unit
        return True

    # What is there

    def in_order(self) -> tuple[list[FinishedUnit], Unit | None]:
        """Finished units from the first one on, and the first that is missing; None where the film is complete."""
        units: list[FinishedUnit] = []
        following: Unit | None = Unit(0, after_cut=True)
        while following is not None:
            unit = self.finished.get(following.first)
            if unit is None or unit.after_cut != following.after_cut:
                return units, following
            units.append(unit)
            following = unit.next_unit
        return units, None

    # Colouring

    def colour(self, film: Film, reopen: Callable[[], Film]) -> None:
        """Does every unit that is missing. ``reopen`` gives the film again where several parts are."""
        done, start = self.in_order()
        if start is not None:
            self.colour_from(film, start, done)
            done, start = self.in_order()
        while start is not None:
            with reopen() as again:
                self.colour_from(again, start, done)
            done, start = self.in_order()

    def colour_from(self, film: Film, start: Unit, before: list[FinishedUnit]) -> None:
        """Does the units from ``start`` to the next that is there, or to the film's end."""
        painter = self.stages.painter()
        origin, first_read = start, start.first
        if painter.from_shot_start and not start.after_cut:
            origin = Unit(max(unit.first for unit in before if unit.after_cut), after_cut=True)
            first_read = origin.first
        elif before:
            previous = Unit(before[-1].first, before[-1].after_cut)
            first_read = batched_context(start, previous, self.lengths.context, self.stages.batch)
        decoded = prefetch(frames_from(film, first_read), DECODED_AHEAD)
        coloured = prefetch(self.middle(decoded, painter, origin, first_read, start), COLOURED_AHEAD)
        with closing(decoded), closing(coloured):
            following: Coloured | None = next(coloured, None)
            while following is not None and following[2].first not in self.finished:
                following = self.make_unit(film, following, coloured)

    def make_unit(self, film: Film, first: Coloured, rest: Iterator[Coloured]) -> Coloured | None:
        """Encodes a unit; gives the first frame of the next one, None at the end of the film."""
        started = time.monotonic()
        unit = first[2]
        path = self.job.unit_path(f"{unit.first:09d}.unit")
        encoder = UnitEncoder(self.sink, path)
        following: Coloured | None = first
        try:
            while following is not None and following[2] == unit:
                encoder.encode(self.stages.picture(following[0], following[1]))
                self.step(film)
                following = next(rest, None)
            sha256 = encoder.finish()
        finally:
            encoder.close()
        ends = "film" if following is None else "cut" if following[2].after_cut else "stretch"
        self.note(
            FinishedUnit(
                first=unit.first,
                frames=encoder.frames,
                after_cut=unit.after_cut,
                ends=ends,
                sha256=sha256,
                seconds=round(time.monotonic() - started, 3),
                warnings=film.warnings if following is None else [],
            )
        )
        return following

    def middle(
        self, frames: Iterable[SourceFrame], painter: Painter, origin: Unit, first_read: int, start: Unit
    ) -> Iterator[Coloured]:
        """Source frames from ``first_read`` on to planes from ``start`` on; units are planned from ``origin`` on."""
        stages, lengths = self.stages, self.lengths
        prepared = iter(stages.prepare(frames))
        before = (Planned(frame, None, None) for frame in islice(prepared, origin.first - first_read))
        plan = plan_units if self.find_cuts(painter) else plan_stretches
        planned = chain(before, plan(prepared, origin, lengths))
        return stages.coloured(planned, painter, first=first_read, start=start.first, context=lengths.context)

    def find_cuts(self, painter: Painter) -> bool:
        """Whether anybody wants to know."""
        return self.stages.strength is not Strength.OFF or painter.from_shot_start

    def note(self, unit: FinishedUnit) -> None:
        self.finished[unit.first] = unit
        self.job.add({"unit": asdict(unit)})

    def step(self, film: Film, frames: int = 1) -> None:
        self.frames_done += frames
        if self.progress is not None:
            self.progress(self.frames_done, film.layout.frame_count_estimate)

    # Joining

    def assemble(self) -> None:
        """Joins all units under the output's name, unless an earlier run came that far."""
        units, missing = self.in_order()
        assert missing is None, "only a complete film is joined"
        target = self.sink.file.target
        if self.is_joined:
            return
        self.sink.before_naming = self.note_result
        with self.sink as sink:
            parts = [(self.job.unit_path(unit.name), unit.sha256) for unit in units]
            sink.write_encoded(joined(parts, extradata=sink.stream.codec_context.extradata, target=target))

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


def frames_from(film: Film, first: int) -> Iterator[SourceFrame]:
    """The film's frames from an index on.

    Those before are decoded and dropped, not skipped by a seek: only so are the times of files that have none, filters
    that remember, open groups of pictures and decoders that mend damage sure to give the same frames again.
    """
    for frame in film.frames():
        if frame.index >= first:
            yield frame


def is_finished_result(target: Path) -> bool:
    """Whether a job was killed between naming its complete output and clearing up."""
    if not target.is_file():
        return False
    results = [entry["result"] for entry in read_journal(job_folder(target) / JOURNAL).entries if "result" in entry]
    return bool(results) and has_sha256(target, results[-1])
