"""``rechroma``: the group of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import signal
import sys
from importlib import import_module
from types import FrameType

import click

from restore.cli.console import console, show_error
from restore.errors import RechromaError
from restore.version import VERSION

NOTHING_LEFT = "nothing half-written was left under the output's name"
READERS = ("imagecodecs", "tifffile")  # our one line says what they log of a broken file
INTERRUPTED = 128 + signal.SIGINT
STOP_SIGNALS = ("SIGTERM", "SIGHUP")  # like Ctrl-C: what is half-written is removed

COMMANDS = {
    **{name: f"restore.cli.{name}" for name in ("models", "photos", "status", "thermal", "verify", "video")},
    **{name: f"restore_train.cli.{name}" for name in ("align", "bench", "evaluate", "train")},
}
"""The module of each command, which is imported when it is asked for. Nothing else of ``restore`` knows
``restore_train``."""


class LazyGroup(click.Group):
    """A group that imports a command at its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
            command.params.append(VERBOSE_AFTER_COMMAND)
            self.add_command(command)
        return super().get_command(ctx, cmd_name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="rechroma")
@click.option("-v", "--verbose", count=True, help="Log decisions; twice for everything.")
def rechroma(verbose: int) -> None:
    """Colour for old film, photos and thermal pictures, with nothing of the original lost."""
    configure_logging(verbose)


def configure_logging(verbose: int) -> None:
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if verbose else "%(message)s"))
    for package in ("restore", "restore_models", "restore_train"):
        logger = logging.getLogger(package)
        logger.handlers = [handler]
        logger.setLevel(level)
    for package in READERS:
        logging.getLogger(package).setLevel(logging.DEBUG if verbose > 1 else logging.CRITICAL)


def configure_logging_again(_: click.Context, __: click.Parameter, verbose: int) -> None:
    if verbose:
        configure_logging(verbose)


VERBOSE_AFTER_COMMAND = click.Option(  # people write -v after the command as well as before it
    ["-v", "--verbose"], count=True, expose_value=False, callback=configure_logging_again, help="Log decisions."
)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def stop_cleanly_on_signals() -> None:
    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup's choice stays
            signal.signal(number, interrupt)


def show_interrupt(error: BaseException) -> int:
    """Shows what a signal left, and returns the exit code: one for all signals, so that scripts have one case."""
    cause = error.__cause__ or error
    console.print(f"interrupted; {how_to_resume(cause) or NOTHING_LEFT}", markup=False, soft_wrap=True)
    return INTERRUPTED


def how_to_resume(error: BaseException) -> str:
    """Returns what the library noted on an error that ended a job which can be resumed."""
    return "; ".join(getattr(error, "__notes__", []))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. Every error that is not a defect ends as one line and its own exit code."""
    stop_cleanly_on_signals()
    try:
        code = rechroma.main(arguments, prog_name="rechroma", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        sys.exit(show_interrupt(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see {context.command_path} --help" if context else ""
        show_error(error.format_message().rstrip(".") + hint)
        sys.exit(error.exit_code)
    except RechromaError as error:
        show_error("; ".join(filter(None, (str(error), how_to_resume(error)))))
        sys.exit(error.exit_code)
