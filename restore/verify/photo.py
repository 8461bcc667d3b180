"""Proves that a coloured picture keeps what the original had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from restore.errors import InputError
from restore.media.photo.icc import colour_space, rgb_profile_for, tags
from restore.media.photo.metadata import is_marked
from restore.media.photo.photo import Page, Photo
from restore.media.photo.reading import read_photo
from restore.verify.verification import Verification

MARKABLE = {"JPEG", "PNG", "TIFF", "WEBP"}
LARGEST_DIFFERENCE = 1.01
"""Codes of the picture's own depth: what rounding explains, and a little for that of floats."""

LARGEST_ANEW = 8.0
"""Codes, where a JPEG could not lend its coefficients and was encoded anew as a whole."""


def verify_photo(original: Path, result: Path, *, max_luma_difference: int | None = None) -> Verification:
    """Compares two files as :func:`compare_photos` does. Raises ``InputError`` where one cannot be read at all."""
    report = compare_photos(read(original), read(result), max_luma_difference=max_luma_difference)
    return replace(report, original=str(original), result=str(result))


def compare_photos(before: Photo, after: Photo, *, max_luma_difference: int | None = None) -> Verification:
    """Compares size, pages, format, depth, orientation, alpha, EXIF, ICC, XMP's mark, and luma.

    Luma of a JPEG is the same, and that of other formats differs by rounding, unless ``max_luma_difference`` says how
    much it may.
    """
    report = Verification(before.name, after.name)
    pages, depth, expect = len(before.pages), before.bit_depth, report.expect
    report.note(
        "picture",
        f"{after.format}, {size(before.pages[0])}, {depth} bit, {pages} page(s)",
        format=after.format, size=before.pages[0].luma_codes.shape[::-1], bit_depth=depth, pages=pages,
    )  # fmt: skip
    expect(after.format == before.format, f"the format is {after.format}, and should be {before.format}")
    expect(after.bit_depth == depth, f"{after.bit_depth} bits a sample, and should be {depth}")
    expect(len(after.pages) == pages, f"{len(after.pages)} pages, and should be {pages}")
    expect(after.exif == before.exif, "the EXIF data differs")
    expect(icc_is_kept(before, after), "the ICC profile differs")
    if after.format in MARKABLE:
        expect(is_marked(after.xmp), "XMP does not say that the colour is machine-made")
    for number, (page, coloured) in enumerate(zip(before.pages, after.pages, strict=False), 1):
        place = f"page {number}: " if pages > 1 else ""
        if coloured.luma_codes.shape != page.luma_codes.shape:
            expect(False, f"{place}the size is {size(coloured)}, and should be {size(page)}")
            continue
        expect(coloured.orientation == page.orientation, f"{place}the orientation differs")
        expect(alpha_is_kept(page, coloured), f"{place}alpha differs")
        report.add_luma(*luma_difference(page, coloured, depth))
    allowed = LARGEST_DIFFERENCE
    if before.format == after.format == "JPEG":
        allowed = compare_coefficients(before, after, report)
    if max_luma_difference is not None:
        allowed = max_luma_difference
    largest, mean = report.luma_max_difference or 0, report.luma_mean_difference or 0
    expect(largest <= allowed, f"luma differs by up to {largest:.2f} codes, {mean:.3f} on average")
    return report


def compare_coefficients(before: Photo, after: Photo, report: Verification) -> float:
    """Compares two JPEG files' luma as it is stored, and returns by how much it may differ when decoded."""
    old, new = before.layout.read_coefficients(), after.layout.read_coefficients()
    if old is None:
        report.warnings.append("the original's luma could not be carried over and was encoded anew")
        return LARGEST_ANEW
    same = new is not None and np.array_equal(old.planes[0], new.planes[0])
    report.expect(same and np.array_equal(old.tables[0], new.tables[0]), "the luma coefficients differ")
    return 0


def read(path: Path) -> Photo:
    """Decodes a photo. Raises ``InputError`` with its path."""
    try:
        return read_photo(path)
    except InputError as error:
        raise type(error)(f"{path}: {error}") from error


def size(page: Page) -> str:
    """Returns width and height as stored, for a reader."""
    height, width = page.luma_codes.shape
    return f"{width} x {height}"


def icc_is_kept(before: Photo, after: Photo) -> bool:
    """Whether the profile is the same, or for gray an RGB one with its tone curve; CMYK is sRGB now, without one."""
    expected, _ = rgb_profile_for(before.icc)
    if expected is None or before.icc is None or colour_space(before.icc) != "GRAY":
        return after.icc == expected
    return after.icc is not None and tags(after.icc) == tags(expected)


def alpha_is_kept(before: Page, after: Page) -> bool:
    """Whether both have the same alpha, or none."""
    if before.alpha is None or after.alpha is None:
        return before.alpha is after.alpha
    return np.array_equal(before.alpha, after.alpha)


def luma_difference(before: Page, after: Page, bit_depth: int) -> tuple[float, float]:
    """Returns the largest and the mean difference of two pages, in codes of ``bit_depth``."""
    white = (1 << bit_depth) - 1
    difference = np.abs(after.luma - before.luma)
    return float(difference.max()) * white, float(difference.mean(dtype=np.float64)) * white
