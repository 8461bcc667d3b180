"""How far a job is, by its journal alone: it may be running, or have died."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from restore.errors import InputError
from restore.jobs.job import JOURNAL, LOCK, Entry, is_locked, job_folder, read_journal
from restore.jobs.report import entries_of, read_report, report_path

WHAT = {"films": "films", "photos": "photos", "thermal": "thermal files"}


@dataclass(frozen=True)
class JobStatus:
    """What is known of a job."""

    output: Path
    what: str
    """``frames`` of one film, or ``films``, ``photos`` or ``thermal files`` in a folder."""

    done: int
    total: int | None
    """None where it is not known; an estimate for films."""

    running: bool
    complete: bool
    """Whether there is no job any more, and a report of its end."""

    def __str__(self) -> str:
        if self.complete:
            return f"{self.output} is complete"
        of = f" of {self.total:,} ({100 * min(self.done / self.total, 1):.1f} %)" if self.total else ""
        state = "running" if self.running else "not running: run the same command again to resume it"
        return f"{self.output}: {self.done:,}{of} {self.what} done, {state}"


def job_status(output: Path) -> JobStatus:
    """Raises ``InputError`` where there is neither a job nor a report of one that ended."""
    folder = job_folder(output)
    try:
        content = read_journal(folder / JOURNAL)
    except OSError as error:
        raise InputError(f"the journal of {output} cannot be read: {error.strerror}") from error
    if content.header is not None:
        what, done, total = progress_of(content.header, content.entries)
        return JobStatus(output, what, done, total, running=is_locked(folder / LOCK), complete=False)
    if folder.exists() or not is_reported(output):
        raise InputError(f"there is no job of {output}; name the output of rechroma video, photos or thermal")
    return JobStatus(output, "files", 0, None, running=False, complete=True)


def progress_of(header: Entry, entries: list[Entry]) -> tuple[str, int, int | None]:
    """What is counted in a job, how much is done, and of how much."""
    hints = header.get("hints", {})
    if "files" in hints:
        places = {entry["file"]["place"] for entry in entries if "file" in entry}
        return WHAT.get(header["kind"], "files"), len(places), hints["files"]
    return "frames", sum(entry["unit"]["frames"] for entry in entries if "unit" in entry), hints.get("frames")


def is_reported(output: Path) -> bool:
    """Whether a report says that an output is complete: its own, or that of the folder that it is in."""
    if not output.exists():
        return False
    if read_report(report_path(output)):
        return True
    entries = entries_of(read_report(report_path(output.parent)))
    return any(Path(item["path"]).name == output.name for entry in entries for item in entry["outputs"])
