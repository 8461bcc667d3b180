"""Files that get their names when they are complete, and what disks and FFmpeg say, as errors of this project.

Everything that is written lies under a temporary name beside its own until it is complete. The name is short, since its
own may be as long as names get; it is another at every attempt, since a worker that was given up for dead may still
be writing; and whoever holds the lock of an output clears away what killed processes left of it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import av

from restore.errors import DiskError, EncoderError, InputError, OutputError

FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DISK_ERRORS = FULL_DISK | {errno.EIO, errno.EROFS}

NAME_CHARACTERS = 24
"""Of the final name; the checksum after it tells names apart that begin alike."""

TEMPORARY_NAME = re.compile(r"(\..*\.[0-9a-f]{8})\.[0-9a-f]{12}\.part(\..+)?", re.DOTALL)

# Errors


@contextmanager
def input_errors(path: Path | str) -> Iterator[None]:
    """Raises ``InputError`` where a disk or a connection fails while a file is read."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be read on: {reason}; check its disk, or copy it to another") from error


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Raises ``DiskError`` for a full or failing disk, ``EncoderError`` where FFmpeg refuses, else ``OutputError``."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        if error.errno in DISK_ERRORS:
            advice = "make room or choose another disk" if error.errno in FULL_DISK else "choose another disk"
            raise DiskError(f"{path} cannot be written: {reason}; {advice}") from error
        if isinstance(error, av.error.FFmpegError) and not isinstance(error, PermissionError | FileNotFoundError):
            raise EncoderError(f"{path} could not be encoded: {reason}") from error
        raise OutputError(f"{path} cannot be written: {reason}") from error


def check_writable(folder: Path) -> None:
    """Raises ``OutputError`` for a folder in which no file can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}; give another folder") from error


# Temporary names


def temporary_stem(path: Path) -> str:
    """The part of a temporary name that all attempts at ``path`` share."""
    return f".{path.name[:NAME_CHARACTERS]}.{zlib.crc32(os.fsencode(path.name)):08x}"


def temporary_path(path: Path, *, suffix: str = "") -> Path:
    """A new name beside ``path`` for a file that is not complete; ``suffix`` is for programs that go by endings."""
    return path.with_name(f"{temporary_stem(path)}.{secrets.token_hex(6)}.part{suffix}")


def clear_temporary(paths: Sequence[Path]) -> None:
    """Removes what killed processes left of these files, and nothing else that looks like it.

    Only whoever holds the lock of the output may call it.
    """
    left = [file for folder in {path.parent for path in paths} for file in folder.glob(".*.part*")]
    ours = {path.with_name(temporary_stem(path)) for path in paths} if left else set()
    for file in left:
        match = TEMPORARY_NAME.fullmatch(file.name)
        if match is not None and file.with_name(match[1]) in ours and file.is_file():
            file.unlink(missing_ok=True)


# Writing


@contextmanager
def write_beside(path: Path) -> Iterator[BinaryIO]:
    """A file that is put on the disk and named when the block ends well, and vanishes when it does not.

    Its folder is made where there is none. Raises ``DiskError`` and ``OutputError``.
    """
    temporary = temporary_path(path)
    with output_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can. Raises ``OSError``."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class PartialFile:
    """A place for a file that FFmpeg writes by its name: with the same suffix, beside ``target`` until it is complete.

    Raises ``OutputError`` when made, for a place that cannot be written or that is the source itself.
    """

    def __init__(self, target: Path, *, source: Path) -> None:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; name a file in it")
        if not target.parent.is_dir():
            raise OutputError(f"the folder {target.parent} does not exist; create it first")
        if target.exists() and target.samefile(source):
            raise OutputError(f"{target} is the input itself; choose another output")
        self.target = target
        self.path = temporary_path(target, suffix=target.suffix)

    def create(self) -> None:
        """Makes the empty file, and clears what a killed process left. Raises ``OutputError`` and ``DiskError``."""
        with output_errors(self.target):
            clear_temporary([self.target])
            self.path.touch()

    def commit(self) -> None:
        """Gives the complete file its name, once all of it is on the disk. Raises ``OutputError`` and ``DiskError``."""
        with output_errors(self.target):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)

    def discard(self) -> None:
        """Removes what there is of it."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
