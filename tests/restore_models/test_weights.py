"""Weight files: round trip, and refusal of everything that is not what it should be."""

from __future__ import annotations

import json
import pickle
import resource
import struct
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore_models import SHIPPED, WeightsError, load_network, open_model, save_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.pix2pix import Pix2PixGenerator, Pix2PixSizes
from restore_models.weights import sha256_of

LARGEST_MODEL_BYTES = 15_000_000
SIZES = Pix2PixSizes(decoder_channels=(16, 8, 8, 8))


@pytest.fixture(scope="module")
def weight_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = Pix2PixGenerator(encoder=MobileNetV2Encoder(), sizes=SIZES)
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    save_network(path, network.state_dict(), network="pix2pix", sizes=SIZES, recipe="toy")
    return path


def test_round_trip_keeps_sizes_and_weights(weight_file: Path) -> None:
    loaded = load_network(weight_file, expected_sha256=sha256_of(weight_file))
    again = load_network(weight_file)
    assert isinstance(loaded.module, Pix2PixGenerator)
    assert loaded.module.sizes == SIZES
    assert loaded.metadata["recipe"] == "toy"
    assert not loaded.module.training
    luma = torch.rand(1, 1, 32, 32)
    assert torch.equal(loaded.module(luma), again.module(luma))


def test_one_flipped_byte_is_refused(weight_file: Path, tmp_path: Path) -> None:
    tampered = tmp_path / "tampered.safetensors"
    content = bytearray(weight_file.read_bytes())
    content[-10] ^= 1
    tampered.write_bytes(content)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_network(tampered, expected_sha256=sha256_of(weight_file))


def test_a_truncated_file_is_refused(weight_file: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.safetensors"
    short.write_bytes(weight_file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_network(short)


def test_another_network_s_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={"format": "1", "network": "pix2pix", "sizes": "{}"})
    with pytest.raises(WeightsError, match="does not fit"):
        load_network(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="holds network"):
        load_network(path)


def file_of(header: bytes, *, length: int | None = None) -> bytes:
    """A safetensors file of nothing but a header, which may lie about its length."""
    return struct.pack("<Q", len(header) if length is None else length) + header


def claims(sizes: str, **tensors: object) -> bytes:
    metadata = {"format": "1", "network": "pix2pix", "sizes": sizes}
    return file_of(json.dumps({"__metadata__": metadata, **tensors}).encode())


LYING = {
    "a header without end": file_of(b"{}", length=2**63),
    "a header behind the end": file_of(b"{}", length=10**8),
    "a tensor without end": claims("{}", a={"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}),
    "offsets that overflow": claims("{}", a={"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 2**63 - 1]}),
    "a network for no machine": claims('{"decoder_channels": [1000000, 1000000, 8, 8]}'),
    "sizes of another kind": claims('{"decoder_channels": "many"}'),
    "sizes too deep": claims("[" * 100_000),
    "a header too deep": file_of(b"[" * 100_000 + b"]" * 100_000),
    "a pickle": pickle.dumps({"weight": 1}),
    "nothing": b"",
}


@pytest.mark.parametrize("name", list(LYING))
def test_a_file_that_lies_about_sizes_is_refused_before_memory_is_taken(name: str, tmp_path: Path) -> None:
    path = tmp_path / "lying.safetensors"
    path.write_bytes(LYING[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)
    if sys.platform == "linux":
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "KiB"


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.ckpt", "weights.bin", "weights.pkl"])
def test_files_that_may_hold_pickles_are_not_even_opened(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"weight": 1}))
    with pytest.raises(WeightsError, match=r"give a \.safetensors"):
        open_model(str(tmp_path / name))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    network = Pix2PixGenerator(encoder=MobileNetV2Encoder(), sizes=SIZES)
    network.head.weight.data[0] = float("nan")
    path = tmp_path / "nan.safetensors"
    save_network(path, network.state_dict(), network="pix2pix", sizes=SIZES)
    with pytest.raises(WeightsError, match="not finite"):
        load_network(path)


def test_a_missing_file_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weight file"):
        load_network(tmp_path / "absent.safetensors")
    with pytest.raises(WeightsError, match="unknown model 'deoldify'; shipped are pix2pix"):
        open_model("deoldify")


@pytest.mark.parametrize("name", list(SHIPPED))
def test_shipped_models_are_whole_small_and_have_a_card(name: str) -> None:
    network, shipped = open_model(name)
    assert shipped is not None
    assert network.sha256 == shipped.sha256
    assert shipped.weights.stat().st_size <= LARGEST_MODEL_BYTES
    card = shipped.card.read_text(encoding="utf-8")
    assert shipped.sha256 in card


@pytest.mark.parametrize("name", list(SHIPPED))
def test_shipped_models_colour_a_picture(name: str) -> None:
    network, shipped = open_model(name)
    assert shipped is not None
    assert shipped.makes_luma == getattr(network.module, "makes_luma", False)
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    with torch.inference_mode():
        answer = network.module(ramp)
    chroma = answer[1] if shipped.makes_luma else answer
    assert chroma.shape == (1, 2, 16, 16)
    assert torch.isfinite(chroma).all()
    assert chroma.abs().max() > 0


@pytest.mark.parametrize("name", SHIPPED)
def test_the_deepest_features_of_shipped_models_tell_pictures_apart(name: str) -> None:
    network, _ = open_model(name)
    pictures = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    lumas = torch.nn.functional.interpolate(pictures, size=(96, 96), mode="bilinear")
    with torch.inference_mode():
        *_, deepest = network.module.get_submodule("encoder")(lumas)
    assert deepest.std(dim=0).mean() > 0.01
