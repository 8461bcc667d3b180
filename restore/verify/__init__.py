"""Proof that a result kept the original, read back from its files."""
