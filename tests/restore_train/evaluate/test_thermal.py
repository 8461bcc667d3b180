"""The evaluator of thermal translation: baselines get what they must, edges are compared whatever their sign."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from restore.cli.main import rechroma
from restore.errors import InputError, ModelError, OptionError
from restore.paint.network import Colorizer
from restore_models import save_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalGenerator, ThermalSizes
from restore_train.evaluate.metrics import Rgb
from restore_train.evaluate.photos import gray
from restore_train.evaluate.thermal import (
    AS_IS,
    PairsResult,
    choose_pairs,
    chroma_spread,
    edge_agreement,
    evaluate_pairs,
    open_translation,
    read_thermal,
)
from restore_train.thermal_pairs import Pair, read_pairs


@pytest.fixture(scope="module")
def dev(shared_data: Path) -> list[Pair]:
    return list(read_pairs([shared_data / "thermal" / "dev.tar"]))


@pytest.fixture(scope="module")
def toy_thermal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=4)
    network = ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=sizes)
    with torch.no_grad():
        network.light.read.bias.fill_(0.5)
        network.light.turn.weight.normal_()
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_network(path, network.state_dict(), network="thermal", sizes=sizes)
    return path


def test_edges_agree_with_themselves_and_their_negative(dev: list[Pair]) -> None:
    thermal = dev[0].thermal.astype(np.float32) / np.float32(255)
    assert edge_agreement(thermal, thermal) == pytest.approx(1)
    assert edge_agreement(1 - thermal, thermal) == pytest.approx(1)
    assert edge_agreement(0.3 * thermal + np.float32(0.2), thermal) == pytest.approx(1, abs=1e-3)
    noise = np.random.default_rng(0).uniform(0, 1, thermal.shape).astype(np.float32)
    true_luma = dev[0].ycbcr[..., 0].astype(np.float32) / np.float32(255)
    assert edge_agreement(noise, thermal) < edge_agreement(true_luma, thermal) < 0.9
    assert edge_agreement(np.full_like(thermal, 0.5), thermal) == 0
    moved = np.roll(thermal, 12, axis=1)
    assert edge_agreement(moved, thermal) < 0.6


def test_edges_that_heat_does_not_have_cost_as_much_as_missing_ones() -> None:
    one, two = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    one[:, 20:] = 1
    two[:, 20:] = 1
    two[:, 44:] = 0
    assert edge_agreement(one, two) == pytest.approx(edge_agreement(two, one))
    assert 0.4 < edge_agreement(one, two) < 0.9


def test_thermal_and_truth_frame_the_table(dev: list[Pair]) -> None:
    pair = dev[15]
    bgr = cv2.cvtColor(np.ascontiguousarray(pair.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2BGR)
    true: Rgb = bgr[..., ::-1].astype(np.float32) / np.float32(255)
    result = evaluate_pairs([dev[0], pair], {"gray": gray, "half": lambda thermal: (gray(thermal) + 1) / np.float32(2)})
    rows = result.rows
    assert result.day == [True, False]
    assert result.lights == {}
    assert [row.name for row in rows["truth"]] == [dev[0].name, pair.name]
    assert rows["gray"] == rows[AS_IS]
    assert rows[AS_IS][0].edges == pytest.approx(1, abs=1e-3)
    assert rows[AS_IS][0].cf == 0
    assert rows["truth"][1].de00 == 0
    assert np.isinf(rows["truth"][1].psnr)
    perfect = evaluate_pairs([pair], {"perfect": lambda _: true})
    assert perfect.rows["perfect"] == perfect.rows["truth"]
    assert list(perfect.rows_by_light()) == ["night", "all"]
    by_light = result.rows_by_light()
    assert [row.name for row in by_light["night"]["half"]] == [pair.name]
    assert by_light["all"] == rows
    assert [result.count(light) for light in ("day", "night", "all")] == [1, 1, 2]


def test_guesses_of_light_are_counted_by_day_and_by_night() -> None:
    result = PairsResult({}, [True, True, False, False], {"model": [0.3, -0.1, -0.5, 0.0]})
    assert result.right_guesses("model") == (1, 1)


def test_pairs_are_chosen_by_how_their_names_begin(dev: list[Pair], shared_data: Path) -> None:
    names = [pair.name for pair in dev]
    tar = shared_data / "thermal" / "dev.tar"
    assert [pair.name for pair in choose_pairs([tar], (names[2], names[0]))] == [names[0], names[2]]
    with pytest.raises(ValueError, match="begins with x or y"):
        choose_pairs([tar], ("x", "y"))


def test_one_colour_for_all_has_no_spread() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.uniform(0.3, 0.7, (16, 16)).astype(np.float32) for _ in range(4)]
    tint = np.array([0.1, 0.0, -0.1], np.float32)
    same = chroma_spread(pictures, lambda thermal: gray(thermal) + tint)
    assert same.pictures == 4
    assert same.between < 0.3
    assert same.within < 1
    assert same.centre[1] > 10
    shades = iter((-1, 1, -1, 1))
    various = chroma_spread(pictures, lambda thermal: gray(thermal) + tint * next(shades))
    assert various.between > 15
    with pytest.raises(ValueError, match="no thermal pictures"):
        chroma_spread([], gray)


def test_unpaired_pictures_are_read(shared_data: Path) -> None:
    plane = next(read_thermal([shared_data / "thermal" / "unpaired.tar"]))
    assert plane.dtype == np.float32
    assert 0 <= plane.min() < plane.max() <= 1


def test_a_translation_keeps_the_size_and_range(toy_thermal: Path) -> None:
    translate = open_translation(str(toy_thermal), working_size=64, device="cpu")
    heat = np.random.default_rng(0).uniform(0, 1, (101, 150)).astype(np.float32)
    rgb = translate(heat)
    assert rgb.shape == (101, 150, 3)
    assert 0 <= rgb.min() < rgb.max() <= 1
    assert translate(np.ascontiguousarray(heat[:50, :70])).shape == (50, 70, 3)


def test_models_that_colour_photos_take_heat_for_gray(toy_thermal: Path) -> None:
    heat = np.full((64, 64), 0.5, np.float32)
    as_gray = open_translation("pix2pix", working_size=64, device="cpu")(heat)
    assert as_gray.shape == (64, 64, 3)
    assert np.abs(as_gray @ np.array([0.299, 0.587, 0.114], np.float32) - 0.5).max() < 0.01
    assert open_translation(str(toy_thermal), working_size=64, device="cpu")(heat).shape == (64, 64, 3)
    with pytest.raises(ModelError, match="use rechroma thermal"):
        Colorizer(str(toy_thermal))
    with pytest.raises(ModelError, match="unknown model"):
        open_translation("nothing")


def test_colour_is_as_strong_as_asked_for(dev: list[Pair], toy_thermal: Path, tmp_path: Path) -> None:
    heat = dev[0].thermal[:64, :64].astype(np.float32) / np.float32(255)
    without, half, own = (
        open_translation(str(toy_thermal), device="cpu", gain=gain)(heat) for gain in (0.0, 0.5, None)
    )
    assert np.ptp(without, axis=2).max() < 1e-6
    assert np.ptp(own, axis=2).mean() > 1.5 * np.ptp(half, axis=2).mean() > 0
    with pytest.raises(OptionError, match="colours photos"):
        open_translation("pix2pix", device="cpu", gain=1.0)
    command = ["evaluate", "thermal", str(tmp_path), "--model", str(toy_thermal), "--gain", "1", "--gain", "2"]
    with pytest.raises(OptionError, match="2 strengths of colour for 1 model"):
        CliRunner().invoke(rechroma, command, catch_exceptions=False)


def test_the_command_writes_what_it_measured(dev: list[Pair], toy_thermal: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    for pair in (dev[0], dev[15]):
        bgr = cv2.cvtColor(np.ascontiguousarray(pair.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2BGR)
        for kind, picture in (("visible", bgr), ("thermal", pair.thermal)):
            small = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(tmp_path / "pairs" / f"{pair.name}.{kind}.png"), small)
    report, sheets = tmp_path / "figures.json", tmp_path / "sheets"
    arguments = ["evaluate", "thermal", str(tmp_path / "pairs"), "--model", str(toy_thermal), "--json", str(report)]
    result = CliRunner().invoke(rechroma, [*arguments, "--sheets", str(sheets)], catch_exceptions=False)
    assert result.exit_code == 0
    written = json.loads(report.read_text())
    assert set(written["sets"]) == {"day", "night", "all"}
    assert set(written["sets"]["all"]) == {AS_IS, "toy", "truth"}
    assert written["sets"]["night"][AS_IS]["psnr"] == pytest.approx(written["pictures"][AS_IS][1]["psnr"])
    assert (sheets / "sheet-01.png").exists()
    assert "toy: light guessed rightly for 1 of 1 days, 0 of 1 nights" in " ".join(result.output.split())
    assert written["light"]["toy"] == pytest.approx([0.5, 0.5], abs=1e-3)
    told = CliRunner().invoke(rechroma, [*arguments, "--light", "night"], catch_exceptions=False)
    assert "guessed" not in told.output
    by_night = json.loads(report.read_text())
    assert by_night["sets"]["day"]["toy"] != written["sets"]["day"]["toy"]
    assert by_night["sets"]["day"][AS_IS] == written["sets"]["day"][AS_IS]
    with pytest.raises(InputError, match="no pair's name"):
        CliRunner().invoke(rechroma, [*arguments, "--only", "x"], catch_exceptions=False)
