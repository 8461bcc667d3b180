"""Names and arithmetic of planar formats."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from av.video.format import VideoFormat

from restore.media.film.frames import fill_plane, plane_view
from restore.media.film.pixel_formats import PlanarFormat, nearest_planar


@pytest.mark.parametrize(
    ("name", "bit_depth", "subsampling"),
    [
        ("yuv420p", 8, (1, 1)),
        ("yuvj422p", 8, (1, 0)),
        ("yuv444p10le", 10, (0, 0)),
        ("yuv411p", 8, (2, 0)),
        ("gray12le", 12, (1, 1)),
    ],
)
def test_parse(name: str, bit_depth: int, subsampling: tuple[int, int]) -> None:
    layout = PlanarFormat.parse(name)
    assert (layout.bit_depth, layout.subsampling) == (bit_depth, subsampling)
    assert layout.name == name.replace("yuvj", "yuv")


@pytest.mark.parametrize("name", ["nv12", "rgb24", "yuv420p10be", "yuva420p", "yuv420p11le", "grayf32le", "yuv430p"])
def test_parse_refuses_what_is_not_planar(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        PlanarFormat.parse(name)


@pytest.mark.parametrize(
    ("source", "planar"),
    [
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("nv24", "yuv444p"),
        ("uyvy422", "yuv422p"),
        ("yuv420p10be", "yuv420p10le"),
        ("yuva444p10le", "yuv444p10le"),
        ("rgb24", "yuv444p"),
        ("pal8", "yuv444p"),
        ("rgb48le", "yuv444p16le"),
        ("xyz12le", "yuv444p12le"),
        ("gray16be", "gray16le"),
        ("grayf32le", "gray16le"),
        ("monow", "gray"),
        ("ya8", "gray"),
    ],
)
def test_nearest_planar_keeps_depth_and_chroma(source: str, planar: str) -> None:
    assert nearest_planar(VideoFormat(source)).name == planar


def test_nearest_planar_refuses_device_frames() -> None:
    with pytest.raises(ValueError, match="cuda"):
        nearest_planar(VideoFormat("cuda"))


@pytest.mark.parametrize(
    ("name", "expected"), [("yuv420p", (25, 33)), ("yuv422p", (49, 33)), ("yuv444p", (49, 65)), ("yuv410p", (13, 17))]
)
def test_chroma_size_rounds_up(name: str, expected: tuple[int, int]) -> None:
    assert PlanarFormat.parse(name).chroma_size(65, 49) == expected


@pytest.mark.parametrize(("name", "kind"), [("yuv420p", np.uint8), ("yuv422p10le", np.uint16)])
def test_planes_round_trip(name: str, kind: type) -> None:
    rng = np.random.default_rng(3)
    frame = av.VideoFrame(65, 49, name)
    assert frame.planes[0].line_size > 65 * np.dtype(kind).itemsize, "padding is what this test is about"
    for index in range(3):
        codes: Any = rng.integers(0, 255, plane_view(frame, index).shape).astype(kind)
        fill_plane(frame, index, codes)
        np.testing.assert_array_equal(plane_view(frame, index), codes)


def test_fill_plane_refuses_wrong_planes() -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    with pytest.raises(ValueError, match="shape"):
        fill_plane(frame, 1, np.zeros((48, 64), np.uint8))
    with pytest.raises(TypeError):
        fill_plane(frame, 1, np.zeros((24, 32), np.uint16))
