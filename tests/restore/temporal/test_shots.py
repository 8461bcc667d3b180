"""Cuts: the real ones are found; flashes, flicker, dissolves and fast motion are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest

from restore.colour import FloatArray
from restore.temporal import ShotDetector, find_shot_starts
from restore.temporal.shots import LOOK_AHEAD
from tests.restore.temporal.conftest import Clip

ReadClip = Callable[[str, int], Clip]
DAVIS = ["car-shadow", "dog", "drift-chicane", "drift-straight", "libby", "motocross-jump", "parkour", "scooter-black"]
SHARES = np.linspace(0.05, 0.95, 10, dtype=np.float32)


def starts(lumas: Iterable[FloatArray]) -> list[int]:
    return [index for index, is_start in enumerate(find_shot_starts(lumas)) if is_start]


def davis_lumas(read_clip: ReadClip, name: str, frames: int = 40) -> list[FloatArray]:
    return [luma for luma, _ in read_clip(f"clips/davis_{name}.mp4", frames)]


def test_film_with_three_cuts(read_clip: ReadClip) -> None:
    assert starts(luma for luma, _ in read_clip("archival/film/a_bomb.mp4", 360)) == [0, 44, 134, 299]


def test_flickering_film_without_cuts(read_clip: ReadClip) -> None:
    assert starts(luma for luma, _ in read_clip("archival/film/winter_scenes.mp4", 96)) == [0]


@pytest.mark.parametrize("name", DAVIS)
def test_no_cut_inside_a_moving_shot(read_clip: ReadClip, name: str) -> None:
    assert starts(davis_lumas(read_clip, name)) == [0]


def test_cuts_of_joined_clips(read_clip: ReadClip) -> None:
    for first, second in pairwise([*DAVIS, DAVIS[0]]):
        joined = davis_lumas(read_clip, first)[:12] + davis_lumas(read_clip, second)[:12]
        assert starts(joined) == [0, 12], (first, second)


@pytest.mark.parametrize("flash_frames", [1, LOOK_AHEAD])
@pytest.mark.parametrize("leftover", [0.0, 0.3])
def test_flash_is_no_cut(read_clip: ReadClip, flash_frames: int, leftover: float) -> None:
    for name in DAVIS[:4]:
        lumas = [luma.copy() for luma in davis_lumas(read_clip, name)[:16]]
        for index in range(7, 7 + flash_frames):
            lumas[index] = np.clip(lumas[index] * leftover + (1 - leftover), 0, 1)
        assert starts(lumas) == [0], name


def test_dissolve_is_no_cut(read_clip: ReadClip) -> None:
    first, second = (davis_lumas(read_clip, name) for name in ("dog", "parkour"))
    mixed = [a * (1 - share) + b * share for a, b, share in zip(first[10:20], second[:10], SHARES, strict=True)]
    assert starts([*first[:10], *mixed, *second[10:16]]) == [0]


@pytest.mark.parametrize(("step", "dissolve"), [(1, 3), (3, 4), (5, 3)])
def test_precision_and_recall_over_cuts_flashes_and_dissolves(read_clip: ReadClip, step: int, dissolve: int) -> None:
    """A long film: clip after clip, a flash in each, and every third one dissolves into another before the cut."""
    lumas: list[FloatArray] = []
    true_cuts = []
    for turn in range(20):
        numbers = step * turn, step * turn + dissolve
        clip, other = (davis_lumas(read_clip, DAVIS[number % len(DAVIS)]) for number in numbers)
        true_cuts.append(len(lumas))
        part = clip[turn % 8 : turn % 8 + 14]
        part[7] = np.clip(part[7] * 0.2 + 0.8, 0, 1)
        if turn % 3 == 0:
            mixed = zip(clip[turn % 8 + 14 : turn % 8 + 24], other[:10], SHARES, strict=True)
            part += [a * (1 - share) + b * share for a, b, share in mixed] + other[10:18]
        lumas += part
    found, true = set(starts(lumas)), set(true_cuts)
    assert len(found & true) >= 0.95 * len(true)
    assert len(found & true) >= 0.95 * len(found)


def test_grain_on_black_is_one_shot() -> None:
    generator = np.random.default_rng(0)
    assert starts(generator.normal(0.06, 0.008, (12, 90, 120)).astype(np.float32)) == [0]
    assert starts(np.zeros((5, 90, 120), np.float32)) == [0]


def test_what_follows_a_cut_is_judged_alone(read_clip: ReadClip) -> None:
    """A, B, A, B in pieces of six frames: each piece is a shot, though its picture was seen before."""
    first, second = (davis_lumas(read_clip, name) for name in ("libby", "scooter-black"))
    assert starts([*first[:6], *second[:6], *first[6:12], *second[6:12]]) == [0, 6, 12, 18]


def test_answers_come_look_ahead_late() -> None:
    detector = ShotDetector()
    luma = np.random.default_rng(1).random((64, 96), np.float32)
    assert [detector.push(luma) for _ in range(LOOK_AHEAD + 2)] == [None] * LOOK_AHEAD + [True, False]
    assert detector.flush() == [False] * LOOK_AHEAD
    assert list(find_shot_starts([])) == []
    assert list(find_shot_starts([luma])) == [True]
