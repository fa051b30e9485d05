"""The files of a document that people edit: TOML and CSV of a directory, as UTF-8, or the sheets of a workbook."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from flows.rating.workbook import read_sheets
from schemas.problems import DocumentError, Problem

SUFFIXES = (".toml", ".csv")
MOST_BYTES = 400_000_000
"""Of an unpacked workbook: far more than any document, far less than a trap."""
Read = TypeVar("Read")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def is_workbook(file: Path) -> bool:
    """Whether a file's name says that it is an Excel workbook; endings count in any case."""
    return file.suffix.lower() == ".xlsx"


def require_target(file: Path) -> None:
    """Raises LookupError, before anything is computed for it, when a file cannot be written."""
    if not file.parent.is_dir():
        raise LookupError(f"there is no directory {file.parent} for {file.name}")
    if file.is_dir():
        raise LookupError(f"{file} is a directory: name a file in it")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise LookupError(f"{file} cannot be written: it is not allowed")


class Texts(NamedTuple):
    """Name → text. `located` puts a problem where its editor finds it: of a workbook with the sheet."""

    files: dict[str, str]
    located: Callable[[Problem], Problem] = lambda problem: problem

    def read(self, read: Callable[[dict[str, str]], Read]) -> Read:
        """What a reader makes of the files. Raises DocumentError with every problem, each at its place."""
        try:
            return read(self.files)
        except DocumentError as error:
            raise DocumentError([self.located(problem) for problem in error.problems]) from error


def texts_of(where: Path) -> Texts:
    """The files of a directory, or the sheets of a workbook. Raises DocumentError as `files_of` does."""
    if where.is_file() and is_workbook(where):
        with where.open("rb") as source:
            files, places = read_sheets(source, where.name, MOST_BYTES)
        return Texts(files, places.located)
    return Texts(files_of(where))


def files_of(directory: Path) -> dict[str, str]:
    """Name → text. Raises DocumentError for a directory that is none, and for every file that is no UTF-8.

    Endings count in any case (`PRICES.CSV` is `PRICES.csv`), since Windows writes them as it likes.
    """
    if not directory.is_dir():
        raise DocumentError(
            [Problem(str(directory), 0, "", "missing_directory", "is no directory; name the document's")]
        )
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for file in sorted(directory.iterdir()):
        if file.suffix.lower() not in SUFFIXES:
            continue
        name = f"{file.stem}{file.suffix.lower()}"
        if name in texts:
            problems.append(Problem(name, 0, "", "file_stands_twice", f"{file.name} is the same file again"))
            continue
        texts[name] = ""
        try:
            texts[name] = utf8_of(file, name)
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)
    if not texts:
        raise DocumentError([Problem(str(directory), 0, "", "missing_file", "has no TOML or CSV file in it")])
    return texts


def utf8_of(file: Path, name: str = "") -> str:
    """A file that has to be UTF-8. `name`: what it is called in problems. Raises OSError and DocumentError."""
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError([_not_utf8(name or file.name, raw, error.start)]) from error


def text_of(file: Path) -> str:
    """A table as a spreadsheet saves it: UTF-8, or GBK as Chinese Excel writes it. Raises OSError, DocumentError."""
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not raw.startswith(UTF_16):
            with contextlib.suppress(UnicodeDecodeError):
                return raw.decode("gb18030")
        raise DocumentError([_not_utf8(file.name, raw, error.start)]) from error


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
