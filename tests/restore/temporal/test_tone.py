"""The tone of a shot: what most of its frames have, however wrong a few are."""

from __future__ import annotations

import numpy as np
import pytest

from restore.temporal.tone import HISTORY, ToneMemory, weighted_median

GOOD, BAD = np.array([0.0, 0.01]), np.array([-0.06, -0.02])


def settle(tones: list[np.ndarray], ahead: int = 8, memory: float = 0.99) -> list[np.ndarray]:
    keeper = ToneMemory(memory)
    windows = [tones[number : number + ahead + 1] for number in range(len(tones))]
    return [keeper.settle(window, [1.0] * len(window))[0] for window in windows]


def test_values_of_one_frame() -> None:
    tone, likenesses = ToneMemory(0.99).settle([GOOD], [1.0])
    np.testing.assert_allclose(tone, GOOD)
    np.testing.assert_allclose(likenesses, [1])


def test_the_majority_rules_from_the_first_frame_on() -> None:
    """A third of the frames, the first two among them, are of another mind, two at a time."""
    noise = np.random.default_rng(0).normal(0, 0.003, (60, 2))
    tones = [(BAD if number % 6 < 2 else GOOD) + noise[number] for number in range(60)]
    settled = np.array(settle(tones))
    assert np.abs(settled - GOOD).max() < 0.1 * np.abs(BAD - GOOD).max()
    assert np.abs(np.diff(settled, axis=0)).max() < 0.002  # and it does not flicker itself
    assert np.abs(np.mean(tones, axis=0) - GOOD).max() > 0.3 * np.abs(BAD - GOOD).max()  # as a mean would be


def test_frames_of_another_tone_are_known() -> None:
    _, likenesses = ToneMemory(0.99).settle([BAD, GOOD, GOOD, GOOD, BAD, GOOD], [1.0] * 6)
    assert likenesses[[0, 4]].max() < 0.1
    assert likenesses[[1, 2, 3, 5]].min() > 0.9


def test_a_new_tone_that_lasts_is_taken_up_slowly() -> None:
    settled = np.array(settle([GOOD] * 40 + [BAD] * 80))
    assert np.abs(settled[44] - GOOD).max() < 0.005
    assert np.abs(settled[-1] - BAD).max() < 0.005


def test_where_little_is_seen_again_the_past_counts_little() -> None:
    keeper = ToneMemory(0.99)
    for _ in range(30):
        keeper.settle([GOOD], [1.0])
    tone, _ = keeper.settle([BAD, BAD], [0.01, 1.0])
    assert np.abs(tone - BAD).max() < 0.005


def test_memory_is_bounded() -> None:
    keeper = ToneMemory(1.0)
    for _ in range(HISTORY + 20):
        keeper.settle([GOOD], [1.0])
    assert keeper._tones is not None
    assert len(keeper._tones) == len(keeper._weights) == HISTORY


def test_weighted_median() -> None:
    tones = np.array([[3.0, 1], [1, 2], [2, 9]])
    assert weighted_median(tones, np.ones(3)) == pytest.approx([2, 2])
    assert weighted_median(tones, np.array([5.0, 1, 1])) == pytest.approx([3, 1])
