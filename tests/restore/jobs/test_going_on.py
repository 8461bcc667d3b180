"""How a user meets jobs: signals, two processes, status, --restart, and whatever has changed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from restore.jobs.job import JOURNAL, Job, job_folder, read_journal
from restore.options import FilmOptions, UnitLengths
from tests.media import noise_film
from tests.tools import run

FRAMES = 15
UNITS = UnitLengths(shortest=3, longest=4, context=2)


@pytest.fixture(autouse=True)
def short_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of a few frames, which no option of the command line sets."""
    original = FilmOptions.__init__

    def with_short_units(options: FilmOptions, **chosen: Any) -> None:
        original(options, **{"units": UNITS, **chosen})

    monkeypatch.setattr(FilmOptions, "__init__", with_short_units)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return noise_film(tmp_path / "film.mkv", FRAMES)


@pytest.fixture
def command(film: Path, toy_model: Path) -> list[str | Path]:
    """Without the output."""
    return [
        "video",
        film,
        "--model",
        toy_model,
        "--codec",
        "ffv1",
        "--device",
        "cpu",
        "--engine",
        "torch",
        "--threads",
        "1",
    ]


@pytest.fixture
def signals() -> Iterator[None]:
    """Handlers as a program in the foreground has them, and afterwards as they were."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def stop(
    command: list[str | Path], target: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals | None = None
) -> int:
    """Runs the command and interrupts it when some units are done: by a signal, or as Ctrl-C does without one."""
    add = Job.add

    def interrupted(job: Job, entry: dict[str, object], *, sync: bool = True) -> None:
        add(job, entry, sync=sync)
        if len(job.entries) == 2:
            if number is None:
                raise KeyboardInterrupt
            os.kill(os.getpid(), number)
            time.sleep(0.5)  # a signal that comes later would meet another test

    with monkeypatch.context() as patched:
        patched.setattr(Job, "add", interrupted)
        return run(*command, "-o", target)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.usefixtures("signals")
def test_a_signal_is_one_line_that_says_how_to_go_on(
    command: list[str | Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    assert run(*command, "-o", whole) == 0
    capsys.readouterr()
    assert stop(command, target, monkeypatch, signal.Signals[name]) == 130
    shown = capsys.readouterr().err.strip()
    assert shown == "interrupted; what is finished is kept: run the same command again to resume it"
    assert not target.exists()
    assert not list(tmp_path.rglob("*.part*"))
    assert run("status", target) == 0
    told = capsys.readouterr().out
    assert f"{target}: 6 of {FRAMES} (40.0 %) frames done, not running" in told
    assert run("status", target, "--json") == 0
    assert json.loads(capsys.readouterr().out)["done"] == 6
    assert run(*command, "-o", target) == 0
    assert target.read_bytes() == whole.read_bytes()
    assert run("status", target) == 0
    assert "is complete" in capsys.readouterr().out


def test_status_while_it_runs_and_a_second_process(
    command: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command a second time, while the first one works; another process looks on."""
    target = tmp_path / "out.mkv"
    add = Job.add
    told: list[str] = []

    def meanwhile(job: Job, entry: dict[str, object], *, sync: bool = True) -> None:
        add(job, entry, sync=sync)
        if len(job.entries) == 2 and not told:
            program = [sys.executable, "-m", "restore", "status", str(target)]
            told.append(subprocess.run(program, capture_output=True, text=True, check=True).stdout)
            assert run(*command, "-o", target) == 5

    with monkeypatch.context() as patched:
        patched.setattr(Job, "add", meanwhile)
        assert run(*command, "-o", target) == 0
    assert f"6 of {FRAMES}" in told[0]
    assert told[0].endswith("frames done, running\n")
    refused = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("rechroma: "))
    assert refused == f"rechroma: another process is working on {target}; wait for it, or choose another output"


@pytest.mark.usefixtures("signals")
def test_what_changed_is_named_and_restart_forgets(
    command: list[str | Path],
    film: Path,
    toy_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "out.mkv"
    assert stop(command, target, monkeypatch) == 130
    before = film.read_bytes()
    capsys.readouterr()

    def refused(*more: str) -> str:
        assert run(*command, *more, "-o", target) == 2
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1
        assert "run it as before, or use --restart" in shown
        return shown

    assert "options.look.saturation was 1.0, is 1.5" in refused("--saturation", "1.5")
    assert "options.look.temporal was light, is strong" in refused("--temporal", "strong")
    film.write_bytes(before[:-7] + b"changed")
    assert "source.sha256_of_blocks was" in refused()
    film.write_bytes(before)
    weights = toy_model.read_bytes()
    other = tmp_path / toy_model.name  # the same name elsewhere, with one weight another
    other.write_bytes(weights[:-2] + bytes([weights[-2] ^ 1]) + weights[-1:])
    command[command.index(toy_model)] = other
    assert "model.weights_sha256 was" in refused()
    command[command.index(other)] = toy_model
    units = [entry["unit"]["first"] for entry in read_journal(job_folder(target) / JOURNAL).entries]
    assert units == [0, 3], "what was refused forgot nothing"
    done: list[dict[str, Any]] = []
    add = Job.add

    def noted(job: Job, entry: dict[str, Any], *, sync: bool = True) -> None:
        done.append(entry)
        add(job, entry, sync=sync)

    monkeypatch.setattr(Job, "add", noted)
    assert run(*command, "--saturation", "1.5", "--restart", "-o", target) == 0
    assert sum(entry["unit"]["frames"] for entry in done if "unit" in entry) == FRAMES


@pytest.mark.usefixtures("signals")
def test_a_source_that_only_moved_goes_on(
    command: list[str | Path], film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stop(command, tmp_path / "out.mkv", monkeypatch) == 130
    command[1] = film.rename(tmp_path / "elsewhere.mkv")
    os.utime(command[1], (1, 1))
    assert run(*command, "-o", tmp_path / "out.mkv") == 0
