"""The trial calculator's page: what a parcel would cost by published books, and whole tables of parcels."""

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from clickhouse_connect.driver.client import Client

from dashboards.library import (
    IN_FORCE,
    STATUS,
    WITHDRAWN,
    Published,
    files_of_version,
    newest_directory,
    newest_network,
    published,
    today,
)
from dashboards.live.told import CannotError, File, Progress
from dashboards.live.upload import Part
from dashboards.queries import rows
from dashboards.words import FEES
from flows.fees.current import FEES as DUES
from flows.rating.book import read_book
from flows.rating.factors import DIRECTIONS
from flows.rating.names import in_chinese
from flows.rating.trial import Asked, Calculator, RefusedError
from flows.rating.trial_fields import FIELDS
from flows.rating.trial_table import Given, answerable, answered, csv_rows
from flows.rating.workbook import read_sheet, write_sheet
from schemas.money import yuan
from schemas.problems import DocumentError
from schemas.texts import table_in
from schemas.times import date_of

MOST_ROWS = 50_000
"""Rows of an uploaded table."""
MOST_UNPACKED = 300 << 20
"""Bytes that an uploaded workbook may unpack to."""
MOST_CHOICES = 2_000
"""Outlets that the form offers; more can be typed all the same."""
OUTLETS = """
SELECT outlet AS value, argMax(name, (seq, line)) AS label FROM site WHERE kind = 'outlet'
GROUP BY outlet ORDER BY outlet LIMIT {most:UInt32}"""
PRODUCTS = "SELECT product AS value, argMax(name, (seq, line)) AS label FROM product GROUP BY product ORDER BY product"
CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Trials:
    """Calculators for the page. The last one is kept, for as long as nothing is published."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[str, ...], Calculator] | None = None

    def page(self, client: Client, said: Mapping[str, str]) -> dict[str, Any]:
        """What the template shows: the form as it was filled in, and the answers if anything was asked."""
        asked = {field.name: said.get(field.name, "") for field in FIELDS}
        known = published(client)
        page = {
            **_form(known, said),
            "choices": _choices(client),
            "asked": asked,
            "answers": [],
            "others": [],
            "wrong": "",
        }
        if any(asked.values()):
            try:
                answers = self._of(client, known, said.get("book", "")).ask(asked, today())
                page["answers"] = [
                    {
                        "title": FEES.get(one.fee, (one.fee, "")),
                        "amount": yuan(one.quote.amount) if one.quote else "",
                        "steps": [*one.steps, *one.remarks],
                        "error": (one.error_zh, one.error_en),
                    }
                    for one in answers
                    if one.owed
                ]
                page["others"] = [
                    (f"/try?{urlencode({**said, 'fee': one.fee})}", *FEES[one.fee])
                    for one in answers
                    if not one.owed
                ]
            except (RefusedError, CannotError) as error:
                page["wrong"] = str(error)
        return page

    def table(self, client: Client, part: Part, book: str, defaults: Asked, progress: Progress) -> File:
        """An uploaded table with its answers. Raises CannotError, before the first row is answered."""
        calculator = self._of(client, published(client), book)
        out, text = io.BytesIO(), io.StringIO()
        try:
            count = sum(1 for _ in islice(answerable(_rows(part)), MOST_ROWS + 2))
            if count > MOST_ROWS + 1:
                raise CannotError(f"表格超过 {MOST_ROWS} 行 — the table has more than {MOST_ROWS} rows")
            progress.of = max(count - 1, 0)
            answers = progress.over(answered(_rows(part), calculator, today(), defaults))
            if _is_workbook(part):
                write_sheet(answers, out)
                return File("answers.xlsx", XLSX, out.getvalue())
            csv.writer(text, lineterminator="\n").writerows(answers)
            return File("answers.csv", CSV, b"\xef\xbb\xbf" + text.getvalue().encode())
        except (DocumentError, RefusedError, csv.Error) as error:
            raise CannotError(str(error)) from None

    def _of(self, client: Client, known: list[Published], book: str) -> Calculator:
        """The calculator of one version, or of the books in force."""
        wanted = [one.version for one in known if one.status == IN_FORCE]
        if book:
            wanted = [one.version for one in known if one.version == book and one.status != WITHDRAWN][-1:]
        if not wanted:
            raise CannotError("没有已发布的价格手册 — no tariff book is published")
        try:
            key = (newest_directory(client), *wanted)
            kept = self._kept
            if kept is None or kept[0] != key:
                network = newest_network(client)
                books = [read_book(files_of_version(client, version), network) for version in wanted]
                kept = self._kept = key, Calculator(books, network)
        except (LookupError, DocumentError) as error:
            raise CannotError(str(error)) from error
        return kept[1]


def _choices(client: Client) -> dict[str, list[tuple[str, str]]]:
    """What a field offers while one types: values and what they are called."""
    outlets, products = (
        [(row["value"], row["label"]) for row in rows(client, sql, **parameters)]
        for sql, parameters in ((OUTLETS, {"most": MOST_CHOICES}), (PRODUCTS, {}))
    )
    return {
        "fee": [(name, " ".join(FEES[name])) for name in DUES.prices],
        "from": outlets,
        "to": outlets,
        "product": products,
        "direction": [(name, in_chinese("direction", name)) for name in DIRECTIONS],
    }


def _form(known: list[Published], said: Mapping[str, str]) -> dict[str, Any]:
    books = [one for one in reversed(known) if one.status != WITHDRAWN]
    return {
        "fields": FIELDS,
        "books": [(one.version, one.name, one.at, STATUS[one.status]) for one in books],
        "book": said.get("book", ""),
        "today": date_of(today()),
    }


def _is_workbook(part: Part) -> bool:
    return part.file.lower().endswith(".xlsx")


def _rows(part: Part) -> Iterable[Given]:
    """The table's rows, from its first one on."""
    if _is_workbook(part):
        return read_sheet(io.BytesIO(part.content), part.file, MOST_UNPACKED)
    return csv_rows(table_in(part.content, part.file))
