"""What is shown of hostile names."""

from __future__ import annotations

import logging

import pytest

from restore.cli.console import console, printable, show_error
from restore.cli.main import configure_logging
from restore.errors import InputError


def test_control_characters_are_written_out() -> None:
    assert printable("a\nb\x1b[31m\u202egpj.caf\udce9\t") == "a\\nb\\x1b[31m\\u202egpj.caf\\udce9\\t"
    assert printable("é 東京 ☃ [bold]") == "é 東京 ☃ [bold]"


def test_an_error_is_one_line_whatever_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(InputError("line\nbreak\x1b]0;title\a.mp4 does not exist; check the name"))
    console.print("failed: a\nb", markup=False, soft_wrap=True)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 2
    assert "\x1b]" not in shown
    assert "line\\nbreak" in shown


def test_readers_of_broken_files_do_not_chatter(caplog: pytest.LogCaptureFixture) -> None:
    configure_logging(0)
    logging.getLogger("imagecodecs").warning("PNG warning: iCCP: CRC error")
    logging.getLogger("tifffile").error("corrupted page")
    assert caplog.text == ""
    configure_logging(2)
    logging.getLogger("tifffile").error("corrupted page")
    assert "corrupted page" in caplog.text
    configure_logging(0)
