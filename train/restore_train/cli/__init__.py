"""The commands of training, which ``rechroma`` loads when they are asked for: train, evaluate, bench, align."""
