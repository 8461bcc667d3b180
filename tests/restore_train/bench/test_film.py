"""The benchmark of a film measures what it says: every stage sees all frames, and ratios are what their names say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from restore.errors import InputError
from restore_train.bench import film as module
from restore_train.bench.film import STAGES, BenchCase, bench_film, measure
from restore_train.bench.measure import Measured
from tests.tools import film_options

FRAMES = 6


@pytest.fixture
def case(gray_film: Path, toy_model: Path) -> BenchCase:
    return BenchCase(gray_film, FRAMES, str(toy_model), "cpu", None, film_options(codec="ffv1"))


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_works_through_the_frames_asked_for(case: BenchCase, name: str) -> None:
    measured = STAGES[name](case)
    assert measured.count == FRAMES
    assert measured.peak_bytes > 10_000_000  # Python and NumPy


def test_threads_are_those_of_opencv_too(case: BenchCase) -> None:
    """One thread must mean one, or a cost on one core is none."""
    before, seen = cv2.getNumThreads(), []

    def look(_: BenchCase) -> Measured:
        seen.append(cv2.getNumThreads())
        return Measured(1, 1, 1)

    try:
        for threads in (2, 1):
            measure(look, replace(case, threads=threads))
    finally:
        cv2.setNumThreads(before)
    assert seen == [2, 1]


def test_ratios_by_hand(case: BenchCase, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: Measured(10, 1, 1) for name in STAGES}
    rows |= {"decode + encode": Measured(10, 1, 2), "network": Measured(10, 5, 6), "whole run": Measured(10, 6, 10)}
    monkeypatch.setattr(module, "in_turn", lambda works, _: {name: rows[name] for name in works})
    result = bench_film(case)
    assert result.rows == rows
    assert list(result.ratios.values()) == pytest.approx([10 / 8, 0.6, 6])
    assert bench_film(case, stages=("decode",)).ratios == {}


def test_a_missing_film_is_refused_before_any_process_starts(case: BenchCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_own_process", lambda *_: pytest.fail("a process was started"))
    with pytest.raises(InputError):
        bench_film(replace(case, clip=case.clip.with_name("absent.mkv")))


@pytest.mark.slow
def test_stages_run_in_processes_of_their_own(case: BenchCase) -> None:
    result = bench_film(replace(case, frames=3), stages=("decode",), rounds=2)
    assert result.rows["decode"].count == 3
