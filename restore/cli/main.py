"""``rechroma``: the group of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import sys

import click

from restore.cli.console import console, show_error
from restore.cli.models import models
from restore.cli.photos import photos
from restore.cli.tools import bench, verify
from restore.cli.training import evaluate, train
from restore.cli.video import video
from restore.errors import RechromaError
from restore.version import VERSION

__all__ = ["main"]

EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="rechroma")
@click.option("-v", "--verbose", count=True, help="Log decisions; twice for everything.")
def rechroma(verbose: int) -> None:
    """Colour for old film and photos, with nothing of the original lost."""
    configure_logging(verbose)


def configure_logging(verbose: int) -> None:
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if verbose else "%(message)s"))
    for package in ("restore", "restore_models", "restore_train"):
        logger = logging.getLogger(package)
        logger.handlers = [handler]
        logger.setLevel(level)


for command in (video, photos, verify, models, bench, train, evaluate):
    rechroma.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Every error that is not a defect ends as one line and its own exit code."""
    try:
        code = rechroma.main(arguments, prog_name="rechroma", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        console.print("interrupted; nothing half-written was left under the output's name")
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.print("interrupted; nothing half-written was left under the output's name")
        sys.exit(EXIT_INTERRUPTED)
    except RechromaError as error:
        show_error(error)
        sys.exit(error.exit_code)
