"""Registers a visible and a thermal picture of one scene: which homography lays one on the other, and how well it fits.

Brightness says nothing, since warm may be dark; edges do. Both pictures become maps of edge strength, flattened to one
local level. A start is found by features on these maps and by mutual information (Viola 1997) over a grid of scales and
shifts; the enhanced correlation coefficient (Evangelidis 2008, ``cv2.findTransformECC``) refines it from coarse to
fine. What is left is measured block by block, and pairs that do not fit are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.errors import InputError
from restore_train.align.start import Homography, edge_map, mutual_information, starts

Plane = NDArray[np.float32]

WORKING_SIDE = 512
"""Pixels of the longer side at which pictures are compared, smaller ones enlarged. Of 12 pairs by day, 256 pixels wide
and displaced, 11 are registered to 0.7 of their pixels in the median, 1.3 at most; in their own size 8, to 1.0 and 2.1.
"""

COARSE, FINE = (0.25, 0.5), (1.0,)  # of the working size: affine first, then with perspective
FOLLOWED = 3  # of the coarse candidates
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
BLOCK = 48  # pixels a side, whose own shift is measured at the working size
REACH = 8  # pixels that a block is sought around its place
CLEAR_PEAK = 0.35  # correlation from which a block's shift is believed
LEAST_BLOCKS = 12
ECC_BLUR = 5  # pixels of the Gaussian that OpenCV puts before its gradients

LARGEST_RESIDUAL = 3.0  # pixels of the working size: what the training losses forgive
LEAST_CLEAR_SHARE = 0.2  # of the blocks that have edges
CONVINCING_SHARE = 0.5  # with half of that residual: other candidates need not be looked at
LEAST_OVERLAP = 0.4  # of the visible picture
SCALES = (0.3, 3.0)  # of the thermal picture's sides to the visible one's, beside that of their sizes
LARGEST_TILT = 0.35  # of the perspective part, per picture width


class AlignmentError(InputError):
    """Raised when two pictures do not show one scene, or too little of it in both."""

    exit_code = 12


@dataclass(frozen=True)
class Alignment:
    """Where the thermal picture is on the visible one, and how well it fits."""

    homography: Homography
    """``3 x 3``: pixels (x, y, 1) of the visible picture to those of the thermal one."""
    residual: float
    """Median shift left in blocks whose edges agree, in pixels of the working size (longer side 512)."""
    clear_share: float
    """Share of the blocks with edges whose shift is clear."""
    correlation: float
    """Correlation of the edge maps where they overlap, from -1 to 1."""
    overlap: float
    """Share of the visible picture that the thermal one covers."""
    information: float
    """Mutual information of the two pictures' tones there, in nats."""


def align(visible: Plane, thermal: Plane) -> Alignment:
    """Registers ``visible`` and ``thermal``, lumas ``H x W`` in [0, 1] of any sizes.

    Raises :class:`AlignmentError`, with the figures, for a pair that does not fit: too few blocks that agree, more
    than three pixels left, a transform that no two cameras side by side have.
    """
    for name, plane in (("visible", visible), ("thermal", thermal)):
        if plane.ndim != 2 or min(plane.shape) < 2 * BLOCK:
            raise AlignmentError(f"the {name} picture is {plane.shape[::-1]}; at least {2 * BLOCK} pixels a side")
    small_visible, visible_scale = shrink(visible)
    small_thermal, thermal_scale = shrink(thermal)
    both = small_visible, small_thermal
    coarse = [refine(*both, start, COARSE) for start in starts(*both)]
    ranked = sorted((evaluate(*both, warp) for warp in coarse if warp is not None), key=quality)
    best = None
    for candidate in reversed(ranked[-FOLLOWED:]):
        for warp in refinements(*both, candidate.homography):
            alignment = evaluate(*both, warp)
            best = alignment if best is None or quality(alignment) > quality(best) else best
        if best is not None and best.clear_share >= CONVINCING_SHARE and best.residual <= LARGEST_RESIDUAL / 2:
            break
    if best is None:
        raise AlignmentError("no plausible transform was found; do both pictures show the same scene?")
    problem = fault(best)
    if problem:
        raise AlignmentError(f"the pictures do not fit: {problem}; use a pair with more of the scene in both")
    full = np.linalg.inv(thermal_scale) @ best.homography @ visible_scale
    return Alignment(
        full / full[2, 2], best.residual, best.clear_share, best.correlation, best.overlap, best.information
    )


def refinements(visible: Plane, thermal: Plane, coarse: Homography) -> Iterator[Homography]:
    """Yields ever finer transforms from a coarse one: by correlation, by blocks, and by correlation again."""
    fine = refine(visible, thermal, coarse, FINE)
    yield coarse
    warp = coarse if fine is None else fine
    yield warp
    for _ in range(2):
        fitted = fit_blocks(visible, thermal, warp)
        if fitted is None:
            return
        yield fitted
        again = refine(visible, thermal, fitted, FINE)
        if again is not None:
            yield again
        warp = fitted


def warp_thermal(thermal: Plane, homography: Homography, height: int, width: int) -> tuple[Plane, NDArray[np.bool_]]:
    """Returns ``thermal`` as seen from the visible picture of ``height x width``, and where it covers it."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(thermal, homography, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.ones_like(thermal), homography, (width, height), flags=flags)
    return np.asarray(warped, np.float32), np.asarray(inside > 0.999)


def shrink(plane: Plane) -> tuple[Plane, Homography]:
    """Returns a picture at the working size, and the matrix from its own pixels to those."""
    height, width = plane.shape
    scale = WORKING_SIDE / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    across, down = size[0] / width, size[1] / height
    # Pixel centres: x -> (x + 0.5) * scale - 0.5.
    matrix = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
    return np.asarray(small, np.float32), matrix


def refine(visible: Plane, thermal: Plane, start: Homography, levels: Sequence[float]) -> Homography | None:
    """Refines by ECC from coarse to fine; returns None where it diverges or ends in what two cameras cannot see."""
    warp = start / start[2, 2]
    for level in levels:
        scaling = np.array([[level, 0, level / 2 - 0.5], [0, level, level / 2 - 0.5], [0, 0, 1]])
        template, moving = (edge_map(resize_to_level(plane, level)) for plane in (visible, thermal))
        own = scaling @ warp @ np.linalg.inv(scaling)
        own = (own / own[2, 2]).astype(np.float32)
        motion = cv2.MOTION_AFFINE if level in COARSE else cv2.MOTION_HOMOGRAPHY
        everywhere = np.ones(moving.shape, np.uint8)
        matrix = np.ascontiguousarray(own[:2] if motion == cv2.MOTION_AFFINE else own)
        try:
            _, fitted = cv2.findTransformECC(template, moving, matrix, motion, CRITERIA, everywhere, ECC_BLUR)
        except cv2.error:
            return None
        full = np.vstack([fitted, [0, 0, 1]]) if len(fitted) == 2 else fitted
        warp = np.linalg.inv(scaling) @ full.astype(np.float64) @ scaling
        warp /= warp[2, 2]
    return warp if plausible(warp, visible) else None


def fit_blocks(visible: Plane, thermal: Plane, warp: Homography) -> Homography | None:
    """Fits a homography through where most blocks went; returns None where too few are clear.

    This is sturdier than a correlation over the whole where much of the picture has no partner.
    """
    warped, inside = warp_thermal(thermal, warp, *visible.shape)
    moves = [move for move in block_moves(edge_map(visible), edge_map(warped), inside) if move.peak >= CLEAR_PEAK]
    if len(moves) < LEAST_BLOCKS:
        return None
    centres = np.array([move.centre for move in moves], np.float32)
    shifts = np.array([move.shift for move in moves], np.float32)
    cv2.setRNGSeed(0)
    correction, _ = cv2.findHomography(centres, centres + shifts, cv2.RANSAC, 2.0)
    if correction is None:
        return None
    fitted = warp @ correction.astype(np.float64)
    fitted /= fitted[2, 2]
    return fitted if plausible(fitted, visible) else None


def resize_to_level(plane: Plane, level: float) -> Plane:
    if level == 1:
        return plane
    size = (round(plane.shape[1] * level), round(plane.shape[0] * level))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def plausible(homography: Homography, visible: Plane) -> bool:
    """Whether two cameras side by side can see so: no mirror, no fold, about one scale across and down, little tilt."""
    height, width = visible.shape
    if not np.isfinite(homography).all():
        return False
    area = np.linalg.det(homography[:2, :2])
    across, down = np.linalg.norm(homography[:2, 0]), np.linalg.norm(homography[:2, 1])
    tilt = abs(homography[2, 0]) * width + abs(homography[2, 1]) * height
    sizes_fit = all(SCALES[0] < scale < SCALES[1] for scale in (across, down)) and 0.6 < across / down < 1.67
    return bool(area > 0 and sizes_fit and tilt < LARGEST_TILT and area > 0.5 * across * down)


def evaluate(visible: Plane, thermal: Plane, homography: Homography) -> Alignment:
    """Returns the figures of a transform at the working size."""
    warped, inside = warp_thermal(thermal, homography, *visible.shape)
    ours, theirs = edge_map(visible), edge_map(warped)
    overlap = float(inside.mean())
    correlation = information = 0.0
    if inside.any():
        a, b = ours[inside] - ours[inside].mean(), theirs[inside] - theirs[inside].mean()
        correlation = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))
        information = mutual_information(visible[inside], warped[inside])
    moves = list(block_moves(ours, theirs, inside))
    clear = [float(np.hypot(*move.shift)) for move in moves if move.peak >= CLEAR_PEAK]
    residual = float(np.median(clear)) if clear else float(REACH)
    return Alignment(homography, residual, len(clear) / max(len(moves), 1), correlation, overlap, information)


@dataclass(frozen=True)
class Move:
    """Where a block of the visible picture's edges is in the thermal picture."""

    centre: tuple[float, float]
    """x, y of the block."""
    shift: tuple[float, float]
    """Pixels across and down to the best place, to a fraction of a pixel."""
    peak: float
    """Correlation there, from -1 to 1."""


def block_moves(ours: Plane, theirs: Plane, inside: NDArray[np.bool_]) -> Iterator[Move]:
    """Yields the moves of blocks that have edges and are inside."""
    height, width = ours.shape
    busy = 0.5 * float(ours[inside].std()) if inside.any() else 0.0
    for top in range(REACH, height - BLOCK - REACH + 1, BLOCK // 2):
        for left in range(REACH, width - BLOCK - REACH + 1, BLOCK // 2):
            block = ours[top : top + BLOCK, left : left + BLOCK]
            around = (slice(top - REACH, top + BLOCK + REACH), slice(left - REACH, left + BLOCK + REACH))
            if not inside[around].all() or block.std() < busy:
                continue
            scores = np.asarray(cv2.matchTemplate(theirs[around], block, cv2.TM_CCOEFF_NORMED), np.float32)
            _, peak, _, (across, down) = cv2.minMaxLoc(scores)
            shift = (across - REACH + vertex(scores[down], across), down - REACH + vertex(scores[:, across], down))
            yield Move((left + (BLOCK - 1) / 2, top + (BLOCK - 1) / 2), shift, float(peak))


def vertex(scores: NDArray[np.float32], index: int) -> float:
    """Returns where between its neighbours a peak is: the vertex of the parabola through three values."""
    if not 0 < index < len(scores) - 1:
        return 0.0
    before, here, after = (float(value) for value in scores[index - 1 : index + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def quality(alignment: Alignment) -> float:
    """Returns the higher a figure, the better edges correlate over much of the picture."""
    return alignment.correlation * min(1.0, alignment.overlap / LEAST_OVERLAP) + 0.2 * alignment.clear_share


def fault(alignment: Alignment) -> str:
    """Returns why a pair is refused; nothing for a good one."""
    if alignment.overlap < LEAST_OVERLAP:
        return f"they share {100 * alignment.overlap:.0f} % of the visible picture"
    if alignment.clear_share < LEAST_CLEAR_SHARE:
        return f"edges agree in {100 * alignment.clear_share:.0f} % of the blocks"
    if alignment.residual > LARGEST_RESIDUAL:
        return f"{alignment.residual:.1f} pixels are left between them"
    return ""
