"""Two ways to say how likely each of the bins is: a softmax, and a mixture of discretized logistics.

Both are functions of raw network outputs; :class:`Likelihood` binds one kind to what a network and a sampler need.
"""

from __future__ import annotations

import math
from enum import Enum

import torch
import torch.nn.functional as F
from torch import Tensor

from restore_models.pixcolor_bins import BINS, GRAY_BIN

COMPONENTS = 10  # as in PixelCNN++
MEAN_UNIT = 8.0  # bins that a raw mean of 1 lies off gray
LOWEST_LOG_SCALE = -4.0  # of a scale in bins: 0.02 bins puts all mass on one bin


def mixture_log_probability(parameters: Tensor, bins: Tensor) -> Tensor:
    """Log-probability of ``bins`` under a mixture of discretized logistics (Salimans 2017, section 2.1, equation 2).

    ``parameters`` is ``... x 3 * COMPONENTS``: log-weights before their softmax, means and log-scales; ``bins`` is
    ``...``. Positions are counted in bins, so that the mixture lives where bins are equally wide. A bin's mass is a
    difference of logistic functions, s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)), taken in logarithms: exact far into
    the tails, with no floor. The outermost bins reach to infinity; all 32 sum to 1.
    """
    weights, means, log_scales = parameters.chunk(3, dim=-1)
    inverse_scales = torch.exp(-log_scales.clamp(min=LOWEST_LOG_SCALE))
    offsets = bins.unsqueeze(-1) - (GRAY_BIN + MEAN_UNIT * means)
    lower = (offsets - 0.5) * inverse_scales
    upper = (offsets + 0.5) * inverse_scales
    below_upper = F.logsigmoid(upper)
    above_lower = F.logsigmoid(-lower)
    inside = torch.log(-torch.expm1(-inverse_scales))
    at_left = (bins == 0).unsqueeze(-1)
    at_right = (bins == BINS - 1).unsqueeze(-1)
    mass = torch.where(at_left, below_upper, torch.where(at_right, above_lower, below_upper + above_lower + inside))
    return torch.logsumexp(F.log_softmax(weights, dim=-1) + mass, dim=-1)


class Likelihood(Enum):
    """The kind of a head. Raw outputs are ``... x parameters``, channels last."""

    SOFTMAX = "softmax"
    MIXTURE = "mixture"

    @property
    def parameters(self) -> int:
        """Raw outputs for one symbol."""
        return BINS if self is Likelihood.SOFTMAX else 3 * COMPONENTS

    def log_probability(self, raw: Tensor, bins: Tensor) -> Tensor:
        """Log-probability, in nats, of ``bins`` ``...``."""
        if self is Likelihood.SOFTMAX:
            return torch.log_softmax(raw, dim=-1).gather(-1, bins.unsqueeze(-1)).squeeze(-1)
        return mixture_log_probability(raw, bins)

    def log_probabilities(self, raw: Tensor) -> Tensor:
        """``... x BINS``: log-probabilities of all bins, summing to 1 as probabilities."""
        if self is Likelihood.SOFTMAX:
            return torch.log_softmax(raw, dim=-1)
        every_bin = torch.arange(BINS, device=raw.device)
        return mixture_log_probability(raw.unsqueeze(-2), every_bin.expand(*raw.shape[:-1], BINS))

    def starting_bias(self) -> Tensor:
        """Bias of a fresh output layer: flat for a softmax; for a mixture, components spread around gray."""
        if self is Likelihood.SOFTMAX:
            return torch.zeros(BINS)
        means = torch.linspace(-0.8, 0.8, COMPONENTS)
        return torch.cat([torch.zeros(COMPONENTS), means, torch.full((COMPONENTS,), math.log(1.5))])
