"""The command line: a thin layer that gathers options and makes one call."""

from restore.cli.main import main

__all__ = ["main"]
