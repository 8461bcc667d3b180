"""What a job rests on: its source, and everything that changes a bit of its result."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from restore.media.files import input_errors
from restore.version import VERSION

BLOCK_BYTES = 1 << 20
BLOCKS = 16


class Model(Protocol):
    """What of a colorizer is looked at."""

    name: str
    weights_sha256: str


def sampled_sha256(path: Path) -> dict[str, Any]:
    """Size, and SHA-256 over 16 blocks of a mebibyte spread evenly from the first to the last byte.

    Enough to notice another film, another cut or coding, a longer copy or a new index, at the same cost for 100 GB,
    which would take minutes to hash at every start. Small files are covered whole. The time of change does not count,
    so that a copied or restored source goes on. The report at the end holds the hash of all bytes.

    Raises ``InputError`` where the disk fails.
    """
    digest = hashlib.sha256()
    with input_errors(path), path.open("rb") as file:
        size = path.stat().st_size
        if size <= BLOCKS * BLOCK_BYTES:
            digest.update(file.read())
        else:
            for number in range(BLOCKS):
                file.seek((size - BLOCK_BYTES) * number // (BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return {"bytes": size, "sha256_of_blocks": digest.hexdigest()}


def model_facts(model: Model) -> dict[str, Any]:
    """What identifies a network and how it is run; parts that a simple palette lacks are left out."""
    engine = getattr(model, "engine", None)
    facts = {
        "name": model.name,
        "weights_sha256": model.weights_sha256,
        "working_size": getattr(model, "working_size", None),
        "device": getattr(getattr(model, "device", None), "type", None),
        "engine": getattr(engine, "name", None),
        "precision": getattr(model, "precision", None),
        "curve": repr(getattr(model, "curve", None)),
    }
    return {key: value for key, value in facts.items() if value is not None}


def program_facts(threads: int | None) -> dict[str, Any]:
    """Versions of what makes bits, and the threads, on which encoders base their choices."""
    return {
        "rechroma": VERSION,
        **{name: version(name) for name in ("torch", "av")},  # importing them would make every status wait
        "threads": threads or f"all {os.cpu_count() or 1}",  # not what an encoder does with as many that it is given
    }


def changes(before: Any, now: Any, name: str = "") -> list[str]:
    """One line for each value that is another now, as ``options.crf was 18, is 20``."""
    if isinstance(before, dict) and isinstance(now, dict):
        lines = []
        for key in sorted({*before, *now}):
            lines += changes(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        return lines
    return [] if before == now else [f"{name} was {short(before)}, is {short(now)}"]


def short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
