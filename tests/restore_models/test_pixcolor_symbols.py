"""Bins, their likelihoods and the noise that draws them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from restore_models.pixcolor_bins import BINS, GRAY_BIN, bin_centres, bins_from_chroma, chroma_from_bins
from restore_models.pixcolor_likelihood import COMPONENTS, Likelihood, mixture_log_probability
from restore_models.pixcolor_noise import philox, symbol_noise

FINEST = 0.0117  # width of the bins at gray, 3 codes of 8 bits


def test_bins_cover_the_range_and_are_finest_at_gray() -> None:
    centres = bin_centres()
    widths = centres.diff()
    assert len(centres) == BINS == 32
    assert centres[GRAY_BIN] == 0
    assert centres[0] < -0.4
    assert 0.49 < centres[-1] <= 0.5
    assert widths.min() == widths[GRAY_BIN]
    assert float(widths.min()) == pytest.approx(FINEST, abs=2e-4)


def test_centres_are_their_own_bins_and_channels_change_places() -> None:
    every = torch.arange(BINS).expand(2, 1, BINS).clone()
    every[1] = GRAY_BIN  # Cr runs through all bins, Cb is gray
    chroma = chroma_from_bins(every)
    assert torch.equal(chroma[1, 0], bin_centres())  # Cb before Cr
    assert torch.equal(chroma[0], torch.zeros(1, BINS))
    assert torch.equal(bins_from_chroma(chroma), every)


def test_quantisation_errs_by_less_than_the_wider_neighbouring_gap() -> None:
    chroma = torch.linspace(-0.5, 0.5, 2001).expand(1, 2, 1, -1)
    error = (chroma_from_bins(bins_from_chroma(chroma)) - chroma).abs()
    assert error[chroma.abs() < 0.02].max() <= FINEST / 2 + 1e-4
    assert error[chroma.abs() < 0.2].max() <= 0.018
    assert error.max() <= 0.085  # the green end, which photos do not reach


def raw_parameters(likelihood: Likelihood, spread: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return spread * torch.randn(3, 2, 4, 5, likelihood.parameters, generator=generator)


@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize("spread", [0.1, 1.0, 6.0])
def test_probabilities_of_all_bins_sum_to_1(likelihood: Likelihood, spread: float) -> None:
    log_probabilities = likelihood.log_probabilities(raw_parameters(likelihood, spread))
    assert log_probabilities.shape == (3, 2, 4, 5, BINS)
    torch.testing.assert_close(log_probabilities.exp().sum(dim=-1), torch.ones(3, 2, 4, 5), rtol=0, atol=1e-5)


@pytest.mark.parametrize("likelihood", Likelihood)
def test_one_bin_s_probability_is_that_among_all(likelihood: Likelihood) -> None:
    raw = raw_parameters(likelihood, 1.0)
    bins = torch.randint(BINS, raw.shape[:-1], generator=torch.Generator().manual_seed(2))
    among_all = likelihood.log_probabilities(raw).gather(-1, bins[..., None])[..., 0]
    torch.testing.assert_close(likelihood.log_probability(raw, bins), among_all)


def test_mixture_by_hand() -> None:
    """All weight on one component at gray with a scale of one bin."""
    raw = torch.zeros(3 * COMPONENTS)
    raw[0] = 50.0
    logistic = 1 / (1 + math.exp(-0.5)) - 1 / (1 + math.exp(0.5))
    at_gray = mixture_log_probability(raw, torch.tensor(GRAY_BIN))
    assert float(at_gray) == pytest.approx(math.log(logistic), abs=1e-5)
    first = mixture_log_probability(raw, torch.tensor(0))
    assert float(first) == pytest.approx(-(GRAY_BIN - 0.5), abs=1e-4)  # a logistic's tail is an exponential


def test_mixture_is_finite_and_has_gradients_far_in_the_tails() -> None:
    raw = torch.zeros(3 * COMPONENTS, requires_grad=True)
    pulled = raw + torch.cat([torch.zeros(COMPONENTS), torch.full((COMPONENTS,), 1.8), torch.full((COMPONENTS,), -9.0)])
    loss = -mixture_log_probability(pulled, torch.tensor(2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()
    assert raw.grad[COMPONENTS : 2 * COMPONENTS].abs().sum() > 0


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_authors_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The vectors of Random123, file kat_vectors."""
    words = [np.array([word], np.uint32) for word in (*counter, *key)]
    answer = philox((words[0], words[1], words[2], words[3]), (words[4], words[5]))
    assert tuple(int(word[0]) for word in answer) == expected


def test_noise_belongs_to_its_place() -> None:
    whole = symbol_noise([3, 3, 1 << 40], [0, 9, 9], 6, 7)
    assert whole.shape == (3, 2, 6, 7)
    assert np.array_equal(symbol_noise([1 << 40], [9], 4, 5)[0], whole[2, :, :4, :5])  # other batch, other grid
    assert np.array_equal(symbol_noise([3, 3], [9, 0], 6, 7), whole[[1, 0]])
    assert len(np.unique(whole)) == whole.size  # no two places share a number


def test_noise_is_uniform_inside_0_and_1() -> None:
    noise = symbol_noise([5], [1], 128, 128)
    assert noise.min() > 0
    assert noise.max() < 1
    counts, _ = np.histogram(noise, bins=64, range=(0, 1))
    expected = noise.size / 64
    assert ((counts - expected) ** 2 / expected).sum() < 110  # chi-squared, 63 degrees: p = 0.0002
    red, blue = noise[0].reshape(2, -1)
    assert abs(np.corrcoef(red, blue)[0, 1]) < 0.03
    assert abs(np.corrcoef(red[1:], red[:-1])[0, 1]) < 0.03


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"seed is a whole number .* not -1"):
        symbol_noise([-1], [0], 2, 2)
    with pytest.raises(ValueError, match="picture number"):
        symbol_noise([0], [1 << 64], 2, 2)
    with pytest.raises(ValueError, match="one seed a picture"):
        symbol_noise([0, 1], [0], 2, 2)
