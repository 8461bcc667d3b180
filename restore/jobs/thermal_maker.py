"""Thermal pictures and recordings on their way through the pipeline: counts become luma, and heat becomes colour."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np

from restore.colour import CodeArray, FloatArray, Matrix, codes_from_chroma
from restore.errors import DamagedMediaError, OptionError
from restore.frames import Canvas, Frame, Painted, orientation_of_rotation, upright
from restore.jobs.film_job import FilmJob, FilmTask
from restore.jobs.film_maker import FilmMaker, FilmWork
from restore.jobs.films import sink_encoding
from restore.jobs.fingerprint import program_facts, sampled_sha256
from restore.jobs.job import Job
from restore.jobs.workers import Workers
from restore.media.film.colour_tags import LIMITED_RANGE, ColourTags, complete_tags
from restore.media.film.containers import CopiedStreams
from restore.media.film.frames import FilmLayout
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name
from restore.media.film.sink import FilmSink
from restore.media.thermal import ThermalFrame, ThermalSource, open_thermal
from restore.media.thermal.to_luma import guess_polarity, to_luma
from restore.media.thermal.writing import RawWriter, encode_still
from restore.options import LIGHTS, ThermalOptions
from restore.paint.painter import Painter
from restore.paint.recipe import recipe_of
from restore.paint.thermal import ThermalPainter
from restore.pipeline import colour, enlarge
from restore.temporal import Strength, find_shot_starts

Watch = Callable[[ThermalSource], Iterable[ThermalFrame]]
"""Gives a recording's frames; it may count, measure and keep them on their way."""

HEAD_FRAMES = 3
"""Of a recording, by which polarity and light are settled."""

FILM_NOTE = "The colour of this recording is machine-made; it shows heat, not light."
PICTURE_DEPTH = 8
"""Bits of the film's luma where ``pix_fmt`` does not ask for more: it is a rendering, not the sensor's values."""


@dataclass
class HeatPicture:
    """A thermal frame in its range, as the pipeline takes it."""

    index: int
    luma: FloatArray
    """``H x W`` in [0, 1], white-hot, at the sensor's size."""

    pts: int = 0
    """Time of presentation in ticks of the recording's time base."""

    orientation: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns as stored."""
        return self.luma.shape

    def luma_at(self, shape: tuple[int, ...] | None) -> FloatArray:
        """Returns luma as stored; shrunk to ``shape`` where it is given."""
        if shape is None or self.luma.shape == shape:
            return self.luma
        return np.asarray(cv2.resize(self.luma, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def in_range(
    frames: Iterable[ThermalFrame], source: ThermalSource, *, black_hot: bool, method: str
) -> Iterator[tuple[ThermalFrame, FloatArray]]:
    """Turns counts into white-hot luma, with one range for each shot."""
    return to_luma(frames, source, black_hot=black_hot, method=method, find_shot_starts=find_shot_starts)


def orientation_of(source: ThermalSource) -> int:
    return 1 if source.film is None else orientation_of_rotation(source.film.layout.rotation)


class RecordingSource:
    """A recording as a film: its frames have luma, whose range depends on all frames of a shot before."""

    def __init__(self, source: ThermalSource, options: ThermalOptions, *, black_hot: bool, watch: Watch) -> None:
        self.source, self.options, self.black_hot, self.watch = source, options, black_hot, watch
        self.path, self.decisions = source.path, source.decisions
        self.layout = film_layout(source, options)

    @property
    def warnings(self) -> list[str]:
        """Complete after the last frame."""
        return self.source.warnings

    def frames(self) -> Iterator[HeatPicture]:
        """Yields the frames in their range; may be read once, to the end or not."""
        source, orientation = self.source, orientation_of(self.source)
        ranged = in_range(self.watch(source), source, black_hot=self.black_hot, method=self.options.range)
        for index, (frame, luma) in enumerate(ranged):
            yield HeatPicture(index, luma, frame.pts, orientation)

    def close(self) -> None:
        self.source.close()

    def __enter__(self) -> RecordingSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_frames(source: ThermalSource) -> Iterable[ThermalFrame]:
    return source.frames()


@dataclass(frozen=True)
class Recording(FilmWork):
    """A recording to be coloured."""

    options: ThermalOptions
    black_hot: bool = False
    luma: str = "source"
    watch: Watch = field(default=read_frames, compare=False)

    def open_source(self) -> RecordingSource:
        """Raises as :func:`open_thermal`."""
        options = self.options
        source = open_thermal(self.source, palette=options.palette, threads=options.run.threads)
        return RecordingSource(source, options, black_hot=self.black_hot, watch=self.watch)

    def open_sink(self, source: RecordingSource) -> FilmSink:
        """Returns what writes the result, not entered yet. Raises as :class:`FilmSink`."""
        return film_sink(self.target, source.source, self.options)

    def canvas(self, source: RecordingSource, sink: FilmSink) -> Canvas:  # noqa: ARG002 - a film needs it
        return Canvas(chroma_shape=sink.chroma_shape, matrix=sink.layout.matrix, luma=self.luma)

    def render(self, painted: Painted, sink: FilmSink) -> av.VideoFrame:
        assert painted.frame is not None
        cb, cr = codes_from_chroma(painted.chroma, bit_depth=sink.bit_depth, full_range=False)
        luma: CodeArray = luma_codes(painted.luma, sink.layout.bit_depth)
        picture: HeatPicture = painted.frame.picture
        return sink.picture_of_planes(luma, (cb, cr), pts=picture.pts)


@dataclass(frozen=True)
class StillPart:
    """One thermal picture, which nothing has to be steady with."""

    picture: HeatPicture
    strength = Strength.OFF
    context = 0

    def pictures(self) -> Iterator[HeatPicture]:
        yield self.picture

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return frames


@dataclass
class Extent:
    """Smallest and largest of the values that went by."""

    lowest: float = float("inf")
    highest: float = float("-inf")

    def add(self, values: Any) -> None:
        finite = values if values.dtype.kind == "u" else values[np.isfinite(values)]
        if finite.size:
            self.lowest = min(self.lowest, float(finite.min()))
            self.highest = max(self.highest, float(finite.max()))

    def to_json(self) -> dict[str, float] | None:
        if self.lowest > self.highest:
            return None
        return {"lowest": round(self.lowest, 2), "highest": round(self.highest, 2)}


@dataclass
class Seen:
    """What went by of a file."""

    frames: int = 0
    values: Extent = field(default_factory=Extent)
    celsius: Extent = field(default_factory=Extent)
    raw_files: dict[str, Path] = field(default_factory=dict)

    def add(self, frame: ThermalFrame) -> None:
        self.frames += 1
        self.values.add(frame.raw)
        if frame.radiometry is not None:
            self.celsius.add(frame.radiometry.celsius(frame.raw))

    def to_json(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "values": self.values.to_json(),
            "celsius": self.celsius.to_json(),
            "kept": {kind: str(path) for kind, path in self.raw_files.items()},
        }


class ThermalFile:
    """From an open source to what is written of it, and the facts for the report; a context manager.

    A recording has its name and its job folder when it is coloured; the folder goes after :meth:`done`, when the block
    ends. A picture is encoded, and not written yet.
    """

    def __init__(
        self,
        source: ThermalSource,
        target: Path,
        painter: Painter,
        options: ThermalOptions,
        *,
        workers: Workers | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self.source, self.target, self.painter, self.options = source, target, painter, options
        self.workers, self.progress = workers or Workers(), progress
        self.stack = ExitStack()
        self.job: Job | None = None
        self.still = b""
        """An encoded picture; empty of a recording."""
        self.result_sha256 = ""
        """Hex SHA-256 of a recording's result."""
        self.seen: dict[str, Any] | None = None
        self.black_hot = self.has_temperatures = False
        self.decisions: list[str] = []
        self.warnings: list[str] = []
        self.source_warnings: list[str] = []
        self.seconds = 0.0
        """Of work, in this run and those before."""

    def __enter__(self) -> ThermalFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)

    def done(self) -> None:
        """A batch has put down that the file is finished: a recording's job may go."""
        if self.job is not None:
            self.job.done()

    @property
    def luma(self) -> str:
        """Which luma is shown: generated, thermal or blend."""
        return luma_mode(self.options, self.painter)

    def colour(self) -> None:
        """Raises ``InputError`` for a source without a frame, ``OutputError`` and ``EncoderError``."""
        head = self.first_frames()
        self.has_temperatures = head[0].radiometry is not None
        self.black_hot = self.settle_polarity(head) == "black"
        self.settle_light(head)
        if self.options.keep_raw and self.source.bit_depth <= 8:
            self.warnings.append("it holds no sensor's values to keep, only a rendered picture")
        if self.source.is_recording:
            self.colour_recording()
        else:
            self.colour_still(head)

    def first_frames(self) -> list[ThermalFrame]:
        """Reads the head of a recording, or the picture; a recording is read again for colouring."""
        with closing(self.source.frames()) as frames:
            head = [frame for _, frame in zip(range(HEAD_FRAMES), frames, strict=False)]
        if not head:
            raise DamagedMediaError("not one frame of it can be read")
        return head

    def colour_still(self, head: list[ThermalFrame]) -> None:
        started = time.monotonic()
        ((_, luma),) = in_range(
            self.watch_frames(self.source, head), self.source, black_hot=self.black_hot, method=self.options.range
        )
        canvas = Canvas(matrix=Matrix.BT601, luma=canvas_luma(self.luma))
        part = StillPart(HeatPicture(0, luma))
        for _, picture in colour(
            part, self.painter, canvas, lambda painted: enlarge(painted, self.options.look, canvas), ahead=0
        ):
            self.still = encode_still(self.target.suffix, picture.luma, picture.chroma)
        self.source_warnings = self.source.warnings
        self.seconds = time.monotonic() - started

    def colour_recording(self) -> None:
        started = time.monotonic()
        options, run = self.options, self.options.run
        work = Recording(
            self.source.path.absolute(),
            self.target.absolute(),
            options,
            black_hot=self.black_hot,
            luma=canvas_luma(self.luma),
            watch=lambda source: self.watch_frames(source, source.frames()),
        )
        maker = self.stack.enter_context(FilmMaker(work, lambda: self.painter))
        source = sampled_sha256(self.source.path)
        identity = {
            "source": source,
            "model": self.painter.identity,
            "options": {**options.identity(), "black_hot": self.black_hot},
            "program": program_facts(run.threads),
        }
        hints = {"batch": self.painter.batch, "frames": self.source.frame_count_estimate}
        self.job = job = self.stack.enter_context(
            Job(self.target, identity, kind="thermal", hints=hints, restart=run.restart)
        )
        self.seen = next((entry["seen"] for entry in job.entries if "seen" in entry), None)
        film_job = FilmJob(job, maker, self.progress)
        seconds = film_job.seconds
        task = None
        if not self.workers.alone:
            recipe = replace(recipe_of("thermal", self.painter), batch=job.hints["batch"], threads=run.threads)
            sha256 = source["sha256_of_blocks"]
            task = FilmTask(replace(work, recipe=recipe, source_sha256=sha256, watch=read_frames))
        known = self.seen
        film_job.colour(self.workers, task)
        if self.seen is not known:
            job.add({"seen": self.seen})
        film_job.assemble()
        self.result_sha256 = film_job.result_sha256
        self.decisions += maker.sink.decisions
        self.source_warnings = film_job.source_warnings
        self.warnings += maker.sink.warnings
        self.seconds = seconds + time.monotonic() - started

    def settle_polarity(self, head: list[ThermalFrame]) -> str:
        """Returns white or black, and puts down why."""
        if self.options.polarity != "auto":
            self.decisions.append(f"{self.options.polarity}-hot, as asked")
            return self.options.polarity
        if self.source.polarity is not None:
            self.decisions.append(f"{self.source.polarity}-hot, by the file")
            return self.source.polarity
        guessed = guess_polarity([frame.raw for frame in head])
        if guessed is not None:
            self.decisions.append(f"{guessed}-hot, by sky and small hot things in the picture")
            return guessed
        self.warnings.append("cannot tell whether white or black is hot; assuming white-hot; see `polarity`")
        return "white"

    def settle_light(self, head: list[ThermalFrame]) -> None:
        """Settles one light for all frames, so that a recording does not waver between day and night."""
        painter = self.painter
        if not isinstance(painter, ThermalPainter) or not painter.knows_light:
            return
        if self.options.light != "auto":
            light = LIGHTS[self.options.light]
            self.decisions.append(f"painted as by {self.options.light}, as asked")
        else:
            ranged = in_range(head, self.source, black_hot=self.black_hot, method=self.options.range)
            lumas = [upright(luma, orientation_of(self.source)) for _, luma in ranged]
            light = round(painter.guess_light(lumas), 2)  # so that no machine's rounding changes a resumed recording
            name, sure = "day" if light >= 0 else "night", abs(light)
            self.decisions.append(f"painted as by {name}, guessed from its texture ({sure:.2f} of 1 sure); see `light`")
        self.painter = painter.in_light(light)

    def watch_frames(self, source: ThermalSource, frames: Iterable[ThermalFrame]) -> Iterator[ThermalFrame]:
        """Passes the frames on, counted, measured and kept: all of them, or nothing is known of them."""
        seen = Seen()
        with ExitStack() as stack:
            raw_writer = None
            if self.options.keep_raw and source.bit_depth > 8:
                writer = RawWriter(self.target, source, has_temperatures=self.has_temperatures)
                raw_writer = stack.enter_context(writer)
                seen.raw_files = writer.paths
            for frame in frames:
                seen.add(frame)
                if raw_writer is not None:
                    raw_writer.write(frame)
                yield frame
        self.seen = seen.to_json()

    @property
    def frames(self) -> int:
        """How many were coloured."""
        assert self.seen is not None
        return int(self.seen["frames"])

    def facts(self) -> dict[str, Any]:
        """Returns what only the report of a thermal file says; complete when it is coloured."""
        source = self.source
        assert self.seen is not None
        return {
            **{key: value for key, value in self.seen.items() if key != "frames"},
            "kind": source.kind,
            "width": source.shape[1],
            "height": source.shape[0],
            "bit_depth": source.bit_depth,
            "polarity": "black" if self.black_hot else "white",
            "palette": source.palette,
            "luma": self.luma,
            "light": self.painter.identity.get("light"),
            "metadata": source.metadata,
        }

    @property
    def all_decisions(self) -> list[str]:
        """Of source, colouring and encoder."""
        return [*self.source.decisions, *self.decisions]

    @property
    def all_warnings(self) -> list[str]:
        """Of source, colouring and encoder."""
        return [*self.source_warnings, *self.warnings]


def luma_mode(options: ThermalOptions, painter: Painter) -> str:
    """Returns which luma is shown. Raises ``OptionError`` where the model makes none to show."""
    if options.luma in ("generated", "blend") and not painter.makes_luma:
        name = painter.identity["name"]
        raise OptionError(f"model {name} makes no luma; use `luma` thermal, or a model that translates heat")
    return options.luma or ("generated" if painter.makes_luma else "thermal")


def canvas_luma(mode: str) -> str:
    return "source" if mode == "thermal" else mode


def check_light(options: ThermalOptions, painter: Painter) -> None:
    """Raises ``OptionError`` where a light is asked for that the model does not know."""
    knows_light = isinstance(painter, ThermalPainter) and painter.knows_light
    if options.light != "auto" and not knows_light:
        raise OptionError(f"model {painter.identity['name']} knows no day and night; leave `light` {options.light} out")


def film_layout(source: ThermalSource, options: ThermalOptions) -> FilmLayout:
    """Returns the layout of a recording's film: of a rendered picture, not of the sensor's values."""
    asked = options.encoding.pix_fmt or ""  # the sink refuses a name that is no planar format
    depth = PlanarFormat.parse(asked).bit_depth if is_planar_name(asked) else PICTURE_DEPTH
    pix_fmt = PlanarFormat(depth, (1, 1)).name
    if source.film is not None:
        layout = source.film.layout
        return replace(layout, pix_fmt=pix_fmt, tags=replace(layout.tags, color_range=LIMITED_RANGE))
    height, width = source.shape
    tags, _ = complete_tags(ColourTags(color_range=LIMITED_RANGE), width=width, height=height, pix_fmt=pix_fmt)
    return FilmLayout(width, height, pix_fmt, source.rate, Fraction(source.time_base), tags)


def film_sink(path: Path, source: ThermalSource, options: ThermalOptions) -> FilmSink:
    """Returns what writes a recording, with the sound and tags of one that FFmpeg reads.

    Raises ``OutputError`` and ``EncoderError`` for what cannot be written.
    """
    copied = source.film.copied if source.film is not None else CopiedStreams(source.path)
    encoding = sink_encoding(options, FILM_NOTE, allow_loss=True)
    return FilmSink(path, film_layout(source, options), copied, encoding)


def luma_codes(luma: FloatArray, bit_depth: int) -> CodeArray:
    """Luma in [0, 1] to limited-range codes."""
    shift = bit_depth - 8
    codes = np.rint(luma * np.float32(219 << shift)) + (16 << shift)
    return np.asarray(codes, np.uint8) if bit_depth == 8 else np.asarray(codes, np.uint16)
