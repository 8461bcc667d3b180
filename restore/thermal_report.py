"""The report of a batch of thermal files, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.media.photo_metadata import DIGITAL_SOURCE_TYPE
from restore.report import plain, write_report
from restore.thermal_plan import ThermalPlan
from restore.version import VERSION

if TYPE_CHECKING:
    from restore.thermal import ThermalReport

__all__ = ["thermal_report_path", "write_thermal_report"]

NOTE = "The colour of these pictures is machine-made; they show heat, not light."
REPORT = "rechroma-report.json"


def thermal_report_path(plan: ThermalPlan) -> Path:
    """Inside the folder of the results, or beside the single one."""
    return plan.out.with_name(f"{plan.out.name}.json") if plan.single else plan.out / REPORT


def write_thermal_report(
    report: ThermalReport, plan: ThermalPlan, model: dict[str, Any], options: dict[str, Any]
) -> None:
    """Entries of earlier runs whose results are still there stay in it. Raises ``OutputError`` and ``DiskError``."""
    path = thermal_report_path(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    now = {entry["output"] for entry in report.files}
    earlier = [entry for entry in earlier_files(path) if entry["output"] not in now and Path(entry["output"]).exists()]
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
