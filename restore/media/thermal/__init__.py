"""Thermal files of every kind as frames of raw values."""

from restore.media.thermal.opening import THERMAL_SUFFIXES, open_thermal
from restore.media.thermal.palettes import PALETTES
from restore.media.thermal.radiometry import Radiometry
from restore.media.thermal.source import RawArray, ThermalFrame, ThermalSource
from restore.media.thermal.to_luma import guess_polarity, to_luma
from restore.media.thermal.writing import RawWriter, encode_still, raw_paths

__all__ = [
    "PALETTES",
    "THERMAL_SUFFIXES",
    "Radiometry",
    "RawArray",
    "RawWriter",
    "ThermalFrame",
    "ThermalSource",
    "guess_polarity",
    "open_thermal",
    "raw_paths",
    "to_luma",
    "encode_still",
]
