"""Damaged files of every kind: refused in one line or coloured, in bounded time and memory, nothing half-written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from restore.errors import DamagedMediaError
from tests.fuzz import worker
from tests.fuzz.campaign import Campaign, Case, all_cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, Target, make_jobs

FEW = {"photo": 26, "film": 7, "film to file": 2, "thermal": 10, "film job": 6, "album job": 6}
MANY = {"photo": 1500, "film": 350, "film to file": 100, "thermal": 400, "film job": 150, "album job": 150}

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    make_jobs(folder)
    return folder


def test_a_few_dozen_damaged_files(shared_data: Path, jobs: Path) -> None:
    with Campaign() as campaign:
        campaign.run(all_cases(FEW, shared_data, jobs, seed=1))
    assert campaign.faults == []
    assert campaign.outcomes["photo: refused"] >= 5
    assert campaign.outcomes["photo: fine"] >= 5
    assert campaign.outcomes["film job: fine"] == FEW["film job"]


@pytest.mark.slow
def test_thousands_of_damaged_files(shared_data: Path, jobs: Path) -> None:
    with Campaign() as campaign:
        campaign.run(all_cases(MANY, shared_data, jobs, seed=2))
    assert campaign.faults == []
    assert sum(campaign.outcomes.values()) == sum(MANY.values())


# The campaign itself: what it is to find, it finds.


def test_damage_is_seeded_and_of_every_kind() -> None:
    content = bytes(range(256)) * 64
    found = {mutated(content, str(number)) for number in range(40)}
    assert len(found) > 35
    assert mutated(content, "3") == mutated(content, "3")
    assert {len(each) < len(content) for each in found} == {True, False}
    assert any(len(each) > len(content) for each in found)
    assert mutated(b"", "1") == b""


def raise_type_error(*_: Path) -> None:
    raise TypeError("a defect")


def refuse_in_two_lines(*_: Path) -> None:
    raise DamagedMediaError("broken\nTraceback")


def leave_something(_: Path, __: Path, out: Path) -> None:
    (out / ".a.part").touch()


@pytest.mark.parametrize(
    ("reader", "said"),
    [(raise_type_error, "a defect"), (refuse_in_two_lines, "Traceback"), (leave_something, ".a.part")],
)
def test_faults_are_found(
    reader: Callable[[Path, Path, Path], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "faulty", Target(reader, lambda _: []))
    (tmp_path / "file").write_bytes(b"content")
    answer = worker.run_case("faulty", tmp_path / "file", "1", tmp_path)
    assert answer["outcome"] == "fault"
    assert said in answer["said"]


def test_greed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "greedy", Target(lambda *_: str(len(b"x" * 64_000_000)), lambda _: []))
    (tmp_path / "file").write_bytes(b"content")
    assert worker.run_case("greedy", tmp_path / "file", "1", tmp_path)["peak"] > 50_000_000


@pytest.mark.parametrize(
    ("code", "outcome"), [("import time; time.sleep(60)", "hung"), ("import os; os.abort()", "crashed")]
)
def test_hanging_and_dying_workers_are_found(code: str, outcome: str) -> None:
    with Campaign(patience=0.5 if outcome == "hung" else 60, command=(sys.executable, "-c", code)) as campaign:
        campaign.run([Case("photo", "absent", "1")])
    assert list(campaign.outcomes) == [f"photo: {outcome}"]
    assert len(campaign.faults) == 1


def test_a_worker_that_turns_in_circles_is_found() -> None:
    with Campaign(seconds_a_case=0.2, command=(sys.executable, "-c", "while True: pass")) as campaign:
        campaign.run([Case("photo", "absent", "1")])
    assert campaign.outcomes["photo: hung"] == 1


def test_a_case_that_takes_too_much_is_a_fault() -> None:
    answer = '{"outcome": "fine", "said": "", "peak": 5000}'
    with Campaign(bytes_a_case=4000, command=(sys.executable, "-c", f"print({answer!r})")) as campaign:
        campaign.run([Case("photo", "absent", "1")])
    assert campaign.outcomes["photo: greedy"] == 1
