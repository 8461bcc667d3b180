"""The encoders that a U-Net may stand on, by the name that its sizes carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from restore_models.efficientnet import LITE0, LITE2, EfficientNetEncoder
from restore_models.mobilenet import MobileNetV2Encoder

Encoder = MobileNetV2Encoder | EfficientNetEncoder
"""Luma ``B x 1 x H x W`` to features of ``tap_channels`` at strides 2, 4, 8, 16 and 32; its blocks are ``features``."""

MOBILENET_V2 = "mobilenet_v2"

ENCODERS: Mapping[str, Callable[[], Encoder]] = {
    MOBILENET_V2: MobileNetV2Encoder,
    "efficientnet_lite0": lambda: EfficientNetEncoder(LITE0),
    "efficientnet_lite2": lambda: EfficientNetEncoder(LITE2),
}


def build_encoder(name: str) -> Encoder:
    """Raises ``ValueError`` for a name that is not in :data:`ENCODERS`."""
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {name!r}; known are {', '.join(ENCODERS)}")
    return ENCODERS[name]()
