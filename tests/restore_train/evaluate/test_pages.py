"""The evaluator's page: complete in itself, and working in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from restore_train.evaluate.figures import PICTURE_COLUMNS, ClipFigures, PictureFigures, summaries
from restore_train.evaluate.films import ClipResult
from restore_train.evaluate.pages import bar_range, choose_by_error, clips_page, figures_section, photos_page, render
from restore_train.evaluate.sheets import jpeg
from tests.tools import missing

Dump = Callable[..., str]

QUIET_BROWSER = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CLICK_DE00 = "<script>document.querySelector('#pictures-0 th[data-key=de00] button').click()</script>"


def figures(name: str, de00: float, **others: float) -> PictureFigures:
    values = {"psnr": 30 - de00, "ssim": 0.9, "psnr_chroma": 25.0, "cf": 20.0, "cf_abs": 15.0, "auc": 90.0}
    return PictureFigures(name=name, de00=de00, **{**values, "auc_rebalanced": 80.0, "rainbow": 0.5, **others})


def picture(value: float) -> bytes:
    return jpeg(np.full((30, 40, 3), value, np.float32))


NAMES = {"b & <b>.jpg": 9.0, "c.jpg": 10.5, "a.jpg": 2.0, "e.jpg": 30.0, "d.jpg": 4.0}


@pytest.fixture(scope="module")
def photos() -> str:
    rows = {
        label: [
            figures(name, factor * de00, rainbow=np.nan if name == "a.jpg" else de00) for name, de00 in NAMES.items()
        ]
        for label, factor in (("gray", 1.2), ("ours", 1.0), ("truth", 0.0))
    }
    pictures = {
        index: {"gray": picture(0.5), "ours": picture(0.6), "truth": picture(0.7)} for index in range(len(NAMES))
    }
    return photos_page(rows, pictures, {"set": "dev & more", "command": "rechroma evaluate photos 'x y'"})


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    """What a browser makes of a page: its document after the scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        missing("no chromium here; scripts/system-packages installs it")

    def run(html: str, fragment: str = "") -> str:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        command = [browser, *QUIET_BROWSER, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        finished = subprocess.run(
            [*command, f"{path.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120, check=True
        )
        return finished.stdout

    return run


def rows_of(html: str, table: str) -> list[str]:
    body = re.search(rf'<table id="{table}".*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    assert body is not None
    return re.findall(r'<tr><th title="(.*?)"', body[1])


class Balance(HTMLParser):
    """Fails where a tag is closed that is not open."""

    VOID = frozenset({"img", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_in_itself(photos: str) -> None:
    assert not re.search(r"https?://|src=\"(?!data:)|<link|@import|url\(", photos)
    assert photos.count("data:image/jpeg;base64,") == 3 * 5
    assert "b &amp; &lt;b&gt;.jpg" in photos
    assert "<b>.jpg" not in photos
    assert "dev &amp; more" in photos
    balance = Balance()
    balance.feed(photos)
    assert balance.open == []


def test_worst_median_and_best_are_all_shown_once(photos: str) -> None:
    worst, median, best = (photos.index(f"<h3>{title}</h3>") for title in ("Worst", "Median", "Best"))
    assert worst < photos.index("dE00 30.0") < median < photos.index("dE00 9.0") < best < photos.index("dE00 2.0")
    rows = [figures(str(index), de00) for index, de00 in enumerate(np.random.default_rng(0).permutation(100))]
    chosen = choose_by_error(rows)
    assert [rows[index].de00 for index in chosen["Worst"]] == [99, 98, 97, 96, 95, 94]
    assert [rows[index].de00 for index in chosen["Median"]] == [52, 51, 50, 49, 48, 47]
    assert [rows[index].de00 for index in chosen["Best"]] == [0, 1, 2, 3, 4, 5]
    for count in range(1, 20):
        groups = choose_by_error(rows[:count])
        indices = [index for group in groups.values() for index in group]
        assert len(set(indices)) == len(indices)
        assert indices


def test_the_best_of_several_is_bold_but_never_gray_or_truth() -> None:
    rows = {
        label: [figures("a", de00, cf=cf)]
        for label, de00, cf in (("gray", 1, 0), ("ours", 2, 18), ("theirs", 3, 25), ("truth", 0, 20))
    }
    table = render("", {}, [figures_section(PICTURE_COLUMNS, summaries(rows), "")])
    lines = {re.search(r"<th>(.*?)</th>", line)[1]: line for line in re.findall(r"<tr class=.*?</tr>", table)}  # type: ignore[index]
    assert "<td class=best>2.00</td>" in lines["ours"]
    assert "<td class=best>18.0</td>" in lines["ours"]  # nearer to the truth's 20 than 25 is
    assert "class=best>3.00" not in lines["theirs"]
    assert "best" not in lines["gray"] + lines["truth"]
    alone = figures_section(PICTURE_COLUMNS, summaries({label: rows[label] for label in ("gray", "ours", "truth")}), "")
    assert "class=best" not in render("", {}, [alone])


def test_bars_begin_at_zero_unless_all_are_large() -> None:
    assert bar_range([1, 4]) == (0, 4)
    assert bar_range([-1, 4]) == (-1, 4)
    assert bar_range([90, 98]) == (89, 98)
    assert bar_range([np.inf, np.nan]) == (0, 0)


def test_a_click_sorts_the_bars(photos: str, dump: Dump) -> None:
    assert rows_of(photos, "pictures-0") == ["b &amp; &lt;b&gt;.jpg", "c.jpg", "a.jpg", "e.jpg", "d.jpg"]
    clicked = dump(photos.replace("</body>", f"{CLICK_DE00}</body>"))
    assert [name[0] for name in rows_of(clicked, "pictures-0")] == ["a", "d", "b", "c", "e"]
    assert '<th data-key="de00" aria-sort="ascending">' in clicked
    twice = dump(photos.replace("</body>", f"{CLICK_DE00}{CLICK_DE00}</body>"))
    assert [name[0] for name in rows_of(twice, "pictures-0")] == ["e", "c", "b", "d", "a"]


def test_a_link_sorts_and_opens(photos: str, dump: Dump) -> None:
    by_name = dump(photos, "#sort=pictures-0,name,up")
    assert [name[0] for name in rows_of(by_name, "pictures-0")] == ["a", "b", "c", "d", "e"]
    by_rainbow = dump(photos, "#sort=pictures-0,rainbow,down")  # the picture without a figure comes last
    assert [name[0] for name in rows_of(by_rainbow, "pictures-0")] == ["e", "c", "b", "d", "a"]
    opened = dump(photos, "#open=1")
    dialog = re.search(r"<dialog[^>]*open.*?</dialog>", opened, re.DOTALL)
    assert dialog is not None
    assert dialog[0].count("<img") == 3
    assert "c.jpg" in dialog[0]
    assert "<img" not in re.search(r"<dialog.*?</dialog>", dump(photos), re.DOTALL)[0]  # type: ignore[index]


def test_a_click_opens_large(photos: str, dump: Dump) -> None:
    click = "<script>document.querySelectorAll('.card')[0].click()</script>"
    clicked = dump(photos.replace("</body>", f"{click}</body>"))
    dialog = re.search(r"<dialog[^>]*open.*?</dialog>", clicked, re.DOTALL)
    assert dialog is not None
    assert "e.jpg" in dialog[0]
    width = re.search(r"--width: ?([\d.]+)px", dialog[0])
    assert width is not None
    assert float(width[1]) > 200  # the pictures are 40 wide


def test_the_page_of_clips_shows_time() -> None:
    over_time = {"cdc": 0.01, "cdc_chroma": 0.02, "ewarp": 1.5, "flicker": 0.3}
    labels = ("gray", "ours, off", "ours, light", "truth")
    result = ClipResult(
        "dog",
        figures={label: ClipFigures(**{**asdict(figures("dog", 3.0)), **over_time}) for label in labels},
        frames={label: [figures("dog, frame 0", 3.0)] for label in labels},
        slices={label: np.full((12, 40, 3), 90, np.uint8) for label in labels},
        pictures=[{label: picture(0.5) for label in labels}],
    )
    html = clips_page([result], labels[1:3], {}, order_by="ours, light")
    assert html.count("data:image/png;base64,") == 3
    assert 'width="40" height="12" style="height:240px"' in html
    assert "dog, frame 0" in html
    assert "Means over 1 clip." in html
    assert "1.00 x" in html


def test_names_are_escaped_everywhere() -> None:
    rows = {label: [figures("<i>", 1.0)] for label in ("gray", "<i>", "truth")}
    pictures = {0: {"<i>": picture(0.5)}}
    html = photos_page(rows, pictures, {"<i>": "<i>"})
    assert "<i>" not in html
    assert html.count("&lt;i&gt;") > 10
