"""Thermal pictures and recordings to believable colour: files and folders of every kind that cameras write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restore.errors import DamagedMediaError, DeviceError, DiskError, OutputError, RechromaError
from restore.jobs.film_job import is_finished_result
from restore.jobs.photo_stages import one_line
from restore.jobs.plan import THERMAL, THERMAL_STILLS, WRITABLE_FILMS, Plan, Target, make_plan
from restore.jobs.report import file_sha256
from restore.jobs.thermal_output import RawWriter, raw_paths, write_still
from restore.jobs.thermal_recording import Colouring, colour_recording
from restore.jobs.thermal_report import ReportJournal, write_thermal_report
from restore.jobs.thermal_stages import LIGHTS, ThermalOptions, in_range, still_picture
from restore.jobs.video_stages import quarter_turns
from restore.media.files import check_writable, clear_temporary
from restore.media.thermal import ThermalFrame, ThermalSource, guess_polarity, open_thermal
from restore.paint.thermal import ThermalPainter, open_thermal_painter

__all__ = ["ThermalOptions", "ThermalReport", "colorize_thermal"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Told after every file: how many are done, and of how many."""

HEAD_FRAMES = 3
"""Of a recording, by which polarity and light are settled."""


@dataclass
class ThermalReport:
    """What was done; ``report_path`` of the output holds it as JSON."""

    files: list[dict[str, Any]] = field(default_factory=list)
    """One entry a result of this run: source, output, kind, values, metadata, decisions, warnings."""

    skipped: list[Path] = field(default_factory=list)
    """Results that were there already."""

    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and in a line each why there is no result."""

    ignored: int = 0
    seconds: float = 0.0

    @property
    def written(self) -> list[Path]:
        return [Path(entry["output"]) for entry in self.files]

    @property
    def warnings(self) -> list[tuple[Path, str]]:
        return [(Path(entry["source"]), line) for entry in self.files for line in entry["warnings"]]


def colorize_thermal(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    painter: ThermalPainter | None = None,
    options: ThermalOptions | None = None,
    progress: Progress | None = None,
) -> ThermalReport:
    """Colours thermal files and folders of them into ``out``, a folder, or a file where the input is one.

    A bad file never stops the rest: it is in the report with its reason. Results are written beside their names and
    renamed; those that are there already are skipped unless ``options.overwrite``. Killed and called again, it goes on:
    finished files stay, and an unfinished recording, what of it was finished. Raises the errors of
    :mod:`restore.errors` for what stops all of it: no input, an output place that cannot be, a full disk, a model or
    device that is not there; and for whatever is wrong with the input where ``out`` is one file.
    """
    options = options or ThermalOptions()
    started = time.monotonic()
    out = Path(out)
    plan = make_plan(THERMAL, [Path(path) for path in inputs], out)
    painter = painter or open_thermal_painter(threads=options.threads)
    options.luma_of(painter)
    options.check_light(painter)
    check_writable(out.parent if plan.single else out)
    report = ThermalReport(failed=list(plan.failed), ignored=plan.ignored)
    with ReportJournal(plan) as journal:
        colour_files(plan, painter, options, report, journal, progress)
        report.seconds = time.monotonic() - started
        if report.files or report.failed or journal.earlier:
            write_thermal_report(report, plan, painter.facts, asdict(options), journal.earlier)
        journal.done()
    return report


def colour_files(
    plan: Plan,
    painter: ThermalPainter,
    options: ThermalOptions,
    report: ThermalReport,
    journal: ReportJournal,
    progress: Progress | None,
) -> None:
    """One after another; what became of each is in the report. Raises what stops all of it."""
    assert plan.out is not None
    was_killed = plan.single or has_parts(plan.out)
    for number, planned in enumerate(plan.targets):
        path = planned.source
        try:
            entry = colour_file(planned, plan, painter, options, was_killed=was_killed)
        except (DiskError, DeviceError):
            raise
        except (RechromaError, OSError, MemoryError) as error:
            if plan.single and isinstance(error, RechromaError):
                raise
            reason = one_line(error).removeprefix(f"{path}: ").replace(f"{path} is ", "it is ")
            log.info("%s: %s", path, reason)
            report.failed.append((path, reason))
        else:
            if isinstance(entry, Path):
                report.skipped.append(entry)
            else:
                report.files.append(entry)
                journal.add(entry)
        if progress is not None:
            progress(number + 1, len(plan.targets))


def has_parts(folder: Path) -> bool:
    """Whether a killed run left something half-written, looked for once a batch."""
    return next(folder.rglob(".*.part"), None) is not None


def colour_file(
    planned: Target, plan: Plan, painter: ThermalPainter, options: ThermalOptions, *, was_killed: bool
) -> dict[str, Any] | Path:
    """One file; its entry in the report, or the result that was there already."""
    path = planned.source
    with open_thermal(path, palette=options.palette, threads=options.threads) as source:
        target = plan.named(planned, result_suffix(source, options)).output
        if plan.single:
            check_suffix(source, target)
        unreported = source.is_recording and is_finished_result(target)  # killed before it could be said
        if target.exists() and not (options.overwrite or unreported):
            if plan.single:
                raise OutputError(f"{target} exists; choose another name or use --overwrite")
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        if was_killed:
            clear_temporary([target, *raw_paths(target).values()])
        sha256 = file_sha256(path)  # first: what cannot be read to its end leaves no result
        job = FileJob(source, target, painter, options)
        job.run()
        return {
            "source": str(path),
            "output": str(target),
            "kind": source.kind,
            "source_sha256": sha256,
            "seconds": round(job.seconds, 3),
            **job.facts(),
        }


def result_suffix(source: ThermalSource, options: ThermalOptions) -> str:
    """The ending of a result in a folder."""
    if not source.is_recording:
        return "." + options.still_format.replace("jpeg", "jpg")
    suffix = source.path.suffix.lower()
    return suffix if suffix in WRITABLE_FILMS else ".mkv"


def check_suffix(source: ThermalSource, target: Path) -> None:
    """Raises ``OutputError`` for a single result whose name is one of the other kind."""
    known = WRITABLE_FILMS if source.is_recording else THERMAL_STILLS
    if target.suffix.lower() not in known:
        kind = "recording" if source.is_recording else "picture"
        raise OutputError(f"{source.path} is a {kind}; its result ends in {', '.join(sorted(known))}")


class FileJob:
    """From an open source to what is written of it."""

    def __init__(self, source: ThermalSource, target: Path, painter: ThermalPainter, options: ThermalOptions) -> None:
        self.source, self.target, self.painter, self.options = source, target, painter, options
        self.seen: Seen | None = None
        self.black_hot = self.has_temperatures = False
        self.decisions: list[str] = []
        self.warnings: list[str] = []
        self.source_warnings: list[str] = []
        self.seconds = 0.0
        """Of work, in this run and those before."""

    def run(self) -> None:
        """Raises ``InputError`` for a source without a frame, ``OutputError`` and ``EncoderError``."""
        head = self.first_frames()
        self.has_temperatures = head[0].radiometry is not None
        self.black_hot = self.settled_polarity(head) == "black"
        self.settle_light(head)
        if self.options.keep_raw and self.source.bit_depth <= 8:
            self.warnings.append("it holds no sensor's values to keep, only a rendered picture")
        started = time.monotonic()
        if self.source.is_recording:
            self.run_recording()
            return
        (frame,) = self.watched(self.source, head)
        picture = still_picture(frame, self.source, self.painter, self.options, black_hot=self.black_hot)
        write_still(self.target, picture, upsampling=self.options.upsampling)
        self.source_warnings = self.source.warnings
        self.seconds = time.monotonic() - started

    def first_frames(self) -> list[ThermalFrame]:
        """Of a recording; of a picture, the one. They are read again for colouring where there are more."""
        with closing(self.source.frames()) as frames:
            head = [frame for _, frame in zip(range(HEAD_FRAMES), frames, strict=False)]
        if not head:
            raise DamagedMediaError("not one frame of it can be read")
        return head

    def run_recording(self) -> None:
        def watch(source: ThermalSource) -> Iterator[ThermalFrame]:
            return self.watched(source, source.frames())

        colouring = Colouring(self.target, self.painter, self.options, self.black_hot, self.open_again, watch)
        done = colour_recording(self.source, colouring)
        if self.seen is None:  # an earlier run read it to its end
            with self.open_again() as again:
                for _ in watch(again):
                    pass
        self.decisions += done.decisions
        self.warnings += done.warnings
        self.seconds = done.seconds

    def open_again(self) -> ThermalSource:
        return open_thermal(self.source.path, palette=self.options.palette, threads=self.options.threads)

    def settled_polarity(self, head: list[ThermalFrame]) -> str:
        """White or black, and in the decisions why."""
        if self.options.polarity != "auto":
            self.decisions.append(f"{self.options.polarity}-hot, as asked")
            return self.options.polarity
        if self.source.polarity is not None:
            self.decisions.append(f"{self.source.polarity}-hot, by the file")
            return self.source.polarity
        guessed = guess_polarity([frame.raw for frame in head])
        if guessed is not None:
            self.decisions.append(f"{guessed}-hot, by sky and small hot things in the picture")
            return guessed
        self.warnings.append("whether white or black is hot cannot be told and is taken as white; see --polarity")
        return "white"

    def settle_light(self, head: list[ThermalFrame]) -> None:
        """One light for all frames, so that a recording does not waver between day and night; in the decisions why."""
        if not self.painter.knows_light:
            return
        if self.options.light != "auto":
            light = LIGHTS[self.options.light]
            self.decisions.append(f"painted as by {self.options.light}, as asked")
        else:
            light = round(self.guessed_light(head), 2)  # so that no machine's rounding changes a resumed recording
            name, sure = "day" if light >= 0 else "night", abs(light)
            self.decisions.append(f"painted as by {name}, guessed from its texture ({sure:.2f} of 1 sure); see --light")
        self.painter = self.painter.in_light(light)

    def guessed_light(self, head: list[ThermalFrame]) -> float:
        film = self.source.film
        turns = 0 if film is None else quarter_turns(film.layout.rotation)
        ranged = in_range(head, self.source, black_hot=self.black_hot, method=self.options.range)
        return self.painter.guessed_light([np.ascontiguousarray(np.rot90(luma, turns)) for _, luma in ranged])

    def watched(self, source: ThermalSource, frames: Iterable[ThermalFrame]) -> Iterator[ThermalFrame]:
        """The frames on their way, counted, measured and kept: all of them, or there is nothing of it."""
        seen = Seen()
        with ExitStack() as stack:
            raw_writer = None
            if self.options.keep_raw and source.bit_depth > 8:
                writer = RawWriter(self.target, source, has_temperatures=self.has_temperatures)
                raw_writer = stack.enter_context(writer)
                seen.raw_files = writer.paths
            for frame in frames:
                seen.add(frame)
                if raw_writer is not None:
                    raw_writer.write(frame)
                yield frame
        self.seen = seen

    def facts(self) -> dict[str, Any]:
        """For the report; complete when it has run."""
        source = self.source
        assert self.seen is not None
        return {
            **self.seen.facts(),
            "width": source.shape[1],
            "height": source.shape[0],
            "bit_depth": source.bit_depth,
            "polarity": "black" if self.black_hot else "white",
            "palette": source.palette,
            "luma": self.options.luma_of(self.painter),
            "light": self.painter.facts.get("light"),
            "metadata": source.metadata,
            "decisions": [*source.decisions, *self.decisions],
            "warnings": [*self.source_warnings, *self.warnings],
        }


class Seen:
    """What went by of a file."""

    def __init__(self) -> None:
        self.frames = 0
        self.values, self.celsius = Extent(), Extent()
        self.raw_files: dict[str, Path] = {}

    def add(self, frame: ThermalFrame) -> None:
        self.frames += 1
        self.values.add(frame.raw)
        if frame.radiometry is not None:
            self.celsius.add(frame.radiometry.celsius(frame.raw))

    def facts(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "values": self.values.to_json(),
            "celsius": self.celsius.to_json(),
            "kept": {kind: str(path) for kind, path in self.raw_files.items()},
        }


class Extent:
    """Smallest and largest of what went by."""

    def __init__(self) -> None:
        self.lowest, self.highest = float("inf"), float("-inf")

    def add(self, values: Any) -> None:
        finite = values if values.dtype.kind == "u" else values[np.isfinite(values)]
        if finite.size:
            self.lowest = min(self.lowest, float(finite.min()))
            self.highest = max(self.highest, float(finite.max()))

    def to_json(self) -> dict[str, float] | None:
        if self.lowest > self.highest:
            return None
        return {"lowest": round(self.lowest, 2), "highest": round(self.highest, 2)}
