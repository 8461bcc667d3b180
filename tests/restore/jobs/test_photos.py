"""Batches of photos: places, failures, resuming, tars, and never too much at a time."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from restore.errors import DiskError, InputError, OptionError, OutputError
from restore.jobs import photo_maker, photo_units
from restore.jobs.photos import colorize_photos
from restore.jobs.plan import PHOTOS, make_plan
from restore.jobs.report import Report
from restore.media.photo.reading import read_bytes
from restore.verify.photo import verify_photo
from tests.media import picture, shard
from tests.painters import TopIsBlue
from tests.tools import files_in, photo_options

REPORT = "rechroma-report.json"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A tree with good, bad and foreign files."""
    files = {
        "a.jpg": picture(),
        "b/c.PNG": picture("PNG", (50, 70)),
        "b/d/e.tif": picture("TIFF", (30, 90)),
        "b/d/notes.txt": b"not a picture",
        "b/broken.jpg": picture()[:200],
        "b/empty.png": b"",
        "b/text.png": b"this is text",
        ".hidden/f.jpg": picture(),
        "._a.jpg": b"mac",
    }
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"


def run(inputs: Path | Sequence[Path], out: Path, **options: Any) -> Report:
    progress = options.pop("progress", None)
    paths = [inputs] if isinstance(inputs, Path) else inputs
    return colorize_photos(paths, out, model=TopIsBlue(), options=photo_options(**options), progress=progress)


def test_a_tree_is_mirrored_and_bad_files_are_named(album: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    report = run(album, tmp_path / "out", progress=lambda done, total: steps.append((done, total)))
    assert files_in(tmp_path / "out") == ["a.jpg", "b/c.PNG", "b/d/e.tif"]
    assert [path.name for path in report.written] == ["a.jpg", "c.PNG", "e.tif"]
    reasons = {path.relative_to(album).as_posix(): reason for path, reason in report.failed}
    assert set(reasons) == {"b/broken.jpg", "b/empty.png", "b/text.png"}
    assert "truncated" in reasons["b/broken.jpg"] or "ends" in reasons["b/broken.jpg"]
    assert reasons["b/empty.png"] == "the file is empty"
    assert all("\n" not in reason for reason in reasons.values())
    assert report.ignored == 1
    assert report.frames == 3
    assert steps == [(done, 6) for done in range(7)]
    for name in files_in(tmp_path / "out"):
        assert verify_photo(album / name, tmp_path / "out" / name).ok


def test_the_report_is_json(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT).read_text(encoding="utf-8"))
    assert report["model"]["name"] == "top-is-blue"
    assert report["options"]["look"]["saturation"] == 1.0
    assert "compositeWithTrainedAlgorithmicMedia" in report["digital_source_type"]
    assert len(report["failed"]) == 3


def test_finished_pictures_are_skipped(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(album, out)
    (out / "b" / "c.PNG").unlink()
    (out / "a.jpg").write_bytes(b"mine")
    report = run(album, out)
    assert report.written == [out / "b" / "c.PNG"]
    assert report.skipped == [out / "a.jpg", out / "b" / "d" / "e.tif"]
    assert (out / "a.jpg").read_bytes() == b"mine"
    assert len(run(album, out, overwrite=True).written) == 3
    assert (out / "a.jpg").read_bytes() != b"mine"


def test_an_output_inside_the_input_is_not_read_again(album: Path) -> None:
    out = album / "coloured"
    run(album, out)
    before = files_in(album)
    report = run(album, out, overwrite=True)
    assert len(report.written) == 3
    assert files_in(album) == before


def test_not_recursive(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out", recursive=False)
    assert files_in(tmp_path / "out") == ["a.jpg"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_network_sees_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG"):
        source = tmp_path / f"{kind}.{kind.lower()}"
        source.write_bytes(picture(kind, (48, 80), exif=exif.tobytes()))
        run(source, tmp_path / "out")
        with Image.open(tmp_path / "out" / source.name) as result:
            assert result.size == (80, 48)
            assert result.getexif()[0x0112] == orientation
            upright = np.asarray(ImageOps.exif_transpose(result).convert("RGB"), float)
        blueness = upright[..., 2] - upright[..., 0]
        half = len(upright) // 2
        assert blueness[: half - 8].min() > 20
        assert blueness[half + 8 :].max() < -20


def test_saturation(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    run(tmp_path / "a.png", tmp_path / "out", saturation=0.0)
    rgb = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert (rgb.max(axis=-1) == rgb.min(axis=-1)).all()


def test_names_of_formats_that_hold_no_colour(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name, kind in (("a.gif", "GIF"), ("a.png", "PNG"), ("b.gif", "GIF"), ("c.pgm", "PPM")):
        (source / name).write_bytes(picture(kind))
    report = run(source, tmp_path / "out")
    assert files_in(tmp_path / "out") == ["a.gif.png", "a.png", "b.png", "c.ppm"]
    assert sum("PNG" in warning for _, warning in report.warnings) == 2


def test_several_folders_each_get_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(picture())
    (tmp_path / "a.jpg").write_bytes(picture())
    inputs = [tmp_path / "one", tmp_path / "two", tmp_path / "a.jpg", tmp_path / "one" / "a.jpg", tmp_path / "missing"]
    report = run(inputs, tmp_path / "out")
    assert files_in(tmp_path / "out") == ["a.jpg", "one/a.jpg", "two/a.jpg"]
    assert report.failed == [(tmp_path / "missing", "there is no such file or folder")]


def test_two_inputs_for_one_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(picture(seed=len(name)))
    report = run([tmp_path / "one" / "a.jpg", tmp_path / "two" / "a.jpg"], tmp_path / "out")
    assert report.written == [tmp_path / "out" / "a.jpg"]
    assert report.failed[0][0] == tmp_path / "two" / "a.jpg"
    assert "one/a.jpg" in report.failed[0][1]


def test_output_over_input_is_refused(album: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="one of the inputs"):
        run(album, album, overwrite=True)
    (tmp_path / "link").symlink_to(album)
    with pytest.raises(OutputError, match="one of the inputs"):
        run(album, tmp_path / "link")
    assert (album / "a.jpg").read_bytes() == picture()


def test_bad_places_are_refused(album: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(InputError, match="at least one"):
        run([], tmp_path / "out")
    with pytest.raises(OutputError, match="is a file"):
        run(album / "b", album / "a.jpg")
    with pytest.raises(OutputError, match="one tar"):
        run(album, tmp_path / "out.tar")
    with pytest.raises(OutputError, match="cannot be written to"):
        run(album, album / "a.jpg" / "out")
    with pytest.raises(OptionError, match="upsampling"):
        run(album, tmp_path / "out", upsampling="best")
    with pytest.raises(OptionError, match="saturation"):
        run(album, tmp_path / "out", saturation=-1.0)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_picture_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"empty: holds no picture$"):
        run(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match=r"no such file or folder; .*text: holds no picture; files of other kinds: 1"):
        run([tmp_path / "text", tmp_path / "missing"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    report = run([tmp_path / "empty", tmp_path / "a.png"], tmp_path / "out")
    assert report.failed == []
    assert report.warnings == [(tmp_path / "empty", "holds no picture")]
    written = json.loads((tmp_path / "out" / REPORT).read_text(encoding="utf-8"))
    assert written["warnings"] == [{"path": str(tmp_path / "empty"), "warning": "holds no picture"}]


def test_a_folder_that_cannot_be_read_is_a_failure(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refusing(folder: Path | str) -> Any:
        if str(folder).endswith("d"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    report = run(album, tmp_path / "out")
    assert (album / "b" / "d", "the folder cannot be read: Permission denied") in report.failed
    assert files_in(tmp_path / "out") == ["a.jpg", "b/c.PNG"]


def test_no_result_leaves_the_output_folder(album: Path, tmp_path: Path) -> None:
    (album / "b" / "x..").mkdir()
    (album / "b" / "x.." / "g.jpg").write_bytes(picture())
    out = tmp_path / "deep" / "out"
    for job in make_plan(PHOTOS, [album, album / "b" / ".." / "a.jpg"], out).targets:
        assert job.output.resolve().is_relative_to(out)


def test_a_full_disk_stops_the_batch_and_leaves_nothing_half_written(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskError, match="make room"):
        run(album, tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_a_failing_network_is_raised(album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(TopIsBlue, "predict", broken)
    with pytest.raises(RuntimeError, match="no network"):
        run(album, tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_pictures_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the folder, only a few pictures are read before the first is written."""
    monkeypatch.setattr(photo_maker, "MOST_PIXELS", 2 * 40 * 40)
    source = tmp_path / "in"
    source.mkdir()
    for number in range(40):
        (source / f"{number:02}.jpg").write_bytes(picture(size=(40, 40)))
    ahead: list[int] = []
    read = 0

    def counting(path: Path) -> bytes:
        nonlocal read
        read += 1
        return read_bytes(path)

    monkeypatch.setattr(photo_units, "read_bytes", counting)
    report = colorize_photos(
        [source], tmp_path / "out", model=TopIsBlue(), progress=lambda done, _: ahead.append(read - done)
    )
    assert len(report.written) == 40
    batch = TopIsBlue().batch
    assert max(ahead) <= 2 * photo_maker.AHEAD + batch + 8  # those decoded and encoded side by side are few


def test_a_tar_gives_a_tar(tmp_path: Path) -> None:
    members = {
        "1.webp": picture("WEBP", lossless=True),
        "1.json": b"{}",
        "2.jpg": picture(),
        "broken.jpg": picture()[:300],
        "3.gif": picture("GIF"),
        "../4.png": picture("PNG", (33, 47)),
    }
    shard(tmp_path / "in.tar", members)
    steps: list[tuple[int, int | None]] = []
    report = run(tmp_path / "in.tar", tmp_path / "out.tar", progress=lambda done, total: steps.append((done, total)))
    assert report.written == [tmp_path / "out.tar"]
    assert report.frames == 3
    assert [path.name for path, _ in report.failed] == ["broken.jpg", "3.gif"]
    assert steps[-1] == (5, 5)
    with tarfile.open(tmp_path / "out.tar") as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert list(found) == list(members)
    for name in ("1.json", "broken.jpg", "3.gif"):
        assert found[name] == members[name]
    for name in ("1.webp", "2.jpg", "../4.png"):
        before, after = tmp_path / f"before{Path(name).suffix}", tmp_path / f"after{Path(name).suffix}"
        before.write_bytes(members[name])
        after.write_bytes(found[name])
        assert verify_photo(before, after).ok
    assert run(tmp_path / "in.tar", tmp_path / "out.tar").skipped == [tmp_path / "out.tar"]
    assert run(tmp_path / "in.tar", tmp_path / "folder").written == [tmp_path / "folder" / "in.tar"]


def test_a_broken_tar_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shard(tmp_path / "in" / "whole.tar", {"1.jpg": picture()})
    shard(tmp_path / "in" / "cut.tar", {"1.jpg": picture(size=(400, 400)), "2.jpg": picture(size=(400, 400))})
    data = (tmp_path / "in" / "cut.tar").read_bytes()
    (tmp_path / "in" / "cut.tar").write_bytes(data[: len(data) // 2])
    report = run(tmp_path / "in", tmp_path / "out")
    assert files_in(tmp_path / "out") == ["whole.tar"]
    assert (tmp_path / "in" / "cut.tar") in [path for path, _ in report.failed]


def test_real_files(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for path in (shared_data / "formats" / "photo").iterdir():
        if path.stat().st_size < 200_000:
            shutil.copyfile(path, tmp_path / "in" / path.name)
    report = run(tmp_path / "in", tmp_path / "out", threads=2)
    assert {path.name for path, _ in report.failed} == {
        "broken.png",
        "decompression_bomb.gif",
        "truncated_image.png",
        "truncated_jpeg.jpg",
    }
    for result in report.written:
        source = next((tmp_path / "in").glob(f"{result.stem}.*"))
        assert verify_photo(source, result).problems == []
