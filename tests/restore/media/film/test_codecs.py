"""Which codec and format hold a film, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from restore.errors import EncoderError
from restore.media.film import codecs
from restore.media.film.codecs import CODECS, choose_codec, encoder_options, output_format, planar_formats
from restore.media.film.containers import CONTAINERS, Container
from restore.media.film.pixel_formats import PlanarFormat


@pytest.mark.parametrize(
    ("depth", "name"), [(8, "h264"), (9, "h264"), (10, "h264"), (12, "hevc"), (14, "ffv1"), (16, "ffv1")]
)
def test_default_codec_keeps_every_bit(depth: int, name: str) -> None:
    assert choose_codec(None, depth).name == name


def test_unknown_codec_lists_the_known() -> None:
    with pytest.raises(EncoderError, match=r"h264, hevc, av1, ffv1, prores"):
        choose_codec("divx", 8)


@pytest.mark.parametrize(
    ("codec", "source", "size", "expected"),
    [
        ("h264", "yuv420p", (64, 48), "yuv420p"),
        ("h264", "gray", (64, 48), "yuv420p"),
        ("h264", "gray10le", (64, 48), "yuv420p10le"),
        ("h264", "yuv422p10le", (64, 48), "yuv422p10le"),
        ("h264", "yuv420p", (65, 48), "yuv444p"),
        ("hevc", "yuv420p10le", (64, 49), "yuv444p10le"),
        ("hevc", "yuv422p", (64, 49), "yuv422p"),
        ("h264", "yuv411p", (64, 48), "yuv422p"),
        ("h264", "yuv410p", (64, 48), "yuv420p"),
        ("h264", "yuv420p9le", (64, 48), "yuv420p10le"),
        ("ffv1", "yuv420p", (65, 49), "yuv420p"),
        ("ffv1", "yuv411p", (65, 49), "yuv411p"),
        ("ffv1", "gray16le", (64, 48), "yuv420p16le"),
        ("av1", "yuv420p", (65, 49), "yuv420p"),
        ("prores", "yuv420p", (64, 48), "yuv422p10le"),
        ("prores", "yuv444p", (64, 48), "yuv444p10le"),
    ],
)
def test_format_keeps_depth_and_chroma(codec: str, source: str, size: tuple[int, int], expected: str) -> None:
    assert output_format(CODECS[codec], PlanarFormat.parse(source), *size).name == expected


@pytest.mark.parametrize(
    ("codec", "source", "pix_fmt", "says"),
    [
        ("h264", "yuv420p12le", None, "hevc or ffv1"),
        ("prores", "yuv422p12le", None, "10 bits"),
        ("av1", "yuv422p", None, "ffv1"),
        ("h264", "yuv420p10le", "yuv420p", "cut the luma"),
        ("h264", "yuv420p", "rgb24", "cannot write pixel format"),
        ("h264", "yuv420p", "gray", "cannot write pixel format"),
    ],
)
def test_impossible_formats_are_refused(codec: str, source: str, pix_fmt: str | None, says: str) -> None:
    with pytest.raises(EncoderError, match=says):
        output_format(CODECS[codec], PlanarFormat.parse(source), 64, 48, pix_fmt)


def test_odd_size_and_asked_format() -> None:
    with pytest.raises(EncoderError, match="odd size"):
        output_format(CODECS["h264"], PlanarFormat(8, (1, 1)), 65, 49, "yuv420p")


@pytest.mark.parametrize(
    ("codec", "crf", "preset", "says"),
    [
        ("h264", 60, None, "0 to 51"),
        ("h264", -1, None, "0 to 51"),
        ("hevc", None, "turbo", "ultrafast"),
        ("ffv1", 20, None, "no crf"),
        ("prores", None, "4444", "add pix_fmt yuv444p10le"),
    ],
)
def test_impossible_settings_are_refused(codec: str, crf: float | None, preset: str | None, says: str) -> None:
    with pytest.raises(EncoderError, match=says):
        encoder_options(CODECS[codec], crf, preset, PlanarFormat(8, (1, 1)))


def test_crf_zero_is_lossless() -> None:
    assert encoder_options(CODECS["h264"], 0, None, PlanarFormat(10, (1, 1)))["qp"] == "0"
    assert "lossless=1" in encoder_options(CODECS["hevc"], 0, None, PlanarFormat(10, (1, 1)))["x265-params"]


ENCODE_FOUR_FRAMES = """
import sys
from fractions import Fraction
import av
from restore.media.film.codecs import CODECS, encoder_options
from restore.media.film.pixel_formats import PlanarFormat

context = av.codec.Codec(CODECS["hevc"].encoder, "w").create("video")
context.width, context.height, context.pix_fmt, context.time_base = 96, 64, "yuv420p10le", Fraction(1, 25)
context.options = encoder_options(CODECS["hevc"], 18, "medium", PlanarFormat(10, (1, 1)))
with av.open(sys.argv[1]) as film:
    for index, frame in zip(range(4), film.decode(video=0)):
        small = frame.reformat(96, 64, "yuv420p10le")
        small.pts, small.time_base = index, context.time_base
        print(*(bytes(packet).hex() for packet in context.encode(small)))
print(*(bytes(packet).hex() for packet in context.encode(None)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc fills fresh memory on demand")
def test_hevc_does_not_hang_on_what_is_in_fresh_memory(shared_data: Path) -> None:
    results = set()
    for fill in ("1", "90", "255"):
        command = [sys.executable, "-c", ENCODE_FOUR_FRAMES, str(shared_data / "clips" / "davis_dog.mp4")]
        environment = {**os.environ, "MALLOC_PERTURB_": fill}
        results.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    (packets,) = results
    assert len(packets) > 1000


@pytest.mark.parametrize("name", ["h264", "hevc", "av1", "ffv1", "prores"])
def test_every_format_opens(name: str) -> None:
    layouts = planar_formats(CODECS[name])
    assert layouts
    for layout in layouts:
        context = av.codec.Codec(CODECS[name].encoder, "w").create("video")
        context.width, context.height, context.pix_fmt = 64, 64, layout.name
        context.time_base = Fraction(1, 25)
        context.options = encoder_options(
            CODECS[name], None, CODECS[name].presets[0] if name == "h264" else None, layout
        )
        context.open()
        assert context.is_open


def test_absent_nvenc_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver(*_: object) -> None:
        raise av.error.ExternalError(1, "no driver")

    monkeypatch.setattr(codecs, "open_small", no_driver)
    with pytest.raises(EncoderError, match="h264_nvenc cannot be used here"):
        codecs.check_opens(CODECS["h264_nvenc"])


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.muxer)
def test_containers_take_their_codecs(container: Container, tmp_path: Path) -> None:
    for codec in container.codecs:
        with av.open(str(tmp_path / "x"), "w", format=container.muxer) as output:
            assert output.add_stream(CODECS[codec].encoder, 25) in output.streams.video
