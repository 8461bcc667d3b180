"""A job folder: who works on an output, with what, and what of it is finished."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from restore.errors import OptionError
from restore.jobs.fingerprint import changes
from restore.jobs.journal import Entry, Journal, read_journal
from restore.jobs.lock import JobLock
from restore.media.files import clear_temporary, output_errors

__all__ = ["JOURNAL", "LOCK", "Job", "holds", "job_folder"]

log = logging.getLogger(__name__)

JOURNAL, LOCK, UNITS = "journal.jsonl", "lock", "units"
FORMAT = 1


def job_folder(output: Path) -> Path:
    """Where the job of an output lies: hidden in a folder of photos, beside a file."""
    return output / ".rechroma-job" if output.is_dir() else output.with_name(f"{output.name}.job")


class Job:
    """Everything that is kept of an unfinished job, for one ``with`` block.

    ``entries`` are those of earlier runs, and what is to be remembered of this one. The folder stays when the block
    ends, unless nothing was finished in it or :meth:`done` was called.

    Raises:
        OptionError: the job was begun with another source, other options, weights or program; ``restart`` forgets it.
        OutputError: another process works on it, or the folder cannot be written.
        DiskError: the disk is full.
    """

    def __init__(
        self, output: Path, facts: dict[str, Any], *, notes: dict[str, Any] | None = None, restart: bool = False
    ) -> None:
        """``facts`` decide whether a job can go on; ``notes`` are kept from its first run."""
        self.output, self.folder = output, job_folder(output)
        self.finished = False
        with output_errors(output):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = JobLock(self.folder / LOCK, job_of=output)
        try:
            with output_errors(output):
                self.open_journal(facts, notes or {}, restart)
        except BaseException:
            if not (self.folder / JOURNAL).exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.close()
            raise

    def open_journal(self, facts: dict[str, Any], notes: dict[str, Any], restart: bool) -> None:
        path = self.folder / JOURNAL
        found = read_journal(path)
        self.was_begun = path.exists()
        """An earlier run did not end."""
        if self.was_begun:
            clear_temporary([path, self.output, self.output.with_name(f"{self.output.name}.json")])
            for left in (self.folder / UNITS).glob(".*.part"):
                left.unlink(missing_ok=True)
        self.entries: list[Entry] = []
        self.count = 0
        """Of all entries, the others too."""
        self.notes = notes
        self.warnings: list[str] = []
        if found.header is None and path.exists() and not restart:
            self.warn(f"the journal of {self.output} is damaged at its beginning: all is done again")
        if found.header is not None and not restart:
            header = {"format": FORMAT, **facts}
            if changed := changes({key: found.header.get(key) for key in found.header if key != "notes"}, header):
                raise OptionError(
                    f"{self.output} was begun otherwise: {'; '.join(changed[:3])}; run it as before, or use --restart"
                )
            self.entries, self.notes = found.entries, found.header.get("notes", notes)
            if found.damaged:
                self.warn(
                    f"{found.damaged} lines of the journal of {self.output} are damaged: those parts are done again"
                )
        self.count = len(self.entries)
        if not self.entries:
            shutil.rmtree(self.folder / UNITS, ignore_errors=True)
        self.journal = Journal(path, {"format": FORMAT, **facts, "notes": self.notes}, self.entries)

    def warn(self, line: str) -> None:
        log.warning("%s", line)
        self.warnings.append(line)

    def keep(self, wanted: Callable[[Entry], bool]) -> None:
        """Forgets the entries that are not wanted, on the disk too."""
        kept = [entry for entry in self.entries if wanted(entry)]
        if len(kept) != len(self.entries):
            self.entries, self.count = kept, len(kept)
            with output_errors(self.output):
                self.journal.close()
                found = read_journal(self.folder / JOURNAL)
                assert found.header is not None
                self.journal = Journal(self.folder / JOURNAL, found.header, kept)

    def add(self, entry: Entry, *, sync: bool = True, remember: bool = True) -> None:
        """Something is finished: on the disk when this returns, if ``sync``; in ``entries`` too, if ``remember``."""
        with output_errors(self.output):
            self.journal.append(entry, sync=sync)
        self.count += 1
        if remember:
            self.entries.append(entry)

    def unit_path(self, name: str) -> Path:
        """Where a unit of this job lies; its folder exists."""
        folder = self.folder / UNITS
        with output_errors(self.output):
            folder.mkdir(exist_ok=True)
        return folder / name

    def done(self) -> None:
        """The output is complete under its name: the folder goes when the block ends."""
        self.finished = True

    def close(self) -> None:
        self.journal.close()
        is_over = self.finished or not self.count
        if is_over:
            # The journal goes last: as long as there is something to clear away, it says what it is.
            shutil.rmtree(self.folder / UNITS, ignore_errors=True)
            (self.folder / JOURNAL).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()
        if is_over:
            with suppress(OSError):  # on NFS and FUSE a file stays under another name as long as it is open
                self.folder.rmdir()

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.count and not self.finished:
            error.add_note("what is finished is kept: run the same command again and it goes on from there")
        self.close()


def holds(path: Path, sha256: str) -> bool:
    """Whether a file is there and is what was written."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
