"""The evaluator's page: one HTML file with everything in it, to be opened anywhere and kept.

Nothing is fetched: styles, a little script and the pictures are inside. Tables and pictures are plain HTML; the script
only sorts and enlarges.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.evaluate.figures import Column, text_of

__all__ = ["Card", "bars", "cards", "figures_table", "heading", "page", "slices"]

BASELINES = ("gray", "truth")
SLICE_HEIGHT = 240  # pixels that an x-t slice is stretched to, about: a frame is a line of whole pixels
TIE = 0.5  # of the last digit shown, up to which figures count as equally good


@dataclass(frozen=True)
class Card:
    """Colourings of one picture, side by side."""

    name: str
    note: str
    pictures: Mapping[str, bytes]
    """Label to JPEG, in the order shown."""


def page(title: str, facts: Mapping[str, str], sections: Sequence[str]) -> str:
    """The whole page. ``facts`` are shown under the title; ``sections`` are what the functions below give."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    body = "\n".join([f"<h1>{escape(title)}</h1>\n<dl>{listed}</dl>", *sections])
    template = Template(files("restore_train.evaluate").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), body=body)


def heading(title: str, note: str = "") -> str:
    return f"<h2>{escape(title)}</h2>" + (f'\n<p class="note">{escape(note)}</p>' if note else "")


def head_cell(column: Column) -> str:
    arrow = {"high": "higher is better", "low": "lower is better", "truth": "best near the truth's"}[column.better]
    return f'<abbr title="{escape(column.meaning)}; {arrow}">{escape(column.title)}</abbr>'


def distance_to_best(column: Column, value: float, truth: float) -> float:
    """What the best figure of a column has least of."""
    return {"high": -value, "low": value, "truth": abs(value - truth)}[column.better]


def figures_table(columns: Sequence[Column], means: Mapping[str, Mapping[str, float]]) -> str:
    """A row for each label; the best of those that are neither gray nor the truth is bold where there are several."""
    truth = means["truth"]
    best = {}
    for column in columns:
        rivals = [
            distance_to_best(column, figures[column.key], truth[column.key])
            for label, figures in means.items()
            if label not in BASELINES and np.isfinite(figures[column.key])
        ]
        if len(rivals) > 1:
            best[column.key] = min(rivals) + TIE * 10**-column.decimals
    rows = []
    for label, figures in means.items():
        cells = []
        for column in columns:
            value = figures[column.key]
            text, relation = text_of(column, value, truth[column.key])
            distance = distance_to_best(column, value, truth[column.key])
            wins = label not in BASELINES and column.key in best and distance <= best[column.key]
            small = f"<small>{relation}</small>" if relation and label not in BASELINES else ""
            cells.append(f"<td{' class=best' if wins else ''}>{text}{small}</td>")
        kind = "truth" if label == "truth" else "baseline" if label == "gray" else "ours"
        rows.append(f'<tr class="{kind}"><th>{escape(label)}</th>{"".join(cells)}</tr>')
    head = "".join(f"<th>{head_cell(column)}</th>" for column in columns)
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def bars(ident: str, columns: Sequence[Column], rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """A table that sorts by a click on a column, its figures as bars.

    ``ident`` names it in links; ``rows`` are names and figures. Infinite and missing figures have no bar.
    """
    ranges = {}
    for column in columns:
        ranges[column.key] = bar_range([figures[column.key] for _, figures in rows])
    lines = []
    for name, figures in rows:
        cells = "".join(bar_cell(column, figures[column.key], *ranges[column.key]) for column in columns)
        lines.append(f'<tr><th title="{escape(name)}">{escape(name)}</th>{cells}</tr>')
    head = "".join(
        f'<th data-key="{column.key}"><button type="button">{head_cell(column)}</button></th>' for column in columns
    )
    return (
        f'<div class="tall"><table id="{escape(ident)}" data-sortable><thead><tr>'
        f'<th data-key="name"><button type="button">name</button></th>{head}</tr></thead>\n<tbody>'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def bar_range(values: Sequence[float]) -> tuple[float, float]:
    """Values of an empty and of a full bar. Bars begin at 0, but for figures that are all large: just below them."""
    finite = [value for value in values if np.isfinite(value)] or [0.0]
    lowest, highest = min(finite), max(finite)
    start = lowest - (highest - lowest) / 8 if lowest > highest / 2 else min(lowest, 0.0)
    return start, highest


def bar_cell(column: Column, value: float, lowest: float, highest: float) -> str:
    text, _ = text_of(column, value, float("nan"))
    if not np.isfinite(value):
        return f'<td class="bar" data-value="{"1e999" if np.isposinf(value) else ""}" style="--share:0">{text}</td>'
    share = 100 * (value - lowest) / (highest - lowest) if highest > lowest else 0
    return f'<td class="bar" data-value="{value:.9g}" style="--share:{share:.1f}%">{text}</td>'


def image(kind: str, encoded: bytes, alt: str, height: int | None = None) -> str:
    """An ``img`` with a JPEG or PNG inside; ``height`` to draw it at, or its own proportions."""
    data = base64.b64encode(encoded).decode("ascii")
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None  # it was encoded here
    size = f'width="{pixels.shape[1]}" height="{pixels.shape[0]}"'
    style = f' style="height:{height}px"' if height else ""
    return f'<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}" {size}{style}>'


def cards(title: str, group: Sequence[Card], *, first: int = 0) -> str:
    """Pictures side by side; a click shows them as large as the window. ``first`` is how many are above on the page."""
    shown = []
    for number, card in enumerate(group, start=first):
        figures = "".join(
            f"<figure>{image('jpeg', encoded, f'{card.name}: {label}')}"
            f"<figcaption>{escape(label)}</figcaption></figure>"
            for label, encoded in card.pictures.items()
        )
        shown.append(
            f'<a class="card" href="#open={number}"><div class="name">{escape(card.name)} '
            f'<span>{escape(card.note)}</span></div><div class="row">{figures}</div></a>'
        )
    return f'<h3>{escape(title)}</h3>\n<div class="cards">' + "\n".join(shown) + "</div>"


def slices(title: str, lines: Mapping[str, NDArray[np.uint8]]) -> str:
    """x-t slices ``frames x W x 3`` (RGB) of one clip side by side: time runs down, flicker shows as stripes."""
    figures = []
    for label, slice_xt in lines.items():
        _, encoded = cv2.imencode(".png", np.ascontiguousarray(slice_xt[..., ::-1]))
        height = max(SLICE_HEIGHT // len(slice_xt), 1) * len(slice_xt)
        drawn = image("png", bytes(encoded), f"{title}: {label}", height)
        figures.append(f"<figure>{drawn}<figcaption>{escape(label)}</figcaption></figure>")
    return f'<h3>{escape(title)}</h3>\n<div class="slices">{"".join(figures)}</div>'
