"""A real Dask scheduler with workers that are processes of their own, on this machine."""

from __future__ import annotations

import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from restore.options import UnitLengths
from tests.tools import film_options

pytest.importorskip("distributed", reason="the extra rechroma[cluster] is not installed")

from restore.errors import InputError, OptionError, WorkerError
from restore.jobs import cluster
from restore.jobs.films import colorize_video
from restore.jobs.fingerprint import program_facts
from restore.jobs.worker_process import Setting, configure_worker
from restore.jobs.workers import MOST_DEATHS, Workers
from restore.paint.network import Colorizer
from tests.media import write_shots
from tests.restore.jobs import tasks

ROOT = Path(__file__).parents[3]
OPTIONS = film_options(codec="ffv1", threads=1, units=UnitLengths(shortest=3, longest=6, context=4))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def free_port() -> int:
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return int(here.getsockname()[1])


class Cluster:
    """``dask scheduler`` and ``dask worker`` as a user starts them; ``settings`` are Dask's, by its environment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.settings = folder, settings
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2], "--no-show")

    def start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", kind, *arguments, "--dashboard-address", ":0"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **self.settings}
        log = (self.folder / f"{kind}-{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start_worker(self, *, is_replaced: bool = False) -> None:
        """``is_replaced`` when it dies."""
        nanny = "--nanny" if is_replaced else "--no-nanny"
        self.start("worker", self.address, "--nthreads", "1", nanny, "--local-directory", str(self.folder / "scratch"))

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    started.start_worker()
    started.start_worker()
    yield started
    started.close()


def test_a_film_by_a_cluster_is_the_film_of_one_machine_though_a_worker_is_killed(
    running: Cluster, toy_colorizer: Colorizer, tmp_path: Path
) -> None:
    film = write_shots(tmp_path / "film.mkv", (8, 17, 2, 9))
    alone, target = tmp_path / "alone.mkv", tmp_path / "out.mkv"
    colorize_video(film, alone, model=toy_colorizer, options=OPTIONS)
    killed: list[int] = []

    def progress(done: int, _: int | None) -> None:
        if done >= 6 and not killed:
            victim = running.processes[-1]
            killed.append(victim.pid)
            victim.kill()

    workers = Workers(cluster=running.address, threads=1)
    report = colorize_video(film, target, model=toy_colorizer, options=OPTIONS, workers=workers, progress=progress)
    assert killed
    assert report.frames == 36
    assert target.read_bytes() == alone.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.mkv", "out.mkv.json"]


def test_one_worker_is_enough_and_this_process_does_nothing(running: Cluster) -> None:
    """The one that is left, or two."""
    done = list(Workers(cluster=running.address).run(tasks.with_process, range(20)))
    assert sorted(number for number, _ in done) == list(range(20))
    assert {process for _, process in done} <= {worker.pid for worker in running.processes[1:]}


def test_errors_cross_the_cluster(running: Cluster) -> None:
    with pytest.raises(InputError, match="number two is broken"):
        list(Workers(cluster=running.address).run(tasks.fail, [2]))


def test_an_item_that_kills_every_worker_is_one_line(tmp_path: Path) -> None:
    mortal = Cluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")  # so that not Dask tries again
    mortal.start_worker(is_replaced=True)
    task = partial(tasks.die_at, folder=tmp_path, deadly=(1,), times=10**9)
    try:
        with pytest.raises(WorkerError, match=f"{MOST_DEATHS} workers died over the same part of the work") as told:
            list(Workers(cluster=mortal.address).run(task, range(3)))
    finally:
        mortal.close()
    assert len(list(tmp_path.glob("1-*"))) == MOST_DEATHS
    assert "\n" not in str(told.value)


# What is missing


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(WorkerError, match=re.escape(f"no Dask scheduler answers at {address}; start one")):
        list(Workers(cluster=address).run(tasks.with_process, [1]))


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "restore.jobs.cluster", None)
    with pytest.raises(OptionError, match=re.escape("pip install 'rechroma[cluster]'")):
        list(Workers(cluster="tcp://127.0.0.1:8786").run(tasks.with_process, [1]))


def test_a_worker_with_another_program_refuses() -> None:
    facts: dict[str, Any] = {**program_facts(1), "torch": "2.0"}
    with pytest.raises(WorkerError, match=r"would make other bytes: program\.torch was 2\.0, is "):
        configure_worker(pickle.dumps(Setting(1, None, facts)))
