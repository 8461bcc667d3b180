"""Registration: known homographies are found to a fraction of a pixel whatever the tones, strangers are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from restore.cli.main import rechroma
from restore.errors import InputError, PartialFailureError
from restore_train.align.files import align_files, inner_rectangle, match_files
from restore_train.align.register import AlignmentError, align, warp_thermal
from restore_train.align.start import edge_map, mutual_information
from restore_train.thermal_pairs import Pair, read_pairs

Plane = NDArray[np.float32]


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> dict[str, Pair]:
    return {pair.name[-5:]: pair for pair in read_pairs([shared_data / "thermal" / "dev.tar"])}


def luma_of(pair: Pair) -> Plane:
    return pair.ycbcr[..., 0].astype(np.float32) / np.float32(255)


def heat_of(pair: Pair) -> Plane:
    return pair.thermal.astype(np.float32) / np.float32(255)


def other_camera(height: int, width: int) -> NDArray[np.float64]:
    """Turned by 2 degrees, a tenth larger, aside by a few percent and a little tilted."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    angle, centre = np.deg2rad(2), np.array([width / 2, height / 2])
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilt = width * np.array([[0.008, 0], [0, 0.006], [-0.004, 0], [0, -0.008]])
    moved = (corners - centre) @ turn.T + centre + (0.03 * width, -0.02 * width) + tilt
    return np.asarray(cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), np.float64)


def largest_error(alignment: NDArray[np.float64], truth: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    """Pixels between where the two send what both pictures show."""
    down, across = np.nonzero(inside)
    points = np.stack([across, down, np.ones_like(down)]).astype(np.float64)
    ours, theirs = (matrix @ points for matrix in (alignment, truth))
    return float(np.hypot(*(ours[:2] / ours[2] - theirs[:2] / theirs[2])).max())


def median_error(alignment: NDArray[np.float64], truth: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    """The same in the median."""
    down, across = np.nonzero(inside)
    points = np.stack([across, down, np.ones_like(down)]).astype(np.float64)
    ours, theirs = (matrix @ points for matrix in (alignment, truth))
    return float(np.median(np.hypot(*(ours[:2] / ours[2] - theirs[:2] / theirs[2]))))


@pytest.mark.parametrize("name", ["00497", "07555"])
def test_a_known_homography_is_found_through_inverted_tones(pairs: dict[str, Pair], name: str) -> None:
    luma = luma_of(pairs[name])
    truth = other_camera(*luma.shape)
    seen = cv2.warpPerspective(1 - luma**1.6, truth, luma.shape[::-1])
    alignment = align(luma, np.asarray(seen, np.float32))
    _, inside = warp_thermal(np.asarray(seen, np.float32), alignment.homography, *luma.shape)
    assert largest_error(alignment.homography, truth, inside) < 0.5
    assert alignment.residual < 0.3
    assert alignment.clear_share > 0.9


def test_real_heat_is_found(pairs: dict[str, Pair]) -> None:
    """The pair itself is registered to about a pixel only."""
    pair = pairs["00550"]
    truth = other_camera(*pair.thermal.shape)
    seen = np.asarray(cv2.warpPerspective(heat_of(pair), truth, pair.thermal.shape[::-1]), np.float32)
    alignment = align(luma_of(pair), seen)
    _, inside = warp_thermal(seen, alignment.homography, *pair.thermal.shape)
    assert largest_error(alignment.homography, truth, inside) < 12
    assert alignment.residual < 2


@pytest.mark.parametrize("name", ["00548", "00455"])
def test_small_pictures_of_a_day_are_registered_to_a_pixel_or_two(pairs: dict[str, Pair], name: str) -> None:
    """Real heat under a known displacement, 256 pixels wide; what the residual says is of the working size."""
    pair = pairs[name]
    size = (256, round(256 * pair.thermal.shape[0] / pair.thermal.shape[1]))
    luma, heat = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (luma_of(pair), heat_of(pair)))
    truth = other_camera(size[1], size[0])
    seen = np.asarray(cv2.warpPerspective(heat, truth, size), np.float32)
    alignment = align(np.asarray(luma, np.float32), seen)
    _, inside = warp_thermal(seen, alignment.homography, size[1], size[0])
    assert median_error(alignment.homography, truth, inside) < 2
    assert 0.3 < alignment.residual < 3


def test_strangers_are_refused(pairs: dict[str, Pair]) -> None:
    with pytest.raises(AlignmentError, match=r"do not fit|plausible"):
        align(luma_of(pairs["00497"]), heat_of(pairs["07555"]))
    with pytest.raises(AlignmentError, match="at least 96 pixels"):
        align(np.zeros((50, 300), np.float32), np.zeros((300, 300), np.float32))


def test_flat_pictures_are_refused() -> None:
    flat = np.full((120, 160), 0.5, np.float32)
    with pytest.raises(AlignmentError):
        align(flat, flat)


def test_edges_of_a_negative_are_the_same(pairs: dict[str, Pair]) -> None:
    luma = luma_of(pairs["00497"])
    assert np.abs(edge_map(luma) - edge_map(1 - luma)).mean() < 1e-4


def test_mutual_information_of_equal_inverted_and_unrelated_tones() -> None:
    tones = np.random.default_rng(0).uniform(0, 1, 20_000).astype(np.float32)
    others = np.random.default_rng(1).uniform(0, 1, 20_000).astype(np.float32)
    assert mutual_information(tones, tones) == pytest.approx(np.log(24), abs=0.01)
    assert mutual_information(tones, 1 - tones) == pytest.approx(np.log(24), abs=0.05)
    assert mutual_information(tones, others) < 0.05


def test_pairs_are_written_as_training_reads_them(pairs: dict[str, Pair], tmp_path: Path) -> None:
    pair = pairs["00550"]
    bgr = cv2.cvtColor(np.ascontiguousarray(pair.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2BGR)
    truth = other_camera(*pair.thermal.shape)
    for folder in ("seen", "heat"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "seen" / "street.png"), bgr)
    warm = 7000 + 2 * cv2.warpPerspective(pair.thermal, truth, pair.thermal.shape[::-1]).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "heat" / "street.png"), warm)
    cv2.imwrite(str(tmp_path / "seen" / "flat.png"), np.full((128, 128, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "heat" / "flat.png"), np.full((128, 128), 90, np.uint8))

    arguments = ["align", *(str(tmp_path / folder) for folder in ("seen", "heat")), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(rechroma, arguments)
    assert isinstance(result.exception, PartialFailureError)
    (written,) = read_pairs([tmp_path / "out"])
    assert written.name == "street"
    assert min(written.thermal.shape) > 150
    assert written.thermal.std() > 20


def test_files_are_matched_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        match_files(tmp_path / "none", tmp_path)
    for name in ("a/1.png", "a/2.jpg", "b/2.png", "b/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [name for name, _, _ in match_files(tmp_path / "a", tmp_path / "b")] == ["2"]
    with pytest.raises(InputError, match="not one of each"):
        match_files(tmp_path / "a", tmp_path / "b" / "2.png")
    with pytest.raises(InputError, match="can be decoded"):
        align_files("2", tmp_path / "a" / "2.jpg", tmp_path / "b" / "2.png", tmp_path)


def test_the_inner_rectangle_lies_inside() -> None:
    mask = np.zeros((40, 60), bool)
    cv2.fillPoly(canvas := mask.astype(np.uint8), [np.array([[5, 3], [55, 8], [50, 37], [8, 33]])], 1)
    top, bottom, left, right = inner_rectangle(canvas.astype(bool))
    assert canvas[top:bottom, left:right].all()
    assert (bottom - top) * (right - left) > 0.6 * canvas.sum()
    top, bottom, left, right = inner_rectangle(mask)
    assert (bottom - top) * (right - left) == 0
