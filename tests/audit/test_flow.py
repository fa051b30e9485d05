"""The flow's own books of unlucky parcels: the auditor, who computes otherwise, comes to the same."""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import transfers
from deploy.audit import run
from deploy.audit.remarks import check_ends
from deploy.audit.report import Report
from deploy.audit.store import Store
from deploy.transfers import Known
from flows.fees.current import FEES
from flows.fees.model import OF_STORES, Fees
from flows.lifecycle import named
from flows.lifecycle.dues import Live
from flows.lifecycle.parcel import item_key
from schemas.events import (
    BalanceMoved,
    Event,
    HandoverWithdrawn,
    PartiesMerged,
    PartyTransferred,
    TariffPublished,
    TariffWithdrawn,
    Tick,
)
from schemas.identity import version_of
from schemas.times import HOUR, business_day, date_of
from schemas.topics import DEVICES
from tests.audit import world
from tests.audit.alone import alone
from tests.audit.lane import Lane, Record, held, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.lifecycle.fees import with_more, with_prices_of_more
from tests.volume import TIMES, seeds

PARCELS = 150
MANY = 400 if TIMES == 1 else 21_000
PIECE = 5 * MANY // 4
"""Rows that are looked at together."""
IN_A_BLOCK = 120

VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"by_weight": True},
    {"unit": "0.1", "rounding": "down", "money": "up"},
    {"everywhere": False},
    {"unit": "1", "rounding": "half_up", "by_weight": True},
    {"treatment": "wait"},
    {"treatment": "provisional", "lines": world.LINES, "by_weight": True},
    {"lines": world.LINES, "precedence": world.OTHER_PRECEDENCE},
)
WHOLE = 6
"""Of the seeds the one under which all comes that can."""


def play(
    client: Client,
    seed: int,
    books: Sequence[tuple[int, TariffPublished | TariffWithdrawn]],
    *,
    parcels: int = PARCELS,
    in_a_block: int = IN_A_BLOCK,
    lanes: int = 1,
    wait: int = 20,
    spoil: bool = False,
    hands: Mapping[int, Sequence[Event]] = {},
    later: Sequence[Event] = (),
    rich: bool = False,
    fees: Fees = FEES,
    restart: int = -1,
) -> tuple[Report, int]:
    """Write the books of a seed's parcels and audit them; also the data time at the end.

    `books`: tariff books, each with the block in which it is published. `wait`: hours that pass at the end.
    `spoil`: nonsense comes, too. `hands`: outlets that change hands, by block; their balances go over at the end.
    `later`: changes of hands that are announced then, of which no balance of theirs may come to anything else.
    `rich`: parcels have terms, couriers and claims, and provinces a share. `fees`: others than these. `restart`: the
    block before which the lanes begin anew from their recovery stores.
    """
    every = [Lane(client, number, (number,), fees) for number in range(lanes)]
    events = list(world.disordered(parcels, seed))
    if rich:
        events = world.enriched(events, seed)
    now = world.START
    with held(every):
        for block, start in enumerate(range(0, len(events), in_a_block)):
            some = events[start : start + in_a_block]
            control = [record(world.network())] * (block == 0)
            control += [record(book) for at, book in books if at == block]
            control += [record(change) for change in hands.get(block, ())]
            now = max(now, *(event.time for event in some))
            ticks = [record(Tick(id=f"tick{block}", time=now))]
            mine = [record(event, int(event.waybill[-1]) % lanes) for event in some]
            if spoil:
                mine += [Record(DEVICES.name, 0, raw) for raw in world.spoiled(some, random.Random(seed))]
            for lane in every:
                if block == restart:
                    lane.restart()
                of_lane: list[Record] = [one for one in mine if one.partition == lane.writer.lane]
                lane.block(control + ticks + of_lane)
        last = record(Tick(id="last", time=now + wait * HOUR))
        for lane in every:
            lane.block([last])
    data_time = every[0].lifecycle.ring.now
    if hands:
        for n in range(3):  # the second finds what the newest block may have left open, the third nothing
            moves = moves_of(client, every[0], data_time)
            assert n == 1 or bool(moves) == (n == 0)
            for lane in every:
                lane.block([record(move) for move in moves])
        for lane in every:
            lane.block([record(change) for change in later])
        assert not moves_of(client, every[0], data_time)
    return audited(client, data_time=data_time), data_time


def moves_of(client: Client, lane: Lane, at: int) -> list[BalanceMoved]:
    """What has to go over."""
    work = lane.lifecycle
    return transfers.due(Known(work.directory, work.documents.hands, work.operators), client, at)[0]


def day(after: int) -> date:
    """So many days after the start."""
    return date_of(business_day(world.START) + after)


CHANGES: tuple[tuple[int, Event], ...] = (
    (0, PartyTransferred(id="c1", time=world.START, outlet="SH1", party="P1", from_day=day(1))),
    (2, PartiesMerged(id="c2", time=world.START, absorbed="XA1", into="XA2", from_day=day(1))),
    (4, PartyTransferred(id="c3", time=world.START, outlet="XA2", party="P1", from_day=day(2))),
    (4, PartyTransferred(id="c4", time=world.START, outlet="SH1", party="SH2", from_day=day(2))),
    (5, PartyTransferred(id="c5", time=world.START, outlet="BJ1", party="P1", from_day=day(0))),
    (5, PartyTransferred(id="refused", time=world.START, outlet="GZ1", party="nobody", from_day=day(1))),
    (1, PartyTransferred(id="w1", time=world.START, outlet="SH2", party="P1", from_day=day(1))),
    (4, HandoverWithdrawn(id="w2", time=world.START, handover="w1")),
    (2, PartiesMerged(id="w3", time=world.START, absorbed="GZ1", into="SH2", from_day=day(1))),
    (2, HandoverWithdrawn(id="w4", time=world.START, handover="w3")),
    (2, PartyTransferred(id="w5", time=world.START, outlet="GZ1", party="P1", from_day=day(2))),
)


LAST = 4
"""Days after the start, the day with which the parcels of seed 81 end."""


def _by_block() -> dict[int, list[Event]]:
    hands: dict[int, list[Event]] = {}
    for block, change in CHANGES:
        hands.setdefault(block, []).append(change)
    return hands


LEFT = """
SELECT book, account, sum(if(side = 'D', 1, -1) * amount) AS units FROM journal
WHERE book = {book:String} AND account IN ('1101', '1102', '2101')
    AND (fee = 'balance_moved' OR posted_for < {day:Date})
GROUP BY book, account HAVING units != 0"""
MOVED = """
SELECT sum(if(side = 'D', 1, -1) * amount) FROM journal
WHERE fee = 'balance_moved' AND account = {account:String} AND counterparty = {former:String}"""


def moved(client: Client, account: str, former: str) -> Decimal:
    """What moves have put on an account of headquarters with a party."""
    found: Decimal = client.query(MOVED, parameters={"account": account, "former": former}).result_rows[0][0]
    return found


def test_claims_against_outlets_go_over_whatever_else_their_parties_ran(empty: Client) -> None:
    report, data_time = play(empty, 81, [(0, world.tariff("one", rich=True))], rich=True, hands=_by_block())
    assert report.passed, report.to_text()
    assert moved(empty, "1005", "SH1") < 0
    for book, gone in (("XA1", day(1)), ("XA2", day(2)), ("BJ1", day(0)), ("SH1", day(1))):
        assert empty.query(LEFT, parameters={"book": book, "day": gone}).result_rows == []
    other = "ALTER TABLE claim UPDATE responsible = 'XA1' WHERE responsible = 'SH1'"
    empty.command(f"{other} SETTINGS mutations_sync = 2")
    assert not alone(empty, "moves_recomputed", data_time).passed


def test_what_went_over_stays_whatever_is_announced_later(empty: Client) -> None:
    there = PartyTransferred(id="c1", time=world.START, outlet="SH1", party="P1", from_day=day(1))
    back = PartyTransferred(id="c2", time=world.START, outlet="SH1", party="SH1", from_day=day(2))
    later = (
        PartiesMerged(id="c3", time=world.START, absorbed="BAO", into="SH1", from_day=day(60)),
        PartyTransferred(id="c4", time=world.START, outlet="GZ1", party="P1", from_day=day(60)),
    )
    books = [(0, world.tariff("one", rich=True))]
    report, _ = play(empty, 81, books, rich=True, hands={0: [there, back]}, later=later)
    assert report.passed, report.to_text()
    assert moved(empty, "1005", "P1") != 0


def test_outlets_and_their_takers_change_hands_on_one_day(empty: Client) -> None:
    """Whoever announces it first; an outlet that is absorbed goes on with the other."""
    hands = [
        PartyTransferred(id="c1", time=world.START, outlet="SH1", party="SH2", from_day=day(1)),
        PartyTransferred(id="c2", time=world.START, outlet="SH2", party="SH1", from_day=day(1)),
        PartiesMerged(id="c3", time=world.START, absorbed="XA1", into="XA2", from_day=day(1)),
        PartiesMerged(id="c4", time=world.START, absorbed="XA2", into="BJ1", from_day=day(1)),
        PartyTransferred(id="c5", time=world.START, outlet="BJ1", party="P1", from_day=day(1)),
        PartiesMerged(id="c6", time=world.START, absorbed="GZ1", into="BJ1", from_day=day(1)),
    ]
    books = [(0, world.tariff("one", rich=True))]
    report, _ = play(
        empty, 81, books, rich=True, hands={block: hands[block : block + 1] for block in range(6)}
    )
    assert report.passed, report.to_text()
    gone = empty.query("SELECT DISTINCT outlet, former, party FROM balance_moved ORDER BY outlet").result_rows
    others = [(outlet, outlet, "P1") for outlet in ("BJ1", "GZ1", "XA1", "XA2")]
    assert gone == sorted([*others, ("SH1", "SH1", "SH2"), ("SH2", "SH2", "SH1")])


def test_what_went_over_today_goes_nowhere_else_today(empty: Client) -> None:
    """The merger's day is the last, on which balances go over."""
    merged = PartiesMerged(id="c1", time=world.START, absorbed="XA1", into="XA2", from_day=day(LAST))
    later = [
        PartyTransferred(id="c2", time=world.START, outlet="XA2", party="P1", from_day=day(LAST)),
        PartyTransferred(id="c3", time=world.START, outlet="XA2", party="P1", from_day=day(LAST + 1)),
    ]
    books = [(0, world.tariff("one", rich=True))]
    report, data_time = play(empty, 81, books, rich=True, hands={0: [merged]}, later=later)
    assert date_of(business_day(data_time)) == day(LAST)
    assert report.passed, report.to_text()
    refused = empty.query("SELECT reason, event_id FROM dead_letter WHERE reason = 'transfer_refused'")
    assert refused.result_rows == [("transfer_refused", "c2")]


def test_what_a_province_is_owed_as_one_stays_with_it(empty: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "PARTIES", f"{world.PARTIES}610000,province,陕西省公司,HQ,,,,,\n")
    there = PartyTransferred(id="c1", time=world.START, outlet="XA1", party="610000", from_day=day(1))
    on = PartyTransferred(id="c2", time=world.START, outlet="XA1", party="XA2", from_day=day(2))
    books = [(0, world.tariff("one", rich=True))]
    report, _ = play(empty, 81, books, rich=True, hands={0: [there, on]})
    assert report.passed, report.to_text()
    owed = "account = '2005' AND counterparty = '610000' AND posted_for = {day:Date}"
    assert empty.query(
        f"SELECT count() FROM journal WHERE {owed}", parameters={"day": day(1)}
    ).result_rows != [(0,)]
    assert moved(empty, "1001", "610000") != 0
    assert moved(empty, "2005", "610000") == 0


@pytest.mark.parametrize(("seed", "lanes"), seeds(1, (71, 2), (70, 1)))
def test_outlets_change_hands(empty: Client, seed: int, lanes: int) -> None:
    hands = _by_block()
    books = [(0, world.tariff("one")), (3, world.tariff("dearer", 30))]
    report, data_time = play(empty, seed, books, lanes=lanes, hands=hands)
    assert report.passed, report.to_text()
    (changes,) = empty.query("SELECT count() FROM operator").result_rows[0]
    assert changes == 10
    parties = {row[0] for row in empty.query("SELECT DISTINCT payer FROM charge").result_rows}
    assert {"P1", "SH2", "XA2"} <= parties
    empty.command("ALTER TABLE charge UPDATE payer = 'SH1' WHERE payer = 'P1' SETTINGS mutations_sync = 2")
    for check in ("parties", "recomputed_charges", "posted"):
        assert not alone(empty, check, data_time).passed, check


@pytest.mark.parametrize("seed", seeds(4, 2, 3, 4, 7, 0, 1, 5))
def test_unlucky_parcels(empty: Client, seed: int) -> None:
    report, _ = play(empty, seed, [(0, world.tariff("one", **VARIANTS[seed]))])
    assert report.passed, report.to_text()
    assert report.counts.charges > 3 * PARCELS


def test_all_that_can_come_of_weights_and_chains_comes(empty: Client) -> None:
    report, _ = play(empty, WHOLE, [(0, world.tariff("one", **VARIANTS[WHOLE]))])
    assert report.passed, report.to_text()
    assert report.counts.charges > 3 * PARCELS
    for table, column, wanted in (
        ("weight_case", "status", {"opened", "changed", "decided"}),
        ("weight_decision", "decision", {"confirm", "override"}),
        ("chain_breach", "status", {"open", "closed"}),
        ("anomaly", "kind", {"place_mismatch", "weight_implausible"}),
    ):
        found = {row[0] for row in empty.query(f"SELECT DISTINCT {column} FROM {table}").result_rows}
        assert found >= wanted, table


def test_data_time_need_not_be_known(empty: Client) -> None:
    play(empty, 10, [(0, world.tariff("one"))], wait=0)
    assert empty.query("SELECT count() FROM waiting_now WHERE reason = 'no_weight'").result_rows[0][0]
    report = audited(empty)
    assert report.passed, report.to_text()


def test_nonsense(empty: Client) -> None:
    report, _ = play(empty, 44, [(0, world.tariff("one"))], spoil=True)
    assert report.passed, report.to_text()
    reasons = empty.query("SELECT DISTINCT reason FROM dead_letter").result_rows
    assert len(reasons) >= 6, reasons
    (anomalies,) = empty.query("SELECT count(DISTINCT kind) FROM anomaly").result_rows[0]
    assert anomalies == 3


@pytest.mark.parametrize("seed", seeds(2, 21, 22, 26, 23, 27))
def test_books_published_on_the_way(empty: Client, seed: int) -> None:
    books = [
        (2, world.tariff("late", **VARIANTS[seed % 8])),
        (4, world.tariff("dearer", 30)),
        (6, world.tariff("by weight", 60, by_weight=True)),
    ]
    report, _ = play(empty, seed, books)
    assert report.passed, report.to_text()


@pytest.mark.parametrize("seed", seeds(1, 70, 71, 72))
def test_every_fee(empty: Client, seed: int) -> None:
    report, _ = play(empty, seed, [(0, world.tariff("rich", rich=True))], rich=True, lanes=1 + seed % 2)
    assert report.passed, report.to_text()
    (fees,) = empty.query("SELECT uniqExact(fee) FROM charge").result_rows[0]
    assert fees == sum(len(due.fees) for due in FEES.dues if due.trigger not in OF_STORES)
    _signed_and_gone(empty)
    unknown = empty.query("SELECT DISTINCT found FROM anomaly WHERE kind = 'service_unknown'").result_rows
    assert unknown == [("unpriced",)]


def _signed_and_gone(client: Client) -> None:
    """Some parcels were signed for that had gone back or on, or the other way about; the auditor judges each remark."""

    def judged() -> bool:
        return check_ends(Store(client)).passed

    (told,) = client.query("SELECT uniqExact(waybill) FROM anomaly WHERE kind = 'ended_twice'").result_rows[0]
    assert told > 1
    assert judged()
    for wrong in ("UPDATE found = concat(found, '0')", "DELETE"):
        client.command(
            f"ALTER TABLE anomaly {wrong} WHERE kind = 'ended_twice'", settings={"mutations_sync": 2}
        )
        assert not judged()


MORE = 40


@pytest.mark.parametrize("seed", seeds(1, 71, 70, 72))
def test_many_more_fees_than_there_are(empty: Client, seed: int) -> None:
    """They come into force on the way, then other prices, the lanes are restarted in between, or they are withdrawn."""
    rich = world.tariff("rich", rich=True)
    files = with_prices_of_more(rich.files, MORE)
    more = msgspec.structs.replace(rich, id="more", name="more", files=files, version=version_of(files))
    dearer = world.tariff("dearer", 30, rich=True)
    gone = TariffWithdrawn(id="w", time=world.START, version=more.version, withdrawn_by="me")
    books: list[tuple[int, TariffPublished | TariffWithdrawn]] = [(0, rich), (2, more), (6, dearer)]
    if seed % 2:
        books.append((7, gone))
    report, _ = play(empty, seed, books, rich=True, fees=with_more(MORE), restart=4, lanes=1 + seed % 2)
    assert report.passed, report.to_text()
    charged = empty.query("SELECT uniqExact(fee) FROM charge WHERE fee LIKE 'more\\_%'").result_rows
    assert charged == [(MORE,)]
    waited = empty.query(
        "SELECT DISTINCT reason FROM waiting WHERE fee LIKE 'more\\_%' AND reason != ''"
    ).result_rows
    assert {row[0] for row in waited} >= {"no_order", "no_weight", "no_price"}


def penalties(client: Client) -> int:
    """Breaches that have cost one."""
    sql = "SELECT uniqExact(waybill, part) FROM charge WHERE part LIKE 'breach:%'"
    return int(client.query(sql).result_rows[0][0])


@pytest.mark.parametrize("seed", seeds(1, 74, 75))
def test_breaches_that_are_final_cost_penalties(empty: Client, seed: int) -> None:
    books = [(0, world.tariff("rich", rich=seed != 74))]
    report, _ = play(empty, seed, books, rich=True, lanes=1 + seed % 2, wait=110)
    assert report.passed, report.to_text()
    assert penalties(empty) > (0 if seed == 74 else 10)


@pytest.mark.parametrize("seed", seeds(1, 81, 80))
def test_prices_of_more_fees_come_on_the_way(empty: Client, seed: int) -> None:
    books = [
        (0, world.tariff("plain")),
        (3, world.tariff("rich", rich=True)),
        (6, world.tariff("dearer", 30, rich=True)),
    ]
    report, _ = play(empty, seed, books, rich=True, lanes=1 + seed % 2)
    assert report.passed, report.to_text()


@pytest.mark.parametrize("seed", seeds(1, 80, 89, 90))
def test_policies_and_prices_of_more_fees_come_on_the_way(empty: Client, seed: int) -> None:
    books = [
        (0, world.tariff("one", rich=True, **VARIANTS[seed % len(VARIANTS)])),
        (3, world.tariff("two", 30, rich=True, by_weight=True, treatment="wait", lines=world.LINES)),
        (6, world.tariff("three", 60, rich=True)),
    ]
    report, _ = play(empty, seed, books, rich=True)
    assert report.passed, report.to_text()


FORGED = (
    ("amount + 1 AS amount", "amount > 0", "recomputed_charges"),
    ("'110000' AS payee", "amount > 0", "recomputed_charges"),
    ("price_row + 1 AS price_row", "amount > 0", "recomputed_snapshots"),
    ('replaceAll(steps, \'"shared":"\', \'"shared":"1\') AS steps', "amount > 0", "steps"),
    ("'' AS steps", "amount > 0", "recomputed_snapshots"),
)


@pytest.mark.parametrize("seed", seeds(1, 80, 89, 90))
def test_other_shares_on_the_way_and_forged_ones(empty: Client, seed: int) -> None:
    """They begin, change, end and begin again, while prices of what is shared change, too; a forged one is noticed."""
    rich = world.tariff("rich", rich=True)
    books = [
        (0, world.other_shares(rich, "")),
        (2, rich),
        (4, world.other_shares(rich, "origin_province,product,percent\n,,6.0606\n陕西,EXP,15\n")),
        (5, world.other_shares(rich, "")),
        (6, world.other_shares(world.tariff("rich", 30, rich=True), "percent,maximum\n9.99,0.55\n")),
    ]
    report, data_time = play(empty, seed, books, rich=True, lanes=1 + seed % 2)
    assert report.passed, report.to_text()
    (books_used, reversals) = empty.query(
        "SELECT uniqExactIf(book_version, amount > 0), countIf(amount < 0) FROM charge WHERE fee = 'province_share'"
    ).result_rows[0]
    assert books_used >= 3
    assert reversals > 10
    kept = Kept(empty, {"charge"})
    for change, where, noticed in FORGED:
        kept.change("charge", f"fee = 'province_share' AND {where}", change)
        assert not alone(kept.auditor, noticed, data_time).passed, change
        kept.mend()
    assert run(kept.auditor, data_time=data_time).passed


def test_a_share_that_does_not_follow_what_it_is_a_share_of_is_noticed(
    empty: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, undo = named.settle, named.undo

    def settle_once(rules: Any, parcel: Any, live: Live, part: str, *more: Any, **shared: Any) -> None:
        items = parcel.extra.items if parcel.extra is not None else {}
        item = items.get(item_key(live.due.name, part))
        if not (live.due.share_of and item is not None and item.standing):
            settle(rules, parcel, live, part, *more, **shared)

    def undo_others(rules: Any, parcel: Any, live: Live, part: str) -> None:
        if not live.due.share_of:
            undo(rules, parcel, live, part)

    monkeypatch.setattr(named, "settle", settle_once)
    monkeypatch.setattr(named, "undo", undo_others)
    report, _ = play(empty, 70, [(0, world.tariff("rich", rich=True))], rich=True)
    wrong = report.check("recomputed_charges")
    assert not wrong.passed
    assert all("province_share" in one for one in wrong.examples)


def test_books_withdrawn_on_the_way(empty: Client) -> None:
    dearer = world.tariff("dearer", 30)
    books: list[tuple[int, TariffPublished | TariffWithdrawn]] = [
        (0, world.tariff("one")),
        (2, dearer),
        (4, TariffWithdrawn(id="w1", time=world.START, version=dearer.version, withdrawn_by="me")),
        (6, world.tariff("late", 60)),
        (6, TariffWithdrawn(id="w2", time=world.START, version="unknown")),
    ]
    report, _ = play(empty, 23, books)
    assert report.passed, report.to_text()
    found = empty.query(
        "SELECT version, published_by FROM tariff_book WHERE status = 'withdrawn'"
    ).result_rows
    assert found == [(dearer.version, "me")]
    assert empty.query("SELECT count() FROM dead_letter WHERE reason = 'book_refused'").result_rows[0][0] == 1


def test_two_lanes(empty: Client) -> None:
    report, _ = play(empty, 30, [(0, world.tariff("one")), (5, world.tariff("dearer", 40))], lanes=2)
    assert report.passed, report.to_text()
    assert {head.lane for head in report.heads} == {0, 1}
    live = audited(empty, live=True)
    assert live.passed, live.to_text()
    assert live.counts.unsealed_rows == 0


class Growing:
    """A client of books that a flow is writing: behind every tenth question there is one more block, or half."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lane = Lane(client)
        self._events = iter(world.disordered(400, 31))
        self._now = world.START
        self._questions = 0
        self._lane.block([record(world.network()), record(world.tariff("one"))])
        self.grow()

    def grow(self) -> None:
        """The next block."""
        some = list(itertools.islice(self._events, 30))
        self._now = max([self._now, *(event.time for event in some)])
        tick = Tick(id=f"tick{self._now}-{self._questions}", time=self._now)
        self._lane.block([record(tick), *(record(event) for event in some)])

    def raw_query(self, *words: Any, **more: Any) -> Any:
        """Ask, then write."""
        answer = self._client.raw_query(*words, **more)
        self._questions += 1
        if self._questions % 10 == 0:
            self.grow()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_flow_that_writes_meanwhile(empty: Client) -> None:
    growing = Growing(empty)
    for _ in range(4):
        growing.grow()
    live = run(cast("Client", growing), live=True)
    assert live.passed, live.to_text()
    assert 3 < live.counts.blocks < empty.query("SELECT count() FROM block").result_rows[0][0]
    assert live.counts.charges > 0
    newest = empty.query("SELECT max(seq) FROM charge").result_rows[0][0]
    for table in ("journal", "event"):  # the flow is killed between two tables
        empty.command(f"ALTER TABLE {table} DELETE WHERE seq = {newest}", settings={"mutations_sync": 2})
    empty.command(f"ALTER TABLE block DELETE WHERE n > {newest}", settings={"mutations_sync": 2})
    live = audited(empty, live=True)
    assert live.passed, live.to_text()
    assert not audited(empty).passed


def test_a_deadline_that_should_have_passed(empty: Client) -> None:
    report, data_time = play(empty, 0, [(0, world.tariff("one"))], wait=0)
    assert report.passed, report.to_text()
    assert not alone(empty, "recomputed_waiting", data_time + 100 * HOUR).passed


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"order","customer":"C\\ud800"}',
        b'{"type":"order","payment_e4":NaN}',
        b'{"type":"scan","time":' + b"9" * 5_000 + b"}",
    ],
    ids=["half a character", "no number", "a long number"],
)
def test_the_auditor_reads_json_as_lanes_do(empty: Client, raw: bytes) -> None:
    lane = Lane(empty, 0)
    with held([lane]):
        lane.block([record(world.network()), record(world.tariff("one"))])
        lane.block([record(Tick(id="tick", time=world.START)), Record(DEVICES.name, 0, raw)])
        lane.block([record(Tick(id="last", time=world.START + HOUR))])
    assert empty.query("SELECT count() FROM dead_letter").result_rows == [(1,)]
    report = audited(empty, data_time=world.START + HOUR)
    assert report.passed, report.to_text()


def test_books_that_are_looked_at_in_pieces(empty: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges, shards, pieces = Store.ranges, Store.shards, Counter[str]()

    def counted(kind: str, found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        several = list(found)
        pieces[kind] = max(pieces[kind], len(several))
        return several

    monkeypatch.setattr(Store, "ranges", lambda self, table, *_: counted(table, ranges(self, table, PIECE)))
    monkeypatch.setattr(
        Store, "shards", lambda self, table, _: counted(f"by {table}", shards(self, table, PIECE))
    )
    books = [(0, world.tariff("one")), (8, world.tariff("dearer", 30))]
    report, _ = play(empty, 60, books, parcels=MANY, spoil=True)
    assert report.passed, report.to_text()
    assert report.counts.parcels > MANY * 0.98
    assert report.counts.journal_rows > 12 * MANY
    assert min(pieces[kind] for kind in ("journal", "charge", "event", "by event", "by charge")) > 3, pieces


TAMPERED = (
    ("claim", "amount + 1 AS amount", "status = 'breached'", "breach_penalties"),
    ("claim", "'none' AS evidence", "status = 'breached'", "breach_penalties"),
    ("claim", "'mended' AS status", "status = 'breached'", "breach_penalties"),
    ("claim", "event_time + 1 AS event_time", "status = 'breached'", "penalised"),
    ("chain_rule", "'wrong_sorting' AS due", "due = 'late'", "recomputed_charges"),
    ("chain_rule", "amount + 1 AS amount", "amount > 0", "recomputed_charges"),
    ("chain_breach", "'open' AS status", "status = 'final'", "breach_penalties"),
    ("charge", "'BJ1' AS payer", "startsWith(part, 'breach:') AND payer != 'BJ1'", "recomputed_charges"),
)


def test_a_changed_penalty_is_noticed(empty: Client) -> None:
    report, data_time = play(empty, 73, [(0, world.tariff("rich", rich=True))], rich=True, lanes=2, wait=110)
    assert report.passed, report.to_text()
    assert penalties(empty) > 10
    kept = Kept(empty, {table for table, *_ in TAMPERED})
    for table, change, where, noticed in TAMPERED:
        kept.change(table, where, change)
        assert not alone(kept.auditor, noticed, data_time).passed, (table, change)
        kept.mend()
    assert run(kept.auditor, data_time=data_time).passed
