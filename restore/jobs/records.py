"""The files that a batch has finished, as its journal has them.

A line is written before its results get their names, so that every result of ours has one; whether a result is there,
and is what was written, its SHA-256 says when a killed batch is resumed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from restore.jobs.job import JOURNAL, Entry, Job, has_sha256, read_journal
from restore.jobs.plan import Target

SYNC_SECONDS = 1.0
"""What a power cut may take. A dying process takes nothing, and results themselves are checked."""

MOST_HASHED = 1 << 28
"""Bytes; larger results are on the disk before they get their names, so their size says enough."""


@dataclass(frozen=True)
class FileRecord:
    """A file that needs no more work in this batch: coloured, or failed for a reason."""

    place: str
    """Place of :attr:`Target.planned` in the output folder: the file's name in this batch."""

    source: str
    stamp: list[int]
    """Bytes and time of change of the source."""

    source_sha256: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    """Place of each result in the output folder, and its SHA-256; empty where the file failed."""

    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of results that are too large to be hashed again."""

    frames: int = 1
    """Pictures of a tar or frames of a film; 0 in a failure."""

    seconds: float = 0.0
    decisions: list[str] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """Paths, which may be a tar's members, and what of them could not be kept."""

    failed: list[tuple[str, str]] = field(default_factory=list)
    """Paths, which may be a tar's members, and reasons."""

    variants: list[dict[str, Any]] = field(default_factory=list)
    """``place``, ``seed`` and ``log_likelihood`` of each sampled colouring; in a tar the place of a member."""

    details: dict[str, Any] = field(default_factory=dict)
    """What a family says of its own: a thermal file's values and metadata, a film's filters."""

    def with_sizes(self, out: Path) -> FileRecord:
        """With the sizes of results that have their names and are large."""
        stamps = {place: stamp_of(out / place) for place in self.outputs}
        return replace(self, sizes={place: stamp[0] for place, stamp in stamps.items() if stamp[:1] > [MOST_HASHED]})

    def failing(self, reason: str) -> FileRecord:
        """Without results."""
        failed = [*self.failed, (self.source, reason)]
        return replace(self, outputs={}, sizes={}, variants=[], frames=0, failed=failed)

    def without(self, places: set[str]) -> FileRecord:
        """With fewer results."""
        return replace(
            self,
            outputs={place: sha256 for place, sha256 in self.outputs.items() if place not in places},
            variants=[variant for variant in self.variants if variant["place"] not in places],
        )


class Records:
    """What earlier runs did of a batch; what this one does is in the file alone, however many files there are."""

    def __init__(self, job: Job | None, out: Path) -> None:
        """Without a ``job`` nothing was done before, and records are kept here."""
        self.job, self.out = job, out
        self.finished: dict[str, FileRecord] = {}
        """Of earlier runs, by their places, but for those that are done again."""
        self.to_replace: set[str] = set()
        """Places of results of ours that are there, and are not what they should be."""
        self.problems: dict[str, str] = {}
        self.here: list[FileRecord] = []
        if job is not None:
            job.keep(self.is_sound)
            for problem in self.problems.values():
                job.warn(f"{problem} and is done again")
            job.entries.clear()  # what they say is in `finished`
        self.synced = self.noted = time.monotonic()

    def is_sound(self, entry: Entry) -> bool:
        """Takes over what an earlier run finished, if source and results are what they were.

        A line of results stays, whatever became of them or of their source: it says that they are ours. A later line
        of the same file replaces it.
        """
        record = FileRecord(**entry["file"])
        problem = self.problem_of(record)
        self.problems.pop(record.place, None)
        if problem is None:
            self.finished[record.place] = record
            self.to_replace.difference_update(record.outputs)
            return True
        if problem:
            self.problems[record.place] = problem
        if record.outputs:
            self.finished.pop(record.place, None)
            self.to_replace.update(record.outputs)
        return bool(record.outputs)

    def problem_of(self, record: FileRecord) -> str | None:
        """Why a file must be done again; empty where nothing is wrong but that results are missing."""
        if record.stamp != stamp_of(Path(record.source)):
            return f"{record.source} has changed"
        bad = [self.out / place for place in record.outputs if not self.is_whole(record, place)]
        damaged = [result for result in bad if result.exists()]
        if damaged:
            return f"{damaged[0]} is damaged"
        return "" if bad else None

    def is_whole(self, record: FileRecord, place: str) -> bool:
        if place in record.sizes:
            return stamp_of(self.out / place)[:1] == [record.sizes[place]]
        return has_sha256(self.out / place, record.outputs[place])

    def place(self, target: Target) -> str:
        return place_in(self.out, target.planned)

    def of(self, target: Target) -> FileRecord | None:
        """What an earlier run says of a file that needs no more work."""
        return self.finished.get(self.place(target))

    def is_mine(self, result: Path) -> bool:
        """Whether a result that is there is an earlier run's, and to be written again."""
        return place_in(self.out, result) in self.to_replace

    def note(self, record: FileRecord) -> None:
        """Writes down what is about to get its name, or has failed. Raises ``DiskError`` and ``OutputError``."""
        now = time.monotonic()
        self.finished.pop(record.place, None)
        record = replace(record, seconds=record.seconds or round(now - self.noted, 3))
        sync = now - self.synced > SYNC_SECONDS
        self.noted = now
        if self.job is None:
            self.here.append(record)
            return
        self.job.add({"file": asdict(record)}, sync=sync, remember=False)
        if sync:
            self.synced = now

    def forget(self) -> None:
        """What was noted last could not be named. The line stays, and says nothing without the result."""
        if self.job is not None:
            self.job.count -= 1

    def all(self) -> Iterator[FileRecord]:
        """The last record of each file, of all runs of this batch. Raises ``OSError``."""
        if self.job is None:
            yield from self.here
            return
        entries = read_journal(self.job.folder / JOURNAL).entries
        last = {entry["file"]["place"]: entry["file"] for entry in entries if "file" in entry}
        yield from (FileRecord(**record) for record in last.values())


def place_in(out: Path, result: Path) -> str:
    """The place of a result in the output folder; a dot for one that is the output itself."""
    folder, name = os.fspath(out) + os.sep, os.fspath(result)
    return name[len(folder) :] if name.startswith(folder) else os.path.relpath(result, out)


def stamp_of(path: Path) -> list[int]:
    """Size and time of change in nanoseconds; empty where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]
