"""Rechroma: colour for old film and photos, with nothing of the original lost.

>>> from restore import Colorizer, colorize_photos, colorize_video
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restore.colorizer import Colorizer
    from restore.errors import RechromaError
    from restore.photos import PhotoOptions, PhotosReport, colorize_photos
    from restore.thermal import ThermalOptions, ThermalReport, colorize_thermal
    from restore.verify import verify_video
    from restore.video import VideoOptions, VideoReport, colorize_video

__all__ = [
    "Colorizer",
    "PhotoOptions",
    "PhotosReport",
    "RechromaError",
    "ThermalOptions",
    "ThermalReport",
    "VideoOptions",
    "VideoReport",
    "colorize_photos",
    "colorize_thermal",
    "colorize_video",
    "verify_video",
]

HOMES = {
    "Colorizer": "restore.colorizer",
    "PhotoOptions": "restore.photos",
    "PhotosReport": "restore.photos",
    "RechromaError": "restore.errors",
    "ThermalOptions": "restore.thermal",
    "ThermalReport": "restore.thermal",
    "VideoOptions": "restore.video",
    "VideoReport": "restore.video",
    "colorize_photos": "restore.photos",
    "colorize_thermal": "restore.thermal",
    "colorize_video": "restore.video",
    "verify_video": "restore.verify",
}


def __getattr__(name: str) -> Any:
    """Loads a public name at its first use, so that ``rechroma --help`` does not wait for torch (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module 'restore' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
