"""ICC: gray profiles become RGB ones that render neutrals alike; CMYK becomes sRGB."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from restore.media.photo.icc import (
    HEADER_SIZE,
    assemble,
    colour_space,
    curve_tag,
    gray_to_rgb_profile,
    rgb_profile_for,
    srgb_from_cmyk,
    tags,
    text_tag,
)
from restore.media.photo.reading import read_photo
from restore.media.photo.writing import write_photo

SRGB = bytes(imagecodecs.cms_profile("srgb"))
RAMP = np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0)
GAMMA_18 = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256))
PLACES = np.linspace(0, 1, 256)
DOT_GAIN = curve_tag(np.rint(65535 * (PLACES**1.2 * 0.9 + 0.1 * PLACES**3)))
PARAMETRIC_GAMMA = b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(1.6 * 65536))


def gray_profile(curve: bytes, version: int = 2, connection: bytes = b"XYZ ") -> bytes:
    header = bytearray(HEADER_SIZE)
    header[8] = version
    header[12:24] = b"mntrGRAY" + connection
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    white = b"XYZ \0\0\0\0" + header[68:80]
    return assemble(
        bytes(header), {b"desc": text_tag("gray"), b"cprt": text_tag("none"), b"wtpt": white, b"kTRC": curve}
    )


def rendered(picture: Image.Image, profile: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """In sRGB, by LittleCMS."""
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (profile, SRGB))
    result = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    assert result is not None
    return np.asarray(result, np.int32)


@pytest.mark.parametrize(
    "gray",
    [
        gray_profile(GAMMA_18),
        gray_profile(DOT_GAIN),
        gray_profile(PARAMETRIC_GAMMA, version=4),
        gray_profile(GAMMA_18, connection=b"Lab "),
        gray_profile(PARAMETRIC_GAMMA, version=4, connection=b"Lab "),
    ],
    ids=["gamma 1.8", "dot gain", "parametric", "Lab", "parametric Lab"],
)
def test_neutrals_render_as_through_the_gray_profile(gray: bytes) -> None:
    rgb = gray_to_rgb_profile(gray)
    assert colour_space(rgb) == "RGB"
    assert struct.unpack(">I", rgb[:4])[0] == len(rgb)
    before = rendered(Image.fromarray(RAMP), gray)
    after = rendered(Image.fromarray(np.dstack([RAMP] * 3)), rgb)
    assert np.abs(before - after).max() <= 2
    assert np.abs(before[..., 0] - RAMP).max() > 5  # not what an untagged picture shows


def test_a_gray_jpeg_and_png_get_the_rgb_profile() -> None:
    gray = gray_profile(GAMMA_18)
    for kind in ("JPEG", "PNG", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(RAMP.repeat(8, axis=0)).save(buffer, kind, icc_profile=gray)
        photo = read_photo(buffer.getvalue())
        result = read_photo(write_photo(photo, np.zeros((2, 32, 256), np.float32)))
        assert photo.icc == gray
        assert result.icc == gray_to_rgb_profile(gray)
        assert not photo.warnings


def test_other_profiles_stay_or_are_left_out() -> None:
    assert rgb_profile_for(None) == (None, ())
    assert rgb_profile_for(SRGB) == (SRGB, ())
    assert rgb_profile_for(b"what is this")[0] == b"what is this"
    assert rgb_profile_for(b"what is this")[1]
    without_curve = gray_profile(b"bad!" + bytes(20))
    assert rgb_profile_for(without_curve)[0] is None
    assert "tone curve" in rgb_profile_for(without_curve)[1][0]
    with pytest.raises(ValueError, match="cut off"):
        tags(SRGB[:300])


def test_profiles_do_not_depend_on_the_day() -> None:
    gray = gray_profile(GAMMA_18)
    dated = gray[:24] + struct.pack(">6H", 1999, 12, 31, 1, 2, 3) + gray[36:]
    assert gray_to_rgb_profile(dated)[24:36] == dated[24:36]
    assert gray_to_rgb_profile(gray)[24:36] == bytes(12)
    assert tags(gray_to_rgb_profile(gray))[b"gTRC"] == GAMMA_18


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_without_a_profile(dtype: type[np.generic]) -> None:
    white = np.iinfo(dtype).max  # type: ignore[type-var]
    inks = np.array([[[0, 0, 0, 0], [0, 0, 0, white], [white, 0, 0, 0], [0, white, white, 0]]], dtype)
    expected = np.array([[[1, 1, 1], [0, 0, 0], [0, 1, 1], [1, 0, 0]]]) * white
    assert np.array_equal(srgb_from_cmyk(inks, None), expected)
    assert np.array_equal(srgb_from_cmyk(inks, SRGB), expected)  # a profile of another space is not asked
