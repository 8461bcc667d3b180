"""One step of PixColor's training: what the losses see, and that they teach."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
from restore_models.pixcolor_bins import BINS, bins_from_chroma
from restore_train.augment import FilmWear
from restore_train.photoset import Crops, PhotoSet, read_photos
from restore_train.pixcolor_training import (
    coarse_chroma,
    drawn_as_at_work,
    nats_of_truth,
    random_holes,
    redrawn,
    refinement_loss,
    symbol_losses,
)

SIDE = 64


def toy(likelihood: str = "softmax") -> PixColor:
    torch.manual_seed(0)
    return build_pixcolor(
        PixColorSizes(
            conditioning=(8, 8, 16),
            width=16,
            layers=2,
            embedding=4,
            post_width=16,
            refinement_width=8,
            likelihood=likelihood,
        )
    )


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma and chroma at stride 4 of real crops."""
    some = list(islice(read_photos([shared_data / "photos" / "train-0.tar"]), 6))
    crops = Crops(size=SIDE, smallest=200, largest=224, stride=4)
    photoset = PhotoSet(some, np.full(len(some), 1 / len(some)), crops, FilmWear(0.0))
    luma, chroma = photoset.batch(6, np.random.default_rng(1))
    return torch.from_numpy(luma), torch.from_numpy(chroma)


def test_coarse_chroma_is_the_mean_over_each_cell() -> None:
    luma, chroma = torch.zeros(1, 1, 16, 32), torch.arange(64.0).reshape(1, 2, 4, 8)
    coarse = coarse_chroma(chroma, luma)
    assert coarse.shape == (1, 2, 2, 4)
    assert float(coarse[0, 0, 0, 0]) == pytest.approx((0 + 1 + 8 + 9) / 4)
    assert torch.equal(coarse_chroma(coarse, luma), coarse)


@pytest.mark.parametrize("likelihood", ["softmax", "mixture"])
def test_losses_are_nats_and_reach_every_parameter(likelihood: str) -> None:
    model = toy(likelihood)
    generator = torch.Generator().manual_seed(1)
    luma = torch.rand(2, 1, SIDE, SIDE, generator=generator)
    chroma = 0.4 * torch.rand(2, 2, SIDE // 4, SIDE // 4, generator=generator) - 0.2
    losses = symbol_losses(model, luma, chroma)
    for loss in losses.values():
        assert 2.5 < float(loss.detach()) < 4.5  # near ln 32 = 3.47 before any training
    with torch.no_grad():
        model.refinement.last.weight.normal_()  # it starts at zero, where nothing behind it can learn
    total = losses["pixelcnn"] + losses["post_head"] + refinement_loss(model, luma, chroma)
    total.backward()  # type: ignore[no-untyped-call]
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_the_post_head_is_given_drawn_bins_and_not_true_ones() -> None:
    """A PixelCNN that is sure of one bin hands on that bin, whatever the truth is."""
    model = toy()
    with torch.no_grad():
        for output in (model.pixelcnn.head.red, model.pixelcnn.head.blue):
            assert output.bias is not None
            output.bias[7] = 100.0
    truth = torch.randint(BINS, (2, 2, 4, 4))
    conditioning = torch.randn(2, 16, 4, 4)
    for passes in (1, 2):
        drawn = redrawn(model, model.pixelcnn(truth, conditioning), conditioning, passes)
        assert (drawn == 7).all()


@pytest.mark.parametrize("likelihood", ["softmax", "mixture"])
def test_training_beats_the_bins_own_entropy(likelihood: str, photos: tuple[torch.Tensor, torch.Tensor]) -> None:
    """On the photos it learns from: well below what a table of each channel's frequencies could reach."""
    luma, chroma = photos
    bins = bins_from_chroma(coarse_chroma(chroma, luma))
    entropies = []
    for channel in (0, 1):
        shares = torch.bincount(bins[:, channel].flatten(), minlength=BINS) / bins[:, channel].numel()
        entropies.append(float(torch.special.entr(shares).sum()))
    entropy = float(np.mean(entropies))
    model = toy(likelihood)
    model.encoder.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(30):
        losses = symbol_losses(model, luma, chroma, passes=1)
        loss = losses["pixelcnn"] + losses["post_head"] + refinement_loss(model, luma, chroma)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert float(losses["pixelcnn"].detach()) < entropy - 0.5
    assert float(losses["post_head"].detach()) < entropy - 0.1


def test_nats_ask_both_networks_for_the_truth(photos: tuple[torch.Tensor, torch.Tensor]) -> None:
    luma, chroma = photos
    model = toy().eval()
    nats = nats_of_truth(model, luma[:2], chroma[:2], seed=3)
    assert nats == nats_of_truth(model, luma[:2], chroma[:2], seed=3)
    assert nats != nats_of_truth(model, luma[:2], chroma[:2], seed=4)
    flat = float(np.log(BINS))  # an untrained softmax is nearly flat, whatever it is given
    assert [nats.forced, nats.before, nats.after] == pytest.approx([flat] * 3, abs=1.0)
    with torch.no_grad():
        forced = symbol_losses(model, luma[:2], chroma[:2], passes=0)
    assert nats.forced == pytest.approx(float(forced["pixelcnn"]), abs=1e-5)


def test_holes_hide_cells_from_later_ones_in_half_of_the_grids() -> None:
    torch.manual_seed(0)
    bins = torch.full((400, 2, 8, 8), 15)
    known = random_holes(bins, 0.8)
    shares = 1 - known.mean(dim=(1, 2, 3))
    assert known.shape == (400, 1, 8, 8)
    assert float((shares == 0).float().mean()) == pytest.approx(0.5, abs=0.08)
    assert float(shares[shares > 0].mean()) == pytest.approx(0.4, abs=0.05)
    assert float(shares.max()) > 0.6


def test_a_hidden_cell_is_known_to_its_own_blue_alone() -> None:
    network = toy().pixelcnn.eval()
    conditioning = torch.zeros(1, 16, 4, 4)
    bins, others = torch.full((1, 2, 4, 4), 15), torch.full((1, 2, 4, 4), 15)
    others[0, :, 1, 1] = 25
    known = torch.ones(1, 1, 4, 4)
    known[0, 0, 1, 1] = 0
    with torch.no_grad():
        differs = network(bins, conditioning, known) != network(others, conditioning, known)
        told = network(bins, conditioning) != network(others, conditioning)
    assert differs.any(dim=-1).nonzero().tolist() == [[0, 1, 1, 1]]
    assert told[0, :, 2:].any()


def test_the_post_head_alone_teaches_nothing_before_it(photos: tuple[torch.Tensor, torch.Tensor]) -> None:
    luma, chroma = photos
    model = toy()
    losses = symbol_losses(model, luma[:2], chroma[:2], passes=2, alone=True)
    losses["post_head"].backward()  # type: ignore[no-untyped-call]
    taught = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert taught == {"post_head"}
    assert not losses["pixelcnn"].requires_grad


def test_the_post_head_learns_from_draws_as_at_work(photos: tuple[torch.Tensor, torch.Tensor]) -> None:
    luma, chroma = photos
    model = toy()
    torch.manual_seed(3)
    losses = symbol_losses(model, luma[:2], chroma[:2], passes=None, alone=True)
    losses["post_head"].backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in model.post_head.parameters())
    with torch.no_grad():
        conditioning = model.condition(luma[:2])
        torch.manual_seed(5)
        drawn = drawn_as_at_work(model, conditioning)
        torch.manual_seed(5)
        assert torch.equal(drawn, drawn_as_at_work(model, conditioning))
        assert not torch.equal(drawn, drawn_as_at_work(model, conditioning))
