"""Many processes for one job, by joblib: on this machine, or on all machines of a Dask cluster.

Neither tasks nor results are more than plain data, and only a few of them exist at a time: items are taken as workers
become free. Whatever a worker did not finish before it died is done again by another.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Generic, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from restore.errors import OptionError, WorkerError
from restore.jobs.fingerprint import program_facts
from restore.jobs.worker_process import Outcome, Setting, run_posted
from restore.options import Options

MOST_DEATHS = 3
"""Workers that may die over the same item."""

WAITING = 2
"""Items handed out beyond those that are worked on, so that no worker waits for the next one."""

Item = TypeVar("Item")
AnyOptions = TypeVar("AnyOptions", bound=Options)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Who does the work: this process, ``jobs`` processes of this machine, or the workers of a ``cluster``."""

    jobs: int = 1

    cluster: str | None = None
    """Address of a Dask scheduler, as ``tcp://host:8786``; its workers are as many as there are."""

    threads: int | None = None
    """Of each worker; by default its share of the cores, on a cluster one."""

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise OptionError(f"there is at least one worker, not {self.jobs}")
        if self.cluster is not None and self.jobs > 1:
            raise OptionError("a cluster has the workers that were started for it; leave `jobs` out")

    @property
    def alone(self) -> bool:
        """All is done in this process."""
        return self.jobs == 1 and self.cluster is None

    def run(
        self, task: Callable[[Item], Result], items: Iterable[Item], *, prepare: Callable[[], object] | None = None
    ) -> Generator[Result, None, None]:
        """Results as they come, in any order. ``task`` and ``prepare`` are picklable: functions of a module, or partial
        ones or frozen dataclasses of plain data.

        ``items`` are taken in order, on any thread but never on two at once, a few more than there are workers.
        ``prepare`` is called in workers while the first items are made; it loads what :func:`cached` keeps.

        Raises what the task raises, what ``items`` raises, and ``WorkerError`` where workers die over the same item
        again and again or the cluster cannot be reached. Close it, and its workers end.
        """
        if self.alone:
            return map_here(task, items)
        return Run(self, task, items, prepare).results()

    @contextmanager
    def pool(self) -> Iterator[Parallel]:
        """joblib's front end, with nothing left running behind it."""
        if self.cluster is not None:
            with cluster_pool(self.cluster, waiting=WAITING) as parallel:
                yield parallel
            return
        with parallel_config("loky", inner_max_num_threads=self.threads_each):
            parallel = Parallel(self.jobs, pre_dispatch=self.jobs + WAITING, **PARALLEL)
        try:
            yield parallel
        finally:
            get_reusable_executor().shutdown(wait=True)

    @property
    def threads_each(self) -> int | None:
        """None where all is done in this process, which may have all cores."""
        if self.threads is not None or self.alone:
            return self.threads
        return 1 if self.cluster is not None else max(cpu_count() // self.jobs, 1)

    def setting(self) -> Setting:
        threads = self.threads_each or 1
        if self.cluster is not None:
            return Setting(threads, None, program_facts(threads))
        return Setting(threads, os.getpid())


def with_workers(options: AnyOptions, workers: Workers) -> AnyOptions:
    """Returns the options as each of the workers has them. Raises ``OptionError`` where workers cannot do it."""
    run = replace(options.run, threads=workers.threads_each, jobs=workers.jobs, cluster=workers.cluster)
    return replace(options, run=run)


PARALLEL: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1, "max_nbytes": None}


def cluster_pool(address: str, *, waiting: int) -> Any:
    """A context with a :class:`Parallel`. Raises ``OptionError`` without the extra, and as :func:`open_cluster`."""
    try:
        from restore.jobs.cluster import open_cluster
    except ImportError as error:
        raise OptionError("`cluster` needs Dask: pip install 'rechroma[cluster]'") from error
    return open_cluster(address, waiting, PARALLEL)


def map_here(task: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    for item in items:
        yield task(item)


class Handout(Generic[Item]):
    """Items as joblib takes them, on threads of its own; each is kept until there is a result for it."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = enumerate(items)
        self.open: dict[int, Item] = {}
        self.again: deque[int] = deque()
        self.lock = Lock()
        self.rounds = 0

    def next_round(self) -> Iterator[tuple[int, Item]]:
        """First what has no result, then new items. The rounds before give nothing any more."""
        with self.lock:
            self.rounds += 1
            self.again = deque(self.open)
            return Round(self, self.rounds)

    def take(self) -> tuple[int, Item]:
        if self.again:
            number = self.again.popleft()
        else:
            number, item = next(self.items)
            self.open[number] = item
        return number, self.open[number]


class Round(Iterator[tuple[int, Item]]):
    """One pool's way through a :class:`Handout`. No generator: a pool that is ended may be in the middle of a step."""

    def __init__(self, handout: Handout[Item], number: int) -> None:
        self.handout, self.number = handout, number

    def __next__(self) -> tuple[int, Item]:
        with self.handout.lock:
            if self.handout.rounds != self.number:
                raise StopIteration
            return self.handout.take()


class Run(Generic[Item, Result]):
    """One call of :meth:`Workers.run`, over the lives of its pools."""

    def __init__(
        self,
        workers: Workers,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        prepare: Callable[[], object] | None,
    ) -> None:
        self.workers = workers
        self.task = pickle.dumps(task)
        self.prepare = pickle.dumps(Preparation(prepare)) if prepare is not None else None
        self.handout = Handout(items)
        self.deaths: Counter[int] = Counter()

    def results(self) -> Generator[Result, None, None]:
        while True:
            try:
                with self.workers.pool() as parallel:
                    yield from self.round(parallel)
                return
            except BrokenExecutor as error:
                self.count_deaths(error)

    def round(self, parallel: Parallel) -> Generator[Result, None, None]:
        setting = pickle.dumps(self.workers.setting())
        post = delayed(run_posted)

        def posted() -> Iterator[Any]:
            if self.prepare is not None:
                yield from [post(setting, -1, self.prepare, NOTHING)] * parallel.pre_dispatch
            for number, item in self.handout.next_round():
                yield post(setting, number, self.task, pickle.dumps(item))

        outcomes = parallel(posted())
        try:
            for posted_outcome in outcomes:
                outcome: Outcome = pickle.loads(posted_outcome)
                if outcome.error is not None:
                    raise outcome.error
                if outcome.number >= 0:
                    del self.handout.open[outcome.number]
                    self.deaths.pop(outcome.number, None)
                    yield outcome.result
        finally:
            with warnings.catch_warnings():  # joblib's, that not all was waited for
                warnings.simplefilter("ignore")
                outcomes.close()

    def count_deaths(self, error: BrokenExecutor) -> None:
        """Nobody knows which item it was, so all that were handed out are suspected."""
        self.deaths.update(list(self.handout.open))
        if any(deaths >= MOST_DEATHS for deaths in self.deaths.values()):
            what = f"{MOST_DEATHS} workers died over the same part of the work"
            raise WorkerError(f"{what}; if memory was short, use fewer `jobs` or a smaller `batch`") from error


@dataclass(frozen=True)
class Preparation:
    """A task of its own."""

    prepare: Callable[[], object]

    def __call__(self, _: None) -> None:
        self.prepare()


NOTHING = pickle.dumps(None)
