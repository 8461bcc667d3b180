"""The colour curve: pivot, hue and range."""

from __future__ import annotations

import numpy as np
import pytest

from restore_models import ColourCurve
from restore_models.curve import PIVOT


def test_no_curve_changes_nothing() -> None:
    chroma = np.random.default_rng(0).uniform(-0.4, 0.4, (3, 2, 4, 5)).astype(np.float32)
    assert np.array_equal(ColourCurve().apply(chroma), chroma)


def test_doubt_shrinks_conviction_grows_and_hue_stays() -> None:
    weak, pivot, strong = (np.array([[[0.6]], [[-0.8]]], np.float32) * size for size in (PIVOT / 2, PIVOT, PIVOT * 2))
    curve = ColourCurve(gain=1.1, exponent=1.5)
    np.testing.assert_allclose(curve.apply(pivot), 1.1 * pivot, rtol=1e-5)
    np.testing.assert_allclose(curve.apply(weak), 1.1 * weak * 0.5**0.5, rtol=1e-5)
    np.testing.assert_allclose(curve.apply(strong), 1.1 * strong * 2**0.5, rtol=1e-5)


@pytest.mark.parametrize("exponent", [1.0, 1.4])
def test_gray_stays_gray_and_nothing_leaves_the_range(exponent: float) -> None:
    curve = ColourCurve(gain=3.0, exponent=exponent)
    assert not curve.apply(np.zeros((2, 3, 3), np.float32)).any()
    assert np.abs(curve.apply(np.full((2, 3, 3), 0.45, np.float32))).max() <= 0.5
