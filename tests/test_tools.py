"""A test that misses its data skips by hand, and fails where the run says that all must be there."""

from __future__ import annotations

import pytest

from tests.tools import REQUIRE_DATA, missing, run


@pytest.mark.parametrize("value", [None, "", "0"])
def test_missing_skips(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(REQUIRE_DATA, raising=False)
    if value is not None:
        monkeypatch.setenv(REQUIRE_DATA, value)
    with pytest.raises(pytest.skip.Exception, match="no film"):
        missing("there is no film")


def test_missing_fails_where_data_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_DATA, "1")
    with pytest.raises(pytest.fail.Exception, match="there is no film; RECHROMA_REQUIRE_DATA says"):
        missing("there is no film")


def test_run_returns_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert run("no-such-command") == 2
    assert "no-such-command" in capsys.readouterr().err
