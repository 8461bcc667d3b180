"""The thermal GAN and its baseline in training; see :class:`restore_train.learners.Learner`."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.irtranslate import IRTranslate, mixture_log_probability
from restore_models.thermal import ThermalDiscriminator, ThermalGenerator
from restore_train.light import fit_light
from restore_train.losses import discriminator_loss, generator_loss
from restore_train.recipe import Adversary, Phase
from restore_train.sources import Material
from restore_train.thermal_losses import (
    FeatureLoss,
    ThermalContentLoss,
    critic_loss,
    critic_preference,
    gradient_penalty,
    squared_rgb_error,
)
from restore_train.thermal_pairs import pair_weights

TOLD = 0.5  # of pairs, whose light is told for sure
JITTER = 3  # pixels: how far the discriminator's thermal picture is moved, so that registration gives nobody away
BETAS = {"least-squares": (0.5, 0.99), "wasserstein": (0.0, 0.9)}  # Adam's; the second is Gulrajani's, algorithm 1


class ThermalLearner:
    """The generator with its content losses, and the discriminator or critic of adversarial phases."""

    kind = "thermal"
    stride = ThermalGenerator.stride

    def __init__(
        self, generator: ThermalGenerator, *, device: torch.device, autocast: torch.autocast, pretrained: Set[str]
    ) -> None:
        self.module, self.sizes, self.pretrained = generator, generator.thermal_sizes, pretrained
        self.features = FeatureLoss(generator.encoder).to(device)
        self.discriminator = ThermalDiscriminator().to(device)
        self.autocast = autocast

    def begin(self, phase: Phase) -> None:
        self.adversary = phase.adversary
        self.content_loss = ThermalContentLoss(phase.losses, gain=phase.gain, beta=phase.beta, features=self.features)
        rate, game = (phase.adversary.lr, phase.adversary.game) if phase.adversary else (0.0, "least-squares")
        self.judge = torch.optim.AdamW(self.discriminator.parameters(), lr=rate, betas=BETAS[game], weight_decay=0.0)

    def losses(self, thermal: Tensor, truth: Tensor, step: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        """``thermal`` is B x 1 x S x S in [0, 1], ``truth`` (Y, Cb, Cr, light) B x 4 x S x S.

        The network is told of the light, which it would else have to guess.
        """
        truth, light = truth[:, :3], truth[:, 3:, :1, :1]
        with self.autocast:
            luma, chroma = self.module(thermal, hearsay(light))
        luma, chroma = luma.float(), chroma.float()
        loss, parts = self.content_loss(luma, chroma, truth)
        if self.adversary is None:
            return loss, parts

        # Both pictures' chroma is shown at its own grain, enlarged alike, so that sharpness betrays neither.
        true_chroma = F.avg_pool2d(truth[:, 1:], self.stride)
        real, fake = picture_of(truth[:, :1], true_chroma), picture_of(luma, chroma)
        parts |= self.teach_judge(self.adversary, thermal, real, fake.detach())
        if step < self.adversary.alone_steps:
            return None, parts
        scores = self.discriminator(jittered(thermal), fake)
        wasserstein = self.adversary.game == "wasserstein"
        parts["fooling"] = critic_preference(scores) if wasserstein else generator_loss(scores)
        return loss + self.adversary.weight * parts["fooling"], parts

    def teach_judge(self, adversary: Adversary, thermal: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        real_scores = self.discriminator(jittered(thermal), real)
        fake_scores = self.discriminator(jittered(thermal), fake)
        if adversary.game == "wasserstein":
            parts = {
                "judge": critic_loss(real_scores, fake_scores),
                "penalty": gradient_penalty(self.discriminator, jittered(thermal), real, fake),
            }
        else:
            parts = {"judge": discriminator_loss(real_scores, fake_scores)}
        self.judge.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.judge.step()
        return parts

    def show(self, module: nn.Module, luma: Tensor) -> None:
        with self.autocast:
            module(luma)

    def complete(self, module: nn.Module, material: Material) -> None:
        assert isinstance(module, ThermalGenerator)
        if pairs := material.pairs:
            fit_light(module, pairs, pair_weights(pairs, material.recipe.data.pair_weights, night=1.0))

    def state(self) -> dict[str, Any]:
        return {"discriminator": self.discriminator.state_dict(), "judge": self.judge.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.judge.load_state_dict(state["judge"])


def hearsay(light: Tensor) -> Tensor:
    """Light as a guess tells it: its size is how sure it is, and it is right as often as that says.

    Half of ``light``, ``B x 1 x 1 x 1`` of -1, 0 and 1, is told as it is. Of the rest, any number s between 0 and 1 is
    the size, and the sign is right with probability (1 + s) / 2: then the number is what to expect of the light.
    """
    size = torch.where(torch.rand_like(light) < TOLD, 1.0, torch.rand_like(light))
    sign = torch.where(torch.rand_like(light) < (1 + size) / 2, 1.0, -1.0)
    return light * size * sign


def picture_of(luma: Tensor, chroma: Tensor) -> Tensor:
    """Luma ``B x 1 x H x W`` and smaller chroma to Y, Cb, Cr ``B x 3 x H x W``."""
    return torch.cat([luma, F.interpolate(chroma, size=luma.shape[-2:], mode="bilinear")], dim=1)


def jittered(thermal: Tensor) -> Tensor:
    """The batch, moved up to three pixels down and across.

    True pairs are off by a pixel or two and generated ones are not: without this the discriminator would ask the
    generator for wrong edges.
    """
    down, across = (int(shift) for shift in torch.randint(-JITTER, JITTER + 1, (2,)))
    padded = F.pad(thermal, (JITTER,) * 4, mode="reflect")
    height, width = thermal.shape[-2:]
    return padded[..., JITTER + down : JITTER + down + height, JITTER + across : JITTER + across + width]


class IRTranslateLearner:
    """The baseline: regression by squared error, or by the likelihood of a mixture of logistics."""

    kind = "irtranslate"
    stride = IRTranslate.stride

    def __init__(self, module: IRTranslate, *, autocast: torch.autocast, pretrained: Set[str]) -> None:
        self.module, self.sizes, self.pretrained = module, module.sizes, pretrained
        self.autocast = autocast

    def begin(self, phase: Phase) -> None:
        wanted = "squared_error" if self.sizes.head == "mse" else "log_likelihood"
        if set(phase.losses) != {wanted}:
            raise ValueError(f"a head {self.sizes.head!r} learns by {wanted} alone, not {sorted(phase.losses)}")
        self.weight = phase.losses[wanted]

    def losses(self, thermal: Tensor, truth: Tensor, step: int) -> tuple[Tensor | None, dict[str, Tensor]]:  # noqa: ARG002
        """As :meth:`ThermalLearner.losses`; light is left to the network."""
        truth = truth[:, :3]
        with self.autocast:
            raw = self.module.raw(thermal)
        raw = raw.float()  # at stride 2
        picture = F.avg_pool2d(truth, 2) + truth.new_tensor((0.0, 0.5, 0.5))[:, None, None]  # all in [0, 1]
        if self.sizes.head == "mse":
            error = squared_rgb_error(0.5 + raw, picture)
            return self.weight * error, {"squared_error": error}
        nats = -mixture_log_probability(raw, picture).mean()
        return self.weight * nats, {"log_likelihood": nats}

    def show(self, module: nn.Module, luma: Tensor) -> None:
        with self.autocast:
            module(luma)

    def complete(self, module: nn.Module, material: Material) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass
