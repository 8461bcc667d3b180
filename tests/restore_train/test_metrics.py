"""Metrics against values computed by hand or published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch import tensor, zeros

from restore_train.losses import colour_weights, discriminator_loss, generator_loss, weighted_smooth_l1
from restore_train.metrics import area_under_ab_errors, colourfulness, mean_ciede2000, psnr, rarity_weights


def test_psnr_by_hand_and_without_wrap_around() -> None:
    truth = np.zeros((2, 2, 3), np.float32)
    assert psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-5)
    assert psnr(truth, truth + 0.1) == pytest.approx(20.0, abs=1e-5)
    assert math.isinf(psnr(truth, truth))


def test_ciede2000_of_sharma_s_pairs() -> None:
    """Pairs 1 and 7 of the test data of Sharma, Wu and Dalal 2005."""
    first = np.array([[[50, 2.6772, -79.7751], [50, 0, 0]]], np.float32)
    second = np.array([[[50, 0, -82.7485], [50, -1, 2]]], np.float32)
    assert mean_ciede2000(first[:, :1], second[:, :1]) == pytest.approx(2.0425, abs=1e-3)
    assert mean_ciede2000(first[:, 1:], second[:, 1:]) == pytest.approx(2.3669, abs=1e-3)


def test_colourfulness_by_hand() -> None:
    """Half red, half cyan: rg = +-255, yb = 127.5 and -127.5; spreads 255 and 127.5, signed centres 0."""
    rgb = np.zeros((2, 2, 3), np.float32)
    rgb[0] = (1, 0, 0)
    rgb[1] = (0, 1, 1)
    assert colourfulness(rgb) == pytest.approx(math.hypot(255, 127.5))
    assert colourfulness(rgb, absolute=True) == pytest.approx(0.3 * math.hypot(255, 127.5))
    assert colourfulness(np.full((3, 3, 3), 0.5, np.float32)) == 0


def test_area_under_ab_errors_by_hand() -> None:
    """Errors 0 and 100: 100 % of one pixel at all 151 thresholds, of the other at the 51 from 100 on."""
    truth = np.zeros((1, 2, 3), np.float32)
    result = truth.copy()
    result[0, 1, 1] = 100
    assert area_under_ab_errors(result, truth) == pytest.approx(100 * (151 + 51) / (2 * 151))
    only_wrong = np.array([[0.0, 1.0]])
    assert area_under_ab_errors(result, truth, only_wrong) == pytest.approx(100 * 51 / 151)


def test_rare_colours_weigh_more() -> None:
    lab = np.zeros((10, 10, 3), np.float32)
    lab[0, 0, 1:] = 80  # one saturated pixel in a gray picture
    (weights,) = rarity_weights([lab])
    assert weights.reshape(10, 10)[0, 0] > 1.5 * weights.reshape(10, 10)[5, 5]


def test_losses_by_hand() -> None:
    target = zeros(1, 2, 1, 2)
    target[0, 0, 0, 1] = 0.15
    weights = colour_weights(target, gain=2.0)
    assert weights.flatten().tolist() == pytest.approx([0.5, 1.5])
    predicted = target + 0.1
    loss = weighted_smooth_l1(predicted, target, gain=0.0, beta=0.05)
    assert float(loss) == pytest.approx(0.1 - 0.025)
    assert float(discriminator_loss(tensor([1.0]), tensor([0.0]))) == 0
    assert float(discriminator_loss(tensor([0.0]), tensor([1.0]))) == pytest.approx(0.5)
    assert float(generator_loss(tensor([0.0]))) == pytest.approx(0.5)
