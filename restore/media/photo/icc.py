"""ICC profiles: an RGB profile that renders neutrals as a gray one did, and CMYK to sRGB.

Layout after ICC.1:2001-04 (version 2) and ICC.1:2022 (version 4): a header of 128 bytes, a table of tags, their data.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from restore.media.photo.photo import Codes, full_scale

__all__ = ["colour_space", "gray_to_rgb_profile", "rgb_profile_for", "srgb_from_cmyk", "tags"]

HEADER_SIZE = 128
CURVE_POINTS = 1024
# Colorants of sRGB adapted to D50 by Bradford, as in the profiles of HP and the ICC.
SRGB_COLORANTS = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
D50 = (0.9642, 1.0, 0.8249)
DESCRIPTION = "Gray tone curve with sRGB primaries"


def colour_space(profile: bytes) -> str:
    """``RGB``, ``GRAY``, ``CMYK``...; empty where this is no profile."""
    if len(profile) < HEADER_SIZE + 4 or profile[36:40] != b"acsp":
        return ""
    return profile[16:20].decode("ascii", "replace").strip()


def tags(profile: bytes) -> dict[bytes, bytes]:
    """Signature to data. Raises ``ValueError`` where the table points outside of the profile."""
    try:
        (count,) = struct.unpack_from(">I", profile, HEADER_SIZE)
        entries = [struct.unpack_from(">4sII", profile, HEADER_SIZE + 4 + 12 * i) for i in range(min(count, 1000))]
    except struct.error as error:
        raise ValueError("the ICC profile is cut off") from error
    if any(start + size > len(profile) for _, start, size in entries):
        raise ValueError("the ICC profile is cut off")
    return {signature: profile[start : start + size] for signature, start, size in entries}


def gray_to_rgb_profile(gray: bytes) -> bytes:
    """A profile of an RGB display with sRGB's primaries, whose neutrals look as ``gray``'s do.

    Raises ``ValueError`` where the profile is no gray one, is broken, or has no tone curve.
    """
    if colour_space(gray) != "GRAY":
        raise ValueError("this is no gray ICC profile")
    found = tags(gray)
    curve = found.get(b"kTRC")
    if curve is None or curve[:4] not in (b"curv", b"para"):
        raise ValueError("the gray ICC profile has no tone curve")
    if gray[20:23] == b"Lab":  # its curve gives L*, where an RGB profile's gives luminance
        curve = curve_tag(luminance_from_lightness(sample_curve(curve)))
    version = 4 if gray[8] >= 4 or curve[:4] == b"para" else 2
    body: dict[bytes, bytes] = {
        b"desc": text_tag(DESCRIPTION, version, b"desc"),
        b"cprt": text_tag("No copyright, use freely", version, b"text"),
        b"wtpt": found.get(b"wtpt", xyz_tag(D50)) if version == 2 else xyz_tag(D50),
        **{signature: xyz_tag(colorant) for signature, colorant in SRGB_COLORANTS.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    header = bytearray(gray[:HEADER_SIZE])
    header[4:8] = bytes(4)
    header[8:12] = bytes([version, 0x40 if version == 2 else 0x20, 0, 0])
    header[12:24] = b"mntrRGB XYZ "
    header[48:56] = bytes(8)  # no longer that device
    header[84:100] = bytes(16)  # and no longer that checksum
    return assemble(bytes(header), body)


def assemble(header: bytes, body: dict[bytes, bytes]) -> bytes:
    """Header, table and data; tags with equal data share it."""
    table, data, starts = b"", b"", dict[bytes, int]()
    first = HEADER_SIZE + 4 + 12 * len(body)
    for signature, content in body.items():
        if content not in starts:
            starts[content] = first + len(data)
            data += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", signature, starts[content], len(content))
    size = struct.pack(">I", first + len(data))
    return size + header[4:] + struct.pack(">I", len(body)) + table + data


def xyz_tag(xyz: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in xyz))


def curve_tag(samples: NDArray[np.float64]) -> bytes:
    codes = np.rint(np.clip(samples, 0, 1) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(codes)) + codes.tobytes()


def text_tag(text: str, version: int, kind: bytes) -> bytes:
    """``desc`` or ``text`` of version 2; ``mluc`` of version 4."""
    if version == 4:
        encoded = text.encode("utf-16-be")
        return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded
    encoded = text.encode("ascii") + b"\0"
    if kind == b"text":
        return b"text\0\0\0\0" + encoded
    return b"desc\0\0\0\0" + struct.pack(">I", len(encoded)) + encoded + bytes(4 + 4 + 2 + 1 + 67)


def sample_curve(curve: bytes) -> NDArray[np.float64]:
    """A ``curv`` or ``para`` tag at ``CURVE_POINTS`` places from 0 to 1. Raises ``ValueError``."""
    places = np.linspace(0, 1, CURVE_POINTS)
    try:
        if curve[:4] == b"curv":
            (count,) = struct.unpack_from(">I", curve, 8)
            if count == 0:
                return places
            values = np.frombuffer(curve, ">u2", count, 12)
            return (
                places ** (values[0] / 256)
                if count == 1
                else np.interp(places, np.linspace(0, 1, count), values / 65535)
            )
        (function,) = struct.unpack_from(">H", curve, 8)
        parameters = np.frombuffer(curve, ">i4", (1, 3, 4, 5, 7)[function], 12) / 65536
    except (struct.error, ValueError, IndexError) as error:
        raise ValueError("the tone curve of the ICC profile is broken") from error
    return parametric(places, function, [float(value) for value in parameters])


def parametric(places: NDArray[np.float64], function: int, parameters: list[float]) -> NDArray[np.float64]:
    """Section 10.18 of ICC.1:2022, functions 0 to 4."""
    gamma, a, b = (*parameters, 1.0, 0.0)[:3] if function == 0 else parameters[:3]
    power = np.maximum(a * places + b, 0) ** gamma
    if function == 0:
        return power
    if function in (1, 2):
        offset = parameters[3] if function == 2 else 0.0
        return np.where(places >= -b / a, power + offset, offset)
    c, d = parameters[3:5]
    e, f = parameters[5:7] if function == 4 else (0.0, 0.0)
    return np.where(places >= d, power + e, c * places + f)


def luminance_from_lightness(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """L* / 100 to Y, both in [0, 1] (CIE 15)."""
    level = (100 * lightness + 16) / 116
    return np.where(level > 6 / 29, level**3, (level - 4 / 29) * 3 * (6 / 29) ** 2)


def rgb_profile_for(profile: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """What an RGB file has in a source profile's place, and lines about what was lost.

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
    """``H x W x 4`` ink amounts (0 is none) to sRGB codes ``H x W x 3`` of the same depth.

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
