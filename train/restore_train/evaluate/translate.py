"""One thermal picture in memory to RGB: what the evaluator measures and a script can call."""

from __future__ import annotations

from dataclasses import dataclass

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.errors import OptionError
from restore.paint.thermal import HeatPainter, ThermalPainter, open_thermal_painter
from restore.upsample import upsample_chroma, upsample_luma
from restore_models import ColourCurve

__all__ = ["RgbTranslation", "rgb_translation", "translate_still"]


def translate_still(thermal: FloatArray, painter: ThermalPainter, *, light: float | None = None) -> FloatArray:
    """Thermal ``H x W`` in [0, 1], white-hot, to RGB ``H x W x 3``: the model's luma, or heat where it makes none.

    ``light`` from -1, night, to 1, day, is guessed where it is not given and the painter knows it.
    """
    painter = painter.in_light(painter.guessed_light([thermal]) if light is None else light)
    ((luma, chroma),) = painter.paint([painter.prepare(thermal)])
    full = thermal if luma is None else upsample_luma(luma, thermal)
    return rgb_from_luma_chroma(full, upsample_chroma(chroma, full))


@dataclass(frozen=True)
class RgbTranslation:
    """From a thermal picture to RGB, as :func:`translate_still`."""

    painter: ThermalPainter
    light: float | None = None
    """That is told it, in place of its guess."""

    @property
    def guesses_light(self) -> bool:
        return self.light is None and self.painter.knows_light

    def __call__(self, thermal: FloatArray) -> FloatArray:
        return translate_still(thermal, self.painter, light=self.light)


def rgb_translation(
    model: str,
    *,
    working_size: int | None = None,
    device: str = "auto",
    gain: float | None = None,
    light: float | None = None,
) -> RgbTranslation:
    """A model by name or path as a function from a thermal picture to RGB.

    A model that colours photos takes heat for gray. ``gain`` replaces a thermal model's own strength of colour, and
    ``light`` (-1 by night, 1 by day) its guess, where it makes one. Raises ``ModelError``, ``DeviceError`` and
    ``OptionError``.
    """
    painter = open_thermal_painter(model, device=device, working_size=working_size)
    if gain is not None:
        if not isinstance(painter, HeatPainter):
            raise OptionError(f"{model} colours photos; only a thermal model's strength of colour can be given")
        painter.curve = ColourCurve(gain=gain)
    return RgbTranslation(painter, light)
