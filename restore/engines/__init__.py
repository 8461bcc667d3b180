"""What runs a network: PyTorch, or OpenVINO or ONNX Runtime, which are faster on CPUs. All give the same colours.

Every engine takes luma and gives chroma in the program's one convention; which one runs is chosen here alone.
"""

from restore.engines.engine import ENGINES, Engine, installed_engines
from restore.engines.opening import OpenedModel, open_colour_model, start_engine

__all__ = ["ENGINES", "Engine", "OpenedModel", "installed_engines", "open_colour_model", "start_engine"]
