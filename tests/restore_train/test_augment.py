"""Film wear and early film: what they do to colours and light, and that they are drawn from the seed alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restore_train.augment import EarlyFilm, Picture, dark_cornered, dusty, halated, orthochromatic


def patch(red: int, green: int, blue: int) -> Picture:
    rgb = np.full((16, 16, 3), (red, green, blue), np.uint8)
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]).astype(np.uint8)


@pytest.mark.parametrize(
    ("rgb", "darker"), [((220, 30, 30), True), ((120, 170, 250), False)], ids=["a red dress", "a blue sky"]
)
def test_orthochromatic_film_sees_reds_dark_and_skies_white(rgb: tuple[int, int, int], darker: bool) -> None:
    picture = patch(*rgb)
    seen = orthochromatic(picture, np.random.default_rng(0)).mean()
    assert (seen < picture[..., 0].mean() / 255 - 0.05) == darker
    assert (seen > picture[..., 0].mean() / 255) != darker


def test_gray_stays_gray_on_any_film() -> None:
    seen = orthochromatic(patch(128, 128, 128), np.random.default_rng(1))
    np.testing.assert_allclose(seen, 128 / 255, atol=0.01)


def test_light_spreads_around_what_is_bright_alone() -> None:
    luma = np.full((64, 64), 0.3, np.float32)
    luma[24:40, 24:40] = 1
    glowing = halated(luma, np.random.default_rng(2))
    assert glowing[32, 21] > 0.305
    assert glowing.max() <= 1
    dim = np.full((64, 64), 0.5, np.float32)
    np.testing.assert_array_equal(halated(dim, np.random.default_rng(2)), dim)


def test_corners_are_dark_and_the_centre_is_not() -> None:
    luma = dark_cornered(np.full((65, 65), 0.6, np.float32), np.random.default_rng(3))
    assert luma[32, 32] == pytest.approx(0.6)
    assert luma[0, 0] < 0.5
    assert np.all(np.diff(luma[32, 32:]) <= 0)


def test_dust_lies_on_few_pixels() -> None:
    luma = np.full((128, 128), 0.5, np.float32)
    changed = dusty(luma, np.random.default_rng(4)) != luma
    assert 0 < changed.mean() < 0.1


def test_early_film_is_in_range_and_depends_on_the_seed() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    looks = [EarlyFilm(1.0).apply(picture, np.random.default_rng(seed)) for seed in (*range(20), 0)]
    assert all(look.min() >= 0 and look.max() <= 1 and look.dtype == np.float32 for look in looks)
    np.testing.assert_array_equal(looks[0], looks[-1])


def test_no_early_film_draws_nothing() -> None:
    rng = np.random.default_rng(6)
    picture = patch(220, 30, 30)
    np.testing.assert_array_equal(
        EarlyFilm(0.0).apply(picture, rng), picture[..., 0].astype(np.float32) / np.float32(255)
    )
    assert rng.random() == np.random.default_rng(6).random()
