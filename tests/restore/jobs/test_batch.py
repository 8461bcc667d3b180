"""One run over any family of files, made by a maker that needs no network: skipping, resuming, failing, reporting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restore.errors import DiskError, InputError, OptionError, OutputError
from restore.jobs.batch import Batch, MadeFile, Steps, Task, Unit, failed_file
from restore.jobs.job import JOURNAL, Job, job_folder, read_journal
from restore.jobs.plan import FILMS, PHOTOS, THERMAL, Family, Plan, Target, make_plan
from restore.jobs.records import FileRecord, place_in, stamp_of
from restore.jobs.report import REPORT, Report, read_report
from restore.jobs.status import job_status
from restore.jobs.workers import Workers
from restore.media.files import temporary_path

FAMILIES = {"films": (FILMS, ".mkv"), "photos": (PHOTOS, ".png"), "thermal": (THERMAL, ".png")}
IDENTITY = {"model": {"name": "upper case"}, "options": {"look": 1}, "program": {"rechroma": "1"}}

each_family = pytest.mark.parametrize(("family", "suffix"), FAMILIES.values(), ids=FAMILIES)


class UpperCase:
    """Makes a file's letters large; what begins with ``bad`` is bad, and ``full`` is where the disk is full."""

    def __init__(self, plan: Plan, suffix: str) -> None:
        self.plan, self.suffix = plan, suffix
        self.opened: list[str] = []

    def name(self, target: Target, plan: Plan) -> Target:
        return plan.named(target, self.suffix) if plan.family.named_late else target

    def written(self, target: Target) -> list[Path]:
        return list(target.results)

    def count(self, target: Target) -> int:  # noqa: ARG002
        return 1

    def is_begun(self, target: Target) -> bool:  # noqa: ARG002
        return False

    def is_shared(self, target: Target) -> bool:
        return target.source.stem.startswith("long")

    def make(self, targets: Iterable[Target], steps: Steps) -> Generator[MadeFile, None, None]:  # noqa: ARG002
        for target in targets:
            self.opened.append(target.source.name)
            try:
                yield self.make_one(target)
            except InputError as error:
                if self.plan.family.named_late:
                    raise
                yield failed_file(target, self.out, error)

    @property
    def out(self) -> Path:
        return self.plan.out if self.plan.out is not None else Path()

    def make_one(self, target: Target) -> MadeFile:
        data = target.source.read_bytes()
        if data.startswith(b"bad"):
            raise InputError(f"{target.source} is bad")
        if data.startswith(b"full"):
            raise DiskError("the disk is full; make room")
        temporary = temporary_path(target.output)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data.upper())
        record = FileRecord(
            place_in(self.out, target.planned),
            str(target.source),
            stamp_of(target.source),
            hashlib.sha256(data).hexdigest(),
            {place_in(self.out, target.output): hashlib.sha256(data.upper()).hexdigest()},
            decisions=["large letters"],
        )
        return MadeFile(target, record, ((target.output, temporary),))

    def units(self, targets: Iterable[Target]) -> Iterator[Unit]:
        yield from ((target,) for target in targets)

    def task(self) -> Task:
        return InWorker(self)


class InWorker:
    def __init__(self, maker: UpperCase) -> None:
        self.maker = maker

    def prepare(self) -> None:
        pass

    def __call__(self, unit: Unit) -> list[MadeFile]:
        try:
            return [self.maker.make_one(target) for target in unit]
        except InputError as error:
            return [failed_file(unit[0], self.maker.out, error)]


class InThisProcess(Workers):
    """Workers that are none."""

    alone = False

    def run(self, task: Any, items: Iterable[Any], **_: Any) -> Generator[Any, None, None]:
        for unit in items:
            yield task(unit)


class Killed(BaseException):
    pass


def write(folder: Path, **contents: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def run(
    family: Family, suffix: str, inputs: list[Path], out: Path | None, *, kill_at: int | None = None, **options: Any
) -> Report:
    def progress(done: int, _: int | None) -> None:
        if done == kill_at:
            raise Killed

    plan = make_plan(family, inputs, out)
    maker = UpperCase(plan, suffix)
    shown = {"look": 1}
    return Batch(plan, maker, identity=IDENTITY, options=shown, progress=progress, **options).run()


def album(folder: Path, suffix: str) -> Path:
    names = {f"{name}{suffix.replace('.', '_')}": f"{name} text" for name in "abc"}
    return write(folder, **names, **{f"bad{suffix.replace('.', '_')}": "bad"})


def names(paths: Iterable[Path]) -> list[str]:
    return sorted(path.name for path in paths)


@each_family
@pytest.mark.parametrize("workers", [Workers(), InThisProcess(2)], ids=["here", "workers"])
def test_a_bad_file_fails_alone(tmp_path: Path, family: Family, suffix: str, workers: Workers) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    report = run(family, suffix, [source], out, workers=workers)
    assert names(report.written) == [f"{name}{suffix}" for name in "abc"]
    assert [path.name for path, _ in report.failed] == [f"bad{suffix}"]
    assert "bad" in report.failed[0][1]
    assert names(out.iterdir()) == [f"{name}{suffix}" for name in "abc"] + [REPORT]
    assert report.frames == 3


@each_family
def test_the_report_has_one_shape(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    run(family, suffix, [source], out)
    content = json.loads((out / REPORT).read_text())
    assert set(content) == {
        "program", "kind", "note", "digital_source_type", "versions", "model", "options", "counts", "ignored",
        "seconds", "files", "skipped", "failed", "warnings",
    }  # fmt: skip
    assert content["kind"] == family.name
    assert content["counts"] == {"files": 3, "frames": 3, "skipped": 0, "failed": 1}
    entry = content["files"][0]
    assert entry["source"] == str(source / f"a{suffix}")
    assert entry["source_sha256"] == hashlib.sha256(b"a text").hexdigest()
    assert entry["outputs"] == [
        {"path": str(out / f"a{suffix}"), "sha256": hashlib.sha256(b"A TEXT").hexdigest()},
    ]
    assert entry["decisions"] == ["large letters"]


@each_family
@pytest.mark.parametrize("kill_at", [1, 2, 3])
def test_a_killed_batch_is_resumed(tmp_path: Path, family: Family, suffix: str, kill_at: int) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    with pytest.raises(Killed):
        run(family, suffix, [source], out, kill_at=kill_at)
    status = job_status(out)
    assert (status.done, status.total, status.running, status.complete) == (kill_at, 4, False, False)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.is_file()}
    report = run(family, suffix, [source], out)
    assert len(report.skipped) + len(report.written) == 3
    assert all((out / name).stat().st_mtime_ns == time for name, time in before.items())
    assert not job_folder(out).exists()
    whole = run(family, suffix, [source], tmp_path / "whole")
    assert [sha256_of(entry) for entry in report.files] == [sha256_of(entry) for entry in whole.files]
    assert read_report(out / REPORT)["counts"] == read_report(tmp_path / "whole" / REPORT)["counts"]
    assert job_status(out).complete


def sha256_of(entry: dict[str, Any]) -> list[str]:
    return [output["sha256"] for output in entry["outputs"]]


@each_family
def test_a_second_run_skips_and_leaves_the_report(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    (source / f"bad{suffix}").unlink()
    run(family, suffix, [source], out)
    before = (out / REPORT).read_bytes()
    report = run(family, suffix, [source], out)
    assert (names(report.skipped), report.written) == ([f"{name}{suffix}" for name in "abc"], [])
    assert (out / REPORT).read_bytes() == before
    write(source, **{f"d{suffix.replace('.', '_')}": "more"})
    report = run(family, suffix, [source], out)
    assert names(report.written) == [f"d{suffix}"]
    assert read_report(out / REPORT)["counts"]["files"] == 4


@each_family
def test_overwriting_counts_nothing_twice(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    run(family, suffix, [source], out)
    report = run(family, suffix, [source], out, overwrite=True)
    assert len(report.written) == 3
    content = read_report(out / REPORT)
    assert content["counts"] == {"files": 3, "frames": 3, "skipped": 0, "failed": 1}


@each_family
def test_what_somebody_else_put_there_stays(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    write(out, **{f"b{suffix.replace('.', '_')}": "mine"})
    report = run(family, suffix, [source], out)
    assert report.skipped == [out / f"b{suffix}"]
    assert (out / f"b{suffix}").read_text() == "mine"
    assert read_report(out / REPORT)["skipped"] == [str(out / f"b{suffix}")]


@each_family
def test_a_changed_source_and_a_damaged_result_are_done_again(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    with pytest.raises(Killed):
        run(family, suffix, [source], out, kill_at=3)
    write(source, **{f"a{suffix.replace('.', '_')}": "another text"})
    write(out, **{f"b{suffix.replace('.', '_')}": "damaged"})
    run(family, suffix, [source], out)
    assert [(out / f"{name}{suffix}").read_text() for name in "abc"] == ["ANOTHER TEXT", "B TEXT", "C TEXT"]


@each_family
def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    write(source, **{f"b{suffix.replace('.', '_')}": "full"})
    with pytest.raises(DiskError, match="make room"):
        run(family, suffix, [source], out)
    assert names(path for path in out.iterdir() if path.is_file()) == [f"a{suffix}"]
    write(source, **{f"b{suffix.replace('.', '_')}": "b text"})
    run(family, suffix, [source], out)
    assert names(out.iterdir()) == [f"{name}{suffix}" for name in "abc"] + [REPORT]


@each_family
def test_other_options_are_refused_while_a_batch_is_unfinished(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    with pytest.raises(Killed):
        run(family, suffix, [source], out, kill_at=1)
    plan = make_plan(family, [source], out)
    identity = {**IDENTITY, "options": {"look": 2}}
    with pytest.raises(OptionError, match="look was 1, is 2"):
        Batch(plan, UpperCase(plan, suffix), identity=identity, options={}).run()
    other = next(other for other, _ in FAMILIES.values() if other is not family)
    with pytest.raises(OptionError, match=f"kind was {family.name}, is {other.name}"):
        Job(out, IDENTITY, kind=other.name)


@each_family
def test_results_of_another_look_say_so(tmp_path: Path, family: Family, suffix: str) -> None:
    source, out = album(tmp_path / "in", suffix), tmp_path / "out"
    run(family, suffix, [source / f"a{suffix}"], out)
    plan = make_plan(family, [source / f"b{suffix}"], out)
    Batch(plan, UpperCase(plan, suffix), identity=IDENTITY, options={"look": 2}).run()
    first, second = read_report(out / REPORT)["files"]
    assert first["made_with"]["options"] == {"look": 1}
    assert "made_with" not in second


@pytest.mark.parametrize("family", [FILMS, THERMAL], ids=["films", "thermal"])
def test_a_single_result_raises_what_is_wrong(tmp_path: Path, family: Family) -> None:
    source = album(tmp_path / "in", ".mkv")
    with pytest.raises(InputError, match="is bad"):
        run(family, ".mkv", [source / "bad.mkv"], tmp_path / "out.mkv")
    report = run(family, ".mkv", [source / "a.mkv"], tmp_path / "out.mkv")
    assert report.written == [tmp_path / "out.mkv"]
    assert names(tmp_path.iterdir()) == ["in", "out.mkv", "out.mkv.json"]
    assert read_report(tmp_path / "out.mkv.json")["counts"]["files"] == 1
    assert job_status(tmp_path / "out.mkv").complete
    with pytest.raises(OutputError, match="use `overwrite`"):
        run(family, ".mkv", [source / "a.mkv"], tmp_path / "out.mkv")
    assert run(family, ".mkv", [source / "b.mkv"], tmp_path / "out.mkv", overwrite=True).written
    assert [entry["source"] for entry in read_report(tmp_path / "out.mkv.json")["files"]] == [str(source / "b.mkv")]


def test_films_beside_their_sources(tmp_path: Path) -> None:
    source = album(tmp_path, ".mkv")
    report = run(FILMS, ".mkv", [source / f"{name}.mkv" for name in ("a", "bad", "b")], None)
    assert report.written == [tmp_path / "a.colour.mkv", tmp_path / "b.colour.mkv"]
    assert [path.name for path, _ in report.failed] == ["bad.mkv"]
    for name in ("a", "b"):
        (entry,) = read_report(tmp_path / f"{name}.colour.mkv.json")["files"]
        assert entry["source"] == str(source / f"{name}.mkv")
    with pytest.raises(OutputError, match="use `overwrite`"):
        run(FILMS, ".mkv", [source / "a.mkv"], None)


def test_files_that_all_workers_share_are_made_by_the_maker(tmp_path: Path) -> None:
    source = write(tmp_path / "in", a_png="a", long_png="long", b_png="b")
    plan = make_plan(THERMAL, [source], tmp_path / "out")
    maker = UpperCase(plan, ".png")
    report = Batch(plan, maker, identity=IDENTITY, options={}, workers=InThisProcess(2)).run()
    assert maker.opened == ["long.png"]
    assert names(report.written) == ["a.png", "b.png", "long.png"]


def test_names_that_were_given_stay_when_a_batch_is_resumed(tmp_path: Path) -> None:
    source = write(tmp_path / "in", a_jpg="first", a_tiff="second")
    (tmp_path / "out").mkdir()
    plan = make_plan(THERMAL, [source], tmp_path / "out")
    with Job(tmp_path / "out", IDENTITY, kind="thermal", hints={"files": 2}) as job:
        (target,) = [target for target in plan.targets if target.source.suffix == ".tiff"]
        plan.named(plan.targets[0], ".png")
        made = UpperCase(plan, ".png").make_one(plan.named(target, ".png"))
        job.add({"file": vars(made.record)})
        for result, temporary in made.unnamed:
            temporary.replace(result)
    run(THERMAL, ".png", [source], tmp_path / "out")
    assert (tmp_path / "out" / "a.png").read_text() == "FIRST"
    assert (tmp_path / "out" / "a.tiff.png").read_text() == "SECOND"


def test_every_result_has_a_line_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = album(tmp_path / "in", ".png"), tmp_path / "out"
    replace = Path.replace

    def replace_if_noted(path: Path, target: Path) -> Path:
        if target.suffix == ".png":
            entries = read_journal(job_folder(out) / JOURNAL).entries
            assert target.name in entries[-1]["file"]["outputs"]
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_if_noted)
    assert len(run(PHOTOS, ".png", [source], out).written) == 3


def test_steps_count_what_becomes_known() -> None:
    shown: list[tuple[int, int | None]] = []
    steps = Steps(lambda done, total: shown.append((done, total)), 3)
    first, second, third = (Target(Path(name), Path(name)) for name in "abc")
    steps.show(0)
    steps.finish(first)
    steps.within(second, 1, 10)
    steps.within(second, 10, 10)
    steps.finish(second, 10)
    steps.finish(third, 0)
    assert shown == [(0, 3), (1, 3), (2, 12), (11, 12), (12, 12)]
