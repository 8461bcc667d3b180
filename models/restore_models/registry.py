"""The shipped models: one small table, and the way from a name or a path to a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from restore_models.curve import ColourCurve
from restore_models.weights import LoadedNetwork, WeightsError, load_network

DEFAULT_MODEL = "pix2pix"


@dataclass(frozen=True)
class ShippedModel:
    """One model inside the wheel."""

    name: str
    summary: str
    sha256: str
    """Of its weight file."""
    working_size: int
    """Short side, in pixels, of the luma that the network sees."""
    curve: ColourCurve
    """How strong its colour is shown; its card's figures were measured with it."""
    makes_luma: bool = False
    """Translates heat, and answers with luma too."""

    @property
    def weights(self) -> Path:
        return Path(str(files("restore_models"))) / "weights" / f"{self.name}.safetensors"

    @property
    def card(self) -> Path:
        """The model card: inside the wheel beside the package, in a checkout one folder up."""
        package = Path(str(files("restore_models")))
        inside = package / "cards" / f"{self.name}.md"
        return inside if inside.exists() else package.parent / "cards" / f"{self.name}.md"


SHIPPED = {
    model.name: model
    for model in (
        ShippedModel(
            name="pix2pix",
            summary="U-Net over MobileNetV2, regression on measured colour differences; the default",
            sha256="373f99e1d3527064b69c15de7142d2cfc360c53033c8cb5fca2b618b3cc295dc",
            working_size=256,
            curve=ColourCurve(gain=0.92, exponent=1.15),
        ),
        ShippedModel(
            name="pixcolor",
            summary="PixelCNN on a coarse grid: several seeded colourings of one picture",
            sha256="9bc05a5c9e0790db2caf6816e159f45c8a4213b3b86f883577a85e10d9d8145d",
            working_size=256,
            curve=ColourCurve(gain=1.17, exponent=1.15),
        ),
        ShippedModel(
            name="thermal",
            summary="U-Net over MobileNetV2, adversarial: heat to luma and colour, day or night, for rechroma thermal",
            sha256="942685752dd6b0f068fa38f90822d5f75577c894b5f05e1ae2080fcfa336bf22",
            working_size=192,
            curve=ColourCurve(gain=2.5),
            makes_luma=True,
        ),
    )
}


def open_model(name_or_path: str) -> tuple[LoadedNetwork, ShippedModel | None]:
    """A shipped model by name, or a safetensors file of a known network by path.

    Raises :class:`restore_models.weights.WeightsError` for an unknown name and for weights that are not what they
    should be.
    """
    shipped = SHIPPED.get(name_or_path)
    if shipped is not None:
        return load_network(shipped.weights, expected_sha256=shipped.sha256), shipped
    if not name_or_path.endswith(".safetensors"):
        raise WeightsError(
            f"unknown model {name_or_path!r}; shipped are {', '.join(SHIPPED)}, or give a .safetensors or .onnx file"
        )
    return load_network(Path(name_or_path)), None
