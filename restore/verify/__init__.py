"""Proof that a result keeps what its original had, read back from both; what ``rechroma verify`` calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore.verify.verification import Verification

__all__ = ["verify_any"]


def verify_any(original: Path, result: Path, *, max_luma_difference: int | None = None) -> Verification:
    """Compares an original with its coloured result: films or photos by their names, or folders or tars of photos.

    Raises ``InputError`` where one of them cannot be read, and ``VerificationError`` for a film and itself.
    """
    from restore.jobs.plan import TAR_SUFFIX
    from restore.media.photo.reading import PHOTO_SUFFIXES, quiet_pillow
    from restore.verify.album import verify_album
    from restore.verify.film import verify_video
    from restore.verify.photo import verify_photo

    with quiet_pillow():
        if original.is_dir() or result.is_dir() or original.suffix.lower() == result.suffix.lower() == TAR_SUFFIX:
            return verify_album(original, result, max_luma_difference=max_luma_difference)
        if all(path.suffix.lower() in PHOTO_SUFFIXES for path in (original, result)):
            return verify_photo(original, result, max_luma_difference=max_luma_difference)
        return verify_video(original, result, max_luma_difference=max_luma_difference)
