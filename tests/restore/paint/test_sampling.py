"""Variants of one picture: seeded, repeatable in any company, of the picture's extent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.frames import Frame
from restore.paint.network import Colorizer
from restore.paint.painter import BatchSize
from restore.paint.sampling import SamplingPainter, picture_number


def picture(seed: int, shape: tuple[int, int] = (72, 100)) -> FloatArray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_seeds_differ_and_repeat(sampling_colorizer: Colorizer) -> None:
    prepared = sampling_colorizer.prepare(picture(0))
    painter = SamplingPainter(sampling_colorizer)
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
    first, second = SamplingPainter(sampling_colorizer, temperature=0.0)(prepared, [1, 2])
    np.testing.assert_allclose(first.chroma, second.chroma, atol=1e-5)


def test_a_model_with_one_answer_is_refused(toy_colorizer: Colorizer, sampling_colorizer: Colorizer) -> None:
    with pytest.raises(ModelError, match="one colouring only"):
        SamplingPainter(toy_colorizer)
    with pytest.raises(OptionError, match="temperature"):
        SamplingPainter(sampling_colorizer, temperature=-1)


def test_pictures_drawn_together_come_out_as_alone(sampling_colorizer: Colorizer) -> None:
    """To the bit, whatever their order, their sizes and how many grids are in work."""
    pictures = [
        sampling_colorizer.prepare(picture(seed, shape)) for seed, shape in enumerate([(72, 100), (64, 64)] * 2)
    ]
    painter = SamplingPainter(sampling_colorizer, temperature=0.8)
    painter.grids = BatchSize(3)
    together = painter.sample(pictures, [7, 8])
    backwards = SamplingPainter(sampling_colorizer, temperature=0.8).sample(pictures[::-1], [8, 7])[::-1]
    for one, variants, others in zip(pictures, together, backwards, strict=True):
        for variant, alone, other in zip(variants, painter(one, [7, 8]), others[::-1], strict=True):
            assert variant.seed == alone.seed == other.seed
            assert np.array_equal(variant.chroma, alone.chroma)
            assert np.array_equal(variant.chroma, other.chroma)
            assert variant.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-9)


def test_a_frame_gives_a_picture_for_each_seed(sampling_colorizer: Colorizer) -> None:
    """In the order of the frames and of the seeds, each what the seed gives for the picture alone."""
    painter = SamplingPainter(sampling_colorizer, seeds=(3, 1))
    lumas = [painter.prepare(picture(0)), painter.prepare(picture(1, (64, 64)))]
    frames = [Frame(picture=None, guide=luma, luma=luma, index=index) for index, luma in enumerate(lumas)]
    painted = painter.paint(frames)
    assert [one.frame for one in painted] == [frames[0], frames[0], frames[1], frames[1]]
    assert [one.seed for one in painted] == [3, 1, 3, 1]
    for one in painted:
        (alone,) = painter(one.luma, [one.seed or 0])
        assert np.array_equal(one.chroma, alone.chroma)
        assert one.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-9)
    assert painter.identity["seeds"] == [3, 1]


def test_fewer_grids_are_sampled_at_once_where_memory_is_short(
    sampling_colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = SamplingPainter(sampling_colorizer)
    prepared = painter.prepare(picture(0))
    expected = painter(prepared, [1, 2])
    grids: list[int] = []
    sample = painter.model.sample

    def short_of_memory(*arguments: Any, largest_batch: int, **options: Any) -> Any:
        grids.append(largest_batch)
        if largest_batch > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sample(*arguments, largest_batch=largest_batch, **options)

    monkeypatch.setattr(painter.model, "sample", short_of_memory)
    for one, other in zip(painter(prepared, [1, 2]), expected, strict=True):
        assert np.array_equal(one.chroma, other.chroma)
    assert grids == [64, 32, 16]
    assert painter.grids.size == 16
