"""What one step of PixColor's training computes; the loop around it is everybody's.

PixelCNN and post-head learn together, teacher-forced. The refinement learns alone, from true coarse chroma, so that it
learns to use the hint.

The post-head may see later cells, so it must not see true bins, nor anything computed from them: the PixelCNN's answer
at a cell's right neighbour gives the cell away, and a head on top of those answers would report a likelihood that no
sampler can reach. It is given bins drawn by the PixelCNN instead. Drawing whole grids at each step is slow; but drawing
every cell at once, from the distributions that a grid before it implies, leads from the truth toward the PixelCNN's own
samples a step at a time (a Jacobi iteration: after k passes the first k cells of a grid are as sampled). One pass is
too few: noise around the truth teaches the head to trust what it is given, and at generation it is then surer than its
samples deserve. In a trial, nats a symbol of the truth along the PixelCNN's own samples were 7.7 before the head and
8.0, 6.2 and 5.5 after heads taught with 1, 1 or 2, and 4 passes, the colour equally strong with each.

Real draws are further still. They are one of many answers where the truth is another, so a head taught with them alone
would leave them aside and answer with the mean of all: gray, and the same for every seed. Taught with a share of them,
it holds back as much as the draws deserve, and takes the edge off what is wrong in them (``draws_every`` of a phase).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from restore_models.pixcolor import PixColor
from restore_models.pixcolor_bins import bins_from_chroma
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_sampling import draw_bins


def coarse_chroma(chroma: Tensor, luma: Tensor, grid_stride: int = PixColor.grid_stride) -> Tensor:
    """Chroma ``B x 2 x h x w`` of any finer grid to its means on the coarse one, ``B x 2 x H/8 x W/8``."""
    factor = chroma.shape[-1] * grid_stride // luma.shape[-1]
    return F.avg_pool2d(chroma, factor) if factor > 1 else chroma


def negative_log_likelihood(likelihood: Likelihood, raw: Tensor, bins: Tensor) -> Tensor:
    """Mean nats a symbol of ``bins`` ``B x 2 x h x w`` under ``raw`` ``B x 2 x h x w x K``; a scalar."""
    return -likelihood.log_probability(raw.float(), bins).mean()


WORKING_TEMPERATURE = 0.8  # of draws as at work; the shipped model's default


@torch.no_grad()
def redrawn(model: PixColor, raw: Tensor, conditioning: Tensor, passes: int) -> Tensor:
    """Bins ``B x 2 x h x w`` drawn everywhere at once, ``passes`` times, starting from teacher-forced ``raw``."""
    likelihood = model.pixelcnn.likelihood
    for index in range(passes):
        noise = torch.rand(raw.shape[:-1], device=raw.device)
        bins = draw_bins(likelihood.log_probabilities(raw.float()), noise, 1.0)
        if index + 1 < passes:
            raw = model.pixelcnn(bins, conditioning)
    return bins


def random_holes(bins: Tensor, largest_share: float) -> Tensor:
    """Which cells of bins ``B x 2 x h x w`` the PixelCNN is told of, ``B x 1 x h x w``: all in about half of the grids.

    The cell beside gives so much away that a PixelCNN learns to look at little else, and its samples wander from one
    colour to another. With up to ``largest_share`` of the cells missing it has to look further.
    """
    shares = (2 * torch.rand(len(bins), 1, 1, 1) - 1).clamp(min=0) * largest_share
    return (torch.rand(len(bins), 1, *bins.shape[2:]) >= shares).to(bins.device, torch.float32)


def drawn_as_at_work(model: PixColor, conditioning: Tensor) -> Tensor:
    """Bins ``B x 2 x h x w`` drawn cell by cell; they know nothing of the truth that the conditioning does not say."""
    seed = int(torch.randint(2**31, ()))
    pictures = range(len(conditioning))
    draws = model.sample(
        conditioning, seeds=[seed], pictures=pictures, temperature=WORKING_TEMPERATURE, dtype=torch.float32
    )
    return draws.bins[:, 0].clone()


def symbol_losses(
    model: PixColor, luma: Tensor, chroma: Tensor, *, passes: int | None = 3, holes: float = 0.0, alone: bool = False
) -> dict[str, Tensor]:
    """Luma ``B x 1 x H x W`` and chroma (Cb, Cr) ``B x 2 x h x w``, h >= H/8, to the terms of the training loss.

    ``pixelcnn`` and ``post_head`` are nats a symbol before and after the post-head; the loss is their sum. ``passes``
    is how far the bins that the post-head has to mend are from the truth (:func:`redrawn`); each beyond the first costs
    a forward run of the PixelCNN, 0 leaves the post-head out, None draws as at work. ``holes`` is the largest share of
    :func:`random_holes`. ``alone``: the post-head learns, and all before it stays as it is. The drawing uses torch's
    default generator.
    """
    bins = bins_from_chroma(coarse_chroma(chroma, luma))
    with torch.set_grad_enabled(not alone):
        conditioning = model.condition(luma)
        raw = model.pixelcnn(bins, conditioning, random_holes(bins, holes) if holes else None)
    likelihood = model.pixelcnn.likelihood
    losses = {"pixelcnn": negative_log_likelihood(likelihood, raw, bins)}
    if passes is None or passes:
        past = conditioning.detach()
        drawn = drawn_as_at_work(model, past) if passes is None else redrawn(model, raw.detach(), past, passes)
        mended = model.post_head(drawn, conditioning)
        losses["post_head"] = negative_log_likelihood(likelihood, mended, bins)
    return losses


def refinement_loss(model: PixColor, luma: Tensor, chroma: Tensor) -> Tensor:
    """Mean absolute error of the chroma refined from the true coarse chroma; ``chroma`` is ``B x 2 x H/4 x W/4``."""
    refined = model.refine(luma, coarse_chroma(chroma, luma))
    return (refined.float() - chroma).abs().mean()


@dataclass(frozen=True)
class Nats:
    """How surprising the truth is, in nats a symbol (32 equally likely bins: 3.47); lower is better."""

    forced: float
    """To the PixelCNN, given the truth so far: the likelihood proper."""
    before: float
    """To the PixelCNN at generation, where what it is given are its own draws."""
    after: float
    """To the post-head that mends those draws."""


@torch.inference_mode()
def nats_of_truth(model: PixColor, luma: Tensor, chroma: Tensor, *, seed: int = 0, first_picture: int = 0) -> Nats:
    """Draws every picture of a batch once, numbered from ``first_picture`` on, and asks both networks for the truth.

    ``luma`` is ``B x 1 x H x W``, ``chroma`` ``B x 2 x h x w`` of any finer grid than the coarse one.
    """
    bins = bins_from_chroma(coarse_chroma(chroma, luma))
    conditioning = model.condition(luma)
    pictures = range(first_picture, first_picture + len(luma))
    drawn = model.sample(conditioning, seeds=[seed], pictures=pictures).bins[:, 0]
    given_truth, given_draws = model.pixelcnn(bins, conditioning), model.pixelcnn(drawn, conditioning)
    mended = model.post_head(drawn, conditioning)
    likelihood = model.pixelcnn.likelihood
    forced, before, after = (
        float(negative_log_likelihood(likelihood, raw, bins)) for raw in (given_truth, given_draws, mended)
    )
    return Nats(forced, before, after)
