"""PixColor (Guadarrama 2017, "PixColor: pixel recursive colorization"): several coherent colourings of one picture.

Encoder -> conditioning -> PixelCNN, sampled on a coarse grid -> post-head -> refinement. One picture's encoding serves
all of its colourings. Coarse chroma from elsewhere, for example carried along a film's motion, can be refined alone.

At generation the post-head sees the whole sampled grid and the luma's features, and answers with a distribution a cell;
its mean is the coarse chroma. Not a second draw: that would put back the independent noise that the head is there to
take away. The sampled bins carry the diversity, so little is lost by not drawing again; and where the head doubts what
was drawn, the mean holds back by as much. A temperature below 1 sharpens it (Zhang 2016, section 2.3, whose "annealed
mean" this is); measured on the development photos, that cost 0.2 dE00 at equal colourfulness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.pixcolor_bins import bin_centres, chroma_from_bins
from restore_models.pixcolor_condition import ConditioningNet
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_noise import symbol_noise
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_models.pixcolor_refinement import PostHead, RefinementNet
from restore_models.pixcolor_sampling import CachedSampler

MEND_TEMPERATURE = 1.0  # of the post-head's distribution before its mean is taken; 0 is the mode, 1 the plain mean
LARGEST_BATCH = 64  # grids sampled at once where the caller does not say; about 1.5 MB of caches each


@dataclass(frozen=True)
class PixColorSizes:
    """Sizes of all parts, kept in the weight file's metadata."""

    conditioning: tuple[int, int, int] = (256, 192, 96)
    """Widths of the conditioning net at strides 32, 16 and 8; the default model's, whose weights it can start from."""
    width: int = 64
    """Of the PixelCNN's stacks."""
    layers: int = 10
    """Masked residual layers behind the mask-A layer."""
    embedding: int = 8
    """Numbers that stand for one bin."""
    post_width: int = 64
    refinement_width: int = 40
    likelihood: str = Likelihood.SOFTMAX.value
    """``softmax`` or ``mixture``."""

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PixColorSizes:
        """From a weight file's metadata, where tuples are lists. Raises ``TypeError`` for names nobody knows."""
        deep, middle, fine = values["conditioning"]
        return cls(**{**values, "conditioning": (deep, middle, fine)})


@dataclass(frozen=True)
class Colourings:
    """S colourings of each of P pictures, on the coarse grid."""

    bins: Tensor
    """``P x S x 2 x h x w``: what was drawn, channels (Cr, Cb), int64."""
    coarse: Tensor
    """``P x S x 2 x h x w``: chroma (Cb, Cr) in [-0.5, 0.5], mended by the post-head, for :meth:`PixColor.refine`."""
    log_likelihood: Tensor
    """``P x S``: nats of the drawn bins; the likeliest of several is the safest."""


def expected_chroma(log_probabilities: Tensor, temperature: float = MEND_TEMPERATURE) -> Tensor:
    """``... x 2 x h x w x BINS``, channels (Cr, Cb), to the annealed mean (Cb, Cr) ``... x 2 x h x w``."""
    if temperature == 0:
        return chroma_from_bins(log_probabilities.argmax(dim=-1))
    probabilities = torch.softmax(log_probabilities / temperature, dim=-1)
    return (probabilities @ bin_centres().to(probabilities)).flip(-3)


class PixColor(nn.Module):
    """Luma ``B x 1 x H x W`` in [0, 1], H and W multiples of ``multiple_of``, to chroma ``B x 2 x H/4 x W/4``."""

    multiple_of = 32
    stride = 4
    samples = True
    """Draws its colours in a loop, which a traced graph would freeze: it runs by PyTorch only."""
    grid_stride = 8

    def __init__(
        self,
        *,
        encoder: MobileNetV2Encoder,
        conditioning: ConditioningNet,
        pixelcnn: PixelCNN,
        post_head: PostHead,
        refinement: RefinementNet,
        sizes: PixColorSizes,
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = encoder
        self.conditioning = conditioning
        self.pixelcnn = pixelcnn
        self.post_head = post_head
        self.refinement = refinement

    def condition(self, luma: Tensor) -> Tensor:
        """Luma ``B x 1 x H x W`` to conditioning ``B x D x H/8 x W/8``."""
        encoded: Tensor = self.conditioning(self.encoder(luma))
        return encoded

    def condition_each(self, luma: Tensor) -> Tensor:
        """:meth:`condition`, one picture at a time: the last bits then do not depend on a picture's company."""
        return torch.cat([self.condition(picture) for picture in torch.split(luma, 1)])

    @torch.inference_mode()
    def sample(
        self,
        conditioning: Tensor,
        *,
        seeds: Sequence[int],
        pictures: Sequence[int] | None = None,
        temperature: float = 1.0,
        dtype: torch.dtype = torch.float64,
        largest_batch: int = LARGEST_BATCH,
    ) -> Colourings:
        """Conditioning ``P x D x h x w`` of P pictures to one colouring for each of S seeds.

        ``pictures`` numbers them for the noise, so that pictures of one seed differ in what is drawn (default: all 0,
        as for the frames of a shot). A colouring depends on its picture, seed and number, not on what is sampled beside
        it. ``temperature`` below 1 draws likelier, calmer colours. At most ``largest_batch`` grids are in work at once.
        Raises ``ValueError`` for no seeds, numbers out of range and a negative temperature.
        """
        numbers = [0] * len(conditioning) if pictures is None else list(pictures)
        if not seeds or len(numbers) != len(conditioning):
            raise ValueError(f"{len(conditioning)} pictures, {len(numbers)} numbers for them, {len(seeds)} seeds")
        if largest_batch < 1:
            raise ValueError(f"a batch holds at least one grid, not {largest_batch}")
        sampler = CachedSampler(self.pixelcnn, dtype=dtype)
        height, width = conditioning.shape[-2:]
        grids = [(index, seed) for index in range(len(conditioning)) for seed in seeds]
        draws = []
        for start in range(0, len(grids), largest_batch):
            indices, own_seeds = zip(*grids[start : start + largest_batch], strict=True)
            noise = symbol_noise(own_seeds, [numbers[index] for index in indices], height, width)
            draws.append(sampler(conditioning[list(indices)], torch.from_numpy(noise), temperature=temperature))
        shape = (len(conditioning), len(seeds))
        bins = torch.cat([draw.bins for draw in draws]).reshape(*shape, 2, height, width)
        log_likelihood = torch.cat([draw.log_likelihood for draw in draws]).reshape(shape)
        return Colourings(bins, self.mend(bins, conditioning), log_likelihood)

    def mend(self, bins: Tensor, conditioning: Tensor, *, temperature: float = MEND_TEMPERATURE) -> Tensor:
        """Drawn bins ``P x S x 2 x h x w`` to coarse chroma of the same shape, grid by grid."""
        mended = []
        for drawn, condition in zip(bins, torch.split(conditioning, 1), strict=True):
            for grid in torch.split(drawn, 1):
                raw = self.post_head(grid, condition)
                mended.append(expected_chroma(self.post_head.likelihood.log_probabilities(raw), temperature))
        return torch.cat(mended).reshape(bins.shape)

    def refine(self, luma: Tensor, coarse: Tensor) -> Tensor:
        """Luma ``B x 1 x H x W`` and coarse chroma ``B x 2 x H/8 x W/8`` to chroma ``B x 2 x H/4 x W/4``.

        Its means over 2 x 2 are ``coarse``.
        """
        chroma: Tensor = self.refinement(luma, coarse)
        return chroma

    def forward(self, luma: Tensor) -> Tensor:
        """One colouring, that of seed 0."""
        coarse = self.sample(self.condition_each(luma), seeds=[0]).coarse[:, 0]
        return self.refine(luma, coarse).clamp(-0.5, 0.5)


def build_pixcolor(sizes: PixColorSizes, *, encoder: MobileNetV2Encoder | None = None) -> PixColor:
    """All parts at these sizes, untrained but for the ``encoder`` where one is given."""
    likelihood = Likelihood(sizes.likelihood)
    shared: dict[str, Any] = {
        "embedding": sizes.embedding,
        "conditioning": sizes.conditioning[-1],
        "likelihood": likelihood,
    }
    return PixColor(
        encoder=MobileNetV2Encoder() if encoder is None else encoder,
        conditioning=ConditioningNet(widths=sizes.conditioning),
        pixelcnn=PixelCNN(width=sizes.width, layers=sizes.layers, **shared),
        post_head=PostHead(width=sizes.post_width, **shared),
        refinement=RefinementNet(width=sizes.refinement_width),
        sizes=sizes,
    )
