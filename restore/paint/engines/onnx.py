"""ONNX Runtime, on the CPU in fp32. Pictures run side by side, one a core, as with OpenVINO."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from restore.colour import FloatArray
from restore.errors import ModelError

MAX_WORKERS = 8
ERRORS_ONLY = 3


class OnnxRuntimeEngine:
    """Runs an ONNX graph that takes one picture float32 ``1 x C x H x W`` and gives ``1 x 2 x h x w``.

    Raises ``ModelError`` for a graph that ONNX Runtime cannot read or run.
    """

    name = "onnx"

    def __init__(self, graph: bytes, *, threads: int) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = 1
        try:
            self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no narrower base
            raise ModelError(f"ONNX Runtime cannot read this graph: {reason(error)}") from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            counts = f"{len(inputs)} inputs and {len(outputs)} outputs"
            raise ModelError(f"a colorizer has one input and one output; this graph has {counts}")
        self.input = inputs[0].name
        self.workers = ThreadPoolExecutor(min(threads, MAX_WORKERS))

    def __call__(self, pictures: FloatArray) -> FloatArray:
        """Turns ``B x C x H x W`` into ``B x 2 x h x w``. See :class:`restore.paint.engines.Engine`."""
        return np.concatenate(list(self.workers.map(self.run_one, np.split(pictures, len(pictures)))))

    def run_one(self, picture: FloatArray) -> FloatArray:
        """Turns ``1 x C x H x W`` into ``1 x 2 x h x w``."""
        try:
            return np.asarray(self.session.run(None, {self.input: picture})[0], np.float32)
        except Exception as error:  # as above
            raise ModelError(f"ONNX Runtime cannot run this graph: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Returns the first line of an error, without its code: ``[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : ...``."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rsplit(" : ", maxsplit=1)[-1].rstrip(".")
