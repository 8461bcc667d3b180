"""Batch norm's statistics are those of what the kept weights see, at the end of a phase and in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restore_models import load_network
from restore_train.batch_statistics import STATISTICS_BATCHES, measure_statistics
from restore_train.loop import TrainOptions, train
from restore_train.recipe import Data, Network, Phase, Recipe

PHASE = Phase(
    name="only", steps=2, batch=2, crop=64, smallest=32, largest=64, lr=1e-3, pretrained_lr=1e-4,
    losses={"smooth_l1": 1.0}, ema=0.99,
)  # fmt: skip
PIX2PIX = Network(sizes={"decoder_channels": (8, 8, 8, 8)})
PIXCOLOR = Network(
    sizes={"conditioning": (8, 8, 8), "width": 8, "layers": 2, "post_width": 8, "refinement_width": 8}, kind="pixcolor"
)


def test_statistics_are_the_mean_of_all_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(4, 3, 8, 8, generator=generator) * scale + scale for scale in (1.0, 2.0, 3.0)]
    norm = nn.BatchNorm2d(3, momentum=0.2)
    module = nn.Sequential(norm, nn.Dropout(0.5)).eval()
    seen: list[Tensor] = []
    measure_statistics(module, lambda batch: seen.append(module(batch)), batches)
    torch.testing.assert_close(norm.running_mean, torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([batch.var(dim=(0, 2, 3)) for batch in batches]).mean(0))
    assert (norm.momentum, norm.training) == (0.2, False)
    assert all((batch != 0).all() for batch in seen)  # dropout was off


@pytest.mark.parametrize(("network", "loss"), [(PIX2PIX, "smooth_l1"), (PIXCOLOR, "pixelcnn")])
def test_saved_weights_have_statistics_of_their_own(tmp_path: Path, network: Network, loss: str) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 256, (64, 72, 3)).astype(np.uint8))
    recipe = Recipe(
        name="toy",
        seed=1,
        data=Data(photos=(".",), wear=0.0),
        network=network,
        phases=(replace(PHASE, losses={loss: 1.0}),),
    )
    options = TrainOptions(data=tmp_path, run=tmp_path / "run", threads=1, checkpoint_every=1)
    states = [load_network(train(recipe, options)).module.state_dict()]
    # The run was killed after its last checkpoint, before it had measured: going on only measures.
    (tmp_path / "run" / "toy.safetensors").unlink()
    states.append(load_network(train(recipe, options)).module.state_dict())
    counts = [int(value) for name, value in states[0].items() if name.endswith("num_batches_tracked")]
    assert counts
    assert set(counts) == {STATISTICS_BATCHES}
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, msg=name)


def test_weights_saved_within_a_phase_are_measured_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 256, (64, 72, 3)).astype(np.uint8))
    recipe = Recipe(name="toy", seed=1, data=Data(photos=(".",), wear=0.0), network=PIX2PIX, phases=(PHASE,))
    counts: list[tuple[int, int]] = []

    def look(path: Path, state: dict[str, Tensor], **notes: str) -> None:
        assert path.name.startswith("toy")
        counts.append((int(notes["step"]), int(state["bottom.1.num_batches_tracked"])))

    monkeypatch.setattr("restore_train.loop.save_network", look)
    train(recipe, TrainOptions(data=tmp_path, run=tmp_path / "run", threads=1, checkpoint_every=1))
    assert counts == [(1, STATISTICS_BATCHES), (2, STATISTICS_BATCHES), (2, STATISTICS_BATCHES)]
