"""EfficientNet-Lite (Tan and Le 2019) as an encoder for luma or colour, and as a classifier of ImageNet.

The Lite variant has ReLU6 for swish and no squeeze-and-excitation, and scales neither its first and last convolution
nor the repeats of its first and last stage. Batch norm is folded into the convolutions before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# (expansion, channels c, repeats n, first stride s, kernel k): table 1 of the paper.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 1280
CHANNEL_STEP = 8  # scaled widths are multiples of it
BATCH_NORM_EPSILON = 1e-3

# The input is (code - 127) / 128 for 8-bit codes.
CODES = 255
MIDDLE_CODE = 127
HALF_RANGE = 128


@dataclass(frozen=True, kw_only=True)
class EfficientNetSizes:
    """How the table of stages is scaled (equation 3 of the paper, without the resolution), and what comes in."""

    width: float = 1.0
    depth: float = 1.0
    channels_in: int = 1
    """1 for luma, 3 for RGB."""


LITE0 = EfficientNetSizes()
LITE2 = EfficientNetSizes(width=1.1, depth=1.2)


def scale_width(channels: int, width: float) -> int:
    """The nearest multiple of 8 channels, but never a tenth less than asked for."""
    scaled = channels * width
    nearest = max(CHANNEL_STEP, int(scaled + CHANNEL_STEP / 2) // CHANNEL_STEP * CHANNEL_STEP)
    return nearest if nearest >= 0.9 * scaled else nearest + CHANNEL_STEP


class SmallMapFilter(torch.autograd.Function):
    """Filters each channel of a map that is smaller than the filter: ``k x k`` with k odd, padded, stride 1.

    The same figures as ``F.conv2d``; but for such maps oneDNN takes 39 ms of a training step for the filters' gradient
    (batch 32, 1,248 channels, 4 x 4) that a product for each shift of the map takes 4 for.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return F.conv2d(features, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        channels, _, kernel, _ = weight.shape
        turned = weight.flip(2, 3).to(gradient.dtype)
        of_features = F.conv2d(gradient, turned, padding=kernel // 2, groups=channels)
        of_weight = weight.new_zeros(weight.shape)
        height, width = features.shape[-2:]
        for row, column in product(range(kernel), repeat=2):
            (above, seen_rows), (left, seen_columns) = (
                shifted(offset - kernel // 2, size) for offset, size in ((row, height), (column, width))
            )
            products = features[..., seen_rows, seen_columns] * gradient[..., above, left]
            of_weight[:, 0, row, column] = products.sum(dim=(0, 2, 3))
        return of_features.to(features.dtype), of_weight, gradient.sum(dim=(0, 2, 3)).to(weight.dtype)


def shifted(offset: int, size: int) -> tuple[slice, slice]:
    """Of a line: the places whose neighbour ``offset`` further is on it too, and those neighbours."""
    return slice(max(0, -offset), max(0, size - max(0, offset))), slice(max(0, offset), max(0, size - max(0, -offset)))


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's "same", of even sizes where it steps down.

    Then the zeros are odd in number, and the last one is on the right. Two zeros more on the left and as many as there
    on the right give one row and one column too many, which are cut off: less to copy than a padded input.
    """

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int, groups: int = 1) -> None:
        before = (kernel - stride) // 2
        padding = before if stride == 1 else before + stride
        super().__init__(channels_in, channels_out, kernel, stride, padding=padding, groups=groups)

    def forward(self, features: Tensor) -> Tensor:
        if self.stride[0] > 1:
            return super().forward(features)[..., 1:, 1:]
        if self.training and self.groups > 1 and features.shape[-1] < self.kernel_size[0]:
            return SmallMapFilter.apply(features, self.weight, self.bias)  # type: ignore[no-untyped-call,no-any-return]
        return super().forward(features)


class InvertedResidual(nn.Module):
    """Expand, filter each channel on its own, project back (MBConv of the paper's table 1)."""

    def __init__(self, channels_in: int, channels_out: int, *, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, hidden, 1) if expansion != 1 else None
        self.filter = SameConv(hidden, hidden, kernel=kernel, stride=stride, groups=hidden)
        self.project = nn.Conv2d(hidden, channels_out, 1)
        self.stride = stride
        self.skip = stride == 1 and channels_in == channels_out

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the expanded activations (the tap) and the block's output."""
        expanded = features if self.expand is None else F.relu6(self.expand(features), inplace=True)
        out: Tensor = self.project(F.relu6(self.filter(expanded), inplace=True))
        return expanded, features + out if self.skip else out


class EfficientNetEncoder(nn.Module):
    """Luma (or RGB) ``B x C x H x W`` in [0, 1], H and W multiples of 32, to features at strides 2, 4, 8, 16, 32.

    The taps are those of :class:`restore_models.mobilenet.MobileNetV2Encoder`: the expanded activations just before
    each stride-2 filter, and the last convolution.
    """

    def __init__(self, sizes: EfficientNetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        stem = SameConv(sizes.channels_in, STEM_CHANNELS, kernel=3, stride=2)
        layers: list[nn.Module] = [nn.Sequential(stem, nn.ReLU6(inplace=True))]
        taps: list[int] = []
        channels = STEM_CHANNELS
        for number, (expansion, unscaled, repeats, first_stride, kernel) in enumerate(STAGES):
            channels_out = scale_width(unscaled, sizes.width)
            outermost = number in (0, len(STAGES) - 1)
            for index in range(repeats if outermost else math.ceil(repeats * sizes.depth)):
                stride = first_stride if index == 0 else 1
                if stride == 2:
                    taps.append(channels * expansion)
                layers.append(
                    InvertedResidual(channels, channels_out, expansion=expansion, stride=stride, kernel=kernel)
                )
                channels = channels_out
        layers.append(nn.Sequential(nn.Conv2d(channels, LAST_CHANNELS, 1), nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.tap_channels = (*taps, LAST_CHANNELS)

    def forward(self, picture: Tensor) -> list[Tensor]:
        stem, *blocks, last = self.features
        features = stem((picture * CODES - MIDDLE_CODE) / HALF_RANGE)  # B x 32 x H/2 x W/2
        taps = []
        for block in blocks:
            expanded, features = block(features)
            if block.stride == 2:
                taps.append(expanded)  # B x tap_channels[i] x H/2^(i+1) x W/2^(i+1)
        taps.append(last(features))  # B x 1280 x H/32 x W/32
        return taps


class EfficientNetClassifier(nn.Module):
    """RGB ``B x 3 x H x W`` in [0, 1] to pooled features ``B x 1280`` and the logits of ImageNet's classes."""

    def __init__(self, *, encoder: EfficientNetEncoder, classes: int = 1000) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(LAST_CHANNELS, classes)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.encoder(rgb)[-1].mean(dim=(2, 3))  # B x 1280
        return pooled, self.head(pooled)


def fold_batch_norm(public: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a classifier as they are published (``_conv_stem``, ``_blocks.N._expand_conv``, ..., RGB) to ours.

    Every batch norm becomes a scale of the filters before it, and their bias.
    """
    blocks = 1 + max(int(name.split(".")[1]) for name in public if name.startswith("_blocks."))
    layers = {"features.0.0": ("_conv_stem", "_bn0"), f"features.{blocks + 1}.0": ("_conv_head", "_bn1")}
    for number in range(blocks):
        for ours, conv, norm in (
            ("expand", "_expand_conv", "_bn0"),
            ("filter", "_depthwise_conv", "_bn1"),
            ("project", "_project_conv", "_bn2"),
        ):
            if f"_blocks.{number}.{conv}.weight" in public:  # the first stage does not expand
                layers[f"features.{number + 1}.{ours}"] = (f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}")
    own = {"head.weight": public["_fc.weight"], "head.bias": public["_fc.bias"]}
    for ours, (conv, norm) in layers.items():
        deviation = torch.sqrt(public[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        scale = public[f"{norm}.weight"] / deviation
        own[f"encoder.{ours}.weight"] = public[f"{conv}.weight"] * scale[:, None, None, None]
        own[f"encoder.{ours}.bias"] = public[f"{norm}.bias"] - public[f"{norm}.running_mean"] * scale
    return own


def luma_filters(rgb_weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A classifier's weights to those of an encoder of luma: the first filters summed over R, G, B, names without
    ``encoder.``. Exact for a gray picture, since all three channels enter alike."""
    own = {name.removeprefix("encoder."): value for name, value in rgb_weights.items() if name.startswith("encoder.")}
    first = "features.0.0.weight"
    return own | {first: own[first].sum(dim=1, keepdim=True)}
