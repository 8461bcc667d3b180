"""Thermal files of every kind as frames of raw values."""

from restore.media.thermal.frame import RawArray, ThermalFrame, ThermalSource
from restore.media.thermal.opening import THERMAL_SUFFIXES, open_thermal
from restore.media.thermal.palettes import PALETTES
from restore.media.thermal.polarity import guess_polarity
from restore.media.thermal.radiometry import Radiometry

__all__ = [
    "PALETTES",
    "THERMAL_SUFFIXES",
    "Radiometry",
    "RawArray",
    "ThermalFrame",
    "ThermalSource",
    "guess_polarity",
    "open_thermal",
]
