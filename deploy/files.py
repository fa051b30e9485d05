"""The files of a document that people edit: TOML and CSV of a directory, as UTF-8, or the sheets of a workbook."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from flows.rating.workbook import read_sheets
from schemas.problems import DocumentError, Problem
from schemas.texts import table_in, utf8_in

SUFFIXES = (".toml", ".csv")
MOST_BYTES = 400_000_000
"""Of an unpacked workbook: far more than any document, far less than a trap."""
Read = TypeVar("Read")


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


def require_table(file: Path) -> None:
    """Raises LookupError when a table cannot be written there: to CSV or a workbook, by the file's ending."""
    if not is_workbook(file) and file.suffix.lower() != ".csv":
        raise LookupError(f"{file.name} is neither .csv nor .xlsx: name a file that ends so")
    require_target(file)


def require_document(to: Path) -> None:
    """Raises LookupError when files cannot be written there: as a workbook, or into a directory."""
    if is_workbook(to):
        require_target(to)
    elif to.suffix[1:].isalpha() and not to.is_dir():  # out.txt, prices.ods; book.2025 is a directory's name
        raise LookupError(f"{to} is neither an .xlsx file nor a directory: name one of these")


def write_document(
    files: Mapping[str, str], to: Path, write_workbook: Callable[[Mapping[str, str], BinaryIO], None]
) -> None:
    """Files (name → text) as a workbook where the name says so, else into a directory. Raises LookupError."""
    if not is_workbook(to):
        write_directory(files, to)
        return
    with to.open("wb") as target:
        write_workbook(files, target)


def write_directory(files: Mapping[str, str], target: Path) -> None:
    """Files into a new directory, or an empty one. Raises LookupError."""
    if target.exists() and not target.is_dir():
        raise LookupError(f"{target} is a file and no directory")
    if target.exists() and any(target.iterdir()):
        raise LookupError(f"{target} is not empty")
    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if Path(name).name != name:
            raise LookupError(f"{name!r} is no name of a file")
        (target / name).write_text(text, "utf-8")


@contextlib.contextmanager
def fresh(file: Path) -> Iterator[Path]:
    """Where to write a file that takes its place when it is whole, and not before: it may be what is read meanwhile."""
    beside = file.with_name(f"{file.name}.part")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


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
    return utf8_in(file.read_bytes(), name or file.name)


def text_of(file: Path) -> str:
    """A table as a spreadsheet saves it: UTF-8, or GBK as Chinese Excel writes it. Raises OSError, DocumentError."""
    return table_in(file.read_bytes(), file.name)
