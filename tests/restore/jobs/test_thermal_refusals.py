"""What is not thermal, or not any more, says what it is: one line, its own exit code, and nothing left behind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.restore.media.thermal.made import fff, flir_jpeg, scene
from tests.tools import run

FLIR, DJI = (0xE1, b"FLIR\0"), (0xE3, b"")
Maker = Callable[[Path, Path], object]


def without(content: bytes, marker: int, start: bytes) -> bytes:
    """A JPEG as an editor writes it again: segments of one kind are gone."""
    kept, place = content[:2], 2
    while content[place + 1] != 0xDA:
        end = place + 2 + int(struct.unpack_from(">H", content, place + 2)[0])
        if not (content[place + 1] == marker and content[place + 4 :].startswith(start)):
            kept += content[place:end]
        place = end
    return kept + content[place:]


def sample(shared: Path, name: str) -> bytes:
    return (shared / "thermal" / "radiometric" / name).read_bytes()


def colours() -> np.ndarray:
    """Smooth, in a palette that nobody has."""
    y, x = np.mgrid[:120, :160]
    heat = (127 + 60 * np.sin(x / 30) + 60 * np.cos(y / 23)) / 255
    planes = [255 * (1 - heat) ** 2, 200 * np.sin(3 * heat) ** 2, 255 * heat**3]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


def photo(path: Path, shared: Path) -> None:
    with Image.open(min((shared / "archival" / "photos").iterdir())) as picture:
        tinted = np.asarray(picture.convert("L").resize((160, 120))).astype(float)[..., None] * (0.5, 1.0, 0.2)
    rainbow = np.clip(tinted + 90 * np.random.default_rng(0).random((120, 160, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(rainbow).save(path, "JPEG")


REFUSED: dict[str, tuple[Maker, int, str]] = {
    "photo.jpg": (photo, 3, "this is an ordinary colour JPEG of 160x120, not a thermal one: it holds no sensor's"),
    "strange.png": (
        lambda path, _: Image.fromarray(colours()).save(path), 3,
        "its colours are of no known palette; give the camera's original, or say which palette it has",
    ),
    "edited.jpg": (
        lambda path, shared: path.write_bytes(without(sample(shared, "flir_05.jpg"), *FLIR)), 3,
        "this is a colour JPEG of 240x240 of a Flir b60 without its thermal record, which editors and messengers",
    ),
    "empty.seq": (lambda path, _: path.write_bytes(b""), 3, "is empty"),
    "zeros.seq": (lambda path, _: path.write_bytes(bytes(5000)), 3, "it looks thermal only by its name"),
    "notes.jpg": (lambda path, _: path.write_text("no picture"), 3, "it looks thermal only by its name"),
    "nothing.seq": (
        lambda path, _: path.write_bytes(b"FFF\0" + bytes(200)), 4, "none of its FLIR records can be read"
    ),
    "cut.jpg": (lambda path, _: path.write_bytes(flir_jpeg(fff(scene()))[:900]), 4, "cut.jpg: "),
    "float.tif": (
        lambda path, _: Image.fromarray(np.zeros((40, 50), np.float32)).save(path), 3, "convert it to 16-bit integers"
    ),
    "moving.gif": (
        lambda path, _: Image.fromarray(colours()).save(
            path, save_all=True, append_images=[Image.fromarray(colours()[::-1])]
        ), 3, "this GIF is an animation; convert it to a video first",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_thermal_says_what_it_is(
    tmp_path: Path, shared_data: Path, toy_model: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, alone, line = REFUSED[name]
    make(tmp_path / name, shared_data)
    options = ("--model", str(toy_model), "--device", "cpu", "--engine", "torch", "--threads", "1")
    for output, expected in ((tmp_path / "out.png", alone), (tmp_path / "out", 10)):
        code = run("thermal", tmp_path / name, "-o", output, *options)
        told = capsys.readouterr().err
        assert code == expected
        assert line in told
        assert sum(name in each for each in told.splitlines()) == 1
        assert "Traceback" not in told
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {name, "rechroma-report.json"}


@pytest.mark.parametrize(
    ("name", "gone", "camera"),
    [("flir_13.jpg", FLIR, "ThermaCAM SC640"), ("dji_h20t.jpg", DJI, "ZH20T"), ("dji_m30t.jpg", DJI, "M30T")],
)
def test_a_picture_that_lost_its_values_is_taken_as_rendered_and_says_so(
    tmp_path: Path, shared_data: Path, toy_model: Path, capsys: pytest.CaptureFixture[str],
    name: str, gone: tuple[int, bytes], camera: str,
) -> None:  # fmt: skip
    (tmp_path / name).write_bytes(without(sample(shared_data, name), *gone))
    options = ("--model", str(toy_model), "--device", "cpu", "--engine", "torch", "--threads", "1")
    code = run("thermal", tmp_path / name, "-o", tmp_path / "out.png", *options)
    told = capsys.readouterr().err
    assert code == 0
    assert f"it is of a {camera} without its thermal record" in told
    assert (tmp_path / "out.png").exists()
