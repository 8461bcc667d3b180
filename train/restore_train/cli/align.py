"""``rechroma align``: unregistered visible and thermal pictures to the pairs that thermal training reads."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.console import console
from restore.cli.options import existing_or_not
from restore.errors import InputError, OutputError, PartialFailureError

__all__ = ["align"]


@click.command()
@click.argument("visible", type=existing_or_not)
@click.argument("thermal", type=existing_or_not)
@click.option("-o", "--output", default=Path("pairs"), show_default=True, type=existing_or_not, help="Folder of pairs.")
def align(visible: Path, thermal: Path, output: Path) -> None:
    """Lay THERMAL on VISIBLE: two pictures of a scene, or two folders of pictures with the same names.

    Writes NAME.visible.png and NAME.thermal.png, cut to what both show, as the [data] pairs of a recipe and
    `rechroma evaluate thermal` read them. Shows what is left between the two; pairs that do not fit are refused.
    """
    from restore_train.align.files import align_files, matched_files

    pairs = matched_files(visible, thermal)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}") from error
    refused = 0
    for name, visible_file, thermal_file in pairs:
        try:
            done = align_files(name, visible_file, thermal_file, output)
        except InputError as error:
            if len(pairs) == 1:
                raise
            refused += 1
            console.print(f"{name}: refused: {error}", markup=False, soft_wrap=True)
            continue
        found = done.alignment
        console.print(
            f"{name}: {found.residual:.2f} pixels left (median of blocks, at 512 wide), edges agree in "
            f"{100 * found.clear_share:.0f} % of blocks, {100 * found.overlap:.0f} % shared, {done.size[0]} x "
            f"{done.size[1]}",
            markup=False,
            soft_wrap=True,
        )
    if refused:
        raise PartialFailureError(f"{refused} of {len(pairs)} pairs were refused; the others are in {output}")
