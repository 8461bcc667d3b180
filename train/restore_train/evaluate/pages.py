"""The evaluator's page: one HTML file with everything in it, to be opened anywhere and archived.

``page.html`` draws it; what it draws is put together here, section by section. Nothing is fetched: styles, a little
script that sorts and enlarges, and the pictures are inside.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from restore_train.evaluate.figures import CLIP_COLUMNS, PICTURE_COLUMNS, Column, PictureFigures, summaries, text_of
from restore_train.evaluate.films import ClipResult, rows_of

Section = dict[str, Any]
"""A heading, and what the macro of ``page.html`` named by ``kind`` draws under it."""

BASELINES = ("gray", "truth")
PICTURES_OF_A_KIND = 6  # worst, median, best
SLICE_HEIGHT = 240  # pixels that an x-t slice is stretched to, about: a frame is a line of whole pixels
TIE = 0.5  # of the last digit shown, up to which figures count as equally good

PER_PICTURE = tuple(column for column in PICTURE_COLUMNS if column.key != "dcf")  # dCF is of a set
PER_CLIP = tuple(column for column in CLIP_COLUMNS if column.key != "dcf")

FIGURES_NOTE = "Point at a column's name for what it measures. Small print relates a figure to the truth's own."
TRIPTYCH_NOTE = "Ordered by dE00 of {label}. Click to enlarge, arrow keys for the next."
BARS_NOTE = "Click a column to sort by it, again to reverse. Bars begin at 0, or below figures that are all large."
SLICE_NOTE = (
    "One row of pixels over time (downwards), colour alone at one luma. Moving things draw slanted lines; horizontal "
    "stripes are flicker. The row is where the truth has most colour."
)


def image(label: str, kind: str, encoded: bytes, style: str = "") -> dict[str, Any]:
    """Describes a JPEG or PNG for the page."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None  # it was encoded here
    data = f"data:image/{kind};base64,{base64.b64encode(encoded).decode('ascii')}"
    return {"label": label, "data": data, "width": pixels.shape[1], "height": pixels.shape[0], "style": style}


def render(title: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Returns the page as HTML; ``facts`` are under its title."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.lstrip_blocks, environment.undefined = True, StrictUndefined
    template = environment.get_template("page.html")
    return template.render(title=title, facts=facts, sections=sections)


def distance_to_best(column: Column, value: float, truth: float) -> float:
    """Returns what the best figure of a column has least of."""
    return {"high": -value, "low": value, "truth": abs(value - truth)}[column.better]


def figures_section(columns: Sequence[Column], means: Mapping[str, Mapping[str, float]], note: str) -> Section:
    """Makes a table with a row for each label; the best of several is bold, but never gray or the truth."""
    truth = means["truth"]

    def distance(column: Column, label: str) -> float:
        return distance_to_best(column, means[label][column.key], truth[column.key])

    best = {}
    for column in columns:
        rivals = [distance(column, label) for label in means if label not in BASELINES]
        finite = [value for value in rivals if np.isfinite(value)]
        best[column.key] = min(finite) + TIE * 10**-column.decimals if len(finite) > 1 else -np.inf
    rows = []
    for label, figures in means.items():
        ours = label not in BASELINES
        cells = []
        for column in columns:
            text, relation = text_of(column, figures[column.key], truth[column.key])
            wins = ours and distance(column, label) <= best[column.key]
            cells.append({"text": text, "relation": relation if ours else "", "best": wins})
        rows.append({"label": label, "kind": {"gray": "baseline", "truth": "truth"}.get(label, "ours"), "cells": cells})
    return {"kind": "figures", "title": "Figures", "note": f"{note} {FIGURES_NOTE}", "columns": columns, "rows": rows}


def bars_section(ident: str, title: str, columns: Sequence[Column], rows: Sequence[PictureFigures]) -> Section:
    """Makes a table that sorts by a click on a column, its figures as bars; ``ident`` names it in links."""
    figures = [asdict(row) for row in rows]
    ranges = {column.key: bar_range([row[column.key] for row in figures]) for column in columns}
    bars = [
        {"name": row["name"], "bars": [bar(column, row[column.key], *ranges[column.key]) for column in columns]}
        for row in figures
    ]
    return {"kind": "bars", "title": title, "note": BARS_NOTE, "ident": ident, "columns": columns, "rows": bars}


def bar_range(values: Sequence[float]) -> tuple[float, float]:
    """Returns the values of an empty and of a full bar.

    Bars begin at 0, but for figures that are all large: just below them.
    """
    finite = [value for value in values if np.isfinite(value)] or [0.0]
    lowest, highest = min(finite), max(finite)
    start = lowest - (highest - lowest) / 8 if lowest > highest / 2 else min(lowest, 0.0)
    return start, highest


def bar(column: Column, value: float, lowest: float, highest: float) -> dict[str, str]:
    """Makes a cell; an infinite or missing figure has no bar."""
    text, _ = text_of(column, value, float("nan"))
    if not np.isfinite(value):
        return {"text": text, "value": "1e999" if np.isposinf(value) else "", "share": "0"}
    share = 100 * (value - lowest) / (highest - lowest) if highest > lowest else 0
    return {"text": text, "value": f"{value:.9g}", "share": f"{share:.1f}%"}


def slices_section(results: Sequence[ClipResult], labels: Sequence[str]) -> Section:
    """Shows x-t slices of each clip side by side: time runs down, flicker shows as stripes."""
    groups = []
    for result in results:
        images = []
        for label in labels:
            lines = np.ascontiguousarray(result.slices[label][..., ::-1])
            style = f"height:{max(SLICE_HEIGHT // len(lines), 1) * len(lines)}px"
            images.append(image(label, "png", bytes(cv2.imencode(".png", lines)[1]), style))
        groups.append({"title": result.name, "images": images})
    return {"kind": "slices", "title": "Colour over time", "note": SLICE_NOTE, "groups": groups}


def choose_by_error(rows: Sequence[PictureFigures]) -> dict[str, list[int]]:
    """Returns the indices of the worst, median and best pictures by dE00; each once, so fewer of a small set."""
    order = [int(index) for index in np.argsort([-row.de00 for row in rows], kind="stable")]
    count = min(PICTURES_OF_A_KIND, -(-len(order) // 3))
    middle = (len(order) - count) // 2
    groups = {
        "Worst": order[:count],
        "Median": [index for index in order[middle : middle + count] if index not in order[:count]],
        "Best": order[max(len(order) - count, middle + count) :][::-1],
    }
    return {title: indices for title, indices in groups.items() if indices}


def cards_section(
    label: str,
    rows: Sequence[PictureFigures],
    truths: Sequence[PictureFigures],
    pictures: Callable[[int], Mapping[str, bytes]],
) -> Section:
    """Shows chosen pictures with all their colourings side by side; a click shows them as large as the window."""

    def card(index: int) -> dict[str, Any]:
        row = rows[index]
        note = f"dE00 {row.de00:.1f}, PSNR {row.psnr:.1f} dB, CF_abs {row.cf_abs:.0f} of {truths[index].cf_abs:.0f}"
        images = [image(name, "jpeg", encoded) for name, encoded in pictures(index).items()]
        return {"name": row.name, "note": note, "images": images}

    groups = [{"title": title, "cards": list(map(card, chosen))} for title, chosen in choose_by_error(rows).items()]
    note = TRIPTYCH_NOTE.format(label=label)
    return {"kind": "cards", "title": "Worst, median and best", "note": note, "groups": groups}


def models_of(rows: Mapping[str, object]) -> list[str]:
    return [label for label in rows if label not in BASELINES]


def choose_pictures(rows: Mapping[str, Sequence[PictureFigures]]) -> list[int]:
    """Returns the indices of the pictures that the page shows: the worst, median and best of the first model."""
    return [index for group in choose_by_error(rows[models_of(rows)[0]]).values() for index in group]


def photos_page(
    rows: Mapping[str, Sequence[PictureFigures]], pictures: Mapping[int, Mapping[str, bytes]], facts: Mapping[str, str]
) -> str:
    """Makes the page of a set of photos.

    ``pictures`` has, by index and then by label, the JPEGs of the :func:`choose_pictures`.
    """
    models = models_of(rows)
    first = models[0]
    sections = [
        figures_section(PICTURE_COLUMNS, summaries(rows), f"Means over {count_text(len(rows[first]), 'picture')}."),
        cards_section(first, rows[first], rows["truth"], pictures.__getitem__),
    ]
    for number, label in enumerate(models):
        sections.append(bars_section(f"pictures-{number}", f"Every picture: {label}", PER_PICTURE, rows[label]))
    return render("Colour of photos", facts, sections)


def clips_page(results: Sequence[ClipResult], models: Sequence[str], facts: Mapping[str, str], *, order_by: str) -> str:
    """Makes the page of clips; ``models`` are the labels whose pictures are shown, ordered by those of ``order_by``."""
    rows, _ = rows_of(results)
    shown = [(result, index) for result in results for index in range(len(result.pictures))]
    frames = {label: [result.frames[label][index] for result, index in shown] for label in ("truth", order_by)}

    def pictures(index: int) -> dict[str, bytes]:
        result, frame = shown[index]
        return {label: result.pictures[frame][label] for label in ("gray", *models, "truth")}

    sections = [
        figures_section(CLIP_COLUMNS, summaries(rows), f"Means over {count_text(len(results), 'clip')}."),
        slices_section(results, (*models, "truth")),
        cards_section(order_by, frames[order_by], frames["truth"], pictures),
    ]
    for number, label in enumerate((*models, "truth")):
        sections.append(bars_section(f"clips-{number}", f"Every clip: {label}", PER_CLIP, rows[label]))
    return render("Colour of clips", facts, sections)


def count_text(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
