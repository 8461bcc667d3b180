"""Every sample file of a real camera: size, values, and temperatures as the camera itself printed them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restore.media.thermal import ThermalFrame, open_thermal
from restore.media.thermal.flir import open_flir_jpeg

SHAPES = {
    "dji_h20t.jpg": ("DJI R-JPEG", (512, 640), 1),
    "dji_m30t.jpg": ("DJI R-JPEG", (512, 640), 1),
    "flir_04.jpg": ("FLIR radiometric JPEG", (60, 80), 1),
    "flir_05.jpg": ("FLIR radiometric JPEG", (180, 180), 1),
    "flir_09.jpg": ("FLIR radiometric JPEG", (180, 180), 1),
    "flir_13.jpg": ("FLIR radiometric JPEG", (480, 640), 1),
    "flir_ax8.jpg": ("FLIR radiometric JPEG", (60, 80), 1),
    "flir_uint16.tiff": ("16-bit TIFF", (512, 640), 1),
    "sample.csq": ("FLIR CSQ recording", (768, 1024), 8),
    "sample.seq": ("FLIR SEQ recording", (480, 640), 2),
}


@pytest.fixture(scope="session")
def samples(shared_data: Path) -> Path:
    return shared_data / "thermal" / "radiometric"


def frames_of(path: Path) -> list[ThermalFrame]:
    with open_thermal(path, threads=1) as source:
        frames = list(source.frames())
        assert not source.warnings
        assert source.polarity == "white"
        assert all(frame.raw.shape == source.shape for frame in frames)
    return frames


def celsius_of(path: Path) -> np.ndarray:
    (frame,) = frames_of(path)
    assert frame.radiometry is not None
    return frame.radiometry.celsius(frame.raw)


def test_no_sample_is_forgotten(samples: Path) -> None:
    assert {path.name for path in samples.iterdir()} == SHAPES.keys()


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_samples(samples: Path, name: str) -> None:
    kind, shape, count = SHAPES[name]
    with open_thermal(samples / name) as source:
        assert (source.kind, source.shape, source.bit_depth) == (kind, shape, 16)
        assert source.is_recording == (count > 1)
    frames = frames_of(samples / name)
    assert len(frames) == count
    for frame in frames:
        assert frame.raw.dtype == np.uint16
        neighbours = np.abs(np.diff(frame.raw.astype(int), axis=1))
        span = int(np.ptp(frame.raw))
        assert neighbours.mean() < 0.07 * span  # in the wrong byte order, or of the wrong width, about a third


def test_byte_order_of_the_png_is_found(samples: Path) -> None:
    (frame,) = frames_of(samples / "flir_09.jpg")
    swapped = frame.raw.byteswap()
    assert np.abs(np.diff(swapped.astype(int))).mean() > 5 * np.abs(np.diff(frame.raw.astype(int))).mean()


def test_narrow_tiff_is_read_as_it_is(samples: Path) -> None:
    (frame,) = frames_of(samples / "flir_uint16.tiff")
    assert (frame.raw.min(), frame.raw.max()) == (6743, 7077)
    assert frame.radiometry is None


def test_temperatures_are_those_that_the_cameras_printed(samples: Path) -> None:
    """Each JPEG shows numbers in its picture, rounded to the last digit given here."""
    ax8 = celsius_of(samples / "flir_ax8.jpg")
    assert (round(float(ax8.max()), 1), round(float(ax8.min()), 1)) == (25.5, 24.3)
    c2 = celsius_of(samples / "flir_04.jpg")
    assert float(c2[30, 40]) == pytest.approx(12.3, abs=0.05)  # the spot in the middle
    b60 = celsius_of(samples / "flir_05.jpg")
    assert float(b60[90, 90]) * 1.8 + 32 == pytest.approx(19.0, abs=0.5)  # degrees Fahrenheit
    i60 = celsius_of(samples / "flir_09.jpg")
    assert round(float(i60.min()), 1) == 18.6  # the coldest spot
    sc640 = celsius_of(samples / "flir_13.jpg")
    assert float(np.abs(sc640[230:251, 310:331] - 23.5).min()) < 0.05  # the spot, which is near the middle


def test_temperatures_of_recordings_are_those_of_a_hand_and_a_bird(samples: Path) -> None:
    for name, warmest in (("sample.csq", 36), ("sample.seq", 39)):
        for frame in frames_of(samples / name):
            assert frame.radiometry is not None
            celsius = frame.radiometry.celsius(frame.raw)
            assert 15 < celsius.min() < 19 < np.median(celsius) < 25 < celsius.max() < warmest


def test_recordings_keep_the_cameras_clock(samples: Path) -> None:
    csq = [frame.pts for frame in frames_of(samples / "sample.csq")]
    assert csq == [0, 34, 67, 100, 134, 167, 200, 234]
    assert [frame.pts for frame in frames_of(samples / "sample.seq")] == [0, 3967]


def test_metadata_of_sensors(samples: Path) -> None:
    with open_thermal(samples / "sample.csq") as source:
        assert source.metadata["camera"] == "FLIR T1030sc 12__"
        assert source.metadata["radiometry"]["planck_b"] == pytest.approx(1507.2)
        assert source.rate == 30
    with open_thermal(samples / "dji_m30t.jpg") as source:
        assert (source.metadata["Model"], source.metadata["ImageDescription"]) == ("M30T", "WhiteHot")
    with open_thermal(samples / "flir_uint16.tiff") as source:
        assert source.metadata["CameraSerialNumber"] == "8340357"


def test_a_jpeg_without_a_record_is_not_taken_for_one(samples: Path) -> None:
    assert open_flir_jpeg(samples / "dji_h20t.jpg", [], {}) is None
