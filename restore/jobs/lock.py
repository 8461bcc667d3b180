"""One process to a job: a lock that the system lets go of when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from restore.errors import OutputError

__all__ = ["JobLock", "is_locked"]

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class JobLock:
    """Holds ``path`` from when it is made until ``close``; the file itself stays.

    Raises ``OutputError`` where another process has it.
    """

    def __init__(self, path: Path, *, job_of: Path) -> None:
        self.path = path
        while True:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if not try_lock(self.descriptor):
                os.close(self.descriptor)
                raise OutputError(f"another process is working on {job_of}; wait for it, or choose another output")
            if self.is_at_its_place():
                return
            os.close(self.descriptor)  # its holder finished, and removed it, between our opening and our locking

    def is_at_its_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        os.close(self.descriptor)

    def __enter__(self) -> JobLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock now; looks only."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
