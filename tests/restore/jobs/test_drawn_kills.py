"""Drawn films and albums that are killed at any moment come out as if nothing had been."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore.jobs.job import job_folder
from restore.jobs.report import file_sha256
from tests.media import write_shots
from tests.restore.jobs.test_kills import Nightmare, round_of

KILLS = 40
SHOTS = (8, 9, 5)
PHOTOS, SEED, SAMPLES = 5, 7, 2
OPTIONS: dict[str, dict[str, Any]] = {
    "film": {"codec": "ffv1", "seed": SEED, "preset": None},
    "album": {"seed": SEED, "samples": SAMPLES},
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")


class DrawnNightmare(Nightmare):
    """With seeds."""

    def run(self, source: Path, target: Path, seconds: float | None = None, **options: Any) -> int:
        return super().run(source, target, seconds, **OPTIONS[self.work], **options)


@pytest.fixture(scope="module", params=["film", "album"])
def killer(request: pytest.FixtureRequest, sampling_model: Path) -> DrawnNightmare:
    return DrawnNightmare(request.param, sampling_model)


@pytest.fixture
def source(killer: DrawnNightmare, tmp_path: Path) -> Path:
    if killer.work == "film":
        return write_shots(tmp_path / "film.mkv", SHOTS)
    (tmp_path / "in").mkdir()
    for number in range(PHOTOS):
        shade = np.random.default_rng(number).normal(128, 30, (64, 48 + 16 * (number % 2))).clip(0, 255)
        Image.fromarray(shade.astype(np.uint8)).save(tmp_path / "in" / f"{number}.png")
    return tmp_path / "in"


def check(target: Path, whole: Path) -> None:
    """The same files with the same bytes, and a report of all of them."""
    assert not job_folder(target).exists()
    if target.is_file():
        assert file_sha256(target) == file_sha256(whole)
        report = json.loads(target.with_name(f"{target.name}.json").read_text(encoding="utf-8"))
        assert report["counts"]["frames"] == sum(SHOTS)
        return
    names = {path.name for path in whole.iterdir()}
    assert {path.name for path in target.iterdir()} == names
    assert len(names) == PHOTOS * (SAMPLES + 1) + 1
    for path in whole.glob("*.seed*"):
        assert file_sha256(target / path.name) == file_sha256(path)
    report = json.loads((target / "rechroma-report.json").read_text(encoding="utf-8"))
    assert report["counts"]["frames"] == PHOTOS
    assert sum(len(entry["variants"]) for entry in report["files"]) == PHOTOS * SAMPLES


def out_of(killer: DrawnNightmare, folder: Path, name: str) -> Path:
    return folder / (f"{name}.mkv" if killer.work == "film" else name)


def test_killed_again_and_again_on_the_way(killer: DrawnNightmare, source: Path, tmp_path: Path) -> None:
    """At a step a little further each time; steps that were finished before do not come again."""
    whole, target = out_of(killer, tmp_path, "whole"), out_of(killer, tmp_path, "out")
    assert killer.run(source, whole) == 0
    steps = (3, 10, 19) if killer.work == "film" else (1, 3)
    codes = [killer.run(source, target, kill_at=step) for step in steps]
    assert codes == [-signal.SIGKILL] * len(steps)
    assert job_folder(target).exists()
    assert killer.run(source, target) == 0
    check(target, whole)


@pytest.mark.slow
def test_killed_at_random_moments(killer: DrawnNightmare, source: Path, tmp_path: Path) -> None:
    whole, target = out_of(killer, tmp_path, "whole"), out_of(killer, tmp_path, "out")
    seconds = killer.whole_seconds(source, whole)
    rounds = killer.kill_often(source, target, kills=KILLS, whole=seconds, seed=9)
    for number in range(rounds):
        check(round_of(target, number), whole)
