"""One film, three ways: a short run of what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restore.jobs.films import VideoOptions
from restore.media.film.source import FilmSource
from restore_train.bench.workers import ONE, THIS_PROCESS, TWO, Timed, WorkersBench, bench_workers, join_shots
from tests.media import write_shots


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Of two scenes each, of which the second is the end."""
    return [write_shots(tmp_path / f"{number}.mkv", (20, number)) for number in (5, 9)]


def lumas(path: Path) -> list[NDArray[np.float32]]:
    with FilmSource(path) as film:
        return [frame.luma_codes().astype(np.float32) for frame in film.frames()]


def test_stretches_are_joined_in_turn(clips: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "film.mkv"
    assert join_shots(clips, target, shots=5, shot_frames=12) == 60
    first, second = map(lumas, clips)
    wanted = [*first[:12], *second[:12], *first[12:24], *second[12:24], *first[:12]]  # it has no third stretch
    for made, source in zip(lumas(target), wanted, strict=True):
        assert np.abs(made - source).mean() < 5  # neighbours differ by more than ten


def test_a_height_keeps_the_shape(clips: list[Path], tmp_path: Path) -> None:
    join_shots(clips, tmp_path / "film.mkv", shots=2, shot_frames=3, height=128)
    assert lumas(tmp_path / "film.mkv")[0].shape == (128, 192)


@pytest.mark.slow
def test_all_ways_make_the_same_film(clips: list[Path], toy_model: Path) -> None:
    options = VideoOptions(codec="ffv1")
    result = bench_workers(clips, shots=3, shot_frames=8, model=str(toy_model), engine="torch", options=options)
    assert (result.frames, result.units) == (24, 3)
    assert set(result.ways) == {THIS_PROCESS, ONE, TWO}
    assert len({timed.sha256 for timed in result.ways.values()}) == 1
    assert all(timed.seconds > 0 and timed.cpu_seconds > 0 for timed in result.ways.values())


def test_the_gain_is_a_ratio_of_times() -> None:
    result = WorkersBench(9, 3, {ONE: Timed(6.0, 1.0, "a"), TWO: Timed(3.0, 1.0, "a")})
    assert result.gain(ONE, TWO) == 2.0
