"""The evaluator on a few pictures: gray and truth get what they must, and pictures to look at come as asked for."""

from __future__ import annotations

import math
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from restore.colour import chroma_from_rgb, luma_from_rgb
from restore.paint.network import Colorizer
from restore_train.evaluate.figures import PICTURE_COLUMNS, mean_figures, summaries, text_of
from restore_train.evaluate.photos import colour_still, evaluate_photos, gray, open_colouring, triptychs, worst_first
from restore_train.evaluate.sheets import contact_sheets


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, strength in (("dull", 10), ("vivid", 120)):
        cells = rng.integers(128 - strength, 128 + strength, (4, 5, 3))
        cv2.imwrite(str(tmp_path / f"{name}.png"), cells.repeat(10, 0).repeat(10, 1).astype(np.uint8))
    return tmp_path


def test_gray_and_truth_frame_the_table(pictures: Path) -> None:
    rows = evaluate_photos([pictures], {"gray again": gray})
    means = summaries(rows)
    assert list(rows) == ["gray", "gray again", "truth"]
    assert [row.name for row in rows["gray"]] == ["dull.png", "vivid.png"]
    assert means["gray"] == pytest.approx(means["gray again"], nan_ok=True)
    assert means["gray"]["cf"] == 0
    assert means["gray"]["dcf"] == -means["truth"]["cf"]
    assert means["truth"]["de00"] == 0
    assert means["truth"]["ssim"] == pytest.approx(1)
    assert means["truth"]["auc"] == pytest.approx(100)
    assert means["truth"]["auc_rebalanced"] == pytest.approx(100)
    assert means["truth"]["cf"] > 20
    assert 0 < means["gray"]["auc_rebalanced"] < means["gray"]["auc"] < 100
    assert 10 < means["gray"]["psnr"] < 40


def test_half_the_colour_of_a_photo(shared_data: Path, tmp_path: Path) -> None:
    """A Kodak picture lies between gray and truth."""
    with tarfile.open(shared_data / "photos" / "dev.tar") as tar:
        member = next(member for member in tar if "kodak" in member.name)
        picture = tar.extractfile(member)
        assert picture is not None
        (tmp_path / Path(member.name).name).write_bytes(picture.read())
    truth = next(triptychs([tmp_path], [], [0]))[1][-1]
    rows = evaluate_photos([tmp_path], {"half": lambda luma: (gray(luma) + truth) / np.float32(2)})
    de00 = {label: figures[0].de00 for label, figures in rows.items()}
    assert de00["gray"] > de00["half"] > de00["truth"] == 0
    assert rows["half"][0].cf == pytest.approx(rows["truth"][0].cf / 2, rel=0.03)
    assert rows["half"][0].rainbow == pytest.approx(rows["truth"][0].rainbow / 2, rel=0.15)


def test_means_skip_what_is_not_finite(pictures: Path) -> None:
    first, second = evaluate_photos([pictures], {})["gray"]
    infinite = replace(second, psnr=math.inf, rainbow=math.nan)
    assert mean_figures([first, infinite])["psnr"] == first.psnr
    assert math.isinf(mean_figures([infinite, infinite])["psnr"])
    assert math.isnan(mean_figures([infinite])["rainbow"])


def test_figures_as_text() -> None:
    columns = {column.key: column for column in PICTURE_COLUMNS}
    assert text_of(columns["cf_abs"], 30, 40) == ("30.0", "75 %")
    assert text_of(columns["rainbow"], 0.5, 0.4) == ("0.500", "1.25 x")
    assert text_of(columns["psnr"], math.inf, math.inf) == ("\N{INFINITY}", "")
    assert text_of(columns["rainbow"], math.nan, 0.4) == ("-", "")


def test_pictures_are_fetched_in_the_order_asked_for(pictures: Path) -> None:
    fetched = list(triptychs([pictures], [gray], [1, 0]))
    assert [index for index, _ in fetched] == [1, 0]
    vivid, dull = (group for _, group in fetched)
    assert len(vivid) == 3
    assert np.array_equal(vivid[0], vivid[1])
    assert vivid[2].std() > 3 * dull[2].std()


def test_sheets_page_through_any_number_of_groups(pictures: Path) -> None:
    ((_, group),) = triptychs([pictures], [gray], [0])
    pages = list(contact_sheets(("label", group) for _ in range(57)))
    assert len(pages) == 2
    assert pages[0].shape[0] == 14 * pages[1].shape[0]
    assert pages[0].std() > 10
    assert list(contact_sheets([])) == []


def test_a_set_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_photos([tmp_path], {})
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.png cannot be decoded"):
        evaluate_photos([tmp_path], {})


def test_the_worst_come_first(pictures: Path) -> None:
    rows = evaluate_photos([pictures], {"ours": gray})["ours"]
    groups = list(worst_first([pictures], gray, rows))
    assert [label.split()[1] for label, _ in groups] == ["vivid.png", "dull.png"]
    assert float(groups[0][0].split()[0]) > float(groups[1][0].split()[0])


def test_a_still_keeps_its_luma_and_gets_colour(toy_colorizer: Colorizer, toy_model: Path) -> None:
    luma = np.random.default_rng(1).random((60, 90), np.float32)
    rgb = colour_still(luma, toy_colorizer)
    assert rgb.shape == (60, 90, 3)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(luma_from_rgb(rgb), luma, atol=1e-4)
    assert np.abs(chroma_from_rgb(rgb)).max() > 0.02
    again = open_colouring(str(toy_model), device="cpu", working_size=toy_colorizer.working_size)(luma)
    np.testing.assert_allclose(again, rgb, atol=1e-4)


def test_saturation_scales_chroma(toy_colorizer: Colorizer) -> None:
    luma = np.full((64, 64), 0.5, np.float32)
    half = chroma_from_rgb(colour_still(luma, toy_colorizer, saturation=0.1))
    whole = chroma_from_rgb(colour_still(luma, toy_colorizer, saturation=0.2))
    np.testing.assert_allclose(whole, 2 * half, atol=1e-4)
