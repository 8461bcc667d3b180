"""How far a job is, by its journal alone: it may be running, or have died."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from restore.errors import InputError
from restore.jobs.job import JOURNAL, LOCK, is_locked, job_folder, read_journal

__all__ = ["JobStatus", "job_status"]


@dataclass(frozen=True)
class JobStatus:
    """What is known of a job."""

    output: Path
    what: str
    """``frames``, or ``photos``."""

    done: int
    total: int | None
    """None where it is not known; of films an estimate."""

    running: bool
    complete: bool
    """No job is left, and the output is there."""

    def __str__(self) -> str:
        if self.complete:
            return f"{self.output} is complete"
        of = f" of {self.total:,} ({100 * min(self.done / self.total, 1):.1f} %)" if self.total else ""
        state = "running" if self.running else "not running: run the same command again and it goes on"
        return f"{self.output}: {self.done:,}{of} {self.what} done, {state}"


def job_status(output: Path) -> JobStatus:
    """Raises ``InputError`` where there is neither a job nor an output."""
    folder = job_folder(output)
    try:
        found = read_journal(folder / JOURNAL)
    except OSError as error:
        raise InputError(f"the journal of {output} cannot be read: {error.strerror}") from error
    if found.header is None:
        if output.exists() and not folder.exists():
            return JobStatus(output, "frames", 0, None, running=False, complete=True)
        raise InputError(f"there is no job of {output}; name the output of rechroma video or rechroma photos")
    notes = found.header.get("notes", {})
    photos = "photos" in notes
    done = len({entry["photo"]["place"] for entry in found.entries if "photo" in entry})
    if not photos:
        done = sum(entry["unit"]["frames"] for entry in found.entries if "unit" in entry)
    return JobStatus(
        output,
        "photos" if photos else "frames",
        done,
        notes.get("photos") or notes.get("frames"),
        running=is_locked(folder / LOCK),
        complete=False,
    )
