"""Many cases through worker processes, with a limit on the time and the memory of each."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

from tests.fuzz.targets import JOB_TARGETS, TARGETS

__all__ = ["Campaign", "Case", "Fault", "all_cases", "cases_of"]

MOST_SECONDS = 30.0
"""CPU time of a case, many times what the slowest takes."""

MOST_WAITING = 300.0
"""Seconds without an answer of a worker, which on a busy machine is long before it has used up its CPU time."""

MOST_BYTES = 2 << 30
"""By how much a case may make memory grow."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A file and how it is damaged."""

    target: str
    file: str
    key: str


@dataclass(frozen=True)
class Fault:
    """What must not happen, and the case that shows it."""

    case: Case
    what: str


@dataclass
class Campaign:
    """Runs cases and keeps account of them. ``with`` ends its worker."""

    seconds_a_case: float = MOST_SECONDS
    patience: float = MOST_WAITING
    bytes_a_case: int = MOST_BYTES
    command: tuple[str, ...] = (sys.executable, "-m", "tests.fuzz.worker")
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    peak: int = 0
    """Bytes by which the greediest case made memory grow."""
    slowest: float = 0.0
    """Seconds that the slowest case took on the clock, a worker's start included."""
    worker: subprocess.Popen[str] | None = None

    def run(self, cases: Iterable[Case]) -> None:
        for case in cases:
            started = time.monotonic()
            outcome, fault = self.outcome_of(case)
            seconds = time.monotonic() - started
            self.slowest = max(self.slowest, seconds)
            self.outcomes[f"{case.target}: {outcome}"] += 1
            if fault is not None:
                self.faults.append(Fault(case, fault))

    def outcome_of(self, case: Case) -> tuple[str, str | None]:
        worker = self.worker or self.start()
        assert worker.stdin is not None
        with suppress(BrokenPipeError):  # it died while it started
            worker.stdin.write(json.dumps(asdict(case)) + "\n")
            worker.stdin.flush()
        line = self.answer_of(worker)
        if line is None:
            self.stop(kill=True)
            return "hung", f"no answer in {self.seconds_a_case:g} s of CPU time, or {self.patience:g} s"
        if not line:
            return "crashed", f"died with {self.stop()}"
        answer = json.loads(line)
        self.peak = max(self.peak, answer["peak"])
        if answer["outcome"] == "fault":
            return "fault", answer["said"]
        if answer["peak"] > self.bytes_a_case:
            return "greedy", f"memory grew by {answer['peak'] >> 20} MiB"
        return answer["outcome"], None

    def answer_of(self, worker: subprocess.Popen[str]) -> str | None:
        """A line; empty where it died, None where it works or waits too long."""
        assert worker.stdout is not None
        start, used = time.monotonic(), cpu_seconds(worker.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(worker.stdout, selectors.EVENT_READ)
            while not selector.select(min(1.0, self.patience)):
                if time.monotonic() - start > self.patience or cpu_seconds(worker.pid) - used > self.seconds_a_case:
                    return None
        return worker.stdout.readline()

    def start(self) -> subprocess.Popen[str]:
        self.worker = subprocess.Popen(
            self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self.worker

    def stop(self, *, kill: bool = False) -> int | None:
        worker, self.worker = self.worker, None
        if worker is None:
            return None
        if kill:
            worker.kill()
        assert worker.stdin is not None
        assert worker.stdout is not None
        with suppress(BrokenPipeError):  # it died before it read all
            worker.stdin.close()
        worker.stdout.close()
        return worker.wait()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(kill=kind is not None)


def cpu_seconds(process: int) -> float:
    """What a process has used so far (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_cases(counts: dict[str, int], data: Path, jobs: Path, seed: int) -> Iterator[Case]:
    """So many cases of each target, files from the shared data and from :func:`tests.fuzz.targets.make_jobs`."""
    for target, count in counts.items():
        files = TARGETS[target].files(jobs if target in JOB_TARGETS else data)
        yield from cases_of(target, files, count, seed)


def cases_of(target: str, files: list[Path], count: int, seed: int) -> Iterator[Case]:
    """``count`` cases over all files in turn; the same for the same seed, whatever else is run."""
    for number in range(count):
        file = files[number % len(files)]
        yield Case(target, str(file), f"{seed} {target} {file.name} {number}")
