"""The fast way back from false colours gives what the definition gives, and holds against what films do to chroma."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.media.thermal import PALETTES, open_thermal, palette_inverse
from restore.media.thermal.film import codes_of
from restore.media.thermal.palette_inverse import (
    invert_palette,
    nearest_steps_of_points,
    points_of_rgb,
    rgb_of_ycbcr,
    ycbcr_inverse,
)
from restore.media.thermal.palettes import palette_colours
from tests.media import write_film

Codes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def heat(shared_data: Path) -> list[Codes]:
    """Real thermal pictures, 192 x 160, whose tones are taken for palette steps."""
    found: list[Codes] = []
    with tarfile.open(shared_data / "thermal" / "dev.tar") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None and ".thermal." in member.name and len(found) < 4:
                with Image.open(io.BytesIO(content.read())) as picture:
                    found.append(np.asarray(picture.convert("L").resize((192, 160))))
    return found


def colours_of(palette: str) -> Codes:
    return np.rint(palette_colours(palette)).astype(np.uint8)


def through_jpeg(rgb: Codes, *, subsampling: int) -> Codes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "JPEG", quality=85, subsampling=subsampling)
    with Image.open(content) as picture:
        return np.asarray(picture.convert("RGB"))


def by_definition(rgb: Codes, palette: str) -> Codes:
    """Each pixel's distance to each step, one pixel at a time as far as NumPy goes."""
    weights = np.array([palette_inverse.LUMA_WEIGHT, 1, 1])
    curve = points_of_rgb(palette_colours(palette))
    rows = []
    for row in rgb:
        away = (points_of_rgb(row)[:, None] - curve[None]) * weights
        rows.append((away**2).sum(axis=2).argmin(axis=1))
    return np.stack(rows).astype(np.uint8)


@pytest.mark.parametrize("palette", ["ironbow", "rainbow-hc", "jet", "rainbow-flir-studio"])
def test_the_fast_inverse_is_the_definition(heat: list[Codes], palette: str) -> None:
    """On pictures after another, so that most colours of the later ones are in the table already, and on any colour."""
    pictures = [through_jpeg(colours_of(palette)[steps], subsampling=2) for steps in heat[:2]]
    pictures.append(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    for picture in pictures:
        np.testing.assert_array_equal(invert_palette(picture, palette), by_definition(picture, palette))


@pytest.mark.parametrize("palette", PALETTES)
def test_the_palettes_own_colours_are_its_steps(palette: str) -> None:
    steps = np.arange(256, dtype=np.uint8)[None].repeat(3, axis=0)
    assert np.abs(invert_palette(colours_of(palette)[steps], palette).astype(int) - steps).max() <= 1


def test_a_film_gives_the_steps_that_its_pictures_give(heat: list[Codes], tmp_path: Path) -> None:
    """From planes, by the film's own matrix and range; RGB in between only rounds."""
    pictures = [colours_of("inferno")[steps] for steps in heat]
    path = write_film(tmp_path / "film.mkv", pictures, codec="ffv1", pix_fmt="yuv444p")
    with open_thermal(path, threads=1) as source:
        assert source.palette == "inferno"
        assert source.film is not None
        layout = source.film.layout
        inverse = ycbcr_inverse("inferno", full_range=layout.full_range, matrix=layout.matrix)
        for frame, steps in zip(source.film.frames(), heat, strict=True):
            planes = codes_of(frame, layout)
            found = inverse(*planes).astype(int)
            flat = np.stack(planes, axis=-1).reshape(-1, 3)
            rgb = rgb_of_ycbcr(flat, full_range=layout.full_range, matrix=layout.matrix).reshape(*steps.shape, 3)
            assert np.abs(found - invert_palette(rgb, "inferno")).mean() < 0.5
            assert np.abs(found - steps).mean() < 1.2


def test_ten_bits_are_rounded_to_eight(heat: list[Codes], tmp_path: Path) -> None:
    pictures = [colours_of("ironbow")[steps] for steps in heat]
    path = write_film(tmp_path / "deep.mkv", pictures, codec="ffv1", pix_fmt="yuv444p10le")
    with open_thermal(path, threads=1) as source:
        assert (source.palette, source.bit_depth) == ("ironbow", 8)
        for frame, steps in zip(source.frames(), heat, strict=True):
            assert np.abs(frame.raw.astype(int) - steps).mean() < 1.5


def test_luma_counts_more_because_chroma_is_coarse(heat: list[Codes], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a quarter of the chroma, as JPEG and films have it, steps are nearer to what they were."""
    errors = {}
    for weight in (1, palette_inverse.LUMA_WEIGHT):
        monkeypatch.setattr(palette_inverse, "LUMA_WEIGHT", weight)
        palette_inverse.rgb_inverse.cache_clear()
        found = [
            np.abs(invert_palette(through_jpeg(colours_of(palette)[steps], subsampling=2), palette).astype(int) - steps)
            for palette in ("ironbow", "rainbow-flir")
            for steps in heat[:2]
        ]
        errors[weight] = np.mean(found)
    palette_inverse.rgb_inverse.cache_clear()
    assert errors[palette_inverse.LUMA_WEIGHT] < 0.9 * errors[1]


def test_exact_ties_do_not_hang_on_the_company() -> None:
    """A colour's step is the same alone and among thousands: a resumed run gives the same bytes."""
    colours = np.random.default_rng(1).integers(0, 256, (5000, 3), np.uint8)
    curve = points_of_rgb(palette_colours("turbo"))
    together = nearest_steps_of_points(points_of_rgb(colours), curve)
    alone = [int(nearest_steps_of_points(points_of_rgb(each[None]), curve)[0]) for each in colours[::50]]
    assert together[::50].tolist() == alone


def test_chroma_of_odd_sizes(heat: list[Codes], tmp_path: Path) -> None:
    odd = [cv2.resize(steps, (191, 159)) for steps in heat]
    pictures = [colours_of("jet")[steps] for steps in odd]
    path = write_film(tmp_path / "odd.mkv", pictures, codec="ffv1", pix_fmt="yuv420p")
    with open_thermal(path, threads=1) as source:
        for frame, steps in zip(source.frames(), odd, strict=True):
            assert frame.raw.shape == (159, 191)
            assert np.abs(frame.raw.astype(int) - steps).mean() < 4
