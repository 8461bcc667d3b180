"""The commands of training: train, evaluate, bench, align."""

from restore_train.cli import evaluate_samples, evaluate_thermal  # each adds itself to the group ``evaluate``

__all__ = ["evaluate_samples", "evaluate_thermal"]
