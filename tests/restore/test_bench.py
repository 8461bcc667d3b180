"""The benchmark measures what it says: every stage sees all frames, and the ratios are what their names say."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from restore.bench import STAGES, BenchTable, Job, Measured, bench
from restore.video import VideoOptions

FRAMES = 6


@pytest.fixture
def job(tmp_path: Path, toy_model: Path) -> Job:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        for number in range(10):
            picture = np.full((64, 96), 20 * number + 20, np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        film.mux(stream.encode(None))
    return Job(path, FRAMES, str(toy_model), "cpu", None, VideoOptions(codec="ffv1"))


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
