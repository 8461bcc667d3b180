"""Frames: batches in order and of bounded size, and all eight orientations from stored to upright and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageOps

from restore.frames import ORIENTATIONS, Frame, as_stored, in_batches, orientation_of_rotation, upright


def frames(*widths: int) -> Iterator[Frame]:
    """Yields frames of four rows and so many columns."""
    for index, width in enumerate(widths):
        plane = np.zeros((4, width), np.float32)
        yield Frame(picture=None, guide=plane, luma=plane, index=index)


# Batches


@pytest.mark.parametrize(
    ("widths", "size", "expected"),
    [
        ([], 3, []),
        ([8, 8, 8, 8, 8], 2, [[0, 1], [2, 3], [4]]),
        ([8, 8, 6, 6, 6], 3, [[0, 1, 2], [3, 4]]),  # a painter parts them by size, not a batch
        ([8, 8, 8], 1, [[0], [1], [2]]),
    ],
)
def test_batches_hold_so_many_frames_in_order(widths: list[int], size: int, expected: list[list[int]]) -> None:
    assert [[frame.index for frame in batch] for batch in in_batches(frames(*widths), size)] == expected


@pytest.mark.parametrize(
    ("widths", "most_pixels", "expected"),
    [
        ([8, 8, 8, 8, 8], 64, [[0, 1], [2, 3], [4]]),  # full once it has so many
        ([8, 8, 8, 8, 8], 65, [[0, 1, 2], [3, 4]]),
        ([100, 8, 100, 8], 64, [[0], [1, 2], [3]]),  # a large one never waits for more
        ([8, 8, 8, 8, 8], 1, [[0], [1], [2], [3], [4]]),
    ],
)
def test_a_batch_ends_once_its_pictures_have_so_many_pixels(
    widths: list[int], most_pixels: int, expected: list[list[int]]
) -> None:
    assert [[frame.index for frame in batch] for batch in in_batches(frames(*widths), 4, most_pixels)] == expected


def test_pixels_are_those_of_the_stored_picture_not_of_what_the_network_sees() -> None:
    large, small = np.zeros((100, 100), np.float32), np.zeros((4, 4), np.float32)
    film = [Frame(picture=None, guide=large, luma=small) for _ in range(4)]
    assert [len(batch) for batch in in_batches(film, 4, 20_000)] == [2, 2]


def test_batches_are_made_as_they_are_asked_for() -> None:
    source = frames(8, 8, 8, 8)
    next(in_batches(source, 2))
    assert next(source).index == 2


def test_a_batch_without_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="size = 0"):
        in_batches(frames(8), 0)  # at once, not at the first batch


# Orientations


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_is_what_exif_says(orientation: int) -> None:
    """As Pillow shows it."""
    stored = np.arange(15, dtype=np.uint8).reshape(3, 5)
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    assert np.array_equal(upright(stored, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5)])
def test_round_trip(orientation: int, shape: tuple[int, ...]) -> None:
    stored = np.random.default_rng(0).random(shape).astype(np.float32)
    shown = upright(stored, orientation)
    assert shown.shape[-2:] == ((5, 3) if orientation >= 5 else (3, 5))
    back = as_stored(shown, orientation)
    assert np.array_equal(back, stored)
    assert np.array_equal(upright(as_stored(stored, orientation), orientation), stored)
    assert shown.flags.c_contiguous
    assert back.flags.c_contiguous


@pytest.mark.parametrize("turns", [-3, -2, -1, 0, 1, 2, 3, 4])
def test_the_orientation_of_a_rotation_turns_counter_clockwise(turns: int) -> None:
    stored = np.arange(15).reshape(3, 5)
    shown = upright(stored, orientation_of_rotation(90 * turns))
    assert np.array_equal(shown, np.rot90(stored, turns))


@pytest.mark.parametrize("degrees", [1, 45, 89.5, -30])
def test_other_angles_leave_a_frame_as_it_is(degrees: float) -> None:
    assert orientation_of_rotation(degrees) == 1
