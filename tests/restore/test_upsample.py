"""Chroma upsampling: extent and alignment, edges followed, no haloes, better than bilinear on real photos."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from restore.colour import FloatArray, chroma_from_rgb, luma_from_rgb
from restore.upsample import UPSAMPLE_METHODS, upsample_chroma, upsample_luma

METHODS = sorted(UPSAMPLE_METHODS)


def area_shrink(chroma: FloatArray, height: int, width: int) -> FloatArray:
    shrunk = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in chroma]
    return np.stack(shrunk).astype(np.float32)


def psnr(first: FloatArray, second: FloatArray) -> float:
    return float(-10 * np.log10(np.mean((first - second) ** 2)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cells", [(1, 1), (1, 7), (8, 12), (33, 20)])
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (31, 17), (67, 121)])
def test_shapes(method: str, cells: tuple[int, int], size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    chroma = generator.uniform(-0.4, 0.4, (2, *cells)).astype(np.float32)
    guide = generator.random(size, np.float32)
    untouched = guide.copy()
    enlarged = upsample_chroma(chroma, guide, method=method)
    assert enlarged.shape == (2, *size)
    assert enlarged.dtype == np.float32
    assert np.isfinite(enlarged).all()
    assert np.array_equal(guide, untouched)


def test_exceptions() -> None:
    chroma, guide = np.zeros((2, 4, 4), np.float32), np.zeros((16, 16), np.float32)
    with pytest.raises(ValueError, match="choose one of guided, bilinear"):
        upsample_chroma(chroma, guide, method="magic")
    with pytest.raises(ValueError, match=r"chroma\.shape = \(4, 4, 2\)"):
        upsample_chroma(chroma.transpose(1, 2, 0), guide)
    with pytest.raises(ValueError, match="guide"):
        upsample_chroma(chroma, guide[None])


@pytest.mark.parametrize("method", METHODS)
def test_flat_colour_stays_whatever_the_luma(method: str) -> None:
    guide = np.random.default_rng(1).random((90, 160), np.float32)
    chroma = np.full((2, 9, 16), 0.2, np.float32)
    chroma[1] = -0.1
    enlarged = upsample_chroma(chroma, guide, method=method)
    np.testing.assert_allclose(enlarged[0], 0.2, atol=1e-5)
    np.testing.assert_allclose(enlarged[1], -0.1, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_alignment(method: str) -> None:
    """A ramp keeps its place: a shift by half a cell would be off by 0.01."""
    wide = np.linspace(-0.4, 0.4, 400, dtype=np.float32)
    truth = np.stack([np.tile(wide, (200, 1)), np.tile(np.linspace(-0.2, 0.2, 200, dtype=np.float32)[:, None], 400)])
    enlarged = upsample_chroma(area_shrink(truth, 20, 40), np.full((200, 400), 0.5, np.float32), method=method)
    inner = np.s_[:, 10:-10, 10:-10]
    np.testing.assert_allclose(enlarged[inner], truth[inner], atol=2e-3)


def two_colours() -> tuple[FloatArray, FloatArray]:
    """Luma and chroma with one slanted edge at which both change."""
    rows, columns = np.mgrid[:240, :320]
    right = columns > 150 + rows // 4
    guide = np.where(right, 0.75, 0.25).astype(np.float32)
    chroma = np.stack([np.where(right, 0.2, -0.15), np.where(right, -0.1, 0.25)]).astype(np.float32)
    return guide, chroma


def test_follows_edges() -> None:
    guide, truth = two_colours()
    small = area_shrink(truth, 24, 32)
    errors = {method: np.abs(upsample_chroma(small, guide, method=method) - truth).mean() for method in METHODS}
    assert errors["guided"] < 0.5 * errors["bilinear"]


def test_no_haloes() -> None:
    """A specular line far brighter than anything the fit saw gets no colour of its own.

    The steps are 0.35 high; the cubics alone overshoot by 0.03, lines followed without a limit by 0.087.
    """
    guide, truth = two_colours()
    small = area_shrink(truth, 24, 32)
    guide[100:102] = 1.0
    guide[140:142] = 0.0
    enlarged = upsample_chroma(small, guide)
    for plane, plane_small in zip(enlarged, small, strict=True):
        assert plane.max() < plane_small.max() + 0.065
        assert plane.min() > plane_small.min() - 0.065


def test_texture_does_not_print_through() -> None:
    """Luma texture that has nothing to do with the colour leaves it as smooth as bilinear does."""
    guide = np.random.default_rng(2).random((240, 320), np.float32)
    smooth = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (24, 32)).astype(np.float32), (0, 0), 3)
    small = np.stack([smooth, -smooth]).astype(np.float32)
    difference = upsample_chroma(small, guide) - upsample_chroma(small, guide, method="bilinear")
    assert np.abs(difference).mean() < 0.05 * small.std()


def test_beats_bilinear_on_photos(shared_data: Path) -> None:
    gains = []
    with tarfile.open(shared_data / "photos" / "dev.tar") as tar:
        for member in tar.getmembers()[::28]:
            file = tar.extractfile(member)
            assert file is not None
            picture = Image.open(io.BytesIO(file.read())).convert("RGB")
            rgb = np.asarray(picture, np.float32) / np.float32(255)
            guide, truth = luma_from_rgb(rgb), chroma_from_rgb(rgb)
            scale = 64 / min(guide.shape)
            small = area_shrink(truth, round(guide.shape[0] * scale), round(guide.shape[1] * scale))
            guided, bilinear = (
                psnr(upsample_chroma(small, guide, method=name), truth) for name in ("guided", "bilinear")
            )
            gains.append(guided - bilinear)
    assert np.mean(gains) > 1.0
    assert min(gains) > -0.2


def test_luma_made_small_is_sharp_again_along_what_was_seen() -> None:
    """Bright where the guide is dark: a step of the guide is a step of the result, not a ramp."""
    guide = np.full((64, 96), 0.2, np.float32)
    guide[:, 50:] = 0.8
    small = 0.9 - np.asarray(cv2.resize(guide, (24, 16), interpolation=cv2.INTER_AREA), np.float32)
    made = upsample_luma(small, guide)
    assert made.shape == guide.shape
    assert made[32, 30] == pytest.approx(0.7, abs=0.03)
    assert made[32, 80] == pytest.approx(0.1, abs=0.03)
    assert made[32, 49] - made[32, 50] > 0.4
    assert upsample_luma(guide, guide) is guide
