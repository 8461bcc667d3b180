"""How all benchmarks measure, and what they give: seconds, memory, and ratios within one run.

Seconds alone hold for one machine; ratios of what ran in turn, in one run, hold for most.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
    """Largest resident memory of the process, libraries included; 0 where the process does other work too."""


@dataclass(frozen=True)
class Benchmark:
    """What one benchmark measured, and how it is shown."""

    rows: dict[str, Measured]
    unit: str = "frame"
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further columns of the table: title to row to text."""
    ratios: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def cpu_ratio(self, row: str, *others: str) -> float:
        """Returns CPU seconds over those of other rows together."""
        return self.rows[row].cpu_seconds / sum(self.rows[other].cpu_seconds for other in others)

    def wall_ratio(self, row: str, other: str) -> float:
        return self.rows[row].wall_seconds / self.rows[other].wall_seconds


class Stopwatch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def stop(self, count: int) -> Measured:
        wall, cpu = time.perf_counter() - self.wall, cpu_seconds() - self.cpu
        return Measured(count, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT)


def cpu_seconds() -> float:
    """Returns CPU seconds of this process, and of its children that have ended."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in times)


def in_own_process(work: Callable[..., Result], *arguments: Any) -> Result:
    """Runs ``work`` in a fresh process, so that its peak memory is its own and nothing is warm from before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def in_turn(works: Mapping[str, Callable[[], Measured]], rounds: int) -> dict[str, Measured]:
    """Measures each work ``rounds`` times and returns, for each, the run whose CPU time is the median.

    In turn, because a machine's speed drifts: a slow minute then hits all of them alike.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            runs[name].append(work())
    return {name: median_run(measured) for name, measured in runs.items()}


def median_run(runs: list[Measured]) -> Measured:
    return sorted(runs, key=lambda run: run.cpu_seconds)[len(runs) // 2]
