"""A process that loads everything once, and forks children that work and may be killed.

Reads one JSON object a line, ``{"work": name, "arguments": {...}, "seconds": number or null}``, and answers each with a
line of the child's exit code: -9 where it was killed after so many seconds, or killed itself at a frame ``kill_at``. A
process of its own, because only one that has never used a thread may fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import torch
import torch.fx.experimental.symbolic_shapes  # what building a network loads, as children would, one after the other

from restore.jobs.film_units import UnitLengths
from restore.jobs.films import VideoOptions, colorize_video
from restore.jobs.photos import PhotoOptions, colorize_photos
from restore.jobs.workers import Workers
from restore.paint.network import Colorizer
from restore_models import pixcolor_row  # noqa: F401  # as well: its compiler

UNITS = UnitLengths(shortest=3, longest=6, context=4)
TOY_WORKING_SIZE = 64


def colour_film(
    model: str,
    source: str,
    target: str,
    kill_at: int | None = None,
    threads: int = 1,
    unit: int | None = None,
    jobs: int = 1,
    **options: Any,
) -> None:
    def progress(done: int, _: int | None) -> None:
        if kill_at is not None and done >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    units = UnitLengths(unit, unit, UNITS.context) if unit is not None else UNITS
    chosen = VideoOptions(threads=threads, units=units, **{"preset": "veryfast", **options})
    colorizer = Colorizer(model, device="cpu", engine="torch", threads=1, working_size=TOY_WORKING_SIZE, batch=4)
    workers = Workers(jobs, threads=threads)
    colorize_video(source, target, colorizer=colorizer, options=chosen, progress=progress, workers=workers)


def colour_album(
    model: str, source: str, target: str, kill_at: int | None = None, jobs: int = 1, **options: Any
) -> None:
    def progress(done: int, _: int | None) -> None:
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    colorizer = Colorizer(model, device="cpu", engine="torch", threads=1, working_size=TOY_WORKING_SIZE)
    chosen = PhotoOptions(threads=1, **options)
    workers = Workers(jobs, threads=1)
    colorize_photos([source], target, colorizer=colorizer, options=chosen, workers=workers, progress=progress)


WORKS: dict[str, Callable[..., None]] = {"film": colour_film, "album": colour_album}


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def wait(child: int, seconds: float | None) -> int:
    """Exit code of a child that is killed after ``seconds``."""
    end = time.monotonic() + (seconds if seconds is not None else 1e9)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        work = WORKS[asked["work"]]
        print(wait(forked(lambda w=work, a=asked: w(**a["arguments"])), asked["seconds"]), flush=True)  # type: ignore[misc]


if __name__ == "__main__":
    main()
