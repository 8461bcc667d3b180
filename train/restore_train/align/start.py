"""First guesses for :mod:`restore_train.align.register`: edges, features, mutual information over scales and shifts."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Homography = NDArray[np.float64]

EDGE_BLUR = 1.2  # pixels
LEVEL_BLUR = 16.0  # pixels over which edge strength is brought to one level
BINS = 24  # tones a picture, for mutual information
SEARCH_SIDE = 128  # pixels of the visible picture's longer side in the search by mutual information
SEARCH_SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.12, 1.25, 1.43, 1.67)
BEST_OF_SEARCH = 2  # of that search
LEAST_MATCHES = 10
RATIO = 0.85  # of the best to the second best match (Lowe 2004, section 7.1)


def edge_map(plane: Plane) -> Plane:
    """Returns the strength of edges ``H x W``, at one level everywhere: alike for a picture and its negative."""
    smooth = cv2.GaussianBlur(plane, (0, 0), EDGE_BLUR)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    strength = cv2.magnitude(across, down)
    level = cv2.GaussianBlur(strength, (0, 0), LEVEL_BLUR)
    floor = np.float32(0.3) * strength.mean() + np.float32(1e-4)
    return np.asarray(np.sqrt(strength / (level + floor)), np.float32)


def mutual_information(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Returns the nats that the tones of two equally long samples in [0, 1] say of each other (Viola 1997)."""
    joint, _, _ = np.histogram2d(first.ravel(), second.ravel(), bins=BINS, range=((0, 1), (0, 1)))
    joint /= max(joint.sum(), 1.0)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())


def starts(visible: Plane, thermal: Plane) -> Iterator[Homography]:
    """Yields matrices from the visible to the thermal picture's pixels, to be refined.

    They lay the pictures on each other corner to corner, match features, and are the best of a search.
    """
    fitted = np.diag([thermal.shape[1] / visible.shape[1], thermal.shape[0] / visible.shape[0], 1.0])
    yield fitted
    by_features = from_features(visible, thermal)
    if by_features is not None:
        yield by_features
    yield from by_search(visible, thermal)


def from_features(visible: Plane, thermal: Plane) -> Homography | None:
    """Matches SIFT on the edge maps, where a picture and its negative look alike; None where too little matches."""
    sift = cv2.SIFT.create(nfeatures=1500, contrastThreshold=0.02)
    keys, descriptors = [], []
    for plane in (visible, thermal):
        codes = np.clip(edge_map(plane) * 110, 0, 255).astype(np.uint8)
        points, described = sift.detectAndCompute(codes, None)
        if described is None or len(points) < LEAST_MATCHES:
            return None
        keys.append(points)
        descriptors.append(described)
    pairs = cv2.BFMatcher().knnMatch(descriptors[0], descriptors[1], k=2)
    good = [both[0] for both in pairs if len(both) == 2 and both[0].distance < RATIO * both[1].distance]
    if len(good) < LEAST_MATCHES:
        return None
    source = np.array([keys[0][match.queryIdx].pt for match in good], np.float32)
    target = np.array([keys[1][match.trainIdx].pt for match in good], np.float32)
    cv2.setRNGSeed(0)
    affine, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=4.0)
    if affine is None or int(inliers.sum()) < LEAST_MATCHES // 2:
        return None
    return np.vstack([affine, [0, 0, 1]]).astype(np.float64)


def by_search(visible: Plane, thermal: Plane) -> Iterator[Homography]:
    """Yields scales and shifts, ranked by the correlation of edges at each scale, then by mutual information."""
    shrink = SEARCH_SIDE / max(visible.shape)
    small = np.asarray(cv2.resize(visible, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.float32)
    base = visible.shape[1] / thermal.shape[1]
    ranked: list[tuple[float, Homography]] = []
    for scale in SEARCH_SCALES:
        factor = shrink * base * scale
        other = np.asarray(cv2.resize(thermal, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.float32)
        across, down = best_shift(edge_map(small), edge_map(other))
        matrix = np.array([[shrink / factor, 0, -across / factor], [0, shrink / factor, -down / factor], [0, 0, 1]])
        shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
        warped = np.asarray(cv2.warpAffine(other, shift, small.shape[::-1], borderValue=-1.0), np.float32)
        inside = warped >= 0
        if inside.mean() > 0.3:
            ranked.append((mutual_information(small[inside], warped[inside]), matrix))
    ranked.sort(key=lambda candidate: -candidate[0])
    yield from (matrix for _, matrix in ranked[:BEST_OF_SEARCH])


def best_shift(fixed: Plane, moving: Plane) -> tuple[int, int]:
    """Returns the pixels (across, down) from ``fixed`` to ``moving``; they overlap by at least half of the smaller."""
    height, width = moving.shape
    margin_down, margin_across = height // 2, width // 2
    field = cv2.copyMakeBorder(
        fixed - fixed.mean(), margin_down, margin_down, margin_across, margin_across, cv2.BORDER_CONSTANT, value=0
    )
    grown_down, grown_across = max(0, height - field.shape[0]), max(0, width - field.shape[1])
    field = cv2.copyMakeBorder(field, 0, grown_down, 0, grown_across, cv2.BORDER_CONSTANT, value=0)
    scores = cv2.matchTemplate(field, moving - moving.mean(), cv2.TM_CCORR)
    _, _, _, (across, down) = cv2.minMaxLoc(scores)
    return across - margin_across, down - margin_down
