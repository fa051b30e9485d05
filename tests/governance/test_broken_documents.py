"""Every document that people edit, broken in every place, is read or refused, with file and line, and nothing else."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from flows.fees.current import PATHS
from flows.fees.read import read_fees
from flows.governance.dialects import read_dialects
from flows.governance.network import read_network
from flows.journal.positions import read_positions
from flows.journal.rules import read_rules
from flows.rating.book import read_book
from flows.reconciliation.judge import read_advice
from flows.reconciliation.posting import read_payment_rules
from flows.reconciliation.rules import read_matching
from schemas.problems import DocumentError, Problem
from schemas.shipped import shipped, texts_of
from sources.bills.settings import read_sources
from sources.channels.read import read_channels, read_payers
from sources.network.directory import build
from tests.rating.material import FILES, NETWORK

ROOT = Path(__file__).parents[2]
JOURNAL = ROOT / "flows" / "journal"
Files = Mapping[str, str]


class Documents(msgspec.Struct, frozen=True):
    """Files that belong together, and what reads them."""

    files: Files
    read: Callable[[Files], object]


def of(read: Callable[..., object], *paths: Path) -> Documents:
    """Files that a reader takes one by one."""
    texts = dict(zip([path.name for path in paths], texts_of(*paths), strict=True))
    return Documents(texts, lambda files: read(*files.values()))


def posting(text: str, chart: str) -> object:
    """The rules of commands on virtual accounts."""
    return read_rules(text, chart, file="money.toml")


DIRECTORY = {
    **build(60, 1).files,
    "accounts.csv": "party,kind,credit_limit,low_balance\n110100-001,credit,5000,100.00\n",
    "materials.csv": "item,name,price\nbag,编织袋,1.50\n",
}
BOOK = {
    **FILES,
    "book.toml": FILES["book.toml"].replace("[weight]", '[words]\nchannel = "taobao|douyin"\n\n[weight]', 1),
}
PAYERS = {"payers.csv": f"party,token\nC1,tok-{'a' * 32}\n"}
ALL = {
    "book": Documents(BOOK, lambda files: read_book(files, NETWORK)),
    "network": Documents(DIRECTORY, read_network),
    "fees": of(read_fees, *PATHS),
    "money": of(posting, JOURNAL / "money.toml", JOURNAL / "accounts.csv"),
    "payments": of(read_payment_rules, JOURNAL / "payments.toml", JOURNAL / "accounts.csv"),
    "positions": of(read_positions, JOURNAL / "positions.toml"),
    "dialects": of(
        read_dialects, *(ROOT / "flows" / "governance" / name for name in ("dialects.toml", "operations.csv"))
    ),
    "exceptions": of(read_advice, ROOT / "flows" / "reconciliation" / "exceptions.csv"),
    "matching": of(read_matching, ROOT / "flows" / "reconciliation" / "default" / "matching.toml"),
    "bills": Documents(
        {"bills.toml": texts_of(ROOT / "sources" / "bills" / "example.toml")[0]},
        lambda files: read_sources(files["bills.toml"]),
    ),
    "channels": Documents(
        {"channels.toml": texts_of(ROOT / "tests" / "channels" / "channels.toml")[0]}, read_channels
    ),
    "payers": Documents(PAYERS, read_payers),
}
VALUES = (
    "3",
    "-1",
    "1.5",
    "nan",
    "true",
    "2025-01-31",
    '""',
    '"no such"',
    "[]",
    "[[1], {}]",
    "{}",
    '{ a = "b" }',
)
CELLS = ("", "no such", "-1", "1e9", "NaN", "9" * 30, "2025-02-30", "a|", "..", "0..", '"', "\x00", "\ud7ff")
SYNTAX = ("x = = 1", "x", "[[x", "x = 2025-13-01", 'x = "', "= 3", "\ufeffx = 1", "x = [1,,2]")
DEEP = f"x = {'[' * 5_000}"
SETTING = re.compile(r"\s*[\w-]+\s*=")


def problems_of(documents: Documents, file: str, text: str) -> list[Problem] | None:
    """Why the documents with this text are refused; None: they are not. Any other error goes through."""
    try:
        documents.read({**documents.files, file: text})
    except DocumentError as error:
        return error.problems
    return None


def told(problems: list[Problem] | None, files: Files) -> None:
    """Each problem has a file of the documents, a rule and what would be right."""
    for one in problems or ():
        assert one.file in files, one
        assert one.rule
        assert one.message


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in ALL for file in ALL[name].files])
def test_unbroken_documents_are_read(name: str, file: str) -> None:
    assert problems_of(ALL[name], file, ALL[name].files[file]) is None


TOML = [(name, file) for name in ALL for file in ALL[name].files if file.endswith(".toml")]
CSV = [(name, file) for name in ALL for file in ALL[name].files if file.endswith(".csv")]


@pytest.mark.parametrize(("name", "file"), TOML)
def test_toml_that_is_none_is_refused_at_its_line(name: str, file: str) -> None:
    documents = ALL[name]
    lines = documents.files[file].splitlines()
    free = [n for n, line in enumerate(lines) if line.startswith("[") or SETTING.match(line)]
    for at in (free[0], free[len(free) // 2]):
        if "=" in lines[at] and lines[at].rstrip().endswith("["):
            continue
        for broken in SYNTAX:
            text = "\n".join([*lines[:at], broken, *lines[at:]])
            problems = problems_of(documents, file, text)
            assert problems, broken
            (one,) = [one for one in problems if one.rule == "not_toml"]
            assert one.file == file
            assert one.row in (at + 1, at + 2), (broken, one)
    deep = problems_of(documents, file, f"{DEEP}\n")
    assert (file, "not_toml") in {(one.file, one.rule) for one in deep or ()}


@pytest.mark.parametrize(("name", "file"), TOML)
def test_settings_of_other_types_and_missing_ones(name: str, file: str) -> None:
    """Whatever stands in a setting, or is not there, is taken or refused; what is refused is told at a line near by."""
    documents = ALL[name]
    lines = documents.files[file].splitlines()
    refused = 0
    for at, line in one_of_each(lines):
        key = line.partition("=")[0]
        for value in (*VALUES, None):
            new = [] if value is None else [f"{key}= {value}"]
            problems = problems_of(documents, file, "\n".join([*lines[:at], *new, *lines[at + 1 :]]) + "\n")
            told(problems, documents.files)
            refused += bool(problems)
            wrong = [one for one in problems or () if one.rule in ("wrong_setting", "missing_setting")]
            assert all(one.row or lines_before_sections(lines, at) for one in wrong), (line, value, wrong)
    assert refused


def one_of_each(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Settings on a line of their own: the first of each name in each kind of section."""
    seen: set[tuple[str, str]] = set()
    section = ""
    for at, line in enumerate(lines):
        if line.startswith("["):
            section = line
        key = section, line.partition("=")[0].strip()
        if SETTING.match(line) and not line.rstrip().endswith(("[", "{")) and key not in seen:
            seen.add(key)
            yield at, line


def lines_before_sections(lines: list[str], at: int) -> bool:
    """Whether a line is before any section: what is missing there has no line."""
    return not any(line.startswith("[") for line in lines[:at])


@pytest.mark.parametrize(("name", "file"), CSV)
def test_cells_that_are_wrong(name: str, file: str) -> None:
    documents = ALL[name]
    header, first, *rest = documents.files[file].splitlines()
    cells = next(csv.reader(io.StringIO(first)))
    for at in range(len(cells)):
        for value in CELLS:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerow([*cells[:at], value, *cells[at + 1 :]])
            told(
                problems_of(documents, file, "\n".join([header, text.getvalue(), *rest]) + "\n"),
                documents.files,
            )


@pytest.mark.parametrize(("name", "file"), CSV)
def test_tables_that_are_none(name: str, file: str) -> None:
    """Rows that are too wide or too narrow, columns without a name, quotes without an end, bytes that are no text."""
    documents = ALL[name]
    header, first, *rest = documents.files[file].splitlines()
    names = header.split(",")
    for row, changed in (
        (2, [header, f"{first},x", *rest]),
        (2, [header, f'"{first}', *rest]),
        (2, [header, "x" * 140_000, *rest]),
        (1, [";".join(names), first, *rest]),
        (1, [",".join(["nosuch", *names[1:]]), first, *rest]),
        (1, [",".join([*names, names[0]]), first, *rest]),
    ):
        problems = problems_of(documents, file, "\n".join(changed) + "\n")
        told(problems, documents.files)
        assert problems, changed[:2]
        assert any(one.file == file and one.row >= row for one in problems), problems
    told(problems_of(documents, file, ""), documents.files)
    told(problems_of(documents, file, header), documents.files)


def test_what_ships_with_the_code_and_is_refused_ends_the_program_with_the_place(tmp_path: Path) -> None:
    """And never with a traceback."""
    broken = tmp_path / "posting.toml"
    broken.write_text(PATHS[1].read_text("utf-8").replace('side = "D"', 'side = "debit"', 1), "utf-8")
    with pytest.raises(
        SystemExit, match=r"posting.toml row \d+ column side: side 'debit' is not one of C, D"
    ):
        shipped(read_fees, PATHS[0], broken, PATHS[2])
    broken.write_bytes(b'[[fee]]\nname = "\xff"\n')
    with pytest.raises(SystemExit, match=r"posting\.toml row 2: is no text in UTF-8"):
        shipped(read_fees, PATHS[0], broken, PATHS[2])
    with pytest.raises(SystemExit, match=r"nowhere\.toml: cannot be read"):
        shipped(read_fees, PATHS[0], tmp_path / "nowhere.toml", PATHS[2])
