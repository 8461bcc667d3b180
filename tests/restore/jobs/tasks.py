"""Work for workers that needs no network; workers import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from threading import Lock

from restore.errors import InputError
from restore.jobs.worker_process import cached


def with_process(number: int) -> tuple[int, int]:
    """And who did it."""
    time.sleep(0.02)
    return number, os.getpid()


def die_at(number: int, folder: Path, deadly: tuple[int, ...], times: int) -> int:
    """Kills its worker at some numbers, so often over each."""
    deaths = len(list(folder.glob(f"{number}-*")))
    if number in deadly and deaths < times:
        (folder / f"{number}-{deaths}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class HoldsLockError(Exception):
    """One that pickle cannot take."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = Lock()


def fail(number: int) -> int:
    if number == 2:
        raise InputError("number two is broken")
    if number == 3:
        raise ZeroDivisionError("a defect")
    if number == 4:
        raise HoldsLockError("mine")
    return number


class Tool:
    """Something dear."""

    made = 0

    def __init__(self) -> None:
        Tool.made += 1
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def use_tool(_: int) -> tuple[int, int]:
    cached("tool", "the only one", Tool)
    return os.getpid(), Tool.made


def make_tool() -> None:
    cached("tool", "the only one", Tool)
