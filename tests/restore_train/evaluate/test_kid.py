"""KID: nothing for equal sets, unbiased for sets of one kind, large for others."""

from __future__ import annotations

import numpy as np
import pytest

from restore_train.evaluate.kid import kid
from restore_train.evaluate.recognition import Values


def features(seed: int, mean: float = 0.0, count: int = 80) -> Values:
    return np.random.default_rng(seed).normal(mean, 1, (count, 16))


def test_a_set_has_no_distance_from_itself() -> None:
    assert kid(features(0), features(0)).value == pytest.approx(0, abs=1e-9)


def test_sets_of_one_kind_are_as_often_below_0_as_above() -> None:
    distances = [kid(features(seed), features(seed + 100)).value for seed in range(12)]
    assert min(distances) < 0 < max(distances)


def test_the_distance_grows_with_the_difference() -> None:
    near, far = kid(features(0), features(1, 0.2)), kid(features(0), features(1, 1.0))
    assert far.value > near.value
    assert far.low > 0


def test_it_is_gretton_s_sum_over_pairs_of_different_pictures() -> None:
    truth, ours = features(0, count=5), features(1, 0.5, count=5)

    def kernel(first: Values, second: Values) -> float:
        return float((first @ second / 16 + 1) ** 3)

    terms = [
        kernel(truth[i], truth[j]) + kernel(ours[i], ours[j]) - kernel(truth[i], ours[j]) - kernel(truth[j], ours[i])
        for i in range(5)
        for j in range(5)
        if i != j
    ]
    assert kid(truth, ours).value == pytest.approx(1000 * np.mean(terms))
