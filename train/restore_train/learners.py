"""What the training loop needs to know of a network: how it is built, what it learns from a batch, what to keep."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models import open_model
from restore_models.pix2pix import PatchDiscriminator, Pix2PixGenerator
from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
from restore_models.weights import build_irtranslate, build_pix2pix, build_thermal
from restore_train.backbones import luma_backbone, rgb_mobilenet
from restore_train.losses import (
    ColourFeatureLoss,
    ContentLoss,
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
)
from restore_train.pixcolor_training import refinement_loss, symbol_losses
from restore_train.recipe import Network, Phase, rate_at
from restore_train.sources import Material
from restore_train.thermal_learners import IRTranslateLearner, ThermalLearner


class Learner(Protocol):
    """A network in training."""

    kind: str
    """Key of :data:`restore_models.weights.BUILDERS`."""
    sizes: Any
    """The network's frozen dataclass of sizes."""
    stride: int
    """The chroma that it learns from has one cell per ``stride`` x ``stride`` pixels of luma."""

    @property
    def module(self) -> nn.Module:
        """What is trained, averaged and saved."""

    pretrained: Set[str]
    """Names of the module's parameters that learn at a rate of their own."""

    def begin(self, phase: Phase) -> None:
        """A phase starts."""

    def losses(self, luma: Tensor, truth: Tensor, step: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        """What is to be minimised (nothing in a step that trains only a helper of the learner's) and figures to log.

        ``luma`` is B x 1 x S x S in [0, 1], ``truth`` B x 2 x S/stride x S/stride; those that learn from thermal pairs
        see heat in luma's place, and the truth is Y, Cb, Cr and light, B x 4 x S x S.
        """

    def show(self, module: nn.Module, luma: Tensor) -> None:
        """Sends a batch through all of ``module``, a copy of the one in training, that has batch norm."""

    def complete(self, module: nn.Module, material: Material) -> None:
        """Gives ``module``, a copy of the one in training, what is not learnt step by step."""

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs beside the module."""

    def restore(self, state: dict[str, Any]) -> None:
        """The reverse, after :meth:`begin`."""


class Pix2PixLearner:
    """The generator with its content losses, and the discriminator of adversarial phases."""

    kind = "pix2pix"
    stride = Pix2PixGenerator.stride

    def __init__(
        self,
        generator: Pix2PixGenerator,
        *,
        device: torch.device,
        autocast: torch.autocast,
        rarity: Tensor,
        pretrained: Set[str],
        features: ColourFeatureLoss | None = None,
    ) -> None:
        self.module, self.sizes, self.pretrained = generator, generator.sizes, pretrained
        self.features = features
        self.discriminator = PatchDiscriminator(channels=32).to(device)
        self.autocast, self.rarity = autocast, rarity

    def begin(self, phase: Phase) -> None:
        self.phase, self.adversary = phase, phase.adversary
        self.content_loss = ContentLoss(
            phase.losses, gain=phase.gain, beta=phase.beta, rarity=self.rarity, features=self.features
        )
        rate = phase.adversary.lr if phase.adversary is not None else 0.0
        self.judge = torch.optim.AdamW(self.discriminator.parameters(), lr=rate, betas=(0.5, 0.99))

    def losses(self, luma: Tensor, truth: Tensor, step: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        with self.autocast:
            chroma = self.module(luma)  # B x 2 x S/4 x S/4
        chroma = chroma.float()
        loss, parts = self.content_loss(chroma, truth, luma)
        if self.adversary is None:
            return loss, parts

        # Both colourings are judged at the luma's size, enlarged alike, so that sharpness betrays neither.
        fake = F.interpolate(chroma, size=luma.shape[-2:], mode="bilinear")
        real = F.interpolate(truth, size=luma.shape[-2:], mode="bilinear")
        with self.autocast:
            real_scores, fake_scores = self.discriminator(luma, real), self.discriminator(luma, fake.detach())
        parts["judge"] = discriminator_loss(real_scores.float(), fake_scores.float())
        for group in self.judge.param_groups:
            group["lr"] = self.adversary.lr * rate_at(step, self.phase)
        self.judge.zero_grad(set_to_none=True)
        parts["judge"].backward()  # type: ignore[no-untyped-call]
        self.judge.step()
        if step < self.adversary.alone_steps:
            return None, parts
        with self.autocast:
            *maps, scores = self.discriminator.maps(luma, fake)
        parts["fooling"] = generator_loss(scores.float())
        loss = loss + self.adversary.weight * parts["fooling"]
        if self.adversary.feature_matching:
            with torch.no_grad(), self.autocast:
                *true_maps, _ = self.discriminator.maps(luma, real)
            parts["matching"] = feature_matching_loss(true_maps, maps)
            loss = loss + self.adversary.feature_matching * parts["matching"]
        return loss, parts

    def show(self, module: nn.Module, luma: Tensor) -> None:
        with self.autocast:
            module(luma)

    def complete(self, module: nn.Module, material: Material) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {"discriminator": self.discriminator.state_dict(), "judge": self.judge.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.judge.load_state_dict(state["judge"])


class PixColorLearner:
    """PixelCNN and post-head teacher-forced; the refinement, which shares nothing with them, beside them."""

    kind = "pixcolor"
    stride = PixColor.stride

    def __init__(self, model: PixColor, *, autocast: torch.autocast, pretrained: Set[str]) -> None:
        self.module, self.sizes, self.pretrained = model, model.sizes, pretrained
        self.autocast = autocast

    def begin(self, phase: Phase) -> None:
        self.phase, self.weights = phase, phase.losses

    def losses(self, luma: Tensor, truth: Tensor, step: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        parts: dict[str, Tensor] = {}
        with self.autocast:
            if {"pixelcnn", "post_head"} & set(self.weights):
                alone = "pixelcnn" not in self.weights
                passes = self.passes_at(step)
                parts |= symbol_losses(self.module, luma, truth, passes=passes, holes=self.phase.holes, alone=alone)
            if "refinement" in self.weights:
                parts["refinement"] = refinement_loss(self.module, luma, truth)
        return torch.stack([weight * parts[name] for name, weight in self.weights.items()]).sum(), parts

    def passes_at(self, step: int) -> int | None:
        if "post_head" not in self.weights:
            return 0
        if self.phase.draws_every and step % self.phase.draws_every == 0:
            return None
        return 1 + step % self.phase.passes

    def show(self, module: nn.Module, luma: Tensor) -> None:
        assert isinstance(module, PixColor)
        with self.autocast:
            module.condition(luma)  # PixelCNN, post-head and refinement have no batch norm

    def complete(self, module: nn.Module, material: Material) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


def pretrain(module: nn.Module, network: Network, data: Path) -> Set[str]:
    """Gives a network the weights that its recipe starts from, and freezes its encoder's first blocks.

    The names of what is not random any more. PixColor's conditioning is the default model's U under another name.
    """
    own = module.state_dict()
    given: dict[str, Tensor] = {}
    if network.backbone is not None:
        weights = luma_backbone(network.backbone, data)
        given = {f"encoder.{name}": weights[name] for name in module.encoder.state_dict()}  # type: ignore[union-attr]
    if network.starts_from is not None:
        weights = open_model(network.starts_from)[0].module.state_dict()
        for name, value in own.items():
            source = weights.get(name.removeprefix("conditioning."))
            if source is not None and source.shape == value.shape:
                given[name] = source
    module.load_state_dict(own | given)
    for parameter in module.encoder.features[: network.frozen_blocks].parameters():  # type: ignore[union-attr,index]
        parameter.requires_grad_(False)
    return given.keys()


def build_learner(
    network: Network, data: Path, *, device: torch.device, autocast: torch.autocast, rarity: Tensor
) -> Learner:
    """The network that a recipe names, on its device, channels-last."""
    if network.kind == "thermal":
        thermal = build_thermal(network.sizes)
        pretrained = pretrain(thermal, network, data)
        return ThermalLearner(on(device, thermal), device=device, autocast=autocast, pretrained=pretrained)
    if network.kind == "irtranslate":
        baseline = build_irtranslate(network.sizes)
        pretrained = pretrain(baseline, network, data)
        return IRTranslateLearner(on(device, baseline), autocast=autocast, pretrained=pretrained)
    if network.kind == "pixcolor":
        model = build_pixcolor(PixColorSizes.from_json(network.sizes))
        pretrained = pretrain(model, network, data)
        return PixColorLearner(on(device, model), autocast=autocast, pretrained=pretrained)
    generator = build_pix2pix(network.sizes)
    pretrained = pretrain(generator, network, data)
    generator = on(device, generator)
    features = None
    if network.classifier is not None:
        features = ColourFeatureLoss(on(device, rgb_mobilenet(data / network.classifier)), autocast=autocast)
    return Pix2PixLearner(
        generator, device=device, autocast=autocast, rarity=rarity, pretrained=pretrained, features=features
    )


def on(device: torch.device, module: Any) -> Any:
    return module.to(device, memory_format=torch.channels_last)
