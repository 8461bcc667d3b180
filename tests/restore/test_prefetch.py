"""Work on threads: order, errors in their turn, bounds, leaving early, and that no thread outlives it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from restore.prefetch import map_ahead, prefetch

SOON_SECONDS = 5.0


def wait_until_idle(counter: list[int]) -> None:
    """Waits until upstream makes no more items."""
    seen = -1
    while seen != len(counter):
        seen = len(counter)
        time.sleep(0.05)


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_values() -> None:
    assert list(prefetch(range(100), 3)) == list(range(100))
    assert list(prefetch([], 1)) == []
    assert list(prefetch(prefetch(iter("abc"), 1), 2)) == ["a", "b", "c"]
    assert not prefetch_threads()


def test_exceptions() -> None:
    with pytest.raises(ValueError, match="depth = 0"):
        prefetch([1], 0)  # already here, not at the first item


@pytest.mark.parametrize("depth", [1, 3])
def test_runs_ahead_but_no_further_than_depth(depth: int) -> None:
    made: list[int] = []

    def upstream() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with closing(prefetch(upstream(), depth)) as items:
        assert made == []  # nothing starts unasked
        assert next(items) == 0
        wait_until_idle(made)
        assert len(made) == depth + 1  # one taken, `depth` ahead
        assert next(items) == 1
        wait_until_idle(made)
        assert len(made) == depth + 2


def test_upstream_runs_and_closes_on_one_other_thread() -> None:
    threads: list[int] = []

    def upstream() -> Iterator[int]:
        try:
            while True:
                threads.append(threading.get_ident())
                yield 1
        finally:
            threads.append(threading.get_ident())

    items = prefetch(upstream(), 2)
    next(items)
    items.close()
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads
    assert not prefetch_threads()


def test_error_comes_after_the_items_before_it() -> None:
    def upstream() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk gone")

    items = prefetch(upstream(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="disk gone"):
        next(items)
    assert not prefetch_threads()
    assert list(items) == []


def test_consumer_leaves_while_the_worker_waits_for_a_slot() -> None:
    closed = threading.Event()

    def upstream() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    with closing(prefetch(upstream(), 1)) as items:
        next(items)
        time.sleep(0.05)  # the slot is taken now
    assert closed.is_set()
    assert not prefetch_threads()


def test_dropped_unfinished_it_still_ends() -> None:
    items = prefetch(iter(range(1000)), 2)
    next(items)
    del items
    gc.collect()
    deadline = time.monotonic() + SOON_SECONDS
    while prefetch_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not prefetch_threads()


def test_error_while_stopping_is_logged_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    def upstream() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            raise OSError("could not close")

    with closing(prefetch(upstream(), 1)) as items:
        next(items)
    assert "could not close" in caplog.text


def test_stages_overlap() -> None:
    """Two stages wait for each other's thread: in one thread this could not end."""
    upstream_at_second = threading.Event()

    def upstream() -> Iterator[int]:
        yield 1
        upstream_at_second.set()
        yield 2

    with closing(prefetch(upstream(), 1)) as items:
        assert next(items) == 1
        assert upstream_at_second.wait(SOON_SECONDS)


# map_ahead


def running_threads() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate()}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_their_items(threads: int) -> None:
    before = running_threads()

    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    assert list(map_ahead(slow_at_first, range(20), threads)) == [number * number for number in range(20)]
    assert list(map_ahead(slow_at_first, [], threads)) == []
    assert running_threads() == before


def test_items_are_worked_on_at_the_same_time() -> None:
    """Each waits for the others: one after another this could not end."""
    together = threading.Barrier(3, timeout=SOON_SECONDS)

    def work(number: int) -> int:
        together.wait()
        return number

    assert list(map_ahead(work, range(6), 3)) == list(range(6))


def test_an_error_of_the_function_comes_after_the_results_before_it() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise OSError("cannot read 2")
        return number

    results = map_ahead(work, range(9), 4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OSError, match="cannot read 2"):
        next(results)
    assert list(results) == []


def test_an_error_of_the_items_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield 0
        yield 1
        raise OSError("disk gone")

    results = map_ahead(str, items(), 4)
    assert [next(results), next(results)] == ["0", "1"]
    with pytest.raises(OSError, match="disk gone"):
        next(results)


def test_of_two_errors_the_first_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise OSError("disk gone")

    def work(number: int) -> int:
        raise ValueError(f"cannot read {number}")

    with pytest.raises(ValueError, match="cannot read 0"):
        list(map_ahead(work, items(), 4))


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_than_one_item_waits_for_a_thread(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    with closing(map_ahead(str, items(), threads)) as results:
        assert taken == []  # nothing starts unasked
        for count in range(1, 10):
            next(results)
            assert len(taken) == threads + count


def test_heavy_items_wait_for_each_other() -> None:
    """Nothing is taken while those that are worked on have reached the limit; one alone may be above it."""
    in_work = 0
    heaviest = 0
    weights = [1, 1, 1, 5, 2, 2, 9, 1]

    def items() -> Iterator[int]:
        nonlocal in_work, heaviest
        for weight in weights:
            assert in_work < 4
            in_work += weight
            heaviest = max(heaviest, in_work)
            yield weight

    results = []
    for weight in map_ahead(lambda weight: weight, items(), 8, weigh=float, most=4):
        in_work -= weight
        results.append(weight)
    assert results == weights
    assert heaviest < 4 + max(weights)


def test_a_consumer_that_leaves_early_waits_for_what_was_begun_and_closes_the_items() -> None:
    before = running_threads()
    happened: list[str] = []
    first_is_taken = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            happened.append("closed")

    def work(number: int) -> int:
        if number > 0:
            first_is_taken.wait(SOON_SECONDS)
            time.sleep(0.05)
            happened.append("worked")
        return number

    with closing(map_ahead(work, items(), 2)) as results:
        assert next(results) == 0
        first_is_taken.set()
    assert happened[-1] == "closed"
    assert happened.count("worked") <= 2
    assert running_threads() == before
