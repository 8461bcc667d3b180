"""Colour as the eye measures it, for gradients: luma and chroma to CIE Lab, CIEDE2000, rarity of colours.

``evaluate.metrics`` holds the same quantities for reporting, from scikit-image; tests hold both together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_train.evaluate.metrics import AB_CELL, AB_CELLS, AB_HALF, AbPrior, Rgb, lab_from_rgb

TINY = 1e-8  # keeps roots and angles differentiable at gray
RGB_OF_CHROMA = ((0.0, 1.402), (-0.344136, -0.714136), (1.772, 0.0))  # rows R, G, B; columns Cb, Cr: ITU-T T.871
XYZ_OF_RGB = (  # IEC 61966-2-1, divided by the D65 white (0.95047, 1, 1.08883)
    (0.412453 / 0.95047, 0.357580 / 0.95047, 0.180423 / 0.95047),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883),
)
THUMBNAIL = 24  # pixels a side: enough of a photo to count its colours


def lab_from_luma_chroma(luma: Tensor, chroma: Tensor) -> Tensor:
    """BT.601 luma ``B x 1 x h x w`` in [0, 1] and chroma ``B x 2 x h x w`` to Lab (D65) ``B x 3 x h x w``.

    Chroma outside the gamut is pulled toward gray along its hue, as the pipeline does (``restore.colour``).
    """
    offsets = torch.einsum("kc,bchw->bkhw", chroma.new_tensor(RGB_OF_CHROMA), chroma)
    highest, lowest = offsets.amax(dim=1, keepdim=True), offsets.amin(dim=1, keepdim=True)
    room = torch.minimum((1 - luma) / highest.clamp(min=1e-4), luma / (-lowest).clamp(min=1e-4))
    rgb = (luma + offsets * room.clamp(0, 1)).clamp(0, 1)
    linear = torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("kc,bchw->bkhw", chroma.new_tensor(XYZ_OF_RGB), linear)
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=0.008) ** (1 / 3), 7.787 * xyz + 16 / 116).unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Colour difference (Sharma 2005, equations 2-22) of two Lab pictures ``B x 3 x h x w``: ``B x h x w``.

    Differentiable everywhere, but for the weights' dependence on hue, which is taken as constant.
    """
    (l1, a1, b1), (l2, a2, b2) = first.unbind(dim=1), second.unbind(dim=1)
    mean_c7 = ((chroma_norm(a1, b1) + chroma_norm(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean_c7 / (mean_c7 + 25.0**7) + TINY).sqrt()
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = chroma_norm(a1, b1), chroma_norm(a2, b2)
    # Hue enters the difference through products, which are smooth at gray; as an angle only the weights below know it.
    squared_hue = 2 * (c1 * c2 - a1 * a2 - b1 * b2).clamp(min=0)
    delta_hue = torch.sign(a1 * b2 - a2 * b1) * (squared_hue + TINY).sqrt()
    with torch.no_grad():
        h1, h2 = torch.atan2(b1, a1), torch.atan2(b2, a2)
        turn = torch.remainder(h2 - h1 + math.pi, 2 * math.pi) - math.pi  # the short way round
        hue = h1 + turn / 2
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2

    degree = math.pi / 180
    weight_t = (
        1
        - 0.17 * torch.cos(hue - 30 * degree)
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + 6 * degree)
        - 0.20 * torch.cos(4 * hue - 63 * degree)
    )
    from_blue = torch.remainder(hue - 275 * degree + math.pi, 2 * math.pi) - math.pi
    rotation = 60 * degree * torch.exp(-((from_blue / (25 * degree)) ** 2))
    mean_c7 = mean_c**7
    blue_term = -2 * (mean_c7 / (mean_c7 + 25.0**7) + TINY).sqrt() * torch.sin(rotation)
    squared = (mean_l - 50) ** 2
    scale_l = 1 + 0.015 * squared / (20 + squared).sqrt()
    difference_l = (l2 - l1) / scale_l
    difference_c = (c2 - c1) / (1 + 0.045 * mean_c)
    difference_h = delta_hue / (1 + 0.015 * mean_c * weight_t)
    total = difference_l**2 + difference_c**2 + difference_h**2 + blue_term * difference_c * difference_h
    return (total.clamp(min=0) + TINY).sqrt()


def chroma_norm(a: Tensor, b: Tensor) -> Tensor:
    return (a * a + b * b + TINY).sqrt()


def rarity_of_colours(pictures: Iterable[Rgb]) -> NDArray[np.float32]:
    """One weight per ab cell: how rare its colour is in these RGB pictures; the prior of the rebalanced accuracy.

    Colours that never occur weigh as much as the rarest that do.
    """
    prior = AbPrior()
    for picture in pictures:
        thumbnail = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        prior.add(lab_from_rgb(np.asarray(thumbnail, np.float32)))
    table = prior.rarity()
    return np.where(table > 0, table, table.max()).astype(np.float32)


def rarity_weights(truth_lab: Tensor, table: Tensor) -> Tensor:
    """Weights ``B x h x w`` of true Lab ``B x 3 x h x w`` from the table of :func:`rarity_of_colours`."""
    a, b = ((truth_lab[:, 1:].clamp(-AB_HALF, AB_HALF - 1e-3) + AB_HALF) / AB_CELL).long().unbind(dim=1)
    return table[a * AB_CELLS + b]
