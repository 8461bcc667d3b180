"""The colour convention against the standards' own numbers, and round trips within rounding."""

from __future__ import annotations

import numpy as np
import pytest

from restore.colour import (
    FloatArray,
    Matrix,
    chroma_from_codes,
    chroma_from_rgb,
    codes_from_chroma,
    luma_from_codes,
    luma_from_rgb,
    pull_into_gamut,
    rgb_from_luma_chroma,
)


@pytest.fixture
def rgb() -> FloatArray:
    return np.random.default_rng(0).random((7, 5, 3), np.float32)


@pytest.mark.parametrize("matrix", list(Matrix))
def test_rgb_round_trip(rgb: FloatArray, matrix: Matrix) -> None:
    luma, chroma = luma_from_rgb(rgb, matrix), chroma_from_rgb(rgb, matrix)
    assert np.abs(chroma).max() <= 0.5
    np.testing.assert_allclose(rgb_from_luma_chroma(luma, chroma, matrix), rgb, atol=2e-3)


def test_pure_red_in_bt601_is_jpeg_s() -> None:
    red = np.array([[[1, 0, 0]]], np.float32)
    assert luma_from_rgb(red)[0, 0] == pytest.approx(0.299)
    assert chroma_from_rgb(red)[:, 0, 0] == pytest.approx([-0.168736, 0.5], abs=1e-5)


@pytest.mark.parametrize(("bit_depth", "black", "white"), [(8, 16, 235), (10, 64, 940), (12, 256, 3760)])
def test_limited_range_ends_are_the_standard_s(bit_depth: int, black: int, white: int) -> None:
    codes = np.array([0, black, white, (1 << bit_depth) - 1], np.uint16)
    luma = luma_from_codes(codes, bit_depth=bit_depth, full_range=False)
    np.testing.assert_allclose(luma, [0, 0, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("bit_depth", "full_range", "expected"),
    [(8, False, [16, 128, 240]), (10, False, [64, 512, 960]), (8, True, [0, 128, 255]), (10, True, [0, 512, 1023])],
)
def test_chroma_codes_are_the_standard_s(bit_depth: int, full_range: bool, expected: list[int]) -> None:
    chroma = np.array([-0.5, 0.0, 0.5], np.float32)
    codes = codes_from_chroma(chroma, bit_depth=bit_depth, full_range=full_range)
    assert codes.tolist() == expected
    assert codes.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    back = chroma_from_codes(codes, bit_depth=bit_depth, full_range=full_range)
    np.testing.assert_allclose(back, chroma, atol=0.6 / (1 << bit_depth))


def test_gamut_pull_keeps_luma_and_hue() -> None:
    luma = np.array([[0.9, 0.1, 0.5]], np.float32)
    wild = np.array([[[0.4, -0.3, 0.1]], [[0.3, 0.4, -0.1]]], np.float32)
    pulled = pull_into_gamut(luma, wild)
    rgb = rgb_from_luma_chroma(luma, wild)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(luma_from_rgb(rgb), luma, atol=1e-5)
    np.testing.assert_allclose(pulled[0] * wild[1], pulled[1] * wild[0], atol=1e-6)  # same direction
    np.testing.assert_allclose(pulled[:, 0, 2], wild[:, 0, 2])  # inside the gamut nothing moves
    assert np.abs(pulled[:, 0, 0]).sum() < np.abs(wild[:, 0, 0]).sum()


def test_black_and_white_have_no_colour() -> None:
    luma = np.array([[0.0, 1.0]], np.float32)
    assert np.abs(pull_into_gamut(luma, np.full((2, 1, 2), 0.3, np.float32))).max() < 1e-6
