"""A run that starts at any border gives the bits that an uninterrupted one gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.jobs.film_units import (
    Planned,
    Unit,
    UnitLengths,
    batched_context,
    batches_by_unit,
    plan_units,
    smooth_units,
)
from restore.temporal import ChromaFrame, Strength

BATCH = 4
LENGTHS = UnitLengths(shortest=10, longest=20, context=6)
SHOTS = (7, 30, 3, 12, 25, 1, 9)


@dataclass(frozen=True)
class Frame:
    luma: FloatArray
    number: int


def shot(frames: int, seed: int) -> list[FloatArray]:
    """A drifting cloud."""
    cloud = cv2.GaussianBlur(np.random.default_rng(seed).random((64, 96 + frames)).astype(np.float32), (0, 0), 1)
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    return [np.ascontiguousarray(cloud[:, index : index + 96]) for index in range(frames)]


@pytest.fixture(scope="module")
def film() -> list[Frame]:
    lumas = [luma for seed, frames in enumerate(SHOTS) for luma in shot(frames, seed)]
    return [Frame(luma, number) for number, luma in enumerate(lumas)]


def units_of(film: list[Frame]) -> list[Unit]:
    planned = plan_units(film, Unit(0, after_cut=True), LENGTHS)
    return [unit for unit in dict.fromkeys(each.unit for each in planned) if unit is not None]


def run(film: list[Frame], start: Unit, before: Unit | None) -> list[tuple[ChromaFrame, Unit]]:
    """From a unit to the film's end, by a network that minds the company in which it sees a frame."""
    first = batched_context(start, before, LENGTHS.context, BATCH) if before else start.first
    lead = (Planned(frame, None, None) for frame in film[first : start.first])
    planned = chain(lead, plan_units(film[start.first :], start, LENGTHS))

    def network() -> Iterator[tuple[ChromaFrame, Unit | None]]:
        for batch in batches_by_unit(planned, BATCH):
            company = np.float32(len(batch) + batch[0].frame.number * 0.01)
            for frame, unit, starts_shot in batch:
                chroma = np.stack([frame.luma[::4, ::4] * 0.03 * company, -frame.luma[::4, ::4] * 0.01 * company])
                chroma = chroma.astype(np.float32)
                yield ChromaFrame(luma=frame.luma, chroma=chroma, payload=frame, starts_shot=starts_shot), unit

    return list(smooth_units(network(), Strength.LIGHT, LENGTHS.context))


def test_borders_are_the_same_from_any_border_on(film: list[Frame]) -> None:
    units = units_of(film)
    assert {unit.after_cut for unit in units} == {True, False}
    assert len(units) >= 5
    planned = [(each.unit, each.starts_shot) for each in plan_units(film, units[0], LENGTHS)]
    for unit in units:
        again = plan_units(film[unit.first :], unit, LENGTHS)
        assert [(each.unit, each.starts_shot) for each in again] == planned[unit.first :]


def test_each_shot_is_said_to_start_once(film: list[Frame]) -> None:
    """So the temporal pass need not look again; a stretch starts no shot."""
    planned = plan_units(film, Unit(0, after_cut=True), LENGTHS)
    starts = [each.frame.number for each in planned if each.starts_shot]
    assert starts == list(accumulate(SHOTS[:-1], initial=0))


def test_lengths_are_bounded(film: list[Frame]) -> None:
    starts = [unit.first for unit in units_of(film)]
    assert all(after - before <= LENGTHS.longest for before, after in pairwise(starts))
    with pytest.raises(ValueError, match="units"):
        UnitLengths(shortest=10, longest=5)


def test_chroma_is_the_same_to_the_bit_from_any_border_on(film: list[Frame]) -> None:
    units = units_of(film)
    whole = run(film, units[0], None)
    assert [frame.payload.number for frame, _ in whole] == list(range(len(film)))
    for before, unit in pairwise(units):
        part = run(film, unit, before)
        for (frame, its_unit), (other, other_unit) in zip(part, whole[unit.first :], strict=True):
            assert (frame.payload.number, its_unit) == (other.payload.number, other_unit)
            assert np.array_equal(frame.chroma, other.chroma)


def test_a_stretch_is_joined_to_the_one_before_by_its_context(film: list[Frame]) -> None:
    """Without context, the frames at a border within a shot come out otherwise."""
    units = units_of(film)
    stretch = next(unit for unit in units if not unit.after_cut)
    whole = {frame.payload.number: frame.chroma for frame, _ in run(film, units[0], None)}
    alone = run(film, Unit(stretch.first, after_cut=True), None)
    assert not np.array_equal(alone[0][0].chroma, whole[stretch.first])
