"""How all benchmarks measure, and what they give: seconds, memory, and ratios within one run.

Seconds alone hold for one machine; ratios of what ran in turn, in one run, hold for most.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

STATUS = Path("/proc/self/status")
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured:
    """Some work on frames, pictures or grids."""

    count: int
    """Frames, pictures or grids that the work was done on."""
    wall_seconds: float
    cpu_seconds: float
    """Of all threads, and of child processes that have ended."""
    peak_bytes: int = 0
    """Largest resident memory of this process, libraries included; 0 where that says nothing of the work."""


@dataclass(frozen=True)
class Benchmark:
    """What one benchmark measured, and how it is shown."""

    rows: dict[str, Measured]
    unit: str = "frame"
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further columns of the table: title to row to text."""
    ratios: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Stopwatch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def stop(self, count: int, *, with_peak: bool = True) -> Measured:
        """Returns what was measured; leave the peak out where the process does other work too."""
        wall, cpu = time.perf_counter() - self.wall, cpu_seconds() - self.cpu
        return Measured(count, wall, cpu, peak_bytes() if with_peak else 0)


def cpu_seconds() -> float:
    """Returns CPU seconds of this process, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_bytes() -> int:
    """Returns the largest resident memory of this process.

    Linux's ``ru_maxrss`` begins with that of the process that started this one, so what ``/proc`` says goes first.
    """
    if STATUS.exists():
        sizes = dict(line.split(":", 1) for line in STATUS.read_text(encoding="utf-8").splitlines() if ":" in line)
        if "VmHWM" in sizes:
            return 1024 * int(sizes["VmHWM"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT


def in_own_process(work: Callable[..., Result], *arguments: Any) -> Result:
    """Runs ``work`` in a fresh process, so that its peak memory is its own and nothing is warm from before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def in_turn(works: Mapping[str, Callable[[], Measured]], rounds: int) -> dict[str, Measured]:
    """Measures all works in turn, ``rounds`` times, and returns the medians.

    In turn, because a machine's speed drifts: a slow minute then hits all of them alike.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            runs[name].append(work())
    return {name: medians(measured) for name, measured in runs.items()}


def medians(runs: Sequence[Measured]) -> Measured:
    """Returns the median of each figure of runs on the same number of things."""
    wall, cpu = (median(getattr(run, name) for run in runs) for name in ("wall_seconds", "cpu_seconds"))
    return Measured(runs[0].count, wall, cpu, max(run.peak_bytes for run in runs))
