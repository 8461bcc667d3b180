"""The journal of a batch of photos: which results are there, and which windows must be done again.

A line is written before its result gets its name, so that every result of ours has one; whether the result is there,
and is what was written, its SHA-256 tells when a killed batch goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restore.jobs.job import Entry, Job, has_sha256
from restore.jobs.plan import Target

__all__ = ["Finished", "PhotoJournal", "ToDo", "place_in", "stamp_of"]

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


@dataclass(frozen=True)
class ToDo:
    """A file of a window."""

    job: Target
    starts_window: bool = False
    """It began one in an earlier run, so it does again."""

    wanted: bool = True
    """False for mere company."""


class PhotoJournal:
    """What earlier runs did of a batch; what this one does is in the file alone, however many files there are."""

    def __init__(self, folder: Job, out: Path) -> None:
        self.folder, self.out = folder, out
        self.finished: dict[str, Finished] = {}
        """Of earlier runs, by the place of their results, but for those that are done again."""
        self.tar_pictures: dict[str, int] = {}
        """How many this run coloured in each tar."""
        self.to_replace: set[str] = set()
        """Places of results of ours that are there, and are not what they should be."""
        self.problems: dict[str, str] = {}
        folder.keep(self.is_sound)
        for problem in self.problems.values():
            folder.warn(f"{problem} and is done again")
        folder.entries.clear()  # what they say is in `finished`
        self.seconds = sum(one.seconds for one in self.finished.values())
        """Of all runs."""
        self.synced = self.noted = time.monotonic()

    def place(self, job: Target) -> str:
        return place_in(self.out, job.output)

    def is_sound(self, entry: Entry) -> bool:
        """Takes over what an earlier run finished, if source and results are what they were.

        A line of results stays, whatever became of them or of their source: it says that they are ours. A later line
        of the same file replaces it.
        """
        finished = Finished(**entry["file"])
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
        bad = [
            self.out / place for place, sha256 in finished.results.items() if not has_sha256(self.out / place, sha256)
        ]
        damaged = [result for result in bad if result.exists()]
        if damaged:
            return f"{damaged[0]} is damaged"
        return "" if bad else None

    def is_done(self, job: Target) -> bool:
        return self.place(job) in self.finished

    def is_mine(self, result: Path) -> bool:
        """Whether a result that is there is an earlier run's, and to be written again."""
        return place_in(self.out, result) in self.to_replace

    def note(self, finished: Finished) -> None:
        """Writes down what is about to get its name, or has failed."""
        now = time.monotonic()
        self.finished.pop(finished.place, None)
        if finished.pictures > 1:
            self.tar_pictures[finished.place] = finished.pictures
        sync = now - self.synced > SYNC_SECONDS
        seconds = round(now - self.noted, 3)
        self.folder.add({"file": {**vars(finished), "seconds": seconds}}, sync=sync, remember=False)
        self.seconds += seconds
        self.noted = now
        if sync:
            self.synced = now

    def forget(self) -> None:
        """What was noted last could not be named. The line stays, and says nothing without the result."""
        self.folder.count -= 1

    def windows_to_do(self, jobs: Sequence[Target]) -> Iterator[ToDo]:
        """The files of every window in which something is missing.

        Windows are filled in the order of jobs, so those between two known starts are known, and from any known start
        on they come out as before. Between two of them may be several windows where workers did others first.
        """
        for starts, window in self.known_windows(jobs):
            missing = [not self.is_done(job) for job in window]
            if any(missing):
                for index, job in enumerate(window):
                    yield ToDo(job, starts_window=starts and index == 0, wanted=missing[index])

    def known_windows(self, jobs: Sequence[Target]) -> Iterable[tuple[bool, list[Target]]]:
        window: list[Target] = []
        starts = False
        for job in jobs:
            finished = self.finished.get(self.place(job))
            if finished is not None and finished.starts_window:
                yield starts, window
                window, starts = [], True
            window.append(job)
        yield starts, window


def place_in(out: Path, result: Path) -> str:
    """Of a result in the output folder; of one that is the output itself, a dot."""
    folder, name = os.fspath(out) + os.sep, os.fspath(result)
    return name[len(folder) :] if name.startswith(folder) else os.path.relpath(result, out)


def stamp_of(path: Path) -> list[int]:
    """Size and time of change in nanoseconds; empty where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]
