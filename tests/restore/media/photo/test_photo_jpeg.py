"""JPEG: luma in its own coefficients, segments as they were."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.errors import InputError
from restore.media.photo.jpeg_blocks import encodable_luma, from_blocks, to_blocks
from restore.media.photo.jpeg_segments import SOI, icc_of, icc_segments, segment, segments, with_size
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


def without_mending(data: bytes) -> int:
    """Largest difference of luma that a plain decode and encode makes."""
    with Image.open(io.BytesIO(data)) as picture:
        tables = picture.quantization  # type: ignore[attr-defined]
    luma = stored_luma(data).astype(np.uint8)
    again = jpeg(luma, qtables=[tables[0]])
    return int(np.abs(stored_luma(again) - luma).max())


@pytest.mark.parametrize("size", [(64, 80), (61, 83), (33, 17)])
@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("progressive", [False, True])
def test_luma_comes_back_within_rounding(size: tuple[int, int], quality: int, progressive: bool) -> None:
    data = jpeg(harsh_scene(*size), quality=quality, progressive=progressive)
    result = coloured(data)
    difference = np.abs(stored_luma(result) - stored_luma(data))
    assert difference.max() <= 2
    assert difference.mean() < 0.2
    assert quality > 60 or without_mending(data) > 4  # so this scene is a test
    with Image.open(io.BytesIO(result)) as picture:
        assert bool(picture.info.get("progressive")) is progressive


@pytest.mark.parametrize(("subsampling", "factors"), [(0, 0x11), (1, 0x21), (2, 0x22)])
def test_a_colour_source_keeps_its_subsampling_and_luma(subsampling: int, factors: int) -> None:
    scene = harsh_scene(53, 75)
    sepia = np.stack([scene, scene * 0.9, scene * 0.7], axis=-1).astype(np.uint8)
    data = jpeg(sepia, quality=75, subsampling=subsampling)
    result = coloured(data)
    assert np.abs(stored_luma(result) - stored_luma(data)).max() <= 2
    frame = next(part for part in segments(result) if part.marker in (0xC0, 0xC2))
    assert frame.payload[7] == factors


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
    assert np.abs(before.luma * 255 - scene).mean() < 3
    assert np.abs(read_photo(coloured(rgb)).luma - before.luma).mean() * 255 < 1
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([scene * 0, scene * 0, scene * 0, 255 - scene]), "CMYK").save(buffer, "JPEG", quality=95)
    photo = read_photo(buffer.getvalue())
    assert any("CMYK" in warning for warning in photo.warnings)
    assert np.abs(photo.luma * 255 - scene).mean() < 3
    with Image.open(io.BytesIO(coloured(buffer.getvalue()))) as picture:
        assert picture.mode == "RGB"


def test_kinds_that_cannot_be_read_are_named() -> None:
    lossless = bytes(imagecodecs.jpeg8_encode(harsh_scene(16, 16), lossless=True))
    with pytest.raises(InputError, match="SOF3"):
        read_photo(lossless)


def test_patched_size_shows_whole_blocks() -> None:
    data = jpeg(harsh_scene(13, 21))
    assert stored_luma(with_size(data, 24, 16)).shape == (16, 24)
    assert np.array_equal(stored_luma(with_size(data, 24, 16))[:13, :21], stored_luma(data))


def test_blocks_round_trip_and_clean_luma_is_untouched() -> None:
    plane = np.arange(16 * 24).reshape(16, 24)
    assert np.array_equal(from_blocks(to_blocks(plane), 16, 24), plane)
    assert np.array_equal(to_blocks(plane)[1, :8], plane[0, 8:16])
    flat = np.full((16, 16), 200, np.uint8)

    def never(first: int, end: int) -> NDArray[np.uint8]:
        raise AssertionError(f"nothing is clipped, and {first}..{end} was decoded")

    assert encodable_luma(flat, np.full(64, 10, np.float32), never) is flat


def test_a_broken_header_is_refused() -> None:
    data = jpeg(harsh_scene(16, 16))
    place = next(part.start for part in segments(data) if part.marker == 0xC0)
    with pytest.raises(InputError):
        read_photo(data[: place + 9] + struct.pack(">B", 7) + data[place + 10 :])


def test_archival_photos(shared_data: Path) -> None:
    for name in ("Einstein.jpg", "Broadway_at_the_United_States_Hotel_Sara.jpg"):
        data = (shared_data / "archival" / "photos" / name).read_bytes()
        difference = np.abs(stored_luma(coloured(data)) - stored_luma(data))
        assert difference.max() <= 3
        assert difference.mean() < 0.02
