"""Colour that holds still: shots, motion, and chroma filtered along it."""

from restore.temporal.flow import estimate_flow, flow_confidence, warp
from restore.temporal.shots import ShotDetector, find_shot_starts
from restore.temporal.smooth import Strength, smooth, smooth_chroma

__all__ = [
    "ShotDetector",
    "Strength",
    "estimate_flow",
    "find_shot_starts",
    "flow_confidence",
    "smooth",
    "smooth_chroma",
    "warp",
]
