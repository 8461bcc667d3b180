"""``rechroma align``: unregistered visible and thermal pictures to the pairs that thermal training reads."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.options import existing_or_not
from restore.errors import InputError, PartialFailureError
from restore_train.cli.output import show_line


@click.command()
@click.argument("visible", type=existing_or_not)
@click.argument("thermal", type=existing_or_not)
@click.option("-o", "--output", default=Path("pairs"), show_default=True, type=existing_or_not, help="Folder of pairs.")
def align(visible: Path, thermal: Path, output: Path) -> None:
    """Lay THERMAL on VISIBLE: two pictures of a scene, or two folders of pictures with the same names.

    Writes NAME.visible.png and NAME.thermal.png, cut to what both show, as the [data] pairs of a recipe and
    `rechroma evaluate thermal` read them. Shows what is left between the two; pairs that do not fit are refused.
    """
    from restore.media.files import check_writable
    from restore_train.align.files import align_pairs, match_files

    pairs = match_files(visible, thermal)
    check_writable(output)
    refused = 0
    for name, outcome in align_pairs(pairs, output):
        is_refused = isinstance(outcome, InputError)
        if isinstance(outcome, InputError) and len(pairs) == 1:
            raise outcome
        refused += is_refused
        show_line(f"{name}: {'refused: ' if is_refused else ''}{outcome}")
    if refused:
        raise PartialFailureError(f"{refused} of {len(pairs)} pairs were refused; the others are in {output}")
