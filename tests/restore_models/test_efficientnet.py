"""EfficientNet-Lite: the published table's widths, TensorFlow's padding, folded batch norm, and real photos."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restore_models.efficientnet import (
    LITE0,
    LITE2,
    EfficientNetClassifier,
    EfficientNetEncoder,
    EfficientNetSizes,
    SameConv,
    fold_batch_norm,
    luma_filters,
)

TOY = EfficientNetSizes(width=0.25, depth=0.5, channels_in=3)


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are published, for a network of ``state``'s shapes; batch norms are random."""
    numbers = sorted({int(name.split(".")[2]) for name in state if name.startswith("encoder.features.")})
    names = {
        "encoder.features.0.0": ("_conv_stem", "_bn0"),
        f"encoder.features.{numbers[-1]}.0": ("_conv_head", "_bn1"),
    }
    for number in numbers[1:-1]:
        for ours, conv, norm in (("expand", "expand", 0), ("filter", "depthwise", 1), ("project", "project", 2)):
            block = f"_blocks.{number - 1}"
            names[f"encoder.features.{number}.{ours}"] = (f"{block}._{conv}_conv", f"{block}._bn{norm}")
    public = {"_fc.weight": state["head.weight"], "_fc.bias": state["head.bias"]}
    for ours, (conv, folded) in names.items():
        if f"{ours}.weight" in state:
            public[f"{conv}.weight"] = state[f"{ours}.weight"]
            channels = len(state[f"{ours}.bias"])
            for statistic in ("weight", "bias", "running_mean", "running_var"):
                public[f"{folded}.{statistic}"] = torch.rand(channels) + 0.5
    return public


@pytest.mark.parametrize(
    ("sizes", "taps", "parameters"),
    [(LITE0, (96, 144, 240, 672, 1280), 4_652_008), (LITE2, (96, 144, 288, 720, 1280), 6_092_072)],
)
def test_the_sizes_are_the_published_ones(sizes: EfficientNetSizes, taps: tuple[int, ...], parameters: int) -> None:
    encoder = EfficientNetEncoder(EfficientNetSizes(width=sizes.width, depth=sizes.depth, channels_in=3))
    assert encoder.tap_channels == taps
    filters = sum(parameter.numel() for name, parameter in encoder.named_parameters() if name.endswith("weight"))
    biases = sum(parameter.numel() for name, parameter in encoder.named_parameters() if name.endswith("bias"))
    head = 1280 * 1000 + 1000
    assert filters + 2 * biases + head == parameters  # a batch norm has two numbers a channel, folded it has one


def test_taps_have_their_strides() -> None:
    encoder = EfficientNetEncoder(LITE0)
    shapes = [tuple(tap.shape) for tap in encoder(torch.rand(1, 1, 64, 96))]
    assert shapes == [(1, channels, 64 >> k, 96 >> k) for k, channels in enumerate(encoder.tap_channels, start=1)]


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_step_down_is_padded_more_at_the_end(kernel: int) -> None:
    conv = SameConv(1, 1, kernel=kernel, stride=2)
    torch.nn.init.ones_(conv.weight)
    torch.nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    line = torch.arange(8.0)
    sums = conv(line.expand(1, 1, 8, 8)) / conv(torch.ones(1, 1, 8, 8))
    before = (kernel - 2) // 2
    windows = [line[max(2 * k - before, 0) : 2 * k - before + kernel].mean() for k in range(4)]
    torch.testing.assert_close(sums[0, 0, 1], torch.stack(windows))


@pytest.mark.parametrize(("height", "width"), [(4, 4), (2, 3), (1, 1), (6, 4)])
def test_small_maps_are_filtered_and_learnt_from_as_large_ones(height: int, width: int) -> None:
    torch.manual_seed(2)
    conv = SameConv(6, 6, kernel=5, stride=1, groups=6)
    features = torch.randn(3, 6, height, width, requires_grad=True)
    weigh = torch.randn(3, 6, height, width)
    learnt = (features, conv.weight, conv.bias)
    plain = F.conv2d(features, conv.weight, conv.bias, padding=2, groups=6)
    own = conv(features)
    torch.testing.assert_close(own, plain)
    for ours, theirs in zip(
        torch.autograd.grad((own * weigh).sum(), learnt),  # type: ignore[arg-type]
        torch.autograd.grad((plain * weigh).sum(), learnt),  # type: ignore[arg-type]
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_small_maps_are_learnt_from_in_bf16() -> None:
    conv = SameConv(6, 6, kernel=5, stride=1, groups=6)
    features = torch.randn(2, 6, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(features.bfloat16())
    out.float().sum().backward()
    assert conv.weight.grad is not None
    assert features.grad is not None
    assert conv.weight.grad.dtype == torch.float32


def test_batch_norm_folds_into_the_filters() -> None:
    torch.manual_seed(0)
    state = EfficientNetClassifier(encoder=EfficientNetEncoder(TOY), classes=10).state_dict()
    public = published(state)
    own = fold_batch_norm(public)
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in state.items()}
    picture = torch.rand(1, 3, 9, 9)
    mean, variance, weight, bias = (
        public[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    apart = F.batch_norm(F.conv2d(picture, public["_conv_stem.weight"]), mean, variance, weight, bias, eps=1e-3)
    folded = F.conv2d(picture, own["encoder.features.0.0.weight"], own["encoder.features.0.0.bias"])
    torch.testing.assert_close(folded, apart, rtol=1e-4, atol=1e-5)


def test_an_encoder_of_luma_sees_gray_as_one_of_rgb_does() -> None:
    torch.manual_seed(1)
    classifier = EfficientNetClassifier(encoder=EfficientNetEncoder(TOY), classes=10).eval()
    luma_encoder = EfficientNetEncoder(EfficientNetSizes(width=TOY.width, depth=TOY.depth)).eval()
    luma_encoder.load_state_dict(luma_filters(classifier.state_dict()))
    luma = torch.rand(1, 1, 64, 64)
    for from_luma, from_rgb in zip(luma_encoder(luma), classifier.encoder(luma.expand(1, 3, 64, 64)), strict=True):
        torch.testing.assert_close(from_luma, from_rgb, rtol=1e-4, atol=1e-5)
