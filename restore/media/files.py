"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from restore.errors import DiskError, EncoderError, OutputError

__all__ = ["PartialFile", "writing"]

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


class PartialFile:
    """A hidden file beside its final name, with the same suffix.

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
        self.path = target.with_name(f".{target.stem}.part{target.suffix}")

    def create(self) -> None:
        """Makes the empty file. Raises ``OutputError`` or ``DiskError``."""
        try:
            self.path.touch()
        except OSError as error:
            kind = DiskError if error.errno in DISK_ERRORS else OutputError
            raise kind(f"{self.target} cannot be written: {error.strerror}") from error

    def commit(self) -> None:
        """Gives the complete file its name, once all of it is on the disk."""
        with writing(self.target):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)

    def discard(self) -> None:
        """Removes what there is of it."""
        self.path.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns what FFmpeg and the system say of a failed write into one line."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in DISK_ERRORS:
            message = f"{target} could not be written: {error.strerror}; make room or choose another disk"
            raise DiskError(message) from error
        if isinstance(error, PermissionError | FileNotFoundError):
            raise OutputError(f"{target} could not be written: {error.strerror}") from error
        raise EncoderError(f"{target} could not be encoded: {error.strerror}") from error
