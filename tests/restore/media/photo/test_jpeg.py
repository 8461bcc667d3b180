"""JPEG: luma in the source's own coefficients, segments as they were."""

from __future__ import annotations

import errno
import io
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.errors import DamagedMediaError, DiskError, InputError
from restore.media.photo import jpeg as jpeg_module
from restore.media.photo.jpeg_coefficients import Coefficients, is_codable, read_coefficients, write_coefficients
from restore.media.photo.jpeg_segments import (
    DRI,
    SOI,
    icc_of,
    icc_segments,
    read_frame,
    segment,
    segments,
    without_metadata,
)
from restore.media.photo.reading import read_photo
from restore.media.photo.writing import write_photo


def harsh_scene(height: int, width: int) -> NDArray[np.uint8]:
    """Soft shades with black and white lettering over them, which every JPEG clips."""
    rng = np.random.default_rng(8)
    scene = np.full((height, width), 120.0) + np.linspace(-60, 60, width)
    scene[::7, 3:] = 255
    scene[:, ::11] = 0
    return np.clip(scene + rng.normal(0, 6, scene.shape), 0, 255).astype(np.uint8)


def jpeg(picture: NDArray[np.uint8], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def stored_luma(data: bytes) -> NDArray[np.int32]:
    """As libjpeg decodes it, by itself."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.draft("L", picture.size)
        return np.asarray(picture, np.int32)


def coloured(data: bytes) -> bytes:
    photo = read_photo(data, "x")
    height, width = photo.luma.shape
    ramp = np.broadcast_to(np.linspace(0.3, -0.3, width, dtype=np.float32), (height, width))
    return write_photo(photo, np.stack([ramp, -ramp]))


def check_exact(data: bytes, result: bytes) -> None:
    """Luma is the same as coefficients, as steps, and as pixels."""
    before, after = (read_coefficients(without_metadata(file)) for file in (data, result))
    assert np.array_equal(before.planes[0], after.planes[0])
    assert np.array_equal(before.tables[0], after.tables[0])
    assert np.array_equal(stored_luma(data), stored_luma(result))
    assert read_photo(result).warnings == ()


@pytest.mark.parametrize("size", [(64, 80), (61, 83), (33, 17), (1, 1), (8, 300)])
@pytest.mark.parametrize("quality", [5, 60, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_luma_is_exact(size: tuple[int, int], quality: int, progressive: bool) -> None:
    data = jpeg(harsh_scene(*size), quality=quality, progressive=progressive)
    result = coloured(data)
    check_exact(data, result)
    with Image.open(io.BytesIO(result)) as picture:
        assert bool(picture.info.get("progressive")) is progressive
        assert (picture.mode, picture.size) == ("RGB", size[::-1])


@pytest.mark.parametrize("shade", [0, 255])
def test_black_and_white_are_exact(shade: int) -> None:
    data = jpeg(np.full((20, 20), shade, np.uint8), quality=100)
    check_exact(data, coloured(data))


def factors_of(data: bytes) -> list[int]:
    """Sampling factors of the components, across and down in one byte."""
    frame = next(part for part in segments(data) if part.marker in (0xC0, 0xC1, 0xC2))
    return [frame.payload[7 + 3 * component] for component in range(frame.payload[5])]


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411"])
def test_a_colour_source_keeps_its_subsampling_and_luma(subsampling: str) -> None:
    scene = harsh_scene(53, 75)
    sepia = np.stack([scene, scene * 0.9, scene * 0.7], axis=-1).astype(np.uint8)
    data = bytes(imagecodecs.jpeg8_encode(sepia, 75, subsampling=subsampling))
    result = coloured(data)
    check_exact(data, result)
    assert factors_of(result) == factors_of(data)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("factors", [((2, 2), (2, 1), (1, 2)), ((1, 1), (2, 2), (1, 1)), ((1, 4), (1, 2), (1, 1))])
def test_odd_sampling_factors_are_kept(factors: tuple[tuple[int, int], ...], progressive: bool) -> None:
    """Chroma of two sizes, and luma smaller than chroma."""
    rng = np.random.default_rng(3)
    picture = Coefficients([], np.full((2, 64), 7, np.uint16), factors, (45, 70))
    planes = [rng.integers(-9, 9, (*picture.grid(component), 64)).astype(np.int16) for component in range(3)]
    data = write_coefficients(replace(picture, planes=planes), progressive=progressive)
    result = coloured(data)
    check_exact(data, result)
    assert factors_of(result) == factors_of(data) == [16 * h + v for v, h in factors]


@pytest.mark.parametrize("subsampling", ["444", "420", "411"])
def test_chroma_is_what_was_given(subsampling: str) -> None:
    """A picture with a coloured half, decoded by another program."""
    scene = np.full((64, 96), 128, np.uint8)
    data = bytes(imagecodecs.jpeg8_encode(np.dstack([scene] * 3), 95, subsampling=subsampling))
    chroma = np.zeros((2, 64, 96), np.float32)
    chroma[0, :, 64:], chroma[1, :, 64:] = 0.2, -0.1
    with Image.open(io.BytesIO(write_photo(read_photo(data), chroma))) as picture:
        picture.draft("YCbCr", picture.size)
        blue, red = (np.asarray(plane, np.float32) for plane in picture.split()[1:])
    for plane, value in ((blue, 0.2), (red, -0.1)):
        assert np.abs(plane[:, :56] - 128).max() <= 1
        assert np.abs(plane[:, 72:] - 128 - 255 * value).max() <= 1


def test_coarse_steps_and_large_ones_are_carried_over() -> None:
    """Steps of more than 8 bits make a file of the extended kind."""
    data = jpeg(harsh_scene(40, 40), qtables=[[1000] * 64])
    check_exact(data, coloured(data))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("subsampling", [0, 2, None])
def test_restarts_are_kept(rows: int, subsampling: int | None) -> None:
    """None is a gray picture."""
    scene = harsh_scene(90, 77)
    picture = scene if subsampling is None else np.dstack([scene] * 3)
    data = jpeg(picture, quality=80, subsampling=subsampling or 0, restart_marker_rows=rows)
    result = coloured(data)
    check_exact(data, result)
    for file in (data, result):
        assert read_frame(segments(file)).restart_rows == rows
    intervals = [next(part.payload for part in segments(file) if part.marker == DRI) for file in (data, result)]
    assert intervals[0] == intervals[1]
    assert [result.count(b"\xff" + bytes([0xD0 + n])) for n in range(8)] == [
        data.count(b"\xff" + bytes([0xD0 + n])) for n in range(8)
    ]


def test_a_restart_saves_what_comes_after_damage() -> None:
    data = coloured(jpeg(harsh_scene(96, 80), quality=80, restart_marker_rows=1))
    place = data.index(b"\xff\xd0") - 20
    broken = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
    assert np.array_equal(stored_luma(broken)[16:], stored_luma(data)[16:])


def test_restarts_inside_of_rows_are_left_out() -> None:
    data = jpeg(harsh_scene(40, 80), restart_marker_blocks=7)
    assert "restart markers are left out" in read_photo(data).warnings[0]
    assert np.array_equal(stored_luma(coloured(data)), stored_luma(data))


def test_threads_do_not_mix_pictures_up() -> None:
    files = [jpeg(harsh_scene(40 + 8 * n, 60), quality=70, progressive=n % 2 == 0) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(coloured, files * 4))
    assert results == [coloured(data) for data in files] * 4


def test_what_cannot_be_carried_over_is_encoded_anew_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> None:
        raise DamagedMediaError("it is odd")

    monkeypatch.setattr(jpeg_module, "read_coefficients", refuse)
    data = jpeg(harsh_scene(40, 40), quality=90)
    assert "encoded anew, to within a few codes: it is odd" in read_photo(data).warnings[0]
    assert np.abs(stored_luma(coloured(data)) - stored_luma(data)).max() <= 4


def test_missing_scans_are_not_carried_over() -> None:
    """A decoder smooths over what it does not know, and would not when all scans were there."""
    data = jpeg(harsh_scene(40, 40), progressive=True)
    assert read_photo(data).warnings == ()
    last = data.rindex(b"\xff\xda")
    partial = data[:last] + b"\xff\xd9"
    assert "scans are missing" in read_photo(partial).warnings[0]
    assert np.abs(stored_luma(coloured(partial)) - stored_luma(partial)).max() <= 4


def test_broken_files_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a crash nor a temporary file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = without_metadata(jpeg(harsh_scene(40, 40)))
    huffman = next(part for part in segments(data) if part.marker == 0xC4)
    for broken in (b"no JPEG", data[:200], data[: huffman.start] + data[huffman.end :][:40], data[:2] + data[40:]):
        with pytest.raises(DamagedMediaError, match="libjpeg"):
            read_coefficients(broken)
    assert list(tmp_path.iterdir()) == []


def test_impossible_coefficients_are_refused() -> None:
    """A wrong Huffman table makes larger ones than baseline coding holds."""
    plane = np.zeros((1, 1, 64), np.int16)
    for place, value in ((0, 1024), (0, -1025), (5, 1024), (5, -1024)):
        plane[0, 0, place] = value
        assert not is_codable(plane)
        plane[0, 0, place] = 0
    plane[0, 0, :2] = -1024, 1023
    assert is_codable(plane)


def test_a_full_temporary_folder_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    data = jpeg(harsh_scene(16, 16))
    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(DiskError, match="No space left"):
        read_photo(data)


def test_a_gray_source_gets_a_finely_quantized_chroma_at_full_size() -> None:
    result = coloured(jpeg(harsh_scene(40, 40), quality=30))
    with Image.open(io.BytesIO(result)) as picture:
        tables = picture.quantization  # type: ignore[attr-defined]
        assert picture.mode == "RGB"
    assert max(tables[1]) <= 20
    assert max(tables[0]) > 100


def test_every_segment_is_kept_in_order() -> None:
    plain = jpeg(harsh_scene(16, 16), comment=b"from a box in the attic")
    iptc = segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0")
    exif = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
    stale = segment(0xE2, b"MPF\0nowhere")
    data = SOI + exif + stale + iptc + plain[2:]
    result = coloured(data)
    markers = [part.marker for part in segments(result)]
    assert markers[:4] == [0xE1, 0xED, 0xE0, 0xFE]
    assert iptc in result
    assert exif in result
    assert b"MPF\0" not in result
    assert read_photo(result).orientation == 6


def test_long_profiles_go_over_several_segments() -> None:
    profile = np.random.default_rng(0).bytes(150_000)
    data = jpeg(harsh_scene(16, 16), icc_profile=profile)
    assert icc_of(segments(coloured(data))) == profile
    assert icc_of(segments(SOI + icc_segments(profile) + data[2:])) is not None


def test_rgb_coded_and_cmyk_files_are_read_through_their_colours() -> None:
    scene = harsh_scene(40, 48)
    rgb = bytes(imagecodecs.jpeg8_encode(np.dstack([scene] * 3), 95, colorspace="RGB", outcolorspace="RGB"))
    before = read_photo(rgb)
    assert "the file stores RGB" in before.warnings[0]
    assert np.abs(before.luma * 255 - scene).mean() < 3
    assert np.abs(read_photo(coloured(rgb)).luma - before.luma).mean() * 255 < 1
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([scene * 0, scene * 0, scene * 0, 255 - scene]), "CMYK").save(buffer, "JPEG", quality=95)
    photo = read_photo(buffer.getvalue())
    assert any("CMYK" in warning for warning in photo.warnings)
    assert np.abs(photo.luma * 255 - scene).mean() < 3
    assert any("the file stores CMYK" in warning for warning in photo.warnings)
    with Image.open(io.BytesIO(coloured(buffer.getvalue()))) as picture:
        assert picture.mode == "RGB"


def test_kinds_that_cannot_be_read_are_named() -> None:
    lossless = bytes(imagecodecs.jpeg8_encode(harsh_scene(16, 16), lossless=True))
    with pytest.raises(InputError, match="SOF3"):
        read_photo(lossless)


def test_a_broken_header_is_refused() -> None:
    data = jpeg(harsh_scene(16, 16))
    place = next(part.start for part in segments(data) if part.marker == 0xC0)
    with pytest.raises(InputError):
        read_photo(data[: place + 9] + struct.pack(">B", 7) + data[place + 10 :])


def test_archival_photos(shared_data: Path) -> None:
    for path in sorted((shared_data / "archival" / "photos").glob("*.jpg"))[:4]:
        check_exact(path.read_bytes(), coloured(path.read_bytes()))
