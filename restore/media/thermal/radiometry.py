"""Temperatures of a FLIR sensor's counts.

The sensor's answer to a black body of T kelvin is ``S(T) = R1 / (R2 (exp(B / T) - F)) - O``. What it sees of an object
with emissivity e through air of transmission t and, close to the lens, a window of transmission w, is

    raw = e t w S(object) + (1 - e) t w S(reflected) + (1 - t) w S(air) + (1 - w) S(window)

which is solved for the object (Minkina & Dudzik 2009, "Infrared Thermography: Errors and Uncertainties", section 2.3;
FLIR's user manuals, chapter "Thermographic measurement techniques"). Transmission of air, with d metres and h grams of
water in a cubic metre: ``t = X exp(-sqrt(d) (a1 + b1 sqrt(h))) + (1 - X) exp(-sqrt(d) (a2 + b2 sqrt(h)))``, and h from
relative humidity and air temperature by a cubic (same sources). A file holds every constant.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache
from math import exp, isfinite, sqrt

import numpy as np

from restore.colour import CodeArray, FloatArray

ZERO_CELSIUS = 273.15
COUNTS = 1 << 16
HUMIDITY_CUBIC = (1.5587, 6.939e-2, -2.7816e-4, 6.8455e-7)
"""Logarithm of saturated grams a cubic metre, in powers of degrees Celsius."""


@dataclass(frozen=True)
class Radiometry:
    """Constants of a sensor and a scene; temperatures in kelvin."""

    planck_r1: float
    planck_b: float
    planck_f: float
    planck_o: float
    planck_r2: float
    emissivity: float
    distance_metres: float
    reflected_kelvin: float
    air_kelvin: float
    window_kelvin: float
    window_transmission: float
    humidity: float
    """Relative, 0 to 1."""

    alpha1: float
    alpha2: float
    beta1: float
    beta2: float
    x: float

    @property
    def is_usable(self) -> bool:
        """Whether the constants describe a real sensor and scene; a damaged or empty record does not."""
        return (
            all(isfinite(value) for value in astuple(self))
            and min(self.planck_r1, self.planck_b, self.planck_f, self.planck_r2) > 0
            and 0 < self.emissivity <= 1
            and 0 < self.window_transmission <= 1
            and 0 <= self.humidity <= 1
            and 0 <= self.distance_metres <= 1e5
            and all(100 < kelvin < 2000 for kelvin in (self.reflected_kelvin, self.air_kelvin, self.window_kelvin))
            and 0 < self.air_transmission <= 1
        )

    @property
    def air_transmission(self) -> float:
        """Transmission over the whole distance, 0 to 1."""
        celsius = self.air_kelvin - ZERO_CELSIUS
        try:
            water = self.humidity * exp(sum(part * celsius**power for power, part in enumerate(HUMIDITY_CUBIC)))
            path, root = sqrt(self.distance_metres), sqrt(water)
            first = self.x * exp(-path * (self.alpha1 + self.beta1 * root))
            return first + (1 - self.x) * exp(-path * (self.alpha2 + self.beta2 * root))
        except (OverflowError, ValueError):
            return float("nan")

    def signal(self, kelvin: float) -> float:
        """Returns the sensor's answer, in counts, to a black body."""
        try:
            return self.planck_r1 / (self.planck_r2 * (exp(self.planck_b / kelvin) - self.planck_f)) - self.planck_o
        except (OverflowError, ZeroDivisionError):
            return -self.planck_o

    def celsius(self, raw: CodeArray) -> FloatArray:
        """Turns counts ``H x W`` into degrees Celsius; NaN for counts below what any object gives."""
        return celsius_of_counts(self)[raw]


@lru_cache(maxsize=4)
def celsius_of_counts(scene: Radiometry) -> FloatArray:
    """Returns the degrees Celsius of every 16-bit count."""
    air, window = scene.air_transmission, scene.window_transmission
    elsewhere = (
        (1 - scene.emissivity) * air * window * scene.signal(scene.reflected_kelvin)
        + (1 - air) * window * scene.signal(scene.air_kelvin)
        + (1 - window) * scene.signal(scene.window_kelvin)
    )
    counts = (np.arange(COUNTS, dtype=np.float64) - elsewhere) / (scene.emissivity * air * window)
    with np.errstate(divide="ignore", invalid="ignore"):
        kelvin = scene.planck_b / np.log(
            scene.planck_r1 / (scene.planck_r2 * (counts + scene.planck_o)) + scene.planck_f
        )
    kelvin[~(counts + scene.planck_o > 0)] = np.nan
    celsius: FloatArray = (kelvin - ZERO_CELSIUS).astype(np.float32)
    celsius.flags.writeable = False
    return celsius
