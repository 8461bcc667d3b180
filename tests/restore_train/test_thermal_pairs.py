"""Pairs and photos made to look thermal: what is read, how it is drawn, what it looks like."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_train.augment import FilmWear
from restore_train.photoset import Crops, Photo, PhotoSet
from restore_train.sources import Mixed
from restore_train.thermal_augment import monotone_curve, thermal_look, warmth_of_materials
from restore_train.thermal_pairs import (
    Pair,
    PairSet,
    ThermalLikeSet,
    another_camera,
    is_day,
    pair_weights,
    read_pairs,
)

CROPS = Crops(size=64, smallest=64, largest=200, stride=4)


@pytest.fixture(scope="module")
def dev(shared_data: Path) -> list[Pair]:
    return list(read_pairs([shared_data / "thermal" / "dev.tar"]))


def test_the_evaluation_set_and_its_days(dev: list[Pair]) -> None:
    """Sorted by eye: the twelve numbers up to 1871 were driven by day."""
    numbers = [int(pair.name.rpartition("_")[2]) for pair in dev]
    by_eye = ["video" not in pair.name and number < 4000 for pair, number in zip(dev, numbers, strict=True)]
    assert len(dev) == 22
    assert sum(by_eye) == 12
    assert [pair.day for pair in dev] == by_eye


def test_street_lamps_make_no_day() -> None:
    night = np.full((100, 100), 90, np.uint8)
    night[5:15, ::10] = 255
    assert not is_day(night)
    night[:10] = 200
    assert is_day(night)


def test_batches_of_pairs_show_the_same_place_twice(dev: list[Pair]) -> None:
    """The thermal picture is replaced by the luma: then both must agree, up to what another camera is."""
    same = [Pair(pair.name, pair.ycbcr, np.ascontiguousarray(pair.ycbcr[..., 0])) for pair in dev[:4]]
    pairs = PairSet(same, np.full(4, 0.25), CROPS)
    thermal, truth = pairs.batch(8, np.random.default_rng(0))
    again, _ = pairs.batch(8, np.random.default_rng(0))
    assert thermal.shape == (8, 1, 64, 64)
    assert truth.shape == (8, 4, 64, 64)
    assert np.array_equal(thermal, again)
    assert np.abs(truth[:, 1:3]).max() <= 0.502
    for ours, theirs in zip(thermal[:, 0], truth[:, 0], strict=True):
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.8


def test_batches_tell_day_from_night(dev: list[Pair]) -> None:
    for day in (True, False):
        pair = next(pair for pair in dev if pair.day == day)
        _, truth = PairSet([pair], np.ones(1), CROPS).batch(2, np.random.default_rng(0))
        assert np.all(truth[:, 3] == (1 if day else -1))


def test_weights_go_by_name_and_by_night(dev: list[Pair]) -> None:
    weights = pair_weights(dev, {"roadscene": 2.0, "roadscene_FLIR_00122": 6.0}, night=0.5)
    by_name = {pair.name: weight for pair, weight in zip(dev, weights, strict=True)}
    usual = by_name["roadscene_FLIR_00452"]
    assert weights.sum() == pytest.approx(1)
    assert by_name["roadscene_FLIR_00122"] == pytest.approx(3 * usual)
    assert by_name["roadscene_FLIR_07555"] == pytest.approx(usual / 2)


def test_photos_lose_their_brightness_but_keep_their_edges(dev: list[Pair]) -> None:
    picture = dev[5].ycbcr[:128, :128]
    looks = [thermal_look(picture, np.random.default_rng(seed)) for seed in range(24)]
    luma = picture[..., 0].astype(np.float32).ravel()
    correlations = [float(np.corrcoef(look.ravel(), luma)[0, 1]) for look in looks]
    assert min(correlations) < -0.5
    assert max(correlations) > 0.5
    assert all(look.min() >= 0 and look.max() <= 1 and look.dtype == np.float32 for look in looks)


def test_monotone_curves_keep_order() -> None:
    ramp = np.linspace(0, 1, 200, dtype=np.float32)[None]
    curved = monotone_curve(ramp, np.random.default_rng(3))
    assert (np.diff(curved[0]) > 0).all()
    assert (curved[0, 0], curved[0, -1]) == pytest.approx((0, 1))


def test_every_material_has_a_warmth_of_its_own() -> None:
    """Two colours of one luma are told apart, either of them the warmer; what has one colour has one warmth."""
    picture = np.full((40, 40, 3), 128, np.uint8)
    picture[:, 20:, 1:] = (60, 200)
    looks = [warmth_of_materials(picture, np.random.default_rng(seed)) for seed in range(12)]
    steps = [float(look[:, 20:].mean() - look[:, :20].mean()) for look in looks]
    assert min(steps) < -0.1
    assert max(steps) > 0.1
    assert all(float(look[:, :20].std()) < 1e-5 for look in looks)


def test_another_camera_sees_the_same_heat(dev: list[Pair]) -> None:
    thermal = dev[3].thermal[:96, :96].astype(np.float32) / np.float32(255)
    seen = [another_camera(thermal, np.random.default_rng(seed)) for seed in range(24)]
    assert all(look.min() >= 0 and look.max() <= 1 and look.dtype == np.float32 for look in seen)
    correlations = [float(np.corrcoef(look.ravel(), thermal.ravel())[0, 1]) for look in seen]
    assert min(correlations) > 0.8
    assert len({float(look.mean()) for look in seen}) > 12


def test_a_share_of_a_batch_comes_from_the_second_source(dev: list[Pair]) -> None:
    pairs = PairSet([dev[0]], np.ones(1), CROPS)
    photos = ThermalLikeSet(
        PhotoSet([Photo("gray", np.full((64, 64, 3), 128, np.uint8))], np.ones(1), CROPS, FilmWear(0))
    )
    thermal, truth = Mixed(pairs, photos, 0.25).batch(8, np.random.default_rng(0))
    assert thermal.shape == (8, 1, 64, 64)
    flat = [float(picture[0].std()) < 1e-6 for picture in truth]
    assert flat == [False] * 6 + [True] * 2


def test_photos_play_pairs(dev: list[Pair]) -> None:
    photos = PhotoSet([Photo("a", dev[0].ycbcr)], np.ones(1), CROPS, FilmWear(0))
    thermal, truth = ThermalLikeSet(photos).batch(3, np.random.default_rng(0))
    assert thermal.shape == (3, 1, 64, 64)
    assert truth[:, 0].std() > 0.05
    assert abs(float(truth[:, 1:3].mean())) < 0.1
    assert not truth[:, 3].any()  # their light is not known


def test_pairs_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        list(read_pairs([tmp_path]))
    gray = np.zeros((20, 30), np.uint8)
    cv2.imwrite(str(tmp_path / "a.visible.png"), gray)
    with pytest.raises(ValueError, match=r"a has no \.thermal picture"):
        list(read_pairs([tmp_path]))
    cv2.imwrite(str(tmp_path / "a.thermal.png"), gray[:10])
    with pytest.raises(ValueError, match="differ in size"):
        list(read_pairs([tmp_path]))
    (tmp_path / "a.thermal.png").write_bytes(b"none")
    with pytest.raises(ValueError, match="cannot be decoded"):
        list(read_pairs([tmp_path]))
