"""Users' own ONNX colorizers: exports of our networks come back with the same chroma, and faults are one clear line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.colour import FloatArray, chroma_from_rgb, luma_from_rgb, rgb_from_luma_chroma
from restore.errors import ModelError, OptionError, OutputError
from restore.paint.engines.export import save_as_onnx
from restore.paint.engines.lab import chroma_from_ab, lightness_from_luma
from restore.paint.network import Colorizer
from tests.restore.paint.engines.conftest import SaveModel
from tests.tools import run

OURS = """
multiple_of = 32
[input]
kind = "luma"
[output]
kind = "CbCr"
stride = 4
"""
LAB = """
name = "lab"
multiple_of = 32
[input]
kind = "L"
range = [-50, 50]
channels = 3
[output]
kind = "ab"
scale = 110
stride = 4
"""
FIXED = OURS.replace("[input]", "[input]\nsize = [64, 96]")


def coloured(model: Path | str, luma: FloatArray, engine: str = "auto") -> FloatArray:
    """Pictures ``B x 1 x H x W``, small enough to be seen as they are."""
    colorizer = Colorizer(str(model), engine=engine, device="cpu", precision="fp32")
    return np.stack(colorizer.predict([picture[0] for picture in luma]))


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_an_export_of_ours_gives_the_chroma_of_torch(
    toy_model: Path, luma: FloatArray, tmp_path: Path, engine: str
) -> None:
    path = tmp_path / "x.onnx"
    save_as_onnx(str(toy_model), path)
    np.testing.assert_allclose(coloured(path, luma, engine), coloured(toy_model, luma, "torch"), atol=1e-3)
    odd = np.random.default_rng(2).random((50, 70), np.float32)
    ours, theirs = (
        Colorizer(str(model), engine=engine, device="cpu", precision="fp32")(odd) for model in (path, toy_model)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    with pytest.raises(OutputError, match="exists"):
        save_as_onnx(str(toy_model), path)
    with pytest.raises(OptionError, match="ONNX already"):
        save_as_onnx(str(path), tmp_path / "y.onnx")


def from_lightness(seen: Tensor) -> Tensor:
    """Luma back from L in [-50, 50] in three equal channels: the inverse of what the TOML above asks for."""
    root = (seen.mean(dim=1, keepdim=True) + 50 + 16) / 116
    linear = torch.where(root > 0.2068966, root**3, (root - 16 / 116) / 7.787)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear)


def test_a_model_that_reads_lightness_and_answers_in_ab(
    save_own: SaveModel, luma: FloatArray, true_chroma: FloatArray
) -> None:
    """The toy's answer taken as ab / 110 by a wrapper whose input is L: the chroma of those ab at the cells' luma."""
    ours = coloured(save_own(LAB, channels=3, before=from_lightness), luma)
    cells = F.avg_pool2d(torch.from_numpy(luma), 4).numpy()[:, 0]
    expected = [chroma_from_ab(cell, 110 * answer) for cell, answer in zip(cells, true_chroma, strict=True)]
    np.testing.assert_allclose(ours, np.clip(np.stack(expected), -0.5, 0.5), atol=1e-3)
    assert np.abs(lightness_from_luma(cells) - 100 * cells).max() > 2  # L is not luma: confusing them would show
    assert np.abs(ours - true_chroma).max() > 0.01


def test_neutral_scale_and_matrix(save_own: SaveModel, luma: FloatArray, true_chroma: FloatArray) -> None:
    """CbCr of BT.709 as codes around 128: as a colour, the same as the toy's answer read as BT.709."""
    toml = OURS.replace("stride = 4", 'stride = 4\nneutral = 128\nscale = 0.00390625\nmatrix = "BT.709"')
    ours = coloured(save_own(toml, after=lambda chroma: chroma * 256 + 128), luma)
    cb, cr = true_chroma[0]
    red, blue = 1.5748 * cr, 1.8556 * cb  # BT.709: R - Y and B - Y
    rgb = np.stack([red, -(0.2126 * red + 0.0722 * blue) / 0.7152, blue], axis=-1)
    np.testing.assert_allclose(ours[0], np.clip(chroma_from_rgb(rgb), -0.5, 0.5), atol=1e-3)


def test_a_model_of_one_size_sees_every_picture_stretched_to_it(save_own: SaveModel) -> None:
    colorizer = Colorizer(str(save_own(FIXED)), device="cpu")
    assert colorizer.prepare(np.zeros((480, 360), np.float32)).shape == (64, 96)
    assert colorizer(np.zeros((480, 360), np.float32)).shape == (2, 16, 24)
    with pytest.raises(OptionError, match="one size only"):
        Colorizer(str(save_own(FIXED)), device="cpu", working_size=128)


def test_a_film_and_photos_by_a_users_model(save_own: SaveModel, gray_film: Path, tmp_path: Path) -> None:
    model, target = save_own(OURS), tmp_path / "out.mkv"
    assert run("video", gray_film, "-o", target, "--model", model, "--codec", "ffv1") == 0
    report = json.loads(target.with_name("out.mkv.json").read_text(encoding="utf-8"))
    assert report["model"]["name"] == "own"
    assert report["model"]["weights_sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (None, r"needs own\.toml beside it"),
        ("kind = ", "is not TOML"),
        ("[input]\nkind = 'luma'\n", r"output\.kind is missing"),
        (OURS.replace("luma", "rgb"), r"input\.kind is luma or L, not 'rgb'"),
        (OURS + "strid = 4", r"unknown key output\.strid"),
        (OURS.replace("stride = 4", "stride = 0"), r"output\.stride is at least 1"),
        (OURS.replace("stride = 4", "stride = 4.5"), r"output\.stride is a whole number"),
        (OURS.replace("stride = 4", "stride = true"), r"output\.stride is a whole number"),
        (OURS.replace("stride = 4", "stride = 4\nscale = inf"), r"output\.scale is a finite number"),
        (OURS.replace("[input]", "[input]\nchannels = 2"), r"input\.channels is 1 or 3"),
        (OURS.replace("[input]", "[input]\nrange = [1, 1]"), "same value"),
        (OURS.replace("[input]", "[input]\nsize = [64]"), "list of two"),
        (OURS.replace("[input]", "[input]\nsize = [62, 64]"), r"no multiple of output\.stride"),
        ("input = 3\n" + OURS.replace("[input]\nkind = \"luma\"", ""), "input is a table"),
        (OURS.replace("stride = 4", "stride = 2"), r"answers 1 x 2 x 16 x 16; .* 1 x 2 x 32 x 32"),
        (OURS.replace("[input]", "[input]\nchannels = 3"), "shown 1 x 3 x 64 x 64: OpenVINO cannot run"),
    ],
)  # fmt: skip
def test_a_toml_that_does_not_fit_is_one_line(save_own: SaveModel, toml: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Colorizer(str(save_own(toml)), device="cpu")
    assert "\n" not in str(caught.value)


def test_values_that_are_not_finite_are_refused(save_own: SaveModel) -> None:
    with pytest.raises(ModelError, match="not finite"):
        Colorizer(str(save_own(OURS, after=lambda chroma: chroma / (chroma - chroma))), device="cpu")


def test_a_file_that_is_absent_or_no_graph(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx cannot be read"):
        Colorizer(str(tmp_path / "absent.onnx"))
    (tmp_path / "noise.onnx").write_bytes(b"\x00 no graph")
    (tmp_path / "noise.toml").write_text(OURS, encoding="utf-8")
    for engine in ("openvino", "onnx"):
        with pytest.raises(ModelError, match="cannot read this graph"):
            Colorizer(str(tmp_path / "noise.onnx"), engine=engine)


def test_luma_is_exactly_kept_whatever_the_model_answers(save_own: SaveModel, luma: FloatArray) -> None:
    chroma = coloured(save_own(LAB, channels=3, before=from_lightness), luma)[0]
    cells = F.avg_pool2d(torch.from_numpy(luma), 4).numpy()[0, 0]
    np.testing.assert_allclose(luma_from_rgb(rgb_from_luma_chroma(cells, chroma)), cells, atol=1e-5)
