"""The sampling benchmark measures both ways on the same draws, and says what it left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restore.errors import ModelError
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_train.bench.sampling import bench_sampling, open_pixelcnn


@pytest.fixture(scope="module")
def network() -> PixelCNN:
    torch.manual_seed(0)
    return PixelCNN(width=8, layers=2, embedding=2, conditioning=4, likelihood=Likelihood.SOFTMAX)


def test_both_ways_draw_the_same(network: PixelCNN) -> None:
    result = bench_sampling(network, batches=(1, 4), grid=(6, 6), dtype=torch.float32, repeat=1)
    assert {name: row.count for name, row in result.rows.items()} == {
        "cached, batch 1": 1,
        "naive, batch 1": 1,
        "cached, batch 4": 4,
        "naive, batch 4": 4,
    }
    assert result.columns["same grids"] == {"cached, batch 1": "1 of 1", "cached, batch 4": "4 of 4"}


def test_a_naive_loop_that_was_left_out_is_not_estimated(network: PixelCNN) -> None:
    result = bench_sampling(network, batches=(1, 2), grid=(3, 3), naive_up_to=1, repeat=1)
    assert list(result.rows) == ["cached, batch 1", "naive, batch 1", "cached, batch 2"]
    assert set(result.columns["factor"]) == set(result.columns["same grids"]) == {"cached, batch 1"}


def test_another_network_has_nothing_to_sample(toy_model: Path) -> None:
    with pytest.raises(ModelError, match="is no PixColor"):
        open_pixelcnn(str(toy_model))
    with pytest.raises(ModelError, match="unknown model"):
        open_pixelcnn("nothing")


def test_the_network_is_left_as_it_was(network: PixelCNN) -> None:
    network.train()
    bench_sampling(network, batches=(1,), grid=(2, 2), naive_up_to=0, repeat=1)
    assert network.training
    assert network.condition.weight.dtype == torch.float32


@pytest.mark.slow
def test_the_bar_of_40_times_at_batch_32() -> None:
    torch.manual_seed(0)
    shipped_size = PixelCNN(width=64, layers=10, embedding=8, conditioning=96, likelihood=Likelihood.SOFTMAX)
    result = bench_sampling(shipped_size, batches=(32,))
    assert result.columns["same grids"] == {"cached, batch 32": "32 of 32"}
    assert float(result.columns["factor"]["cached, batch 32"]) >= 40
