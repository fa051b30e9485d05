"""`waybook token`: what stands in payers.csv for an account."""

import io
from pathlib import Path

import pytest

from deploy.cli import main
from tests.channels.world import TEXT, world

ACCOUNT = "6222020200000000024"


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["token", *words])
    return ended.value.code, *capsys.readouterr()


def test_the_command_says_the_token_that_payments_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By argument or on standard input, with the key that channels.toml names."""
    here = world()
    token = here.keys.tokens.token(ACCOUNT)
    (tmp_path / "channels.toml").write_text(TEXT, "utf-8")
    where = ("--keys", str(here.directory), "--channels", str(tmp_path / "channels.toml"))
    assert _said(capsys, ACCOUNT, "oUpF8", *where) == (0, f"{token}\n{here.keys.tokens.token('oUpF8')}\n", "")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"6222 0202 0000 0000 024\n\n{ACCOUNT}\n"))
    assert _said(capsys, *where) == (0, f"{token}\n{token}\n", "")


def test_without_its_key_it_names_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 1, no token, no account in the message."""
    code, out, error = _said(capsys, ACCOUNT, "--keys", str(tmp_path))
    assert (code, out) == (1, "")
    assert "tokens.key" in error
    (tmp_path / "tokens.key").write_text("too short")
    code, out, error = _said(capsys, ACCOUNT, "--keys", str(tmp_path))
    assert (code, out) == (1, "")
    assert "hexadecimal" in error
    assert ACCOUNT not in error
