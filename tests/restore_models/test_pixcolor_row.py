"""The compiled loop draws what the products of matrices draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from restore_models import pixcolor_row, pixcolor_sampling
from restore_models.pixcolor import PixColorSizes, build_pixcolor
from restore_models.pixcolor_noise import symbol_noise
from restore_models.pixcolor_sampling import CachedSampler, Given

GRIDS = 3


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_bins_and_likelihoods_are_those_of_the_products(
    monkeypatch: pytest.MonkeyPatch, temperature: float, threads: int
) -> None:
    torch.manual_seed(1)
    sampler = CachedSampler(build_pixcolor(PixColorSizes()).pixelcnn)
    conditioning = 2 * torch.randn(GRIDS, 96, 4, 9)
    noise = torch.from_numpy(symbol_noise(range(GRIDS), range(GRIDS), 4, 9))
    given = Given(torch.randint(0, 32, noise.shape), torch.rand(GRIDS, 4, 9) < 0.5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for kept in (None, given):
        compiled = sampler(conditioning, noise, temperature=temperature, given=kept)
        with monkeypatch.context() as patch:
            patch.setattr(pixcolor_sampling, "FEW_GRIDS", 0)
            products = sampler(conditioning, noise, temperature=temperature, given=kept)
        assert torch.equal(compiled.bins, products.bins)
        torch.testing.assert_close(compiled.log_likelihood, products.log_likelihood, rtol=1e-6, atol=1e-5)
        assert compiled.log_likelihood.max() < 0


def test_without_a_place_for_machine_code_it_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def njit(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        asked.append(options.pop("cache", False))
        if asked[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(pixcolor_row, "njit", njit)
    assert pixcolor_row.compiled(max)(1, 2) == 2
    assert asked == [True, False]
