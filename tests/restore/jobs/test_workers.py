"""Work through several processes: nothing lost, little in flight, and one line where it cannot go on."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from restore.errors import InputError, OptionError, WorkerError
from restore.jobs import worker_process
from restore.jobs.worker_process import WorkerCache, cached, device_of_worker, portable
from restore.jobs.workers import MOST_DEATHS, WAITING, Handout, Workers
from tests.restore.jobs import tasks

TWO = Workers(2, threads=1)

posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


class Counted:
    """Numbers, and how many were taken."""

    def __init__(self, count: int) -> None:
        self.count, self.taken = count, 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            self.taken += 1
            yield number


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def gone(processes: set[int], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_alive, processes))


# Running


def test_one_job_stays_in_this_process_and_is_done_one_by_one() -> None:
    items = Counted(5)
    results = Workers().run(tasks.with_process, items, prepare=tasks.make_tool)
    assert next(results) == (0, os.getpid())
    assert items.taken == 1
    assert [number for number, _ in results] == [1, 2, 3, 4]


def test_two_workers_take_items_as_they_become_free_and_end_with_the_run() -> None:
    items, most, done = Counted(60), 0, []
    for result in TWO.run(tasks.with_process, items):
        done.append(result)
        most = max(most, items.taken - len(done))
    assert sorted(number for number, _ in done) == list(range(60))
    processes = Counter(process for _, process in done)
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert most <= 2 * (2 + WAITING), "of a film of any length only so much is under way"
    assert gone(set(processes))


def test_what_is_prepared_is_there_once_a_worker() -> None:
    for _, tools in TWO.run(tasks.use_tool, range(12), prepare=tasks.make_tool):
        assert tools == 1


def test_closing_a_run_ends_its_workers() -> None:
    items = Counted(10**9)
    results = TWO.run(tasks.with_process, items)
    processes = {process for _, (_, process) in zip(range(8), results, strict=False)}
    results.close()
    assert processes
    assert gone(processes)
    assert items.taken < 30


# Deaths


@posix
def test_what_a_dead_worker_left_is_done_again(tmp_path: Path) -> None:
    task = partial(tasks.die_at, folder=tmp_path, deadly=(3,), times=1)
    assert sorted(TWO.run(task, range(8))) == list(range(8))
    assert [path.name for path in tmp_path.iterdir()] == ["3-0"]


@posix
def test_an_item_that_kills_every_worker_is_one_line(tmp_path: Path) -> None:
    task = partial(tasks.die_at, folder=tmp_path, deadly=(1,), times=10**9)
    with pytest.raises(
        WorkerError, match=f"{MOST_DEATHS} workers died over the same part of the work; if memory"
    ) as told:
        list(TWO.run(task, range(4)))
    assert len(list(tmp_path.iterdir())) == MOST_DEATHS
    assert "\n" not in str(told.value)


def test_items_without_a_result_come_again_and_the_round_before_gives_no_more() -> None:
    handout = Handout("abcd")
    first = handout.next_round()
    assert [next(first), next(first), next(first)] == [(0, "a"), (1, "b"), (2, "c")]
    del handout.open[1]
    second = handout.next_round()
    assert next(first, None) is None
    assert list(second) == [(0, "a"), (2, "c"), (3, "d")]


# Errors


def test_an_error_of_the_task_or_the_items_is_the_callers() -> None:
    def broken_items() -> Iterator[int]:
        yield 0
        raise InputError("the source ends here")

    with pytest.raises(InputError, match="number two is broken"):
        list(TWO.run(tasks.fail, [2]))
    with pytest.raises(InputError, match="the source ends here"):
        list(TWO.run(tasks.fail, broken_items()))


def test_a_defect_brings_its_traceback_along() -> None:
    with pytest.raises(ZeroDivisionError) as seen:
        tasks.fail(3)
    there = portable(seen.value)
    assert isinstance(there, ZeroDivisionError)
    assert 'raise ZeroDivisionError("a defect")' in there.__notes__[0]
    with pytest.raises(tasks.HoldsLockError) as odd:
        tasks.fail(4)
    assert str(portable(odd.value)) == "HoldsLockError: mine"


def test_impossible_workers() -> None:
    with pytest.raises(OptionError, match="at least one worker"):
        Workers(0)
    with pytest.raises(OptionError, match="leave `jobs` out"):
        Workers(2, "tcp://somewhere:8786")


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.jobs.workers.cpu_count", lambda: 8)
    assert [Workers(jobs).threads_each for jobs in (1, 2, 3, 16)] == [None, 4, 2, 1]
    assert Workers(4, threads=3).threads_each == 3
    assert Workers(cluster="tcp://somewhere:8786").threads_each == 1


# Inside a worker


def test_a_thing_is_kept_until_another_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "worker_cache", WorkerCache())
    first = cached("tool", 1, tasks.Tool)
    assert cached("tool", 1, tasks.Tool) is first
    assert cached("other", 1, tasks.Tool) is not first
    assert not first.is_closed
    assert cached("tool", 2, tasks.Tool) is not first
    assert first.is_closed


@pytest.mark.parametrize(
    ("gpus", "device", "chosen"), [(1, "cuda", "cuda"), (2, "cpu", "cpu"), (2, "cuda:1", "cuda:1")]
)
def test_only_workers_with_a_choice_choose(
    monkeypatch: pytest.MonkeyPatch, gpus: int, device: str, chosen: str
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert device_of_worker(device) == chosen


def test_workers_take_gpus_in_turn_and_a_dead_ones_is_free_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr(worker_process, "gettempdir", lambda: str(tmp_path))
    locks: list[FileLock] = []
    monkeypatch.setattr(worker_process, "held_locks", locks)
    given = []
    for _ in range(4):  # as four processes would: a lock is held from one descriptor, not from one process
        worker_process.worker_index.cache_clear()
        given.append(device_of_worker("cuda"))
    assert given == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    locks.pop(1).release()
    worker_process.worker_index.cache_clear()
    assert device_of_worker("cuda") == "cuda:1"
    worker_process.worker_index.cache_clear()
    for lock in locks:
        lock.release()
