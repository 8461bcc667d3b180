"""One film of many shots, with one job and with two: a short run of what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restore.media.film.source import FilmSource
from restore_train.bench.film import BenchCase
from restore_train.bench.workers import bench_workers, join_shots
from tests.media import write_shots
from tests.tools import film_options


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
def test_both_ways_make_the_same_film(clips: list[Path], toy_model: Path) -> None:
    case = BenchCase(clips[0], 0, str(toy_model), "cpu", 1, film_options(codec="ffv1"), "torch")
    result = bench_workers(clips, case, shots=3, shot_frames=8)
    one, two = result.rows["one job"], result.rows["two jobs"]
    assert one.count == two.count == 24
    assert list(result.ratios.values()) == [one.wall_seconds / two.wall_seconds]
    assert result.notes[-1] == "the films are the same bytes"
