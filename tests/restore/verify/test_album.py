"""verify_album finds every result of every picture, also those that are named by their seeds."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import InputError
from restore.jobs.photos import colorize_photos
from restore.paint.network import Colorizer
from restore.verify import verify_any
from restore.verify.album import verify_album
from restore.verify.verification import Verification
from tests.media import picture, shard
from tests.painters import TopIsBlue
from tests.tools import photo_options, run

MEMBERS = {"1.png": picture("PNG"), "2.jpg": picture(seed=1), "bad.jpg": b"bad", "3.txt": b"text"}


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    (folder / "b").mkdir()
    for number, name in enumerate(("a.png", "a.jpg", "b/c.tif", "a.seed-1.png")):
        shade = np.random.default_rng(number).normal(128, 30, (40, 56)).clip(0, 255).astype(np.uint8)
        Image.fromarray(shade).save(folder / name)
    (folder / "bad.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture(scope="module")
def drawn(album: Path, sampling_colorizer: Colorizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variants of each."""
    out = tmp_path_factory.mktemp("drawn") / "out"
    options = photo_options(samples=2, seed=7, threads=1)
    colorize_photos([album], out, model=sampling_colorizer, options=options)
    return out


@pytest.fixture
def out(drawn: Path, tmp_path: Path) -> Path:
    return shutil.copytree(drawn, tmp_path / "out")


def verified(original: Path, result: Path) -> Verification:
    report = verify_any(original, result)
    assert isinstance(report, Verification)
    return report


def counts(report: Verification) -> tuple[int, int]:
    """Originals and results."""
    return report.facts["originals"], report.facts["results"]


def test_variants_are_found(album: Path, drawn: Path) -> None:
    report = verified(album, drawn)
    assert report.problems == []
    assert counts(report) == (5, 4 * 2)
    assert report.luma_max_difference is not None
    assert 0 < report.luma_max_difference < 1
    assert [line.split(" has no result")[0] for line in report.warnings] == [str(album / "bad.jpg")]
    one = verified(album / "a.png", drawn)
    assert (*counts(one), one.problems) == (1, 2, [])


def test_a_result_of_another_picture(album: Path, out: Path) -> None:
    shutil.copyfile(out / "a.seed-1.seed-7.png", out / "a.seed-8.png")
    assert all(problem.startswith(str(out / "a.seed-8.png")) for problem in verified(album, out).problems)
    assert any("luma differs" in problem for problem in verified(album, out).problems)


def test_what_is_missing_or_damaged(album: Path, out: Path) -> None:
    (out / "b" / "c.seed-7.tif").unlink()
    (out / "a.seed-7.jpg").write_bytes(b"damaged")
    report = verified(album, out)
    assert counts(report)[1] == 4 * 2 - 2
    assert len(report.problems) == 1
    assert "a.seed-7.jpg" in report.problems[0]
    (out / "b" / "c.seed-8.tif").unlink()
    assert f"{album / 'b' / 'c.tif'} has no result" in verified(album, out).problems


def test_names_that_look_like_variants(album: Path, tmp_path: Path) -> None:
    """``a.seed-1.png`` is a picture here, and its result no variant of ``a.png``."""
    colorize_photos([album], tmp_path / "out", model=TopIsBlue())
    report = verified(album, tmp_path / "out")
    assert (*counts(report), report.problems) == (5, 4, [])


def test_tars(tmp_path: Path) -> None:
    shard(tmp_path / "in.tar", MEMBERS)
    colorize_photos([tmp_path / "in.tar"], tmp_path / "out.tar", model=TopIsBlue())
    report = verified(tmp_path / "in.tar", tmp_path / "out.tar")
    assert (*counts(report), report.problems) == (3, 2, [])
    assert report.warnings == [f"{tmp_path / 'out.tar'}/bad.jpg is the original, not coloured"]
    with tarfile.open(tmp_path / "out.tar") as tar:
        coloured = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    shard(tmp_path / "bad.tar", {**coloured, "1.png": coloured["2.jpg"], "3.txt": b"other"})
    problems = "; ".join(verified(tmp_path / "in.tar", tmp_path / "bad.tar").problems)
    assert "1.png: the format is JPEG" in problems
    assert "3.txt: its content differs" in problems
    shard(tmp_path / "short.tar", dict(list(coloured.items())[:2]))
    assert "bad.jpg: the members differ" in verified(tmp_path / "in.tar", tmp_path / "short.tar").problems[0]


def test_by_the_command(album: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", album, out) == 0
    assert "5 originals, 8 results" in capsys.readouterr().out
    for path in out.glob("*.seed-*"):
        path.unlink()
    assert run("verify", album, out) == 11
    assert "a.jpg has no result" in capsys.readouterr().err


def test_no_originals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        verify_album(tmp_path / "missing", tmp_path)
