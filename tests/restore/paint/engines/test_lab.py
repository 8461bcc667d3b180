"""Lab against scikit-image, and the true chroma back from a true picture's ab."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data
from skimage.color import lab2rgb, rgb2lab

from restore.colour import FloatArray, Matrix, chroma_from_rgb, luma_from_rgb, rgb_from_luma_chroma
from restore.paint.engines.lab import chroma_from_ab, chroma_from_other_matrix, lightness_from_luma, rgb_from_lab


@pytest.fixture
def photo() -> FloatArray:
    """A colour photograph that scikit-image carries, ``64 x 64 x 3`` in [0, 1]."""
    return np.asarray(data.astronaut()[::8, ::8] / 255, np.float32)


def planes(lab: np.ndarray) -> tuple[FloatArray, FloatArray, FloatArray]:
    lightness, a, b = np.moveaxis(lab.astype(np.float32), -1, 0)
    return lightness, a, b


def test_lightness_is_that_of_scikit_image() -> None:
    luma = np.linspace(0, 1, 256, dtype=np.float32)
    expected = rgb2lab(np.repeat(luma[:, None], 3, axis=1))[:, 0]
    np.testing.assert_allclose(lightness_from_luma(luma), expected, atol=2e-3)


def test_rgb_is_that_of_scikit_image(photo: FloatArray) -> None:
    lab = rgb2lab(photo)
    np.testing.assert_allclose(rgb_from_lab(*planes(lab)), lab2rgb(lab), atol=1e-3)


def test_a_pictures_own_ab_give_back_its_chroma(photo: FloatArray) -> None:
    _, a, b = planes(rgb2lab(photo))
    chroma = chroma_from_ab(luma_from_rgb(photo), np.stack([a, b]))
    np.testing.assert_allclose(chroma, chroma_from_rgb(photo), atol=2e-3)


def test_the_colour_has_the_luma_of_the_pixel_and_the_ab_of_the_model() -> None:
    rng = np.random.default_rng(1)
    luma = rng.uniform(0.35, 0.65, (20, 20)).astype(np.float32)
    ab = rng.uniform(-20, 20, (2, 20, 20)).astype(np.float32)
    rgb = rgb_from_luma_chroma(luma, chroma_from_ab(luma, ab))
    np.testing.assert_allclose(luma_from_rgb(rgb), luma, atol=1e-5)
    np.testing.assert_allclose(np.moveaxis(rgb2lab(rgb)[..., 1:], -1, 0), ab, atol=0.05)


def test_no_ab_is_gray_at_every_luma() -> None:
    luma = np.linspace(0, 1, 50, dtype=np.float32)[None]
    np.testing.assert_allclose(chroma_from_ab(luma, np.zeros((2, 1, 50), np.float32)), 0, atol=2e-4)


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.BT2020])
def test_chroma_of_another_matrix_is_the_same_colour(matrix: Matrix) -> None:
    """Red added to a gray, by hand: R - G and B - G of the result must not change."""
    chroma = np.array([-0.05, 0.12], np.float32).reshape(2, 1, 1)
    luma = np.full((1, 1), 0.5, np.float32)
    there = rgb_from_luma_chroma(luma, chroma, matrix)[0, 0]
    here = rgb_from_luma_chroma(luma, chroma_from_other_matrix(chroma, matrix))[0, 0]
    np.testing.assert_allclose(here[[0, 2]] - here[1], there[[0, 2]] - there[1], atol=1e-5)
    assert abs(here - there).max() > 1e-3  # at this project's luma, that of BT.601
