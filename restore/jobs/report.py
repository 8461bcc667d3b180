"""The report of a batch: one shape for films, photos and thermal files, written from the records of finished files."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from restore.jobs.records import FileRecord
from restore.media.files import input_errors, write_beside
from restore.media.photo.metadata import DIGITAL_SOURCE_TYPE
from restore.version import VERSION

REPORT = "rechroma-report.json"
MACHINE_MADE = "The colour of this recording is machine-made; its luma is the original's."
NOTES = {
    "films": MACHINE_MADE,
    "photos": "The colour of these pictures is machine-made; their luma is the original's.",
    "thermal": "The colour of these pictures is machine-made; they show heat, not light.",
}
LIBRARIES = ("torch", "av", "opencv-python-headless", "numpy", "pillow")

OF_ONE_RUN = ("program", "versions", "options", "ignored", "seconds")
"""Keys that alone are no reason to write a report again."""

Json = dict[str, Any]


@dataclass
class Report:
    """What one run did; the JSON at ``path`` says more, of all runs that made what is there."""

    kind: str
    """``films``, ``photos`` or ``thermal``."""

    path: Path = Path()
    written: list[Path] = field(default_factory=list)
    """Results of this run, a tar once."""

    skipped: list[Path] = field(default_factory=list)
    """Results that were there already."""

    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and in a line each why there is no result. A failed member stays in its tar as it was."""

    warnings: list[tuple[Path, str]] = field(default_factory=list)
    """Inputs, and what of them could not be kept."""

    variants: list[Json] = field(default_factory=list)
    """Of a model that samples: ``path``, ``seed`` and ``log_likelihood`` (in nats) of each colouring."""

    frames: int = 0
    """Pictures and frames that were coloured, those in tars too."""

    ignored: int = 0
    """Files in folders that are of another kind by their names."""

    seconds: float = 0.0

    @property
    def files(self) -> list[Json]:
        """The entries of the JSON, one for each file with results; empty where none was written."""
        return entries_of(read_report(self.path))

    def write(
        self,
        records: Iterable[FileRecord],
        *,
        out: Path,
        sources: set[str],
        model: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        """Writes the JSON of all runs that made what is in ``out``; a run that changed nothing leaves it as it is.

        Entries of finished batches stay as long as one of their results is there and none of these ``records`` has it.
        ``sources`` are the files of this batch, of which earlier failures count no more. Raises ``DiskError`` and
        ``OutputError``.
        """
        records = list(records)
        earlier = read_report(self.path)
        files = [entry_of(record, out) for record in records if record.outputs]
        made = {output["path"] for entry in files for output in entry["outputs"]}
        files += remaining_entries(earlier, made, plain(model), plain(options))
        known = {output["path"] for entry in files for output in entry["outputs"]}
        failed = [{"path": str(file), "reason": reason} for file, reason in self.failed]
        failed += [item for item in earlier.get("failed", []) if item["path"] not in sources and item not in failed]
        skipped = sorted(str(result) for result in self.skipped if str(result) not in known)
        content = {
            "program": f"rechroma {VERSION}",
            "kind": self.kind,
            "note": NOTES[self.kind],
            "digital_source_type": DIGITAL_SOURCE_TYPE,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
            "model": plain(model),
            "options": plain(options),
            "counts": {
                "files": len(files),
                "frames": sum(entry["frames"] for entry in files),
                "skipped": len(skipped),
                "failed": len(failed),
            },
            "ignored": self.ignored,
            "seconds": round(sum(entry["seconds"] for entry in files), 3),
            "files": sorted(files, key=lambda entry: entry["outputs"][0]["path"]),
            "skipped": skipped,
            "failed": failed,
            "warnings": [{"path": str(file), "warning": line} for file, line in self.warnings],
        }
        content = plain(content)
        if any(value != earlier.get(key) for key, value in content.items() if key not in OF_ONE_RUN):
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            with write_beside(self.path) as file:
                # Names that are not UTF-8 are lone surrogates in Python, and escaped in JSON.
                file.write(text.encode("utf-8", errors="backslashreplace"))


def report_path(out: Path) -> Path:
    """Where the JSON report of an output lies: inside its folder, or beside the one file."""
    return out / REPORT if out.is_dir() else out.with_name(f"{out.name}.json")


def entry_of(record: FileRecord, out: Path) -> Json:
    """What a report says of a file."""
    entry = {key: value for key, value in asdict(record).items() if key not in ("place", "stamp", "sizes", "details")}
    return {
        **entry,
        **record.details,
        "outputs": [{"path": str(out / place), "sha256": sha256} for place, sha256 in record.outputs.items()],
        "warnings": [{"path": path, "warning": line} for path, line in record.warnings],
        "failed": [{"path": path, "reason": reason} for path, reason in record.failed],
        "variants": [variant_of(out, variant) for variant in record.variants],
    }


def variant_of(out: Path, variant: Json) -> Json:
    """A sampled colouring as the report has it."""
    facts = {key: value for key, value in variant.items() if key != "place"}
    return {"path": str(out / variant["place"]), **facts}


def remaining_entries(earlier: Json, made: set[str], model: Json, options: Json) -> list[Json]:
    """Entries of finished batches whose results are there; of another model or look, they say so themselves."""
    entries = []
    before = {"model": earlier.get("model"), "options": earlier.get("options")}
    for entry in entries_of(earlier):
        outputs = [item for item in entry["outputs"] if item["path"] not in made and Path(item["path"]).exists()]
        if outputs:
            there = {item["path"] for item in outputs}
            variants = [item for item in entry.get("variants", []) if {item["path"], parent_of(item)} & there]
            if before != {"model": model, "options": options}:
                entry.setdefault("made_with", before)
            entries.append({**entry, "outputs": outputs, "variants": variants})
    return entries


def parent_of(variant: Json) -> str:
    """The tar in which a colouring is, if it is in one."""
    return str(Path(variant["path"]).parent)


def read_report(path: Path) -> Json:
    """Empty where there is no report, or something else under its name."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if content["program"].startswith("rechroma ") else {}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


def entries_of(content: Json) -> list[Json]:
    """The entries of a report that can be understood."""
    entries = content.get("files")
    return [entry for entry in entries if is_entry(entry)] if isinstance(entries, list) else []


def is_entry(entry: Any) -> bool:
    try:
        return bool(entry["outputs"]) and all(isinstance(output["path"], str) for output in entry["outputs"])
    except (KeyError, TypeError):
        return False


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces. Raises ``InputError`` where its disk fails."""
    with input_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value: Any) -> Any:
    """Anything a report holds, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
