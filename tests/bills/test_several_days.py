"""A bank's file of several days is a bill for each of them, verified as a whole, corrected day by day."""

import io
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from deploy.bills.job import Job
from deploy.bills.office import Office, superseded
from schemas.money import YUAN
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused, Flow
from schemas.settings import Settings
from schemas.times import DAY, HOUR, SECOND
from sources.bills.model import MOST_DAYS, Asked, BillError, Columns, Source
from sources.bills.verified import Verified, end_of
from sources.network.bills import camt053, mt940
from tests.audit.conftest import emptied
from tests.audit.remembered import audited
from tests.audit.test_payments import Written
from tests.bills.lane import MERCHANT, with_bills
from tests.bills.material import HIDING, MIDNIGHT, file_of, lines, source
from tests.bills.test_job import events, job_of, sent, settings
from tests.bills.test_lane import DAYS, RULES, TODAY, books
from tests.payments.closes import close
from tests.payments.world import CHANNEL, GROUP, Books, due, paid
from tests.servers.store import Store

__all__ = ["settings"]
WRITER = {"mt940": mt940, "camt053": camt053}
WEEK = [TODAY + timedelta(days=n) for n in (0, 1, 3)]
"""On one of its days nothing happened."""
BANK = """
[[bill]]
channel = "bank"
merchant = "main"
group = "north"
number = "1900000001"
sort = "fund"
files = "*"
"""
COLUMNS = Columns(number="流水号", time="时间", amount="金额", balance="余额")
TABLE = """
several_days = true
[bill.columns]
number = "流水号"
time = "时间"
amount = "金额"
balance = "余额"
[bill.totals]
column = "流水号"
value = "合计"
count = "时间"
"""


def moved(day: date, number: str, amount: int) -> BillLine:
    """A movement of whole yuan at ten in the morning, which left us if it is negative."""
    time = MIDNIGHT + (day - TODAY).days * DAY + 10 * HOUR
    way: Flow = "in" if amount > 0 else "out"
    return BillLine("payment", number, "", "", abs(amount) * 10_000, 0, time, way)


GIVEN = {
    WEEK[0]: [moved(WEEK[0], "B1", 500), moved(WEEK[0], "B2", -200)],
    WEEK[1]: [moved(WEEK[1], "B3", 40)],
    WEEK[2]: [moved(WEEK[2], "B4", 7), moved(WEEK[2], "B5", -47)],
}


def statements(form: str) -> bytes:
    """A file of the week's statements, each with its number."""
    found, balance = [], 0
    for n, (day, given) in enumerate(GIVEN.items(), 235):
        raw = b"".join(WRITER[form](given, "1900000001", day, balance))
        balance += sum(one.amount_e4 if one.direction == "in" else -one.amount_e4 for one in given)
        found.append(
            raw.replace(b":28C:1/1", b":28C:%d/1" % n).replace(
                b"<Stmt><Acct>", b"<Stmt><Id>%d/1</Id><Acct>" % n
            )
        )
    if form == "mt940":
        return b"".join(found)
    inner = b"".join(one[one.index(b"<Stmt>") : one.index(b"</BkToCstmrStmt>")] for one in found)
    return b"<Document><BkToCstmrStmt>" + inner + b"</BkToCstmrStmt></Document>"


def one_statement(form: str, opened: date, *more: BillLine) -> bytes:
    """All of the week, and more of it, in a single statement, whose opening balance is of this date."""
    given = [*more, *(one for lines_ in GIVEN.values() for one in lines_)]
    raw = b"".join(WRITER[form](given, "1900000001", WEEK[-1]))
    for old, new in ((":60F:C{:%y%m%d}", 1), ("<Dt><Dt>{}</Dt></Dt>", 1)):
        raw = raw.replace(old.format(WEEK[-1]).encode(), old.format(opened).encode(), new)
    return raw


def table() -> bytes:
    """The same as rows with balances, and a row of totals."""
    rows, balance = ["流水号,时间,金额,余额"], 0
    for day, given in GIVEN.items():
        for one in given:
            amount = one.amount_e4 // 10_000 * (1 if one.direction == "in" else -1)
            balance += amount
            rows.append(f"{one.number},{day} 10:00:00,{amount},{balance}")
    return "\n".join([*rows, "合计,5,300,"]).encode()


def job_for(settings: Settings, form: str) -> Job:
    """A job that knows the bank's files."""
    text = f'{BANK}format = "{form}"\n' + (TABLE if form == "csv" else "")
    (settings.bills / "bills.toml").write_text(text, "utf-8")
    return job_of(settings)


FORMS: dict[str, Callable[[], bytes]] = {
    "mt940": lambda: statements("mt940"),
    "camt053": lambda: statements("camt053"),
    "csv": table,
}


@pytest.mark.parametrize("form", FORMS)
def test_each_day_is_a_bill_of_its_own(form: str, settings: Settings, tmp_path: Path) -> None:
    """With its lines, sums, statement, name and id; a job that is killed sends the same again, and once only."""
    file = tmp_path / "week"
    file.write_bytes(FORMS[form]())
    with mock.patch.object(Office, "keep", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        job_for(settings, form).load(file)
    notes = job_for(settings, form).load(file)
    raw = sent(settings)
    assert raw[: len(raw) // 2] == raw[len(raw) // 2 :]
    assert job_for(settings, form).load(file) == notes == list(Office(settings.bills).notes())
    found = events(settings)[: len(raw) // 2]
    days = sorted([*WEEK, *WEEK, WEEK[1] + timedelta(days=1)])
    assert len({one.id for one in found}) == len(found) == len(days)
    assert [one.time for one in found] == [end_of(day) for day in days]
    for day, given, n in zip(GIVEN, GIVEN.values(), (235, 236, 237), strict=True):
        part, end = (one for one in found if one.day == day)
        assert isinstance(part, BillLines)
        assert isinstance(end, BillComplete)
        assert [(one.number, one.amount_e4, one.direction) for one in part.lines] == [
            (one.number, one.amount_e4, one.direction) for one in given
        ]
        assert (end.parts, end.lines) == (1, len(given))
        assert end.paid_e4 == sum(one.amount_e4 for one in given if one.direction == "in")
        assert part.bill == end.bill == f"{notes[0].bill[:32]}-{day}"
        assert part.statement == end.statement == ("" if form == "csv" else f"{n}/1")


@pytest.mark.parametrize("opened", [TODAY - timedelta(days=1), TODAY])
@pytest.mark.parametrize("form", WRITER)
def test_one_statement_of_several_days_is_a_bill_for_each(form: str, opened: date) -> None:
    """By the days on which its lines were booked, whether its opening balance is of the first or of the day before.
    None of them takes the place of a day's own statement; the day on which nothing was booked is told of, too."""
    with verified(one_statement(form, opened), source(form)) as bill:
        ends = [one.complete() for one in bill.bills]
    own = "1/1" if form == "mt940" else ""
    assert [(one.day, one.lines, one.paid_e4 // YUAN, one.statement) for one in ends] == [
        (WEEK[0], 2, 500, f"{own} {WEEK[2]}".strip()),
        (WEEK[1], 1, 40, f"{own} {WEEK[2]}".strip()),
        (WEEK[1] + timedelta(days=1), 0, 0, f"{own} {WEEK[2]}".strip()),
        (WEEK[2], 2, 7, own),
    ]
    assert len({one.bill for one in ends}) == 4


@pytest.mark.parametrize("form", WRITER)
def test_what_was_booked_outside_of_a_statements_days_is_of_its_own_day(form: str) -> None:
    """Before its opening balance, or after its closing one, as some banks' value dates are; and all of it where both
    balances are of one day. A line of the date of the opening balance adds to that day's own statement."""
    early, late = moved(TODAY - timedelta(days=9), "E", 3), moved(WEEK[2] + timedelta(days=2), "L", 5)
    with verified(one_statement(form, WEEK[2], early, late), source(form)) as bill:
        assert [(one.day, one.told.lines) for one in bill.bills] == [(WEEK[2], 7)]
    with verified(one_statement(form, TODAY, early, late), source(form)) as bill:
        assert [one.told.lines for one in bill.bills] == [2, 1, 0, 4]
    before = TODAY - timedelta(days=1)
    with verified(one_statement(form, before, moved(before, "B", 3)), source(form)) as bill:
        assert (bill.bills[0].day, bill.bills[0].told.lines) == (before, 1)
        assert bill.bills[0].statement.endswith(str(WEEK[2]))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_day_that_no_calendar_has_is_refused(moment: str) -> None:
    """And ends no job."""
    raw = one_statement("camt053", TODAY)
    first = raw[raw.index(b"<BookgDt><DtTm>") + len(b"<BookgDt><DtTm>") :].partition(b"<")[0]
    with pytest.raises(BillError, match="its time is none that a lane takes"):
        verified(raw.replace(first, moment.encode()), source("camt053"))


@pytest.mark.parametrize("form", WRITER)
def test_a_statement_of_several_days_is_not_one_days_bill(form: str) -> None:
    """Whoever asks for a day alone is told of the others; after a long silence no day of it is told of."""
    with pytest.raises(BillError, match=r"bill_of_another: tells of 2025-11-11, too, .* 2025-11-14 alone"):
        verified(one_statement(form, TODAY), source(form), WEEK[2])
    with verified(one_statement(form, TODAY - timedelta(days=MOST_DAYS)), source(form)) as bill:
        assert [one.day for one in bill.bills] == WEEK


@pytest.mark.parametrize(
    ("form", "old", "new", "reason"),
    [
        ("mt940", b"CNY340,00\r\n-", b"CNY341,00\r\n-", "bill_total_wrong"),
        ("mt940", b":60F:C251112CNY300,00", b":60F:C251112CNY301,00", "bill_total_wrong"),
        ("mt940", b":62F:C251114", b":62F:D251114", "bill_total_wrong"),
        ("mt940", b":62F:C251114CNY300,00\r\n", b"", "bill_truncated"),
        ("camt053", b">47.00<", b">46.00<", "bill_total_wrong"),
        ("csv", b"40,340", b"41,341", "bill_total_wrong"),
        ("csv", b"40,340", b"40,341", "bill_total_wrong"),
        ("csv", b",5,300", b",6,300", "bill_count_wrong"),
    ],
)
def test_the_whole_file_is_verified_before_a_day_of_it_is_believed(
    form: str, old: bytes, new: bytes, reason: str, settings: Settings, tmp_path: Path
) -> None:
    """Whichever day is wrong; the refusal is of its first day, for which a file that is mended makes up."""
    file, raw = tmp_path / "week", FORMS[form]()
    assert old in raw
    file.write_bytes(raw.replace(old, new))
    (note,) = job_for(settings, form).load(file)
    (event,) = events(settings)
    assert isinstance(event, BillRefused)
    assert (note.reason, note.day, event.statement) == (reason, WEEK[0], "" if form == "csv" else "235/1")


def test_statements_are_verified_one_by_one() -> None:
    """What one is short of another may not make up for, though the chain of balances and all sums agree."""
    raw = statements("camt053").replace(b'"CNY">340.00<', b'"CNY">341.00<')
    with pytest.raises(BillError, match=r"closes with 341\.00, its entries come to 340\.00"):
        verified(raw, source("camt053"))


def verified(raw: bytes, of: Source, day: date | None = None) -> Verified:
    """A file that was read."""
    return Verified(io.BytesIO(raw), Asked(of, HIDING, day), "file", "name", lambda _: None)


def test_a_table_says_that_it_may_hold_several_days() -> None:
    """A few rows beyond midnight would else be taken for all of a day. Whoever asks for one day gets one."""
    asked = source("csv", columns=COLUMNS)
    raw = table().rpartition(b"\n")[0]
    with pytest.raises(BillError, match=r"row 4: it is of 2025-11-12, .*`several_days`"):
        verified(raw, asked)
    several = msgspec.structs.replace(asked, several_days=True)
    with verified(raw, several) as bill:
        assert [one.day for one in bill.bills if one.told.lines] == WEEK
        assert len(bill.bills) == 4, "its balances tell of the day between, too"
    columns = msgspec.structs.replace(COLUMNS, balance="")
    with verified(raw, msgspec.structs.replace(several, columns=columns)) as bill:
        assert [one.day for one in bill.bills] == WEEK
    with pytest.raises(BillError, match=r"it is of 2025-11-12, the bill should be of 2025-11-11$"):
        verified(raw, several, WEEK[0])


def test_rows_may_stand_in_any_order_and_number() -> None:
    """Parts are as large as those of a file of one day, however the days take turns; days are not without end."""
    columns = msgspec.structs.replace(COLUMNS, balance="")
    asked = source("csv", columns=columns, several_days=True)
    rows = [f"B{n},{WEEK[n % 2]} 10:00:00,1" for n in range(2_500)]
    with verified("\n".join(["流水号,时间,金额", *rows]).encode(), asked) as bill:
        assert [(one.day, one.told.lines, one.told.parts) for one in bill.bills] == [
            (WEEK[0], 1_250, 2),
            (WEEK[1], 1_250, 2),
        ]
        first = [msgspec.json.decode(raw) for raw in bill.bills[0].messages()]
    assert [line[1] for part in first[:-1] for line in part["lines"]] == [f"B{n}" for n in range(0, 2_500, 2)]
    rows = [f"B{n},{TODAY + timedelta(days=n)} 10:00:00,1" for n in range(MOST_DAYS + 1)]
    with pytest.raises(BillError, match="bill_too_large"):
        verified("\n".join(["流水号,时间,金额", *rows]).encode(), asked)


def test_a_long_statement_among_others_keeps_its_lines() -> None:
    """Its day is told behind them, when some of them lie aside already; statements of a day are one bill."""
    one, two = (
        file_of("mt940", lines(1_700)),
        b"".join(mt940(GIVEN[WEEK[1]], "1900000001", WEEK[1])),
    )
    closing = one[one.index(b":62F:") :].split(b"CNY")[1].split(b"\r\n")[0]
    amount = int(closing.replace(b",", b""))
    more = b"".join(mt940(lines(4)[:1], "1900000001", WEEK[0], amount * 100))
    after = b"%d,%02d" % divmod(amount + lines(4)[0].amount_e4 // 100, 100)
    two = two.replace(b"CNY0,00", b"CNY" + after).replace(
        b"CNY40,00", b"CNY%d,%s" % (int(after[:-3]) + 40, after[-2:])
    )
    with verified(one + more + two, source("mt940")) as bill:
        assert [(found.day, found.told.lines) for found in bill.bills] == [
            (WEEK[0], len(lines(1_700)) + 1),
            (WEEK[1], 1),
        ]
        parts = [msgspec.json.decode(raw) for raw in bill.bills[0].messages()]
    numbers = [line[1] for part in parts[:-1] for line in part["lines"]]
    assert numbers == [*(found.number for found in lines(1_700)), lines(4)[0].number]


def test_days_are_corrected_one_by_one(settings: Settings, tmp_path: Path) -> None:
    """By a file of that day alone, and the other way round; notes of former versions are read."""
    job, week, day = job_for(settings, "csv"), tmp_path / "week", tmp_path / "day"
    week.write_bytes(table())
    day.write_bytes("流水号,时间,金额,余额\nB3,2025-11-12 10:00:00,41,41\n合计,1,41,\n".encode())
    (first,) = job.load(day)
    (note,) = (settings.bills / "sent").iterdir()
    note.write_bytes(msgspec.json.encode(first))
    notes = job.load(week)
    assert [one.time - end_of(one.day) for one in notes] == [0, SECOND, 0, 0]
    assert superseded(list(Office(settings.bills).notes())) == {first}


BOTH = (f"A1,{TODAY} 12:00:00,100,0.60,FR-1", f"A2,{DAYS[1]} 12:00:00,50,0.30,FR-2")


def told(*rows: str, corrects: int = 0) -> Iterator[BillLines | BillComplete]:
    """The events of a file with these rows, for a lane."""
    of = Source(
        channel=CHANNEL,
        merchant=MERCHANT,
        group=GROUP,
        format="csv",
        columns=Columns(number="n", time="t", amount="a", fee="f", order="o"),
        several_days=True,
    )
    with verified("\n".join(["n,t,a,f,o", *rows]).encode(), of) as bill:
        for one in bill.bills:
            one.corrects = corrects
            for raw in one.messages():
                yield msgspec.json.decode(raw, type=BillLines | BillComplete)


def taken(lane: Books) -> Books:
    """Of two days' payments one is notified; the file has both, and a correction the second with another fee."""
    lane.until(end_of(DAYS[4])).take(due("FR-1", "100.00"), due("FR-2", "50.00"))
    lane.take(paid("A1", "100.00", "FR-1", fee_e4=None)).take(*told(*BOTH))
    return lane.take(*told(BOTH[1].replace("0.30", "0.40"), corrects=1)).restart()


def test_a_lane_takes_each_day_and_closes_it() -> None:
    """Nothing is missing on either day, and the correction of one leaves the other alone."""
    lane = taken(books())
    assert lane.exceptions() == {}
    assert (lane.status("FR-1")[0], lane.status("FR-2")[0]) == ("paid", "paid")
    assert lane.balances()["HQ", "6301"] == Decimal(1)
    assert [(row["day"], row["lines"]) for row in lane.rows["bill"]] == [(TODAY, 1), *[(DAYS[1], 1)] * 2]
    lane.take(close("C1", TODAY, time=end_of(DAYS[4])), close("C2", DAYS[1], time=end_of(DAYS[4]) + 1))
    assert {row["close_id"]: (row["status"], row["billed_lines"]) for row in lane.rows["close"]} == {
        "C1": ("closed", 1),
        "C2": ("closed", 1),
    }


def of_bank() -> Iterator[BillLines | BillComplete]:
    """The events of the week as a single statement, for a lane."""
    of = Source(channel=CHANNEL, merchant=MERCHANT, number="1900000001", group=GROUP, format="mt940")
    with verified(one_statement("mt940", TODAY), of) as bill:
        for one in bill.bills:
            for raw in one.messages():
                yield msgspec.json.decode(raw, type=BillLines | BillComplete)


def test_a_day_without_movements_is_closed_like_any_other() -> None:
    """Nobody has to name its bill as missing, for the statement around it says that nothing happened."""
    lane = books(with_bills("notified = false")).until(end_of(DAYS[4])).take(*of_bank())
    lane.take(close("C1", WEEK[1] + timedelta(days=1), time=end_of(DAYS[4])))
    (row,) = lane.rows["close"]
    assert {one["kind"] for one in msgspec.json.decode(row["items"])} == {"unknown_payment"}


def test_the_auditor_agrees(store: Store) -> None:
    """It knows of no other bills than a day's."""
    client = emptied(store.client())
    lane = Written(client, RULES)
    with lane.writer.held():
        taken(lane)
        lane.writer.close()
    report = audited(client, closed=True)
    assert report.passed, report.to_text()
    assert client.query("SELECT count() FROM bill_now WHERE state = 'counts'").result_rows == [(2,)]
