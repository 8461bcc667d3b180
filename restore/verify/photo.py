"""Proves that a coloured picture keeps what the original had."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from restore.errors import InputError
from restore.media.photo.icc import colour_space, rgb_profile_for, tags
from restore.media.photo.metadata import is_marked
from restore.media.photo.photo import Page, Photo
from restore.media.photo.reading import read_photo

__all__ = ["PhotoVerifyReport", "compare_photos", "verify_photo"]

MARKABLE = {"JPEG", "PNG", "TIFF", "WEBP"}
LARGEST_DIFFERENCE = 1.01
"""Codes of the picture's own depth: what rounding explains, and a little for that of floats."""

MEAN_JPEG_DIFFERENCE = 0.5
LARGEST_JPEG_DIFFERENCE = 16.0
"""A JPEG block that was clipped at black or white may not encode to its own coefficients again; there are few."""


@dataclass
class PhotoVerifyReport:
    """What was compared; ``ok`` where nothing is wrong."""

    size: tuple[int, int] = (0, 0)
    """Width and height as stored."""

    pages: int = 0
    format: str = ""
    bit_depth: int = 0
    luma_max_difference: float = 0.0
    """In codes of ``bit_depth``."""

    luma_mean_difference: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """For a reader."""
        return [
            f"picture     {self.format}, {self.size[0]}x{self.size[1]}, {self.bit_depth} bit, {self.pages} page(s)",
            f"luma        max difference {self.luma_max_difference:g}, mean {self.luma_mean_difference:.4f}",
            *(f"PROBLEM     {problem}" for problem in self.problems),
        ]


def verify_photo(original: Path, result: Path, *, max_luma_difference: int | None = None) -> PhotoVerifyReport:
    """Compares two files as :func:`compare_photos` does. Raises ``InputError`` where one cannot be read at all."""
    return compare_photos(read(original), read(result), max_luma_difference=max_luma_difference)


def compare_photos(before: Photo, after: Photo, *, max_luma_difference: int | None = None) -> PhotoVerifyReport:
    """Compares size, pages, format, depth, orientation, alpha, EXIF, ICC, XMP's mark, and luma.

    Luma may differ by rounding, in a JPEG by that of its coefficients, unless ``max_luma_difference`` says how much.
    """
    report = PhotoVerifyReport(
        (before.luma.shape[1], before.luma.shape[0]), len(before.pages), after.format, before.bit_depth
    )

    def expect(kept: bool, problem: str) -> None:
        if not kept:
            report.problems.append(problem)

    expect(after.format == before.format, f"the format is {after.format}, and should be {before.format}")
    expect(after.bit_depth == before.bit_depth, f"{after.bit_depth} bits a sample, and should be {before.bit_depth}")
    expect(len(after.pages) == len(before.pages), f"{len(after.pages)} pages, and should be {len(before.pages)}")
    expect(after.exif == before.exif, "the EXIF data differs")
    expect(icc_is_kept(before, after), "the ICC profile differs")
    if after.format in MARKABLE:
        expect(is_marked(after.xmp), "XMP does not say that the colour is machine-made")
    for number, (page, coloured) in enumerate(zip(before.pages, after.pages, strict=False), 1):
        place = f"page {number}: " if len(before.pages) > 1 else ""
        if coloured.luma_codes.shape != page.luma_codes.shape:
            expect(False, f"{place}the size is {size(coloured)}, and should be {size(page)}")
            continue
        expect(coloured.orientation == page.orientation, f"{place}the orientation differs")
        expect(alpha_is_kept(page, coloured), f"{place}alpha differs")
        compare_luma(page, coloured, report)
    largest, mean = report.luma_max_difference, report.luma_mean_difference
    if max_luma_difference is not None:
        expect(largest <= max_luma_difference, luma_problem(largest, mean))
    elif after.format == "JPEG":
        expect(largest <= LARGEST_JPEG_DIFFERENCE and mean <= MEAN_JPEG_DIFFERENCE, luma_problem(largest, mean))
    else:
        expect(largest <= LARGEST_DIFFERENCE, luma_problem(largest, mean))
    return report


def read(path: Path) -> Photo:
    try:
        return read_photo(path)
    except InputError as error:
        raise type(error)(f"{path}: {error}") from error


def size(page: Page) -> str:
    height, width = page.luma_codes.shape
    return f"{width} x {height}"


def luma_problem(largest: float, mean: float) -> str:
    return f"luma differs by up to {largest:.2f} codes, {mean:.3f} on average"


def icc_is_kept(before: Photo, after: Photo) -> bool:
    """The same profile, or for gray an RGB one with its tone curve. CMYK has become sRGB, without one."""
    expected, _ = rgb_profile_for(before.icc)
    if expected is None or before.icc is None or colour_space(before.icc) != "GRAY":
        return after.icc == expected
    return after.icc is not None and tags(after.icc) == tags(expected)


def alpha_is_kept(before: Page, after: Page) -> bool:
    if before.alpha is None or after.alpha is None:
        return before.alpha is after.alpha
    return np.array_equal(before.alpha, after.alpha)


def compare_luma(before: Page, after: Page, report: PhotoVerifyReport) -> None:
    """Adds a page to the report's figures: the largest of all pages, and the largest mean."""
    white = (1 << report.bit_depth) - 1
    difference = np.abs(after.luma - before.luma)
    report.luma_max_difference = max(report.luma_max_difference, float(difference.max()) * white)
    report.luma_mean_difference = max(report.luma_mean_difference, float(difference.mean(dtype=np.float64)) * white)
