"""The sampling benchmark measures both ways on the same draws, and says what it left out."""

from __future__ import annotations

import pytest
import torch

from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_train.bench.sampling import SamplingRow, bench_sampling


@pytest.fixture(scope="module")
def network() -> PixelCNN:
    torch.manual_seed(0)
    return PixelCNN(width=8, layers=2, embedding=2, conditioning=4, likelihood=Likelihood.SOFTMAX)


def test_both_ways_draw_the_same(network: PixelCNN) -> None:
    rows = bench_sampling(network, batches=(1, 4), grid=(6, 6), dtype=torch.float32, repeat=1)
    assert [row.batch for row in rows] == [1, 4]
    for row in rows:
        assert row.same_grids == row.batch
        assert row.naive_seconds is not None
        assert row.naive_seconds > 0
        assert row.cached_seconds > 0


def test_a_naive_loop_that_was_left_out_is_not_estimated(network: PixelCNN) -> None:
    small, large = bench_sampling(network, batches=(1, 2), grid=(3, 3), naive_up_to=1, repeat=1)
    assert small.factor is not None
    assert (large.naive_seconds, large.factor, large.same_grids) == (None, None, None)


def test_figures_by_hand() -> None:
    row = SamplingRow(batch=32, naive_seconds=90.0, cached_seconds=0.5, same_grids=32)
    assert row.factor == pytest.approx(180)
    assert row.cached_seconds_a_grid == pytest.approx(1 / 64)


def test_the_network_is_left_as_it_was(network: PixelCNN) -> None:
    network.train()
    bench_sampling(network, batches=(1,), grid=(2, 2), naive_up_to=0, repeat=1)
    assert network.training
    assert network.condition.weight.dtype == torch.float32


@pytest.mark.slow
def test_the_bar_of_40_times_at_batch_32() -> None:
    torch.manual_seed(0)
    shipped_size = PixelCNN(width=64, layers=10, embedding=8, conditioning=96, likelihood=Likelihood.SOFTMAX)
    (row,) = bench_sampling(shipped_size, batches=(32,))
    assert row.same_grids == 32
    assert row.factor is not None
    assert row.factor >= 40
