"""PixColor's networks at toy width: who sees what, shapes for any aspect, and refinement that keeps its hint."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor, expected_chroma
from restore_models.pixcolor_bins import BINS, GRAY_BIN, bin_centres, chroma_from_bins
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_models.pixcolor_refinement import PostHead, RefinementNet, agree_with_coarse

LARGEST_MODEL_BYTES = 15_000_000
MOST_PARAMETERS = 6_000_000
TOY = PixColorSizes(conditioning=(8, 8, 8), width=12, layers=2, embedding=4, post_width=8, refinement_width=8)
ROWS, COLUMNS = 5, 6


def toy(likelihood: str = "softmax") -> PixColor:
    torch.manual_seed(3)
    return build_pixcolor(PixColorSizes(**{**asdict(TOY), "likelihood": likelihood})).eval()


@pytest.fixture(scope="module")
def model() -> PixColor:
    return toy()


@pytest.fixture(scope="module")
def influence() -> torch.Tensor:
    """Which symbol's embedding moves which output: outputs (channel, row, column) x inputs (channel, row, column)."""
    torch.manual_seed(4)
    network = PixelCNN(width=16, layers=4, embedding=3, conditioning=5, likelihood=Likelihood.SOFTMAX).double()
    conditioning = torch.randn(1, 5, ROWS, COLUMNS, dtype=torch.float64)
    embedded = torch.randn(1, 6, ROWS, COLUMNS, dtype=torch.float64, requires_grad=True)
    raw = network.from_embedded(embedded, conditioning)[0]
    weights = torch.randn(BINS, dtype=torch.float64)
    moved = []
    for output in (raw @ weights).flatten():
        (gradient,) = torch.autograd.grad(output, embedded, retain_graph=True)
        moved.append(gradient.reshape(2, 3, ROWS, COLUMNS).abs().sum(dim=1))
    return torch.stack(moved).reshape(2, ROWS, COLUMNS, 2, ROWS, COLUMNS)


def order(channel: int, row: int, column: int) -> tuple[int, int]:
    """Raster order of cells, Cr before Cb in each."""
    return row * COLUMNS + column, channel


PLACES = [(channel, row, column) for channel in (0, 1) for row in range(ROWS) for column in range(COLUMNS)]


def test_no_output_sees_itself_or_anything_later(influence: torch.Tensor) -> None:
    """Exactly zero, for Cr and Cb alike; Cr's output does not see its own cell's Cb."""
    leaks = [(o, i) for o in PLACES for i in PLACES if order(*i) >= order(*o) and influence[o][i] != 0]
    assert leaks == []


def test_every_output_sees_everything_earlier(influence: torch.Tensor) -> None:
    """No blind spot above and to the right; Cb sees its own cell's Cr. The reach, 3 + 4 cells, spans this grid."""
    blind = [(o, i) for o in PLACES for i in PLACES if order(*i) < order(*o) and influence[o][i] == 0]
    assert blind == []


def test_forward_on_bins_is_causal_too(model: PixColor) -> None:
    bins = torch.randint(BINS, (1, 2, ROWS, COLUMNS), generator=torch.Generator().manual_seed(0))
    conditioning = torch.randn(1, 8, ROWS, COLUMNS)
    changed = bins.clone()
    changed[0, 0, 2, 3] = (changed[0, 0, 2, 3] + 9) % BINS  # Cr of one cell
    with torch.inference_mode():
        before, after = model.pixelcnn(bins, conditioning), model.pixelcnn(changed, conditioning)
    moved = (before != after).any(dim=-1)[0].flatten(1)  # 2 x cells
    cell = 2 * COLUMNS + 3
    assert not moved[:, :cell].any()
    assert moved[:, cell].tolist() == [False, True]
    assert moved[:, cell + 1].all()


def test_conditioning_reaches_every_output(model: PixColor) -> None:
    bins = torch.full((1, 2, ROWS, COLUMNS), GRAY_BIN)
    conditioning = torch.randn(1, 8, ROWS, COLUMNS, requires_grad=True)
    model.pixelcnn(bins, conditioning)[0, :, 0, 0].sum().backward()
    assert conditioning.grad is not None
    assert conditioning.grad[0, :, 0, 0].abs().sum() > 0


def test_post_head_sees_later_cells() -> None:
    torch.manual_seed(5)
    head = PostHead(width=8, embedding=3, conditioning=4, likelihood=Likelihood.SOFTMAX)
    bins = torch.full((1, 2, 6, 6), GRAY_BIN)
    later = bins.clone()
    later[..., 4, 4] = 3
    conditioning = torch.randn(1, 4, 6, 6)
    assert not torch.equal(head(bins, conditioning)[0, :, 2, 2], head(later, conditioning)[0, :, 2, 2])


@pytest.mark.parametrize("likelihood", ["softmax", "mixture"])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 160), (96, 32)])
def test_shapes_for_any_aspect(likelihood: str, height: int, width: int) -> None:
    model = toy(likelihood)
    luma = torch.rand(2, 1, height, width)
    with torch.inference_mode():
        conditioning = model.condition(luma)
        colourings = model.sample(conditioning, seeds=[1, 2, 3])
        chroma = model(luma)
    grid = (height // 8, width // 8)
    assert conditioning.shape == (2, 8, *grid)
    assert colourings.bins.shape == colourings.coarse.shape == (2, 3, 2, *grid)
    assert colourings.log_likelihood.shape == (2, 3)
    assert (colourings.log_likelihood < 0).all()
    assert chroma.shape == (2, 2, height // model.stride, width // model.stride)
    assert chroma.abs().max() <= 0.5


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 5), (8, 2)])
def test_refinement_reproduces_coarse_chroma(rows: int, columns: int) -> None:
    torch.manual_seed(6)
    net = RefinementNet(width=8)
    torch.nn.init.normal_(net.last.weight)
    coarse = torch.rand(2, 2, rows, columns) - 0.5
    refined = net(torch.rand(2, 1, 8 * rows, 8 * columns), coarse)
    assert refined.shape == (2, 2, 2 * rows, 2 * columns)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(refined, 2), coarse, rtol=0, atol=2e-6)
    assert (refined - refined.mean(dim=(2, 3), keepdim=True)).abs().max() > 0.01  # and is more than its enlargement


def test_agreeing_with_the_truth_s_means_never_leads_away_from_it() -> None:
    torch.manual_seed(7)
    truth, guess = torch.rand(4, 2, 6, 10), torch.rand(4, 2, 6, 10)
    agreed = agree_with_coarse(guess, torch.nn.functional.avg_pool2d(truth, 2))
    assert ((agreed - truth).square().sum(dim=(1, 2, 3)) < (guess - truth).square().sum(dim=(1, 2, 3))).all()


def test_refinement_follows_luma_where_coarse_chroma_is_one_colour() -> None:
    torch.manual_seed(8)
    net = RefinementNet(width=8)
    torch.nn.init.normal_(net.last.weight)
    coarse = torch.full((1, 2, 4, 4), 0.1)
    edge = torch.zeros(1, 1, 32, 32)
    edge[..., 14:] = 1
    flat, edged = net(torch.full_like(edge, 0.5), coarse), net(edge, coarse)
    assert edged[0, 0, 4].diff().abs().max() > 2 * flat[0, 0, 4].diff().abs().max()


def test_expected_chroma_lies_between_mode_and_mean() -> None:
    log_probabilities = torch.full((2, 1, 1, BINS), -30.0)
    log_probabilities[..., GRAY_BIN] = torch.tensor(0.4).log()
    log_probabilities[..., GRAY_BIN + 8] = torch.tensor(0.6).log()
    colour = bin_centres()[GRAY_BIN + 8]
    assert torch.equal(expected_chroma(log_probabilities, 0.0), torch.full((2, 1, 1), float(colour)))
    torch.testing.assert_close(expected_chroma(log_probabilities, 1.0), torch.full((2, 1, 1), 0.6 * float(colour)))
    assert 0.6 * colour < float(expected_chroma(log_probabilities, 0.5)[0]) < colour


def test_expected_chroma_gives_cb_before_cr() -> None:
    log_probabilities = torch.full((2, 1, 1, BINS), -60.0)
    bins = torch.tensor([20, 9]).reshape(2, 1, 1)
    log_probabilities.scatter_(-1, bins[..., None], 0.0)
    torch.testing.assert_close(expected_chroma(log_probabilities, 1.0), chroma_from_bins(bins))


@pytest.mark.parametrize("likelihood", ["softmax", "mixture"])
def test_the_shipped_size_keeps_to_its_limits(likelihood: str) -> None:
    model = build_pixcolor(PixColorSizes(likelihood=likelihood))
    parameters = sum(value.numel() for value in model.state_dict().values())
    assert parameters < MOST_PARAMETERS
    assert 2 * parameters < LARGEST_MODEL_BYTES


def test_sizes_survive_a_weight_file_s_json(model: PixColor) -> None:
    again = PixColorSizes.from_json(json.loads(json.dumps(asdict(model.sizes))))
    assert again == model.sizes
    build_pixcolor(again).load_state_dict(model.state_dict())


def test_colourings_share_the_encoder_and_differ_by_seed(model: PixColor) -> None:
    luma = torch.rand(2, 1, 32, 64)
    with torch.inference_mode():
        conditioning = model.condition_each(luma)
    colourings = model.sample(conditioning, seeds=[4, 5])
    assert not torch.equal(colourings.bins[0, 0], colourings.bins[0, 1])
    alone = model.sample(conditioning[1:], seeds=[5])
    assert torch.equal(alone.bins[0, 0], colourings.bins[1, 1])
    assert torch.equal(alone.coarse[0, 0], colourings.coarse[1, 1])


def test_bad_requests_are_refused(model: PixColor) -> None:
    conditioning = torch.zeros(2, 8, 3, 3)
    with pytest.raises(ValueError, match="0 seeds"):
        model.sample(conditioning, seeds=[])
    with pytest.raises(ValueError, match="3 numbers"):
        model.sample(conditioning, seeds=[1], pictures=[1, 2, 3])
    with pytest.raises(ValueError, match="at least one grid"):
        model.sample(conditioning, seeds=[1], largest_batch=0)
