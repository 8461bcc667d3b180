"""The loop at toy size: it learns, it resumes to the same weights, and it refuses another recipe's folder."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restore_models import load_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_train.loop import TrainOptions, train
from restore_train.recipe import Adversary, Data, Network, Phase, Recipe, load_recipe, rate_at

REGRESSION = Phase(
    name="regression", steps=4, batch=2, crop=64, smallest=32, largest=64, lr=1e-3, pretrained_lr=1e-4,
    losses={"smooth_l1": 1.0, "ciede2000": 0.01, "ab_error_rebalanced": 0.01, "colourfulness": -0.1}, gain=1.0,
    warmup_steps=2, decay_steps=2,
)  # fmt: skip
ADVERSARIAL = Phase(
    name="adversarial", steps=3, batch=2, crop=64, smallest=32, largest=64, lr=1e-4, pretrained_lr=1e-5,
    losses={"log_mse": 1.0}, adversary=Adversary(lr=1e-4, weight=0.1, alone_steps=1),
)  # fmt: skip
RECIPE = Recipe(
    name="toy",
    seed=1,
    data=Data(photos=("photos",), wear=0.5),
    network=Network(sizes={"decoder_channels": (8, 8, 8, 8)}),
    phases=(REGRESSION, ADVERSARIAL),
)
SHIPPED_RECIPES = Path(__file__).resolve().parents[2] / "train" / "recipes"


@pytest.fixture
def options(tmp_path: Path) -> TrainOptions:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        cv2.imwrite(str(tmp_path / "photos" / f"{index}.png"), rng.integers(0, 256, (64, 72, 3)).astype(np.uint8))
    return TrainOptions(data=tmp_path, run=tmp_path / "run", threads=1, log_every=1)


def test_a_stopped_run_resumes_to_the_same_weights(options: TrainOptions, tmp_path: Path) -> None:
    whole = load_network(train(RECIPE, options)).module.state_dict()
    stopped = replace(options, run=tmp_path / "stopped")
    train(replace(RECIPE, phases=(replace(REGRESSION, steps=2, decay_steps=0),)), stopped)
    # The schedule so far was the same: step 3 of 4 is where the decay begins.
    resumed = load_network(train(RECIPE, stopped)).module.state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_a_run_of_stored_photos_with_early_film_survives_any_step(options: TrainOptions, tmp_path: Path) -> None:
    data = replace(RECIPE.data, photos=("photo*",), in_memory=False, early_film=1.0)
    recipe = replace(RECIPE, data=data, phases=(REGRESSION,))
    whole = load_network(train(recipe, options)).module.state_dict()
    stopped = replace(options, run=tmp_path / "stopped", checkpoint_seconds=0)

    def stop_at_third(step: int, phase: Phase) -> float:
        if step == 2:
            raise KeyboardInterrupt
        return rate_at(step, phase)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("restore_train.loop.rate_at", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, stopped)
    resumed = load_network(train(recipe, stopped)).module.state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_both_players_rates_fall_and_features_are_matched(options: TrainOptions) -> None:
    save_file(MobileNetV2Encoder(channels_in=3).state_dict(), options.data / "classifier.safetensors")
    adversary = Adversary(lr=1e-4, weight=0.1, feature_matching=0.5)
    losses = {"smooth_l1": 1.0, "features": 1.0}
    phase = replace(ADVERSARIAL, losses=losses, adversary=adversary, warmup_steps=1, decay_steps=3)
    network = replace(RECIPE.network, classifier="classifier.safetensors")
    train(replace(RECIPE, network=network, phases=(phase,)), options)
    lines = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert all(line[name] > 0 for line in lines for name in ("features", "judge", "fooling", "matching"))
    judge = torch.load(options.run / "checkpoint.pt", weights_only=True)["learner"]["judge"]
    assert judge["param_groups"][0]["lr"] == pytest.approx(1e-4 / 3)


def test_shards_that_are_not_there_are_named(options: TrainOptions) -> None:
    recipe = replace(RECIPE, data=replace(RECIPE.data, photos=("more/*.tar",)))
    with pytest.raises(FileNotFoundError, match=r"more/\*\.tar"):
        train(recipe, replace(options, dry_run=True))


def test_pixcolor_learns_and_resumes(options: TrainOptions) -> None:
    sizes = {"conditioning": (8, 8, 8), "width": 8, "layers": 2, "post_width": 8, "refinement_width": 8}
    losses = {"pixelcnn": 1.0, "post_head": 1.0, "refinement": 1.0}
    recipe = replace(
        RECIPE, network=Network(sizes=sizes, kind="pixcolor"), phases=(replace(REGRESSION, losses=losses, steps=2),)
    )
    train(recipe, options)
    longer = replace(recipe, phases=(replace(recipe.phases[0], steps=3),))
    loaded = load_network(train(longer, options))
    assert (loaded.network, loaded.metadata["step"]) == ("pixcolor", "3")
    lines = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(math.isfinite(line[name]) for line in lines for name in losses)


def test_a_run_folder_of_another_recipe_is_refused(options: TrainOptions) -> None:
    short = replace(RECIPE, phases=(replace(REGRESSION, steps=1),))
    train(short, options)
    with pytest.raises(ValueError, match="another recipe"):
        train(replace(short, seed=2), options)


def test_a_dry_run_writes_nothing(options: TrainOptions) -> None:
    train(RECIPE, replace(options, dry_run=True))
    assert not options.run.exists()


def test_rates_rise_stay_and_fall() -> None:
    phase = replace(REGRESSION, steps=10, warmup_steps=2, decay_steps=4)
    rates = [rate_at(step, phase) for step in range(10)]
    assert rates == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_shipped_recipes_load() -> None:
    names = [load_recipe(path).name for path in sorted(SHIPPED_RECIPES.rglob("*.toml"))]
    assert {"pix2pix", "l1-lsgan10"} <= set(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not TOML"),
        ("name = 'x'\nseed = 1\ncolour = 2", "unknown keys \\['colour'\\]"),
        ("name = 'x'\nseed = 1\n[data]\nphotos = []", "\\[data\\].*missing"),
        ("[[phase]]\nname = 'a'\nlosses = {shine = 1.0}", "phase a.*unknown losses \\['shine'\\]"),
        ("[[phase]]\nname = 'a'\nadversary = {}", "phase a.*adversary.*missing"),
        ("name = 'x'\nseed = 1\n[data]\nphotos = []\nwear = 0.0\n[network]\nsizes = {}", "one at least"),
    ],
)
def test_recipe_errors_name_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe(path)
