from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor

from restore.colour import FloatArray
from restore.errors import InputError, ModelError, OptionError, OutputError
from restore.jobs.thermal import colorize_thermal
from restore.media.film.source import FilmSource
from restore.media.photo.metadata import is_marked
from restore.media.thermal import open_thermal
from restore.media.thermal.palettes import palette_colours
from restore.paint.network import Colorizer
from restore.paint.thermal import ThermalPainter, open_thermal_painter
from restore_models import SHIPPED, save_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalGenerator, ThermalSizes
from restore_train.thermal_pairs import read_pairs
from tests.media import write_film
from tests.painters import ToyTranslator
from tests.restore.media.clips import ffmpeg, tone
from tests.restore.media.thermal.made import fff, flir_jpeg, scene, sequence
from tests.tools import change, thermal_options

FAST = thermal_options(preset="ultrafast", temporal="off", threads=1)


@pytest.fixture
def painter() -> ThermalPainter:
    return ThermalPainter(ToyTranslator(), name="toy", weights_sha256="0", device="cpu", batch=2)


@pytest.fixture
def gray_painter(toy_colorizer: Colorizer) -> Colorizer:
    return toy_colorizer


def output_of(entry: dict[str, Any]) -> str:
    return str(entry["outputs"][0]["path"])


def report_of(folder: Path) -> dict[str, dict[str, Any]]:
    report = json.loads((folder / "rechroma-report.json").read_text())
    return {Path(entry["source"]).name: entry for entry in report["files"]}


def make_all(folder: Path) -> None:
    """One file of each kind."""
    folder.mkdir()
    (folder / "still.jpg").write_bytes(flir_jpeg(fff(scene(), encoding="png")))
    (folder / "run.seq").write_bytes(b"".join(sequence(4)))
    (folder / "run.csq").write_bytes(b"".join(sequence(4, encoding="jpegls")))
    with tifffile.TiffWriter(folder / "pages.tif") as file:
        for number in range(3):
            file.write(scene(number), photometric="minisblack", metadata=None)
    write_film(folder / "deep.mkv", [scene(number) for number in range(4)], codec="ffv1", pix_fmt="gray16le")
    steps = [np.clip((scene(number) - 17000.0) / 12, 0, 255).astype(np.uint8) for number in range(4)]
    colours = np.rint(palette_colours("ironbow")).astype(np.uint8)
    write_film(folder / "colours.mp4", [colours[each] for each in steps], codec="libx264", pix_fmt="yuv444p")
    (folder / "notes.txt").write_text("not looked at")


@pytest.mark.parametrize("luma", ["generated", "thermal", "blend"])
def test_every_kind_of_file(tmp_path: Path, painter: ThermalPainter, luma: str) -> None:
    make_all(tmp_path / "in")
    out = tmp_path / "out"
    options = thermal_options(luma=luma, preset="ultrafast", keep_raw=True, threads=1)
    report = colorize_thermal([tmp_path / "in"], out, model=painter, options=options)
    assert not report.failed
    assert report.ignored == 1
    entries = report_of(out)
    assert {Path(output_of(entry)).name for entry in entries.values()} == {
        "still.png", "run.mkv", "run.seq.mkv", "pages.mkv", "deep.mkv", "colours.mp4",
    }  # fmt: skip
    assert entries["colours.mp4"]["palette"] == "ironbow"
    assert entries["run.seq"]["frames"] == 4
    for entry in entries.values():
        if output_of(entry).endswith(".png"):
            continue
        with FilmSource(output_of(entry), threads=1) as film:
            assert (film.layout.width, film.layout.height, film.layout.pix_fmt) == (64, 48, "yuv420p")
            frames = [(float(frame.pts * film.layout.time_base), frame.luma_codes().copy()) for frame in film.frames()]
        assert len(frames) == entry["frames"]
        steps = [after - before for (before, _), (after, _) in pairwise(frames)]
        assert all(0.03 < step < 0.11 for step in steps)
        cold, hot = int(frames[0][1][4, 40]), int(frames[0][1][27, 6])
        assert (hot > cold) if luma == "thermal" else (hot < cold) if luma == "generated" else abs(hot - cold) < 30


def test_raw_values_and_temperatures_are_kept(tmp_path: Path, painter: ThermalPainter) -> None:
    make_all(tmp_path / "in")
    options = thermal_options(preset="ultrafast", keep_raw=True, temporal="off", threads=1)
    colorize_thermal([tmp_path / "in"], tmp_path / "out", model=painter, options=options)
    out = tmp_path / "out"
    kept = tifffile.imread(out / "run.seq.raw.tiff", key=slice(None))
    np.testing.assert_array_equal(kept, np.stack([scene(number) for number in range(4)]))
    np.testing.assert_array_equal(tifffile.imread(out / "still.raw.tiff"), scene())
    np.testing.assert_array_equal(tifffile.imread(out / "deep.raw.tiff", key=3), scene(3))
    with open_thermal(tmp_path / "in" / "still.jpg") as source:
        (frame,) = source.frames()
        assert frame.radiometry is not None
        truth = frame.radiometry.celsius(frame.raw)
    celsius = tifffile.imread(out / "still.celsius.tiff")
    assert celsius.dtype == np.float32
    np.testing.assert_array_equal(celsius, truth)
    assert not (out / "deep.celsius.tiff").exists()  # its file has no constants
    entries = report_of(out)
    assert entries["still.jpg"]["celsius"] == {
        "lowest": pytest.approx(float(truth.min()), abs=0.01),
        "highest": pytest.approx(float(truth.max()), abs=0.01),
    }
    assert "only a rendered picture" in str(entries["colours.mp4"]["warnings"])
    assert entries["colours.mp4"]["kept"] == {}


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path, painter: ThermalPainter) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a_cut.jpg").write_bytes(flir_jpeg(fff(scene()))[:900])
    colours = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(colours).save(folder / "b_photo.png")
    (folder / "c_good.jpg").write_bytes(flir_jpeg(fff(scene())))
    records = sequence(4)
    (folder / "d_hurt.seq").write_bytes(records[0] + records[1][:2000] + records[2] + records[3])
    report = colorize_thermal([folder, tmp_path / "gone"], tmp_path / "out", model=painter, options=FAST)
    assert [path.name for path, _ in report.failed] == ["gone", "a_cut.jpg", "b_photo.png"]
    assert "ordinary colour PNG" in report.failed[2][1]
    assert all("\n" not in reason for _, reason in report.failed)
    assert [path.name for path in report.written] == ["c_good.png", "d_hurt.mkv"]
    assert [(path.name, "record 1" in line) for path, line in report.warnings] == [("d_hurt.seq", True)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "c_good.png", "d_hurt.mkv", "rechroma-report.json",
    ]  # fmt: skip


def test_a_source_that_cannot_be_read_to_its_end_leaves_nothing(
    tmp_path: Path, painter: ThermalPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> str:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("restore.jobs.thermal.file_sha256", unreadable)
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    report = colorize_thermal([tmp_path / "a.jpg"], tmp_path / "out", model=painter, options=FAST)
    assert [(path.name, "Input/output error" in reason) for path, reason in report.failed] == [("a.jpg", True)]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rechroma-report.json"]


def test_finished_files_are_left_alone(tmp_path: Path, painter: ThermalPainter) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    (tmp_path / "b.jpg").write_bytes(flir_jpeg(fff(scene(2))))
    out = tmp_path / "out"
    colorize_thermal([tmp_path / "a.jpg"], out, model=painter, options=FAST)
    first = (out / "a.png").stat().st_mtime_ns
    again = colorize_thermal([tmp_path / "a.jpg", tmp_path / "b.jpg"], out, model=painter, options=FAST)
    assert ([path.name for path in again.skipped], [path.name for path in again.written]) == (["a.png"], ["b.png"])
    assert (out / "a.png").stat().st_mtime_ns == first
    assert set(report_of(out)) == {"a.jpg", "b.jpg"}
    done = colorize_thermal([tmp_path / "a.jpg"], out, model=painter, options=thermal_options(overwrite=True))
    assert [path.name for path in done.written] == ["a.png"]


def test_polarity_is_asked_or_told(tmp_path: Path, painter: ThermalPainter) -> None:
    """A black-hot picture, once told, gives what its white-hot original gives."""
    white = np.clip((scene() - 17000.0) / 12, 0, 255).astype(np.uint8)
    Image.fromarray(white).save(tmp_path / "white.png")
    Image.fromarray(255 - white).save(tmp_path / "black.png")
    results = {}
    reasons = {
        ("white", "white"): "white-hot, as asked",
        ("black", "black"): "black-hot, as asked",
        ("black", "auto"): "black-hot, by sky and small hot things in the picture",
    }
    for (name, polarity), reason in reasons.items():
        out = tmp_path / f"{name}_{polarity}"
        options = thermal_options(polarity=polarity, luma="thermal")
        report = colorize_thermal([tmp_path / f"{name}.png"], out, model=painter, options=options)
        results[name, polarity] = np.asarray(Image.open(out / f"{name}.png").convert("L")).astype(int)
        assert reason in report.files[0]["decisions"]
        assert report.files[0]["polarity"] == name
    for polarity in ("black", "auto"):
        assert np.abs(results["white", "white"] - results["black", polarity]).max() <= 2


def test_sound_of_a_recording_stays(tmp_path: Path, painter: ThermalPainter) -> None:
    source = write_film(tmp_path / "mute.mkv", [scene(number) for number in range(5)], codec="ffv1", pix_fmt="gray16le")
    loud = tmp_path / "loud.mkv"
    ffmpeg("-i", source, *tone(5), "-c:v", "copy", "-c:a", "flac", loud)
    out = tmp_path / "out.mkv"
    report = colorize_thermal([loud], out, model=painter, options=FAST)
    assert report.written == [out]
    assert (tmp_path / "out.mkv.json").exists()
    with FilmSource(out) as film:
        assert [stream.type for stream in film.container.streams] == ["video", "audio"]


def test_a_rotated_recording_is_seen_upright(tmp_path: Path) -> None:
    """The model sees it upright, and the result is stored as the source is, with the same note on how to turn it."""
    shapes = []

    class Watching(ToyTranslator):
        def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
            shapes.append(tuple(thermal.shape[2:]))
            return super().forward(thermal)

    gray = np.clip((scene(0, 64, 96) - 17000.0) / 12, 0, 255).astype(np.uint8)
    pictures = [np.dstack([gray] * 3)] * 3
    source = write_film(tmp_path / "turned.mp4", pictures, codec="libx264", pix_fmt="yuv420p", turned=True)
    painter = ThermalPainter(Watching(), name="toy", weights_sha256="0", device="cpu")
    colorize_thermal([source], tmp_path / "out.mp4", model=painter, options=FAST)
    assert set(shapes) == {(224, 160)}  # 96 x 64, twice as large, in a margin of 16, in multiples of 32
    with FilmSource(tmp_path / "out.mp4") as film, FilmSource(source) as before:
        assert film.layout.rotation == before.layout.rotation != 0
        assert (film.layout.width, film.layout.height) == (96, 64)
        made = next(film.frames()).luma_codes().astype(float)
    assert np.asarray(np.corrcoef(made.ravel(), gray.ravel()))[0, 1] < -0.95  # the toy's negative, in place


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "depth"), [("ffv1", None, 8), ("h264", "yuv420p10le", 10), ("prores", None, 10)]
)
def test_codecs(tmp_path: Path, painter: ThermalPainter, codec: str, pix_fmt: str | None, depth: int) -> None:
    (tmp_path / "run.seq").write_bytes(b"".join(sequence(3)))
    out = tmp_path / ("out.mov" if codec == "prores" else "out.mkv")
    options = thermal_options(codec=codec, pix_fmt=pix_fmt, luma="thermal", temporal="off", threads=1)
    colorize_thermal([tmp_path / "run.seq"], out, model=painter, options=options)
    with FilmSource(out) as film:
        assert film.layout.bit_depth == depth
        luma = next(film.frames()).luma_codes()
    scale = 1 << (depth - 8)
    assert 12 * scale < luma.min() < 60 * scale
    assert 200 * scale < luma.max() < 240 * scale


def test_a_colorizer_of_gray_pictures_works_too(tmp_path: Path, gray_painter: Colorizer) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    (tmp_path / "run.seq").write_bytes(b"".join(sequence(3)))
    colorize_thermal([tmp_path], tmp_path / "out", model=gray_painter, options=FAST)
    picture = Image.open(tmp_path / "out" / "a.png")
    assert np.ptp(np.asarray(picture).astype(int), axis=2).mean() > 3  # coloured
    assert is_marked(picture.text["XML:com.adobe.xmp"].encode())  # type: ignore[attr-defined]
    with pytest.raises(OptionError, match="makes no luma; use `luma` thermal"):
        colorize_thermal(
            [tmp_path / "a.jpg"], tmp_path / "out", model=gray_painter, options=thermal_options(luma="blend")
        )


def test_jpeg_stills_are_marked_too(tmp_path: Path, painter: ThermalPainter) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    colorize_thermal([tmp_path / "a.jpg"], tmp_path / "b.jpg", model=painter, options=FAST)
    assert b"compositeWithTrainedAlgorithmicMedia" in (tmp_path / "b.jpg").read_bytes()


def test_steady_pass_filters_generated_luma(tmp_path: Path) -> None:
    """A model that flickers: the strong pass takes most of it out of luma and chroma."""

    class Flickering(ToyTranslator):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
            luma, chroma = super().forward(thermal)
            signs = torch.tensor([(-1.0) ** (self.count + each) for each in range(len(thermal))])[:, None, None, None]
            self.count += len(thermal)
            return luma * 0.7 + 0.1 + 0.05 * signs, chroma + 0.03 * signs

    still = [scene()] * 12
    write_film(tmp_path / "still.mkv", still, codec="ffv1", pix_fmt="gray16le")
    flicker = {}
    for temporal in ("off", "strong"):
        out = tmp_path / f"{temporal}.mkv"
        painter = ThermalPainter(Flickering(), name="toy", weights_sha256="0", device="cpu", batch=2)
        options = thermal_options(temporal=temporal, codec="ffv1", threads=1)
        colorize_thermal([tmp_path / "still.mkv"], out, model=painter, options=options)
        with FilmSource(out) as film:
            lumas = [frame.luma_codes().astype(float) for frame in film.frames()]
        flicker[temporal] = np.mean([np.abs(after - before).mean() for before, after in pairwise(lumas)])
    assert flicker["strong"] < 0.4 * flicker["off"]


def test_wrong_places_and_names_are_refused(tmp_path: Path, painter: ThermalPainter) -> None:
    still, run = tmp_path / "a.jpg", tmp_path / "run.seq"
    still.write_bytes(flir_jpeg(fff(scene())))
    run.write_bytes(b"".join(sequence(2)))
    for source, out, told in ((run, "x.png", "is a recording"), (still, "x.mkv", "is a picture")):
        with pytest.raises(OutputError, match=told):
            colorize_thermal([source], tmp_path / out, model=painter, options=FAST)
    with pytest.raises(OutputError, match="one of the inputs"):
        colorize_thermal([still], still, model=painter, options=thermal_options(overwrite=True))
    (tmp_path / "x.png").touch()
    with pytest.raises(OutputError, match="use `overwrite`"):
        colorize_thermal([still], tmp_path / "x.png", model=painter, options=FAST)
    (tmp_path / "x.png").unlink()
    with pytest.raises(OutputError, match="give a folder"):
        colorize_thermal([still, run], tmp_path / "x.png", model=painter)
    with pytest.raises(InputError, match="there is no such file"):
        colorize_thermal([tmp_path / "gone"], tmp_path / "out", model=painter)
    with pytest.raises(OptionError, match="unknown polarity"):
        thermal_options(polarity="blue")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "run.seq"]


def test_a_single_result_looks_at_no_other_folder(
    tmp_path: Path, painter: ThermalPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result in the home folder took a walk through all of it."""
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    (tmp_path / "deep").mkdir()
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("walked"))
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scandir(path) if "deep" not in str(path) else pytest.fail("walked"))
    colorize_thermal([tmp_path / "a.jpg"], tmp_path / "b.png", model=painter, options=FAST)
    assert (tmp_path / "b.png").exists()


def test_a_missing_thermal_model_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.paint.thermal.SHIPPED", {"pix2pix": SHIPPED["pix2pix"]})
    with pytest.raises(ModelError, match="no thermal model is shipped with this version; use `model` pix2pix"):
        open_thermal_painter("thermal")


def test_the_network_sees_whole_pictures_in_their_own_size(painter: ThermalPainter) -> None:
    assert painter.prepare(np.zeros((512, 640), np.float32)).shape == (512, 640)
    assert painter.prepare(np.zeros((768, 1024), np.float32)).shape == (512, 684)
    assert painter.prepare(np.zeros((200, 240), np.float32)).shape == (200, 240)
    ((luma, chroma),) = painter.run([np.full((60, 80), 0.25, np.float32)])
    assert (luma.shape, chroma.shape) == ((60, 80), (2, 15, 20))
    assert float(luma.mean()) == pytest.approx(0.75, abs=0.01)


class Framing(ToyTranslator):
    """Draws a frame, as convolutions over zeros beyond the border do."""

    def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
        inside = torch.ones_like(thermal)
        blurred = torch.nn.functional.avg_pool2d(inside, 9, stride=1, padding=4)  # zeros count
        luma, chroma = super().forward(thermal)
        return luma + 1 - blurred, chroma + torch.nn.functional.avg_pool2d(1 - blurred, 4)


@pytest.mark.parametrize("shape", [(60, 80), (192, 256), (12, 16)])
def test_no_frame_around_the_picture(shape: tuple[int, int]) -> None:
    painter = ThermalPainter(Framing(), name="toy", weights_sha256="0", device="cpu")
    ((luma, chroma),) = painter.run([np.full(shape, 0.25, np.float32)])
    assert luma.shape == shape
    assert max(np.ptp(luma), np.ptp(chroma[0]), np.ptp(chroma[1])) < 1e-5


@pytest.mark.parametrize(
    ("sensor", "working_size", "seen"),
    [((60, 80), 192, (120, 160)), ((120, 160), 192, (192, 256)), ((60, 80), 96, (96, 128)), ((8, 400), 192, (16, 768))],
)
def test_tiny_sensors_are_seen_enlarged(sensor: tuple[int, int], working_size: int, seen: tuple[int, int]) -> None:
    painter = ThermalPainter(ToyTranslator(), name="toy", weights_sha256="0", device="cpu", working_size=working_size)
    steps = np.zeros(sensor, np.float32)
    steps[:, sensor[1] // 2 :] = 1
    prepared = painter.prepare(steps)
    assert prepared.shape == seen
    assert (prepared.min(), prepared.max()) == (0, 1)  # cubics overshoot
    assert len(np.unique(prepared)) > 2  # smoothly


def test_results_of_tiny_sensors_have_their_size(tmp_path: Path, painter: ThermalPainter) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene(0, 60, 80))))
    colorize_thermal([tmp_path / "a.jpg"], tmp_path / "out.png", model=painter)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (80, 60)
        made = np.asarray(picture.convert("L")).astype(float)
    assert np.asarray(np.corrcoef(made.ravel(), scene(0, 60, 80).ravel()))[0, 1] < -0.9  # the toy's negative, in place


def test_the_thermal_network_from_its_file(tmp_path: Path) -> None:
    """A narrow, untrained one: its luma and chroma are those of the network itself."""
    torch.manual_seed(2)
    sizes = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=8)
    network = ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=sizes).eval()
    path = tmp_path / "toy.safetensors"
    save_network(path, network.state_dict(), network="thermal", sizes=sizes)
    painter = open_thermal_painter(str(path), device="cpu", precision="fp32")
    assert painter.makes_luma
    seen = np.random.default_rng(0).random((64, 96), np.float32)
    assert isinstance(painter, ThermalPainter)
    ((luma, chroma),) = painter.run([seen])
    with torch.inference_mode():
        around = torch.from_numpy(np.pad(seen, 16, mode="reflect"))[None, None]
        expected_luma, expected_chroma = network(around)
    assert luma is not None
    np.testing.assert_allclose(luma, expected_luma[0, 0, 16:-16, 16:-16].numpy(), atol=0.01)  # weights are fp16
    expected_chroma = expected_chroma[0, :, 4:-4, 4:-4].clamp(-0.5, 0.5)
    np.testing.assert_allclose(chroma, expected_chroma.numpy(), atol=0.01)
    with pytest.raises(OptionError, match="engine onnx cannot run the thermal model; use torch"):
        open_thermal_painter(str(path), engine="onnx")


def seeing_light() -> ThermalPainter:
    """A narrow, untrained network that guesses a day, rather, and paints nights otherwise."""
    torch.manual_seed(2)
    sizes = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=8)
    network = ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=sizes).eval()
    with torch.no_grad():
        network.light.read.bias.fill_(0.76)
        network.light.turn.weight.normal_(std=2.0)
    return ThermalPainter(network, name="toy", weights_sha256="0", device="cpu", precision="fp32")


@pytest.mark.parametrize(("asked", "expected"), [("auto", 0.76), ("day", 1.0), ("night", -1.0)])
def test_a_file_is_painted_in_one_light(tmp_path: Path, asked: str, expected: float) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    (tmp_path / "b.seq").write_bytes(b"".join(sequence(4)))
    painter = seeing_light()
    told: list[float] = []

    class Watched(ThermalPainter):
        def run(self, lumas: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
            told.append(self.light or 0.0)
            return super().run(lumas)

    painter.__class__ = Watched
    options = change(FAST, light=asked)
    colorize_thermal([tmp_path / "a.jpg", tmp_path / "b.seq"], tmp_path / "out", model=painter, options=options)
    assert set(told) == {expected}
    assert painter.light is None  # the next file has its own
    for entry in report_of(tmp_path / "out").values():
        assert entry["light"] == expected
        why = "as asked" if asked != "auto" else "by day, guessed from its texture (0.76 of 1 sure)"
        assert why in str(entry["decisions"])


def test_the_light_shows() -> None:
    painter, seen = seeing_light(), np.random.default_rng(0).random((64, 96), np.float32)
    guess = painter.guess_light([seen])
    by_day, by_night, guessed = (painter.in_light(light).run([seen])[0][1] for light in (1, -1, guess))
    assert np.abs(by_day - by_night).max() > 0.01
    assert guess == pytest.approx(0.76)
    assert np.abs(guessed - by_day).max() < np.abs(guessed - by_night).max()


def test_light_is_guessed_alike_in_low_precision(shared_data: Path) -> None:
    """In bf16 this one would be taken for a day (0.46, not -0.06)."""
    pairs = read_pairs([shared_data / "thermal" / "dev.tar"])
    seen = next(pair.thermal for pair in pairs if pair.name == "roadscene_FLIR_00122").astype(np.float32)
    painters = [open_thermal_painter("thermal", device="cpu", precision=precision) for precision in ("fp32", "bf16")]
    full, low = (
        painter.guess_light([seen / np.float32(255)]) for painter in painters if isinstance(painter, ThermalPainter)
    )
    assert abs(full) < 0.5
    assert low == full


def test_a_light_that_the_model_does_not_know_is_refused(
    tmp_path: Path, painter: ThermalPainter, gray_painter: Colorizer
) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    for model in (painter, gray_painter):
        with pytest.raises(OptionError, match="knows no day and night; leave `light` night out"):
            colorize_thermal([tmp_path / "a.jpg"], tmp_path / "out", model=model, options=change(FAST, light="night"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError, match="unknown light 'dusk'; use auto, day, night"):
        thermal_options(light="dusk")
