"""A table of trials: rows of facts in, the same rows with price, explanation or error out; nothing stops it."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from flows.rating.cells import separator
from flows.rating.excel import Cell, Refused
from flows.rating.passes import Step
from flows.rating.trial import Answer, Asked, Calculator, RefusedError
from flows.rating.trial_fields import BY_HEADING
from schemas.money import yuan

ANSWERS = ("amount", "price_row", "说明", "explanation", "提示", "remarks", "error")
"""Columns that are added; those of the same name that are there already are replaced."""
ALIKE = 0.75
"""Least similarity of a column's name that is taken for a slip: `chanel` is one, a table's own `price` is not."""

Given = Sequence[Cell | Refused]


def answered(
    rows: Iterable[Given], calculator: Calculator, today: int, defaults: Asked
) -> Iterator[list[str]]:
    """The header with the added columns, then every row with its answer. `defaults`: facts that no column says.

    Raises RefusedError at once for a header that would be misunderstood.
    """
    source = iter(rows)
    header = [cell.text.strip() if isinstance(cell, Cell) else "" for cell in next(source, [])]
    while header and not header[-1]:
        header.pop()
    if broken := separator(header):
        raise RefusedError({header[0]: broken.message})
    kept = [n for n, name in enumerate(header) if name not in ANSWERS]
    return _answered(source, header, kept, _fields(header, kept), calculator, today, defaults)


def csv_rows(text: str) -> Iterator[Given]:
    """The rows of a table that is CSV. Raises csv.Error."""
    for row in csv.reader(io.StringIO(text, newline="")):
        yield [Cell(word) for word in row]


def answerable(rows: Iterable[Given]) -> Iterator[Given]:
    """Rows that are not blank, the header among them."""
    for row in rows:
        if any(isinstance(cell, Refused) or cell.text.strip() for cell in row):
            yield row


def own(header: Sequence[str]) -> list[str]:
    """Columns of an answered table that are its own: they say nothing about the parcels."""
    return [name for name in header if name and name not in BY_HEADING and name not in ANSWERS]


def _fields(header: Sequence[str], kept: Iterable[int]) -> dict[int, str]:
    """The fields that columns say. A column whose name is nearly a field's is refused, and one that says a field
    again; others are the table's own and are carried along."""
    fields: dict[int, str] = {}
    problems: dict[str, str] = {}
    for n in kept:
        name = header[n]
        if name not in BY_HEADING:
            if like := get_close_matches(name.lower(), BY_HEADING, 1, ALIKE):
                problems[name] = f"is no column of a trial; the nearest is {like[0]}"
        elif BY_HEADING[name] in fields.values():
            problems[name] = "stands twice"
        else:
            fields[n] = BY_HEADING[name]
    if problems:
        raise RefusedError(problems)
    return fields


def _answered(
    source: Iterable[Given],
    header: Sequence[str],
    kept: Sequence[int],
    fields: Mapping[int, str],
    calculator: Calculator,
    today: int,
    defaults: Asked,
) -> Iterator[list[str]]:
    yield [*(header[n] for n in kept), *ANSWERS]
    for row in answerable(source):
        texts = [cell.text if isinstance(cell, Cell) else "" for cell in row]
        texts += [""] * (len(header) - len(texts))
        yield [*(texts[n] for n in kept), *_answer(row, texts, fields, calculator, today, defaults)]


def _answer(
    row: Given,
    texts: Sequence[str],
    fields: Mapping[int, str],
    calculator: Calculator,
    today: int,
    defaults: Asked,
) -> tuple[str, ...]:
    for n, cell in enumerate(row):
        if n in fields and isinstance(cell, Refused):
            return _refused(f"{fields[n]}: {cell.message}")
    said = {**defaults, **{name: texts[n] for n, name in fields.items() if texts[n].strip()}}
    try:
        answers = calculator.ask(said, today)
    except RefusedError as refused:
        return _refused(str(refused))
    if len(answers) != 1:
        return _refused(f"fee: say which of {', '.join(calculator.fees)}")
    return _columns(answers[0])


def _refused(message: str) -> tuple[str, ...]:
    return *("" for _ in ANSWERS[1:]), message


def _columns(answer: Answer) -> tuple[str, ...]:
    quote = answer.quote
    if quote is None:
        return "", "", "", "", *_in_words(answer.remarks), f"{answer.error_zh} {answer.error_en}"
    return yuan(quote.amount), quote.row.where, *_in_words(answer.steps), *_in_words(answer.remarks), ""


def _in_words(steps: Sequence[Step]) -> tuple[str, str]:
    """Steps in Chinese and in English, each in one cell."""
    zh = "；".join(f"{step.label_zh} {step.text_zh}" for step in steps)
    return zh, "; ".join(f"{step.label_en}: {step.text_en}" for step in steps)
