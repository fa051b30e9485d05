"""One day's prices for all days: what a price that begins on a day to come would have made of days that are over."""

import msgspec

from flows.rating.model import NO_END, Book


def held(book: Book, day: int) -> Book:
    """A book whose tables of one day (since 1970-01-01) are valid on every day, and others not at all.

    Which goes before which stays as it is on that day; holidays, and dates that rows name, stay the calendar's.
    """
    valid = {
        id(table): msgspec.structs.replace(table, first_day=table.first_day - NO_END, last_day=NO_END)
        for table in book.tables
        if table.first_day <= day <= table.last_day
    }
    return msgspec.structs.replace(
        book,
        tables=tuple(valid[id(table)] for table in book.tables if id(table) in valid),
        rows=tuple(
            msgspec.structs.replace(row, table=valid[id(row.table)])
            for row in book.rows
            if id(row.table) in valid
        ),
    )
