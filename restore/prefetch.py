"""The one place with threads and bounded waiting: run a stage ahead of its consumer."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Ready(Generic[Item]):
    """Upstream gave an item."""

    item: Item


@dataclass(frozen=True)
class Finished:
    """Upstream is used up, or broke."""

    error: BaseException | None


def prefetch(upstream: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yields what ``upstream`` yields, and lets it run on a thread of its own, at most ``depth`` items ahead.

    Nothing starts before the first item is asked for. An upstream error is raised here, after the items before it.
    When the consumer leaves early (``close``, or an error of its own) upstream stops after the item it is making.
    Either way upstream, where it is a generator, is closed on the thread that ran it, and the thread is joined, so that
    files it holds are closed when this returns.

    Raises:
        ValueError: ``depth`` is below 1.
    """
    if depth < 1:
        raise ValueError(f"prefetch needs a depth of at least 1, got {depth = }")
    return run_ahead(upstream, depth)


def run_ahead(upstream: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    # A free slot is taken before upstream is asked, not before its item is put: no more than `depth` items ever exist,
    # and the put itself never waits.
    free_slots = Semaphore(depth)
    stop = Event()
    results: SimpleQueue[Ready[Item] | Finished] = SimpleQueue()

    def allowed_items(iterator: Iterator[Item]) -> Iterator[Item]:
        while free_slots.acquire() and not stop.is_set():
            try:
                yield next(iterator)
            except StopIteration:
                return

    def work() -> None:
        error: BaseException | None = None
        try:
            iterator = iter(upstream)
            with closing(iterator) if isinstance(iterator, Generator) else nullcontext():
                for item in allowed_items(iterator):
                    results.put(Ready(item))
        except BaseException as raised:  # whatever it is, the consumer has to see it
            error = raised
            if stop.is_set():
                logger.warning("a stage failed while it was being stopped: %r", raised)
        results.put(Finished(error))

    worker = Thread(target=work, name="prefetch", daemon=True)
    worker.start()
    try:
        while True:
            result = results.get()
            if isinstance(result, Finished):
                if result.error is not None:
                    raise result.error
                return
            free_slots.release()
            yield result.item
    finally:
        stop.set()
        free_slots.release()  # wakes a worker that waits for a slot
        worker.join()


def map_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    *,
    weigh: Callable[[Item], float] = lambda _: 0,
    most: float = 1,
) -> Generator[Result, None, None]:
    """Yields ``function(item)`` in order, done on so many threads; items are taken here, at most one more than those.

    No further item is taken while those that are worked on weigh ``most`` or more. An error of ``items`` or
    ``function`` is raised in its turn. When the consumer leaves early, what was begun is waited for and dropped, and
    ``items`` is closed where it is a generator.
    """
    waiting: deque[tuple[Future[Result], float]] = deque()
    iterator = iter(items)
    failure: Exception | None = None
    with closing(iterator) if isinstance(iterator, Generator) else nullcontext(), ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                waiting.append((pool.submit(function, item), weigh(item)))
                while len(waiting) > threads or (waiting and sum(weight for _, weight in waiting) >= most):
                    yield waiting.popleft()[0].result()
            while waiting:
                yield waiting.popleft()[0].result()
            if failure is not None:
                raise failure
        finally:
            for future, _ in waiting:
                future.cancel()
