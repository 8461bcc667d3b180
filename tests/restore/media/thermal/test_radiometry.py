from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from restore.media.thermal import Radiometry
from restore.media.thermal.radiometry import ZERO_CELSIUS

SCENE = Radiometry(
    planck_r1=21106.77, planck_b=1501.0, planck_f=1.0, planck_o=-7340.0, planck_r2=0.012545258,
    emissivity=0.8, distance_metres=20.0, reflected_kelvin=290.0, air_kelvin=285.0, window_kelvin=300.0,
    window_transmission=0.9, humidity=0.6, alpha1=0.006569, alpha2=0.01262, beta1=-0.002276, beta2=-0.00667, x=1.9,
)  # fmt: skip
BLACK_BODY = replace(SCENE, emissivity=1.0, distance_metres=0.0, window_transmission=1.0)


def counts_of(scene: Radiometry, kelvin: float) -> float:
    """The sum of what arrives at the sensor, forwards."""
    air, window = scene.air_transmission, scene.window_transmission
    return (
        scene.emissivity * air * window * scene.signal(kelvin)
        + (1 - scene.emissivity) * air * window * scene.signal(scene.reflected_kelvin)
        + (1 - air) * window * scene.signal(scene.air_kelvin)
        + (1 - window) * scene.signal(scene.window_kelvin)
    )


@pytest.mark.parametrize("kelvin", [255.0, 290.0, 310.0, 380.0])
@pytest.mark.parametrize("scene", [SCENE, BLACK_BODY])
def test_counts_and_back_round_trip(scene: Radiometry, kelvin: float) -> None:
    counts = np.array([[round(counts_of(scene, kelvin))]], np.uint16)
    assert float(scene.celsius(counts)[0, 0]) + ZERO_CELSIUS == pytest.approx(kelvin, abs=0.05)


def test_air_and_emissivity_change_temperatures_as_they_should() -> None:
    assert BLACK_BODY.air_transmission == pytest.approx(1)
    assert 0.9 < replace(SCENE, distance_metres=100.0).air_transmission < SCENE.air_transmission < 1
    hot = np.array([[round(counts_of(BLACK_BODY, 350.0))]], np.uint16)
    as_seen = replace(BLACK_BODY, emissivity=0.7).celsius(hot)
    assert as_seen > BLACK_BODY.celsius(hot) + 10  # a shiny thing is hotter than it looks


def test_counts_that_no_object_gives_are_nan() -> None:
    table = SCENE.celsius(np.arange(65536, dtype=np.uint16))
    finite = np.isfinite(table)
    assert not finite[0]
    assert (np.diff(table[finite]) > 0).all()
    assert finite.argmax() + finite.sum() == 65536  # in one piece


@pytest.mark.parametrize(
    "change", [{"planck_r1": 0.0}, {"emissivity": nan}, {"humidity": 3.0}, {"air_kelvin": -1.0}, {"x": 1e30}]
)
def test_nonsense_is_not_usable(change: dict[str, float]) -> None:
    assert SCENE.is_usable
    assert not replace(SCENE, **change).is_usable
