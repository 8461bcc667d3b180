"""The journal of a batch of photos: which results are there, and which windows must be done again.

A line is written before its result gets its name, so that every result of ours has one; whether the result is there,
and is what was written, its SHA-256 tells when a killed batch goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from restore.jobs.job import Job as JobFolder
from restore.jobs.job import holds
from restore.jobs.journal import Entry
from restore.photo_plan import Job

__all__ = ["Finished", "PhotoJournal"]

SYNC_SECONDS = 1.0
"""What a power cut may take. A dying process takes nothing, and results themselves are checked."""


@dataclass(frozen=True)
class Finished:
    """A file that needs no more work in this batch: coloured, or failed for a reason."""

    place: str
    """Of the file among the results, in the output folder; its only result's own."""

    source: str
    stamp: list[int]
    """Bytes and time of change of the source."""

    results: dict[str, str] = field(default_factory=dict)
    """Place of each result in the output folder, and its SHA-256; empty where the file failed."""

    variants: list[dict[str, Any]] = field(default_factory=list)
    """For the report: ``place`` (of a member, in its tar), ``seed`` and ``log_likelihood`` of what was drawn."""

    starts_window: bool = False
    pictures: int = 1
    """More in a tar, none in a failure."""

    failed: list[tuple[str, str]] = field(default_factory=list)
    """Paths and reasons."""

    warnings: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    """Since the one before."""


class PhotoJournal:
    """What is known of a batch's files, by the place of their results."""

    def __init__(self, folder: JobFolder, out: Path) -> None:
        self.folder, self.out = folder, out
        self.finished: dict[str, Finished] = {}
        self.to_replace: set[str] = set()
        """Places of results of ours that are there, and are not what they should be."""
        self.problems: dict[str, str] = {}
        folder.keep(self.is_sound)
        for problem in self.problems.values():
            folder.warn(f"{problem} and is done again")
        self.synced = self.noted = time.monotonic()

    def place(self, job: Job) -> str:
        return os.path.relpath(job.destination, self.out)

    def is_sound(self, entry: Entry) -> bool:
        """Takes over what an earlier run finished, if source and results are what they were.

        A line of results stays, whatever became of them or of their source: it says that they are ours. A later line
        of the same file replaces it.
        """
        finished = Finished(**entry["photo"])
        problem = self.problem_of(finished)
        self.problems.pop(finished.place, None)
        if problem is None:
            self.finished[finished.place] = finished
            self.to_replace.difference_update(finished.results)
            return True
        if problem:
            self.problems[finished.place] = problem
        if finished.results:
            self.finished.pop(finished.place, None)
            self.to_replace.update(finished.results)
        return bool(finished.results)

    def problem_of(self, finished: Finished) -> str | None:
        """Why a file must be done again; empty where nothing is wrong but that results are missing."""
        if finished.stamp != stamp_of(Path(finished.source)):
            return f"{finished.source} has changed"
        bad = [self.out / place for place, sha256 in finished.results.items() if not holds(self.out / place, sha256)]
        damaged = [result for result in bad if result.exists()]
        if damaged:
            return f"{damaged[0]} is damaged"
        return "" if bad else None

    def is_done(self, job: Job) -> bool:
        return self.place(job) in self.finished

    def is_mine(self, result: Path) -> bool:
        """Whether a result that is there is an earlier run's, and to be written again."""
        return os.path.relpath(result, self.out) in self.to_replace

    def note(self, finished: Finished) -> None:
        """Writes down what is about to get its name, or has failed."""
        now = time.monotonic()
        self.finished[finished.place] = finished
        sync = now - self.synced > SYNC_SECONDS
        self.folder.add({"photo": {**asdict(finished), "seconds": round(now - self.noted, 3)}}, sync=sync)
        self.noted = now
        if sync:
            self.synced = now

    def forget(self, finished: Finished) -> None:
        """Its result could not be named. The line stays, and says nothing without the result."""
        if self.finished.get(finished.place) is finished:
            del self.finished[finished.place]
            self.folder.entries.pop()

    def windows_to_do(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, bool, bool]]:
        """Jobs of every window in which something is missing; whether one starts it, and whether it is missing.

        Windows are filled in the order of jobs, so those between two known starts are known, and from any known start
        on they come out as before.
        """
        for starts, window in self.known_windows(jobs):
            missing = [not self.is_done(job) for job in window]
            if any(missing):
                for index, job in enumerate(window):
                    yield job, starts and index == 0, missing[index]

    def known_windows(self, jobs: Sequence[Job]) -> Iterable[tuple[bool, list[Job]]]:
        window: list[Job] = []
        starts = False
        for job in jobs:
            finished = self.finished.get(self.place(job))
            if finished is not None and finished.starts_window:
                yield starts, window
                window, starts = [], True
            window.append(job)
        yield starts, window


def stamp_of(path: Path) -> list[int]:
    """Size and time of change in nanoseconds; empty where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]
