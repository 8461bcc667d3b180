"""What was done with a batch of photos, in one run and in all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from restore.jobs.photo_journal import PhotoJournal
from restore.jobs.plan import TAR_SUFFIX, Plan
from restore.jobs.report import write_report
from restore.media.photo.metadata import DIGITAL_SOURCE_TYPE
from restore.version import VERSION

__all__ = ["PhotosReport", "report_path", "write_whole_report"]

SAME_LOOK = ("saturation", "upsampling", "temperature")
"""Options by which results of several runs belong together."""

OF_ONE_RUN = ("seconds", "options", "program", "ignored")
"""Keys that alone are no reason to write a report again."""


@dataclass
class PhotosReport:
    """What was done with each file; a picture inside a tar is named ``shard.tar/member``."""

    written: list[Path] = field(default_factory=list)
    """Results, a tar once."""

    skipped: list[Path] = field(default_factory=list)
    """Results that were there already."""

    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and in a line each why there is no result. A failed member stays in its tar as it was."""

    warnings: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and what of them could not be kept."""

    pictures: int = 0
    """Coloured, those in tars too."""

    variants: list[dict[str, Any]] = field(default_factory=list)
    """Of a model that samples: ``path``, ``seed`` and ``log_likelihood`` (in nats) of each colouring."""

    ignored: int = 0
    """Files in folders that are no pictures by their names."""

    seconds: float = 0.0
    model: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, dictionaries and numbers."""
        return {
            "program": f"rechroma {VERSION}",
            "digital_source_type": DIGITAL_SOURCE_TYPE,
            "model": self.model,
            "options": self.options,
            "pictures": self.pictures,
            "ignored": self.ignored,
            "seconds": round(self.seconds, 3),
            "written": [str(path) for path in self.written],
            "skipped": [str(path) for path in self.skipped],
            "failed": [{"path": str(path), "reason": reason} for path, reason in self.failed],
            "warnings": [{"path": str(path), "warning": warning} for path, warning in self.warnings],
            "variants": self.variants,
        }


def report_path(out: Path) -> Path:
    """Where the JSON report of a batch lies: inside its folder, or beside its tar."""
    return out / "rechroma-report.json" if out.is_dir() else out.with_name(f"{out.name}.json")


def write_whole_report(report: PhotosReport, journal: PhotoJournal | None, out: Path, plan: Plan) -> None:
    """The report of all runs that made what is in ``out``; a run that changed nothing leaves it as it is."""
    before = list(journal.finished.values()) if journal is not None else []
    written_before = {out / place: None for one in before for place in one.results}
    whole = replace(
        report,
        written=[*written_before, *report.written],
        skipped=[path for path in report.skipped if path not in written_before],
        variants=[variant_of(out, variant) for one in before for variant in one.variants] + report.variants,
        pictures=sum(one.pictures for one in before) + report.pictures,
        seconds=max(report.seconds, journal.seconds if journal is not None else 0),
    ).to_json()
    path = report_path(out)
    earlier = earlier_report(path)
    if not report.options["overwrite"]:
        told = set(earlier.get("written", []))  # a run killed behind its report tells of the same results again
        again = sum(one.pictures for one in before if any(str(out / place) in told for place in one.results))
        if journal is not None:
            again += pictures_done_again(report, journal, plan, told)
        whole = with_earlier(whole, earlier, {str(job.source) for job in plan.targets}, again)
    if any(value != earlier.get(key) for key, value in whole.items() if key not in OF_ONE_RUN):
        write_report(whole, path)


def pictures_done_again(report: PhotosReport, journal: PhotoJournal, plan: Plan, told: set[str]) -> int:
    """How many pictures of this run's results an earlier report counts too."""
    again = told.intersection(map(str, report.written))
    jobs = (job for job in plan.targets if again.intersection(map(str, job.results)))
    return sum(journal.tar_pictures.get(journal.place(job), 1) for job in jobs) if again else 0


def variant_of(out: Path, variant: dict[str, Any]) -> dict[str, Any]:
    """As the report has it."""
    facts = {key: value for key, value in variant.items() if key != "place"}
    return {"path": str(out / variant["place"]), **facts}


def earlier_report(path: Path) -> dict[str, Any]:
    """Empty where there is none, or something else under its name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def with_earlier(whole: dict[str, Any], earlier: dict[str, Any], sources: set[str], again: int) -> dict[str, Any]:
    """Adds what finished batches of the same model and look said of results that are still there.

    ``again`` is how many pictures both count.
    """
    look, earlier_look = whole["options"], earlier.get("options") or {}
    if earlier.get("model") != whole["model"] or any(look[key] != earlier_look.get(key) for key in SAME_LOOK):
        return whole
    now = set(whole["written"])
    there = set(whole["skipped"]) | now
    kept = [path for path in earlier.get("written", []) if path not in now and (path in there or Path(path).exists())]
    skipped = [path for path in whole["skipped"] if path not in {*kept, *now}]
    tars = {Path(path) for path in kept if Path(path).suffix.lower() == TAR_SUFFIX}
    gone = [each for each in earlier.get("failed", []) if each["path"] not in sources and each not in whole["failed"]]
    drawn = [
        each
        for each in earlier.get("variants", [])
        if each not in whole["variants"] and (each["path"] in kept or Path(each["path"]).parent in tars)
    ]
    warned = [each for each in earlier.get("warnings", []) if each not in whole["warnings"]]
    return {
        **whole,
        "pictures": whole["pictures"] + max(earlier.get("pictures", 0) - again, 0),
        "seconds": round(whole["seconds"] + earlier.get("seconds", 0), 3),
        "written": kept + whole["written"],
        "skipped": skipped,
        "failed": whole["failed"] + gone,
        "warnings": warned + whole["warnings"],
        "variants": drawn + whole["variants"],
    }
