"""``rechroma evaluate``: colour measured against known truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from restore.cli.console import progress_bar
from restore.cli.options import colorizer_options, existing_or_not, make_colorizer
from restore.errors import OptionError
from restore_train.cli.output import (
    check_writable,
    command_line,
    input_errors,
    show_figures,
    show_line,
    write_json,
    write_sheets,
    write_text,
)

sets_argument = click.argument("sets", nargs=-1, required=True, type=existing_or_not)
also_option = click.option(
    "--also", multiple=True, help="Another model (name, .safetensors or .onnx) for the same table; may be repeated."
)
json_option = click.option("--json", "json_path", type=existing_or_not, help="Write all figures, one by one, here.")
html_option = click.option(
    "--html", "html_path", type=existing_or_not, help="Write one page with figures, bars and pictures here."
)
saturation_option = click.option("--saturation", default=1.0, show_default=True, type=click.FloatRange(min=0))


@click.group()
def evaluate() -> None:
    """Measure colour against known truth."""


@evaluate.command()
@sets_argument
@also_option
@json_option
@html_option
@click.option("--sheets", type=existing_or_not, help="Write contact sheets of gray, ours and truth into this folder.")
@click.option("--recognition", is_flag=True, help="Also how well a frozen classifier knows the pictures, and KID.")
@click.option("--labels", "classes", type=existing_or_not, help="Classes (TSV: name, imagenet_class) for its top-1.")
@saturation_option
@colorizer_options
def photos(
    sets: tuple[Path, ...],
    model: str,
    also: tuple[str, ...],
    json_path: Path | None,
    html_path: Path | None,
    sheets: Path | None,
    recognition: bool,
    classes: Path | None,
    saturation: float,
    **options: Any,
) -> None:
    """Turn the colour pictures of SETS (tar shards or folders) gray, colour them, and compare with the truth."""
    from restore_train.evaluate.figures import PICTURE_COLUMNS, summaries
    from restore_train.evaluate.judge import columns_of, open_judge, texts_of, values_of
    from restore_train.evaluate.pages import choose_pictures, count_text, photos_page
    from restore_train.evaluate.photos import evaluate_photos, jpegs, open_colouring, worst_first

    check_writable(json_path, html_path)
    colourings = {
        label: open_colouring(name, saturation=saturation, **options)
        for label, name in label_models(model, also).items()
    }
    with input_errors(), progress_bar("measuring", "pictures") as progress:
        judge = open_judge(classes) if recognition or classes else None
        rows = evaluate_photos(sets, colourings, judge=judge, progress=progress)
    judged = judge.figures() if judge else {}
    means = {label: figures | values_of(judged, label) for label, figures in summaries(rows).items()}
    show_figures(count_text(len(rows["truth"]), "picture"), [*PICTURE_COLUMNS, *columns_of(judged)], means)
    for title, text in texts_of(judged).items():
        show_line(f"{title}: {text}")
    write_json(json_path, set=means, judged=texts_of(judged), pictures=rows)
    if html_path is not None:
        pictures = jpegs(sets, colourings, choose_pictures(rows))
        write_text(html_path, photos_page(rows, pictures, {**facts(sets), **texts_of(judged)}))
    if sheets is not None:
        first = next(iter(colourings))
        write_sheets(sheets, worst_first(sets, colourings[first], rows[first]))


@evaluate.command()
@sets_argument
@also_option
@click.option("--join", is_flag=True, help="Join the clips two by two, so that each pair has a known cut.")
@click.option("--frames", type=click.IntRange(min=1), help="Frames of each clip, from its start. [default: all]")
@click.option(
    "--every", default=8, show_default=True, type=click.IntRange(min=1), help="Measure every Nth frame as a picture."
)
@json_option
@html_option
@saturation_option
@colorizer_options
def clips(
    sets: tuple[Path, ...],
    model: str,
    also: tuple[str, ...],
    join: bool,
    frames: int | None,
    every: int,
    json_path: Path | None,
    html_path: Path | None,
    saturation: float,
    **options: Any,
) -> None:
    """Turn the colour clips of SETS (files, folders, tar shards) gray, colour them, and compare with the truth.

    Every model is run with the temporal pass off, light and strong, beside an unaligned mean of 5 frames and FFmpeg's
    tmedian. Figures are taken at the size of the clip's chroma planes, at most 512 pixels a side.
    """
    from restore_train.clipset import clip_files, in_pairs
    from restore_train.evaluate.clip import FilmClip
    from restore_train.evaluate.figures import CLIP_COLUMNS, summaries
    from restore_train.evaluate.films import evaluate_clips, rows_of
    from restore_train.evaluate.pages import clips_page, count_text

    check_writable(json_path, html_path)
    colorizers = {label: make_colorizer(model=name, **options) for label, name in label_models(model, also).items()}
    with TemporaryDirectory(prefix="rechroma-") as scratch, input_errors():
        paths = list(clip_files(sets, Path(scratch)))
        groups = in_pairs(paths) if join else [[path] for path in paths]
        films = [FilmClip(group, colorizers, frames=frames, saturation=saturation) for group in groups]
        with progress_bar("measuring", "frames") as progress:
            results = evaluate_clips(films, sample_every=every, with_pictures=html_path is not None, progress=progress)
    rows, frame_rows = rows_of(results)
    show_figures(count_text(len(results), "clip"), CLIP_COLUMNS, summaries(rows))
    write_json(json_path, set=summaries(rows), clips=rows, frames=frame_rows)
    if html_path is not None:
        labels = films[0].labels
        write_text(html_path, clips_page(results, labels, facts(sets), order_by=labels[1]))


@evaluate.command()
@sets_argument
@click.option("--samples", default=8, show_default=True, type=click.IntRange(min=1), help="Colourings a picture.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the first; then seed + 1.")
@click.option("--temperature", default=0.8, show_default=True, type=click.FloatRange(min=0))
@json_option
@colorizer_options
def samples(
    sets: tuple[Path, ...], samples: int, seed: int, temperature: float, json_path: Path | None, **options: Any
) -> None:
    """Measure one, the likeliest and the best of several colourings (PixColor) of every colour picture in SETS."""
    from restore.paint.sampling import sampling_model
    from restore_train.evaluate.figures import PICTURE_COLUMNS, summaries
    from restore_train.evaluate.likelihood import evaluate_likelihood, sentence
    from restore_train.evaluate.pages import count_text
    from restore_train.evaluate.samples import evaluate_samples, open_sampling

    check_writable(json_path)
    colorizer = make_colorizer(**options)
    network = sampling_model(colorizer)
    sampling = open_sampling(colorizer, seeds=range(seed, seed + samples), temperature=temperature)
    with input_errors():
        with progress_bar("measuring", "pictures") as progress:
            result = evaluate_samples(sets, sampling, progress=progress)
        with progress_bar("likelihood", "pictures") as progress:
            size = colorizer.working_size
            nats = evaluate_likelihood(sets, network, working_size=size, seed=seed, progress=progress)
    show_figures(count_text(len(result.rows["truth"]), "picture"), PICTURE_COLUMNS, summaries(result.rows))
    show_line(f"diversity, mean dE00 between two colourings of one picture: {result.diversity:.2f}")
    show_line(f"cast, mean Cb and Cr less the truth's, in codes: {result.bias[0]:+.2f} {result.bias[1]:+.2f}")
    show_line(sentence(nats))
    write_json(
        json_path,
        diversity=result.diversity,
        bias=result.bias,
        nats=nats,
        set=summaries(result.rows),
        pictures=result.rows,
    )


@evaluate.command()
@sets_argument
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the model's own draws.")
@json_option
@colorizer_options
def likelihood(sets: tuple[Path, ...], seed: int, json_path: Path | None, **options: Any) -> None:
    """Measure how likely a model that samples (PixColor) holds the true colours of the pictures in SETS."""
    from restore.paint.sampling import sampling_model
    from restore_train.evaluate.likelihood import evaluate_likelihood, sentence

    check_writable(json_path)
    colorizer = make_colorizer(**options)
    network = sampling_model(colorizer)
    with input_errors(), progress_bar("likelihood", "pictures") as progress:
        size = colorizer.working_size
        nats = evaluate_likelihood(sets, network, working_size=size, seed=seed, progress=progress)
    show_line(sentence(nats))
    write_json(json_path, nats=nats)


@evaluate.command()
@sets_argument
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
    help="Strength of colour of --model, and when repeated of the models after --also, in place of their own.",
)
@click.option("--light", type=click.Choice(["day", "night"]), help="Light to paint in, in place of the models' guess.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@json_option
@click.option("--sheets", type=existing_or_not, help="Write contact sheets of heat, all models and truth here.")
def thermal(
    sets: tuple[Path, ...],
    model: str,
    also: tuple[str, ...],
    unpaired: Path | None,
    only: tuple[str, ...],
    gains: tuple[float, ...],
    json_path: Path | None,
    sheets: Path | None,
    **options: Any,
) -> None:
    """Translate the thermal pictures of SETS (tars or folders of NAME.visible.EXT, NAME.thermal.EXT) and compare.

    Day and night are shown apart. A model that colours photos takes heat for gray. Nothing is trained here.
    """
    from restore_train.evaluate.pages import count_text
    from restore_train.evaluate.thermal import (
        THERMAL_COLUMNS,
        choose_pairs,
        chroma_spread,
        evaluate_pairs,
        open_translation,
        pair_pictures,
        read_thermal,
    )

    check_writable(json_path)
    models = label_models(model, also)
    if len(gains) > len(models):
        raise OptionError(f"{len(gains)} strengths of colour for {count_text(len(models), 'model')}")
    translations = {
        label: open_translation(models[label], gain=gain, **options) for label, gain in zip_longest(models, gains)
    }
    with input_errors():
        pairs = choose_pairs(sets, only)
        with progress_bar("measuring", "pairs") as progress:
            result = evaluate_pairs(pairs, translations, progress=progress)
        spreads = {
            label: chroma_spread(read_thermal([unpaired]), translate)
            for label, translate in translations.items()
            if unpaired is not None
        }
    means = result.means_by_light()
    for light, part in means.items():
        show_figures(f"{light}: {count_text(result.count(light), 'pair')}", THERMAL_COLUMNS, part)
    for label in result.lights:
        days, nights = result.right_guesses(label)
        show_line(
            f"{label}: light guessed rightly for {days} of {result.count('day')} days, "
            f"{nights} of {result.count('night')} nights"
        )
    for label, spread in spreads.items():
        show_line(f"{label}, {count_text(spread.pictures, 'picture')} without partner: {spread}")
    write_json(json_path, sets=means, day=result.day, pictures=result.rows, light=result.lights, unpaired=spreads)
    if sheets is not None:
        write_sheets(sheets, pair_pictures(pairs, list(translations.values())))


def label_models(model: str, also: Sequence[str]) -> dict[str, str]:
    """Returns the models to compare by what a table calls them.

    A weight file goes by its name alone, unless two would be called the same.
    """
    names = list(dict.fromkeys((model, *also)))
    short = [Path(name).stem if name.endswith((".safetensors", ".onnx")) else name for name in names]
    return {name if short.count(label) > 1 else label: name for name, label in zip(names, short, strict=True)}


def facts(sets: Sequence[Path]) -> dict[str, str]:
    """Returns what a page says under its title."""
    return {"set": ", ".join(path.name for path in sets), "command": command_line()}
