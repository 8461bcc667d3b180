"""What decades and copying do to a film's luma, so that a model trained on clean photos also works on archives."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]
Picture = NDArray[np.uint8]

BRIGHT = 0.75  # luma from which light spreads in the film


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


@dataclass(frozen=True)
class EarlyFilm:
    """What the first emulsions and cameras made of colours and light; needs the picture's colours, as a lens did."""

    share: float
    """Share of pictures that look so; the others give their luma."""

    def apply(self, ycbcr: Picture, rng: np.random.Generator) -> Luma:
        """``H x W x 3`` (Y, Cb, Cr, 8-bit codes) to the luma ``H x W`` in [0, 1] that such a film has of it."""
        luma = ycbcr[..., 0].astype(np.float32) / np.float32(255)
        if self.share == 0 or rng.random() >= self.share:
            return luma
        if rng.random() < 0.6:
            luma = orthochromatic(ycbcr, rng)
        for look, share in ((halated, 0.35), (dark_cornered, 0.3), (dusty, 0.3)):
            if rng.random() < share:
                luma = look(luma, rng)
        return np.asarray(np.clip(luma, 0, 1), np.float32)


def orthochromatic(ycbcr: Picture, rng: np.random.Generator) -> Luma:
    """Film that does not see red, and sees blue too well: dark lips, bricks and rust, white skies."""
    luma, cb, cr = (ycbcr[..., channel].astype(np.float32) / np.float32(255) for channel in range(3))
    cb, cr = cb - np.float32(128 / 255), cr - np.float32(128 / 255)
    red, green, blue = luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb
    of_red, of_blue = rng.uniform(0.0, 0.15), rng.uniform(0.2, 0.55)
    seen = of_red * red + of_blue * blue + (1 - of_red - of_blue) * green
    return np.asarray(np.clip(seen, 0, 1), np.float32)


def halated(luma: Luma, rng: np.random.Generator) -> Luma:
    """Light that went through the film and came back from its base: a glow around bright places."""
    bright = np.maximum(luma - np.float32(BRIGHT), 0) / np.float32(1 - BRIGHT)
    spread = rng.uniform(0.02, 0.08) * max(luma.shape)
    glow = np.asarray(cv2.GaussianBlur(bright, (0, 0), spread), np.float32)
    return luma + np.float32(rng.uniform(0.1, 0.5)) * glow * (1 - luma)


def dark_cornered(luma: Luma, rng: np.random.Generator) -> Luma:
    """A lens that hardly covers the plate: corners fall off far more than with :func:`vignetted`."""
    height, width = luma.shape
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    outside = np.maximum(np.sqrt(down * down + across * across) - np.float32(rng.uniform(0.3, 0.7)), 0)
    return luma * np.exp(-np.float32(rng.uniform(0.7, 3.0)) * outside * outside)


def dusty(luma: Luma, rng: np.random.Generator) -> Luma:
    """Specks, hairs and a scratch, white as on a print from a dirty negative or black as on the negative's copy."""
    height, width = luma.shape
    marks = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(marks, centre, int(rng.integers(0, 2)), 255, -1, cv2.LINE_AA)
    if rng.random() < 0.4:
        start = rng.integers(0, (width, height))
        steps = rng.normal(0.0, 0.03 * max(height, width), (6, 2)).cumsum(axis=0)
        cv2.polylines(marks, [np.rint(start + steps).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
    if rng.random() < 0.3:
        column = int(rng.integers(width))
        cv2.line(marks, (column, 0), (column + int(rng.integers(-2, 3)), height - 1), 160, 1, cv2.LINE_AA)
    strength = marks.astype(np.float32) * np.float32(rng.uniform(0.3, 0.9) / 255)
    return luma + strength * (np.float32(rng.random() < 0.7) - luma)


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
