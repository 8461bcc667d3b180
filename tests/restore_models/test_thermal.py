"""The thermal generator and its baseline: shapes, ranges, sharpness from the sensor, weights that come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restore_models import load_network, open_model, save_network
from restore_models.irtranslate import COMPONENTS, IRTranslate, IRTranslateSizes, mixture_log_probability, mixture_mean
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalDiscriminator, ThermalGenerator, ThermalSizes, thermal_detail, without_checks

TOY = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=4)


def toy_generator() -> ThermalGenerator:
    torch.manual_seed(1)
    return ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=TOY).eval()


@pytest.mark.parametrize("kind", ["thermal", "mse", "mixture"])
def test_shapes_and_ranges(kind: str) -> None:
    torch.manual_seed(0)
    baseline = IRTranslate(encoder=MobileNetV2Encoder(), sizes=IRTranslateSizes(head="mse", width=8))
    if kind == "mixture":
        baseline = IRTranslate(encoder=MobileNetV2Encoder(), sizes=IRTranslateSizes(head="mixture", width=8))
    network = toy_generator() if kind == "thermal" else baseline.eval()
    with torch.no_grad():
        luma, chroma = network(torch.rand(2, 1, 64, 96))
    assert luma.shape == (2, 1, 64, 96)
    assert chroma.shape == (2, 2, 16, 24)
    assert luma.min() >= 0
    assert luma.max() <= 1
    assert chroma.abs().max() <= 0.5
    assert network.makes_luma


def test_luma_carries_the_sensors_own_detail() -> None:
    """A stripe one pixel wide, far below the network's stride, comes through."""
    generator = toy_generator()
    thermal = torch.full((1, 1, 64, 64), 0.5)
    thermal[..., 33] = 0.9
    with torch.no_grad():
        generator.luma_head.weight.zero_()
        bias = generator.luma_head.bias
        assert bias is not None
        bias.copy_(torch.tensor([0.0] * 4 + [1.0] * 4))  # base 0, gain 1
        luma, _ = generator(thermal)
        bias[4:] = -1.0
        inverted, _ = generator(thermal)
    assert luma[0, 0, 30, 33] > luma[0, 0, 30, 31] + 0.2
    assert inverted[0, 0, 30, 33] < inverted[0, 0, 30, 31] - 0.2


def test_detail_of_a_flat_picture_is_nothing_up_to_its_edge() -> None:
    assert thermal_detail(torch.full((1, 1, 32, 32), 0.7)).abs().max() < 1e-6


def test_no_checks_are_left_of_the_sub_pixels() -> None:
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(16, 16)[None, None]
    torch.testing.assert_close(without_checks(checks)[..., 1:-1, 1:-1], torch.full((1, 1, 30, 30), 0.5))
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    torch.testing.assert_close(without_checks(ramp)[..., 1:-1], ramp[..., 1:-1])


def test_it_starts_from_the_default_model() -> None:
    ours = ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=ThermalSizes())
    theirs = open_model("pix2pix")[0].module
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert unexpected == []
    assert all(name.startswith(("luma_", "light.")) for name in missing)


def test_light_is_given_or_not_known() -> None:
    """Until something is learnt of light, there is but one."""
    generator = toy_generator()
    thermal = torch.rand(2, 1, 64, 64)
    day = torch.ones(2, 1, 1, 1)
    lights = (None, 0 * day, day, -day)
    with torch.no_grad():
        untaught = [generator(thermal, light)[0] for light in lights]
        generator.light.turn.weight.normal_()
        unknown, zero, by_day, by_night = (generator(thermal, light)[0] for light in lights)
        bias = generator.light.read.bias
        assert bias is not None
        bias.fill_(20.0)  # it guesses day, whatever it sees
        guess = generator.guessed_light(thermal)
    assert all(torch.equal(each, untaught[0]) for each in untaught)
    assert torch.equal(unknown, zero)
    assert (by_day - unknown).abs().max() > 1e-3
    assert (by_day - by_night).abs().max() > 1e-3
    assert torch.equal(guess, day)  # never more than day


@pytest.mark.parametrize("kind", ["thermal", "irtranslate"])
def test_weights_come_back(tmp_path: Path, kind: str) -> None:
    sizes = TOY if kind == "thermal" else IRTranslateSizes(head="mixture", width=8)
    network = (
        toy_generator()
        if kind == "thermal"
        else IRTranslate(encoder=MobileNetV2Encoder(), sizes=IRTranslateSizes(head="mixture", width=8)).eval()
    )
    save_network(tmp_path / "toy.safetensors", network.state_dict(), network=kind, sizes=sizes)
    loaded = load_network(tmp_path / "toy.safetensors")
    thermal = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(network(thermal), loaded.module(thermal), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


def test_a_discriminators_scores_are_patches_of_one_picture() -> None:
    torch.manual_seed(2)
    judge = ThermalDiscriminator(channels=4)
    thermal, picture = torch.rand(2, 1, 128, 128), torch.rand(2, 3, 128, 128)
    scores = judge(thermal, picture)
    assert scores.shape == (2, 1, 14, 14)
    torch.testing.assert_close(judge(thermal[:1], picture[:1]), scores[:1], rtol=1e-4, atol=1e-4)


def test_a_mixtures_bins_sum_to_one() -> None:
    torch.manual_seed(3)
    raw = torch.randn(1, 9 * COMPONENTS, 1, 1).double().expand(256, -1, 1, 1)
    codes = (torch.arange(256).double() / 255)[:, None, None, None].expand(-1, 3, 1, 1)
    mass = mixture_log_probability(raw, codes).exp().sum(dim=0)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=1e-6, atol=1e-6)


def test_a_mixtures_mean_follows_its_heaviest_component() -> None:
    raw = torch.zeros(1, 3, 3 * COMPONENTS, 1, 1)
    raw[:, :, 0] = 20.0  # the weight of the first component, whose mean is 0.25 at the start
    torch.testing.assert_close(mixture_mean(raw.flatten(1, 2)), torch.full((1, 3, 1, 1), 0.25))


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(ValueError, match="mse or mixture"):
        IRTranslate(encoder=MobileNetV2Encoder(), sizes=IRTranslateSizes(head="softmax"))
