"""`waybook` in this process: the same as a user's, without loading everything anew for each command."""

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

from deploy import cli


def waybook(words: tuple[str, ...], environment: Mapping[str, str]) -> CompletedProcess[str]:
    """Exit code and output of a command, with these settings and no others."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    others = {name: value for name, value in os.environ.items() if not name.startswith("WAYBOOK_")}
    code: object = None
    with (
        mock.patch.dict(os.environ, others | dict(environment), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main(words)
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return CompletedProcess(words, code, _text(out), _text(err))


def _text(written: io.TextIOWrapper) -> str:
    written.seek(0)
    return written.read()
