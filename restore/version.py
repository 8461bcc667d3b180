"""The version, from the installed distribution; known even in a checkout that was not installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("rechroma")
except PackageNotFoundError:
    VERSION = "0+unknown"
