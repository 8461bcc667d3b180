"""Metrics against values computed by hand or published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch import tensor, zeros

from restore_train.evaluate.metrics import (
    AbPrior,
    area_under_ab_errors,
    chroma_gradient,
    colourfulness,
    mean_ciede2000,
    psnr,
    smooth_regions,
    ssim,
)
from restore_train.losses import colour_weights, discriminator_loss, generator_loss, weighted_smooth_l1


def test_psnr_by_hand_and_without_wrap_around() -> None:
    truth = np.zeros((2, 2, 3), np.float32)
    assert psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-5)
    assert psnr(truth, truth + 0.1) == pytest.approx(20.0, abs=1e-5)
    assert math.isinf(psnr(truth, truth))
    zeros_8_bit = np.zeros((4, 4), np.uint8)
    assert psnr(zeros_8_bit, zeros_8_bit + np.uint8(1)) == 0  # an error of 1, not of 255


def test_ssim_by_hand() -> None:
    """Flat pictures have no variance: C1 / (0.5^2 + C1) remains, with C1 = 0.01^2."""
    black = np.zeros((16, 16, 3), np.float32)
    assert ssim(black + np.float32(0.5), black) == pytest.approx(1e-4 / (0.25 + 1e-4), rel=1e-4)
    noise = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)
    assert ssim(noise, noise) == pytest.approx(1)
    assert ssim(noise, noise[::-1]) < 0.3
    with pytest.raises(ValueError, match="win_size"):
        ssim(noise[:8], noise[:8])


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
    prior = AbPrior()
    prior.add(lab)
    weights = prior.weights(lab)
    assert weights.shape == (10, 10)
    assert weights[0, 0] > 1.5 * weights[5, 5]


def test_rarity_counts_the_whole_set() -> None:
    gray, blue = (np.full((10, 10, 3), value, np.float32) for value in (0, -60))
    prior = AbPrior()
    for lab in (gray, gray, gray, blue):
        prior.add(lab)
    assert prior.weights(blue)[0, 0] > prior.weights(gray)[0, 0]
    before = prior.weights(blue)[0, 0]
    for _ in range(20):
        prior.add(blue)
    assert prior.weights(blue)[0, 0] < before


def test_smooth_regions_are_flat_or_shaded_but_not_textured() -> None:
    luma = np.full((32, 96), 0.5, np.float32)
    luma[:, 32:64] += np.linspace(0, 0.1, 32, dtype=np.float32)  # std 0.008 in 9 pixels
    luma[:, 64:] += np.indices((32, 32)).sum(0) % 2 * np.float32(0.05)  # std 0.025
    smooth = smooth_regions(luma)
    assert smooth[:, 6:26].all()
    assert smooth[:, 38:58].all()
    assert not smooth[:, 70:].any()


def test_chroma_gradient_by_hand() -> None:
    """Cb rises by 2 codes a pixel to the right: a quarter of |dCb/dx|, |dCb/dy|, |dCr/dx| and |dCr/dy| together."""
    rgb = np.full((40, 40, 3), 0.5, np.float32)
    rgb += np.arange(40, dtype=np.float32)[None, :, None] * np.array([0, -0.344136, 1.772], np.float32) * 2 / 255
    region = np.zeros((40, 40), bool)
    region[10:30, 10:30] = True
    assert chroma_gradient(rgb, region) == pytest.approx(2 / 4, rel=1e-3)
    blotches = rgb + np.random.default_rng(2).normal(0, 0.1, (10, 10, 3)).repeat(4, 0).repeat(4, 1).astype(np.float32)
    assert chroma_gradient(blotches, region) > 1
    assert math.isnan(chroma_gradient(rgb, np.zeros_like(region)))


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
