"""The clip evaluator on made clips whose colours are known: what flickers costs, cuts do not, baselines are exact."""

from __future__ import annotations

import math
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.filter import Graph
from numpy.typing import NDArray

from restore_train.clipset import clip_files, in_pairs
from restore_train.evaluate.films import TrueFrame, add_baselines, centred_windows, evaluate_clips, rows_of
from restore_train.evaluate.metrics import CHROMA, LUMA

FloatArray = NDArray[np.float32]

FRAMES, HEIGHT, WIDTH = 12, 64, 96
RGB_OF_YCBCR = np.linalg.inv(np.vstack([LUMA, CHROMA])).astype(np.float32)


def frame(scene: int, index: int) -> tuple[FloatArray, FloatArray]:
    """Luma and half-size chroma of a scene that pans 2 pixels a frame over a flat floor."""
    noise = np.random.default_rng(scene).random((HEIGHT, WIDTH + 2 * FRAMES)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 3)
    blobs = ((blobs - blobs.mean()) * 4 + 0.5).clip(0.2, 0.8)[:, 2 * index : 2 * index + WIDTH]
    luma = np.ascontiguousarray(blobs)
    luma[HEIGHT * 3 // 4 :] = 0.5
    small = cv2.resize(luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return luma, np.stack([(small - 0.5) * 0.4 + 0.05 * scene, (0.5 - small) * 0.3]).astype(np.float32)


@dataclass
class MadeClip:
    """A clip of given frames."""

    name: str
    make_truth: Callable[[], Iterator[TrueFrame]]
    make_coloured: Callable[[], Iterator[Mapping[str, FloatArray]]]
    unsteadied: tuple[str, ...] = ("ours",)

    def truth(self) -> Iterator[TrueFrame]:
        return self.make_truth()

    def coloured(self) -> Iterator[Mapping[str, FloatArray]]:
        return self.make_coloured()

    def rgb(self, luma: FloatArray, chroma: FloatArray, /) -> FloatArray:
        return np.clip(np.stack([luma, *chroma], axis=-1) @ RGB_OF_YCBCR.T, 0, 1)


def make_clip(scenes: list[int], colour: Callable[[int, FloatArray], FloatArray] | None = None) -> MadeClip:
    """``FRAMES`` of each scene; ``colour`` makes the colouring "ours" of the frame's number and its true chroma."""

    def truth() -> Iterator[TrueFrame]:
        for scene in scenes:
            for index in range(FRAMES):
                yield TrueFrame(*frame(scene, index), starts_shot=index == 0)

    def coloured() -> Iterator[dict[str, FloatArray]]:
        for index, true in enumerate(truth()):
            yield {"ours": colour(index, true.chroma) if colour else true.chroma}

    return MadeClip("made", truth, coloured)


def flickering(index: int, chroma: FloatArray) -> FloatArray:
    return chroma + np.float32(0.04 * (-1) ** index)


def test_colour_that_is_true_gets_the_truth_s_figures() -> None:
    (result,) = evaluate_clips([make_clip([1])], sample_every=4)
    assert list(result.figures) == ["gray", "ours", "ours, mean of 5", "ours, tmedian", "truth"]
    truth, gray = result.figures["truth"], result.figures["gray"]
    assert result.figures["ours"] == truth
    assert math.isinf(truth.psnr)
    assert len(result.frames["gray"]) == 3
    assert gray.cdc_chroma == 0
    assert max(gray.cf, gray.ewarp, gray.flicker) < 1  # this test's own RGB rounds
    assert truth.cdc_chroma > 0
    assert result.figures["ours, mean of 5"].de00 > 0.5  # unaligned: colour lags behind the pan
    assert result.slices["truth"].shape == (FRAMES, WIDTH // 2, 3)


def test_flicker_shows_in_every_figure_over_time() -> None:
    (steady,), (shaky,) = (evaluate_clips([make_clip([1], colour)]) for colour in (None, flickering))
    before, after = steady.figures["ours"], shaky.figures["ours"]
    assert after.cdc_chroma > 5 * before.cdc_chroma
    assert after.ewarp > 20 * before.ewarp
    assert after.flicker > 5 * before.flicker
    assert shaky.figures["truth"] == steady.figures["truth"]
    assert shaky.figures["ours, mean of 5"].flicker < after.flicker / 3


def test_a_cut_counts_for_nothing() -> None:
    """Two scenes of different colour, joined: the mean of their figures, not what lies between them."""
    (joined,) = evaluate_clips([make_clip([1, 2])])
    alone = [evaluate_clips([make_clip([scene])])[0].figures["truth"] for scene in (1, 2)]
    for name in ("cdc", "cdc_chroma", "ewarp", "flicker"):
        mean = np.mean([getattr(figures, name) for figures in alone])
        assert getattr(joined.figures["truth"], name) == pytest.approx(mean), name


def test_the_unaligned_mean_smears_over_a_cut() -> None:
    (joined,) = evaluate_clips([make_clip([1, 4])], sample_every=1)
    de00 = [row.de00 for row in joined.frames["ours, mean of 5"]]
    assert de00[FRAMES] > 2 * de00[FRAMES // 2]


def test_windows_hold_the_nearest_five() -> None:
    windows = [(window, window[place]) for window, place in centred_windows(range(7), 2)]
    assert [centre for _, centre in windows] == list(range(7))
    starts = [window[0] for window, _ in windows]
    assert starts == [0, 0, 0, 1, 2, 2, 2]
    assert all(len(window) == 5 for window, _ in windows)
    assert list(centred_windows("ab", 2)) == [(["a", "b"], 0), (["a", "b"], 1)]
    assert list(centred_windows("", 2)) == []


def test_tmedian_is_ffmpeg_s() -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(16, 240, (9, 2, HEIGHT // 2, WIDTH // 2)).astype(np.uint8)
    chromas = (codes.astype(np.float32) - 128) / 224

    graph = Graph()
    source = graph.add("buffer", f"video_size={WIDTH}x{HEIGHT}:pix_fmt=yuv420p:time_base=1/25")
    graph.link_nodes(source, graph.add("tmedian", "radius=2:planes=6"), graph.add("buffersink")).configure()
    medians = []
    for pts, (cb, cr) in enumerate(codes):
        planes = np.concatenate([np.full(HEIGHT * WIDTH, 100, np.uint8), cb.ravel(), cr.ravel()])
        picture = av.VideoFrame.from_ndarray(planes.reshape(-1, WIDTH), format="yuv420p")
        picture.pts = pts
        graph.vpush(picture)
        try:
            medians.append(graph.vpull().to_ndarray().ravel()[HEIGHT * WIDTH :].reshape(2, HEIGHT // 2, WIDTH // 2))
        except av.error.BlockingIOError:
            continue

    flat = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    clip = MadeClip(
        "noise",
        lambda: (TrueFrame(flat, chroma, index == 0) for index, chroma in enumerate(chromas)),
        lambda: ({"ours": chroma} for chroma in chromas),
    )
    ours = [colourings["ours, tmedian"] for _, colourings in add_baselines(clip)]
    assert len(ours) == 9
    assert len(medians) == 5
    for result, theirs in zip(ours[2:7], medians, strict=True):  # FFmpeg gives no frames for the ends
        assert np.array_equal(np.rint(result * 224 + 128), theirs)
    assert np.array_equal(ours[0], ours[2])


def test_pictures_are_kept_only_where_asked_for() -> None:
    (without,) = evaluate_clips([make_clip([1])], sample_every=4)
    assert without.pictures == []
    seen = []
    (result,) = evaluate_clips(
        [make_clip([1])], sample_every=4, with_pictures=True, progress=lambda done, total: seen.append((done, total))
    )
    assert len(result.pictures) == 3
    assert set(result.pictures[0]) == set(result.figures)
    shown = cv2.imdecode(np.frombuffer(result.pictures[0]["truth"], np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert seen[-1] == (FRAMES, FRAMES)


def test_rows_are_by_clip_and_by_frame() -> None:
    results = evaluate_clips([make_clip([1]), make_clip([2])], sample_every=6)
    clips, frames = rows_of(results)
    assert list(clips) == list(frames) == list(results[0].figures)
    assert (len(clips["gray"]), len(frames["gray"])) == (2, 4)
    assert [row.name for row in frames["truth"]] == ["made, frame 0", "made, frame 6"] * 2


def test_colourings_must_not_lose_a_frame() -> None:
    clip = make_clip([1])
    short = MadeClip("short", clip.truth, lambda: iter([{"ours": frame(1, 0)[1]}]), ())
    with pytest.raises(ValueError, match="zip"):
        evaluate_clips([short])


def test_clips_of_a_set(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "notes.txt"):
        (tmp_path / name).write_bytes(b"-")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(tmp_path / "b.mp4", "deep/../../../c.mp4")
        tar.add(tmp_path / "notes.txt", "notes.txt")
    scratch = tmp_path / "scratch"
    clips = list(clip_files([tmp_path, tmp_path / "shard.tar", tmp_path / "b.mp4"], scratch))
    assert [path.name for path in clips] == ["a.MKV", "b.mp4", "c.mp4", "b.mp4"]
    assert all(path.read_bytes() == b"-" for path in clips)
    assert scratch.resolve() in clips[2].resolve().parents
    assert in_pairs(clips[:3]) == [clips[:2], clips[2:3]]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="no clips"):
        list(clip_files([empty], scratch))
