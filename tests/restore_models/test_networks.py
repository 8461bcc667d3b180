"""Shapes, ranges and gradients of the networks at toy width."""

from __future__ import annotations

import pytest
import torch

from restore_models.encoders import ENCODERS, build_encoder
from restore_models.mobilenet import STRIDES, TAP_CHANNELS, MobileNetV2Encoder, luma_weights
from restore_models.padding import pad_to_multiple
from restore_models.pix2pix import PatchDiscriminator, Pix2PixGenerator, Pix2PixSizes


@pytest.fixture(scope="module")
def generator() -> Pix2PixGenerator:
    torch.manual_seed(0)
    return Pix2PixGenerator(encoder=MobileNetV2Encoder(), sizes=Pix2PixSizes(decoder_channels=(16, 8, 8, 8)))


def test_encoder_taps_have_the_table_s_strides_and_channels() -> None:
    taps = MobileNetV2Encoder()(torch.rand(1, 1, 64, 96))
    assert [tuple(tap.shape) for tap in taps] == [
        (1, channels, 64 // stride, 96 // stride) for channels, stride in zip(TAP_CHANNELS, STRIDES, strict=True)
    ]


def test_luma_weights_give_what_three_equal_channels_gave() -> None:
    torch.manual_seed(1)
    name = "features.0.0.weight"
    rgb = {name: torch.randn(32, 3, 3, 3), "features.0.0.bias": torch.randn(32)}
    luma = luma_weights(rgb)
    picture = torch.rand(1, 1, 8, 8)
    from_rgb = torch.nn.functional.conv2d(picture.expand(1, 3, 8, 8), rgb[name], rgb["features.0.0.bias"])
    from_luma = torch.nn.functional.conv2d(picture, luma[name], luma["features.0.0.bias"])
    torch.testing.assert_close(from_luma, from_rgb, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 128)])
def test_generator_gives_small_chroma_in_range(generator: Pix2PixGenerator, height: int, width: int) -> None:
    chroma = generator(torch.rand(2, 1, height, width))
    assert chroma.shape == (2, 2, height // 4, width // 4)
    assert chroma.abs().max() <= 0.5


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_generator_stands_on_every_encoder(encoder: str) -> None:
    sizes = Pix2PixSizes(decoder_channels=(8, 8, 8, 8), encoder=encoder)
    generator = Pix2PixGenerator(encoder=build_encoder(encoder), sizes=sizes)
    assert generator(torch.rand(2, 1, 64, 96)).shape == (2, 2, 16, 24)


def test_an_unknown_encoder_is_named() -> None:
    with pytest.raises(ValueError, match="'vgg'; known are mobilenet_v2"):
        build_encoder("vgg")


def test_every_parameter_of_the_generator_learns(generator: Pix2PixGenerator) -> None:
    generator.zero_grad()
    generator.train()(torch.rand(2, 1, 64, 64)).square().sum().backward()
    still = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_discriminator_map_is_30_x_30_at_256() -> None:
    judge = PatchDiscriminator(channels=4)
    assert judge(torch.rand(1, 1, 256, 256), torch.rand(1, 2, 256, 256)).shape == (1, 1, 30, 30)


def test_discriminator_gives_its_maps_from_fine_to_coarse() -> None:
    judge = PatchDiscriminator(channels=4)
    luma, chroma = torch.rand(1, 1, 64, 64), torch.rand(1, 2, 64, 64)
    *maps, scores = judge.maps(luma, chroma)
    assert [tuple(features.shape[1:]) for features in maps] == [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 7, 7)]
    torch.testing.assert_close(scores, judge(luma, chroma))


def test_discriminator_patch_sees_70_pixels() -> None:
    judge = PatchDiscriminator(channels=4)
    for index, layer in enumerate(judge.layers):
        if isinstance(layer, torch.nn.InstanceNorm2d):
            judge.layers[index] = torch.nn.Identity()  # a mean over the picture sees everything
    chroma = torch.rand(1, 2, 256, 256, requires_grad=True)
    judge(torch.rand(1, 1, 256, 256), chroma)[0, 0, 15, 15].backward()
    assert chroma.grad is not None
    rows = chroma.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize("shape", [(1, 1), (31, 33), (64, 32), (5, 200)])
def test_padding_grows_to_multiples_and_keeps_the_picture(shape: tuple[int, int]) -> None:
    picture = torch.rand(1, 1, *shape)
    padded = pad_to_multiple(picture, 32)
    assert padded.shape[-2] % 32 == padded.shape[-1] % 32 == 0
    assert padded.shape[-2] - shape[0] < 32
    assert padded.shape[-1] - shape[1] < 32
    assert torch.equal(padded[..., : shape[0], : shape[1]], picture)
