"""Colour that holds still: shots, motion, and chroma filtered along it."""

from restore.temporal.flow import estimate_flow, flow_confidence, warp
from restore.temporal.shots import ShotDetector, find_shot_starts
from restore.temporal.smooth import ChromaFrame, Strength, Trace, smooth_chroma

__all__ = [
    "ChromaFrame",
    "ShotDetector",
    "Strength",
    "Trace",
    "estimate_flow",
    "find_shot_starts",
    "flow_confidence",
    "smooth_chroma",
    "warp",
]
