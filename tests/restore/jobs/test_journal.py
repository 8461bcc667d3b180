"""Journals that are torn, damaged or foreign, jobs of two processes, and what has changed."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from restore.errors import DiskError, OptionError, OutputError
from restore.jobs.fingerprint import sampled_sha256
from restore.jobs.job import JOURNAL, LOCK, Job, Journal, job_folder, read_journal
from restore.jobs.status import job_status

BASES = {"options": {"crf": 18}}
CRF_16 = {"options": {"crf": 16}}


def journal_with(path: Path, entries: int) -> Path:
    journal = Journal(path, {"header": 1})
    for number in range(entries):
        journal.append({"number": number, "name": "caf\udce9"})
    journal.close()
    return path


def test_a_round_trip(tmp_path: Path) -> None:
    found = read_journal(journal_with(tmp_path / "journal", 3))
    assert (found.header, found.damaged) == ({"header": 1}, 0)
    assert found.entries == [{"number": number, "name": "caf\udce9"} for number in range(3)]


def test_every_torn_tail_costs_at_most_its_line(tmp_path: Path) -> None:
    whole = journal_with(tmp_path / "journal", 2).read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        (tmp_path / "torn").write_bytes(whole[:length])
        found = read_journal(tmp_path / "torn")
        assert found.damaged == 0
        assert len(found.entries) in {whole[first:length].count(b"\n"), whole[first : length + 1].count(b"\n")}


def test_any_flipped_byte_is_noticed(tmp_path: Path) -> None:
    whole = journal_with(tmp_path / "journal", 3).read_bytes()
    entries = read_journal(tmp_path / "journal").entries
    for place in range(len(whole)):
        (tmp_path / "flipped").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found = read_journal(tmp_path / "flipped")
        assert found.header in (None, {"header": 1})
        assert all(entry in entries for entry in found.entries)
        assert found.header is None or len(found.entries) < 3 or found.entries == entries


def test_a_job_goes_on_with_the_same_and_refuses_another(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with Job(output, BASES) as job:
        job.add({"result": "x"})
    with Job(output, BASES) as job:
        assert job.entries == [{"result": "x"}]
    with pytest.raises(OptionError, match=r"options.crf was 18, is 16.*`restart`"):
        Job(output, CRF_16)
    with Job(output, CRF_16, restart=True) as job:
        assert job.entries == []
    assert not job_folder(output).exists()


def test_a_job_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with Job(output, BASES) as job:
        job.add({"result": "x"})
    Journal(job_folder(output) / JOURNAL, {"format": 1, **BASES}, [{"result": "x"}]).close()
    with pytest.raises(OptionError, match=r"out.mkv was begun by another version; .*`restart`"):
        Job(output, BASES)


def test_a_second_process_is_told(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with Job(output, BASES) as job:
        job.add({"result": "x"})
        with pytest.raises(OutputError, match="another process"):
            Job(output, BASES)
        assert job_status(output).running
    assert not job_status(output).running


def test_a_damaged_line_is_left_out_and_said(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with Job(output, BASES) as job:
        for number in range(3):
            job.add({"result": str(number)})
    path = job_folder(output) / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'"1"', b'"7"'))
    with Job(output, BASES) as job:
        assert job.entries == [{"result": "0"}, {"result": "2"}]
        assert "1 lines" in job.warnings[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, on which every write fails")
def test_a_line_that_finds_no_room_is_told_once(tmp_path: Path) -> None:
    with Job(tmp_path / "out.mkv", BASES) as job:
        job.add({"result": "0"})
        job.journal.close()
        job.journal.file = Path("/dev/full").open("ab")  # noqa: SIM115 - the journal closes it
        with pytest.raises(DiskError, match="make room"):
            job.add({"result": "1"})
        assert job.entries == [{"result": "0"}]
    assert not job_status(tmp_path / "out.mkv").running


def test_a_job_that_cannot_begin_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskError, match="make room"):
        Job(tmp_path / "out.mkv", BASES)
    assert list(tmp_path.iterdir()) == []


def test_an_error_says_how_to_go_on(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Job(tmp_path / "out.mkv", BASES) as job:
            job.add({"result": "x"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted()
    assert "same command" in caught.value.__notes__[0]


def test_a_changed_film_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(bytes(40_000_000))
    before = sampled_sha256(path)
    with path.open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"x")
    assert sampled_sha256(path) != before
    assert sampled_sha256(path)["bytes"] == before["bytes"]


def test_a_disk_that_keeps_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and FUSE give an open file that is removed another name, so that its folder cannot go yet."""
    folder = job_folder(tmp_path / "out.mkv")
    remove, release = shutil.rmtree, FileLock.release

    def remove_all_but_the_lock(path: Path, **options: Any) -> None:
        if path == folder:
            (path / LOCK).rename(path / ".nfs0001")
        else:
            remove(path, **options)

    def release_and_let_go(lock: FileLock) -> None:
        release(lock)
        (folder / ".nfs0001").unlink()

    monkeypatch.setattr(shutil, "rmtree", remove_all_but_the_lock)
    monkeypatch.setattr(FileLock, "release", release_and_let_go)
    with Job(tmp_path / "out.mkv", {}) as job:
        job.add({"result": "x"})
        job.done()
    assert not folder.exists()
