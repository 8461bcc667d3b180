"""Temporary names, files that appear complete or not at all, and disk errors as errors of this project."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import pytest

from restore.errors import DiskError, EncoderError, InputError, OutputError, RechromaError
from restore.jobs.report import Report
from restore.media.files import (
    PartialFile,
    check_writable,
    clear_temporary,
    input_errors,
    output_errors,
    temporary_path,
    write_beside,
)


def raised_by(error: Exception) -> RechromaError:
    with pytest.raises(RechromaError) as caught, output_errors(Path("out.png")):
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
def test_what_disks_say_is_one_error_whoever_says_it(number: int) -> None:
    assert type(raised_by(OSError(number, "says the system"))) is DiskError
    assert type(raised_by(av.error.FFmpegError(number, "says FFmpeg"))) is DiskError


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.EBUSY])
def test_only_ffmpeg_fails_to_encode(number: int) -> None:
    assert type(raised_by(OSError(number, "says the system"))) is OutputError
    assert type(raised_by(av.error.FFmpegError(errno.EINVAL, "says FFmpeg"))) is EncoderError


def test_advice_fits_the_error() -> None:
    assert "make room" in str(raised_by(OSError(errno.ENOSPC, "No space left on device")))
    assert "make room" not in str(raised_by(OSError(errno.EROFS, "Read-only file system")))


def test_a_failing_source_is_the_inputs_error() -> None:
    with pytest.raises(InputError, match=r"in\.png cannot be read on: Input/output error"), input_errors("in.png"):
        raise OSError(errno.EIO, "Input/output error")


def test_an_odd_error_on_a_report_is_not_about_encoding(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OutputError, match="cannot be written") as caught:
        Report("films", path=loop / "report.json", seconds=1).write(
            [], out=tmp_path, sources=set(), model={}, options={}
        )
    assert type(caught.value) is OutputError


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    with write_beside(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"whole"


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def write_half() -> None:
        with write_beside(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskError):
        write_half()
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_temporary_names_are_short_and_new_every_time(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 120 + ".png")
    first, second = temporary_path(path), temporary_path(path)
    assert first != second
    assert len(first.name.encode()) < 100
    first.touch()


def test_only_what_is_left_of_these_files_is_cleared(tmp_path: Path) -> None:
    mine = [temporary_path(tmp_path / "a.png"), temporary_path(tmp_path / "b.mkv", suffix=".mkv")]
    others = [temporary_path(tmp_path / "c.png"), tmp_path / ".a.png.part", tmp_path / "a.png.part"]
    for path in (*mine, *others):
        path.touch()
    folder = temporary_path(tmp_path / "a.png")
    folder.mkdir()
    clear_temporary([tmp_path / "a.png", tmp_path / "b.mkv"])
    assert set(tmp_path.iterdir()) == {*others, folder}


def test_a_partial_file_clears_what_was_left_before_it(tmp_path: Path) -> None:
    left = PartialFile(tmp_path / "out.mkv", source=tmp_path)
    left.create()
    file = PartialFile(tmp_path / "out.mkv", source=tmp_path)
    file.create()
    assert list(tmp_path.iterdir()) == [file.path]
    assert file.path.suffix == ".mkv"
    file.commit()
    assert list(tmp_path.iterdir()) == [tmp_path / "out.mkv"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="give another folder"):
        check_writable(tmp_path / "file")
