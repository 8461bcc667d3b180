"""A process that loads everything once, and forks children that work and may be killed.

Reads one JSON object a line, ``{"work": name, "arguments": {...}, "seconds": number or null}``, and answers each with a
line of the child's exit code: -9 where it was killed after so many seconds, or killed itself at a frame ``kill_at``. A
process of its own, because only one that has never used a thread may fork.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import cv2
import torch
import torch.fx.experimental.symbolic_shapes  # what building a network loads, as children would, one after the other

from restore.cli import main as main_command
from restore.jobs.films import colorize_video
from restore.jobs.job import Job
from restore.jobs.photos import colorize_photos
from restore.jobs.workers import Workers
from restore.options import UnitLengths
from restore.paint.network import Colorizer
from restore_models import pixcolor_row  # noqa: F401  # as well: its compiler
from tests.tools import film_options, photo_options

DEFAULT_LENGTHS = [found for found in gc.get_objects() if type(found) is UnitLengths]
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
    chosen = film_options(threads=threads, units=units, **{"preset": "veryfast", **options})
    colorizer = Colorizer(model, device="cpu", engine="torch", threads=1, working_size=TOY_WORKING_SIZE, batch=4)
    workers = Workers(jobs, threads=threads)
    colorize_video(source, target, model=colorizer, options=chosen, progress=progress, workers=workers)


def colour_album(
    model: str, source: str, target: str, kill_at: int | None = None, jobs: int = 1, **options: Any
) -> None:
    def progress(done: int, _: int | None) -> None:
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    colorizer = Colorizer(model, device="cpu", engine="torch", threads=1, working_size=TOY_WORKING_SIZE)
    chosen = photo_options(threads=1, **options)
    workers = Workers(jobs, threads=1)
    colorize_photos([source], target, model=colorizer, options=chosen, workers=workers, progress=progress)


def run_command(
    arguments: list[str], messages: str, kill_at: int | None = None, largest_file: int | None = None, home: str = ""
) -> None:
    """Runs the command line with units of a few frames, and exits as it does.

    It is killed once its journal has ``kill_at`` new entries. No file grows over ``largest_file`` bytes, as on a full
    disk.
    """
    sys.stderr.flush()
    os.dup2(os.open(messages, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    for lengths in DEFAULT_LENGTHS:
        lengths.__dict__.update(vars(UNITS))
    UnitLengths.__init__.__defaults__ = (UNITS.shortest, UNITS.longest, UNITS.context)
    if home:
        os.environ["HOME"] = home
    if kill_at is not None:
        add, left = Job.add, [kill_at]

        def add_and_die(job: Job, *entry: Any, **options: Any) -> None:
            add(job, *entry, **options)
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(Job, "add", add_and_die)  # noqa: B010
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    main_command(arguments)


WORKS: dict[str, Callable[..., None]] = {"film": colour_film, "album": colour_album, "command": run_command}


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    except BaseException:
        traceback.print_exc()  # the test sees the exit code alone
    finally:
        sys.stderr.flush()
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
    gc.freeze()  # so that a child's collections leave the parent's pages shared
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        work = WORKS[asked["work"]]
        print(wait(forked(lambda w=work, a=asked: w(**a["arguments"])), asked["seconds"]), flush=True)  # type: ignore[misc]


if __name__ == "__main__":
    main()
