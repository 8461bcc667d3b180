"""joblib's Dask backend, made fit for jobs of hours: an error is never waited for, and one worker is enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from distributed import Client
from distributed.scheduler import KilledWorker
from joblib import Parallel
from joblib._dask import DaskDistributedBackend

from restore.errors import WorkerError

ANSWER_SECONDS = 30
"""How long scheduler and first worker may take to answer."""


ROOM = 32
"""Items that are handed out at least, so that workers that come later find some."""

TALKERS = ("distributed", "distributed.client", "tornado", "tornado.application")
"""Loggers that report what is no news: answers of workers that died, and whatever was under way when a client left."""


@contextmanager
def open_cluster(address: str, waiting: int, options: dict[str, Any]) -> Iterator[Parallel]:
    """A ``Parallel`` for all workers that a Dask scheduler has now or gets later.

    Raises ``WorkerError`` where there is no scheduler or it has no worker.
    """
    for talker in TALKERS:
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address}; start one: dask scheduler --port 8786") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER_SECONDS)
        except OSError as error:
            raise WorkerError(f"{address} has no workers; start some: dask worker {address} --nthreads 1") from error
        with ThreadPoolExecutor(1, thread_name_prefix="handing out") as thread:
            backend = ClusterBackend(client, thread)
            at_once = max(sum(client.nthreads().values()), ROOM) + waiting
            yield Parallel(backend=backend, pre_dispatch=at_once, **options)


class ClusterBackend(DaskDistributedBackend):  # type: ignore[misc]  # joblib is not typed
    """The backend of joblib 1.6, whose callbacks run on a thread of their own.

    joblib's takes items on the thread that talks to the scheduler, waits for ever for what ended in an error, and does
    the work of a cluster of one worker in this process.
    """

    def __init__(self, client: Client, thread: ThreadPoolExecutor) -> None:
        super().__init__(client=client)
        self.thread = thread

    def effective_n_jobs(self, n_jobs: int) -> int:  # noqa: ARG002 - joblib's
        """joblib takes so many items at a time; how many are handed out says ``pre_dispatch``."""
        return 2

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Any:
        """As joblib's, but tells of errors too."""
        assert callback is not None

        def answer(out: Any) -> None:
            self.thread.submit(callback, out)

        def tell(done: Future[Any]) -> None:
            if error := done.exception():
                answer(error)

        future = super().submit(func, answer)

        future.add_done_callback(tell)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Raises ``BrokenExecutor`` where workers died over a task."""
        if isinstance(out, KilledWorker):
            raise BrokenExecutor(str(out)) from out
        if isinstance(out, ImportError):
            raise WorkerError(f"a worker of the cluster cannot run rechroma: {out}; install it there too") from out
        if isinstance(out, BaseException):
            raise WorkerError(f"the cluster is lost ({type(out).__name__}); see to its scheduler") from out
        return super().retrieve_result_callback(out)
