"""Measures colour against known truth: photos, clips, several samples of a picture, thermal pairs."""
