"""Round trips through every format: what comes back is what was stored, with colour."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from restore.colour import FloatArray
from restore.errors import DamagedMediaError, InputError
from restore.media.photo.metadata import is_marked
from restore.media.photo.photo import Photo, check_size, full_scale
from restore.media.photo.png import png_chunk
from restore.media.photo.reading import read_photo
from restore.media.photo.writing import write_photo

SIZE = (45, 61)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
SRGB = bytes(imagecodecs.cms_profile("srgb"))
UNREADABLE = ("broken.png", "decompression_bomb.gif", "truncated_image.png", "truncated_jpeg.jpg")


def scene(dtype: type[np.unsignedinteger[Any]] = np.uint8, size: tuple[int, int] = SIZE) -> NDArray[Any]:
    """A smooth picture from black to white, with noise in its corner."""
    rng = np.random.default_rng(3)
    height, width = size
    picture = np.linspace(0, 1, width)[None] * np.linspace(0.3, 1, height)[:, None]
    picture[:20, :20] += rng.normal(0, 0.2, (20, 20))
    return np.rint(np.clip(picture, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def strong_chroma(photo: Photo) -> list[FloatArray]:
    """Blue on the left and orange on the right of every page, far out of gamut."""
    chromas = []
    for page in photo.pages:
        height, width = page.luma_codes.shape
        ramp = np.broadcast_to(np.linspace(0.4, -0.4, width, dtype=np.float32), (height, width))
        chromas.append(np.stack([ramp, -ramp]))
    return chromas


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_bytes(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = "An artist"
    return exif.tobytes()


def coloured(data: bytes) -> tuple[Photo, Photo, bytes]:
    photo = read_photo(data, "a picture")
    result = write_photo(photo, strong_chroma(photo))
    return photo, read_photo(result, "its result"), result


def largest_luma_difference(before: Photo, after: Photo) -> float:
    """In codes of the picture's depth."""
    return float(np.abs(before.luma - after.luma).max()) * ((1 << before.bit_depth) - 1)


GRAY = scene()
ALPHA = scene()[::-1].copy()
MAKERS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(Image.fromarray(GRAY), "JPEG", quality=80, exif=exif_bytes(), icc_profile=SRGB),
    "png": lambda: saved(Image.fromarray(GRAY), "PNG", exif=exif_bytes(), icc_profile=SRGB),
    "png 16": lambda: bytes(imagecodecs.png_encode(scene(np.uint16))),
    "png 16 alpha": lambda: bytes(imagecodecs.png_encode(np.dstack([scene(np.uint16), scene(np.uint16)[::-1]]))),
    "png 16 rgba": lambda: bytes(imagecodecs.png_encode(np.dstack([scene(np.uint16)] * 4))),
    "png alpha": lambda: saved(Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(ALPHA)]), "PNG"),
    "png palette": lambda: saved(Image.fromarray(GRAY).convert("RGB").quantize(32), "PNG", transparency=3),
    "png bilevel": lambda: saved(Image.fromarray(GRAY).convert("1"), "PNG"),
    "tiff": lambda: saved(Image.fromarray(GRAY), "TIFF", compression="tiff_lzw", icc_profile=SRGB),
    "tiff 16": lambda: saved(Image.fromarray(scene(np.uint16)), "TIFF", compression="tiff_adobe_deflate"),
    "webp": lambda: saved(
        Image.fromarray(GRAY).convert("RGB"), "WEBP", quality=80, exif=exif_bytes(), icc_profile=SRGB
    ),
    "webp alpha": lambda: saved(
        Image.merge("RGBA", [Image.fromarray(plane) for plane in (GRAY, GRAY, GRAY, ALPHA)]),
        "WEBP",
        lossless=True,
        exact=True,
    ),
    "bmp": lambda: saved(Image.fromarray(GRAY), "BMP", dpi=(300, 300)),
    "bmp alpha": lambda: cv2.imencode(".bmp", np.dstack([GRAY, GRAY, GRAY, ALPHA]))[1].tobytes(),
    "jp2": lambda: bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="jp2", reversible=True)),
    "jp2 12": lambda: bytes(imagecodecs.jpeg2k_encode(scene(np.uint16) >> 4, codecformat="jp2", bitspersample=12)),
    "jp2 rgba": lambda: bytes(imagecodecs.jpeg2k_encode(np.dstack([GRAY, GRAY, GRAY, ALPHA]), codecformat="jp2")),
    "codestream": lambda: bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", reversible=True)),
    "pgm": lambda: saved(Image.fromarray(GRAY), "PPM"),
    "pgm 16": lambda: b"P5 # a comment\n61 45\n65535\n" + scene(np.uint16).astype(">u2").tobytes(),
    "gif": lambda: saved(Image.fromarray(GRAY), "GIF"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_round_trip_keeps_everything_but_gray(kind: str) -> None:
    data = MAKERS[kind]()
    before, after, result = coloured(data)
    assert after.format == before.format
    assert after.bit_depth == before.bit_depth
    assert after.luma.shape == SIZE
    assert after.exif == before.exif
    assert after.icc == before.icc
    assert (after.alpha is None) == (before.alpha is None)
    assert before.alpha is None or np.array_equal(np.asarray(after.alpha), before.alpha)
    # Green takes up what red and blue lose in rounding: under 0.3 of a code, and half a code more where luma is stored.
    assert largest_luma_difference(before, after) <= (
        1.01 if before.format == "JPEG" or before.bit_depth == 16 else 0.35
    )
    if before.format not in ("BMP", "PPM") and kind != "codestream":
        assert is_marked(after.xmp)
    if kind in ("png bilevel", "jp2 12"):
        return  # there is no colour in black and white alone; Pillow 13 turns the white of 12 bits into black
    with Image.open(io.BytesIO(result)) as picture:
        rgb = np.asarray(picture.convert("RGB"), float)
    assert (rgb[20:, 10] @ [-1, 0, 1]).mean() > 5  # bluer than red
    assert (rgb[20:, 50] @ [-1, 0, 1]).mean() < -20


@pytest.mark.parametrize(
    "kind", ["jpeg", "png", "png 16", "tiff", "tiff 16", "webp", "bmp", "jp2", "codestream", "pgm", "gif"]
)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    data = MAKERS[kind]()
    with pytest.raises(InputError):
        read_photo(data[: max(int(len(data) * share), 1)], "cut")


@pytest.mark.parametrize(
    ("data", "says"), [(b"", "empty"), (b"hello, world" * 9, "no picture"), (b"RIFF\0\0\0\0AVI ", "no picture")]
)
def test_what_is_no_picture_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_photo(data, "x")


def test_paths_that_hold_no_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_photo(tmp_path / "missing.png")
    with pytest.raises(InputError, match="folder"):
        read_photo(tmp_path)


def test_decompression_bombs_are_refused_before_decoding() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + content + png_chunk(b"IEND", b"")
    jp2 = bytearray(MAKERS["codestream"]())
    struct.pack_into(">II", jp2, 8, 100_000, 100_000)
    tiff = bytearray(MAKERS["tiff"]())
    for place in range(len(tiff) - 12):  # width and height of the directory
        if struct.unpack_from("<HHI", tiff, place) in ((256, 3, 1), (257, 3, 1)):
            struct.pack_into("<H", tiff, place + 8, 60_000)
    for data in (bomb, bytes(jp2), bytes(tiff)):
        with pytest.raises(InputError, match="bomb"):
            read_photo(data, "bomb")
    with pytest.raises(InputError, match="nothing to colour"):
        check_size(0, 5)


def test_animations_are_refused() -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(ALPHA)]
    for kind in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0].convert("RGB"), kind, save_all=True, append_images=[frames[1].convert("RGB")])
        with pytest.raises(InputError, match="rechroma video"):
            read_photo(data, "animation")


def test_a_png_with_a_flipped_bit_is_refused() -> None:
    data = bytearray(MAKERS["png"]())
    data[-40] ^= 4
    with pytest.raises(DamagedMediaError):
        read_photo(bytes(data), "flipped")


def test_png_text_density_and_colour_chunks_are_copied() -> None:
    data = MAKERS["png"]()
    extra = png_chunk(b"tEXt", b"Title\0A street") + png_chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
    stale = png_chunk(b"bKGD", b"\0\x10") + png_chunk(b"sBIT", b"\x08")
    _, _, result = coloured(data[:33] + extra + stale + data[33:])
    with Image.open(io.BytesIO(result)) as picture:
        picture.load()
        assert picture.info["Title"] == "A street"
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert b"bKGD" not in result
    assert b"sBIT" not in result


def test_png_gray_with_a_transparent_colour_gets_alpha() -> None:
    before, after, _ = coloured(saved(Image.fromarray(GRAY), "PNG", transparency=int(GRAY[30, 30])))
    assert before.alpha is not None
    assert before.alpha[30, 30] == 0
    assert np.array_equal(before.alpha, after.alpha)  # type: ignore[arg-type]


def test_jp2_keeps_its_boxes() -> None:
    data = MAKERS["jp2"]()
    exif = b"JpgTiffExif->JP2" + exif_bytes(6)[6:]
    boxes = struct.pack(">I4s", 8 + len(exif), b"uuid") + exif + struct.pack(">I4s", 8 + 4, b"xml ") + b"<a/>"
    place = data.index(b"jp2c") - 4
    before, after, result = coloured(data[:place] + boxes + data[place:])
    assert before.orientation == after.orientation == 6
    assert after.exif == exif[16:]
    assert b"<a/>" in result


def test_bmp_keeps_its_density() -> None:
    _, _, result = coloured(MAKERS["bmp"]())
    with Image.open(io.BytesIO(result)) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_sepia_is_reduced_to_luma() -> None:
    sepia = np.stack([GRAY, GRAY * 0.8, GRAY * 0.6], axis=-1).astype(np.uint8)
    photo = read_photo(saved(Image.fromarray(sepia), "PNG"), "sepia")
    assert photo.luma == pytest.approx(sepia @ np.array([0.299, 0.587, 0.114]) / 255, abs=1e-4)


def test_in_lossless_formats_gray_comes_back_exactly() -> None:
    _, _, result = coloured(MAKERS["png"]())
    with Image.open(io.BytesIO(result)) as picture:
        assert np.array_equal(np.asarray(picture.convert("L")), GRAY)


def test_transparency_of_a_palette_is_kept() -> None:
    before, after, _ = coloured(MAKERS["png palette"]())
    assert before.alpha is not None
    assert 0 < (before.alpha == 0).mean() < 1
    assert after.alpha is not None


def test_write_refuses_chroma_of_another_size() -> None:
    photo = read_photo(MAKERS["png"](), "x")
    with pytest.raises(ValueError, match="expected chroma"):
        write_photo(photo, np.zeros((2, 4, 4), np.float32))


def test_every_real_file(shared_data: Path) -> None:
    folder = shared_data / "formats" / "photo"
    for path in sorted(folder.iterdir()):
        if path.name in UNREADABLE:
            with pytest.raises(InputError):
                read_photo(path)
            continue
        before, after, _ = coloured(path.read_bytes())
        assert after.luma.shape == before.luma.shape, path.name
        assert (after.format, after.bit_depth, after.orientation) == (
            before.format,
            before.bit_depth,
            before.orientation,
        )
        assert (after.exif, after.icc) == (before.exif, before.icc), path.name
        limit = 8 if before.format == "JPEG" else 1
        assert largest_luma_difference(before, after) <= limit, path.name
        assert full_scale(after.pages[0].luma_codes) == 65535 or after.format == "JPEG"
