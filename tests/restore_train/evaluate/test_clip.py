"""Colour films as the evaluator reads them: the truth is the decoded colour, and colouring is the pipeline's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restore.errors import InputError
from restore.jobs.films import VideoOptions, colorize_video
from restore.paint.network import Colorizer
from restore_train.evaluate.clip import ColourClip
from tests.media import write_film

FRAMES, HEIGHT, WIDTH = 6, 64, 96


def make_film(path: Path, *, seed: int, pix_fmt: str = "yuv420p", width: int = WIDTH) -> Path:
    """A lossless clip of one random still that moves 2 pixels a frame, over a shifting tint."""
    cells = np.random.default_rng(seed).integers(40, 200, (8, 16)).astype(np.uint8)
    still = cells.repeat(HEIGHT // 8, 0).repeat(width // 8, 1)
    pictures = []
    for index in range(FRAMES):
        luma = still[:, 2 * index : 2 * index + width]
        chroma = [np.full(HEIGHT * width // 4, code + index, np.uint8) for code in (90, 150)]
        pictures.append(luma if pix_fmt == "gray" else np.concatenate([luma.ravel(), *chroma]).reshape(-1, width))
    return write_film(path, pictures, pix_fmt=pix_fmt, rate=12)


@pytest.fixture
def films(tmp_path: Path) -> list[Path]:
    return [make_film(tmp_path / f"{name}.mkv", seed=seed) for seed, name in enumerate(("first", "second"))]


def test_truth_is_the_decoded_colour_with_known_cuts(films: list[Path]) -> None:
    clip = ColourClip(films, frames=4)
    frames = list(clip.truth())
    assert clip.name == "first + second"
    assert [starts for *_, starts in frames] == [True, False, False, False] * 2
    for index, (luma, chroma, _) in enumerate(frames):
        assert luma.shape == (HEIGHT, WIDTH)
        assert chroma.shape == (2, HEIGHT // 2, WIDTH // 2)
        assert np.allclose(chroma[0], (90 + index % 4 - 128) / 224)
        assert np.allclose(chroma[1], (150 + index % 4 - 128) / 224)
    assert np.array_equal(frames[0][0], next(clip.truth())[0])  # it can be read again


def test_a_second_film_of_a_pair_is_coloured_as_if_alone(films: list[Path], toy_colorizer: Colorizer) -> None:
    strengths = ("off", "light", "strong")
    joined = list(ColourClip(films).coloured(toy_colorizer, strengths))
    alone = list(ColourClip(films[1:]).coloured(toy_colorizer, strengths))
    assert len(joined) == 2 * FRAMES
    for after_cut, single in zip(joined[FRAMES:], alone, strict=True):
        for one, other in zip(after_cut, single, strict=True):
            assert np.array_equal(one, other)
    off, light, strong = joined[3]
    assert not np.array_equal(off, light)
    assert not np.array_equal(light, strong)


@pytest.mark.parametrize("strength", ["off", "strong"])
def test_colour_is_what_the_pipeline_encodes(
    films: list[Path], toy_colorizer: Colorizer, tmp_path: Path, strength: str
) -> None:
    target = tmp_path / "out.mkv"
    colorize_video(films[0], target, colorizer=toy_colorizer, options=VideoOptions(codec="ffv1", temporal=strength))
    encoded = list(ColourClip([target]).truth())
    ours = list(ColourClip(films[:1]).coloured(toy_colorizer, [strength]))
    for (_, chroma, _), (colour,) in zip(encoded, ours, strict=True):
        assert np.abs(chroma - colour).max() < 1e-6


def test_rgb_keeps_the_luma(films: list[Path]) -> None:
    clip = ColourClip(films[:1])
    luma, chroma, _ = next(clip.truth())
    rgb = clip.rgb(luma[::2, ::2], chroma)
    matrix = clip.layout.matrix
    assert np.abs(rgb @ np.array([matrix.kr, matrix.kg, matrix.kb]) - luma[::2, ::2]).max() < 1e-5
    assert np.ptp(rgb, axis=-1).mean() > 0.05


def test_films_without_colour_or_of_other_sizes_are_refused(films: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no colour"):
        ColourClip([make_film(tmp_path / "gray.mkv", seed=3, pix_fmt="gray")])
    with pytest.raises(InputError, match="cannot be joined"):
        ColourClip([films[0], make_film(tmp_path / "wide.mkv", seed=3, width=WIDTH + 16)])
