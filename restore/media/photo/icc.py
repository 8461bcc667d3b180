"""ICC profiles: an RGB profile that renders neutrals as a gray one did, and CMYK to sRGB.

Layout after ICC.1:2001-04 (version 2) and ICC.1:2022 (version 4): a header of 128 bytes, a table of tags, their data.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np

from restore.media.photo.photo import Codes, full_scale

HEADER_SIZE = 128
CURVE_POINTS = 1024
DATE = slice(24, 36)
DESCRIPTION = "Gray tone curve with sRGB primaries"


def colour_space(profile: bytes) -> str:
    """Returns ``RGB``, ``GRAY``, ``CMYK``...; nothing where this is no profile."""
    if len(profile) < HEADER_SIZE + 4 or profile[36:40] != b"acsp":
        return ""
    return profile[16:20].decode("ascii", "replace").strip()


def tags(profile: bytes) -> dict[bytes, bytes]:
    """Returns data by signature. Raises ``ValueError`` where the table points outside of the profile."""
    try:
        (count,) = struct.unpack_from(">I", profile, HEADER_SIZE)
        entries = [struct.unpack_from(">4sII", profile, HEADER_SIZE + 4 + 12 * i) for i in range(min(count, 1000))]
    except struct.error as error:
        raise ValueError("the ICC profile is cut off") from error
    if any(start + size > len(profile) for _, start, size in entries):
        raise ValueError("the ICC profile is cut off")
    return {signature: profile[start : start + size] for signature, start, size in entries}


def gray_to_rgb_profile(gray: bytes) -> bytes:
    """Returns the profile of an RGB display with sRGB's primaries, whose neutrals look as those of ``gray`` do.

    It is LittleCMS's sRGB profile (version 4) with the tone curve of ``gray`` in place of its own.
    Raises ``ValueError`` where the profile is no gray one, is broken, or has no tone curve.
    """
    if colour_space(gray) != "GRAY":
        raise ValueError("this is no gray ICC profile")
    curve = tags(gray).get(b"kTRC", b"")
    if curve[:4] not in (b"curv", b"para"):
        raise ValueError("the gray ICC profile has no tone curve")
    if gray[20:23] == b"Lab":  # its curve gives L*, where an RGB profile's gives luminance
        curve = luminance_curve(gray)
    template = bytes(imagecodecs.cms_profile("srgb"))
    header = bytearray(template[:HEADER_SIZE])
    header[DATE] = gray[DATE]  # the template's is today
    return assemble(
        bytes(header),
        tags(template) | {b"desc": text_tag(DESCRIPTION)} | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    )


def luminance_curve(gray: bytes) -> bytes:
    """Returns a gray profile's tone curve as a table of luminance. Raises ``ValueError``."""
    ramp = np.rint(np.linspace(0, 65535, CURVE_POINTS)).astype(np.uint16)[None]
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    try:
        codes = imagecodecs.cms_transform(ramp, gray, linear, colorspace="gray", outcolorspace="gray")
    except imagecodecs.CmsError as error:
        raise ValueError("the tone curve of the ICC profile is broken") from error
    return curve_tag(np.ravel(codes))


def assemble(header: bytes, body: dict[bytes, bytes]) -> bytes:
    """Returns a profile of a header and tags, of which those with equal data share it."""
    table, data, starts = b"", b"", dict[bytes, int]()
    first = HEADER_SIZE + 4 + 12 * len(body)
    for signature, content in body.items():
        if content not in starts:
            starts[content] = first + len(data)
            data += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", signature, starts[content], len(content))
    size = struct.pack(">I", first + len(data))
    return size + header[4:] + struct.pack(">I", len(body)) + table + data


def curve_tag(codes: Codes) -> bytes:
    """Returns a table of 16-bit codes as a tone curve."""
    return b"curv\0\0\0\0" + struct.pack(">I", len(codes)) + codes.astype(">u2").tobytes()


def text_tag(text: str) -> bytes:
    """Returns a text in English, as version 4 has it."""
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def rgb_profile_for(profile: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """Returns what an RGB file has in a source profile's place, and lines about what was lost.

    RGB stays as it is, gray becomes RGB with its tone curve, CMYK is gone because the pixels are sRGB now.
    """
    if profile is None:
        return None, ()
    space = colour_space(profile)
    if space == "GRAY":
        try:
            return gray_to_rgb_profile(profile), ()
        except ValueError as error:
            return None, (f"{error}; it is left out, and the picture counts as sRGB",)
    if space in ("CMYK", "LAB"):
        return None, ()
    if space != "RGB":
        return profile, ("the ICC profile is broken; it is copied as it is",)
    return profile, ()


def srgb_from_cmyk(cmyk: Codes, profile: bytes | None) -> Codes:
    """Turns ``H x W x 4`` ink amounts (0 is none) to sRGB codes ``H x W x 3`` of the same depth.

    Through the profile where there is a usable one, else plainly: RGB = (1 - CMY) (1 - K).
    """
    if profile is not None and colour_space(profile) == "CMYK":
        try:
            converted: Codes = imagecodecs.cms_transform(
                np.ascontiguousarray(cmyk),
                profile,
                imagecodecs.cms_profile("srgb"),
                colorspace="cmyk",
                outcolorspace="rgb",
            )
        except imagecodecs.CmsError:
            pass
        else:
            return converted
    white = full_scale(cmyk)
    light = white - cmyk.astype(np.uint32)
    plain: Codes = ((light[..., :3] * light[..., 3:] + white // 2) // white).astype(cmyk.dtype)
    return plain
