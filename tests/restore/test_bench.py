"""The benchmark measures what it says: every stage sees all frames, and the ratios are what their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.bench import STAGES, BenchTable, Job, Measured, bench
from restore.video import VideoOptions

FRAMES = 6


@pytest.fixture
def job(gray_film: Path, toy_model: Path) -> Job:
    return Job(gray_film, FRAMES, str(toy_model), "cpu", None, VideoOptions(codec="ffv1"))


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_works_through_the_frames_asked_for(job: Job, name: str) -> None:
    measured = STAGES[name](job)
    assert measured.frames == FRAMES
    assert measured.wall_seconds > 0
    assert measured.peak_bytes > 10_000_000


def test_ratios_by_hand() -> None:
    def stage(wall: float, cpu: float) -> Measured:
        return Measured(10, wall, cpu, 1)

    table = BenchTable({"decode + encode": stage(1, 2), "network": stage(5, 6), "whole run": stage(6, 10)})
    assert table.cpu_ratio == pytest.approx(10 / 8)
    assert table.overlap == pytest.approx(0.6)
    assert table.plain_ratio == pytest.approx(6)


@pytest.mark.slow
def test_stages_run_in_processes_of_their_own(job: Job) -> None:
    results = dict(bench(job.clip, frames=3, model=job.model, device="cpu", options=job.options, stages=("decode",)))
    assert results["decode"].frames == 3
