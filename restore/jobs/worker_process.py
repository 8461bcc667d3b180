"""What runs inside a worker: tasks come as bytes, and what is dear to make is kept from one to the next."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from getpass import getuser
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from typing import Any, TypeVar

from filelock import FileLock

from restore.errors import OutputError, RechromaError, WorkerError
from restore.jobs.fingerprint import changes, program_facts
from restore.jobs.job import hold_lock

PARENT_SECONDS = 1.0
"""How long a worker may outlive the process that started it."""

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Setting:
    """What holds for all tasks of a run."""

    threads: int
    """Of a task; a network's own are for whoever opens it to set."""

    parent: int | None
    """Process whose death ends the worker; None where it was started by somebody else."""

    program: dict[str, Any] = field(default_factory=dict)
    """What :func:`program_facts` says where the run was started; compared where the worker is not of ``parent``."""


@dataclass(frozen=True)
class Outcome:
    """What became of an item."""

    number: int
    result: Any = None
    error: Exception | None = None


def run_posted(setting: bytes, number: int, task: bytes, item: bytes) -> bytes:
    """Does a task and gives a pickled :class:`Outcome`. Errors are part of it: they cross no border by themselves.

    Everything comes as bytes: Dask would put larger objects into the memory of a worker, and lose them with it.
    """
    try:
        configure_worker(setting)
        outcome = Outcome(number, result=pickle.loads(task)(pickle.loads(item)))
    except Exception as error:
        outcome = Outcome(number, error=portable(error))
    return pickle.dumps(outcome)


def portable(error: Exception) -> Exception:
    """The error itself where it can travel; what is not for users carries its traceback along."""
    if not isinstance(error, RechromaError):
        error.add_note(f"in a worker on {socket.gethostname()}:\n{''.join(traceback.format_exception(error))}")
    try:
        return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.__notes__ = getattr(error, "__notes__", [])
        return told


@cache
def configure_worker(setting: bytes) -> None:
    """Makes this process a worker of a run. Raises ``WorkerError`` where it is not like the one that began the run."""
    mine: Setting = pickle.loads(setting)
    if mine.parent is None:
        differences = changes(mine.program, program_facts(mine.threads), "program")
        if differences:
            host = socket.gethostname()
            raise WorkerError(f"the worker on {host} would make other bytes: {differences[0]}; install the same there")
    else:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
        threading.Thread(target=die_with, args=[mine.parent], name="parent watch", daemon=True).start()
    import cv2

    cv2.setNumThreads(mine.threads)


def die_with(parent: int) -> None:
    """A worker whose parent was killed would go on for minutes, and write what nobody waits for."""
    while os.getppid() == parent or sys.platform == "win32":
        time.sleep(PARENT_SECONDS)
    os._exit(1)


# What is kept between tasks


class WorkerCache(threading.local):
    """A worker of Dask may do several tasks side by side, each on a thread."""

    def __init__(self) -> None:
        self.things: dict[str, tuple[Hashable, Any]] = {}


worker_cache = WorkerCache()


def cached(name: str, key: Hashable, make: Callable[[], Thing]) -> Thing:
    """The thing of this name from an earlier task, if it was made for an equal ``key``; else a new one takes its place.

    What is replaced is closed, if it can be.
    """
    if name in worker_cache.things and worker_cache.things[name][0] == key:
        return worker_cache.things[name][1]  # type: ignore[no-any-return]
    _, old = worker_cache.things.pop(name, (None, None))
    if hasattr(old, "close"):
        old.close()
    thing = make()
    worker_cache.things[name] = key, thing
    return thing


# Devices


@cache
def worker_index() -> int:
    """0 for the first worker on this machine, 1 for the second; the number of one that died is free again."""
    folder = Path(gettempdir()) / f"rechroma-workers-{getuser()}"
    folder.mkdir(exist_ok=True)
    for index in count():
        try:
            held_locks.append(hold_lock(folder / str(index), job_of=folder))
        except OutputError:
            continue
        return index
    raise AssertionError("there is always another number")


held_locks: list[FileLock] = []


def device_of_worker(device: str) -> str:
    """``cuda`` becomes one of several GPUs, each worker's own as long as there are enough."""
    import torch

    gpus = torch.cuda.device_count() if device == "cuda" else 0
    return f"cuda:{worker_index() % gpus}" if gpus > 1 else device
