"""The training loop: one function read top to bottom, resumable at every checkpoint."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from restore_models.weights import save_network
from restore_train.batch_statistics import STATISTICS_BATCHES, measure_statistics
from restore_train.learners import Learner, build_learner
from restore_train.recipe import Network, Phase, Recipe, rate_at
from restore_train.sources import Material, Source

log = logging.getLogger(__name__)

CLIP_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class TrainOptions:
    """Where and how a recipe is run; nothing here changes what is learnt, beside rounding."""

    data: Path
    """Folder that the recipe's paths are relative to."""
    run: Path
    """Folder for the log, checkpoints and the resulting weights."""
    device: str = "cpu"
    bf16: bool = False
    threads: int = 2
    checkpoint_seconds: float = 240.0
    """The longest that a killed run loses."""
    checkpoint_every: int = 1000
    """Steps between checkpoints with weights that can be used, which takes some batches more."""
    log_every: int = 50
    dry_run: bool = False
    """Build everything, take one step a phase, write nothing."""


def optimizer_for(learner: Learner, network: Network, phase: Phase) -> torch.optim.AdamW:
    trained = {name: parameter for name, parameter in learner.module.named_parameters() if parameter.requires_grad}
    rates: dict[float, list[nn.Parameter]] = {phase.lr: []}
    for name, parameter in trained.items():
        rate = phase.pretrained_lr if name in learner.pretrained else phase.lr
        if phase.encoder_lr is not None and name.startswith("encoder."):
            rate = phase.encoder_lr
        rates.setdefault(rate, []).append(parameter)
    groups = [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]
    betas = (0.9, 0.99) if phase.adversary is None else (0.5, 0.99)
    return torch.optim.AdamW(groups, betas=betas, weight_decay=network.weight_decay, fused=True)


def batches(source: Source, count: int, seed: int, start: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Steps ``start`` to ``stop``: each step's batch depends on its number alone, and is made one step ahead."""

    def make(step: int) -> tuple[Tensor, Tensor]:
        seen, truth = source.batch(count, np.random.default_rng((seed, step)))
        channels_last = torch.from_numpy(seen).contiguous(memory_format=torch.channels_last)
        return channels_last, torch.from_numpy(truth)

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, start)
        for step in range(start, stop):
            ready, ahead = ahead, pool.submit(make, min(step + 1, stop - 1))
            yield ready.result()


@torch.no_grad()
def follow(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Moves the running average toward the weights; buffers likewise, until :func:`completed` measures them."""
    for kept, current in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(current, 1 - decay)
        else:
            kept.copy_(current)


def completed(
    learner: Learner, average: nn.Module, material: Material, phase: Phase, seed: int, count: int
) -> nn.Module:
    """A copy of the average to keep: batch norm's statistics measured on ``count`` batches that no step learnt from."""
    measured = deepcopy(average)
    device = next(measured.parameters()).device
    source = material.source(phase, learner.stride)
    seen = batches(source, phase.batch, seed, phase.steps, phase.steps + count)
    measure_statistics(measured, lambda luma: learner.show(measured, luma), (luma.to(device) for luma, _ in seen))
    learner.complete(measured, material)
    return measured


def set_rates(optimizer: torch.optim.Optimizer, base: list[float], factor: float) -> None:
    for group, lr in zip(optimizer.param_groups, base, strict=True):
        group["lr"] = lr * factor


def train(recipe: Recipe, options: TrainOptions) -> Path:
    """Runs or resumes a recipe, and gives the path of the finished fp16 weights.

    The run folder keeps ``recipe.json``, ``log.jsonl``, ``checkpoint.pt`` (tensors and numbers only, read with
    ``weights_only``) and one weight file a phase. Raises ``ValueError`` when the folder holds another recipe's run.
    """
    # Where: threads, device, precision.
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(recipe.seed)
    device = torch.device(options.device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=options.bf16)

    # What: the pictures, decoded when a phase asks for them.
    material = Material(recipe, options.data, threads=options.threads)
    rarity = material.rarity().to(device)

    # Who: the network, what it learns with, and its running average, which is what is kept.
    learner = build_learner(recipe.network, options.data, device=device, autocast=autocast, rarity=rarity)
    module = learner.module
    average = deepcopy(module).eval()

    # Where it stopped last time.
    checkpoint_path = options.run / "checkpoint.pt"
    resumed: dict[str, Any] = {}
    if not options.dry_run:
        options.run.mkdir(parents=True, exist_ok=True)
        remember_recipe(recipe, options.run / "recipe.json")
        if checkpoint_path.exists():
            resumed = torch.load(checkpoint_path, map_location=device, weights_only=True)
    finished = options.run / f"{recipe.name}.safetensors"

    for number, phase in enumerate(recipe.phases):
        name = phase.name
        weights_path = options.run / f"{recipe.name}-{name}.safetensors"
        if resumed and resumed["phase"] != name:
            continue  # an earlier phase, complete
        if number > 0 and not resumed:
            module.load_state_dict(average.state_dict())  # a phase starts from the best of the one before
        optimizer = optimizer_for(learner, recipe.network, phase)
        learner.begin(phase)
        base_rates = [group["lr"] for group in optimizer.param_groups]
        first_step = 0
        if resumed:
            first_step = int(resumed["step"])
            module.load_state_dict(resumed["module"])
            average.load_state_dict(resumed["average"])
            optimizer.load_state_dict(resumed["optimizer"])
            learner.restore(resumed["learner"])
            resumed = {}
            log.info("%s: resumed at step %d", name, first_step)
        last_step = 1 if options.dry_run else phase.steps
        seed = recipe.seed + 1_000_003 * number
        source = material.source(phase, learner.stride)
        module.train()
        sums: dict[str, float] = {}
        tick, tick_step = time.monotonic(), first_step
        checkpoint_tick = tick

        for step, (luma, truth) in enumerate(batches(source, phase.batch, seed, first_step, last_step), first_step):
            luma, truth = luma.to(device, non_blocking=True), truth.to(device, non_blocking=True)
            set_rates(optimizer, base_rates, rate_at(step, phase))

            loss, losses = learner.losses(luma, truth, step)
            if loss is not None:
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(module.parameters(), CLIP_GRADIENT_NORM)
                optimizer.step()
                follow(average, module, min(phase.ema, (1 + step) / (10 + step)))

            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + float(value.detach())
            done = step + 1
            if done % options.log_every == 0 and not options.dry_run:
                seconds = time.monotonic() - tick
                line: dict[str, Any] = {"phase": name, "step": done}
                line |= {key: total / (done - tick_step) for key, total in sums.items()}
                line["pictures_per_second"] = round(phase.batch * (done - tick_step) / seconds, 1)
                append_line(options.run / "log.jsonl", line)
                log.info("%s", line)
                sums, tick, tick_step = {}, time.monotonic(), done
            useful = done % options.checkpoint_every == 0
            due = time.monotonic() - checkpoint_tick >= options.checkpoint_seconds
            if (useful or due or done == last_step) and not options.dry_run:
                checkpoint_tick = time.monotonic()
                checkpoint = {
                    "phase": name,
                    "step": done,
                    "module": module.state_dict(),
                    "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "learner": learner.state(),
                }
                temporary = checkpoint_path.with_suffix(".tmp")
                torch.save(checkpoint, temporary)
                temporary.replace(checkpoint_path)
                if useful and done < last_step:
                    usable = completed(learner, average, material, phase, seed, STATISTICS_BATCHES)
                    save(learner, usable, weights_path, recipe, name, done)

        average = completed(learner, average, material, phase, seed, 1 if options.dry_run else STATISTICS_BATCHES)
        if not options.dry_run:
            save(learner, average, weights_path, recipe, name, phase.steps)
            save(learner, average, finished, recipe, name, phase.steps)
    return finished


def save(learner: Learner, average: nn.Module, path: Path, recipe: Recipe, phase: str, step: int) -> None:
    notes = {"recipe": recipe.name, "phase": phase, "step": str(step)}
    save_network(path, average.state_dict(), network=learner.kind, sizes=learner.sizes, **notes)


def remember_recipe(recipe: Recipe, path: Path) -> None:
    """Keeps the recipe beside its run; a run is never continued with other data or another network.

    Numbers of steps may change: a longer or earlier-ended schedule is the same run up to its decay.
    """
    values = asdict(recipe)
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(values))
        if any(before[key] != as_known_then(now[key], before[key]) for key in ("seed", "data", "network")):
            raise ValueError(f"{path.parent} holds a run of another recipe; give another run folder")
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def as_known_then(now: Any, before: Any) -> Any:
    """Settings without those that the program which began the run did not have."""
    return {key: now[key] for key in now if key in before} if isinstance(now, dict) else now


def append_line(path: Path, values: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
