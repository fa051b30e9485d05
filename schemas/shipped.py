"""Documents that ship with the code and that people edit there: read when a program starts, or it does not start."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from schemas.problems import DocumentError, Problem

Read = TypeVar("Read")


def texts_of(*paths: Path) -> tuple[str, ...]:
    """The files' texts. Raises DocumentError for one that is no UTF-8, or is missing."""
    texts: list[str] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            raw = path.read_bytes()
            texts.append(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            row = raw.count(b"\n", 0, error.start) + 1
            problems.append(Problem(path.name, row, "", "not_utf8", "is no text in UTF-8: save it as UTF-8"))
        except OSError as error:
            problems.append(Problem(path.name, 0, "", "missing_file", f"cannot be read: {error.strerror}"))
    if problems:
        raise DocumentError(problems)
    return tuple(texts)


def shipped(read: Callable[..., Read], *paths: Path) -> Read:
    """What a reader makes of the files' texts; what it refuses ends the program, which says where and why."""
    try:
        return read(*texts_of(*paths))
    except DocumentError as error:
        raise SystemExit(f"refused, nothing is started:\n{error}") from None
