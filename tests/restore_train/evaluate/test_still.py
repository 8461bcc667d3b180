"""A still in memory: colour of exactly the given luma, in gamut."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from restore.colour import chroma_from_rgb, luma_from_rgb
from restore.paint.network import Colorizer
from restore_train.evaluate.still import colour_still, rgb_colouring


def test_a_still_keeps_its_luma_and_gets_colour(toy_colorizer: Colorizer, toy_model: Path) -> None:
    luma = np.random.default_rng(1).random((60, 90), np.float32)
    rgb = colour_still(luma, toy_colorizer)
    assert rgb.shape == (60, 90, 3)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(luma_from_rgb(rgb), luma, atol=1e-4)
    assert np.abs(chroma_from_rgb(rgb)).max() > 0.02
    again = rgb_colouring(str(toy_model), device="cpu", working_size=toy_colorizer.working_size)(luma)
    np.testing.assert_allclose(again, rgb, atol=1e-4)


def test_saturation_scales_chroma(toy_colorizer: Colorizer) -> None:
    luma = np.full((64, 64), 0.5, np.float32)
    half = chroma_from_rgb(colour_still(luma, toy_colorizer, saturation=0.1))
    whole = chroma_from_rgb(colour_still(luma, toy_colorizer, saturation=0.2))
    np.testing.assert_allclose(whole, 2 * half, atol=1e-4)
