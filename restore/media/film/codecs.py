"""The video codecs that can be written: what each can hold, and its near-transparent settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from restore.errors import EncoderError
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name

X26_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
NVENC_PRESETS = tuple(f"p{step}" for step in range(1, 8))
SVT_PRESETS = tuple(str(step) for step in range(-1, 14))
AVX512_SKX = 256  # cv::CpuFeatures, not exported to Python
PRORES_PROFILES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")

Options = dict[str, str]


def x264_options(crf: float, preset: str) -> Options:
    # crf 0 is not lossless above 8 bits, qp 0 always is.
    options = {"preset": preset, **({"qp": "0"} if crf == 0 else {"crf": f"{crf:g}"})}
    if cv2.checkHardwareSupport(AVX512_SKX):
        # With AVX-512, x264's macroblock tree differs from run to run where rows are no multiple of 128 samples
        # (measured: 10 runs of 30 frames of 320x176 gave 6 or more files, and one file with AVX2).
        options["x264-params"] = "asm=AVX2"
    return options


def x265_options(crf: float, preset: str) -> Options:
    # x265 writes on the terminal by itself; a library must not. Where it looks for weighted prediction, x265 4.1 reads
    # memory that it never set, and small pictures differ from run to run. Without it a clip is 0.2 % larger, a clip
    # that fades to black all the time 1.8 %.
    params = "log-level=none:weightp=0"
    if crf == 0:
        return {"preset": preset, "x265-params": f"{params}:lossless=1"}
    return {"preset": preset, "crf": f"{crf:g}", "x265-params": params}


def svt_options(crf: float, preset: str) -> Options:
    os.environ.setdefault("SVT_LOG", "1")  # it writes on the terminal by itself; errors only
    return {"preset": preset, "crf": f"{crf:g}"}


def ffv1_options(_: float, __: str) -> Options:
    # Version 3 with a checksum a slice, as archives (and RFC 9043) ask for; gop 1 makes every frame stand alone.
    return {"level": "3", "coder": "1", "context": "1", "g": "1", "slicecrc": "1"}


def prores_options(_: float, preset: str) -> Options:
    return {"profile": preset, "vendor": "apl0"}


def nvenc_options(crf: float, preset: str) -> Options:
    if crf == 0:
        return {"preset": preset, "tune": "lossless"}
    return {"preset": preset, "tune": "hq", "rc": "vbr", "cq": f"{crf:g}", "b": "0"}


@dataclass(frozen=True)
class Encoding:
    """How to encode; None takes the near-transparent default."""

    codec: str | None = None
    """Key of :data:`CODECS`; None takes H.264, or what holds more bits."""

    crf: float | None = None
    """Constant quality; 0 is lossless for H.264, HEVC and NVENC."""

    preset: str | None = None
    pix_fmt: str | None = None
    """None keeps the source's depth and subsampling; gray becomes 4:2:0."""

    threads: int | None = None
    comment: str | None = None
    """Added to the file's comment tag."""

    allow_loss: bool = False
    """Leave out what the container cannot hold, with a warning, instead of refusing."""


@dataclass(frozen=True)
class VideoCodec:
    """One that a user can choose by name."""

    name: str
    encoder: str
    """FFmpeg's encoder."""

    options: Callable[[float, str], Options]
    """From crf and preset to the encoder's own options."""

    crf: float | None
    """Near-transparent default; None where there is nothing to choose."""

    highest_crf: float
    preset: str | None
    """Default."""

    presets: tuple[str, ...]
    depths: tuple[int, ...] = ()
    """Bit depths of the encoder's semi-planar formats, for those that list no planar one."""

    chroma_must_fit: bool = True
    """Subsampled chroma needs an even number of luma samples (by the codec's specification)."""


CODECS = {
    codec.name: codec
    for codec in (
        VideoCodec("h264", "libx264", x264_options, 16, 51, "medium", X26_PRESETS),
        VideoCodec("hevc", "libx265", x265_options, 18, 51, "medium", X26_PRESETS),
        VideoCodec("av1", "libsvtav1", svt_options, 22, 63, "6", SVT_PRESETS, chroma_must_fit=False),
        VideoCodec("ffv1", "ffv1", ffv1_options, None, 0, None, (), chroma_must_fit=False),
        VideoCodec("prores", "prores_ks", prores_options, None, 0, "hq", PRORES_PROFILES, chroma_must_fit=False),
        VideoCodec("h264_nvenc", "h264_nvenc", nvenc_options, 19, 51, "p6", NVENC_PRESETS),
        VideoCodec("hevc_nvenc", "hevc_nvenc", nvenc_options, 21, 51, "p6", NVENC_PRESETS, depths=(10,)),
        VideoCodec("av1_nvenc", "av1_nvenc", nvenc_options, 24, 63, "p6", NVENC_PRESETS, depths=(10,)),
    )
}
SEMI_PLANAR = {"yuv420p10le": "p010le"}  # what NVENC takes instead; the samples are the same, shifted


def codec_named(name: str) -> VideoCodec:
    """Returns the codec of a name. Raises ``EncoderError`` for an unknown one, or an encoder that is not built in."""
    if name not in CODECS:
        raise EncoderError(f"unknown codec {name!r}; known are {', '.join(CODECS)}")
    codec = CODECS[name]
    try:
        Codec(codec.encoder, "w")
    except UnknownCodecError as error:
        message = f"this FFmpeg was built without {codec.encoder}; choose another codec than {name}"
        raise EncoderError(message) from error
    return codec


def choose_codec(requested: str | None, bit_depth: int) -> VideoCodec:
    """Returns the codec asked for, or the most common that keeps every bit: H.264, HEVC above 10 and FFV1 above 12."""
    if requested is not None:
        return codec_named(requested)
    return codec_named(next((name for name in ("h264", "hevc") if holds_depth(codec_named(name), bit_depth)), "ffv1"))


def planar_formats(codec: VideoCodec) -> list[PlanarFormat]:
    """Returns every planar format with chroma that the encoder takes."""
    names = [listed.name for listed in Codec(codec.encoder, "w").video_formats or []]
    formats = [PlanarFormat.parse(name) for name in names if is_planar_name(name) and not name.startswith("yuvj")]
    if codec.name.endswith("_nvenc"):  # takes 10 bits only semi-planar, and wide planes only at 16 bits
        formats = [planar for planar in formats if planar.bit_depth == 8]
        formats += [PlanarFormat(depth, (1, 1)) for depth in codec.depths]
    return [planar for planar in formats if not planar.gray]


def output_format(
    codec: VideoCodec, source: PlanarFormat, width: int, height: int, pix_fmt: str | None = None
) -> PlanarFormat:
    """Returns the encoder's format that keeps all luma and no less chroma than the source has, at the least size.

    Raises ``EncoderError`` where the codec, or the format asked for, cannot hold the picture.
    """
    formats = planar_formats(codec)
    deepest = max(planar.bit_depth for planar in formats)
    if source.bit_depth > deepest:
        others = " or ".join(name for name, other in CODECS.items() if holds_depth(other, source.bit_depth))
        raise EncoderError(
            f"{codec.name} holds {deepest} bits and the film has {source.bit_depth}; choose codec {others}"
        )
    if pix_fmt is not None:
        return requested_format(codec, formats, source, width, height, pix_fmt)
    across, down = source.subsampling
    able = [
        planar
        for planar in formats
        if planar.bit_depth >= source.bit_depth and planar.subsampling[0] <= across and planar.subsampling[1] <= down
    ]
    fitting = [planar for planar in able if fits(codec, planar, width, height)]
    if not fitting:
        shape = f"{width}x{height} at {source.bit_depth} bits"
        raise EncoderError(f"{codec.name} cannot hold {source.name} of {shape}; choose codec ffv1")
    if fitting != able and source.subsampling == (1, 1):  # an odd size: full chroma is what players know besides 4:2:0
        fitting = [planar for planar in fitting if planar.subsampling in ((1, 1), (0, 0))] or fitting
    return min(fitting, key=lambda planar: (planar.bit_depth, -sum(planar.subsampling)))


def requested_format(
    codec: VideoCodec, formats: list[PlanarFormat], source: PlanarFormat, width: int, height: int, pix_fmt: str
) -> PlanarFormat:
    names = sorted(planar.name for planar in formats)
    if pix_fmt not in names:
        raise EncoderError(f"{codec.name} cannot write pixel format {pix_fmt!r}; it can {', '.join(names)}")
    planar = PlanarFormat.parse(pix_fmt)
    if planar.bit_depth < source.bit_depth:
        raise EncoderError(
            f"{pix_fmt} would cut the luma from {source.bit_depth} to {planar.bit_depth} bits; "
            f"choose a format of {source.bit_depth} bits or more"
        )
    if not fits(codec, planar, width, height):
        raise EncoderError(f"{codec.name} cannot write {pix_fmt} at the odd size {width}x{height}; leave pix_fmt out")
    return planar


def holds_depth(codec: VideoCodec, bit_depth: int) -> bool:
    try:
        return any(planar.bit_depth >= bit_depth for planar in planar_formats(codec))
    except UnknownCodecError:
        return False


def fits(codec: VideoCodec, planar: PlanarFormat, width: int, height: int) -> bool:
    across, down = planar.subsampling
    return not codec.chroma_must_fit or (width % (1 << across) == 0 and height % (1 << down) == 0)


def encoder_options(codec: VideoCodec, crf: float | None, preset: str | None, planar: PlanarFormat) -> Options:
    """Returns the encoder's options for a crf and preset, or the defaults.

    Raises ``EncoderError`` for a value that the codec does not have.
    """
    if crf is not None and codec.crf is None and crf != 0:
        raise EncoderError(f"{codec.name} has no crf; leave it out")
    if crf is not None and not 0 <= crf <= codec.highest_crf:
        raise EncoderError(f"crf {crf:g} is outside of {codec.name}'s 0 to {codec.highest_crf:g}")
    if preset is not None and preset not in codec.presets:
        known = ", ".join(codec.presets) or "none"
        raise EncoderError(f"{codec.name} has no preset {preset!r}; it has {known}")
    chosen = preset or codec.preset or ""
    if codec.name == "prores":
        is_wide = planar.subsampling == (0, 0)
        chosen = "4444" if is_wide and preset is None else chosen
        if is_wide != chosen.startswith("4444"):
            wide = "yuv422p10le" if is_wide else "yuv444p10le"
            raise EncoderError(f"ProRes {chosen} does not hold {planar.name}; add pix_fmt {wide}")
    return codec.options(crf if crf is not None else codec.crf or 0, chosen)


def encoder_pix_fmt(codec: VideoCodec, planar: PlanarFormat) -> str:
    """Returns what the encoder itself is fed; PyAV converts to it, which changes no sample."""
    return SEMI_PLANAR.get(planar.name, planar.name) if codec.name.endswith("_nvenc") else planar.name


def check_opens(codec: VideoCodec) -> None:
    """Opens the encoder once on a small picture. Raises ``EncoderError`` where its device or driver is absent."""
    try:
        open_small(codec)
    except av.error.FFmpegError as error:
        raise EncoderError(f"{codec.name} cannot be used here ({error.strerror}); choose codec h264") from error


def open_small(codec: VideoCodec) -> None:
    context = Codec(codec.encoder, "w").create("video")
    context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.open()
