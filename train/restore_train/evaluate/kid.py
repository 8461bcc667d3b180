"""KID, the kernel distance of two sets of pictures (Binkowski 2018), from a frozen network's features.

Unlike the errors of colour it does not ask for the one true colouring: only for pictures that look, as a set, like
photographs do.
"""

from __future__ import annotations

import numpy as np

from restore_train.evaluate.recognition import Interval, Numbers, Values, bootstrap

KID_SCALE = 1000  # as it is reported


def kernel(first: Values, second: Values) -> Values:
    """The cubic kernel of Binkowski 2018, section 4, of ``N x D`` and ``M x D``: ``N x M``."""
    return np.asarray((first @ second.T / first.shape[1] + 1) ** 3)


def kid(truth: Values, ours: Values) -> Interval:
    """The unbiased squared maximum mean discrepancy of features ``N x D``, times 1000; near 0 for equal sets.

    Both sets show the same N scenes, so that a picture is compared with the others' truths alone, not with its own
    (Gretton 2012, equation 4); the same holds for a photo that a resample has twice.
    """
    mutual = kernel(truth, ours)
    terms = kernel(truth, truth) + kernel(ours, ours) - mutual - mutual.T  # N x N
    np.fill_diagonal(terms, 0)

    def statistic(numbers: Numbers) -> float:
        often = np.bincount(numbers, minlength=len(terms)).astype(np.float64)
        pairs = often.sum() ** 2 - np.square(often).sum()
        return KID_SCALE * float(often @ terms @ often / pairs) if pairs else float("nan")

    return bootstrap(statistic, len(terms))
