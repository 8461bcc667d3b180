"""Any picture shape for networks that need multiples: pad by reflection, cut the result back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(picture: Tensor, multiple_of: int) -> Tensor:
    """Grows ``B x C x H x W`` at the right and bottom to multiples of ``multiple_of``.

    Reflects where the picture is large enough for it, repeats the edge where it is not. The caller cuts the
    result back to its own size; nothing else has to know how much was added.
    """
    height, width = picture.shape[-2:]
    bottom = -height % multiple_of
    right = -width % multiple_of
    if not (bottom or right):
        return picture
    mode = "reflect" if bottom < height and right < width else "replicate"
    return F.pad(picture, (0, right, 0, bottom), mode=mode)
