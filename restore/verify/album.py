"""Proves that a folder or tar of coloured pictures keeps what the originals had: every picture, every variant."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from restore.errors import InputError
from restore.jobs.plan import Job, plan_photos
from restore.media.photo.reading import read_photo
from restore.media.photo.tar import Member, is_picture, members, opened, read_member
from restore.verify.photo import PhotoVerifyReport, compare_photos, verify_photo

__all__ = ["AlbumVerifyReport", "verify_album"]

VARIANT = re.compile(r"(?P<stem>.+)\.seed-\d+(?P<suffix>\.[^.]+)?")
"""As :func:`restore.jobs.plan.with_variants` names them."""


@dataclass
class AlbumVerifyReport:
    """What was compared; ``ok`` where nothing is wrong."""

    originals: int = 0
    """Pictures, those in tars too."""

    results: int = 0
    """Coloured ones that were compared: more than originals where there are variants."""

    luma_max_difference: float = 0.0
    """The largest of all, in codes of each picture's depth."""

    warnings: list[str] = field(default_factory=list)
    """Originals that have no result because they cannot be read."""

    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """For a reader."""
        return [
            f"pictures    {self.originals} originals, {self.results} results",
            f"luma        max difference {self.luma_max_difference:g}",
            *(f"warning     {warning}" for warning in self.warnings),
            *(f"PROBLEM     {problem}" for problem in self.problems),
        ]

    def add(self, result: str, report: PhotoVerifyReport) -> None:
        self.results += 1
        self.luma_max_difference = max(self.luma_max_difference, report.luma_max_difference)
        self.problems += [f"{result}: {problem}" for problem in report.problems]


def verify_album(originals: Path, out: Path, *, max_luma_difference: int | None = None) -> AlbumVerifyReport:
    """Compares the pictures of a folder, or one, with all their results in ``out``; and those of a tar, one by one.

    A picture's results are where ``rechroma photos`` puts them: one under its own name, or variants named by their
    seeds. Raises ``InputError`` where there is no original, or one tar cannot be read.
    """
    plan = plan_photos([originals], out)
    report = AlbumVerifyReport(problems=[f"{path}: {reason}" for path, reason in plan.failed])
    own = {job.destination for job in plan.jobs}
    variants = Variants(own)
    for job in plan.jobs:
        if job.is_tar:
            verify_tar(job, report, max_luma_difference)
            continue
        report.originals += 1
        found = [path for path in (job.destination,) if path.is_file()] + variants.of(job.destination)
        if not found:
            tell_missing(job, report)
        for result in found:
            try:
                report.add(str(result), verify_photo(job.source, result, max_luma_difference=max_luma_difference))
            except InputError as error:
                report.problems.append(str(error))
    return report


def tell_missing(job: Job, report: AlbumVerifyReport) -> None:
    try:
        read_photo(job.source)
    except InputError as error:
        report.warnings.append(f"{job.source} has no result, and cannot be read: {error}")
    else:
        report.problems.append(f"{job.source} has no result")


class Variants:
    """Results that are named by their seeds, by what they are named after."""

    def __init__(self, own: set[Path]) -> None:
        self.own = own
        self.folders: dict[Path, dict[Path, list[Path]]] = {}

    def of(self, destination: Path) -> list[Path]:
        folder = destination.parent
        if folder not in self.folders:
            self.folders[folder] = self.found_in(folder)
        return self.folders[folder].get(destination, [])

    def found_in(self, folder: Path) -> dict[Path, list[Path]]:
        found: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            named = VARIANT.fullmatch(path.name)
            if named and path not in self.own:  # whose original is called like a variant
                found[folder / f"{named['stem']}{named['suffix'] or ''}"].append(path)
        return found


def verify_tar(job: Job, report: AlbumVerifyReport, max_luma_difference: int | None) -> None:
    """The same members in the same order; of those that are no pictures, the same bytes."""
    source, result = job.source, job.destination
    if not result.is_file():
        report.problems.append(f"{source} has no result")
        return
    try:
        with opened(source) as before, opened(result) as after:
            for old, new in zip_longest(members(before), members(after)):
                if old is None or new is None or old.name != new.name:
                    name = (old or new).name
                    report.problems.append(f"{result}/{name}: the members differ from here on")
                    return
                verify_member(job, (old, new), report, max_luma_difference)
    except InputError as error:
        report.problems.append(f"{source}, {result}: {error}")


def verify_member(
    job: Job, both: tuple[Member, Member], report: AlbumVerifyReport, max_luma_difference: int | None
) -> None:
    old, new = both
    name = f"{job.destination}/{new.name}"
    if not old.isreg():
        if (old.type, old.linkname) != (new.type, new.linkname):
            report.problems.append(f"{name}: it is of another kind")
        return
    before, after = read_member(job.source, old), read_member(job.destination, new)
    report.originals += is_picture(old)
    if before == after:
        if is_picture(old):
            report.warnings.append(f"{name} is the original, not coloured")
        return
    if not is_picture(old):
        report.problems.append(f"{name}: its content differs")
        return
    try:
        photos = read_photo(before, old.name), read_photo(after, new.name)
    except InputError as error:
        report.problems.append(f"{name}: {error}")
    else:
        report.add(name, compare_photos(*photos, max_luma_difference=max_luma_difference))
