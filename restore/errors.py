"""The one tree of exceptions. Each class has its own exit code, and its message says what to do next."""

from __future__ import annotations


class RechromaError(Exception):
    """Base of everything that rechroma raises on purpose; shown to a user as one line."""

    exit_code = 1


class OptionError(RechromaError):
    """Options that do not go together or have a value nobody knows."""

    exit_code = 2


class InputError(RechromaError):
    """The input is missing, empty, a folder in a file's place, or holds nothing that can be coloured."""

    exit_code = 3


class DamagedMediaError(InputError):
    """The input is of a known kind, but broken so early that nothing can be decoded."""

    exit_code = 4


class OutputError(RechromaError):
    """The output cannot be written where it was asked for, or would replace the input."""

    exit_code = 5


class DiskError(OutputError):
    """The disk is full or failed while the output was written."""

    exit_code = 6


class EncoderError(RechromaError):
    """The codec or container is unknown, absent, or cannot hold this picture or these streams."""

    exit_code = 7


class ModelError(RechromaError):
    """The model is unknown, or its weights are missing, tampered with or of another network."""

    exit_code = 8


class DeviceError(RechromaError):
    """The device asked for is absent, or too small for a single picture."""

    exit_code = 9


class PartialFailureError(RechromaError):
    """The batch is finished, but some of its files failed; each was named with its reason."""

    exit_code = 10


class VerificationError(RechromaError):
    """The output does not keep what the input had."""

    exit_code = 11


class WorkerError(RechromaError):
    """Workers die again and again, cannot be reached, or are not what the others are."""

    exit_code = 13


def one_line(error: BaseException, path: object = None) -> str:
    """What happened, in one line; without the ``path`` that it happened to, where that is named beside it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if path is None else text.removeprefix(f"{path}: ").replace(f"{path} is ", "it is ")
