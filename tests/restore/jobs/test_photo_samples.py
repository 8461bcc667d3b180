"""Several colourings of each photo: files named by their seeds, a sheet, and the same whatever happens on the way."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore.errors import ModelError, OptionError
from restore.jobs import photo_maker
from restore.jobs.photos import colorize_photos
from restore.jobs.plan import PHOTOS, make_plan, with_variants
from restore.jobs.report import Report
from restore.media.photo.sheet import GAP, LABEL, contact_sheet
from restore.options import PhotoOptions
from restore.paint.network import Colorizer
from restore.paint.sampling import DEFAULT_TEMPERATURE
from restore.verify.photo import verify_photo
from tests.tools import photo_options

REPORT = "rechroma-report.json"
SHAPES = {"a.jpg": (70, 90), "a.png": (64, 64), "b/c.tif": (90, 70)}
RESULTS = {
    *(f"{stem}.seed-{seed}{suffix}" for stem, suffix in (("a", ".jpg"), ("a", ".png")) for seed in (7, 8, 9)),
    *(f"b/c.seed-{seed}.tif" for seed in (7, 8, 9)),
    "a.seeds-7-9.jpg", "a.png.seeds-7-9.jpg", "b/c.seeds-7-9.jpg",
}  # fmt: skip


def gray(shape: tuple[int, int], seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).normal(128, 30, shape).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    (folder / "b").mkdir()
    for number, (name, shape) in enumerate(SHAPES.items()):
        gray(shape, number).save(folder / name)
    (folder / "bad.jpg").write_bytes(b"not a picture")
    return folder


def run(source: Path, out: Path, colorizer: Colorizer, **options: Any) -> Report:
    chosen = photo_options(**{"samples": 3, "seed": 7, "threads": 1, **options})
    return colorize_photos([source], out, model=colorizer, options=chosen)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != REPORT)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def whole(album: Path, sampling_colorizer: Colorizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run's results."""
    out = tmp_path_factory.mktemp("whole") / "out"
    report = run(album, out, sampling_colorizer)
    assert [path.name for path, _ in report.failed] == ["bad.jpg"]
    assert report.frames == 3
    return out


def test_each_seed_is_a_file_and_a_sheet_shows_them(album: Path, whole: Path) -> None:
    found = content(whole)
    assert set(found) == RESULTS
    for name, shape in SHAPES.items():
        variants = [Path(name).with_suffix(f".seed-{seed}{Path(name).suffix}") for seed in (7, 8, 9)]
        pictures = [np.asarray(Image.open(whole / variant).convert("RGB"), float) for variant in variants]
        assert pictures[0].shape == (*shape, 3)
        assert np.abs(pictures[0] - pictures[1]).max() > 3
        assert all(verify_photo(album / name, whole / variant).ok for variant in variants)
    sheet = Image.open(io.BytesIO(found["a.seeds-7-9.jpg"]))
    assert 2 * 90 < sheet.width < 2 * 160
    assert b"compositeWithTrainedAlgorithmicMedia" in found["a.seeds-7-9.jpg"]


def test_the_report_tells_seeds_and_likelihoods(whole: Path) -> None:
    report = json.loads((whole / REPORT).read_text(encoding="utf-8"))
    assert report["counts"]["frames"] == 3
    variants = [variant for entry in report["files"] for variant in entry["variants"]]
    seeds = {Path(each["path"]).relative_to(whole).as_posix(): each["seed"] for each in variants}
    assert seeds == {name: int(name.split("seed-")[1][0]) for name in RESULTS if "seed-" in name}
    assert all(each["log_likelihood"] < 0 for each in variants)
    assert (report["options"]["look"]["seed"], report["model"]["temperature"]) == (7, DEFAULT_TEMPERATURE)


def test_one_picture_alone_comes_out_as_in_company(
    album: Path, whole: Path, sampling_colorizer: Colorizer, tmp_path: Path
) -> None:
    run(album / "a.png", tmp_path / "out", sampling_colorizer, samples=2, seed=8)
    alone, together = content(tmp_path / "out"), content(whole)
    assert set(alone) == {"a.seed-8.png", "a.seed-9.png", "a.seeds-8-9.jpg"}
    assert all(alone[name] == together[name] for name in ("a.seed-8.png", "a.seed-9.png"))


def test_long_names_that_differ_at_their_ends(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    """Results of one picture are in work at once, so what they are written to must differ."""
    source = tmp_path / f"{'x' * 60}.png"
    source.write_bytes((album / "a.png").read_bytes())
    report = run(source, tmp_path / "out", sampling_colorizer, samples=2)
    assert (report.failed, len(report.written)) == ([], 3)
    assert len({*content(tmp_path / "out").values()}) == 3


def test_one_sample_has_the_picture_s_own_name(
    album: Path, whole: Path, sampling_colorizer: Colorizer, tmp_path: Path
) -> None:
    report = run(album / "a.png", tmp_path / "out", sampling_colorizer, samples=1, seed=9)
    assert content(tmp_path / "out") == {"a.png": (whole / "a.seed-9.png").read_bytes()}
    assert [(each["path"], each["seed"]) for each in report.variants] == [(str(tmp_path / "out" / "a.png"), 9)]
    assert run(album / "a.png", tmp_path / "out", sampling_colorizer, samples=1).skipped == report.written


@pytest.mark.parametrize("renames", [1, 2, 6])
def test_a_run_that_dies_between_variants_goes_on(
    album: Path,
    whole: Path,
    sampling_colorizer: Colorizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    renames: int,
) -> None:
    replace, count = Path.replace, 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += self.name.endswith(".part")
        if count > renames:
            raise KeyboardInterrupt
        return replace(self, target)

    out = tmp_path / "out"
    for _ in range(2):  # and again at the same place of what was left
        count = 0
        monkeypatch.setattr(Path, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            run(album, out, sampling_colorizer)
    monkeypatch.undo()
    run(album, out, sampling_colorizer)
    assert content(out) == content(whole)
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    paths = [output["path"] for entry in report["files"] for output in entry["outputs"]]
    assert {Path(path).relative_to(out).as_posix() for path in paths} == RESULTS
    assert report["counts"]["frames"] == 3
    assert sum(len(entry["variants"]) for entry in report["files"]) == 9


def test_what_somebody_put_there_stays(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.seed-8.png").write_bytes(b"mine")
    report = run(album / "a.png", out, sampling_colorizer)
    assert (out / "a.seed-8.png").read_bytes() == b"mine"
    assert report.skipped == [out / "a.seed-8.png"]
    assert [each["seed"] for each in report.variants] == [7, 9]
    assert len(run(album / "a.png", out, sampling_colorizer).skipped) == 4
    assert len(run(album / "a.png", out, sampling_colorizer, overwrite=True).written) == 4
    assert (out / "a.seed-8.png").read_bytes() != b"mine"


def test_more_seeds_later_are_told_of_together(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    for seed in (7, 9):
        run(album / "a.png", tmp_path / "out", sampling_colorizer, samples=2, seed=seed)
    report = json.loads((tmp_path / "out" / REPORT).read_text(encoding="utf-8"))
    assert sorted(variant["seed"] for entry in report["files"] for variant in entry["variants"]) == [7, 8, 9, 10]
    assert sum(len(entry["outputs"]) for entry in report["files"]) == 6


def test_few_results_are_encoded_at_once(
    album: Path, sampling_colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many samples are asked for, and however large the pictures are."""
    monkeypatch.setattr(photo_maker, "MOST_PIXELS", 2 * 70 * 90)
    running, most, lock = 0, 0, Lock()
    encode = photo_maker.Colouring.encode

    def counting(colouring: photo_maker.Colouring, options: PhotoOptions) -> photo_maker.PhotoResult:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return encode(colouring, options)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(photo_maker.Colouring, "encode", counting)
    report = run(album, tmp_path / "out", sampling_colorizer, samples=5, threads=8)
    assert len(report.variants) == 3 * 5
    assert 1 <= most <= 3


def test_tars_are_refused(album: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    with tarfile.open(source / "shard.tar", "w") as tar:
        tar.add(album / "a.jpg", "a.jpg")
    with pytest.raises(OptionError, match="unpack it"):
        run(source / "shard.tar", tmp_path / "out.tar", sampling_colorizer)
    (source / "a.jpg").write_bytes((album / "a.jpg").read_bytes())
    report = run(source, tmp_path / "out", sampling_colorizer, samples=2)
    assert [path.name for path, _ in report.failed] == ["shard.tar"]
    assert len(report.written) == 3
    report = run(source / "shard.tar", tmp_path / "one.tar", sampling_colorizer, samples=1)
    assert [(Path(each["path"]).name, each["seed"]) for each in report.variants] == [("a.jpg", 7)]


def test_places_of_all_results_differ(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.tif", "a.seed-1.jpg"):
        gray((8, 8), 0).save(tmp_path / name)
    plan = with_variants(make_plan(PHOTOS, [tmp_path], tmp_path / "out"), range(3))
    results = [result for job in plan.targets for result in job.results]
    assert len(results) == 16 == len(set(results))


def test_a_model_with_one_answer_is_refused(toy_colorizer: Colorizer, album: Path, tmp_path: Path) -> None:
    for asked in (
        {"samples": 2, "seed": None},
        {"samples": 1, "seed": 1},
        {"samples": 1, "seed": None, "temperature": 1.0},
    ):
        with pytest.raises(ModelError, match="one colouring only"):
            run(album, tmp_path / "out", toy_colorizer, **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "asked", [{"samples": 0}, {"samples": 65}, {"seed": -1}, {"seed": 2**64 - 2}, {"temperature": -1}]
)
def test_options_that_make_no_sense(sampling_colorizer: Colorizer, tmp_path: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        run(tmp_path, tmp_path / "out", sampling_colorizer, **asked)


def test_a_sheet_has_the_gray_one_first_and_marks_the_likeliest() -> None:
    luma = np.full((300, 600), 0.5, np.float32)
    chroma = np.full((2, 30, 60), 0.2, np.float32)
    sheet = Image.open(io.BytesIO(contact_sheet(luma, [(f"seed {n}", chroma * (n == 2)) for n in range(4)], 2)))
    pixels = np.asarray(sheet.convert("RGB"), float)
    width = sheet.width // 3  # five tiles in two rows of three
    assert sheet.size == (3 * (400 + 2 * GAP), 2 * (200 + GAP + LABEL))
    assert sheet.width <= 1600
    strength = np.ptp(pixels, axis=2)
    assert strength[40:100, GAP + 20 : width - 20].max() < 8
    middle = sheet.height * 3 // 4
    assert strength[middle - 20 : middle, 20 : width - 20].mean() > 60  # the likeliest, first in the second row
    assert strength[middle - 20 : middle, width + 20 : 2 * width - 20].mean() < 8
