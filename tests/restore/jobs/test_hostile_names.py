"""Whatever inputs are called, results stay in the output folder, and names are neither lost nor mixed up."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

from restore.errors import OutputError
from restore.jobs.photos import colorize_photos
from restore.jobs.plan import PHOTOS, Target, make_plan
from restore.jobs.report import Report
from tests.media import picture
from tests.painters import BROWN
from tests.tools import missing, photo_options

STRANGE = (
    "line\nbreak.png",
    "tab\tbell\a.png",
    "\x1b[31mred.png",
    "-rf.png",
    "~.png",
    "$(reboot).png",
    "a;b&c|d.png",
    "..png",
    "...png",
    "con.png",
    "space .png",
    "caf\udce9.png",  # bytes that are no UTF-8
    "\u202egnp.exe.png",  # shown from right to left
    "x" * 251 + ".png",
    "%s%n{0}.png",
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")


def colour(inputs: list[Path], out: Path) -> Report:
    return colorize_photos(inputs, out, model=BROWN)


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_strange_names_come_out_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shown = [name for name in STRANGE if not name.startswith(".")]
    for name in STRANGE:
        (tmp_path / "in" / name).write_bytes(picture("PNG"))
    report = colour([tmp_path / "in"], tmp_path / "out")
    assert report.failed == []
    assert everything_in(tmp_path / "out") == {*shown, "rechroma-report.json"}
    assert len(report.files) == len(shown)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_paths_with_dots_do_not_lead_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for place in (tmp_path / "top.png", inner / "deep.png"):
        place.write_bytes(picture("PNG"))
    monkeypatch.chdir(inner)
    inputs = [Path("..") / ".." / "top.png", Path(), Path("..") / "b", inner / ".." / "b" / "deep.png", Path("..")]
    out = tmp_path / "out"
    for job in make_plan(PHOTOS, inputs, out).targets:
        assert Path(os.path.normpath(job.output)).is_relative_to(out)
        assert ".." not in job.output.relative_to(out).parts
    colour(inputs, out)
    assert "top.png" in everything_in(out)
    assert everything_in(tmp_path / "a") == {"b/deep.png"}


def test_links_are_read_and_never_written_through(tmp_path: Path) -> None:
    """A link to a picture gives a picture under the link's name; links to folders are not followed."""
    for name in ("elsewhere/one.png", "elsewhere/two.png", "in/plain.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture("PNG"))
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "elsewhere" / "one.png")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    before = (tmp_path / "elsewhere" / "one.png").read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    (out / "plain.png").symlink_to(tmp_path / "elsewhere" / "two.png")
    report = colorize_photos([tmp_path / "in"], out, model=BROWN)
    assert everything_in(out) == {"link.png", "plain.png", "rechroma-report.json"}
    assert [path.name for path, _ in report.failed] == ["dangling.png"]
    assert (tmp_path / "elsewhere" / "one.png").read_bytes() == before
    assert (tmp_path / "elsewhere" / "two.png").read_bytes() == picture("PNG")
    assert not (out / "link.png").is_symlink()
    colorize_photos([tmp_path / "in"], out, model=BROWN, options=photo_options(overwrite=True))
    assert not (out / "plain.png").is_symlink()
    assert (tmp_path / "elsewhere" / "two.png").read_bytes() == picture("PNG")


def test_a_link_in_the_output_back_to_the_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(picture("PNG"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "in" / "a.png")
    with pytest.raises(OutputError, match="one of the inputs"):
        colour([tmp_path / "in"], tmp_path / "out")


def test_names_that_differ_by_case_alone_do_not_replace_each_other(tmp_path: Path) -> None:
    """On a disk that tells them apart both come out; plan and disk never disagree on what is where."""
    (tmp_path / "in").mkdir()
    for name in ("a.png", "A.PNG", "b.gif", "B.png"):
        (tmp_path / "in" / name).write_bytes(picture("GIF" if name.endswith("gif") else "PNG", seed=len(name)))
    if len(list((tmp_path / "in").iterdir())) < 4:
        missing("this disk does not tell cases apart")
    report = colour([tmp_path / "in"], tmp_path / "out")
    assert len(report.written) == 4
    assert everything_in(tmp_path / "out") == {"a.png", "A.PNG", "b.png", "B.png", "rechroma-report.json"}


MEMBERS = (
    "../up.png",
    "/etc/absolute.png",
    "a/../../b.png",
    "./c.png",
    "line\nbreak.png",
    "d.png",
    "d.png",
    "\\e.png",
)
OTHERS = {"link.png": tarfile.SYMTYPE, "hard.png": tarfile.LNKTYPE, "device.png": tarfile.CHRTYPE}


def test_a_tar_s_names_are_copied_and_never_used(tmp_path: Path) -> None:
    """Members keep their names, also hostile ones, which whoever unpacks the tar must refuse; nothing is unpacked."""
    source = tmp_path / "in" / "shard.tar"
    source.parent.mkdir()
    with tarfile.open(source, "w") as tar:
        for number, name in enumerate(MEMBERS):
            header = tarfile.TarInfo(name)
            content = picture("PNG", seed=number)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
        for name, kind in OTHERS.items():
            header = tarfile.TarInfo(name)
            header.type, header.linkname = kind, "/etc/passwd"
            tar.addfile(header)
    report = colour([tmp_path / "in"], tmp_path / "out")
    assert report.frames == len(MEMBERS)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
    assert everything_in(tmp_path / "out") == {"shard.tar", "rechroma-report.json"}
    with tarfile.open(tmp_path / "out" / "shard.tar") as tar:
        found = [(member.name, member.type, member.linkname) for member in tar]
    assert [name for name, _, _ in found] == [*MEMBERS, *OTHERS]
    assert found[-3][1:] == (tarfile.SYMTYPE, "/etc/passwd")


def test_no_place_is_given_twice(tmp_path: Path) -> None:
    """Renamed formats, doubles and folders of the same name: every result has a place of its own."""
    for folder in ("x/same", "y/same"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("a.png", "a.gif", "a.gif.png", "b.pgm", "b.ppm"):
            (tmp_path / folder / name).write_bytes(b"")
    jobs: list[Target] = make_plan(PHOTOS, [tmp_path / "x" / "same", tmp_path / "y" / "same"], tmp_path / "out").targets
    places = [job.output for job in jobs]
    assert len(set(places)) == len(places)
