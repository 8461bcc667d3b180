"""Colour photos, folders of photos and tars of photos."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from restore.errors import RechromaError
from restore.jobs.batch import Batch, MadeFile, PainterTask, Progress, Steps, Unit, recipe_for_workers
from restore.jobs.films import open_painter
from restore.jobs.fingerprint import program_facts
from restore.jobs.photo_units import make_pictures, make_tar, quiet_pillow, windows_of
from restore.jobs.plan import PHOTOS, Plan, Target, make_plan, with_variants
from restore.jobs.report import Report
from restore.jobs.workers import Workers, with_workers
from restore.media.photo.tar import count_pictures
from restore.options import PhotoOptions
from restore.paint.painter import Painter
from restore.paint.recipe import Model


def colorize_photos(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    model: Model | Painter | None = None,
    options: PhotoOptions | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Report:
    """Colours files, folders (their trees mirrored in ``out``) and tars (the same members in the same order).

    With ``options.run.jobs`` or ``cluster`` other processes do it, of this machine or of a cluster that shares the
    disks: windows of pictures and whole tars each. The results are the same bytes. Of several
    ``options.look.samples`` each is a file named by its seed, and a contact sheet shows them together.

    A bad file never stops the rest: it is in the report with its reason. Results are written beside their names and
    renamed, and those that are there already are skipped unless ``options.run.overwrite``. A batch that was killed is
    resumed when it is called again, and the JSON at ``report.path`` is that of all its runs.

    Raises:
        OptionError: options that nobody knows.
        ModelError: samples, seed or temperature for a model that does not sample.
        InputError: nothing of ``inputs`` exists, or there is no picture in it.
        OutputError: ``out`` is a file, cannot be written, or a result would replace an input.
        DiskError: the disk is full; what was finished before stays.
        DeviceError: the network cannot run.
        WorkerError: workers die again and again, or a cluster cannot be reached.
    """
    options = options or PhotoOptions()
    workers = workers or Workers(options.run.jobs, options.run.cluster, options.run.threads)
    if not workers.alone:
        options = with_workers(options, workers)
    painter = open_painter("photos", options, model)
    paths, out = [Path(path) for path in inputs], Path(out)
    if workers.cluster is not None:  # whose workers are in folders of their own
        paths, out = [path.absolute() for path in paths], out.absolute()
    plan = make_plan(PHOTOS, paths, out, recursive=options.recursive)
    if options.look.samples > 1:
        plan = with_variants(plan, options.look.seeds)
    identity = {
        "model": painter.identity,
        "options": options.identity(),
        "program": {**program_facts(None), "threads": threads_that_count(painter, workers)},
    }
    return Batch(
        plan,
        PhotoMaker(out, painter, options),
        identity=identity,
        options=options.identity(),
        workers=workers,
        overwrite=options.run.overwrite,
        restart=options.run.restart,
        progress=progress,
    ).run()


def threads_that_count(painter: Painter, workers: Workers) -> int | None:
    """Returns those of PyTorch on a CPU, whose last bits depend on their number; other engines' do not."""
    facts = painter.identity
    if (facts.get("engine"), facts.get("device")) != ("torch", "cpu"):
        return None
    return torch.get_num_threads() if workers.alone else workers.threads_each


class PhotoMaker:
    """Makes the results of photos, as :class:`restore.jobs.batch.Maker`."""

    def __init__(self, out: Path, painter: Painter, options: PhotoOptions) -> None:
        self.out, self.painter, self.options = out, painter, options

    def name(self, target: Target, plan: Plan) -> Target:  # noqa: ARG002 - the protocol's
        """Gives the target back: its name is planned."""
        return target

    def written(self, target: Target) -> Sequence[Path]:
        """Lists its results."""
        return target.results

    def count(self, target: Target) -> int:
        """Says how many pictures a tar has, by its headers; a broken one fails when its turn comes."""
        try:
            return max(count_pictures(target.source), 1) if target.is_tar else 1
        except (RechromaError, OSError):
            return 1

    def is_begun(self, target: Target) -> bool:  # noqa: ARG002
        """Says no: a photo has no job of its own."""
        return False

    def is_shared(self, target: Target) -> bool:  # noqa: ARG002
        """Says no: a worker makes a file alone."""
        return False

    def make(self, targets: Iterable[Target], steps: Steps) -> Generator[MadeFile, None, None]:
        """Makes pictures, then tars."""
        targets = list(targets)
        with quiet_pillow():
            pictures = [target for target in targets if not target.is_tar]
            yield from make_pictures(pictures, self.out, self.painter, self.options)
            for target in targets:
                if target.is_tar:
                    yield make_tar(target, self.out, self.painter, self.options, partial(steps.within, target))

    def units(self, targets: Iterable[Target]) -> Iterator[Unit]:
        """Groups files into windows; tars come first, since they take longest."""
        targets = list(targets)
        yield from ((target,) for target in targets if target.is_tar)
        yield from windows_of(target for target in targets if not target.is_tar)

    def task(self) -> PhotoTask:
        """Gives what makes a unit in a worker."""
        recipe = recipe_for_workers("photos", self.painter, self.options.run.threads)
        return PhotoTask(self.out, recipe, self.options)


@dataclass(frozen=True)
class PhotoTask(PainterTask):
    """Makes windows of pictures, and tars, in a worker."""

    def make(self, unit: Unit, painter: Painter) -> Iterator[MadeFile]:
        """Makes the files of a window, or a tar."""
        with quiet_pillow():
            if unit[0].is_tar:
                yield make_tar(unit[0], self.out, painter, self.options)
            else:
                yield from make_pictures(unit, self.out, painter, self.options)
