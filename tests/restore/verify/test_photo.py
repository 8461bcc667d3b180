"""verify_photo finds what a careless program loses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from restore.errors import InputError
from restore.media.photo.reading import quiet_pillow, read_photo
from restore.media.photo.writing import write_photo
from restore.verify import verify_any
from restore.verify.photo import verify_photo

GRAY = np.random.default_rng(5).integers(20, 235, (40, 56), dtype=np.uint8)
SRGB = bytes(imagecodecs.cms_profile("srgb"))


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.png"
    picture = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(GRAY[::-1])])
    picture.save(path, exif=exif(6), icc_profile=SRGB)
    return path


@pytest.fixture
def result(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "result.png"
    chroma = np.stack([np.full(GRAY.shape, 0.1, np.float32), np.full(GRAY.shape, -0.1, np.float32)])
    path.write_bytes(write_photo(read_photo(original), chroma))
    return path


def test_a_good_result(original: Path, result: Path) -> None:
    report = verify_photo(original, result)
    assert report.ok
    assert report.problems == []
    assert report.facts == {"size": (56, 40), "pages": 1, "format": "PNG", "bit_depth": 8}
    assert report.luma_max_difference is not None
    assert 0 < report.luma_max_difference < 0.35


def problems(original: Path, picture: Image.Image, tmp_path: Path, kind: str = "PNG", **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    (tmp_path / "bad").write_bytes(buffer.getvalue())
    report = verify_photo(original, tmp_path / "bad")
    assert not report.ok
    return "; ".join(report.problems)


def test_each_loss_is_found(original: Path, result: Path, tmp_path: Path) -> None:
    with Image.open(result) as opened:
        good = opened.copy()
        xmp = opened.info["xmp"]
    kept: dict[str, Any] = {"exif": exif(6), "icc_profile": SRGB}
    assert problems(original, good, tmp_path, **kept) == "XMP does not say that the colour is machine-made"
    everything = problems(original, good.convert("RGB"), tmp_path, icc_profile=None)
    for word in ("EXIF", "ICC", "orientation", "alpha", "XMP"):
        assert word in everything
    assert "the size is 28 x 20, and should be 56 x 40" in problems(original, good.resize((28, 20)), tmp_path, **kept)
    assert "format is WEBP" in problems(original, good, tmp_path, "WEBP", lossless=True, exact=True, xmp=xmp, **kept)
    darker = Image.merge(
        "RGBA", [plane.point(lambda code: code - 2) if n < 3 else plane for n, plane in enumerate(good.split())]
    )
    assert "luma differs by up to 2" in problems(original, darker, tmp_path, **kept)


def test_bit_depth_and_pages(tmp_path: Path) -> None:
    deep, shallow = tmp_path / "deep.tif", tmp_path / "shallow.tif"
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(deep)
    Image.fromarray(GRAY).save(shallow, save_all=True, append_images=[Image.fromarray(GRAY)])
    found = "; ".join(verify_photo(deep, shallow).problems)
    assert "8 bits a sample, and should be 16" in found
    assert "2 pages, and should be 1" in found


def test_unreadable_files_are_named(original: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.png: there is no such file"):
        verify_photo(original, tmp_path / "missing.png")


def test_a_jpeg_keeps_its_very_coefficients(tmp_path: Path) -> None:
    """Encoded again at the best quality, luma looks the same, and is not."""
    before, after, again = (tmp_path / name for name in ("before.jpg", "after.jpg", "again.jpg"))
    Image.fromarray(GRAY).save(before, quality=80)
    after.write_bytes(write_photo(read_photo(before), np.zeros((2, *GRAY.shape), np.float32)))
    report = verify_photo(before, after)
    assert report.problems == []
    assert report.luma_max_difference == 0
    with Image.open(after) as picture:
        picture.save(again, quality=100, subsampling=0, xmp=picture.info["xmp"])
    assert "the luma coefficients differ" in verify_photo(before, again).problems


def test_a_jpeg_of_rgb_may_differ_by_its_coding(tmp_path: Path) -> None:
    before, after = tmp_path / "before.jpg", tmp_path / "after.jpg"
    before.write_bytes(imagecodecs.jpeg8_encode(np.dstack([GRAY] * 3), 90, colorspace="RGB", outcolorspace="RGB"))
    after.write_bytes(write_photo(read_photo(before), np.zeros((2, *GRAY.shape), np.float32)))
    report = verify_photo(before, after)
    assert report.problems == []
    assert "encoded anew" in report.warnings[0]


@pytest.mark.filterwarnings("default")
def test_nothing_is_said_about_metadata_that_is_copied(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Pillow warns of EXIF data that is cut off."""
    before, after = tmp_path / "before.jpg", tmp_path / "after.jpg"
    Image.fromarray(GRAY).save(before, exif=b"Exif\0\0" + exif(6)[6:-6])
    with quiet_pillow():
        after.write_bytes(write_photo(read_photo(before), np.zeros((2, *GRAY.shape), np.float32)))
    assert verify_any(before, after).problems == []
    assert [str(warning.message) for warning in recwarn] == []
