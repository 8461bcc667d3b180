"""Results that lie beside their names until they are complete."""

from __future__ import annotations

import errno
import os
import secrets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from restore.errors import DiskError, OutputError

__all__ = ["check_writable", "clear_parts", "part_path", "writing_result", "written_beside"]

ATTEMPT_CHARACTERS = 12

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def check_writable(folder: Path) -> None:
    """Better to know before the first picture is coloured. Raises ``OutputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}; give another folder") from error


def part_path(result: Path, attempt: str | None = None) -> Path:
    """Where an unfinished result lies; short, as the name itself may be as long as names get.

    Every attempt has its own: a worker that was given up for dead may still be writing.
    """
    name = zlib.crc32(os.fsencode(result.name))
    return result.with_name(
        f".{result.name[:24]}.{name:08x}.{attempt or secrets.token_hex(ATTEMPT_CHARACTERS // 2)}.part"
    )


def clear_parts(results: Sequence[Path]) -> None:
    """Removes what processes that were killed left of these results, and nothing else that looks like it.

    Only whoever holds the lock of the folder may ask for it.
    """
    found = [part for folder in {result.parent for result in results} for part in folder.glob(".*.part")]
    ours = {part_path(result, "*") for result in results} if found else set()
    for part in found:
        name, attempt, _ = part.name.rsplit(".", 2)
        if len(attempt) == ATTEMPT_CHARACTERS and part.with_name(f"{name}.*.part") in ours and part.is_file():
            part.unlink(missing_ok=True)


@contextmanager
def writing_result(path: Path) -> Iterator[None]:
    """Raises ``DiskError`` where the disk is full, ``OutputError`` where it cannot be written for another reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in DISK_ERRORS:
            raise DiskError(f"{path} cannot be written: {reason}; make room and run again, it goes on here") from error
        raise OutputError(f"{path} cannot be written: {reason}") from error


@contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete, and vanishes when it is not.

    Raises ``DiskError`` where the disk is full, ``OutputError`` where it cannot be written for another reason.
    """
    part = part_path(path)
    with writing_result(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
