"""OpenVINO: the fastest on CPUs. Pictures run side by side, one a core, instead of all cores on one picture."""

from __future__ import annotations

import sys
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np

from restore.colour import FloatArray
from restore.errors import ModelError

MAX_STREAMS = 8  # pictures at once; each needs memory for its activations, and a batch on a CPU holds no more
TELEMETRY = "openvino_telemetry"


def import_openvino() -> ModuleType:
    """Imports OpenVINO without its telemetry, which its import would send: an archive's machine reports to nobody.

    Where that package cannot be imported, OpenVINO falls back to an empty stand-in of its own.
    """
    hidden = TELEMETRY not in sys.modules
    if hidden:
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # makes its import fail
    try:
        import openvino
    finally:
        if hidden:
            del sys.modules[TELEMETRY]
    return openvino  # type: ignore[no-any-return]


class OpenVinoEngine:
    """Runs an ONNX graph that takes one picture float32 ``1 x C x H x W`` and gives ``1 x 2 x h x w``, on the CPU.

    Raises ``ModelError`` for a graph that OpenVINO cannot read or run.
    """

    name = "openvino"

    def __init__(self, graph: bytes, *, precision: str, threads: int) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        streams = min(threads, MAX_STREAMS)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",  # left out, it takes what is fastest
            "ENABLE_CPU_PINNING": False,  # decoder and encoder want these cores as well
        }
        try:
            compiled = core.compile_model(core.read_model(graph), "CPU", settings)
            self.requests = openvino.AsyncInferQueue(compiled, streams)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot read this graph: {reason(error)}") from error
        if len(compiled.inputs) != 1 or len(compiled.outputs) != 1:
            counts = f"{len(compiled.inputs)} inputs and {len(compiled.outputs)} outputs"
            raise ModelError(f"a colorizer has one input and one output; this graph has {counts}")
        self.requests.set_callback(store_answer)
        self.one_caller = Lock()  # the queue itself takes pictures from one thread only

    def __call__(self, pictures: FloatArray) -> FloatArray:
        """Turns ``B x C x H x W`` into ``B x 2 x h x w``. See :class:`restore.paint.engines.Engine`."""
        with self.one_caller:
            return self.infer(pictures)

    def infer(self, pictures: FloatArray) -> FloatArray:
        answers: dict[int, FloatArray] = {}
        try:
            for index in range(len(pictures)):
                self.requests.start_async({0: pictures[index : index + 1]}, (answers, index))
            self.requests.wait_all()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run this graph: {reason(error)}") from error
        return np.concatenate([answers[index] for index in range(len(pictures))])


def store_answer(request: Any, place: tuple[dict[int, FloatArray], int]) -> None:
    """Copies an answer out before its request is used again."""
    answers, index = place
    answers[index] = np.array(request.get_output_tensor(0).data, np.float32)


def reason(error: RuntimeError) -> str:
    """Returns the line of OpenVINO's many that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or ["no reason given"])[-1].rstrip(".")
