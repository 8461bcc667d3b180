"""What a network starts from, and which of its parts learn at which rate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restore_models import open_model
from restore_train.learners import Learner, build_learner
from restore_train.loop import optimizer_for
from restore_train.recipe import Network, Phase

PIXCOLOR = Network(
    kind="pixcolor",
    sizes={"conditioning": [256, 192, 96], "width": 8, "layers": 1, "post_width": 8, "refinement_width": 8},
    starts_from="pix2pix",
    frozen_blocks=19,
)
PHASE = Phase(
    name="symbols", steps=1, batch=1, crop=64, smallest=64, largest=64, lr=1e-3, pretrained_lr=1e-5,
    losses={"pixelcnn": 1.0},
)  # fmt: skip


def learner_of(network: Network, data: Path) -> Learner:
    cpu = torch.device("cpu")
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=False)
    return build_learner(network, data, device=cpu, autocast=autocast, rarity=torch.empty(0))


@pytest.fixture(scope="module")
def pixcolor(tmp_path_factory: pytest.TempPathFactory) -> Learner:
    return learner_of(PIXCOLOR, tmp_path_factory.mktemp("data"))


def test_pixcolor_starts_from_the_default_models_trunk(pixcolor: Learner) -> None:
    own = pixcolor.module.eval()
    shipped = open_model("pix2pix")[0].module
    luma = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    trunk: list[torch.Tensor] = []
    inputs: list[torch.Tensor] = []
    with torch.inference_mode():
        handle = shipped.up[1].register_forward_hook(lambda *call: trunk.append(call[2]))  # type: ignore[union-attr,index]
        own.conditioning.mix.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))  # type: ignore[union-attr]
        shipped(luma)
        own.conditioning(own.encoder(luma))  # type: ignore[operator]
        handle.remove()
    torch.testing.assert_close(inputs[0], trunk[0])


def test_only_what_was_given_learns_slowly_and_the_frozen_do_not_learn(pixcolor: Learner) -> None:
    names = {id(parameter): name for name, parameter in pixcolor.module.named_parameters()}
    fresh, given = (
        {names[id(parameter)] for parameter in group["params"]}
        for group in optimizer_for(pixcolor, PIXCOLOR, PHASE).param_groups
    )
    trunk = ("conditioning.bottom", "conditioning.scene", "conditioning.up")
    assert given == {name for name in names.values() if name.startswith(trunk)}
    assert "conditioning.mix.first.weight" in fresh
    assert not any(name.startswith("encoder") for name in fresh)


def test_a_backbone_fills_the_encoder_alone(shared_data: Path) -> None:
    network = Network(sizes={"decoder_channels": [8, 8, 8, 8]}, backbone="backbones/mobilenet_v2.safetensors")
    learner = learner_of(network, shared_data)
    assert learner.pretrained == {f"encoder.{name}" for name in learner.module.encoder.state_dict()}  # type: ignore[union-attr]
