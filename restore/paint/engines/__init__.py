"""What runs a network: PyTorch, or OpenVINO or ONNX Runtime, which are faster on CPUs. All give the same colours.

Every engine takes luma and gives chroma in the program's one convention; which one runs is chosen here alone.
"""

from restore.paint.engines.choose import OpenedModel, open_colour_model, start_engine
from restore.paint.engines.engine import ENGINES, Engine, installed_engines

__all__ = ["ENGINES", "Engine", "OpenedModel", "installed_engines", "open_colour_model", "start_engine"]
