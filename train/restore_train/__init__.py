"""Training and measuring: data sets, losses, the loop, the evaluator."""
