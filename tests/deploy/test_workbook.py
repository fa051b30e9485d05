"""A network directory as an Excel workbook says the same as its CSV files."""

import csv
import io
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from deploy.files import texts_of
from flows.governance.network import read_network
from flows.rating.workbook import write_texts
from schemas.problems import DocumentError
from tests.dashboards.data import CHAINS
from tests.lifecycle.test_transfers import FILES


def workbook(path: Path, files: dict[str, str]) -> Path:
    """A workbook as Excel would save it: codes as numbers, dates as dates, empty cells as nothing."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, text in files.items():
        sheet = book.create_sheet(name.removesuffix(".csv"))
        for row in csv.reader(io.StringIO(text)):
            sheet.append([_value(cell) for cell in row])
    book.create_sheet("空白")
    book.save(path)
    return path


def _value(cell: str) -> str | int | date | None:
    if not cell:
        return None
    if len(cell) == 10 and cell[4] == "-":
        return date.fromisoformat(cell)
    return int(cell) if cell.isdigit() and len(cell) < 12 else cell


def test_a_workbook_is_read_as_its_files(tmp_path: Path) -> None:
    found = texts_of(workbook(tmp_path / "network.xlsx", FILES)).files
    assert found.keys() == FILES.keys()
    read, wanted = read_network(found), read_network(FILES)
    assert (read.sites, read.counties, read.areas, read.parties) == (
        wanted.sites,
        wanted.counties,
        wanted.areas,
        wanted.parties,
    )


def test_a_mistake_is_told_with_sheet_row_and_column(tmp_path: Path) -> None:
    wrong = {**FILES, "areas.csv": "outlet,county\nSHC,310115\nSHX,310115\n"}
    says = r"^network.xlsx sheet areas row 3 column outlet: outlet 'SHX' is no outlet"
    with pytest.raises(DocumentError, match=says):
        texts_of(workbook(tmp_path / "network.xlsx", wrong)).read(read_network)
    several = {**FILES, "areas.csv": 'outlet,county\n"SHC",310115\n,\nSHX,310115\n'}
    file = workbook(tmp_path / "network.xlsx", several)
    book = openpyxl.load_workbook(file)
    book["areas"]["C1"] = None
    book["areas"]["A2"] = "SH\nC"
    book.save(file)
    with pytest.raises(DocumentError, match=r"sheet areas row 4 column outlet: outlet 'SHX'"):
        texts_of(file).read(read_network)


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "network.xlsx"
    file.write_bytes(b"no zip")
    with pytest.raises(DocumentError, match="is no Excel workbook"):
        texts_of(file)


def test_what_has_no_exact_text_is_refused_with_its_place(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "materials"
    for row in (["item", "name", "price"], ["M1", "袋", "=1+1"], ["M2", "箱", 0.1 + 0.2]):
        book.active.append(row)
    file = tmp_path / "NETWORK.XLSX"
    book.save(file)
    with pytest.raises(DocumentError, match=r"sheet materials row 2 column C: is a formula"):
        texts_of(file)
    book.active["C2"] = 2
    book.save(file)
    assert texts_of(file).files == {"materials.csv": "item,name,price\nM1,袋,2\nM2,箱,0.3\n"}


def test_what_is_written_as_a_workbook_is_read_from_it(tmp_path: Path) -> None:
    """With rules of scan chains, which are no table."""
    files = {**FILES, "chains.toml": f'# 到件, "签收"\n\n{CHAINS.strip()}\n'}
    with (tmp_path / "network.xlsx").open("wb") as target:
        write_texts(files, target)
    found = texts_of(tmp_path / "network.xlsx")
    assert found.files == files
    assert found.read(read_network).chains
    book = openpyxl.load_workbook(tmp_path / "network.xlsx")
    book["chains.toml"]["A4"] = "name = 7"
    book.save(tmp_path / "network.xlsx")
    with pytest.raises(DocumentError, match=r"^network.xlsx sheet chains.toml row 3 column name"):
        texts_of(tmp_path / "network.xlsx").read(read_network)
