"""What decades and copying do to a film's luma, so that a model trained on clean photos also works on archives."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FilmWear"]

Luma = NDArray[np.float32]


@dataclass(frozen=True)
class FilmWear:
    """Random wear of a luma picture. Each kind comes alone or with others."""

    share: float
    """Share of pictures that get worn at all; the others pass unchanged."""
    tone_share: float = 0.5
    """Share of all pictures whose tone curve changes a little, worn or not: exposure and printing vary everywhere."""

    def apply(self, luma: Luma, rng: np.random.Generator) -> Luma:
        """``H x W`` in [0, 1] to the same, worn or not; chroma is not concerned."""
        if rng.random() < self.tone_share:
            luma = np.power(luma, np.float32(np.exp(rng.normal(0.0, 0.2))))
        if rng.random() >= self.share:
            return luma
        wears = (blurred, grainy, vignetted, faded, orthochromatic_contrast, compressed)
        for wear in wears:
            if rng.random() < 0.4:
                luma = wear(luma, rng)
        return np.clip(luma, np.float32(0), np.float32(1))


def blurred(luma: Luma, rng: np.random.Generator) -> Luma:
    """A soft lens, or a copy of a copy."""
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.5, 1.6)), np.float32)


def grainy(luma: Luma, rng: np.random.Generator) -> Luma:
    """Silver grain: strongest in the middle tones, a little correlated between neighbours."""
    noise = rng.standard_normal(luma.shape, np.float32)
    if rng.random() < 0.5:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7), np.float32) * np.float32(2.0)
    strength = np.float32(rng.uniform(0.01, 0.07))
    return luma + noise * strength * (np.float32(0.4) + np.float32(2.4) * luma * (1 - luma))


def vignetted(luma: Luma, rng: np.random.Generator) -> Luma:
    """Corners darker than the centre."""
    height, width = luma.shape
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.uniform(-0.3, 0.3))
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] - np.float32(rng.uniform(-0.3, 0.3))
    darkening = np.float32(rng.uniform(0.05, 0.18)) * (down * down + across * across)
    return luma * (1 - darkening)


def faded(luma: Luma, rng: np.random.Generator) -> Luma:
    """Black turns gray and white dull."""
    black = np.float32(rng.uniform(0.0, 0.2))
    white = np.float32(rng.uniform(0.75, 1.0))
    return black + luma * (white - black)


def orthochromatic_contrast(luma: Luma, rng: np.random.Generator) -> Luma:
    """A steep or flat S-curve, as of hard papers and duplicated negatives."""
    steepness = np.float32(rng.uniform(-0.4, 0.9))
    smoothstep = luma * luma * (3 - 2 * luma)
    return luma + steepness * (smoothstep - luma)


def compressed(luma: Luma, rng: np.random.Generator) -> Luma:
    """Blocks and ringing of a JPEG or an old video codec."""
    codes = np.clip(luma * 255, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return decoded.astype(np.float32) / np.float32(255)
