"""Flow: direction and length, blind to exposure, and a confidence that knows what was hidden."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.temporal import estimate_flow, flow_confidence, warp
from restore.temporal.flow import resize_flow

SHIFT_X, SHIFT_Y = 5, -3
INNER = np.s_[16:-16, 16:-16]


@pytest.fixture(scope="module")
def scene() -> FloatArray:
    """A picture with structure at several sizes."""
    generator = np.random.default_rng(0)
    layers = [cv2.resize(generator.random((size, size)), (240, 200), interpolation=cv2.INTER_CUBIC) for size in (7, 24)]
    picture = np.mean(layers, axis=0)
    return np.asarray((picture - picture.min()) / np.ptp(picture), np.float32)


def moved(scene: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two views of the scene; what is at (y, x) in the first lies at (y + SHIFT_Y, x + SHIFT_X) in the second."""
    return scene[40:168, 40:200].copy(), scene[40 - SHIFT_Y : 168 - SHIFT_Y, 40 - SHIFT_X : 200 - SHIFT_X].copy()


def test_values(scene: FloatArray) -> None:
    first, second = moved(scene)
    flow = estimate_flow(first, second)
    assert flow.shape == (128, 160, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[INNER], axis=(0, 1)), (SHIFT_X, SHIFT_Y), atol=0.1)
    assert np.abs(warp(second, flow) - first)[INNER].mean() < 0.1 * np.abs(second - first)[INNER].mean()


def test_flicker_is_no_motion(scene: FloatArray) -> None:
    first, second = moved(scene)
    flickering = 0.55 * second + 0.1
    flow = estimate_flow(first, flickering)
    np.testing.assert_allclose(np.median(flow[INNER], axis=(0, 1)), (SHIFT_X, SHIFT_Y), atol=0.15)
    confidence = flow_confidence(first, flickering, flow, estimate_flow(flickering, first))
    assert confidence[INNER].mean() > 0.8


def test_confidence(scene: FloatArray) -> None:
    first, second = moved(scene)
    first[40:80, 60:100] = np.random.default_rng(1).random((40, 40))  # there before, gone after
    forward, backward = estimate_flow(first, second), estimate_flow(second, first)
    confidence = flow_confidence(first, second, forward, backward)
    assert confidence.shape == (128, 160)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert confidence[46:74, 66:94].mean() < 0.2
    assert confidence[90:112, 20:130].mean() > 0.8


def test_confidence_ends_at_the_border() -> None:
    luma = np.zeros((32, 32), np.float32)
    outward = np.zeros((32, 32, 2), np.float32)
    outward[..., 0] = 8
    confidence = flow_confidence(luma, luma, outward, -outward)
    assert confidence[:, 24:].max() == 0
    assert confidence[:, :23].min() == 1


def test_resize_flow_scales_vectors() -> None:
    flow = np.full((64, 100, 2), (6, 4), np.float32)
    np.testing.assert_allclose(resize_flow(flow, 16, 50), np.full((16, 50, 2), (3, 1)), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 500)])
def test_any_small_size(size: tuple[int, int]) -> None:
    luma = np.random.default_rng(2).random(size, np.float32)
    assert estimate_flow(luma, luma).shape == (*size, 2)


def test_same_bits_for_any_number_of_threads(scene: FloatArray) -> None:
    first, second = moved(scene)
    threads = cv2.getNumThreads()
    try:
        flows = []
        for number in (1, 2, 3):
            cv2.setNumThreads(number)
            flows.append(estimate_flow(first, second))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(flows[0], flows[1])
    assert np.array_equal(flows[0], flows[2])


def test_exceptions() -> None:
    with pytest.raises(ValueError, match="one size"):
        estimate_flow(np.zeros((20, 20), np.float32), np.zeros((20, 30), np.float32))
    with pytest.raises(ValueError, match="at most 512"):
        estimate_flow(np.zeros((20, 600), np.float32), np.zeros((20, 600), np.float32))
