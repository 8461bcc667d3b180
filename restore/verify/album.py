"""Proves that a folder or tar of coloured pictures keeps what the originals had: every picture, every variant."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

from restore.errors import InputError
from restore.jobs.plan import PHOTOS, Target, make_plan
from restore.media.photo.reading import read_photo
from restore.media.photo.tar import Member, is_picture, members, open_tar, read_member
from restore.verify.photo import compare_photos, verify_photo
from restore.verify.verification import Verification

VARIANT = re.compile(r"(?P<stem>.+)\.seed-\d+(?P<suffix>\.[^.]+)?")
"""As :func:`restore.jobs.plan.with_variants` names them."""


def verify_album(original: Path, result: Path, *, max_luma_difference: int | None = None) -> Verification:
    """Compares the pictures of a folder, or one, with all their results; and those of a tar, one by one.

    A picture's results are where ``rechroma photos`` puts them: one under its own name, or variants named by their
    seeds, of which there are more than originals. An original without a result is a warning if it cannot be read.
    Raises ``InputError`` where there is no original, or one tar cannot be read.
    """
    report = Verification(str(original), str(result), facts={"originals": 0, "results": 0})
    plan = make_plan(PHOTOS, [original], result)
    report.problems += [f"{path}: {reason}" for path, reason in plan.failed]
    variants = Variants({job.output for job in plan.targets})
    for job in plan.targets:
        if job.is_tar:
            verify_tar(job, report, max_luma_difference)
        else:
            verify_results(job, variants, report, max_luma_difference)
    report.note("pictures", f"{report.facts['originals']} originals, {report.facts['results']} results")
    return report


def verify_results(job: Target, variants: Variants, report: Verification, max_luma_difference: int | None) -> None:
    """Compares a picture with each of its results."""
    report.facts["originals"] += 1
    results = [path for path in (job.output,) if path.is_file()] + variants.of(job.output)
    if not results:
        report_missing(job, report)
    for result in results:
        try:
            add(report, str(result), verify_photo(job.source, result, max_luma_difference=max_luma_difference))
        except InputError as error:
            report.problems.append(str(error))


def add(report: Verification, name: str, picture: Verification) -> None:
    """Takes one result's proof into the album's."""
    report.facts["results"] += 1
    if picture.luma_max_difference is not None and picture.luma_mean_difference is not None:
        report.add_luma(picture.luma_max_difference, picture.luma_mean_difference)
    report.warnings += [f"{name}: {warning}" for warning in picture.warnings]
    report.problems += [f"{name}: {problem}" for problem in picture.problems]


def report_missing(job: Target, report: Verification) -> None:
    """Reports a picture without a result: a warning if it cannot be read, else a problem."""
    try:
        read_photo(job.source)
    except InputError as error:
        report.warnings.append(f"{job.source} has no result, and cannot be read: {error}")
    else:
        report.problems.append(f"{job.source} has no result")


class Variants:
    """Results that are named by their seeds, by what they are named after."""

    def __init__(self, destinations: set[Path]) -> None:
        self.destinations = destinations
        self.folders: dict[Path, dict[Path, list[Path]]] = {}

    def of(self, destination: Path) -> list[Path]:
        """Returns the variants of the picture whose only result would be at ``destination``."""
        folder = destination.parent
        if folder not in self.folders:
            self.folders[folder] = self.read_folder(folder)
        return self.folders[folder].get(destination, [])

    def read_folder(self, folder: Path) -> dict[Path, list[Path]]:
        """Returns all variants in a folder, by the destination that they share."""
        variants: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = VARIANT.fullmatch(path.name)
            if match and path not in self.destinations:  # whose original is called like a variant
                variants[folder / f"{match['stem']}{match['suffix'] or ''}"].append(path)
        return variants


def verify_tar(job: Target, report: Verification, max_luma_difference: int | None) -> None:
    """Compares two tars: the same members in the same order; of those that are no pictures, the same bytes."""
    source, result = job.source, job.output
    if not result.is_file():
        report.problems.append(f"{source} has no result")
        return
    try:
        with open_tar(source) as before, open_tar(result) as after:
            for old, new in zip_longest(members(before), members(after)):
                if old is None or new is None or old.name != new.name:
                    name = (old or new).name
                    report.problems.append(f"{result}/{name}: the members differ from here on")
                    return
                verify_member(job, (old, new), report, max_luma_difference)
    except InputError as error:
        report.problems.append(f"{source}, {result}: {error}")


def verify_member(
    job: Target, pair: tuple[Member, Member], report: Verification, max_luma_difference: int | None
) -> None:
    """Compares a member of a tar before and after."""
    old, new = pair
    name = f"{job.output}/{new.name}"
    if not old.isreg():
        report.expect((old.type, old.linkname) == (new.type, new.linkname), f"{name}: it is of another kind")
        return
    before, after = read_member(job.source, old), read_member(job.output, new)
    report.facts["originals"] += is_picture(old)
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
        add(report, name, compare_photos(*photos, max_luma_difference=max_luma_difference))
