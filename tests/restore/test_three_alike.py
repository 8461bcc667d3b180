"""What holds for films holds for photos and thermal files: one table of promises through which all three go.

Every promise is written as it shall be, for the command line. What one of the three does not keep yet is marked by
``shortfall`` with the reason; the mark is strict, so whoever makes it true has to remove it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from tests.media import noise_film, picture
from tests.restore.jobs.killer import Killer
from tests.restore.media.thermal.made import fff, scene
from tests.tools import files_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")

FRAMES = 16
PHOTOS = 6
REPORT = "rechroma-report.json"
KILLED = -9
FULL = 700  # bytes of the largest file, as on a full disk: less than any result


TOY = ("--device", "cpu", "--engine", "torch", "--precision", "fp32", "--threads", "1", "--working-size", "32")


@dataclass(frozen=True)
class Kind:
    """One of the three commands, with small things to colour."""

    command: str
    write: Callable[[Path, int], Path]
    """Writes the source with a number into a folder."""

    suffix: str
    """Of results."""

    options: tuple[str, ...]
    frames: int = FRAMES
    """Of one source."""

    def batch(self, folder: Path) -> list[Path]:
        """Writes three sources, one of them in a folder of its own."""
        return [self.write(place, number) for number, place in enumerate((folder, folder, folder / "deeper"))]

    def work(self, folder: Path) -> Path:
        """Writes what takes several steps, and returns the input of the command."""
        if self.frames > 1:
            return self.write(folder, 0)
        for number in range(PHOTOS):
            self.write(folder, number)
        return folder

    def target(self, folder: Path) -> Path:
        """Returns where the result of :meth:`work` goes: a file, or the folder itself."""
        return folder / f"out{self.suffix}" if self.frames > 1 else folder / "out"

    def steps(self) -> int:
        """Returns the length of :meth:`work` as progress counts it."""
        return self.frames if self.frames > 1 else PHOTOS


def write_film(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return noise_film(folder / f"{number}.mkv", FRAMES, seed=number, height=32, width=32)


def write_photo(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}.png"
    path.write_bytes(picture("PNG", (32, 32), number))
    return path


def write_recording(folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}.seq"
    records = (fff(scene(frame + number, 32, 32), milliseconds=100 * frame) for frame in range(FRAMES))
    path.write_bytes(b"".join(records))
    return path


KINDS = {
    "films": Kind("video", write_film, ".mkv", ("--codec", "ffv1")),
    "photos": Kind("photos", write_photo, ".png", (), frames=1),
    "thermal": Kind("thermal", write_recording, ".mkv", ("--codec", "ffv1")),
}


def shortfall(**reasons: str) -> pytest.MarkDecorator:
    """All three kinds; those of which a reason says why they do not keep the promise yet must fail."""
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(kind, marks=[pytest.mark.xfail(strict=True, reason=reasons[name])] if name in reasons else [])
            for name, kind in KINDS.items()
        ],
        ids=list(KINDS),
    )


every_kind = shortfall()


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    message: str

    @property
    def is_one_line(self) -> bool:
        return self.message.startswith("rechroma: ") and self.message.strip().count("\n") == 0


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def killer(toy_model: Path) -> Killer:
    return Killer("command", toy_model)


@pytest.fixture
def ask(killer: Killer, tmp_path: Path) -> Ask:
    """Runs a command, or colours by a kind's command and its toy options."""

    def run(kind: Kind | str, *arguments: object, **limits: int | str) -> Answer:
        messages = tmp_path / "messages"
        toy: tuple[object, ...] = (
            "--model",
            killer.model,
            "--device",
            "cpu",
            "--engine",
            "torch",
            "--precision",
            "fp32",
        )
        toy += ("--threads", "1", "--working-size", "32")
        words = (kind, *arguments) if isinstance(kind, str) else (kind.command, *arguments, *toy, *kind.options)
        code = killer.command(*words, messages=messages, **limits)
        return Answer(code, messages.read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="module")
def wholes() -> dict[str, dict[str, bytes]]:
    return {}


@pytest.fixture
def whole(ask: Ask, tmp_path: Path, wholes: dict[str, dict[str, bytes]]) -> Callable[[Kind], dict[str, bytes]]:
    """Gives the files that an uninterrupted run makes of a kind's work, without its report."""

    def contents(kind: Kind) -> dict[str, bytes]:
        if kind.command not in wholes:
            target = kind.target(tmp_path / "whole")
            target.parent.mkdir()
            assert ask(kind, kind.work(tmp_path / "source of whole"), "-o", target).code == 0
            wholes[kind.command] = results(target)
        return wholes[kind.command]

    return contents


def results(target: Path) -> dict[str, bytes]:
    """Returns the content of every result in a folder, or of the only one; hidden files are none."""
    if target.is_file():
        return {target.name: target.read_bytes()}
    names = [name for name in files_in(target) if not name.startswith(".")] if target.exists() else []
    return {name: (target / name).read_bytes() for name in names}


def report_of(target: Path) -> dict[str, Any]:
    path = target / REPORT if target.is_dir() else target.with_name(f"{target.name}.json")
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def status(capsys: pytest.CaptureFixture[str], target: Path) -> tuple[int, dict[str, Any], str]:
    """Returns the exit code, the facts and the error of ``rechroma status``."""
    from tests.tools import run

    code = run("status", target, "--json")
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if code == 0 else {}, shown.err


# What is written


@every_kind
def test_a_tree_is_mirrored(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    kind.batch(tmp_path / "in")
    assert ask(kind, tmp_path / "in", "-o", tmp_path / "out").code == 0
    assert files_in(tmp_path / "out") == [f"0{kind.suffix}", f"1{kind.suffix}", f"deeper/2{kind.suffix}"]
    assert (tmp_path / "out" / REPORT).is_file()


@every_kind
def test_finished_results_are_skipped_and_overwritten_when_asked(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    sources, out = kind.batch(tmp_path / "in"), tmp_path / "out"
    assert ask(kind, *sources[:2], "-o", out).code == 0
    first = out / f"0{kind.suffix}"
    made, content = first.stat().st_mtime_ns, first.read_bytes()
    answer = ask(kind, *sources, "-o", out)
    assert (answer.code, first.stat().st_mtime_ns) == (0, made)
    assert "1 coloured, 2 skipped, 0 failed" in answer.message
    first.write_bytes(b"mine")
    assert ask(kind, *sources, "-o", out).code == 0
    assert first.read_bytes() == b"mine"
    assert ask(kind, *sources, "-o", out, "--overwrite").code == 0
    assert first.read_bytes() == content


@every_kind
def test_a_bad_file_stops_no_other(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    sources, out = kind.batch(tmp_path / "in"), tmp_path / "out"
    sources[1].write_bytes(b"neither a film nor a picture")
    answer = ask(kind, tmp_path / "in", tmp_path / "absent", "-o", out)
    assert answer.code == 10
    assert "2 coloured, 0 skipped, 2 failed" in answer.message
    assert "Traceback" not in answer.message
    assert len(results(out)) == 2
    failed = {Path(entry["path"]).name: entry["reason"] for entry in report_of(out)["failed"]}
    assert set(failed) == {sources[1].name, "absent"}
    assert all(reason and "\n" not in reason for reason in failed.values())


MODEL_FACTS = {"name", "weights_sha256", "working_size", "device", "engine", "precision"}
REPORT_FACTS = {
    "program",
    "digital_source_type",
    "model",
    "options",
    "seconds",
    "versions",
    "files",
    "skipped",
    "failed",
}
FILE_FACTS = {"source", "source_sha256", "outputs", "decisions", "warnings"}


@every_kind
def test_reports_have_one_shape(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    target = kind.target(tmp_path)
    assert ask(kind, kind.work(tmp_path / "in"), "-o", target).code == 0
    report = report_of(target)
    assert report.keys() >= REPORT_FACTS
    assert report["model"].keys() >= MODEL_FACTS
    assert report["versions"].keys() >= {"python", "torch"}
    assert {name for entry in report["files"] for name in FILE_FACTS - entry.keys()} == set()
    assert len(report["files"]) == len(results(target))


@every_kind
def test_reports_say_that_colour_is_machine_made(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    target = kind.target(tmp_path)
    assert ask(kind, kind.work(tmp_path / "in"), "-o", target).code == 0
    assert report_of(target)["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")


@every_kind
def test_a_home_folder_is_expanded(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    """Of ``--output=~/x`` the shell leaves the tilde as it is."""
    target = kind.target(tmp_path / "home")
    target.parent.mkdir()
    answer = ask(kind, kind.work(tmp_path / "in"), f"--output=~/{target.name}", home=str(tmp_path / "home"))
    assert answer.code == 0
    assert results(target)
    assert not Path("~").exists()


# Killed and resumed


@every_kind
def test_killed_twice_and_resumed_to_the_same_bytes(
    kind: Kind, ask: Ask, whole: Callable[[Kind], dict[str, bytes]], tmp_path: Path
) -> None:
    source, target = kind.work(tmp_path / "in"), kind.target(tmp_path)
    expected = whole(kind)
    for _ in range(2):
        assert ask(kind, source, "-o", target, kill_at=1).code == KILLED
        assert results(target).items() <= expected.items()
    assert ask(kind, source, "-o", target).code == 0
    assert results(target) == expected
    assert not [
        path for path in tmp_path.rglob("*") if ".part" in path.name or "-job" in path.name or ".job" in path.name
    ]


@shortfall(photos="a picture is noted before it gets its name; killed between the two, it is coloured again")
def test_finished_work_is_not_done_again(
    kind: Kind, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target, done = kind.work(tmp_path / "in"), kind.target(tmp_path), [0]
    for _ in range(2):
        assert ask(kind, source, "-o", target, kill_at=1).code == KILLED
        done.append(status(capsys, target)[1]["done"])
    assert 0 < done[1] < done[2] < kind.steps()


@every_kind
def test_status_of_an_unfinished_job(kind: Kind, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = kind.target(tmp_path)
    assert ask(kind, kind.work(tmp_path / "in"), "-o", target, kill_at=1).code == KILLED
    code, facts, _ = status(capsys, target)
    assert code == 0
    assert (facts["running"], facts["complete"]) == (False, False)
    assert 0 < facts["done"] < facts["total"] == kind.steps()


@every_kind
def test_status_of_a_finished_result(kind: Kind, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = kind.target(tmp_path)
    assert ask(kind, kind.work(tmp_path / "in"), "-o", target).code == 0
    code, facts, _ = status(capsys, target)
    assert (code, facts["complete"], facts["running"]) == (0, True, False)


@every_kind
def test_status_where_no_job_is(kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = kind.work(tmp_path / "in")
    for place in (tmp_path / "absent", tmp_path / "in", source):
        code, _, error = status(capsys, place)
        assert code == 3
        assert "no job" in error


@every_kind
def test_status_of_a_killed_folder(kind: Kind, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind.batch(tmp_path / "in")
    assert ask(kind, tmp_path / "in", "-o", tmp_path / "out", kill_at=1).code == KILLED
    code, facts, _ = status(capsys, tmp_path / "out")
    assert (code, facts["complete"], facts["running"]) == (0, False, False)


@every_kind
def test_a_job_that_was_begun_otherwise_is_refused(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    source, target = kind.work(tmp_path / "in"), kind.target(tmp_path)
    assert ask(kind, source, "-o", target, kill_at=1).code == KILLED
    answer = ask(kind, source, "-o", target, "--saturation", "0.5")
    assert (answer.code, answer.is_one_line) == (2, True)
    assert "saturation" in answer.message
    assert ask(kind, source, "-o", target, "--saturation", "0.5", "--restart").code == 0


# What goes wrong


@every_kind
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--batch", "0"), 2),
        (("--batch", "-1"), 2),
        (("--threads", "0"), 2),
        (("--saturation", "nan"), 2),
        (("--upsampling", "nearest"), 2),
        (("--precision", "fp8"), 2),
        (("--engine", "tensorflow"), 2),
        (("--working-size", "8"), 2),
        (("--model", "deoldify"), 8),
        (("--device", "cuda:99"), 9),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options(kind: Kind, ask: Ask, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    source, target = kind.work(tmp_path / "in"), kind.target(tmp_path)
    answer = ask(Kind(kind.command, kind.write, kind.suffix, options), source, "-o", target)
    assert (answer.code, answer.is_one_line) == (code, True), answer.message
    assert not target.exists()
    assert not list(tmp_path.glob("*.job"))


@every_kind
def test_no_input(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "absent", tmp_path / "empty"):
        answer = ask(kind, source, "-o", tmp_path / "out")
        assert (answer.code, answer.is_one_line) == (3, True), answer.message
        assert not (tmp_path / "out").exists()


@every_kind
def test_outputs_that_cannot_be(kind: Kind, ask: Ask, tmp_path: Path) -> None:
    source = kind.work(tmp_path / "in")
    before = results(tmp_path / "in")
    (tmp_path / "file").write_bytes(b"a file")
    for target in (tmp_path / "file" / kind.target(tmp_path).name, source):
        answer = ask(kind, source, "-o", target, "--overwrite")
        assert (answer.code, answer.is_one_line) == (5, True), answer.message
    assert results(tmp_path / "in") == before


@every_kind
def test_a_full_disk(kind: Kind, ask: Ask, whole: Callable[[Kind], dict[str, bytes]], tmp_path: Path) -> None:
    """It stops the batch, leaves nothing half-written under a final name, and with more room all is as it would be."""
    source, target = kind.work(tmp_path / "in"), kind.target(tmp_path)
    expected = whole(kind)
    answer = ask(kind, source, "-o", target, largest_file=FULL)
    assert answer.code == 6, answer.message
    assert "make room" in answer.message
    assert "Traceback" not in answer.message
    assert results(target).items() <= expected.items()
    assert ask(kind, source, "-o", target).code == 0
    assert results(target) == expected


# Where it runs


@every_kind
def test_two_workers_make_the_same_bytes(
    kind: Kind, ask: Ask, whole: Callable[[Kind], dict[str, bytes]], tmp_path: Path
) -> None:
    target = kind.target(tmp_path)
    assert ask(kind, kind.work(tmp_path / "in"), "-o", target, "--jobs", "2").code == 0
    assert results(target) == whole(kind)


@every_kind
def test_progress_counts_frames_and_pictures(
    kind: Kind, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.progress import Progress

    from tests.tools import run

    steps: list[tuple[int, int | None]] = []

    def update(_: Progress, __: int, *, completed: int, total: int | None) -> None:
        steps.append((completed, total))

    monkeypatch.setattr(Progress, "update", update)
    words = ("-o", kind.target(tmp_path), "--model", toy_model, *TOY, *kind.options)
    assert run(kind.command, kind.work(tmp_path / "in"), *words) == 0
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (kind.steps(), kind.steps())


SHARED_OPTIONS = {
    "output", "overwrite", "restart", "model", "engine", "device", "precision", "batch", "threads", "working_size",
    "saturation", "upsampling", "seed", "temperature", "jobs", "cluster",
}  # fmt: skip


@every_kind
def test_commands_share_their_options(kind: Kind) -> None:
    from restore.cli.main import rechroma

    with click.Context(rechroma) as context:
        command = rechroma.get_command(context, kind.command)
    assert command is not None
    needless = {"seed", "temperature"} if kind.command == "thermal" else set()  # its models do not sample
    assert {parameter.name for parameter in command.params} >= SHARED_OPTIONS - needless
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    assert [argument.nargs for argument in arguments] == [-1]
