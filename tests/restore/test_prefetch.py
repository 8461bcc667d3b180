"""The one threaded function: order, errors, early leaving, and that no thread outlives it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from restore.prefetch import prefetch

SOON_SECONDS = 5.0


def wait_until_idle(counter: list[int]) -> None:
    """Waits until the upstream has stopped making items."""
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
