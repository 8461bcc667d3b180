from __future__ import annotations

import random
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import InputError, RechromaError
from restore.media.thermal import RawArray, open_thermal
from restore.media.thermal.palettes import palette_colours
from tests.media import write_film
from tests.restore.media.thermal.made import fff, flir_jpeg, scene, sequence, y16_avi


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[list[RawArray], list[str]]:
    with open_thermal(path, threads=1) as source:
        return [frame.raw.copy() for frame in source.frames()], source.warnings


@pytest.mark.parametrize("encoding", ["plain", "png"])
def test_flir_jpeg_round_trip(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "no_suffix_of_it", flir_jpeg(fff(scene(), encoding=encoding)))
    with open_thermal(path) as source:
        (frame,) = source.frames()
        assert source.kind == "FLIR radiometric JPEG"
        assert source.metadata["camera"] == "TOY SC660"
        assert source.metadata["taken"] == "2020-09-13T12:26:40.000+00:00"
    np.testing.assert_array_equal(frame.raw, scene())
    assert frame.radiometry is not None
    assert 5 < np.median(frame.radiometry.celsius(frame.raw)) < 40


@pytest.mark.parametrize("encoding", ["plain", "jpegls"])
def test_sequence_round_trip(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "toy.bin", b"".join(sequence(4, encoding=encoding)))
    with open_thermal(path) as source:
        frames = list(source.frames())
        assert source.kind == ("FLIR SEQ recording" if encoding == "plain" else "FLIR CSQ recording")
        assert source.rate == 10
    assert [frame.pts for frame in frames] == [0, 100, 200, 300]
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.raw, scene(number))


def test_a_single_record_is_a_picture(tmp_path: Path) -> None:
    with open_thermal(written(tmp_path / "one.fff", fff(scene()))) as source:
        assert not source.is_recording


@pytest.mark.parametrize("encoding", ["plain", "jpegls"])
def test_damaged_records_are_skipped_and_reported(tmp_path: Path, encoding: str) -> None:
    records = sequence(6, encoding=encoding)
    broken = bytearray(records[1])
    broken[24:28] = b"\xff\xff\xff\x7f"  # an index far outside
    lost = records[3][: len(records[3]) // 2]  # its end was never written
    overwritten = bytearray(records[4])
    start = len(overwritten) - len(overwritten) // 3
    if encoding == "jpegls":
        overwritten[start : start + 40] = b"\xff" * 40
    else:
        struct.pack_into("<HH", overwritten, overwritten.index(struct.pack("<HHH", 2, 64, 48)) + 2, 9999, 9999)
    path = written(tmp_path / "toy.seq", b"".join([records[0], broken, records[2], lost, overwritten, records[5]]))
    frames, warnings = read(path)
    whole = [number for number in range(6) if any(np.array_equal(frame, scene(number)) for frame in frames)]
    assert whole == [0, 2, 5]
    assert len(frames) == 3
    assert len(warnings) == 3
    assert all("is skipped" in line and "at byte" in line for line in warnings)


def test_the_magic_inside_pixels_starts_no_record(tmp_path: Path) -> None:
    counts = scene()
    counts[20, 10:12] = (0x4646, 0x0046)  # "FFF" and a zero
    assert b"FFF\0" in counts.tobytes()
    frames, warnings = read(written(tmp_path / "toy.seq", fff(counts) + fff(scene(1), milliseconds=100)))
    assert (len(frames), warnings) == (2, [])


def test_a_clock_that_runs_backwards_is_mended(tmp_path: Path) -> None:
    records = [fff(scene(), milliseconds=each) for each in (5000, 5100, 100, 200)]
    with open_thermal(written(tmp_path / "toy.seq", b"".join(records))) as source:
        times = [frame.pts for frame in source.frames()]
        assert times == [0, 100, 200, 300]
        assert "1 records have a time that cannot be" in source.warnings[0]


def test_missing_constants_are_said(tmp_path: Path) -> None:
    record = bytearray(fff(scene()))
    place = record.index(b"TOY SC660") - 0xD4 + 0x58
    record[place : place + 4] = bytes(4)
    with open_thermal(written(tmp_path / "a.jpg", flir_jpeg(bytes(record)))) as source:
        (frame,) = source.frames()
        assert frame.radiometry is None
        assert "no temperatures" in source.warnings[0]


def test_many_pages_are_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "many.tif"
    with tifffile.TiffWriter(path) as file:
        for number in range(5):
            file.write(scene(number), photometric="minisblack", compression="zlib", metadata=None)
        file.write(scene(0, 20, 30), photometric="minisblack", metadata=None)
    with open_thermal(path) as source:
        frames = list(source.frames())
        assert source.is_recording
        assert [frame.pts * source.time_base * 25 for frame in frames] == [0, 1, 2, 3, 4]
        assert "page 5 is 30x20 and not as the first" in source.warnings[0]
    np.testing.assert_array_equal(frames[3].raw, scene(3))


def test_a_tiff_of_floats_says_what_to_do(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "float.tif", np.zeros((8, 8), np.float32), photometric="minisblack")
    with pytest.raises(InputError, match="convert it to 16-bit integers"):
        open_thermal(tmp_path / "float.tif")


def test_png_of_16_bits(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "deep.png")
    with open_thermal(tmp_path / "deep.png") as source:
        assert (source.kind, source.bit_depth, source.polarity) == ("16-bit PNG", 16, "white")
        np.testing.assert_array_equal(next(source.frames()).raw, scene())


def test_gray_pictures_of_8_bits_do_not_know_their_polarity(tmp_path: Path) -> None:
    Image.fromarray((scene() >> 8).astype(np.uint8)).save(tmp_path / "gray.bmp")
    with open_thermal(tmp_path / "gray.bmp") as source:
        assert (source.bit_depth, source.polarity) == (8, None)


@pytest.mark.parametrize("depth", [10, 12, 16])
def test_gray_video_round_trip(tmp_path: Path, depth: int) -> None:
    pictures = [np.right_shift(scene(number), np.uint16(16 - depth)) for number in range(3)]
    path = write_film(tmp_path / "gray.mkv", pictures, codec="ffv1", pix_fmt=f"gray{depth}le")
    with open_thermal(path, threads=1) as source:
        frames = [(frame.pts * source.time_base, frame.raw.copy()) for frame in source.frames()]
        assert (source.bit_depth, source.is_recording, source.polarity) == (depth, True, "white")
    for number, (seconds, raw) in enumerate(frames):
        assert float(seconds) == pytest.approx(number / 10)
        np.testing.assert_array_equal(raw, pictures[number])


def test_y16_avi_round_trip(tmp_path: Path) -> None:
    path = written(tmp_path / "y16.avi", y16_avi([scene(number) for number in range(3)]))
    with open_thermal(path) as source:
        frames = list(source.frames())
        assert (source.kind, float(source.rate)) == ("16-bit AVI (Y16)", 10)
        assert not source.warnings
    assert [frame.pts * source.time_base * 10 for frame in frames] == [0, 1, 2]
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.raw, scene(number))


def test_a_cut_y16_avi_keeps_what_is_whole(tmp_path: Path) -> None:
    content = y16_avi([scene(number) for number in range(3)])
    frames, _ = read(written(tmp_path / "y16.avi", content[: content.rindex(b"idx1") - 5000]))
    assert len(frames) == 2


def test_false_colour_video_round_trip(tmp_path: Path) -> None:
    steps = [np.clip((scene(number) - 17000.0) / 12, 0, 255).astype(np.uint8) for number in range(3)]
    colours = np.rint(palette_colours("inferno")).astype(np.uint8)
    path = write_film(tmp_path / "inferno.mkv", [colours[each] for each in steps], codec="libx264", pix_fmt="yuv444p")
    with open_thermal(path, threads=1) as source:
        frames = [frame.raw for frame in source.frames()]
        assert (source.palette, source.polarity, source.bit_depth) == ("inferno", "white", 8)
    for step, frame in zip(steps, frames, strict=True):
        assert np.abs(frame.astype(int) - step).mean() < 2


def test_an_ordinary_film_says_what_it_is(shared_data: Path) -> None:
    clip = next((shared_data / "clips").glob("*.mp4"))
    with pytest.raises(InputError, match="an ordinary colour film of 854x480, not a thermal one"):
        open_thermal(clip, threads=1)


def test_nothing_thermal_is_one_line(tmp_path: Path) -> None:
    for name, content in (("empty.jpg", b""), ("text.seq", b"hello\n" * 50), ("cut.csq", b"FFF\0abc")):
        with pytest.raises(InputError) as error:
            open_thermal(written(tmp_path / name, content))
        assert "\n" not in str(error.value)
        assert name in str(error.value)
    with pytest.raises(InputError, match="does not exist"):
        open_thermal(tmp_path / "missing.seq")


def insane_sizes() -> dict[str, bytes]:
    """Small files that announce pictures of gigabytes."""
    content = bytearray(fff(scene()))
    place = content.index(struct.pack("<HHH", 2, 64, 48))
    struct.pack_into("<HH", content, place + 2, 65535, 65535)
    png = bytearray(fff(scene(), encoding="png"))
    struct.pack_into(">II", png, png.index(b"IHDR") + 4, 60000, 60000)
    lossless = bytearray(fff(scene(), encoding="jpegls"))
    struct.pack_into(">HH", lossless, lossless.index(b"\xff\xf7") + 5, 60000, 60000)
    return {"a.fff": bytes(content), "b.fff": bytes(png), "c.fff": bytes(lossless), "d.jpg": flir_jpeg(bytes(png))}


@pytest.mark.parametrize("name", ["a.fff", "b.fff", "c.fff", "d.jpg"])
def test_insane_sizes_are_refused_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, insane_sizes()[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            open_thermal(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def sound_files(tmp_path: Path) -> dict[str, bytes]:
    """One small file for each reader."""
    tifffile.imwrite(tmp_path / "a.tif", scene(), photometric="minisblack", compression="lzw", predictor=True)
    Image.fromarray(scene()).save(tmp_path / "a.png")
    write_film(tmp_path / "a.mkv", [scene(number) for number in range(3)], codec="ffv1", pix_fmt="gray16le")
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    made["a.seq"] = b"".join(sequence(3))
    made["a.csq"] = b"".join(sequence(3, encoding="jpegls"))
    made["y16.avi"] = y16_avi([scene(number) for number in range(3)])
    made["plain.jpg"] = flir_jpeg(fff(scene()))
    made["png.jpg"] = flir_jpeg(fff(scene(), encoding="png"))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_damage_anywhere_is_survived(tmp_path: Path, seed: int) -> None:
    """Cut, flipped or thinned out at seeded places: frames or one line, quickly, and nothing else."""
    folder = tmp_path / "sound"
    folder.mkdir()
    for name, content in sound_files(folder).items():
        for number in range(12):
            damaged = damage(content, random.Random(f"{seed} {name} {number}"), number % 3)
            path = written(tmp_path / name, damaged)
            started = time.process_time()
            with suppress(RechromaError):
                frames, _ = read(path)
                assert all(frame.size <= 1 << 24 for frame in frames)
            assert time.process_time() - started < 5, (name, number)


def damage(content: bytes, chance: random.Random, kind: int) -> bytes:
    changed = bytearray(content)
    if kind == 0:
        return content[: chance.randrange(1, len(content))]
    if kind == 1:
        for _ in range(chance.choice((1, 4, 16))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    start = chance.randrange(len(changed))
    del changed[start : start + chance.choice((1, 30, 1000))]
    return bytes(changed)


@pytest.mark.parametrize("name", ["sample.csq", "sample.seq", "flir_04.jpg", "dji_m30t.jpg", "flir_uint16.tiff"])
def test_real_files_cut_anywhere_are_survived(shared_data: Path, tmp_path: Path, name: str) -> None:
    content = (shared_data / "thermal" / "radiometric" / name).read_bytes()
    chance = random.Random(name)
    for _ in range(4):
        path = written(tmp_path / name, content[: chance.randrange(100, len(content))])
        with suppress(InputError):
            frames, warnings = read(path)
            assert frames or warnings
