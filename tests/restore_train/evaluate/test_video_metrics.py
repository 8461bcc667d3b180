"""Metrics over time against values computed by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from restore_train.evaluate.video_metrics import (
    Consistency,
    Steadiness,
    channel_shares,
    js_divergence,
    motion_to_previous,
)

LN2 = math.log(2)


def test_js_divergence_by_hand() -> None:
    """In nats. (1/2, 1/2) against (1, 0): the middle is (3/4, 1/4)."""
    one, other, even = (np.array(pair, np.float64) for pair in ((1, 0), (0, 1), (0.5, 0.5)))
    assert js_divergence(one, one) == 0
    assert js_divergence(one, other) == pytest.approx(LN2)
    by_hand = 0.5 * (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)) + 0.5 * math.log(1 / 0.75)
    assert js_divergence(even, one) == pytest.approx(by_hand)
    assert js_divergence(one, even) == pytest.approx(by_hand)
    assert js_divergence(np.stack([one, even]), np.stack([other, even])) == pytest.approx([LN2, 0])


def test_shares_have_a_bin_a_code() -> None:
    codes = np.array([[[0, 255], [0, 7]]], np.uint8)
    shares = channel_shares(codes)
    assert shares.shape == (2, 256)
    assert shares[0, 0] == 1
    assert shares[1, 255] == shares[1, 7] == 0.5


def cdc(values: list[int], cuts: tuple[int, ...] = (0,)) -> float:
    """CDC of a clip of flat frames."""
    meter = Consistency()
    for index, value in enumerate(values):
        meter.push(np.full((2, 2, 3), value, np.uint8), starts_shot=index in cuts)
    return meter.value


def test_cdc_by_hand() -> None:
    assert cdc([9] * 6) == 0
    assert cdc([0, 0, 255]) == pytest.approx((LN2 / 2 + LN2) / 2)  # gaps 1 and 2; none of 4
    # Gap 1: one of five pairs; gap 2: two of four; gap 4: both.
    assert cdc([0, 0, 0, 0, 255, 255]) == pytest.approx((LN2 / 5 + LN2 / 2 + LN2) / 3)


def test_cdc_never_looks_across_a_cut() -> None:
    assert cdc([0, 0, 0, 255, 255, 255], (0, 3)) == 0
    assert cdc([0, 0, 0, 255, 255, 255]) > 0
    assert math.isnan(cdc([0, 255, 0], (0, 1, 2)))


def texture(shift: int) -> NDArray[np.float32]:
    """A picture of blobs, moved to the right by ``shift`` pixels."""
    noise = np.random.default_rng(5).random((96, 160)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 3)
    blobs = (blobs - blobs.min()) / (blobs.max() - blobs.min())
    return np.ascontiguousarray(blobs[:, 20 - shift : 148 - shift], np.float32)


def test_motion_leads_back_and_knows_what_came_in() -> None:
    motion = motion_to_previous(texture(4), texture(0))
    columns = np.arange(128, dtype=np.float32)
    inner = np.s_[8:-8, 12:-8]
    assert np.abs(motion.previous[..., 0] - (columns - 4))[inner].mean() < 0.1
    assert motion.visible[inner].mean() > 0.95
    assert motion.stable[inner].mean() > 0.9
    assert not motion.visible[8:-8, :2].any()  # was left of the picture
    assert np.abs(motion.fetch(texture(0)[..., None]) - texture(4))[inner].mean() < 0.01
    with pytest.raises(ValueError, match="at least 32"):
        motion_to_previous(texture(0)[:16], texture(0)[:16])


def test_a_flash_is_visible_but_not_stable() -> None:
    motion = motion_to_previous(np.clip(texture(0) * np.float32(0.8) + np.float32(0.1), 0, 1), texture(0))
    assert motion.stable.mean() < motion.visible.mean()


def test_warp_error_and_flicker_by_hand() -> None:
    """Colour that moves along and changes by (3, -4): squares sum to 25, absolute values average 3.5."""
    motion = motion_to_previous(texture(4), texture(0))
    before, after = (np.stack([100 * texture(shift), -50 * texture(shift)], axis=-1) for shift in (0, 4))
    steady, changing, pinned = Steadiness(), Steadiness(), Steadiness()
    steady.push(after, before, motion)
    changing.push(after + np.array([3, -4], np.float32), before, motion)
    pinned.push(before, before, motion)  # colour that stays where the picture moves
    assert steady.ewarp < 0.5
    assert steady.flicker < 0.4
    assert changing.ewarp == pytest.approx(25, rel=0.03)
    assert changing.flicker == pytest.approx(3.5, rel=0.03)
    assert pinned.ewarp > 50
    assert math.isnan(Steadiness().ewarp)
    assert math.isnan(Steadiness().flicker)
