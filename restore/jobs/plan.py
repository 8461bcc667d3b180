"""Which files a batch reads, and where each result goes: one plan for films, photos and thermal files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from restore.errors import InputError, OptionError, OutputError
from restore.jobs.names import FileSet, TakenNames, folded
from restore.media.film.containers import CONTAINERS
from restore.media.photo.reading import PHOTO_SUFFIXES
from restore.media.thermal import THERMAL_SUFFIXES

TAR_SUFFIX = ".tar"
NO_VARIANTS_OF_TARS = "several colourings of a tar's pictures are not made; unpack it, or ask for one sample"

WRITABLE_FILMS = frozenset(suffix for container in CONTAINERS for suffix in container.suffixes)
READABLE_FILMS = WRITABLE_FILMS | {
    ".3gp", ".avi", ".divx", ".dv", ".flv", ".m2v", ".mpeg", ".mpg", ".mxf", ".nut", ".ogv", ".vob", ".y4m"
}  # fmt: skip
THERMAL_STILLS = frozenset((".png", ".jpg", ".jpeg"))


@dataclass(frozen=True)
class Family:
    """What a command reads, and how it names results."""

    name: str
    """``films``, ``photos`` or ``thermal``: the kind of a job."""

    noun: str
    suffixes: frozenset[str]
    """Lower-case endings of files that are taken from folders; files that are named are taken whatever they are."""

    single: frozenset[str]
    """Endings of an output that is one file and not a folder."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Endings of formats that cannot hold colour, and of those that the results have."""

    keeps_single: bool = False
    """An output that is one file has its source's ending."""

    any_single: bool = False
    """An output with any other ending is one file too, where the input is one: whoever writes it refuses the ending."""

    named_late: bool = False
    """A result's ending is known once its source is open; :meth:`Plan.named` gives its name then."""


FILMS = Family("films", "film", READABLE_FILMS, WRITABLE_FILMS, any_single=True, named_late=True)
PHOTOS = Family(
    "photos",
    "picture",
    frozenset(PHOTO_SUFFIXES) | {TAR_SUFFIX},
    frozenset({TAR_SUFFIX}),
    {".gif": ".png", ".pgm": ".ppm", ".pbm": ".ppm"},
    keeps_single=True,
)
THERMAL = Family("thermal", "thermal file", THERMAL_SUFFIXES, WRITABLE_FILMS | THERMAL_STILLS, named_late=True)


@dataclass(frozen=True)
class Target:
    """A file and its results."""

    source: Path
    output: Path
    """The only result; where several colourings are asked for nothing is written here, but near it."""

    variants: tuple[Path, ...] = ()
    """One result for each seed, where several colourings are asked for."""

    sheet: Path | None = None
    """The contact sheet beside them."""

    before_naming: Path | None = None
    """What ``output`` was before :meth:`Plan.named`, where that was called."""

    @property
    def planned(self) -> Path:
        """The output as it was planned, which stays the same however the results are named."""
        return self.before_naming or self.output

    @property
    def results(self) -> tuple[Path, ...]:
        """All that is written."""
        return (*self.variants, self.sheet) if self.sheet is not None else (self.output,)

    @property
    def is_tar(self) -> bool:
        return self.source.suffix.lower() == TAR_SUFFIX


@dataclass
class Plan:
    """What is to be done, and what cannot be."""

    family: Family
    out: Path | None
    """The folder of the results, or the only one; None where each has its place beside its source."""

    single: bool = False
    """``out`` is the result itself and no folder."""

    targets: list[Target] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    ignored: int = 0
    """The number of files in folders that are of another kind by their names."""

    warnings: list[tuple[Path, str]] = field(default_factory=list)
    """Folders without a file to colour."""

    sources: FileSet = field(default_factory=FileSet)
    taken: TakenNames = field(init=False)

    def __post_init__(self) -> None:
        self.taken = TakenNames(self.out if self.out is not None else Path())

    def claim(self, source: Path, *places: Path) -> Path:
        """The first of these relative places that is free. Raises ``OutputError`` where none is."""
        for place in places:
            if self.taken.holder(place) is None:
                self.taken.take(place, source)
                return place
        other = self.taken.holder(places[0])
        raise OutputError(f"its result would replace that of {other}; colour it into another folder")

    def named(self, target: Target, suffix: str) -> Target:
        """The target with the name that its result has; a name that is taken gives way to the whole old one.

        Raises ``OutputError`` where both are taken, or the result would replace an input.
        """
        source, output = target.source, target.output
        if not self.single:
            place = output.relative_to(self.out) if self.out is not None else output
            marked = suffix if self.out is not None else f".colour{suffix}"
            wanted = place.with_name(place.name.removesuffix(source.suffix) + marked)
            claimed = self.claim(source, wanted, place.with_name(place.name + marked))
            output = self.out / claimed if self.out is not None else claimed
        if output in self.sources:
            raise OutputError(f"{output} is one of the inputs; give another folder for the results")
        return replace(target, output=output, before_naming=target.output)


def make_plan(family: Family, inputs: Sequence[Path], out: Path | None, *, recursive: bool = True) -> Plan:
    """Every file of files and folders, and its place in ``out``.

    A file goes into ``out`` itself. A folder's tree is mirrored in ``out``; of several folders, each in one of its own
    name. ``out`` may be a file where the only input is one. What is missing is a failure of its own; so is a second
    file that would be written where another one is. Folders are read without hidden files, and without ``out``.

    Raises:
        InputError: no input, none that exists, or nothing to colour in any.
        OutputError: ``out`` cannot be, or a result would replace one of the inputs.
    """
    if not inputs:
        raise InputError(f"give at least one {family.noun} or folder")
    plan = Plan(family, out)
    if out is None:
        if folders := [path for path in inputs if path.is_dir()]:
            raise OutputError(f"{folders[0]} is a folder; give a folder for the results")
    elif not out.is_dir() and is_file_name(out, family, inputs):
        check_single(family, inputs, out)
        plan.single = True
    elif out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder for the results")
    place_all(plan, list(wanted(plan, inputs, recursive)))
    if not plan.targets:
        raise InputError("; ".join(f"{path}: {reason}" for path, reason in (plan.failed + plan.warnings)[:3]))
    for target in plan.targets:
        if target.output in plan.sources and not family.named_late:
            raise OutputError(f"{target.output} is one of the inputs; give another folder for the results")
    return plan


def is_file_name(out: Path, family: Family, inputs: Sequence[Path]) -> bool:
    """Whether an output is one file and not a folder, by its ending."""
    if family.any_single and len(inputs) == 1 and not inputs[0].is_dir() and out.suffix:
        return True
    return out.suffix.lower() in family.single


def check_single(family: Family, inputs: Sequence[Path], out: Path) -> None:
    """Raises ``OutputError`` where ``out`` is one file and the inputs are not."""
    suffix = out.suffix.lower()
    if len(inputs) != 1 or inputs[0].is_dir() or (family.keeps_single and inputs[0].suffix.lower() != suffix):
        what = f"one {suffix[1:]}" if family.keeps_single else "one file"
        raise OutputError(f"{out} is {what} and can hold the result of one alone; give a folder")


def wanted(plan: Plan, inputs: Sequence[Path], recursive: bool) -> Iterator[tuple[Path, Path]]:
    """Source and relative place of each file, without doubles; all of them are then in ``plan.sources``."""
    several = sum(path.is_dir() for path in inputs) > 1
    for path in inputs:
        if not path.exists():
            plan.failed.append((path, "there is no such file or folder"))
        elif path.is_dir():
            base, ignored = Path(path.resolve().name) if several else Path(), plan.ignored
            files = [file for file in walk(path, plan, recursive) if file.suffix.lower() in plan.family.suffixes]
            if not files:
                others = plan.ignored - ignored
                note = f"; files of other kinds: {others}" if others else ""
                plan.warnings.append((path, f"holds no {plan.family.noun}{note}"))
            yield from ((file, base / file.relative_to(path)) for file in files if plan.sources.add(file))
        elif plan.sources.add(path):
            yield path, Path(path.name)


def walk(folder: Path, plan: Plan, recursive: bool) -> Iterator[Path]:
    """Files in the order of their names, folder after folder; links to folders are not followed."""
    results = FileSet()
    if plan.out is not None:
        results.add(plan.out)

    def unreadable(error: OSError) -> None:
        plan.failed.append((Path(error.filename), f"the folder cannot be read: {error.strerror}"))

    for parent, names, files in os.walk(folder, onerror=unreadable):
        names[:] = sorted(
            name for name in names if recursive and not name.startswith(".") and Path(parent, name) not in results
        )
        for name in sorted(files):
            if not name.startswith("."):
                plan.ignored += Path(name).suffix.lower() not in plan.family.suffixes
                yield Path(parent, name)


def place_all(plan: Plan, files: Sequence[tuple[Path, Path]]) -> None:
    """Names that stay come first, so that a renamed one gives way: beside ``a.png``, ``a.gif`` is ``a.gif.png``."""
    renamed = plan.family.renamed
    for source, place in sorted(files, key=lambda file: file[1].suffix.lower() in renamed):
        suffix = renamed.get(place.suffix.lower())
        places = (place,) if suffix is None else (place.with_suffix(suffix), place.with_name(place.name + suffix))
        if plan.out is None:
            plan.targets.append(Target(source, source))
        elif plan.single:
            plan.targets.append(Target(source, plan.out))
        elif plan.family.named_late:
            plan.targets.append(Target(source, plan.out / place))
        else:
            try:
                plan.targets.append(Target(source, plan.out / plan.claim(source, *places)))
            except OutputError as error:
                plan.failed.append((source, str(error)))


def with_variants(plan: Plan, seeds: range) -> Plan:
    """The same plan for several colourings a picture: ``a.seed-7.jpg`` and so on, and one sheet, ``a.seeds-7-10.jpg``.

    Beside it the sheet of ``a.png`` is ``a.png.seeds-7-10.jpg``. A tar fails: its members' names are not ours to make.

    Raises:
        OptionError: there is nothing but tars.
    """
    label = f"seeds-{seeds[0]}-{seeds[-1]}.jpg"
    sheets: set[str] = set()
    named = replace(plan, targets=[], failed=list(plan.failed))
    for target in plan.targets:
        if target.is_tar:
            named.failed.append((target.source, NO_VARIANTS_OF_TARS))
            continue
        place = target.output
        sheet = place.with_name(f"{place.stem}.{label}")
        if folded(str(sheet)) in sheets:
            sheet = place.with_name(f"{place.name}.{label}")
        sheets.add(folded(str(sheet)))
        variants = tuple(place.with_name(f"{place.stem}.seed-{seed}{place.suffix}") for seed in seeds)
        named.targets.append(Target(target.source, place, variants, sheet))
    if plan.targets and not named.targets:
        raise OptionError(f"{plan.targets[0].source}: {NO_VARIANTS_OF_TARS}")
    return named
