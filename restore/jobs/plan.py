"""Which files a batch of photos reads, and where each result goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from restore.errors import InputError, OptionError, OutputError
from restore.jobs.names import Files, Places, folded
from restore.media.photo.reading import PHOTO_SUFFIXES

__all__ = ["TAR_SUFFIX", "Job", "Plan", "plan_photos", "with_variants"]

TAR_SUFFIX = ".tar"
RENAMED = {".gif": ".png", ".pgm": ".ppm", ".pbm": ".ppm"}
"""Endings of formats that cannot hold colour, and of those that the results have."""


NO_VARIANTS_OF_TARS = "several colourings of a tar's pictures are not made; unpack it, or ask for one sample"


@dataclass(frozen=True)
class Job:
    """A file and its results."""

    source: Path
    destination: Path
    """Of its only colouring. Where several are asked for, nothing is written here, but near it."""
    variants: tuple[Path, ...] = ()
    """One for each seed, where several colourings are asked for."""
    sheet: Path | None = None
    """The contact sheet beside them."""

    @property
    def results(self) -> tuple[Path, ...]:
        """All that is written."""
        return (*self.variants, self.sheet) if self.sheet is not None else (self.destination,)

    @property
    def is_tar(self) -> bool:
        return self.source.suffix.lower() == TAR_SUFFIX


@dataclass
class Plan:
    """What is to be done, and what cannot be."""

    jobs: list[Job] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    ignored: int = 0
    """Files in folders that are no pictures by their names."""

    warnings: list[tuple[Path, str]] = field(default_factory=list)
    """Folders without a picture."""


def plan_photos(inputs: Sequence[Path], out: Path, *, recursive: bool = True) -> Plan:
    """Every picture of files and folders, and its place in ``out``.

    A file goes into ``out`` itself. A folder's tree is mirrored in ``out``; of several folders, each in one of its own
    name. ``out`` may be a ``.tar`` where the only input is one. What is missing is a failure of its own; so is a second
    file that would be written where another one is. Folders are read without hidden files, and without ``out``.

    Raises:
        InputError: no input, none that exists, or no picture in any.
        OutputError: a result would replace one of the inputs.
    """
    if not inputs:
        raise InputError("give at least one picture, folder or tar")
    plan, sources = Plan(), Files()
    if out.suffix.lower() == TAR_SUFFIX and not out.is_dir():
        if len(inputs) != 1 or not inputs[0].is_file() or inputs[0].suffix.lower() != TAR_SUFFIX:
            raise OutputError(f"{out} is one tar; it can only hold the result of one tar, so give a folder")
        plan.jobs = [Job(inputs[0], out)]
        sources.add(inputs[0])
    else:
        if out.exists() and not out.is_dir():
            raise OutputError(f"{out} is a file; give a folder for the results")
        plan.jobs = list(destinations(wanted(inputs, out, plan, recursive, sources), out, plan))
    if not plan.jobs:
        reasons = [f"{path}: {reason}" for path, reason in (plan.failed + plan.warnings)[:3]]
        raise InputError("; ".join(reasons))
    for job in plan.jobs:
        if job.destination in sources:
            raise OutputError(f"{job.destination} is one of the inputs; give another folder for the results")
    return plan


def wanted(
    inputs: Sequence[Path], out: Path, plan: Plan, recursive: bool, sources: Files
) -> Iterator[tuple[Path, Path]]:
    """Source and relative place of each picture, without doubles, that are in ``sources``."""
    folders = [path for path in inputs if path.is_dir()]
    for path in inputs:
        if path.is_dir():
            base = Path(path.resolve().name) if len(folders) > 1 else Path()
            found: Iterable[tuple[Path, Path]] = (
                (file, base / file.relative_to(path)) for file in walk(path, out, recursive, plan)
            )
        elif path.exists():
            found = [(path, Path(path.name))]
        else:
            plan.failed.append((path, "there is no such file or folder"))
            continue
        pictures, ignored = 0, plan.ignored
        for file, place in found:
            if path.is_dir() and file.suffix.lower() not in PHOTO_SUFFIXES | {TAR_SUFFIX}:
                plan.ignored += 1
                continue
            pictures += 1
            if sources.add(file):
                yield file, place
        if not pictures:
            others = plan.ignored - ignored
            plan.warnings.append((path, "holds no picture" + f"; files of other kinds: {others}" * (others > 0)))


def walk(folder: Path, out: Path, recursive: bool, plan: Plan) -> Iterator[Path]:
    """Files in the order of their names, folder after folder; links to folders are not followed."""
    results = Files()
    results.add(out)

    def unreadable(error: OSError) -> None:
        plan.failed.append((Path(error.filename), f"the folder cannot be read: {error.strerror}"))

    for parent, names, files in os.walk(folder, onerror=unreadable):
        names[:] = sorted(
            name for name in names if recursive and not name.startswith(".") and Path(parent, name) not in results
        )
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name)


def destinations(found: Iterable[tuple[Path, Path]], out: Path, plan: Plan) -> Iterator[Job]:
    """Names that stay come first, so that a renamed one gives way: beside ``a.png``, ``a.gif`` is ``a.gif.png``."""
    renamed, taken = [], Places(out)

    def claim(source: Path, *places: Path) -> Iterator[Job]:
        for place in places:
            if taken.holder(place) is None:
                taken.take(place, source)
                yield Job(source, out / place)
                return
        other = taken.holder(places[0])
        plan.failed.append((source, f"its result would replace that of {other}; colour it into another folder"))

    for source, place in found:
        if place.suffix.lower() in RENAMED:
            renamed.append((source, place))
        else:
            yield from claim(source, place)
    for source, place in renamed:
        suffix = RENAMED[place.suffix.lower()]
        yield from claim(source, place.with_suffix(suffix), place.with_name(place.name + suffix))


def with_variants(plan: Plan, seeds: range) -> Plan:
    """The same plan for several colourings a picture: ``a.seed-7.jpg`` and so on, and one sheet, ``a.seeds-7-10.jpg``.

    Beside it the sheet of ``a.png`` is ``a.png.seeds-7-10.jpg``. A tar fails: its members' names are not ours to make.

    Raises:
        OptionError: there is nothing but tars.
    """
    label = f"seeds-{seeds[0]}-{seeds[-1]}.jpg"
    sheets: set[str] = set()
    named = Plan(failed=list(plan.failed), ignored=plan.ignored, warnings=plan.warnings)
    for job in plan.jobs:
        if job.is_tar:
            named.failed.append((job.source, NO_VARIANTS_OF_TARS))
            continue
        place = job.destination
        sheet = place.with_name(f"{place.stem}.{label}")
        if folded(str(sheet)) in sheets:
            sheet = place.with_name(f"{place.name}.{label}")
        sheets.add(folded(str(sheet)))
        variants = tuple(place.with_name(f"{place.stem}.seed-{seed}{place.suffix}") for seed in seeds)
        named.jobs.append(Job(job.source, place, variants, sheet))
    if plan.jobs and not named.jobs:
        raise OptionError(f"{plan.jobs[0].source}: {NO_VARIANTS_OF_TARS}")
    return named
