"""Single pictures: DJI's R-JPEG, 16-bit PNG, and pictures that a camera has rendered in gray or false colour."""

from __future__ import annotations

import io
import warnings
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import IFD, Base

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.jpeg_segments import Segment, read_frame
from restore.media.photo.photo import check_size
from restore.media.thermal.palette_inverse import invert_palette
from restore.media.thermal.palettes import is_gray, off_palette_share, recognise_palette
from restore.media.thermal.source import StillSource, ThermalFrame

APP3 = 0xE3
MAKERS_FACTS = (Base.Make, Base.Model, Base.Software, Base.DateTime, Base.ImageDescription)
KNOWN_SENSORS = ((640, 512), (1280, 1024), (640, 480), (336, 256), (320, 256), (160, 120))
GRAY_MODES = {"1": 8, "L": 8, "LA": 8, "I;16": 16, "I;16B": 16, "I;16L": 16, "I;16N": 16, "I": 16}
OFF_PALETTE = 0.02
LOST = "of a {} without its thermal record, which editors and messengers leave out"


def read_camera_facts(data: bytes) -> dict[str, Any]:
    """Returns what EXIF says of camera and time; empty where there is none, or a broken one."""
    facts: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as picture:
                exif = picture.getexif()
                taken = exif.get_ifd(IFD.Exif).get(Base.DateTimeOriginal)
                values = {Base(tag).name: exif.get(tag) for tag in MAKERS_FACTS} | {"DateTimeOriginal": taken}
        except Exception:  # Pillow's reader of EXIF raises whatever broken tags make it stumble over
            return facts
    for name, value in values.items():
        text = value.strip("\0 ") if isinstance(value, str) else ""
        if text and text.isprintable():
            facts[name] = text
    return facts


def thermal_camera(facts: dict[str, Any], *, is_thermal: bool = False) -> str:
    """Returns the camera, if it is one that writes a thermal record beside the picture; else nothing.

    DJI makes others too, so it counts where the picture ``is_thermal`` or is said to be.
    """
    make, model = (str(facts.get(key, "")) for key in ("Make", "Model"))
    is_thermal = is_thermal or stated_polarity(facts) is not None
    return (model or make) if "flir" in make.lower() or ("dji" in make.lower() and is_thermal) else ""


def stated_polarity(facts: dict[str, Any]) -> str | None:
    """Returns the polarity that DJI writes into the description."""
    description = str(facts.get("ImageDescription", "")).replace(" ", "").lower()
    return {"whitehot": "white", "blackhot": "black"}.get(description)


def open_dji_jpeg(path: Path, parts: list[Segment], facts: dict[str, Any]) -> StillSource | None:
    """Opens DJI's R-JPEG: counts of 16 bits, little-endian, in APP3 segments. Returns None for another JPEG.

    DJI publishes no constants, only a closed library, so there are no temperatures.
    """
    content = b"".join(part.payload for part in parts if part.marker == APP3)
    if not content or "dji" not in str(facts.get("Make", "")).lower():
        return None
    preview = read_frame(parts)
    width, height = sensor_size(len(content) // 2, preview.width, preview.height)
    check_size(width, height)
    raw = np.frombuffer(content, "<u2", width * height).reshape(height, width).astype(np.uint16)
    return StillSource(
        path, "DJI R-JPEG", raw.shape, 16, frame=ThermalFrame(raw), polarity="white", metadata=facts,
        decisions=["no temperatures: DJI keeps the constants of its sensors to itself"],
    )  # fmt: skip


def sensor_size(values: int, width: int, height: int) -> tuple[int, int]:
    """Returns width and height for so many values: of the preview's shape, or of a known sensor's."""
    shaped = isqrt(values * width // height) if height else 0
    for known in ((shaped, values // shaped if shaped else 0), *KNOWN_SENSORS):
        if known[0] * known[1] == values and known[0] > 1:
            return known
    raise DamagedMediaError(
        f"DJI's thermal record has {values} values, which no sensor has; the file is cut or changed"
    )


def open_rendered(path: Path, data: bytes, facts: dict[str, Any], palette: str) -> StillSource:
    """Opens gray pictures of 8 to 16 bits and false-colour ones. ``palette`` is ``auto``, ``gray`` or a palette's name.

    Raises ``InputError`` for an ordinary colour picture, ``DamagedMediaError`` for a broken one.
    """
    picture, kind = decode_picture(data)
    facts = {key: value for key, value in facts.items() if value}
    depth = 16 if picture.dtype == np.uint16 else 8
    name, share = None, 0.0
    if picture.ndim == 3:
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        camera = thermal_camera(facts)
        ordinary = f"an ordinary colour {kind} of {size}, not a thermal one: it holds no sensor's values"
        name = choose_palette(
            [picture], palette, f"a colour {kind} of {size} {LOST.format(camera)}" if camera else ordinary
        )
        rgb = picture
        picture = invert_palette(rgb, name) if name else np.asarray(Image.fromarray(rgb).convert("L"))  # BT.601
        share = off_palette_share(rgb, name) if name else 0.0
    source = StillSource(
        path, f"{depth}-bit {kind}", picture.shape, depth, frame=ThermalFrame(picture),
        polarity="white" if depth == 16 or name else stated_polarity(facts), palette=name, metadata=facts,
    )  # fmt: skip
    if camera := thermal_camera(facts, is_thermal=name is not None):
        source.warn(f"it is {LOST.format(camera)}: the rendered picture is taken, of {depth} bits")
    if share > OFF_PALETTE:
        source.warn(f"{share:.0%} of the pixels have no colour of the palette {name}: text, logo or printed edges")
    return source


def decode_picture(data: bytes) -> tuple[NDArray[Any], str]:
    """Decodes upright gray ``H x W`` uint8 or uint16, or RGB ``H x W x 3`` uint8; returns the format's name too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a bomb, which is refused here, and of broken EXIF
            with Image.open(io.BytesIO(data)) as opened:
                check_size(*opened.size)
                if getattr(opened, "n_frames", 1) > 1 and opened.format not in ("MPO", "JPEG"):
                    raise InputError(f"this {opened.format} is an animation; convert it to a video first")
                opened.load()
                picture: Image.Image = ImageOps.exif_transpose(opened)
                kind = "JPEG" if opened.format == "MPO" else str(opened.format)
                depth = GRAY_MODES.get(picture.mode)
                if depth == 16:
                    return np.asarray(picture).clip(0, 65535).astype(np.uint16), kind
                return np.asarray(picture.convert("L" if depth else "RGB")), kind
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError("it has too many pixels, as a decompression bomb has") from error
    except UnidentifiedImageError as error:
        raise InputError("this is no picture that can be read") from error
    except Exception as error:  # Pillow's readers raise whatever a broken file makes them stumble over
        raise DamagedMediaError(f"the picture is truncated or broken: {error}") from error


def choose_palette(pictures: list[NDArray[np.uint8]], palette: str, otherwise: str) -> str | None:
    """Returns the palette asked for or recognised; None for gray. Raises ``InputError`` for ordinary colours."""
    if palette != "auto":
        return None if palette == "gray" else palette
    if is_gray(pictures):
        return None
    recognised = recognise_palette(pictures)
    if recognised is None:
        raise InputError(
            f"this is {otherwise}, and its colours are of no known palette; give the camera's original, or say which "
            "palette it has"
        )
    return recognised.name
