"""The report of a batch of thermal files, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from restore.jobs.job import Journal, hold_lock, read_journal
from restore.jobs.plan import Plan
from restore.jobs.report import plain, write_report
from restore.media.files import output_errors
from restore.media.photo.metadata import DIGITAL_SOURCE_TYPE
from restore.version import VERSION

if TYPE_CHECKING:
    from restore.jobs.thermal import ThermalReport

__all__ = ["ReportJournal", "thermal_report_path", "write_thermal_report"]

NOTE = "The colour of these pictures is machine-made; they show heat, not light."
REPORT, JOURNAL, LOCK = "rechroma-report.json", ".rechroma-report.jsonl", ".rechroma-report.lock"

Entry = dict[str, Any]


def thermal_report_path(plan: Plan) -> Path:
    """Inside the folder of the results, or beside the single one."""
    assert plan.out is not None
    return plan.out.with_name(f"{plan.out.name}.json") if plan.single else plan.out / REPORT


class ReportJournal:
    """Keeps the entries of a folder's report until it is written, and a killed run's of it; a context manager.

    A line outlives the process, not the machine; a single result needs none, since it is its report's only entry. Two
    processes do not work on one folder: raises ``OutputError``.
    """

    def __init__(self, plan: Plan) -> None:
        self.folder = None if plan.single else plan.out
        self.earlier: list[Entry] = []
        """Of a run that was killed."""
        self.lock: FileLock | None = None
        self.journal: Journal | None = None

    def __enter__(self) -> ReportJournal:
        if self.folder is not None:
            with output_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self.lock = hold_lock(self.folder / LOCK, job_of=self.folder)
                self.earlier = read_journal(self.folder / JOURNAL).entries
        return self

    def add(self, entry: Entry) -> None:
        """Raises ``OutputError`` and ``DiskError``."""
        if self.folder is None:
            return
        with output_errors(self.folder):
            if self.journal is None:
                self.journal = Journal(self.folder / JOURNAL, {"thermal": 1}, self.earlier)
            self.journal.append(plain(entry), sync=False)

    def done(self) -> None:
        """All is in the report."""
        self.close()
        if self.folder is not None:
            (self.folder / JOURNAL).unlink(missing_ok=True)

    def close(self) -> None:
        if self.journal is not None:
            self.journal.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self.lock is not None and self.folder is not None:
            (self.folder / LOCK).unlink(missing_ok=True)
            self.lock.release()


def write_thermal_report(
    report: ThermalReport, plan: Plan, model: Entry, options: Entry, killed: Sequence[Entry] = ()
) -> None:
    """Entries of earlier runs whose results are there stay in it, also those of a ``killed`` one that wrote none.

    Raises ``OutputError`` and ``DiskError``.
    """
    path = thermal_report_path(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    now = {entry["output"] for entry in report.files}
    before = {entry["output"]: entry for entry in (*earlier_files(path), *killed) if entry["output"] not in now}
    earlier = [entry for entry in before.values() if Path(entry["output"]).exists()]
    facts = {
        "program": f"rechroma {VERSION}",
        "note": NOTE,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "model": model,
        "options": options,
        "seconds": round(report.seconds, 3),
        "files": earlier + report.files,
        "skipped": [str(each) for each in report.skipped],
        "failed": [{"path": str(each), "reason": reason} for each, reason in report.failed],
        "ignored": report.ignored,
    }
    write_report(plain(facts), path)


def earlier_files(path: Path) -> list[dict[str, Any]]:
    """Empty where there is no report, or something else under its name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = found["files"]
        return [entry for entry in files if isinstance(entry["output"], str)]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return []
