"""Cached sampling draws what the naive loop draws, whatever is drawn beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from restore_models.pixcolor import PixColorSizes, build_pixcolor
from restore_models.pixcolor_bins import BINS
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_noise import symbol_noise
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_models.pixcolor_sampling import CachedSampler, Given, RowByRow, draw_bins, sample_naively

CHANNELS = 6
GRIDS = [(1, 1), (1, 9), (9, 1), (5, 7), (8, 6), (2, 13)]


def network(likelihood: Likelihood, *, width: int = 12, layers: int = 3) -> PixelCNN:
    """Toy weights, large enough that the past matters to what is drawn."""
    torch.manual_seed(0)
    net = PixelCNN(width=width, layers=layers, embedding=4, conditioning=CHANNELS, likelihood=likelihood)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.7)
        for output in (net.head.red, net.head.blue):
            output.weight.mul_(8)
    return net.eval()


def inputs(grids: int, height: int, width: int, *, seed: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    conditioning = torch.randn(grids, CHANNELS, height, width, generator=torch.Generator().manual_seed(seed))
    return conditioning, torch.from_numpy(symbol_noise([seed] * grids, range(grids), height, width))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # the latter by the compiled loop
@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize("grid", GRIDS)
def test_cached_bins_are_the_naive_loop_s_in_fp32(
    likelihood: Likelihood, grid: tuple[int, int], dtype: torch.dtype
) -> None:
    net = network(likelihood)
    conditioning, noise = inputs(3, *grid)
    naive = sample_naively(net, conditioning, noise)
    cached = CachedSampler(net, dtype=dtype)(conditioning, noise)
    assert torch.equal(cached.bins, naive.bins)
    torch.testing.assert_close(cached.log_likelihood.float(), naive.log_likelihood, rtol=1e-4, atol=1e-3)


def test_cached_bins_are_the_naive_loop_s_on_a_larger_grid_and_in_fp64() -> None:
    net = network(Likelihood.SOFTMAX)
    conditioning, noise = inputs(3, 12, 14)
    naive = sample_naively(net, conditioning, noise)
    assert (torch.bincount(naive.bins.flatten(), minlength=BINS) > 0).sum() > BINS // 2
    assert torch.equal(CachedSampler(net, dtype=torch.float32)(conditioning, noise).bins, naive.bins)
    assert torch.equal(CachedSampler(net, dtype=torch.float64)(conditioning, noise).bins, naive.bins)


def test_the_past_matters_to_what_is_drawn() -> None:
    """Else a sampler with wrong caches could pass."""
    net = network(Likelihood.SOFTMAX)
    conditioning, noise = inputs(1, 8, 8)
    other = noise.clone()
    other[..., 0, :] = 1 - other[..., 0, :]
    sampler = CachedSampler(net)
    moved = (sampler(conditioning, noise).bins != sampler(conditioning, other).bins)[0].any(dim=0)
    assert moved[0].any()
    assert moved[1:].sum() > 10


@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize("temperature", [0.0, 1e-6, 0.3, 1.0, 50.0])
def test_temperatures_alike_in_both_ways(temperature: float, likelihood: Likelihood) -> None:
    net = network(likelihood)
    conditioning, noise = inputs(2, 4, 5)
    naive = sample_naively(net, conditioning, noise, temperature=temperature)
    cached = CachedSampler(net)(conditioning, noise, temperature=temperature)
    assert torch.equal(cached.bins, naive.bins)


def test_cold_draws_take_the_likeliest_bin_and_need_no_noise() -> None:
    net = network(Likelihood.SOFTMAX)
    conditioning, noise = inputs(2, 5, 5)
    sampler = CachedSampler(net)
    cold = sampler(conditioning, noise, temperature=0.0)
    assert torch.equal(cold.bins, sampler(conditioning, 1 - noise, temperature=0.0).bins)
    with torch.inference_mode():
        assert torch.equal(net(cold.bins, conditioning).argmax(dim=-1), cold.bins)
    warm = sampler(conditioning, noise, temperature=1.0)
    assert (cold.log_likelihood > warm.log_likelihood).all()


def test_hot_draws_use_every_bin_alike() -> None:
    log_probabilities = torch.randn(BINS).log_softmax(dim=0).expand(4096, BINS)
    noise = (torch.arange(4096) + 0.5) / 4096
    counts = torch.bincount(draw_bins(log_probabilities, noise, 1e6), minlength=BINS)
    assert ((counts - 4096 / BINS).abs() <= 1).all()


def test_draws_have_the_distribution_they_are_drawn_from() -> None:
    probabilities = torch.softmax(2 * torch.randn(BINS, generator=torch.Generator().manual_seed(1)), dim=0)
    noise = (torch.arange(100_000) + 0.5) / 100_000
    drawn = draw_bins(probabilities.log().expand(100_000, BINS), noise, 1.0)
    shares = torch.bincount(drawn, minlength=BINS) / 100_000
    torch.testing.assert_close(shares, probabilities, rtol=0, atol=3e-5)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_temperatures_that_make_no_sense_are_refused(temperature: float) -> None:
    conditioning, noise = inputs(1, 2, 2)
    with pytest.raises(ValueError, match="temperature"):
        CachedSampler(network(Likelihood.SOFTMAX))(conditioning, noise, temperature=temperature)


def test_noise_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        CachedSampler(network(Likelihood.SOFTMAX))(inputs(2, 3, 4)[0], inputs(2, 4, 3)[1])


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("likelihood", ["softmax", "mixture"])
@pytest.mark.usefixtures("two_threads")
def test_batch_order_and_threads_change_nothing_at_the_shipped_size(likelihood: str) -> None:
    torch.manual_seed(1)
    net = build_pixcolor(PixColorSizes(likelihood=likelihood)).pixelcnn
    generator = torch.Generator().manual_seed(2)
    conditioning = 2 * torch.randn(5, 96, 4, 6, generator=generator)
    noise = torch.from_numpy(symbol_noise(range(5), range(5), 4, 6))
    sampler = CachedSampler(net)
    together = sampler(conditioning, noise)
    backwards = sampler(conditioning.flip(0), noise.flip(0))
    assert torch.equal(backwards.bins.flip(0), together.bins)
    torch.set_num_threads(1)
    for index in range(5):
        one = sampler(conditioning[index : index + 1], noise[index : index + 1])
        assert torch.equal(one.bins[0], together.bins[index])
    assert len({tuple(grid.flatten().tolist()) for grid in together.bins}) == 5


def test_the_size_of_a_batch_is_no_part_of_the_result() -> None:
    torch.manual_seed(2)
    sizes = PixColorSizes(conditioning=(8, 8, 8), width=12, layers=2, embedding=4, post_width=8, refinement_width=8)
    model = build_pixcolor(sizes).eval()
    with torch.inference_mode():
        conditioning = model.condition_each(torch.rand(3, 1, 32, 32))
    whole = model.sample(conditioning, seeds=[1, 2], pictures=[5, 6, 7])
    for largest_batch in (1, 4):
        parts = model.sample(conditioning, seeds=[1, 2], pictures=[5, 6, 7], largest_batch=largest_batch)
        assert torch.equal(parts.bins, whole.bins)
        assert torch.equal(parts.coarse, whole.coarse)


def test_caches_do_not_grow_with_the_grid_s_height() -> None:
    sampler = CachedSampler(network(Likelihood.SOFTMAX))
    low, high = (
        sum(
            kept.numel()
            for kept in vars(RowByRow(sampler, inputs(2, height, 5)[0], 1.0)).values()
            if torch.is_tensor(kept)
        )
        for height in (2, 40)
    )
    assert low == high > 0


def test_log_likelihood_is_the_network_s_own_of_what_was_drawn() -> None:
    net = network(Likelihood.SOFTMAX)
    conditioning, noise = inputs(3, 6, 5)
    draw = CachedSampler(net)(conditioning, noise, temperature=0.5)
    with torch.inference_mode():
        own = net.likelihood.log_probability(net(draw.bins, conditioning), draw.bins).sum(dim=(1, 2, 3))
    torch.testing.assert_close(draw.log_likelihood.float(), own, rtol=1e-4, atol=1e-3)


def some_given(noise: torch.Tensor, share: float, seed: int = 3) -> Given:
    """Random bins, given in blobs, so that rows have long given stretches."""
    generator = torch.Generator().manual_seed(seed)
    grids, _, height, width = noise.shape
    cloud = torch.rand(grids, 1, height // 2 + 1, width // 4 + 1, generator=generator)
    mask = cloud.repeat_interleave(2, 2).repeat_interleave(4, 3)[:, 0, :height, :width] < share
    return Given(torch.randint(BINS, noise.shape, generator=generator), mask)


@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize(("grid", "share"), [((5, 7), 0.5), ((7, 40), 0.9), ((4, 30), 1.0), ((4, 6), 0.0)])
def test_given_cells_stay_and_the_others_are_the_naive_loop_s(
    likelihood: Likelihood, grid: tuple[int, int], share: float
) -> None:
    net = network(likelihood)
    conditioning, noise = inputs(2, *grid)
    given = some_given(noise, share)
    naive = sample_naively(net, conditioning, noise, given=given)
    cached = CachedSampler(net)(conditioning, noise, given=given)
    assert torch.equal(cached.bins, naive.bins)
    torch.testing.assert_close(cached.log_likelihood.float(), naive.log_likelihood, rtol=1e-4, atol=1e-3)
    fixed = given.mask[:, None].expand_as(noise)
    assert torch.equal(cached.bins[fixed], given.bins[fixed])
    free = CachedSampler(net)(conditioning, noise).bins
    assert torch.equal(cached.bins, free) == (share == 0)


def test_given_stretches_cost_no_work() -> None:
    net = network(Likelihood.SOFTMAX, layers=2)
    conditioning, _ = inputs(1, 3, 30)
    mask = torch.ones(1, 3, 30, dtype=torch.bool)
    mask[0, 1, [20, 27]] = False
    given = Given(torch.zeros(1, 2, 3, 30, dtype=torch.long), mask)
    rows = RowByRow(CachedSampler(net), conditioning, 1.0, some_given=True)
    for row, columns, drawn in ((0, [], set()), (1, [18, 19, 20, 25, 26, 27], {20, 27})):
        rows.take(given, row, pass_over=True)
        assert (rows.columns, rows.drawn) == (columns, drawn)


def test_given_cells_of_another_grid_are_refused() -> None:
    conditioning, noise = inputs(2, 3, 4)
    given = Given(torch.zeros(2, 2, 4, 3, dtype=torch.long), torch.ones(2, 4, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="do not fit"):
        CachedSampler(network(Likelihood.SOFTMAX))(conditioning, noise, given=given)


@pytest.mark.gpu
@pytest.mark.parametrize("likelihood", Likelihood)
def test_a_captured_row_draws_what_the_cpu_draws(likelihood: Likelihood) -> None:
    """Twice, since a graph keeps its buffers between replays."""
    net = network(likelihood)
    conditioning, noise = inputs(5, 9, 7)
    kept = some_given(noise, 0.5)
    expected, expected_of_given = (CachedSampler(net)(conditioning, noise, given=given) for given in (None, kept))
    sampler = CachedSampler(net.to("cuda"))
    there = conditioning.to("cuda"), noise.to("cuda")
    kept_there = Given(kept.bins.to("cuda"), kept.mask.to("cuda"))
    for _ in range(2):
        draw, draw_of_given = sampler(*there), sampler(*there, given=kept_there)
        assert torch.equal(draw.bins.cpu(), expected.bins)
        assert torch.equal(draw_of_given.bins.cpu(), expected_of_given.bins)
        torch.testing.assert_close(draw.log_likelihood.cpu(), expected.log_likelihood)
        torch.testing.assert_close(draw_of_given.log_likelihood.cpu(), expected_of_given.log_likelihood)
