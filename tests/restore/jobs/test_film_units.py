"""A run that starts at any border gives the bits that an uninterrupted one gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, chain, pairwise

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.frames import Frame, Painted, Role, Unit
from restore.jobs.film_units import FIRST_UNIT, Reach, Stretch, mark_units, plan_stretches, plan_units
from restore.options import UnitLengths
from restore.temporal import Strength, smooth

LENGTHS = UnitLengths(shortest=10, longest=20, context=6)
SHOTS = (7, 30, 3, 12, 25, 1, 9)
REACH = Reach(LENGTHS.context, Strength.LIGHT.look_ahead, whole_shots=False)


def shot(frames: int, seed: int) -> list[FloatArray]:
    """Returns a drifting cloud."""
    cloud = cv2.GaussianBlur(np.random.default_rng(seed).random((64, 96 + frames)).astype(np.float32), (0, 0), 1)
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    return [np.ascontiguousarray(cloud[:, index : index + 96]) for index in range(frames)]


@pytest.fixture(scope="module")
def lumas() -> list[FloatArray]:
    return [luma for seed, frames in enumerate(SHOTS) for luma in shot(frames, seed)]


def frames_of(lumas: list[FloatArray], first: int = 0) -> Iterator[Frame]:
    """Yields the film from a frame on, as it comes from the decoder."""
    for index, luma in enumerate(lumas[first:], first):
        yield Frame(picture=index, guide=luma, luma=luma, index=index)


def marks(frames: Iterator[Frame]) -> list[tuple[int, Unit | None, bool | None]]:
    return [(frame.index, frame.unit, frame.starts_shot) for frame in frames]


def units_of(lumas: list[FloatArray]) -> list[Unit]:
    units = dict.fromkeys(frame.unit for frame in mark_units(frames_of(lumas), FIRST_UNIT, LENGTHS))
    return [unit for unit in units if unit is not None]


def paint(lumas: list[FloatArray], stretch: Stretch) -> list[Painted]:
    """Colours a stretch, by a network that gives each frame a colour of its own."""

    def network() -> Iterator[Painted]:
        for frame in stretch.mark(frames_of(lumas[: stretch.end], stretch.first_read), LENGTHS):
            strength = np.float32(1 + frame.index % 4 * 0.2)
            chroma = np.stack([frame.luma[::4, ::4] * 0.03 * strength, -frame.luma[::4, ::4] * 0.01 * strength])
            yield Painted(frame.luma, chroma.astype(np.float32), frame=frame, starts_shot=frame.starts_shot)

    return list(smooth(network(), Strength.LIGHT, LENGTHS.context))


def run(lumas: list[FloatArray], start: Unit) -> list[Painted]:
    """Colours the film from a unit to its end."""
    return paint(lumas, Stretch(REACH.first_read(start), start, start.first))


def index_and_unit(painted: Painted) -> tuple[int, Unit | None]:
    assert painted.frame is not None
    return painted.frame.index, painted.frame.unit


# Borders


def test_borders_are_the_same_from_any_border_on(lumas: list[FloatArray]) -> None:
    units = units_of(lumas)
    assert {unit.after_cut for unit in units} == {True, False}
    assert len(units) >= 5
    marked = marks(mark_units(frames_of(lumas), FIRST_UNIT, LENGTHS))
    for unit in units:
        assert marks(mark_units(frames_of(lumas, unit.first), unit, LENGTHS)) == marked[unit.first :]


def test_each_shot_is_said_to_start_once(lumas: list[FloatArray]) -> None:
    """So the temporal pass need not look again; a border without a cut starts no shot."""
    starts = [frame.index for frame in mark_units(frames_of(lumas), FIRST_UNIT, LENGTHS) if frame.starts_shot]
    assert starts == list(accumulate(SHOTS[:-1], initial=0))


def test_lengths_are_bounded(lumas: list[FloatArray]) -> None:
    starts = [unit.first for unit in units_of(lumas)]
    assert all(after - before <= LENGTHS.longest for before, after in pairwise(starts))
    with pytest.raises(ValueError, match="units"):
        UnitLengths(shortest=10, longest=5)


def test_where_nobody_looks_for_cuts_units_have_the_greatest_length(lumas: list[FloatArray]) -> None:
    """From any of them on, and none needs another."""
    marked = marks(mark_units(frames_of(lumas), FIRST_UNIT, LENGTHS, look_for_cuts=False))
    assert [index for index, unit, _ in marked if unit is not None and unit.first == index] == [0, 20, 40, 60, 80]
    assert all(unit is not None and unit.after_cut and starts is None for _, unit, starts in marked)
    start = Unit(40, after_cut=True)
    assert marks(mark_units(frames_of(lumas, 40), start, LENGTHS, look_for_cuts=False)) == marked[40:]


def test_a_frame_is_marked_two_frames_later(lumas: list[FloatArray]) -> None:
    """No more is read ahead to find cuts."""
    read: list[int] = []

    def watched() -> Iterator[Frame]:
        for frame in frames_of(lumas):
            read.append(frame.index)
            yield frame

    for frame in mark_units(watched(), FIRST_UNIT, LENGTHS):
        assert read[-1] <= frame.index + 2


def test_context_is_marked_as_such(lumas: list[FloatArray]) -> None:
    stretch_start = next(unit for unit in units_of(lumas) if not unit.after_cut)
    stretch = Stretch(REACH.first_read(stretch_start), stretch_start, stretch_start.first)
    frames = list(stretch.mark(frames_of(lumas, stretch.first_read), LENGTHS))
    context, written = frames[: LENGTHS.context], frames[LENGTHS.context :]
    assert [frame.index for frame in frames] == list(range(stretch_start.first - LENGTHS.context, len(lumas)))
    assert {(frame.role, frame.unit, frame.starts_shot) for frame in context} == {(Role.CONTEXT, None, None)}
    assert {frame.role for frame in written} == {Role.WRITTEN}
    assert written[0].unit == stretch_start


# Colour


def test_chroma_is_the_same_to_the_bit_from_any_border_on(lumas: list[FloatArray]) -> None:
    whole = run(lumas, FIRST_UNIT)
    assert [index_and_unit(painted)[0] for painted in whole] == list(range(len(lumas)))
    for unit in units_of(lumas)[1:]:
        part = run(lumas, unit)
        assert [index_and_unit(painted) for painted in part] == [
            index_and_unit(painted) for painted in whole[unit.first :]
        ]
        for painted, other in zip(part, whole[unit.first :], strict=True):
            assert np.array_equal(painted.chroma, other.chroma)


def test_a_unit_without_a_cut_is_joined_to_the_one_before_by_its_context(lumas: list[FloatArray]) -> None:
    """Without context, the frames at a border within a shot come out otherwise."""
    unit = next(unit for unit in units_of(lumas) if not unit.after_cut)
    whole = run(lumas, FIRST_UNIT)
    alone = run(lumas, Unit(unit.first, after_cut=True))
    assert not np.array_equal(alone[0].chroma, whole[unit.first].chroma)


@pytest.mark.parametrize("reach", [REACH, replace(REACH, whole_shots=True)])
def test_stretches_of_workers_give_the_bits_of_one_run(lumas: list[FloatArray], reach: Reach) -> None:
    """Each unit or shot by itself, with what it sees of its neighbours, by the plan that another process made."""
    whole = run(lumas, FIRST_UNIT)
    units = list(plan_units(mark_units(frames_of(lumas), FIRST_UNIT, LENGTHS)))
    stretches = plan_stretches(units, reach, lambda _: True)
    parts = list(chain.from_iterable(paint(lumas, stretch) for stretch in stretches))
    assert [index_and_unit(painted) for painted in parts] == [index_and_unit(painted) for painted in whole]
    for painted, other in zip(parts, whole, strict=True):
        assert np.array_equal(painted.chroma, other.chroma)
