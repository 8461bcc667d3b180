"""Which frames go to whom: every unit once, with what it sees of its neighbours, and films decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from restore.errors import DamagedMediaError
from restore.jobs.film_plan import PlannedUnit, Reach, UnitsTask, film_tasks, planned_frames, planned_units
from restore.jobs.film_reader import FilmReader
from restore.jobs.film_units import Planned, Unit
from restore.media.film.source import FilmSource
from tests.media import write_shots

REACH = Reach(context=4, look_ahead=5, batch=4, whole_shots=False)
SHOTS = Reach(context=4, look_ahead=5, batch=4, whole_shots=True)


def film(*parts: tuple[int, str]) -> list[PlannedUnit]:
    """Units by their lengths and what comes behind each."""
    units: list[PlannedUnit] = []
    for frames, ends in parts:
        first = units[-1].end if units else 0
        after_cut = not units or units[-1].ends == "cut"
        units.append(PlannedUnit(first, frames, after_cut, ends, (first,) if after_cut else ()))
    return units


FILM = film((6, "cut"), (9, "stretch"), (3, "stretch"), (9, "cut"), (7, "stretch"), (2, "film"))


def tasks_of(units: list[PlannedUnit], reach: Reach, finished: tuple[int, ...] = ()) -> list[UnitsTask]:
    return list(film_tasks(iter(units), None, reach, lambda unit: unit.first not in finished))


def test_a_plan_says_all_that_was_found() -> None:
    units = [Unit(0, after_cut=True), Unit(3, after_cut=True), Unit(5, after_cut=False)]
    starts = [True, False, True, True, False, False, False]
    owners = [units[0]] * 3 + [units[1]] * 2 + [units[2]] * 2
    planned = [Planned(number, unit, cut) for number, (unit, cut) in enumerate(zip(owners, starts, strict=True))]
    found = list(planned_units(planned))
    assert [(unit.first, unit.frames, unit.ends, unit.cuts) for unit in found] == [
        (0, 3, "cut", (0, 2)),
        (3, 2, "stretch", (3,)),
        (5, 2, "film", ()),
    ]
    assert list(planned_frames(iter(range(7)), found)) == planned


def test_where_nobody_looked_nobody_says() -> None:
    planned = [Planned(number, Unit(0, after_cut=True), None) for number in range(3)]
    (unit,) = planned_units(planned)
    assert unit.cuts is None
    assert list(planned_frames(iter(range(3)), [unit])) == planned


def test_a_unit_is_known_with_the_first_frame_behind_it() -> None:
    def frames() -> Iterator[Planned[int]]:
        for number in range(4):
            yield Planned(number, Unit(number // 3 * 3, after_cut=True), False)
        raise AssertionError("read too far")

    assert next(planned_units(frames())).first == 0


def test_each_unit_sees_its_neighbours_where_no_cut_is() -> None:
    tasks = tasks_of(FILM, REACH)
    assert [task.wanted for task in tasks] == [(unit.first,) for unit in FILM]
    assert [(task.first_read, task.start, task.stop, task.end) for task in tasks] == [
        (0, 0, 6, 6),
        (6, 6, 15, 15 + 3 + 4),  # a unit of three frames, and a batch of the next one
        (6 + 4, 15, 18, 18 + 8),  # from the batch that holds the first frame of context; two batches ahead
        (15, 18, 27, 27),  # context ends at the unit before
        (27, 27, 34, 36),
        (27, 34, 36, 36),
    ]


def test_what_the_next_task_reads_is_kept() -> None:
    for task, behind in pairwise(tasks_of(FILM, REACH)):
        assert task.keep_from == behind.first_read


def test_only_what_is_missing_is_made() -> None:
    tasks = tasks_of(FILM, REACH, finished=(0, 6, 18, 27))
    assert [(task.wanted, task.first_read) for task in tasks] == [((15,), 10), ((34,), 27)]


def test_a_shot_that_is_painted_from_its_start_is_one_task() -> None:
    tasks = tasks_of(FILM, SHOTS)
    assert [task.wanted for task in tasks] == [(0,), (6, 15, 18), (27, 34)]
    assert [(task.first_read, task.end) for task in tasks] == [(0, 6), (6, 27), (27, 36)]
    (task,) = tasks_of(FILM, SHOTS, finished=(0, 6, 18, 27, 34))
    assert (task.wanted, task.first_read, task.start, task.stop, task.end) == ((15,), 6, 15, 18, 18 + 8)


def test_a_task_is_given_as_soon_as_it_is_known() -> None:
    def units() -> Iterator[PlannedUnit]:
        yield from FILM[:4]
        raise AssertionError("read too far")

    assert len(list(islice(film_tasks(units(), None, REACH, lambda _: True), 3))) == 3


# Reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_shots(tmp_path / "film.mkv", (36,))


def test_tasks_in_order_decode_a_film_once(path: Path) -> None:
    decoded: list[int] = []

    class Watched(FilmSource):
        def frames(self):  # type: ignore[no-untyped-def]
            for frame in super().frames():
                decoded.append(frame.index)
                yield frame

    reader = FilmReader(lambda: Watched(path))
    for task in tasks_of(FILM, REACH):
        frames = list(reader.frames(task.first_read, task.end, keep_from=task.keep_from))
        assert [frame.index for frame in frames] == list(range(task.first_read, task.end))
        assert all(frame.index >= task.keep_from for frame in reader.kept)
    assert decoded == list(range(36))
    assert reader.times_opened == 1
    reader.close()


def test_every_second_task_is_read_forward_too(path: Path) -> None:
    reader = FilmReader(lambda: FilmSource(path))
    for task in tasks_of(FILM, REACH)[::2]:
        frames = list(reader.frames(task.first_read, task.end, keep_from=task.keep_from))
        assert [frame.index for frame in frames] == list(range(task.first_read, task.end))
    assert reader.times_opened == 1
    reader.close()


def test_a_task_from_before_begins_again(path: Path) -> None:
    reader = FilmReader(lambda: FilmSource(path))
    first = [frame.luma_codes().copy() for frame in reader.frames(20, 24, keep_from=24)]
    list(reader.frames(24, 30, keep_from=30))
    again = [frame.luma_codes() for frame in reader.frames(20, 24, keep_from=24)]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert reader.times_opened == 2
    reader.close()


def test_what_is_left_in_the_middle_goes_on_from_there(path: Path) -> None:
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
