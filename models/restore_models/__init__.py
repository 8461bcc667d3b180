"""The networks, their weights and their cards."""

from restore_models.curve import ColourCurve
from restore_models.registry import DEFAULT_MODEL, SHIPPED, ShippedModel, open_model
from restore_models.weights import LoadedNetwork, WeightsError, load_network, save_network

__all__ = [
    "DEFAULT_MODEL",
    "SHIPPED",
    "ColourCurve",
    "LoadedNetwork",
    "ShippedModel",
    "WeightsError",
    "load_network",
    "open_model",
    "save_network",
]
