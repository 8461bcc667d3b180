"""Variants of one picture: seeded, repeatable in any company, of the picture's extent."""

from __future__ import annotations

import numpy as np
import pytest

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.paint.network import Colorizer
from restore.paint.sampling import VariantPainter, picture_number


def picture(seed: int, shape: tuple[int, int] = (72, 100)) -> FloatArray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_seeds_differ_and_repeat(sampling_colorizer: Colorizer) -> None:
    prepared = sampling_colorizer.prepare(picture(0))
    painter = VariantPainter(sampling_colorizer)
    first, second = painter(prepared, [7, 8])
    assert first.chroma.shape == second.chroma.shape == (2, prepared.shape[0] // 4, prepared.shape[1] // 4)
    assert np.abs(first.chroma - second.chroma).max() > 1e-3  # an untrained post-head blurs what is drawn
    (alone,) = painter(prepared, [8])
    np.testing.assert_allclose(alone.chroma, second.chroma, atol=1e-5)
    assert alone.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-5)
    assert first.log_likelihood < 0


def test_the_noise_belongs_to_the_picture() -> None:
    assert picture_number(picture(0)) == picture_number(picture(0)) != picture_number(picture(1))


def test_a_cold_draw_has_one_answer(sampling_colorizer: Colorizer) -> None:
    prepared = sampling_colorizer.prepare(picture(0))
    first, second = VariantPainter(sampling_colorizer, temperature=0.0)(prepared, [1, 2])
    np.testing.assert_allclose(first.chroma, second.chroma, atol=1e-5)


def test_a_model_with_one_answer_is_refused(toy_colorizer: Colorizer, sampling_colorizer: Colorizer) -> None:
    with pytest.raises(ModelError, match="one colouring only"):
        VariantPainter(toy_colorizer)
    with pytest.raises(OptionError, match="temperature"):
        VariantPainter(sampling_colorizer, temperature=-1)


def test_pictures_drawn_together_come_out_as_alone(sampling_colorizer: Colorizer) -> None:
    """To the bit, whatever their order, their sizes and how many grids are in work."""
    pictures = [
        sampling_colorizer.prepare(picture(seed, shape)) for seed, shape in enumerate([(72, 100), (64, 64)] * 2)
    ]
    painter = VariantPainter(sampling_colorizer, temperature=0.8)
    painter.grids_in_work = 3
    together = painter.paint(pictures, [7, 8])
    backwards = VariantPainter(sampling_colorizer, temperature=0.8).paint(pictures[::-1], [8, 7])[::-1]
    for one, variants, others in zip(pictures, together, backwards, strict=True):
        for variant, alone, other in zip(variants, painter(one, [7, 8]), others[::-1], strict=True):
            assert variant.seed == alone.seed == other.seed
            assert np.array_equal(variant.chroma, alone.chroma)
            assert np.array_equal(variant.chroma, other.chroma)
            assert variant.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-9)
