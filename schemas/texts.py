"""Texts that people's programs save: UTF-8, or what Chinese spreadsheets write instead; or what is wrong with one."""

import contextlib

from schemas.problems import DocumentError, Problem

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def utf8_in(raw: bytes, name: str) -> str:
    """What has to be UTF-8. `name`: of the file. Raises DocumentError."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError([_not_utf8(name, raw, error.start)]) from error


def table_in(raw: bytes, name: str) -> str:
    """A table as a spreadsheet saves it: UTF-8, or GBK as Chinese Excel writes it. Raises DocumentError."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not raw.startswith(UTF_16):
            with contextlib.suppress(UnicodeDecodeError):
                return raw.decode("gb18030")
        raise DocumentError([_not_utf8(name, raw, error.start)]) from error


def _not_utf8(name: str, raw: bytes, at: int) -> Problem:
    """At a byte that is wrong."""
    row = 1 if raw.startswith(UTF_16) else raw.count(b"\n", 0, at) + 1
    return Problem(name, row, "", "not_utf8", _advice(raw))


def _advice(raw: bytes) -> str:
    save = "save it as UTF-8 (Excel: “CSV UTF-8 (逗号分隔)”)"
    if raw.startswith(UTF_16):
        return f"is written in UTF-16: {save}"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return f"is no text in UTF-8: {save}"
    return f"is not UTF-8 but probably GBK, as Chinese Excel writes it: {save}"
