"""The benchmark measures what it says: every stage sees all frames, and the ratios are what their names say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from restore.jobs.films import VideoOptions
from restore_train.bench.film import STAGES, BenchTable, Job, Measured, bench, measure, middle

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


def test_threads_are_those_of_opencv_too(job: Job) -> None:
    """One thread must mean one, or a cost on one core is none."""
    before, seen = cv2.getNumThreads(), []

    def look(_: Job) -> Measured:
        seen.append(cv2.getNumThreads())
        return stage(1, 1)

    try:
        for threads in (2, 1):
            measure(look, replace(job, threads=threads))
    finally:
        cv2.setNumThreads(before)
    assert seen == [2, 1]


def stage(wall: float, cpu: float) -> Measured:
    return Measured(10, wall, cpu, 1)


def test_the_middle_run_counts() -> None:
    assert middle([stage(1, 9), stage(2, 1), stage(3, 5)]) == stage(3, 5)


def test_ratios_by_hand() -> None:
    table = BenchTable({"decode + encode": stage(1, 2), "network": stage(5, 6), "whole run": stage(6, 10)})
    assert table.cpu_ratio == pytest.approx(10 / 8)
    assert table.overlap == pytest.approx(0.6)
    assert table.plain_ratio == pytest.approx(6)


@pytest.mark.slow
def test_stages_run_in_processes_of_their_own(job: Job) -> None:
    results = bench(
        job.clip, frames=3, model=job.model, device="cpu", options=job.options, stages=("decode",), repeat=2
    )
    assert results["decode"].frames == 3
