"""The report beside an output: what was done, with what, and that the colour is machine-made."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.media.files import input_errors, write_beside
from restore.media.photo.metadata import DIGITAL_SOURCE_TYPE
from restore.version import VERSION

if TYPE_CHECKING:
    from restore.paint.network import Colorizer

__all__ = ["MACHINE_MADE", "file_sha256", "report_of", "write_report"]

MACHINE_MADE = "The colour of this recording is machine-made; its luma is the original's."

LIBRARIES = ("torch", "av", "opencv-python-headless", "numpy", "pillow")


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces. Raises ``InputError`` where its disk fails."""
    with input_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value: Any) -> Any:
    """Anything a report holds, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def report_of(colorizer: Colorizer, options: Any, **facts: Any) -> dict[str, Any]:
    """The part that every report shares, and the facts of this one."""
    return {
        "program": f"rechroma {VERSION}",
        "note": MACHINE_MADE,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "model": {
            "name": colorizer.name,
            "weights_sha256": colorizer.weights_sha256,
            "working_size": colorizer.working_size,
            "device": str(colorizer.device),
            "engine": colorizer.engine.name,
            "precision": colorizer.precision,
        },
        "options": plain(options),
        **plain(facts),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Writes beside the final name and renames. Raises ``DiskError`` and ``OutputError``."""
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    with write_beside(path) as file:
        # Names that are not UTF-8 are lone surrogates in Python, and escaped in JSON.
        file.write(text.encode("utf-8", errors="backslashreplace"))
