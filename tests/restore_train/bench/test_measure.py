"""What every benchmark rests on: figures of a process of its own, medians, and one table."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from restore.cli.console import console
from restore_train.bench.measure import Benchmark, Measured, Stopwatch, in_own_process, in_turn, medians
from restore_train.cli.output import show_benchmark


def measured(wall: float, cpu: float, peak: int = 1) -> Measured:
    return Measured(10, wall, cpu, peak)


def test_medians_are_of_each_figure() -> None:
    assert medians([measured(1, 9, 3), measured(2, 1, 7), measured(3, 5, 4)]) == measured(2, 5, 7)


def test_works_take_turns() -> None:
    order = []

    def work(name: str) -> Measured:
        order.append(name)
        return measured(len(order), 1)

    rows = in_turn({"a": lambda: work("a"), "b": lambda: work("b")}, 3)
    assert "".join(order) == "ababab"
    assert rows == {"a": measured(3, 1), "b": measured(4, 1)}


def test_waiting_costs_no_cpu_time_and_work_does() -> None:
    watch = Stopwatch()
    time.sleep(0.05)
    waited = watch.stop(1)
    assert waited.wall_seconds >= 0.05
    watch = Stopwatch()
    while time.process_time() - watch.cpu < 0.05:
        sum(range(1000))
    assert watch.stop(1).cpu_seconds >= 0.05
    assert waited.cpu_seconds < 0.05


def test_the_peak_is_left_out_where_it_says_nothing() -> None:
    assert Stopwatch().stop(1).peak_bytes > 10_000_000  # Python and NumPy
    assert Stopwatch().stop(1, with_peak=False).peak_bytes == 0


def fill_memory(count: int) -> tuple[int, Measured]:
    watch = Stopwatch()
    array = np.ones(count)
    return os.getpid(), watch.stop(int(array[0]))


def test_memory_is_that_of_a_process_of_its_own() -> None:
    (large_pid, large), (small_pid, small) = (in_own_process(fill_memory, count) for count in (8_000_000, 8))
    assert len({large_pid, small_pid, os.getpid()}) == 3
    assert large.peak_bytes - small.peak_bytes == pytest.approx(64e6, rel=0.1)


def test_one_table_shows_all() -> None:
    rows = {"fast": Measured(20, 2.0, 1.0, 5_000_000), "slow": Measured(20, 4.0, 3.0)}
    benchmark = Benchmark(rows, "grid", {"factor": {"fast": "2"}}, {"slow / fast, wall": 2.0}, ("a note",))
    with console.capture() as capture:
        show_benchmark(benchmark)
    shown = [line.replace("│", " ").replace("┃", " ").split() for line in capture.get().splitlines()]
    assert ["fast", "20", "2.00", "1.00", "50.0", "10.0", "5", "2"] in shown
    assert ["slow", "20", "4.00", "3.00", "150.0", "5.0", "-", "-"] in shown
    assert "slow / fast, wall: 2\na note\n" in capture.get()
