"""The differentiable Lab against scikit-image's, which the reports use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000

from restore_train.evaluate.metrics import AbPrior, chroma_of, lab_from_rgb, luma_of
from restore_train.lab import ciede2000, lab_from_luma_chroma, rarity_of_colours, rarity_weights


def picture(seed: int, shape: tuple[int, int] = (12, 20)) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)


def tensors(rgb: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    luma = torch.from_numpy(luma_of(rgb))[None, None]
    return luma, torch.from_numpy(np.ascontiguousarray(np.moveaxis(chroma_of(rgb), -1, 0)))[None]


def test_lab_is_scikit_image_s() -> None:
    rgb = picture(0)
    ours = lab_from_luma_chroma(*tensors(rgb))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, lab_from_rgb(rgb), atol=0.02)


def test_chroma_beyond_the_gamut_is_pulled_along_its_hue() -> None:
    luma = torch.full((1, 1, 1, 1), 0.9)
    chroma = torch.tensor([0.3, 0.2]).view(1, 2, 1, 1)
    inside = lab_from_luma_chroma(luma, chroma * 0.1)
    outside = lab_from_luma_chroma(luma, chroma)
    farther = lab_from_luma_chroma(luma, chroma * 1.5)
    assert float(outside[0, 1:].norm()) > float(inside[0, 1:].norm())
    torch.testing.assert_close(outside, farther, atol=1e-3, rtol=0)


def test_ciede2000_is_scikit_image_s() -> None:
    rng = np.random.default_rng(1)
    first, second = (
        np.stack([rng.uniform(0, 100, 4000), *rng.uniform(-90, 90, (2, 4000))], -1).reshape(40, 100, 3) for _ in "ab"
    )
    second[:20] = first[:20] + rng.normal(0, 3, (20, 100, 3))
    batched = [torch.from_numpy(lab).permute(2, 0, 1)[None] for lab in (first, second)]
    np.testing.assert_allclose(ciede2000(*batched)[0].numpy(), deltaE_ciede2000(first, second), atol=1e-3)


@pytest.mark.parametrize("true_chroma", [0.0, 0.1])
def test_gradients_are_finite_at_gray(true_chroma: float) -> None:
    luma = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    chroma = torch.zeros(1, 2, 1, 3, requires_grad=True)
    truth = lab_from_luma_chroma(luma, torch.full((1, 2, 1, 3), true_chroma))
    ciede2000(lab_from_luma_chroma(luma, chroma), truth).sum().backward()  # type: ignore[no-untyped-call]
    assert chroma.grad is not None
    assert torch.isfinite(chroma.grad).all()


def test_rare_colours_weigh_more_as_in_the_metric() -> None:
    rgb = np.full((24, 24, 3), 0.5, np.float32)
    rgb[:2, :2] = (0.9, 0.1, 0.1)
    table = torch.from_numpy(rarity_of_colours([rgb]))
    lab = lab_from_rgb(rgb)
    weights = rarity_weights(torch.from_numpy(lab).permute(2, 0, 1)[None], table)[0].numpy()
    prior = AbPrior()
    prior.add(lab)
    np.testing.assert_allclose(weights, prior.weights(lab), rtol=1e-5)
    assert weights[0, 0] > 1.5 * weights[-1, -1]
