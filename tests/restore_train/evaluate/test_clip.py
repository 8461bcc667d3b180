"""Colour films as the evaluator reads them: the truth is the decoded colour, and colouring is the pipeline's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restore.errors import InputError
from restore.jobs.films import colorize_video
from restore.paint.network import Colorizer
from restore_train.evaluate.clip import FilmClip
from tests.media import write_film
from tests.tools import film_options

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
    clip = FilmClip(films, {}, frames=4)
    frames = list(clip.truth())
    assert clip.name == "first + second"
    assert [frame.starts_shot for frame in frames] == [True, False, False, False] * 2
    for index, frame in enumerate(frames):
        assert frame.luma.shape == (HEIGHT, WIDTH)
        assert frame.chroma.shape == (2, HEIGHT // 2, WIDTH // 2)
        assert np.allclose(frame.chroma[0], (90 + index % 4 - 128) / 224)
        assert np.allclose(frame.chroma[1], (150 + index % 4 - 128) / 224)
    assert np.array_equal(frames[0].luma, next(clip.truth()).luma)  # it can be read again


def test_a_second_film_of_a_pair_is_coloured_as_if_alone(films: list[Path], toy_colorizer: Colorizer) -> None:
    joined = list(FilmClip(films, {"toy": toy_colorizer}).coloured())
    alone = list(FilmClip(films[1:], {"toy": toy_colorizer}).coloured())
    assert len(joined) == 2 * FRAMES
    for after_cut, single in zip(joined[FRAMES:], alone, strict=True):
        assert after_cut.keys() == single.keys()
        assert all(np.array_equal(after_cut[label], single[label]) for label in single)
    off, light, strong = (joined[3][f"toy, {strength}"] for strength in ("off", "light", "strong"))
    assert not np.array_equal(off, light)
    assert not np.array_equal(light, strong)


@pytest.mark.parametrize("strength", ["off", "strong"])
def test_colour_is_what_the_pipeline_encodes(
    films: list[Path], toy_colorizer: Colorizer, tmp_path: Path, strength: str
) -> None:
    target = tmp_path / "out.mkv"
    colorize_video(films[0], target, model=toy_colorizer, options=film_options(codec="ffv1", temporal=strength))
    encoded = list(FilmClip([target], {}).truth())
    ours = list(FilmClip(films[:1], {"toy": toy_colorizer}, strengths=[strength]).coloured())
    for frame, chromas in zip(encoded, ours, strict=True):
        assert np.abs(frame.chroma - chromas[f"toy, {strength}"]).max() < 1e-6


def test_labels_name_model_and_strength(films: list[Path], toy_colorizer: Colorizer) -> None:
    clip = FilmClip(films[:1], {"a": toy_colorizer, "b": toy_colorizer}, strengths=("off", "light"))
    assert clip.labels == list(next(clip.coloured())) == ["a, off", "a, light", "b, off", "b, light"]
    assert clip.unsteadied == ["a, off", "b, off"]


def test_rgb_keeps_the_luma(films: list[Path]) -> None:
    clip = FilmClip(films[:1], {})
    frame = next(clip.truth())
    luma = frame.luma[::2, ::2]
    rgb = clip.rgb(luma, frame.chroma)
    matrix = clip.layout.matrix
    assert np.abs(rgb @ np.array([matrix.kr, matrix.kg, matrix.kb]) - luma).max() < 1e-5
    assert np.ptp(rgb, axis=-1).mean() > 0.05


def test_films_without_colour_or_of_other_sizes_are_refused(films: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no colour"):
        FilmClip([make_film(tmp_path / "gray.mkv", seed=3, pix_fmt="gray")], {})
    with pytest.raises(InputError, match="cannot be joined"):
        FilmClip([films[0], make_film(tmp_path / "wide.mkv", seed=3, width=WIDTH + 16)], {})
