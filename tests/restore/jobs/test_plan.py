"""One plan for films, photos and thermal files: what is read, where results go, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from restore.errors import InputError, OutputError
from restore.jobs import names
from restore.jobs.names import folded
from restore.jobs.plan import FILMS, PHOTOS, THERMAL, Family, Plan, make_plan

FAMILIES = {"films": (FILMS, ".mkv"), "photos": (PHOTOS, ".png"), "thermal": (THERMAL, ".png")}

each_family = pytest.mark.parametrize(("family", "suffix"), FAMILIES.values(), ids=FAMILIES)


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def outputs(plan: Plan, suffix: str) -> list[str]:
    assert plan.out is not None
    named = [plan.named(target, suffix) if plan.family.named_late else target for target in plan.targets]
    return [target.output.relative_to(plan.out).as_posix() for target in named]


@each_family
def test_a_tree_is_mirrored(tmp_path: Path, family: Family, suffix: str) -> None:
    source = write(tmp_path / "in", f"b{suffix}", f"a/c{suffix}", f".hidden{suffix}", "a/notes.txt")
    plan = make_plan(family, [source], tmp_path / "out")
    assert outputs(plan, suffix) == [f"b{suffix}", f"a/c{suffix}"]
    assert (plan.ignored, plan.failed, plan.warnings) == (1, [], [])


@each_family
def test_of_several_folders_each_has_its_own(tmp_path: Path, family: Family, suffix: str) -> None:
    for name in ("x", "y"):
        write(tmp_path / name, f"a{suffix}")
    plan = make_plan(family, [tmp_path / "x", tmp_path / "y", tmp_path / "x" / f"a{suffix}"], tmp_path / "out")
    assert outputs(plan, suffix) == [f"x/a{suffix}", f"y/a{suffix}"]


@each_family
def test_results_in_the_source_s_own_folder_are_not_read(tmp_path: Path, family: Family, suffix: str) -> None:
    source = write(tmp_path, f"a{suffix}", f"out/a{suffix}")
    assert outputs(make_plan(family, [source], tmp_path / "out"), suffix) == [f"a{suffix}"]


@each_family
def test_an_unreadable_folder_is_reported(
    tmp_path: Path, family: Family, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "in", f"a{suffix}", f"locked/b{suffix}")
    real = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    plan = make_plan(family, [source], tmp_path / "out")
    assert plan.failed == [(source / "locked", "the folder cannot be read: Permission denied")]
    assert outputs(plan, suffix) == [f"a{suffix}"]


@each_family
def test_what_is_missing_fails_alone(tmp_path: Path, family: Family, suffix: str) -> None:
    write(tmp_path, f"a{suffix}")
    plan = make_plan(family, [tmp_path / f"a{suffix}", tmp_path / "none"], tmp_path / "out")
    assert plan.failed == [(tmp_path / "none", "there is no such file or folder")]
    assert len(plan.targets) == 1


@each_family
def test_refusals(tmp_path: Path, family: Family, suffix: str) -> None:
    write(tmp_path, f"a{suffix}", f"b{suffix}", "empty/notes.txt", "file")
    cases: list[tuple[type[Exception], str, list[Path], Path]] = [
        (InputError, "give at least one", [], tmp_path / "out"),
        (InputError, "there is no such file", [tmp_path / "none"], tmp_path / "out"),
        (InputError, "holds no .*; files of other kinds: 1", [tmp_path / "empty"], tmp_path / "out"),
        (OutputError, "is a file; give a folder", [tmp_path / f"a{suffix}"], tmp_path / "file"),
    ]
    for kind, message, inputs, out in cases:
        with pytest.raises(kind, match=message):
            make_plan(family, inputs, out)


@each_family
def test_one_file_holds_one_result(tmp_path: Path, family: Family, suffix: str) -> None:
    single = ".tar" if family is PHOTOS else suffix
    write(tmp_path, f"a{single}", f"b{single}")
    plan = make_plan(family, [tmp_path / f"a{single}"], tmp_path / f"out{single}")
    assert plan.single
    assert [target.output for target in plan.targets] == [tmp_path / f"out{single}"]
    for inputs in ([tmp_path / f"a{single}", tmp_path / f"b{single}"], [tmp_path]):
        with pytest.raises(OutputError, match="one"):
            make_plan(family, inputs, tmp_path / f"out{single}")


@each_family
def test_no_input_is_replaced(tmp_path: Path, family: Family, suffix: str) -> None:
    write(tmp_path, f"a{suffix}")

    def name() -> None:
        plan = make_plan(family, [tmp_path / f"a{suffix}"], tmp_path)
        plan.named(plan.targets[0], suffix)

    with pytest.raises(OutputError, match="one of the inputs"):
        name()


def test_a_late_name_does_not_replace_another_input(tmp_path: Path) -> None:
    """``a.jpg`` would be written over ``a.png``, which is one of the inputs too."""
    write(tmp_path, "a.jpg", "a.png")
    plan = make_plan(THERMAL, [tmp_path / "a.jpg", tmp_path / "a.png"], tmp_path)
    with pytest.raises(OutputError, match="one of the inputs"):
        plan.named(plan.targets[0], ".png")


def test_films_without_an_output_lie_beside_their_sources(tmp_path: Path) -> None:
    write(tmp_path, "a.avi", "a.mpg", "b/a.avi")
    plan = make_plan(FILMS, [tmp_path / name for name in ("a.avi", "a.mpg", "b/a.avi")], None)
    places = [plan.named(target, ".mkv").output.relative_to(tmp_path).as_posix() for target in plan.targets]
    assert places == ["a.colour.mkv", "a.mpg.colour.mkv", "b/a.colour.mkv"]
    with pytest.raises(OutputError, match="is a folder; give a folder for the results"):
        make_plan(FILMS, [tmp_path], None)


def test_a_taken_name_gives_way_and_a_third_is_refused(tmp_path: Path) -> None:
    for folder, name in (("1", "a.jpg"), ("1", "a.tiff"), ("2", "a.jpg"), ("3", "a.jpg")):
        write(tmp_path / folder, name)
    inputs = [tmp_path / name for name in ("1/a.jpg", "1/a.tiff", "2/a.jpg", "3/a.jpg")]
    plan = make_plan(THERMAL, inputs, tmp_path / "out")
    assert [plan.named(target, ".png").output.name for target in plan.targets[:3]] == [
        "a.png",
        "a.tiff.png",
        "a.jpg.png",
    ]
    with pytest.raises(OutputError, match=r"its result would replace that of .*a\.jpg; colour it into another folder"):
        plan.named(plan.targets[3], ".png")


@pytest.mark.parametrize("family", [THERMAL, FILMS], ids=["thermal", "films"])
def test_names_that_a_disk_takes_for_one_give_way_too(
    tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike: Callable[[Path, str, str], bool] = lambda _, first, second: folded(first) == folded(second)  # noqa: E731
    monkeypatch.setattr(names, "are_one_name", alike)
    files = ("Roof.jpg", "roof.tiff", "Café.png", "Cafe\N{COMBINING ACUTE ACCENT}.tif")
    write(tmp_path, *files)
    plan = make_plan(family, [tmp_path / name for name in files], tmp_path / "out")
    assert [plan.named(target, ".new").output.name for target in plan.targets] == [
        "Roof.new",
        "roof.tiff.new",
        "Café.new",
        "Cafe\N{COMBINING ACUTE ACCENT}.tif.new",
    ]
