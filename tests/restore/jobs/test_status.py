"""Where a job is, by its journal, and what is no job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.errors import InputError
from restore.jobs.job import Job
from restore.jobs.status import job_status


@pytest.mark.parametrize("name", ["none.mkv", "file.mkv", "folder"])
def test_what_no_job_made_is_not_complete(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.mkv").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "rechroma-report.json").write_text("{}")
    with pytest.raises(InputError, match="there is no job of"):
        job_status(tmp_path / name)


def test_a_folder_of_the_system_is_no_job() -> None:
    with pytest.raises(InputError, match="there is no job of"):
        job_status(Path(Path.cwd().anchor))


@pytest.mark.parametrize("kind", ["films", "photos", "thermal"])
def test_a_batch_that_runs_and_one_that_does_not(tmp_path: Path, kind: str) -> None:
    with Job(tmp_path, {}, kind=kind, hints={"files": 4}) as job:
        job.add({"file": {"place": "a"}})
        job.add({"file": {"place": "a"}})
        status = job_status(tmp_path)
        assert (status.done, status.total, status.running, status.complete) == (1, 4, True, False)
        assert kind.removesuffix("s") in str(status)
    assert not job_status(tmp_path).running
    assert "run the same command again" in str(job_status(tmp_path))


def test_a_film_counts_frames(tmp_path: Path) -> None:
    with Job(tmp_path / "out.mkv", {}, kind="films", hints={"frames": 100}) as job:
        job.add({"unit": {"frames": 25}})
        assert "25 of 100 (25.0 %) frames done, running" in str(job_status(tmp_path / "out.mkv"))


def test_a_result_in_a_reported_folder_is_complete(tmp_path: Path) -> None:
    report = {"program": "rechroma 1", "files": [{"outputs": [{"path": "elsewhere/a.png"}]}]}
    (tmp_path / "rechroma-report.json").write_text(json.dumps(report))
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    assert job_status(tmp_path).complete
    assert job_status(tmp_path / "a.png").complete
    with pytest.raises(InputError):
        job_status(tmp_path / "b.png")
