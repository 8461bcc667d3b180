"""Which frames go to whom: every unit once, with what it sees of its neighbours, and films decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from restore.errors import DamagedMediaError
from restore.frames import Frame, Role, Unit
from restore.jobs.film_maker import FilmReader
from restore.jobs.film_units import PlannedUnit, Reach, Stretch, plan_stretches, plan_units
from restore.media.film.source import FilmSource
from restore.options import UnitLengths
from tests.media import write_shots

REACH = Reach(context=4, look_ahead=5, whole_shots=False)
SHOTS = Reach(context=4, look_ahead=5, whole_shots=True)
LENGTHS = UnitLengths(shortest=2, longest=9, context=4)


def film(*parts: tuple[int, str]) -> list[PlannedUnit]:
    """Returns units by their lengths and what comes after each."""
    units: list[PlannedUnit] = []
    for frames, ends in parts:
        first = units[-1].end if units else 0
        after_cut = not units or units[-1].ends == "cut"
        units.append(PlannedUnit(first, frames, after_cut, ends, (first,) if after_cut else ()))
    return units


FILM = film((6, "cut"), (9, "stretch"), (3, "stretch"), (9, "cut"), (7, "stretch"), (2, "film"))


def frames(first: int, end: int) -> Iterator[Frame]:
    """Yields frames as they come from the decoder."""
    luma = np.zeros((8, 8), np.float32)
    for index in range(first, end):
        yield Frame(picture=None, guide=luma, luma=luma, index=index)


def marked(index: int, unit: Unit | None, starts_shot: bool | None) -> Frame:
    luma = np.zeros((8, 8), np.float32)
    return Frame(picture=None, guide=luma, luma=luma, index=index, unit=unit, starts_shot=starts_shot)


def marks(some: Iterator[Frame]) -> list[tuple[int, Unit | None, bool | None]]:
    return [(frame.index, frame.unit, frame.starts_shot) for frame in some]


def stretches_of(units: list[PlannedUnit], reach: Reach, finished: tuple[int, ...] = ()) -> list[Stretch]:
    return list(plan_stretches(iter(units), reach, lambda unit: unit.first not in finished))


def written_by(stretch: Stretch) -> list[int]:
    return sorted(stretch.written or ())


# Plans


def test_a_plan_says_all_that_was_found() -> None:
    units = [Unit(0, after_cut=True), Unit(3, after_cut=True), Unit(5, after_cut=False)]
    starts = [True, False, True, True, False, False, False]
    owners = [units[0]] * 3 + [units[1]] * 2 + [units[2]] * 2
    found = [marked(index, unit, cut) for index, (unit, cut) in enumerate(zip(owners, starts, strict=True))]
    planned = list(plan_units(found))
    assert [(unit.first, unit.frames, unit.ends, unit.cuts) for unit in planned] == [
        (0, 3, "cut", (0, 2)),
        (3, 2, "stretch", (3,)),
        (5, 2, "film", ()),
    ]
    stretch = Stretch(0, units[0], 0, tuple(planned))
    assert marks(stretch.mark(frames(0, 7), LENGTHS)) == marks(iter(found))


def test_where_nobody_looked_nobody_says() -> None:
    found = [marked(index, Unit(0, after_cut=True), None) for index in range(3)]
    (unit,) = plan_units(found)
    assert unit.cuts is None
    assert marks(Stretch(0, unit.unit, 0, (unit,)).mark(frames(0, 3), LENGTHS)) == marks(iter(found))


def test_a_unit_is_known_with_the_first_frame_after_it() -> None:
    def some() -> Iterator[Frame]:
        for index in range(4):
            yield marked(index, Unit(index // 3 * 3, after_cut=True), False)
        raise AssertionError("read too far")

    assert next(plan_units(some())).first == 0


def test_each_unit_sees_its_neighbours_where_no_cut_is() -> None:
    stretches = stretches_of(FILM, REACH)
    assert [written_by(stretch) for stretch in stretches] == [[unit.first] for unit in FILM]
    assert [(stretch.first_read, stretch.start.first, stretch.end) for stretch in stretches] == [
        (0, 0, 6),
        (6, 6, 15 + 3 + 2),  # a unit of three frames, and two of the next one
        (15 - 4, 15, 18 + 5),
        (18 - 4, 18, 27),  # context may reach beyond the unit before
        (27, 27, 34 + 2),  # no more is there
        (34 - 4, 34, 36),
    ]


def test_what_the_next_stretch_reads_is_cached() -> None:
    for stretch, following in pairwise(stretches_of(FILM, REACH)):
        assert stretch.keep_from == following.first_read


def test_only_what_is_missing_is_made() -> None:
    stretches = stretches_of(FILM, REACH, finished=(0, 6, 18, 27))
    assert [(written_by(stretch), stretch.first_read) for stretch in stretches] == [([15], 11), ([34], 30)]


def test_a_shot_that_is_painted_from_its_start_is_one_stretch() -> None:
    stretches = stretches_of(FILM, SHOTS)
    assert [written_by(stretch) for stretch in stretches] == [[0], [6, 15, 18], [27, 34]]
    assert [(stretch.first_read, stretch.end) for stretch in stretches] == [(0, 6), (6, 27), (27, 36)]
    (stretch,) = stretches_of(FILM, SHOTS, finished=(0, 6, 18, 27, 34))
    assert (written_by(stretch), stretch.first_read, stretch.start.first) == ([15], 6, 6)
    assert (stretch.first_written, stretch.end) == (15, 18 + 5)


def test_a_stretch_is_given_as_soon_as_it_is_known() -> None:
    def units() -> Iterator[PlannedUnit]:
        yield from FILM[:4]
        raise AssertionError("read too far")

    assert len(list(islice(plan_stretches(units(), REACH, lambda _: True), 3))) == 3


# Marks


@pytest.mark.parametrize("reach", [REACH, SHOTS])
@pytest.mark.parametrize("finished", [(), (0, 6, 18, 27), (6, 34)])
def test_every_missing_frame_is_written_once_and_by_its_unit(reach: Reach, finished: tuple[int, ...]) -> None:
    expected = [
        (index, unit.unit) for unit in FILM if unit.first not in finished for index in range(unit.first, unit.end)
    ]
    written = []
    for stretch in stretches_of(FILM, reach, finished):
        assert stretch.end is not None
        some = list(stretch.mark(frames(stretch.first_read, stretch.end), LENGTHS))
        assert [frame.index for frame in some] == list(range(stretch.first_read, stretch.end))
        written += [(frame.index, frame.unit) for frame in some if frame.role is Role.WRITTEN]
    assert written == expected


def test_frames_before_the_context_only_lead() -> None:
    """They are followed by a painter that sees a shot from its start, and not painted."""
    (stretch,) = stretches_of(FILM, SHOTS, finished=(0, 6, 18, 27, 34))
    roles = {frame.index: frame.role for frame in stretch.mark(frames(6, 23), LENGTHS)}
    assert [index for index, role in roles.items() if role is Role.LEAD] == list(range(6, 11))
    assert [index for index, role in roles.items() if role is Role.CONTEXT] == [*range(11, 15), *range(18, 23)]
    assert [index for index, role in roles.items() if role is Role.WRITTEN] == list(range(15, 18))


def test_a_film_without_a_plan_is_written_from_the_first_unit_that_is_missing() -> None:
    """The units before it lead there: they are found again, and the last frames of them are context."""
    stretch = Stretch(first_read=0, start=Unit(0, after_cut=True), first_written=18)
    found = list(stretch.mark(frames(0, 25), LENGTHS, look_for_cuts=False))
    assert [frame.unit for frame in found] == [Unit(index // 9 * 9, after_cut=True) for index in range(25)]
    assert [frame.role for frame in found] == [Role.LEAD] * 14 + [Role.CONTEXT] * 4 + [Role.WRITTEN] * 7


# Reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_shots(tmp_path / "film.mkv", (36,))


def test_stretches_in_order_decode_a_film_once(path: Path) -> None:
    decoded: list[int] = []

    class Watched(FilmSource):
        def frames(self):  # type: ignore[no-untyped-def]
            for frame in super().frames():
                decoded.append(frame.index)
                yield frame

    reader = FilmReader(lambda: Watched(path))
    for stretch in stretches_of(FILM, REACH):
        assert stretch.end is not None
        read = list(reader.frames(stretch.first_read, stretch.end, keep_from=stretch.keep_from))
        assert [frame.index for frame in read] == list(range(stretch.first_read, stretch.end))
        assert all(frame.index >= stretch.keep_from for frame in reader.cached)
    assert decoded == list(range(36))
    assert reader.times_opened == 1
    reader.close()


def test_every_second_stretch_is_read_forward_too(path: Path) -> None:
    reader = FilmReader(lambda: FilmSource(path))
    for stretch in stretches_of(FILM, REACH)[::2]:
        assert stretch.end is not None
        read = list(reader.frames(stretch.first_read, stretch.end, keep_from=stretch.keep_from))
        assert [frame.index for frame in read] == list(range(stretch.first_read, stretch.end))
    assert reader.times_opened == 1
    reader.close()


def test_a_stretch_from_before_begins_again(path: Path) -> None:
    reader = FilmReader(lambda: FilmSource(path))
    first = [frame.luma_codes().copy() for frame in reader.frames(20, 24, keep_from=24)]
    list(reader.frames(24, 30, keep_from=30))
    again = [frame.luma_codes() for frame in reader.frames(20, 24, keep_from=24)]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert reader.times_opened == 2
    reader.close()


def test_what_is_left_in_the_middle_resumes_there(path: Path) -> None:
    reader = FilmReader(lambda: FilmSource(path))
    some = reader.frames(0, 10, keep_from=4)
    assert [frame.index for frame in islice(some, 6)] == list(range(6))
    some.close()  # type: ignore[attr-defined]
    assert [frame.index for frame in reader.frames(4, 12, keep_from=12)] == list(range(4, 12))
    assert reader.times_opened == 1
    reader.close()


def test_after_a_failure_the_film_is_opened_again(path: Path) -> None:
    class Broken(FilmSource):
        def frames(self):  # type: ignore[no-untyped-def]
            yield from islice(super().frames(), 3)
            raise DamagedMediaError("gone")

    films = iter([Broken, FilmSource])
    reader = FilmReader(lambda: next(films)(path))
    with pytest.raises(DamagedMediaError):
        list(reader.frames(0, 8, keep_from=8))
    assert [frame.index for frame in reader.frames(0, 8, keep_from=8)] == list(range(8))
    reader.close()
