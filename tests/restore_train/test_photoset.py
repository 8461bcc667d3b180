"""Readers and crops: tars and folders give the same photos; a batch depends on its seed alone."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_train.augment import FilmWear
from restore_train.photoset import Crops, Photo, PhotoSet, find_photos, read_photos, sampling_weights

RED = (76, 85, 255)  # Y, Cb, Cr of pure red in JPEG's full range: 0.299, -0.1687, 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "inner").mkdir(parents=True)
    for name, bgr in (("a.png", (0, 0, 255)), ("inner/b.png", (255, 0, 0))):
        cv2.imwrite(str(pictures / name), np.full((40, 56, 3), bgr, np.uint8))
    (pictures / "notes.txt").write_text("not a picture")
    return pictures


def test_folder_and_tar_give_the_same_photos(folder: Path, tmp_path: Path) -> None:
    tar_path = tmp_path / "shard.tar"
    with tarfile.open(tar_path, "w") as tar:
        for name in ("a.png", "inner/b.png", "notes.txt"):
            tar.add(folder / name, arcname=name)
    from_folder, from_tar = list(read_photos([folder])), list(read_photos([tar_path]))
    assert [photo.name for photo in from_folder] == [photo.name for photo in from_tar] == ["a.png", "inner/b.png"]
    for one, other in zip(from_folder, from_tar, strict=True):
        assert np.array_equal(one.ycbcr, other.ycbcr)
    assert tuple(from_folder[0].ycbcr[0, 0]) == RED


def test_photos_left_in_their_files_are_the_same(folder: Path, tmp_path: Path) -> None:
    tar_path = tmp_path / "shard.tar"
    with tarfile.open(tar_path, "w") as tar:
        for name in ("notes.txt", "a.png", "inner/b.png"):
            tar.add(folder / name, arcname=name)
    paths = [folder, tar_path]
    for stored, decoded in zip(find_photos(paths), read_photos(paths), strict=True):
        assert stored.name == decoded.name
        assert np.array_equal(stored.ycbcr, decoded.ycbcr)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("broken.jpg")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        list(read_photos([path]))


def test_sampling_weights_follow_the_index(tmp_path: Path) -> None:
    index = tmp_path / "index.tsv"
    index.write_text("name\tset\tsource_path\na\tfilm\tx\nb\tcats\ty\nc\tfilm\tz\n")
    weights = sampling_weights(["a", "b", "c"], [index], {"cats": 2.0})
    np.testing.assert_allclose(weights, [0.25, 0.5, 0.25])
    with pytest.raises(ValueError, match="dogs"):
        sampling_weights(["a"], [index], {"dogs": 1.0})


def photoset(wear: float = 0.0) -> PhotoSet:
    rng = np.random.default_rng(3)
    photos = [Photo(str(index), rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)) for index in range(4)]
    return PhotoSet(photos, np.full(4, 0.25), Crops(size=32, smallest=16, largest=64, stride=4), FilmWear(wear))


def test_batches_have_shape_range_and_depend_on_the_seed_alone() -> None:
    luma, chroma = photoset(wear=1.0).batch(6, np.random.default_rng(5))
    again, _ = photoset(wear=1.0).batch(6, np.random.default_rng(5))
    other, _ = photoset(wear=1.0).batch(6, np.random.default_rng(6))
    assert luma.shape == (6, 1, 32, 32)
    assert chroma.shape == (6, 2, 8, 8)
    assert luma.min() >= 0
    assert luma.max() <= 1
    assert np.abs(chroma).max() <= 0.51
    assert np.array_equal(luma, again)
    assert not np.array_equal(luma, other)


def test_chroma_belongs_to_its_crop() -> None:
    """A picture whose left half is red: where luma is red's, so is chroma."""
    ycbcr = np.full((48, 64, 3), (200, 128, 128), np.uint8)
    ycbcr[:, :32] = RED
    photos = PhotoSet([Photo("x", ycbcr)], np.ones(1), Crops(32, 24, 40, 4), FilmWear(0.0, tone_share=0.0))
    luma, chroma = photos.batch(8, np.random.default_rng(0))
    small = luma[:, 0].reshape(8, 8, 4, 8, 4).mean(axis=(2, 4))
    inside = np.abs(small - RED[0] / 255) < 0.01
    assert inside.any()
    assert (chroma[:, 1][inside] > 0.45).all()
