"""Thermal networks in the loop: both games, both heads, pairs and photos, held-out pairs, old run folders."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from restore_models import load_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalGenerator, ThermalSizes
from restore_train.loop import TrainOptions, as_known_then, optimizer_for, train
from restore_train.recipe import Adversary, Data, Network, Phase, Recipe, load_recipe
from restore_train.sources import Material
from restore_train.thermal_learners import ThermalLearner
from restore_train.thermal_pairs import PairSet, ThermalLikeSet

PHOTOS = Phase(
    name="photos", steps=1, batch=2, crop=64, smallest=32, largest=64, lr=1e-3, pretrained_lr=1e-4,
    losses={"luma": 1.0, "chroma": 1.0, "ciede2000": 0.01},
)  # fmt: skip
PAIRS = replace(
    PHOTOS, name="pairs", source="pairs", steps=2, night=0.5, losses={"luma": 1.0, "chroma": 1.0, "features": 1.0}
)
SIZES = {"decoder_channels": (8, 8, 8, 8), "luma_channels": 4}
RECIPE = Recipe(
    name="toy",
    seed=1,
    data=Data(photos=("photos",), wear=0.0, pairs=("pairs",), pair_weights={"a": 2.0}, held_out=("c",)),
    network=Network(sizes=SIZES, kind="thermal", frozen_blocks=2),
    phases=(PHOTOS, PAIRS),
)


@pytest.fixture
def options(tmp_path: Path) -> TrainOptions:
    rng = np.random.default_rng(0)
    for folder, names in (("photos", "xyz"), ("pairs", "abc")):
        (tmp_path / folder).mkdir()
        for name in names:
            picture = cv2.GaussianBlur(rng.integers(0, 256, (160, 160, 3)).astype(np.uint8), (0, 0), 3)
            endings = [".png"] if folder == "photos" else [".visible.png", ".thermal.png"]
            for ending in endings:
                cv2.imwrite(str(tmp_path / folder / (name + ending)), picture)
    return TrainOptions(data=tmp_path, run=tmp_path / "run", threads=1, log_every=1)


def logged(options: TrainOptions) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("game", ["least-squares", "wasserstein"])
def test_the_thermal_gan_learns_from_photos_and_pairs(options: TrainOptions, game: str) -> None:
    adversary = Adversary(lr=1e-4, weight=0.1, alone_steps=1, game=game)
    last = replace(PAIRS, name="adversarial", crop=128, losses={"luma": 1.0}, adversary=adversary)
    loaded = load_network(train(replace(RECIPE, phases=(PHOTOS, PAIRS, last)), options))
    assert (loaded.network, loaded.metadata["phase"]) == ("thermal", "adversarial")
    lines = logged(options)
    assert [line["phase"] for line in lines] == ["photos", "pairs", "pairs", "adversarial", "adversarial"]
    assert "fooling" not in lines[3]  # the discriminator learns alone
    assert math.isfinite(lines[4]["fooling"])
    assert ("penalty" in lines[4]) == (game == "wasserstein")
    longer = replace(last, steps=3)
    resumed = load_network(train(replace(RECIPE, phases=(PHOTOS, PAIRS, longer)), options))
    assert resumed.metadata["step"] == "3"
    assert len(logged(options)) == 6


def test_the_encoder_may_learn_at_a_rate_of_its_own() -> None:
    generator = ThermalGenerator(
        encoder=MobileNetV2Encoder(), sizes=ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=4)
    )
    known = {name for name, _ in generator.named_parameters() if not name.startswith(("luma", "light"))}
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=False)
    learner = ThermalLearner(generator, device=torch.device("cpu"), autocast=autocast, pretrained=known)
    names = {id(parameter): name for name, parameter in generator.named_parameters()}

    def rates(encoder_lr: float | None) -> dict[float, set[str]]:
        phase = replace(PHOTOS, lr=1.0, pretrained_lr=0.5, encoder_lr=encoder_lr)
        groups = optimizer_for(learner, RECIPE.network, phase).param_groups
        return {group["lr"]: {names[id(each)].split(".")[0] for each in group["params"]} for group in groups}

    fresh, decoder = {"luma_up", "luma_head", "light"}, {"bottom", "scene", "up", "head"}
    assert rates(None) == {1.0: fresh, 0.5: decoder | {"encoder"}}
    assert rates(0.1) == {1.0: fresh, 0.5: decoder, 0.1: {"encoder"}}


@pytest.mark.parametrize(("head", "loss"), [("mse", "squared_error"), ("mixture", "log_likelihood")])
def test_the_baseline_learns_by_its_own_loss(options: TrainOptions, head: str, loss: str) -> None:
    network = Network(sizes={"head": head, "width": 8}, kind="irtranslate")
    recipe = replace(RECIPE, network=network, phases=(replace(PAIRS, steps=12, losses={loss: 1.0}),))
    assert load_network(train(recipe, options)).network == "irtranslate"
    values = [line[loss] for line in logged(options)]
    assert np.mean(values[-3:]) < np.mean(values[:3])
    wrong = {"squared_error": "log_likelihood", "log_likelihood": "squared_error"}[loss]
    with pytest.raises(ValueError, match="alone"):
        train(replace(recipe, phases=(replace(PAIRS, losses={wrong: 1.0}),)), replace(options, dry_run=True))


def test_held_out_pairs_are_not_drawn_from(options: TrainOptions) -> None:
    material = Material(RECIPE, options.data, threads=1)
    assert [pair.name for pair in material.pairs] == ["a", "b"]
    assert isinstance(material.source(PAIRS, 4), PairSet)
    assert isinstance(material.source(PHOTOS, 4), ThermalLikeSet)
    empty = Material(replace(RECIPE, data=Data(photos=(), wear=0.0)), options.data, threads=1)
    for phase, message in ((PAIRS, "names none"), (PHOTOS, "has none")):
        with pytest.raises(ValueError, match=message):
            empty.source(phase, 4)


def test_settings_that_a_run_did_not_know_do_not_make_it_anothers() -> None:
    assert as_known_then({"photos": ["a"], "pairs": []}, {"photos": ["a"]}) == {"photos": ["a"]}
    assert as_known_then({"photos": ["b"]}, {"photos": ["a"]}) != {"photos": ["a"]}
    assert as_known_then({}, {"gone": 1}) != {"gone": 1}
    assert as_known_then(7, 7) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[phase]]\nname = 'a'\nsource = 'films'", "source is 'films'; known are photos, pairs"),
        ("[[phase]]\nname = 'a'\nadversary = { lr = 1.0, weight = 1.0, game = 'go' }", "game is 'go'"),
    ],
)
def test_unknown_words_are_named(tmp_path: Path, text: str, message: str) -> None:
    rest = "\nsteps = 1\nbatch = 1\ncrop = 32\nsmallest = 1\nlargest = 1\nlr = 1.0\npretrained_lr = 1.0\nlosses = {}"
    (tmp_path / "bad.toml").write_text("[network]\nsizes = {}\nkind = 'thermal'\n" + text + rest)
    with pytest.raises(ValueError, match=message):
        load_recipe(tmp_path / "bad.toml")
