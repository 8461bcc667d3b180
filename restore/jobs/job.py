"""A job folder: who works on an output, with what, and what of it is finished.

Its journal is an append-only list, a JSON object a line, each with its own checksum. A line counts once it is whole and
on the disk. A process that dies in the middle of one leaves a tail that is dropped; a line that was damaged later is
left out, counted, and its work is done again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from restore.errors import OptionError, OutputError
from restore.jobs.fingerprint import changes
from restore.media.files import clear_temporary, output_errors, sync_folder, write_beside

log = logging.getLogger(__name__)

JOURNAL, LOCK, UNITS = "journal.jsonl", "lock", "units"
FORMAT = 2
LONGEST_JOURNAL = 1 << 30
"""Bytes; a larger file is not a journal (that of a million photos is a third of it)."""

RESUME = "what is finished is kept: run the same command again to resume it"

Entry = dict[str, Any]


def job_folder(output: Path) -> Path:
    """Where the job of an output lies: hidden in a folder of results, beside a file."""
    return output / ".rechroma-job" if output.is_dir() else output.with_name(f"{output.name}.job")


class Job:
    """Everything that is kept of an unfinished job, for one ``with`` block.

    ``entries`` are those of earlier runs, and what is to be remembered of this one. The folder stays when the block
    ends, unless nothing was finished in it or :meth:`done` was called; a batch of films, whose own jobs may hold what
    is finished, sets ``keeps_empty``.

    Raises:
        OptionError: the job was begun with another source, other options, weights or program; ``restart`` forgets it.
        OutputError: another process works on it, or the folder cannot be written.
        DiskError: the disk is full.
    """

    def __init__(
        self,
        output: Path,
        identity: dict[str, Any],
        *,
        kind: str = "films",
        hints: dict[str, Any] | None = None,
        restart: bool = False,
    ) -> None:
        """``identity`` is all that changes a bit of the result; ``hints``, as counts, are kept from the first run.

        ``kind`` is ``films``, ``photos`` or ``thermal``.
        """
        self.output, self.folder = output, job_folder(output)
        self.finished = self.keeps_empty = False
        with output_errors(output):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = hold_lock(self.folder / LOCK, job_of=output)
        try:
            with output_errors(output):
                self.open_journal({"format": FORMAT, "kind": kind, **identity}, hints or {}, restart)
        except BaseException:
            if not (self.folder / JOURNAL).exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.release()
            raise

    def open_journal(self, header: Entry, hints: dict[str, Any], restart: bool) -> None:
        path = self.folder / JOURNAL
        content = read_journal(path)
        self.was_begun = path.exists()
        """An earlier run did not end."""
        if self.was_begun:
            self.clear_leftovers()
        self.entries: list[Entry] = []
        self.count = 0
        """The number of all entries, including those that are not remembered."""
        self.hints = hints
        self.warnings: list[str] = []
        if content.header is None and path.exists() and not restart:
            self.warn(f"the journal of {self.output} is damaged at its beginning: all is done again")
        if content.entries and content.header is not None and not restart:
            self.check_header(content.header, header)
            self.entries, self.hints = content.entries, content.header.get("hints", hints)
            if content.damaged:
                self.warn(
                    f"{content.damaged} lines of the journal of {self.output} are damaged: those parts are done again"
                )
        self.count = len(self.entries)
        if not self.entries:
            shutil.rmtree(self.folder / UNITS, ignore_errors=True)
        self.journal = Journal(path, {**header, "hints": self.hints}, self.entries)

    def check_header(self, before: Entry, now: Entry) -> None:
        """Raises ``OptionError`` where the result would be another."""
        if before.get("format") != FORMAT:
            raise OptionError(f"{self.output} was begun by another version; finish it with that, or use `restart`")
        if changed := changes({key: before[key] for key in before if key != "hints"}, now):
            raise OptionError(
                f"{self.output} was begun otherwise: {'; '.join(changed[:3])}; run it as before, or use `restart`"
            )

    def clear_leftovers(self) -> None:
        """Removes what a killed run was writing."""
        clear_temporary([self.folder / JOURNAL, self.output, self.output.with_name(f"{self.output.name}.json")])
        for left in (self.folder / UNITS).glob(".*.part"):
            left.unlink(missing_ok=True)

    def warn(self, line: str) -> None:
        log.warning("%s", line)
        self.warnings.append(line)

    def keep(self, wanted: Callable[[Entry], bool]) -> None:
        """Forgets the entries that are not wanted, on the disk too."""
        entries = [entry for entry in self.entries if wanted(entry)]
        if len(entries) != len(self.entries):
            self.entries, self.count = entries, len(entries)
            with output_errors(self.output):
                self.journal.close()
                header = read_journal(self.folder / JOURNAL).header
                assert header is not None
                self.journal = Journal(self.folder / JOURNAL, header, entries)

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
        is_over = self.finished or not (self.count or self.keeps_empty)
        if is_over:
            remove_job(self.folder)
        self.lock.release()
        if is_over:
            with suppress(OSError):  # on NFS and FUSE a file stays under another name as long as it is open
                self.folder.rmdir()

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_noted = RESUME in getattr(error, "__notes__", ())  # a film's job is inside a batch's
        if error is not None and self.count and not self.finished and not is_noted:
            error.add_note(RESUME)
        self.close()


def remove_job(folder: Path) -> None:
    """Removes a job folder. The journal goes last: as long as there is something to clear away, it says what it is."""
    shutil.rmtree(folder / UNITS, ignore_errors=True)
    (folder / JOURNAL).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


# The lock


def hold_lock(path: Path, *, job_of: Path) -> FileLock:
    """A lock that the system takes back when its holder dies. Raises ``OutputError`` where another process has it."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise OutputError(f"another process is working on {job_of}; wait for it, or choose another output") from error
    return lock


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock now; nothing is made or changed."""
    if not path.exists():
        return False
    try:
        with FileLock(path, thread_local=False).acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # not ours to open
        return False


# The journal


@dataclass
class JournalContent:
    """What a journal file holds."""

    header: Entry | None = None
    """Its first line; None where that is damaged, and nothing after it can be trusted."""

    entries: list[Entry] = field(default_factory=list)
    damaged: int = 0
    """Lines that are left out."""


def checksum(entry: Entry) -> str:
    # ASCII escapes: names that are not UTF-8 reach us as lone surrogates.
    return f"{zlib.crc32(json.dumps(entry, sort_keys=True).encode('ascii')):08x}"


def line_of(entry: Entry) -> bytes:
    return json.dumps({**entry, "crc": checksum(entry)}, sort_keys=True).encode("ascii") + b"\n"


def entry_of(line: bytes) -> Entry | None:
    """None for a line that is not what was written."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.pop("crc", None) != checksum(entry):
        return None
    return entry


def read_journal(path: Path) -> JournalContent:
    """Reads a journal; a missing or foreign one has no header. Raises ``OSError``."""
    if not path.is_file() or path.stat().st_size > LONGEST_JOURNAL:
        return JournalContent()
    *lines, torn = path.read_bytes().split(b"\n")
    parsed = [entry_of(line) for line in lines]
    whole = [entry for entry in parsed[1:] if entry is not None]
    if parsed and torn and (last := entry_of(torn)) is not None:  # only its line end is missing
        whole.append(last)
    return JournalContent(parsed[0] if parsed else None, whole, damaged=parsed[1:].count(None))


class Journal:
    """Writes a journal. A line is on the disk when its call returns. Raises ``OSError``."""

    def __init__(self, path: Path, header: Entry, entries: Iterable[Entry] = ()) -> None:
        """Writes the file anew with what is already done; a crash leaves the old one."""
        with write_beside(path) as file:
            file.writelines(line_of(entry) for entry in (header, *entries))
        sync_folder(path.parent)
        self.file = path.open("ab")

    def append(self, entry: Entry, *, sync: bool = True) -> None:
        """Without ``sync``, the line outlives this process, but perhaps not the machine."""
        self.file.write(line_of(entry))
        self.file.flush()
        if sync:
            os.fsync(self.file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # a line that found no room found none when it was appended, and that was said
            self.file.close()


def has_sha256(path: Path, sha256: str) -> bool:
    """Whether a file is there and is what was written."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
