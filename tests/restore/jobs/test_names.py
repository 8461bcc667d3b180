"""Names that some disks take for one: no result replaces another, and none an input."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from restore.errors import OutputError
from restore.jobs import names as photo_places
from restore.jobs.names import FileSet, TakenNames, are_one_name, folded
from restore.jobs.photos import colorize_photos
from restore.jobs.plan import PHOTOS, Plan, make_plan, with_variants
from restore.jobs.report import Report
from tests.media import picture
from tests.painters import TopIsBlue
from tests.tools import files_in, photo_options

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "caf\u00e9.png") for form in ("NFC", "NFD"))


@pytest.fixture
def disk_that_ignores(monkeypatch: pytest.MonkeyPatch) -> None:
    """What capitals and accents are made of."""
    monkeypatch.setattr(photo_places, "are_one_name", lambda _, first, second: folded(first) == folded(second))


def write(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture("PNG", seed=seed))
    return folder


def run(source: Path, out: Path, **options: Any) -> Report:
    return colorize_photos([source], out, model=TopIsBlue(), options=photo_options(**options))


def places(plan: Plan, out: Path) -> list[str]:
    return [job.output.relative_to(out).as_posix() for job in plan.targets]


@pytest.mark.parametrize(
    ("first", "second"),
    [("A.png", "a.png"), ("B/a.png", "b/A.png"), (COMPOSED, DECOMPOSED), ("\u00c9.png", "e\u0301.png")],
)
def test_names_alike(tmp_path: Path, first: str, second: str, request: pytest.FixtureRequest) -> None:
    """Both are written where the disk tells them apart, as that of this test does; else the second fails by name."""
    source, out = write(tmp_path / "in", first, second), tmp_path / "out"
    plan = make_plan(PHOTOS, [source], out)
    assert sorted(places(plan, out)) == sorted([first, second])
    assert plan.failed == []
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    request.getfixturevalue("disk_that_ignores")
    report = run(source, out)
    assert len(report.written) == len(files_in(out)) == 1
    [(failed, reason)] = report.failed
    done = report.written[0].relative_to(out)
    assert {done.as_posix(), failed.relative_to(source).as_posix()} == {first, second}
    assert reason == f"its result would replace that of {source / done}; colour it into another folder"


@pytest.mark.usefixtures("disk_that_ignores")
def test_a_renamed_result_gives_way(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "A.PNG", "a.gif")
    assert places(make_plan(PHOTOS, [source], tmp_path / "out"), tmp_path / "out") == ["A.PNG", "a.gif.png"]


@pytest.mark.usefixtures("disk_that_ignores")
def test_sheets_of_names_alike(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "A.png", "a.tif")
    plan = with_variants(make_plan(PHOTOS, [source], tmp_path / "out"), range(7, 9))
    assert [job.sheet.name for job in plan.targets if job.sheet] == ["A.seeds-7-8.jpg", "a.tif.seeds-7-8.jpg"]


def test_the_disk_is_asked(tmp_path: Path) -> None:
    (tmp_path / "Probe").touch()
    ignores_case = (tmp_path / "probe").exists()
    assert are_one_name(tmp_path / "not" / "there", "A", "a") == ignores_case
    assert not are_one_name(tmp_path, "a", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["Probe"]


def test_a_disk_that_cannot_be_asked_takes_them_for_one(tmp_path: Path) -> None:
    assert are_one_name(tmp_path, "A" * 300, "a" * 300)


def test_the_disk_is_asked_only_where_names_are_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_places, "are_one_name", lambda *_: pytest.fail("asked"))
    taken = TakenNames(tmp_path)
    for name in ("a.png", "b/a.png", "a.jpg", "stra\u00dfe.png"):
        assert taken.holder(Path(name)) is None
        taken.take(Path(name), Path("in", name))
    assert taken.holder(Path("a.png")) == Path("in/a.png")


def test_an_input_under_another_name_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On such a disk PHOTOS is photos: with ``--overwrite``, originals would be gone."""
    source = write(tmp_path / "photos", "a.png")
    same = photo_places.is_same_file
    monkeypatch.setattr(photo_places, "is_same_file", lambda a, b: same(a.casefold(), b.casefold()))
    with pytest.raises(OutputError, match="one of the inputs"):
        run(source, tmp_path / "PHOTOS", overwrite=True)


def test_files_that_are_alike_are_not_the_same(tmp_path: Path) -> None:
    files = FileSet()
    files.add(write(tmp_path, "a.png") / "a.png")
    assert tmp_path / "." / "a.png" in files
    assert write(tmp_path, "b/a.png") / "b" / "a.png" not in files
    assert tmp_path / "missing.png" not in files
