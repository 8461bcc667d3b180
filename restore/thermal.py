"""Thermal pictures and recordings to believable colour: files and folders of every kind that cameras write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restore.errors import DamagedMediaError, DeviceError, DiskError, OutputError, RechromaError
from restore.media.thermal import ThermalFrame, ThermalSource, guess_polarity, open_thermal
from restore.photo_parts import check_writable
from restore.photo_stages import one_line
from restore.prefetch import prefetch
from restore.report import file_sha256
from restore.thermal_output import FilmWriter, RawWriter, as_film, write_still
from restore.thermal_painting import ThermalPainter, open_thermal_painter
from restore.thermal_plan import ThermalPlan, plan_thermal
from restore.thermal_report import write_thermal_report
from restore.thermal_stages import ThermalOptions, shown_pictures
from restore.video import quarter_turns

__all__ = ["ThermalOptions", "ThermalReport", "colorize_thermal"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Told after every file: how many are done, and of how many."""

AHEAD = 2
POLARITY_FRAMES = 3


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
    renamed; those that are there already are skipped unless ``options.overwrite``. Raises the errors of
    :mod:`restore.errors` for what stops all of it: no input, an output place that cannot be, a full disk, a model or
    device that is not there; and for whatever is wrong with the input where ``out`` is one file.
    """
    options = options or ThermalOptions()
    started = time.monotonic()
    out = Path(out)
    plan = plan_thermal([Path(path) for path in inputs], out)
    painter = painter or open_thermal_painter(threads=options.threads)
    options.luma_of(painter)
    check_writable(out.parent if plan.single else out)
    report = ThermalReport(failed=list(plan.failed), ignored=plan.ignored)
    for number, (path, place) in enumerate(plan.files):
        try:
            entry = colour_file(path, place, plan, painter, options)
        except (DiskError, DeviceError):
            raise
        except (RechromaError, OSError, MemoryError) as error:
            if plan.single and isinstance(error, RechromaError):
                raise
            reason = one_line(error).removeprefix(f"{path}: ")
            log.info("%s: %s", path, reason)
            report.failed.append((path, reason))
        else:
            if isinstance(entry, Path):
                report.skipped.append(entry)
            else:
                report.files.append(entry)
        if progress is not None:
            progress(number + 1, len(plan.files))
    report.seconds = time.monotonic() - started
    if report.files or report.failed:
        write_thermal_report(report, plan, painter.facts, asdict(options))
    return report


def colour_file(
    path: Path, place: Path, plan: ThermalPlan, painter: ThermalPainter, options: ThermalOptions
) -> dict[str, Any] | Path:
    """One file; its entry in the report, or the result that was there already."""
    started = time.monotonic()
    with open_thermal(path, palette=options.palette, threads=options.threads) as source:
        target = plan.destination(source, place, "." + options.still_format.replace("jpeg", "jpg"))
        if target.exists() and not options.overwrite:
            if plan.single:
                raise OutputError(f"{target} exists; choose another name or use --overwrite")
            return target
        if target.exists() and target.samefile(path):
            raise OutputError(f"{target} is the input itself; choose another output")
        target.parent.mkdir(parents=True, exist_ok=True)
        job = FileJob(source, target, painter, options)
        job.run()
        return {
            "source": str(path),
            "output": str(target),
            "kind": source.kind,
            "source_sha256": file_sha256(path),
            "seconds": round(time.monotonic() - started, 3),
            **job.facts(),
        }


class FileJob:
    """From an open source to what is written of it."""

    def __init__(self, source: ThermalSource, target: Path, painter: ThermalPainter, options: ThermalOptions) -> None:
        self.source, self.target, self.painter, self.options = source, target, painter, options
        self.values = Extent()
        self.celsius = Extent()
        self.frames = 0
        self.raw_files: dict[str, Path] = {}
        self.decisions: list[str] = []
        self.warnings: list[str] = []

    def run(self) -> None:
        """Raises ``InputError`` for a source without a frame, ``OutputError`` and ``EncoderError``."""
        with ExitStack() as stack:
            frames = stack.enter_context(closing(self.source.frames()))
            head = [frame for _, frame in zip(range(POLARITY_FRAMES), frames, strict=False)]
            if not head:
                raise DamagedMediaError("not one frame of it can be read")
            self.black_hot = self.settled_polarity(head) == "black"
            raw_writer = self.raw_writer(stack, has_temperatures=head[0].radiometry is not None)
            watched = self.watched(chain_of(head, frames), raw_writer)
            if self.source.is_recording:
                self.write_film(stack, watched)
            else:
                pictures = shown_pictures(watched, self.source, self.painter, self.options, black_hot=self.black_hot)
                write_still(self.target, next(iter(pictures)), upsampling=self.options.upsampling)

    def write_film(self, stack: ExitStack, frames: Iterator[ThermalFrame]) -> None:
        film = stack.enter_context(as_film(self.source, self.options))
        turns = quarter_turns(film.format.rotation)
        writer = FilmWriter(self.target, film, self.options)
        self.decisions += writer.sink.decisions
        stack.enter_context(writer)
        ahead = prefetch(
            shown_pictures(frames, self.source, self.painter, self.options, black_hot=self.black_hot, turns=turns),
            AHEAD,
        )
        with closing(ahead):
            for picture in ahead:
                writer.write(picture)
        self.warnings += writer.sink.warnings

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

    def raw_writer(self, stack: ExitStack, *, has_temperatures: bool) -> RawWriter | None:
        if not self.options.keep_raw:
            return None
        if self.source.bit_depth <= 8:
            self.warnings.append("it holds no sensor's values to keep, only a rendered picture")
            return None
        writer = RawWriter(self.target, self.source, has_temperatures=has_temperatures)
        self.raw_files = writer.paths
        return stack.enter_context(writer)

    def watched(self, frames: Iterator[ThermalFrame], raw_writer: RawWriter | None) -> Iterator[ThermalFrame]:
        """The frames on their way, counted, measured and kept."""
        for frame in frames:
            self.frames += 1
            self.values.add(frame.raw)
            if frame.radiometry is not None:
                self.celsius.add(frame.radiometry.celsius(frame.raw))
            if raw_writer is not None:
                raw_writer.write(frame)
            yield frame

    def facts(self) -> dict[str, Any]:
        """For the report; complete when it has run."""
        source = self.source
        return {
            "frames": self.frames,
            "width": source.shape[1],
            "height": source.shape[0],
            "bit_depth": source.bit_depth,
            "polarity": "black" if self.black_hot else "white",
            "palette": source.palette,
            "luma": self.options.luma_of(self.painter),
            "values": self.values.to_json(),
            "celsius": self.celsius.to_json(),
            "kept": {kind: str(path) for kind, path in self.raw_files.items()},
            "metadata": source.metadata,
            "decisions": [*source.decisions, *self.decisions],
            "warnings": [*source.warnings, *self.warnings],
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


def chain_of(head: list[ThermalFrame], rest: Iterator[ThermalFrame]) -> Iterator[ThermalFrame]:
    yield from head
    yield from rest
