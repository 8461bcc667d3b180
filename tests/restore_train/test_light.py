"""The reader of light: fitted in closed form, to days and nights of equal weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from restore_models import open_model
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import SceneLight, ThermalGenerator, ThermalSizes, at_light_side
from restore_train.light import fit_light, light_reader
from restore_train.thermal_learners import hearsay
from restore_train.thermal_pairs import Pair, pair_weights, read_pairs


def test_the_reader_finds_what_tells_and_ignores_how_many_days_there_are() -> None:
    """Two features tell the light with noise, forty are nothing but noise; three of four are days."""
    rng = np.random.default_rng(0)
    days = np.arange(400) % 4 != 0
    textures = rng.normal(0, 1, (400, 42))
    textures[:, :2] += np.where(days, 1, -1)[:, None]
    coefficients, bias = light_reader(textures[:300], days[:300], np.ones(300))
    guesses = textures[300:] @ coefficients + bias
    assert np.mean((guesses > 0) == days[300:]) > 0.85
    assert abs(guesses[days[300:]].mean() + guesses[~days[300:]].mean()) < 0.35
    assert min(coefficients[:2]) > 2 * np.abs(coefficients[2:]).mean()


def test_what_is_weighted_down_counts_less() -> None:
    """Some nights look like days; weighted down, they are given up."""
    days = np.array([True] * 20 + [False] * 20)
    odd = np.array([False] * 20 + [True] * 6 + [False] * 14)
    textures = np.where(days | odd, 1.0, -1.0)[:, None] + np.random.default_rng(0).normal(0, 0.1, (40, 1))

    def night_of_days(weight: float) -> float:
        coefficients, bias = light_reader(textures, days, np.where(odd, weight, 1.0))
        return float((textures[days] @ coefficients + bias).mean())

    assert night_of_days(0.01) > 0.95
    assert night_of_days(1.0) < 0.75


def test_a_generator_is_fitted_to_pairs_and_guesses_them() -> None:
    """Noisy pictures are days here, smooth ones nights."""
    rng = np.random.default_rng(1)
    torch.manual_seed(0)
    generator = ThermalGenerator(
        encoder=MobileNetV2Encoder(), sizes=ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=4)
    ).eval()
    pairs = []
    for number in range(8):
        noise = 60 if number % 2 else 5
        thermal = np.clip(128 + noise * rng.standard_normal((192, 224)), 0, 255).astype(np.uint8)
        sky = np.full((192, 224, 3), 250 if number % 2 else 20, np.uint8)
        pairs.append(Pair(str(number), sky, thermal))
    fit_light(generator, pairs[:2:2], np.ones(1))  # a night alone says nothing
    assert not generator.light.read.weight.any()
    fit_light(generator, pairs[:6], np.ones(6))  # all are told apart with ease
    for pair in pairs[6:]:
        seen = torch.from_numpy(pair.thermal / np.float32(255))[None, None]
        guess = float(generator.guessed_light(seen))
        assert guess == pytest.approx(1 if pair.day else -1, abs=0.3)


@pytest.mark.slow  # reads 189 pairs; with -s it prints what train/RESULTS.md says
def test_light_is_read_from_drives_that_were_left_out(shared_data: Path) -> None:
    """With the default model's encoder, from texture; and from the deepest features, which hardly tell it."""
    encoder = open_model("pix2pix")[0].module.get_submodule("encoder")
    light = SceneLight(8)
    pairs = list(read_pairs([shared_data / "thermal" / "train.tar"]))
    days = np.array([pair.day for pair in pairs])
    drives = np.array([pair.name.removeprefix("roadscene_FLIR_")[:2] for pair in pairs])
    texture, deepest = [], []
    with torch.inference_mode():
        for pair in pairs:
            taps = encoder(torch.from_numpy(at_light_side(pair.thermal, 32) / np.float32(255))[None, None])
            texture.append(light.texture(taps)[0].double().numpy())
            deepest.append(taps[4].mean(dim=(0, 2, 3)).double().numpy())
    weights = pair_weights(pairs, {"llvip": 0.15}, night=1.0)

    def share_right(features: NDArray[np.float64]) -> float:
        right = []
        for drive in sorted(set(drives) - {"ll"}):
            left_out = drives == drive
            coefficients, bias = light_reader(features[~left_out], days[~left_out], weights[~left_out])
            right += list((features[left_out] @ coefficients + bias > 0) == days[left_out])
        return float(np.mean(right))

    shares = share_right(np.stack(texture)), share_right(np.stack(deepest))
    print(f"right on drives left out: texture {shares[0]:.3f}, deepest {shares[1]:.3f}")
    assert shares[0] > 0.8
    assert shares[1] < 0.6


def test_hearsay_is_right_as_often_as_it_says() -> None:
    torch.manual_seed(0)
    light = torch.ones(20000, 1, 1, 1)
    told = hearsay(light)
    assert 0.48 < float((told == 1).float().mean()) < 0.52
    for least, most in ((0.0, 0.2), (0.4, 0.6), (0.8, 0.99)):
        said = told[(told.abs() >= least) & (told.abs() < most)]
        assert float((said > 0).float().mean()) == pytest.approx((1 + (least + most) / 2) / 2, abs=0.04)
    assert not hearsay(torch.zeros(100, 1, 1, 1)).any()
