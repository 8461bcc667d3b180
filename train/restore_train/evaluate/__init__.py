"""Measures models on photos, films and thermal pairs."""
