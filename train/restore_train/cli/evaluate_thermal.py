"""``rechroma evaluate thermal``: translations of heat, measured on registered pairs."""

from __future__ import annotations

from dataclasses import asdict
from itertools import compress, zip_longest
from pathlib import Path

import click

from restore.cli.console import console, progress_bar
from restore.cli.options import existing_or_not
from restore.errors import InputError, OptionError
from restore_train.cli.evaluate import (
    also_option,
    check_writable,
    command_line,
    evaluate,
    json_option,
    labels_of,
    show,
    write_json,
    write_sheets,
)

__all__ = ["evaluate_thermal"]


@evaluate.command("thermal")
@click.argument("sets", nargs=-1, required=True, type=existing_or_not)
@click.option("--model", default="thermal", show_default=True, help="A shipped model or a .safetensors file.")
@also_option
@click.option("--unpaired", type=existing_or_not, help="Thermal pictures without partners: is their colour various?")
@click.option("--only", multiple=True, help="Take only pairs whose names begin so; may be repeated.")
@click.option("--working-size", type=click.IntRange(min=32), help="Short side that networks see, at most, in pixels.")
@click.option(
    "--gain",
    "gains",
    multiple=True,
    type=click.FloatRange(min=0),
    help="Strength of colour of --model, and when repeated of the models behind --also, in place of their own.",
)
@click.option("--light", type=click.Choice(["day", "night"]), help="Tell models the light, in place of their guess.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@json_option
@click.option("--sheets", type=existing_or_not, help="Write contact sheets of heat, all models and truth here.")
def evaluate_thermal(
    sets: tuple[Path, ...],
    model: str,
    also: tuple[str, ...],
    unpaired: Path | None,
    only: tuple[str, ...],
    working_size: int | None,
    gains: tuple[float, ...],
    light: str | None,
    device: str,
    json_path: Path | None,
    sheets: Path | None,
) -> None:
    """Translate the thermal pictures of SETS (tars or folders of NAME.visible.EXT, NAME.thermal.EXT) and compare.

    Day and night are shown apart. A model that colours photos takes heat for gray. Nothing is trained here.
    """
    from restore.jobs.thermal_stages import LIGHTS
    from restore_train.evaluate.figures import mean_figures
    from restore_train.evaluate.pages import counted
    from restore_train.evaluate.thermal import (
        THERMAL_COLUMNS,
        chroma_spread,
        evaluate_pairs,
        in_rows,
        pair_pictures,
        planes_of,
        read_thermal,
    )
    from restore_train.evaluate.translate import rgb_translation
    from restore_train.thermal_pairs import read_pairs

    check_writable(json_path)
    names = list(dict.fromkeys((model, *also)))
    if len(gains) > len(names):
        raise OptionError(f"{len(gains)} strengths of colour for {counted(len(names), 'model')}")
    labels = labels_of(names)
    told = None if light is None else LIGHTS[light]
    translations = {
        label: rgb_translation(name, working_size=working_size, device=device, gain=gain, light=told)
        for name, label, gain in zip_longest(names, labels, gains)
    }
    try:
        pairs = [pair for pair in read_pairs(sets) if pair.name.startswith(only or "")]
        if not pairs:
            raise ValueError(f"no pair's name begins with {' or '.join(only)}")
        with progress_bar("measuring", "pairs") as progress:
            rows, day = evaluate_pairs(pairs, translations, progress=progress)
        spreads = {
            label: chroma_spread((plane for _, plane in read_thermal([unpaired])), translate)
            for label, translate in translations.items()
            if unpaired is not None
        }
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from error
    sets_of_rows = {"day": in_rows(rows, day), "night": in_rows(rows, [not each for each in day]), "all": rows}
    means = {
        title: {label: mean_figures(figures) for label, figures in part.items()}
        for title, part in sets_of_rows.items()
        if part["truth"]
    }
    for title, part in means.items():
        show(f"{title}: {counted(len(sets_of_rows[title]['truth']), 'pair')}", THERMAL_COLUMNS, part)
    guesses = {
        label: [translate.painter.guessed_light([planes_of(pair)[0]]) for pair in pairs]
        for label, translate in translations.items()
        if translate.guesses_light
    }
    for label, lights in guesses.items():
        by_day, by_night = (list(compress(lights, chosen)) for chosen in (day, [not each for each in day]))
        console.print(
            f"{label}: light guessed rightly for {sum(one >= 0 for one in by_day)} of {len(by_day)} days, "
            f"{sum(one < 0 for one in by_night)} of {len(by_night)} nights",
            markup=False,
        )
    for label, spread in spreads.items():
        console.print(
            f"{label}, {counted(spread.pictures, 'picture')} without partner: mean Cb {spread.centre[0]:+.1f}, Cr "
            f"{spread.centre[1]:+.1f}; pictures are {spread.between:.1f} codes from it, pixels {spread.within:.1f} "
            "from their picture's mean",
            markup=False,
        )
    if json_path is not None:
        pictures = {label: [asdict(row) for row in figures] for label, figures in rows.items()}
        unpartnered = {label: asdict(spread) for label, spread in spreads.items()}
        write_json(
            json_path,
            {
                "command": command_line(),
                "sets": means,
                "day": day,
                "pictures": pictures,
                "light": guesses,
                "unpaired": unpartnered,
            },
        )
    if sheets is not None:
        write_sheets(sheets, pair_pictures(pairs, list(translations.values())))
