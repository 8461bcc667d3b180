"""What runs a network: PyTorch, or OpenVINO or ONNX Runtime, which are faster on CPUs. All give the same colours.

Every engine takes luma and gives chroma in the program's one convention; which one runs is chosen here alone.
"""

from restore.paint.engines.choose import ENGINES, choose_engine, installed_engines, start_engine
from restore.paint.engines.model import Engine, OpenedModel, open_colour_model

__all__ = [
    "ENGINES",
    "Engine",
    "OpenedModel",
    "choose_engine",
    "installed_engines",
    "open_colour_model",
    "start_engine",
]
