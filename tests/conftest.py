"""What every test may use: the real pictures and films where they are, toy models, and a toy film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.paint.network import Colorizer
from restore_models import save_network
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.pix2pix import Pix2PixGenerator, Pix2PixSizes
from restore_models.pixcolor import PixColorSizes, build_pixcolor
from tests.media import write_film
from tests.tools import missing

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TOY_WORKING_SIZE = 64


THREADS = 1
"""Of PyTorch in tests: the last bits of a network on a CPU depend on their number, and tests compare bytes."""

torch.set_num_threads(THREADS)


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Leaves PyTorch's threads as they were, whatever a command of the test set."""
    yield
    torch.set_num_threads(THREADS)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        missing("the shared data folder is not beside the project")
    return SHARED_DATA


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a narrow, untrained network that answers with strong, varied colour."""
    torch.manual_seed(4)
    sizes = Pix2PixSizes(decoder_channels=(8, 8, 8, 8))
    network = Pix2PixGenerator(encoder=MobileNetV2Encoder(), sizes=sizes)
    network.head.weight.data *= 20
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_network(path, network.state_dict(), network="pix2pix", sizes=sizes)
    return path


@pytest.fixture(scope="session")
def toy_colorizer(toy_model: Path) -> Colorizer:
    return Colorizer(str(toy_model), engine="torch", precision="fp32", device="cpu", working_size=TOY_WORKING_SIZE)


@pytest.fixture(scope="session")
def sampling_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a narrow, untrained PixColor; its post-head is made bold, so that draws show."""
    torch.manual_seed(2)
    sizes = PixColorSizes(conditioning=(8, 8, 8), width=8, layers=2, post_width=8, refinement_width=8)
    network = build_pixcolor(sizes)
    with torch.no_grad():
        network.post_head.last.weight *= 40
        torch.nn.init.normal_(network.refinement.last.weight, std=0.02)
    path = tmp_path_factory.mktemp("pixcolor") / "toy.safetensors"
    save_network(path, network.state_dict(), network="pixcolor", sizes=sizes)
    return path


@pytest.fixture(scope="session")
def sampling_colorizer(sampling_model: Path) -> Colorizer:
    return Colorizer(str(sampling_model), engine="torch", precision="fp32", device="cpu", working_size=TOY_WORKING_SIZE)


@pytest.fixture
def gray_film(tmp_path: Path) -> Path:
    """Ten gray frames of 96 x 64 in a second, lossless."""
    return write_film(tmp_path / "film.mkv", [np.full((64, 96), 20 * number + 20, np.uint8) for number in range(10)])
