"""FFmpeg filter chains before colouring: deinterlacing, film restoration, and what a user asks for."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterable
from fractions import Fraction
from typing import NamedTuple

import av
from av.filter import Graph
from av.filter.context import FilterContext

from restore.errors import OptionError

RESTORE_PRESETS = {
    # Exposure flicker over 10 frames, then averaging over time where the picture stands still: grain goes, edges stay.
    "film": "deflicker=mode=pm:size=10,atadenoise=0a=0.02:0b=0.04:1a=0.02:1b=0.04:2a=0.02:2b=0.04:s=9",
}
DEINTERLACE = {"auto": "bwdif=mode=send_frame:deint=interlaced", "on": "bwdif=mode=send_frame:deint=all"}

# Filters that break what the rest of the program promises, and what to do instead.
REFUSED = {
    "setpts": "it moves the picture against the sound",
    "reverse": "it holds the whole film in memory",
    "loop": "it moves the picture against the sound",
    "tpad": "it moves the picture against the sound",
    "trim": "choose start and duration of the part instead",
    "hwupload": "frames must stay in main memory",
    "realtime": "it only waits",
}
# Filters after which the number of frames is not known in advance.
RATE_FILTERS = frozenset(
    {
        "decimate", "detelecine", "field", "fieldmatch", "fps", "framerate", "framestep", "interlace", "minterpolate",
        "mpdecimate", "pullup", "select", "separatefields", "telecine", "thumbnail", "tile", "tinterlace",
    }
)  # fmt: skip
SAR_STEPS = 10_000  # precision of a measured pixel aspect ratio


class FilterStep(NamedTuple):
    """One filter of a chain."""

    name: str
    arguments: str


def parse_chain(chain: str) -> list[FilterStep]:
    """Splits ``deflicker=size=5,crop=100:80`` into its filters, with FFmpeg's own rules for quotes and backslashes.

    Raises ``OptionError`` for several inputs or outputs, an unknown or a refused filter.
    """
    steps = []
    for text in split_unquoted(chain):
        name, _, arguments = text.strip().partition("=")
        name = name.strip().partition("@")[0]
        if name not in av.filter.filters_available:
            raise OptionError(f"unknown filter {name!r}; see the list of FFmpeg's filters")
        if name in REFUSED:
            raise OptionError(f"filter {name!r} cannot be used here: {REFUSED[name]}")
        steps.append(FilterStep(name, arguments))
    return steps


def split_unquoted(chain: str) -> list[str]:
    """Returns the parts between commas, without one level of quotes and backslashes, as ``av_get_token`` gives them."""
    parts, current, quoted = [], "", False
    characters = iter(chain)
    for character in characters:
        if quoted:
            quoted = character != "'"
            current += character if quoted else ""
        elif character == "'":
            quoted = True
        elif character == "\\":
            current += next(characters, "")
        elif character in "[];":
            raise OptionError(f"a filter chain is one plain chain, without {character!r}: one input and one output")
        elif character == ",":
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


class FilterChain:
    """A chain of filters that runs as frames go through it."""

    def __init__(self, steps: list[FilterStep], *, sample_aspect_ratio: Fraction) -> None:
        self.steps = steps
        self.sample_aspect_ratio = sample_aspect_ratio

    def __str__(self) -> str:
        return ",".join(f"{step.name}={step.arguments}" if step.arguments else step.name for step in self.steps)

    def apply(self, frames: Iterable[av.VideoFrame]) -> Generator[av.VideoFrame, None, None]:
        """Yields filtered frames, with times in the last filter's time base.

        A change of size or format within the film starts the chain anew. Raises ``OptionError`` for bad arguments.
        """
        graph: Graph | None = None
        shape: tuple[int, int, str] | None = None
        for frame in frames:
            if graph is not None and shape != shape_of(frame):
                graph.vpush(None)
                yield from drain(graph)
                graph = None
            if graph is None:
                graph, shape = self.graph_for(frame, self.steps), shape_of(frame)
            graph.vpush(frame)
            yield from drain(graph)
        if graph is not None:
            graph.vpush(None)
            yield from drain(graph)

    def graph_for(self, frame: av.VideoFrame, steps: list[FilterStep]) -> Graph:
        """Returns a configured graph for frames like this one."""
        graph = Graph()
        arguments = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={frame.time_base}"
            f":pixel_aspect={self.sample_aspect_ratio}:colorspace={frame.colorspace}:range={frame.color_range}"
        )
        nodes: list[FilterContext] = [graph.add("buffer", arguments)]
        try:
            nodes += [graph.add(step.name, step.arguments or None) for step in steps]
            nodes.append(graph.add("buffersink"))
            graph.link_nodes(*nodes).configure()
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OptionError(f"FFmpeg refuses the filter chain {str(self)!r}: {reason}") from error
        return graph

    def measured_aspect_ratio(self, frame: av.VideoFrame) -> Fraction:
        """Returns the pixel aspect ratio after the chain; a scale filter stretches its output by it to tell.

        Chains that give nothing for a single frame keep the source's.
        """
        probe = FilterStep("scale", f"w=max(1\\,round({SAR_STEPS}*sar)):h=2:eval=init")
        graph = self.graph_for(frame, [*self.steps, probe])
        graph.vpush(frame)
        graph.vpush(None)
        first = next(drain(graph), None)
        if first is None:
            return self.sample_aspect_ratio
        return Fraction(first.width, SAR_STEPS).limit_denominator(512)


def shape_of(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def drain(graph: Graph) -> Generator[av.VideoFrame, None, None]:
    """Yields the frames that the graph has ready."""
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        except av.error.FFmpegError as error:
            if error.errno in (errno.EAGAIN, errno.EPIPE):
                return
            raise OptionError(f"the filter chain failed: {error.strerror}") from error
