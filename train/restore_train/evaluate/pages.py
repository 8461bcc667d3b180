"""What the evaluator's page says of photos and of clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from restore_train.evaluate.figures import CLIP_COLUMNS, PICTURE_COLUMNS, PictureFigures, summaries
from restore_train.evaluate.films import ClipResult
from restore_train.evaluate.html_page import Card, bars, cards, figures_table, heading, page, slices

__all__ = ["chosen_by_error", "clips_page", "counted", "photos_page"]

SHOWN = 6
"""Pictures of each kind: worst, median, best."""

BASELINES = ("truth", "gray")

PER_PICTURE = tuple(column for column in PICTURE_COLUMNS if column.key != "dcf")  # dCF is of a set
PER_CLIP = tuple(column for column in CLIP_COLUMNS if column.key != "dcf")

FIGURES_NOTE = "Point at a column's name for what it measures. Small print relates a figure to the truth's own."
TRIPTYCH_NOTE = "Ordered by dE00 of {label}. Click to enlarge, arrow keys to go on."
BARS_NOTE = (
    "Click a column to sort by it, again to turn it round. Bars begin at 0, or below figures that are all large."
)
SLICE_NOTE = (
    "One row of pixels over time (downwards), colour alone at one luma. Moving things draw slanted lines; horizontal "
    "stripes are flicker. The row is where the truth has most colour."
)


def chosen_by_error(rows: Sequence[PictureFigures]) -> dict[str, list[int]]:
    """Numbers of the worst, median and best pictures by dE00; each once, so fewer of a small set."""
    order = [int(index) for index in np.argsort([-row.de00 for row in rows], kind="stable")]
    count = min(SHOWN, -(-len(order) // 3))
    middle = (len(order) - count) // 2
    groups = {
        "Worst": order[:count],
        "Median": order[middle : middle + count],
        "Best": order[max(len(order) - count, middle + count) :][::-1],
    }
    taken = set(groups["Worst"])
    groups["Median"] = [index for index in groups["Median"] if index not in taken]
    return {title: indices for title, indices in groups.items() if indices}


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def card_of(row: PictureFigures, truth: PictureFigures, pictures: Mapping[str, bytes]) -> Card:
    note = f"dE00 {row.de00:.1f}, PSNR {row.psnr:.1f} dB, CF_abs {row.cf_abs:.0f} of {truth.cf_abs:.0f}"
    return Card(row.name, note, pictures)


def triptych_sections(
    label: str,
    rows: Sequence[PictureFigures],
    truths: Sequence[PictureFigures],
    pictures: Callable[[int], Mapping[str, bytes]],
) -> list[str]:
    sections = [heading("Worst, median and best", TRIPTYCH_NOTE.format(label=label))]
    above = 0
    for title, indices in chosen_by_error(rows).items():
        group = [card_of(rows[index], truths[index], pictures(index)) for index in indices]
        sections.append(cards(title, group, first=above))
        above += len(group)
    return sections


def photos_page(
    rows: Mapping[str, Sequence[PictureFigures]], pictures: Mapping[int, Mapping[str, bytes]], facts: Mapping[str, str]
) -> str:
    """The page of a set of photos. ``rows`` as the evaluator gives them; of the first label that is a model's the
    pictures chosen by :func:`chosen_by_error` are in ``pictures``, by number, label to JPEG."""
    models = [label for label in rows if label not in BASELINES]
    first = models[0]
    sections = [
        heading("Figures", f"Means over {counted(len(rows[first]), 'picture')}. {FIGURES_NOTE}"),
        figures_table(PICTURE_COLUMNS, summaries(rows)),
        *triptych_sections(first, rows[first], rows["truth"], pictures.__getitem__),
    ]
    for number, label in enumerate(models):
        sections.append(heading(f"Every picture: {label}", BARS_NOTE))
        sections.append(bars(f"pictures-{number}", PER_PICTURE, [(row.name, asdict(row)) for row in rows[label]]))
    return page("Colour of photos", facts, sections)


def clips_page(results: Sequence[ClipResult], models: Sequence[str], facts: Mapping[str, str], *, order_by: str) -> str:
    """The page of clips; ``models`` are the labels to show in pictures, ``order_by`` the one that is judged by them."""
    rows = {label: [result.figures[label] for result in results] for label in results[0].figures}
    shown = [(result, index) for result in results for index in range(len(result.pictures))]
    frames = {label: [result.frames[label][index] for result, index in shown] for label in ("truth", order_by)}

    def pictures(index: int) -> dict[str, bytes]:
        result, frame = shown[index]
        return {label: result.pictures[frame][label] for label in ("gray", *models, "truth")}

    sections = [
        heading("Figures", f"Means over {counted(len(results), 'clip')}. {FIGURES_NOTE}"),
        figures_table(CLIP_COLUMNS, summaries(rows)),
        heading("Colour over time", SLICE_NOTE),
    ]
    for result in results:
        chosen = {label: result.slices[label] for label in (*models, "truth")}
        sections.append(slices(result.name, chosen))
    sections += triptych_sections(order_by, frames[order_by], frames["truth"], pictures)
    for number, label in enumerate((*models, "truth")):
        sections.append(heading(f"Every clip: {label}", BARS_NOTE))
        sections.append(bars(f"clips-{number}", PER_CLIP, [(row.name, asdict(row)) for row in rows[label]]))
    return page("Colour of clips", facts, sections)
