from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.errors import InputError, OptionError
from restore.media.thermal import PALETTES, guess_polarity, open_thermal
from restore.media.thermal.palette_inverse import invert_palette
from restore.media.thermal.palettes import is_gray, palette_colours, recognise_palette

Steps = NDArray[np.uint8]


def scene(height: int = 96, width: int = 128) -> Steps:
    """Smooth hills over the whole range."""
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.rint(127.5 + 64 * np.sin(x / 20) + 63 * np.cos(y / 17)), np.uint8)


def in_colours(steps: Steps, palette: str) -> NDArray[np.uint8]:
    return np.rint(palette_colours(palette)).astype(np.uint8)[steps]


def as_jpeg(rgb: NDArray[np.uint8], quality: int = 90) -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "JPEG", quality=quality)
    return content.getvalue()


@pytest.mark.parametrize("palette", PALETTES)
def test_palette_round_trip(palette: str) -> None:
    steps = np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0)
    error = np.abs(invert_palette(in_colours(steps, palette), palette).astype(int) - steps)
    assert error.max() <= 1


@pytest.mark.parametrize("palette", PALETTES)
def test_palette_round_trip_through_a_jpeg(palette: str) -> None:
    steps = scene()
    with Image.open(io.BytesIO(as_jpeg(in_colours(steps, palette)))) as picture:
        rgb = np.asarray(picture)
    found = recognise_palette([rgb])
    assert found is not None
    assert found.name == palette
    error = np.abs(invert_palette(rgb, palette).astype(int) - steps)
    assert error.mean() < 1  # palette steps
    assert np.percentile(error, 99) <= 6


@pytest.mark.parametrize(
    ("name", "palette"),
    [
        ("flir_13.jpg", "ironbow-studio"),
        ("flir_04.jpg", "ironbow"),
        ("flir_09.jpg", "rainbow-flir-studio"),
        ("flir_ax8.jpg", "rainbow-hc"),
        ("dji_h20t.jpg", "ironbow-dji"),
    ],
)
def test_pictures_that_cameras_rendered(shared_data: Path, tmp_path: Path, name: str, palette: str) -> None:
    """Without its record a file is a false-colour picture, with text, logo and scale in it; with it there is truth."""
    original = shared_data / "thermal" / "radiometric" / name
    rendered = tmp_path / "rendered.jpg"
    with Image.open(original) as picture:
        rendered.write_bytes(as_jpeg(np.asarray(picture.convert("RGB")), 95))
    with open_thermal(rendered) as source, open_thermal(original) as truth:
        assert (source.palette, source.polarity, source.bit_depth) == (palette, "white", 8)
        steps, raw = next(source.frames()).raw, next(truth.frames()).raw
    if name in ("flir_13.jpg", "dji_h20t.jpg"):  # the two whose picture has the raster of the sensor
        inside = np.s_[100:400, 100:560]
        ranks = [np.argsort(np.argsort(each[inside], axis=None, kind="stable")) for each in (steps, raw)]
        assert np.asarray(np.corrcoef(np.stack(ranks).astype(np.float64)))[0, 1] > 0.9


def test_ordinary_pictures_say_what_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    colours = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "holiday.jpg"
    path.write_bytes(as_jpeg(np.asarray(colours, np.uint8)))
    with pytest.raises(
        InputError, match=r"holiday\.jpg: this is an ordinary colour JPEG of 160x120, not a thermal"
    ) as error:
        open_thermal(path)
    assert "\n" not in str(error.value)
    with open_thermal(path, palette="jet") as source:  # whoever knows better says so
        assert source.palette == "jet"
    with pytest.raises(OptionError, match="unknown palette"):
        open_thermal(path, palette="lava")


def test_photographs_have_no_palette(shared_data: Path) -> None:
    looked_at = 0
    with tarfile.open(shared_data / "photos" / "dev.tar") as tar:
        for member in tar:
            if not member.isfile() or looked_at == 24:
                continue
            content = tar.extractfile(member)
            assert content is not None
            with Image.open(io.BytesIO(content.read())) as picture:
                rgb = np.asarray(picture.convert("RGB"))
            looked_at += 1
            assert recognise_palette([rgb]) is None, member.name
            assert not is_gray([rgb]), member.name
    assert looked_at == 24


def test_gray_pictures_with_drawings_are_gray() -> None:
    rgb = np.repeat(scene()[..., None], 3, axis=2)
    rgb[10:14, 10:60] = (255, 0, 0)
    assert is_gray([rgb])


def street() -> Steps:
    """Cold sky over warm ground, with two people."""
    picture = np.full((128, 160), 40, np.uint8)
    picture[50:] = 120
    picture[60:90, 40:50] = picture[64:92, 100:109] = 230
    return picture


def test_polarity_by_the_picture() -> None:
    assert guess_polarity([street()]) == "white"
    assert guess_polarity([255 - street()]) == "black"
    assert guess_polarity([np.full((64, 64), 90, np.uint8)]) is None
    straight_down = np.random.default_rng(0).normal(120, 20, (128, 160)).clip(0, 255).astype(np.uint8)
    assert guess_polarity([straight_down]) is None


def test_polarity_on_real_pictures(shared_data: Path) -> None:
    """Never the wrong answer on driving scenes, and the right one for most, white-hot and inverted alike."""
    answers = []
    with tarfile.open(shared_data / "thermal" / "dev.tar") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None and ".thermal." in member.name:
                with Image.open(io.BytesIO(content.read())) as picture:
                    gray = np.asarray(picture.convert("L"))
                answers.append((guess_polarity([gray]), guess_polarity([255 - gray])))
    assert len(answers) == 22
    assert ("black", "white") not in answers
    assert sum(white == "white" and black == "black" for white, black in answers) >= 15


def test_polarity_of_what_sensors_recorded(shared_data: Path) -> None:
    """By the file it is known for all; by the rendered picture alone never wrong, white-hot or inverted."""
    answers = []
    for path in sorted((shared_data / "thermal" / "radiometric").iterdir()):
        with open_thermal(path) as source:
            raw = next(source.frames()).raw.astype(np.float32)
            assert source.polarity == "white"
        low, high = np.percentile(raw, (0.5, 99.5))
        gray = np.clip((raw - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        answers.append((guess_polarity([gray]), guess_polarity([255 - gray])))
    assert set(answers) == {("white", "black"), (None, None)}
    assert len(answers) == 10
