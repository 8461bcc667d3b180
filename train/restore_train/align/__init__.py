"""Aligns pairs of thermal and visible pictures."""
