"""Weight files: safetensors in fp16 that carry the network's name and sizes; checked by SHA-256, never a pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from restore_models.encoders import MOBILENET_V2, build_encoder
from restore_models.irtranslate import IRTranslate, IRTranslateSizes
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.pix2pix import Pix2PixGenerator, Pix2PixSizes
from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
from restore_models.thermal import ThermalGenerator, ThermalSizes

FORMAT_VERSION = "1"


class WeightsError(ValueError):
    """A weight file that is missing, tampered with, damaged or of an unknown network."""


def build_pix2pix(sizes: dict[str, Any]) -> Pix2PixGenerator:
    encoder = sizes.get("encoder", MOBILENET_V2)
    own = Pix2PixSizes(decoder_channels=tuple(sizes["decoder_channels"]), encoder=encoder)
    return Pix2PixGenerator(encoder=build_encoder(encoder), sizes=own)


def build_pixcolor_from(sizes: dict[str, Any]) -> PixColor:
    return build_pixcolor(PixColorSizes.from_json(sizes))


def build_thermal(sizes: dict[str, Any]) -> ThermalGenerator:
    channels = tuple(sizes["decoder_channels"])
    own = ThermalSizes(**{**sizes, "decoder_channels": channels})
    return ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=own)


def build_irtranslate(sizes: dict[str, Any]) -> IRTranslate:
    return IRTranslate(encoder=MobileNetV2Encoder(), sizes=IRTranslateSizes(**sizes))


BUILDERS: Mapping[str, Callable[[dict[str, Any]], nn.Module]] = {
    "pix2pix": build_pix2pix,
    "pixcolor": build_pixcolor_from,
    "thermal": build_thermal,
    "irtranslate": build_irtranslate,
}


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its trained weights, in evaluation mode, fp32, on the CPU."""

    module: nn.Module
    network: str
    """Key of :data:`BUILDERS`: the architecture."""
    sha256: str
    metadata: dict[str, str]


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_type(value: Tensor, dtype: torch.dtype) -> Tensor:
    """Converts real numbers; counts stay as they are."""
    return value.to(dtype) if value.is_floating_point() else value


def save_network(path: Path, state: Mapping[str, Tensor], *, network: str, sizes: Any, **notes: str) -> None:
    """Writes ``state`` as fp16. ``sizes`` is the network's frozen dataclass; ``notes`` go to the metadata."""
    metadata = {"format": FORMAT_VERSION, "network": network, "sizes": json.dumps(asdict(sizes)), **notes}
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous() for name, value in state.items()
    }
    save_file(tensors, path, metadata=metadata)


def check_shapes(
    build: Callable[[dict[str, Any]], nn.Module], sizes: dict[str, Any], state: Mapping[str, Tensor]
) -> None:
    """Builds without memory first: sizes that the tensors do not have may be larger than the machine.

    Raises ``ValueError``.
    """
    with torch.device("meta"):
        wanted = {name: value.shape for name, value in build(sizes).state_dict().items()}
    for name in sorted(wanted.keys() | state.keys()):
        has = tuple(state[name].shape) if name in state else "missing"
        needs = tuple(wanted[name]) if name in wanted else "unknown"
        if has != needs:
            raise ValueError(f"{name} is {has} in the file and {needs} in a network of its sizes")


def load_network(path: Path, *, expected_sha256: str | None = None) -> LoadedNetwork:
    """Builds the network that a weight file names, with its weights. Raises :class:`WeightsError`."""
    if not path.is_file():
        raise WeightsError(f"no weight file {path}")
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if expected_sha256 is not None and sha256 != expected_sha256:
        raise WeightsError(
            f"{path.name} is not the file that was shipped (its SHA-256 differs); install rechroma again"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is not a safetensors file: {error}") from error
    network = metadata.get("network", "")
    if network not in BUILDERS or metadata.get("format") != FORMAT_VERSION:
        raise WeightsError(f"{path.name} holds network {network!r}; this version knows {sorted(BUILDERS)}")
    try:
        sizes = json.loads(metadata["sizes"])
        check_shapes(BUILDERS[network], sizes, state)
        module = BUILDERS[network](sizes)
        module.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
        )
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path.name} does not fit network {network!r}: {str(error).splitlines()[0]}") from error
    for name, value in module.state_dict().items():
        if not torch.isfinite(value).all():
            raise WeightsError(f"{path.name} has values in {name} that are not finite")
    return LoadedNetwork(module.eval(), network, sha256, metadata)
