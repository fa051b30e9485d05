"""The sheet `book`: book.toml's settings in blocks that staff can edit.

A block begins with the section's name in the first column. `[book]` and `[weight]` have a setting a row: its name and
its value. `[[table]]` and other lists have a row a section below a row of names; a blank cell is a setting that is not
there. Rows that begin with `#` are remarks.
"""

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from flows.rating.excel import Cell, cell_of
from flows.rating.findings import Broken, Findings
from flows.rating.settings import FILE
from schemas.counted import counted
from schemas.problems import NOT_TOML, not_toml

BOOK = "book"
TOP = "[book]"
"""The block of the settings that stand before any section."""
DATES = ("effective_from", "effective_to")
"""Settings that are dates also where someone wrote them as text."""

_SECTION = re.compile(r"\[\[?[A-Za-z0-9_.-]+\]\]?", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Sheet(msgspec.Struct):
    """A sheet's name for problems, and its rows."""

    place: str
    rows: Iterator[list[Cell]]


class Block(msgspec.Struct):
    """A section as it stands in the sheet: its title, and its settings with the rows they stand in."""

    title: str
    sections: list[tuple[int, list[tuple[int, str, Cell]]]]
    """For each section of a list (one for a single section): its row, and row, name and value of its settings."""


def settings_of(text: str, findings: Findings) -> dict[str, object]:
    """book.toml as values; what is no TOML goes to `findings`."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except NOT_TOML as error:
        findings.problems.append(not_toml(FILE, error))
        return {}


# Settings → rows


def rows_of(document: Mapping[str, object], findings: Findings) -> Iterator[list[Cell]]:
    """The rows of the sheet. Values that a cell cannot hold go to `findings`."""
    yield from _single(TOP, document, findings)
    yield from _below("", document, findings)


def _below(prefix: str, values: Mapping[str, object], findings: Findings) -> Iterator[list[Cell]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield []
            yield from _single(f"[{name}]", value, findings)
            yield from _below(f"{name}.", value, findings)
        elif _is_list(value):
            yield []
            yield from _list(f"[[{name}]]", value, findings)  # type: ignore[arg-type]


def _is_list(value: object) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(one, dict) for one in value)


def _single(title: str, values: Mapping[str, object], findings: Findings) -> Iterator[list[Cell]]:
    yield [Cell(title)]
    for key, value in values.items():
        if not isinstance(value, dict) and not _is_list(value):
            yield [Cell(key), _cell(title, key, value, findings)]


def _list(title: str, sections: list[Mapping[str, object]], findings: Findings) -> Iterator[list[Cell]]:
    names = list(dict.fromkeys(key for section in sections for key in section))
    yield [Cell(title)]
    yield [Cell(name) for name in names]
    for section in sections:
        yield [_cell(title, name, section[name], findings) if name in section else Cell("") for name in names]


def _cell(title: str, key: str, value: object, findings: Findings) -> Cell:
    if isinstance(value, bool):
        return Cell("true" if value else "false", "truth")
    if isinstance(value, int | Decimal) and (cell := cell_of(str(value))).kind == "number":
        return cell
    if isinstance(value, str) and value != "":
        return Cell(value)
    if isinstance(value, dt.date) and (cell := cell_of(str(value))).kind == "date":
        return cell
    message = f"{title} {key} = {value!r} cannot stand in a cell"
    findings.add(FILE, 0, key, Broken("not_for_a_sheet", message))
    return Cell("")


# Rows → settings


def parse(sheet: Sheet, findings: Findings) -> list[Block]:
    """The blocks of a sheet. Cells that belong to none go to `findings`."""
    blocks: list[Block] = []
    names: list[str] = []
    for number, cells in enumerate(sheet.rows, 1):
        first = cells[0].text.strip() if cells else ""
        if not cells or first.startswith("#"):
            continue
        if _SECTION.fullmatch(first) and len(cells) == 1:
            names = []
            single = not first.startswith("[[")
            blocks.append(Block(first, [(number, [])] if single else []))
        elif not blocks:
            message = f"stands before any section; the first row is {TOP}"
            findings.add(sheet.place, number, "A", Broken("no_section", message))
        elif not blocks[-1].title.startswith("[["):
            if len(cells) == 2 and first:
                blocks[-1].sections[0][1].append((number, first, cells[1]))
            else:
                message = "a row of settings has a name and a value"
                findings.add(sheet.place, number, "", Broken("wrong_width", message))
        elif not names:
            names = [cell.text.strip() for cell in cells]
            if "" in names or len(set(names)) < len(names):
                message = "a name is blank or stands twice"
                findings.add(sheet.place, number, "", Broken("repeated_column", message))
        elif len(cells) > len(names):
            message = f"has {counted(len(cells), 'cell')}; the row of names has {len(names)}"
            findings.add(sheet.place, number, "", Broken("wrong_width", message))
        else:
            found = [
                (number, name, cell) for name, cell in zip(names, cells, strict=False) if cell.text != ""
            ]
            blocks[-1].sections.append((number, found))
    return blocks


def toml_of(blocks: Iterable[Block]) -> tuple[str, list[int]]:
    """book.toml of the blocks; and for each of its lines the row of the sheet."""
    text: list[str] = []
    rows: list[int] = []
    for block in sorted(blocks, key=lambda block: block.title != TOP):
        for row, settings in block.sections:
            if block.title != TOP:
                text += ["", block.title]
                rows += [row, row]
            for place, name, cell in settings:
                text.append(f"{name if _BARE.fullmatch(name) else json.dumps(name)} = {_value(name, cell)}")
                rows.append(place)
    return "\n".join([*text, ""]), rows


def _value(name: str, cell: Cell) -> str:
    if cell.kind in ("number", "date", "truth"):
        return cell.text
    if name in DATES and _DATE.fullmatch(cell.text.strip()):
        return cell.text.strip()
    return json.dumps(cell.text, ensure_ascii=False).replace("\x7f", "\\u007f")
