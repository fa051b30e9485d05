"""Both flows' own books of parcels and commands: the auditor agrees, and people can read them."""

import random
from datetime import date, datetime

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from dashboards import accounts
from dashboards.words import FIRST_DAY, LAST_DAY
from deploy import statements
from deploy.audit.accounts import check_told
from deploy.audit.chain import read_log
from deploy.audit.store import Store
from flows.engine.messages import Letter
from flows.fees.current import FEES
from flows.parcels import letters, positions_of
from schemas import topics
from schemas.events import Command, Event, PartiesMerged, PartyTransferred
from schemas.parties import HQ
from schemas.partition import partition_of
from schemas.times import HOUR
from sinks.encode import Encoded
from tests.audit.alone import alone
from tests.audit.lane import Lane, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.writer import Writer
from tests.lifecycle.world import START, events_of, tariff
from tests.wallet.world import MONEY_WITH_HQ, OTHER, PARTITIONS, PARTY, Bank, command, network, tick

WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"


class Books(Bank):
    """The accounts flow, writing into a store what it makes."""

    def __init__(self, client: Client, terms: str) -> None:
        self.writer = Writer(client, 1000)
        self.upto = {f"{topics.POSTINGS.name}:{p}": 0 for p in range(PARTITIONS)}
        super().__init__(terms)

    def wrote(self, made: list[Encoded]) -> None:
        """A block more."""
        self.upto = {name: n + 1 for name, n in self.upto.items()}
        self.writer.block(made, self.upto)


class Both:
    """The two flows, one behind the other."""

    def __init__(self, client: Client) -> None:
        self.parcels = Lane(client)
        self.books = Books(client, f"{PARTY},credit,20,5\n")
        self.positions = positions_of(FEES, PARTITIONS)
        self.parcels.block([record(network()), record(tariff()), record(tick(START))])

    def parcel(self, *events: Event) -> list[Letter]:
        """A block of the parcel flow; what it says to the accounts flow."""
        self.parcels.block([record(tick(max(event.time for event in events))), *map(record, events)])
        block = self.parcels.writer.receipt.n
        return letters(0, block, self.parcels.tables.booked, self.positions)

    def hear(self, said: list[Letter]) -> None:
        """The accounts flow hears it, all of it in a block."""
        self.books.block(*((letter.topic, letter.partition or 0, letter.value) for letter in said))

    def ask(self, asked: Command) -> None:
        """A command in a block of its own."""
        self.books.block((topics.COMMANDS.name, partition_of(asked.subject, PARTITIONS), asked))

    def close(self) -> None:
        """Both end well."""
        self.parcels.writer.close()
        self.books.writer.close()


def _ask_whatever(r: random.Random, both: Both) -> None:
    """Parcels whose postings are heard now and then, and commands of all kinds."""
    said = [both.parcel(event) for event in events_of(WHOLE + " 分拨DWS4#二@1")]
    for number in range(300):
        if said and r.random() < 0.1:
            both.hear(said.pop(0))
        name = r.choice(["top_up", "withdraw", "hold", "release", "capture", "purchase", "deposit_in"])
        name = r.choice([name, "deposit_out", name, "set_terms"]) if number % 9 == 0 else name
        body: dict[str, object] = {"amount_e4": r.randrange(100, 200_000, 100)}
        if name == "hold":
            body["purpose"] = r.choice(["withdraw", "purchase"])
        elif name in ("release", "capture"):
            body = {"hold": f"c{r.randrange(number + 1)}"}
        elif name == "purchase":
            item = r.choice(["面单", "胶带", "雨衣"])
            body = {"item": item, "quantity": r.randrange(1, 20)}
            body |= {"unit_price_e4": r.randrange(0, 20_000)} if number % 3 == 0 else {}
        elif name == "set_terms":
            body = {"kind": r.choice(["prepaid", "credit"]), "low_balance_e4": r.randrange(0, 100_000)}
        party = r.choice([PARTY, OTHER, PARTY, "NOBODY"])
        both.ask(command(name, f"c{number}", party, **body))  # type: ignore[arg-type]
    for letters_ in said:
        both.hear(letters_)


def test_whatever_is_asked_the_auditor_comes_to_the_same(empty: Client) -> None:
    r, both = random.Random(5), Both(empty)
    with both.parcels.writer.held(), both.books.writer.held():
        _ask_whatever(r, both)
    report = audited(empty)
    assert report.passed, report.to_text()
    assert check_told(Store(empty), read_log(Store(empty)), all_of_it=True).passed
    (accepted, reasons), *_ = empty.query(
        "SELECT countIf(accepted), uniqExactIf(reason, NOT accepted) FROM answer"
    ).result_rows
    assert accepted > 50
    assert reasons >= 4
    live = audited(empty, live=True)
    assert live.passed, live.to_text()


def test_a_command_said_in_two_ways_conflicts_with_the_one_that_was_answered(empty: Client) -> None:
    both = Both(empty)
    for amount in (100, 200):
        both.ask(command("top_up", "c1", amount_e4=amount))
    both.books.block((topics.TICKS.name, 0, tick(START + HOUR)))
    sold = PartyTransferred(id="t1", time=START, outlet=PARTY, party=OTHER, from_day=date(2025, 11, 12))
    both.parcels.block([record(sold), record(msgspec.structs.replace(sold, reason="another"))])
    both.parcels.block([record(tick(START + HOUR))])
    report = audited(empty)
    assert report.passed, report.to_text()
    assert empty.query("SELECT event_id FROM dead_letter ORDER BY event_id").result_rows == [("c1",), ("t1",)]
    for number, taken in enumerate(("answer WHERE command_id = 'c1'", "operator WHERE change_id = 't1'"), 1):
        empty.command(f"DELETE FROM {taken}")
        assert alone(empty, "dead_letters").detail.startswith(f"{number} wrong")


ITEMS = (
    ("p1", "replace(body, '胶带', '雨衣') AS body"),
    ("p2", "replace(body, '雨衣', '胶带') AS body"),
    ("p3", "replace(body, '胶带', '雨衣') AS body"),
    ("c1", "0 AS accepted, 'unknown_item' AS reason"),
)
"""Commands, and how their answers are changed."""


def test_an_answer_goes_by_the_items_of_the_list(empty: Client) -> None:
    """Whoever gives the price, too: bought is what a list names, refused what one does not."""
    both = Both(empty)
    both.ask(command("top_up", "c1", amount_e4=100_000))
    both.ask(command("purchase", "p1", item="胶带", quantity=4, unit_price_e4=7))
    both.ask(command("purchase", "p2", item="雨衣", quantity=4, unit_price_e4=0))
    both.ask(command("purchase", "p3", item="胶带", quantity=4_000_000))
    both.close()
    found = empty.query("SELECT command_id, reason FROM answer ORDER BY command_id").result_rows
    assert found == [("c1", ""), ("p1", ""), ("p2", "unknown_item"), ("p3", "over_limit")]
    kept = Kept(empty, ["answer"])
    assert alone(kept.auditor, "recomputed_answers").passed
    for number, changed in ITEMS:
        kept.change("answer", f"command_id = '{number}'", changed)
        assert not alone(kept.auditor, "recomputed_answers").passed, number
        kept.mend()
    kept.leave()


def test_a_province_and_a_carrier_have_accounts_too(empty: Client) -> None:
    both = Both(empty)
    directory = network(parties=MONEY_WITH_HQ)
    both.parcels.block([record(directory)])
    both.books.block((topics.CONTROL.name, 0, directory))
    for party in ("310000", "AIR", "SHC-K1"):
        both.ask(command("top_up", f"c-{party}", party, amount_e4=100_000))
    both.close()
    found = empty.query("SELECT party, reason FROM answer ORDER BY party").result_rows
    assert found == [("310000", ""), ("AIR", ""), ("SHC-K1", "unknown_party")]
    assert alone(Kept(empty, ["answer"]).auditor, "recomputed_answers").passed


def test_what_was_not_heard_yet_is_on_the_way(empty: Client) -> None:
    both = Both(empty)
    said = [both.parcel(event) for event in events_of(WHOLE)]
    both.hear([letter for letters_ in said[:3] for letter in letters_])
    report = audited(empty)
    assert report.passed, report.to_text()
    assert "0 sums on the way" not in report.check("told").detail
    assert not check_told(Store(empty), read_log(Store(empty)), all_of_it=True).passed


def test_what_was_bought_and_who_took_an_outlet_over_is_told(empty: Client) -> None:
    both = Both(empty)
    both.ask(command("top_up", "c1", amount_e4=100_000))
    both.ask(command("purchase", "p1", item="胶带", quantity=4))
    day = date(2025, 11, 11)
    assert "物料采购 purchase  胶带 × 4  p1" in statements.statement(empty, PARTY, day, day, lines=False)
    assert "absorbed" not in statements.balance(empty, PARTY)
    change = PartiesMerged(id="m1", time=START, absorbed=PARTY, into=OTHER, from_day=date(2025, 11, 12))
    both.parcels.block([record(change)])
    told = statements.balance(empty, PARTY).splitlines()
    assert told[1] == f"! 2025-11-12 起并入 {OTHER}: absorbed by it from that day on"


def test_people_read_statements_down_to_the_waybill(empty: Client) -> None:
    both = Both(empty)
    both.ask(command("top_up", "c1", amount_e4=100_000))
    both.books.block((topics.TICKS.name, 0, tick(START + HOUR)))
    for event in events_of(WHOLE):
        both.hear(both.parcel(event))
    both.books.block((topics.TICKS.name, 0, tick(START + 24 * HOUR)))
    both.ask(command("hold", "h1", amount_e4=10_000, purpose="withdraw"))
    day = date(2025, 11, 11)
    now = accounts.balance(empty, PARTY, START + 24 * HOUR)
    assert now is not None
    assert (str(now.accounts["cash"]), str(now.held), str(now.available)) == ("2.5500", "1.0000", "21.5500")
    before = accounts.balance(empty, PARTY, START)
    assert before is not None
    assert str(before.accounts["cash"]) == "10.0000"
    assert "可用 available" in statements.balance(empty, PARTY, datetime(2025, 12, 1))
    plain = statements.statement(empty, PARTY, day, day, lines=False)
    assert "充值 top-up  c1" in plain
    assert "YT7500000000001" not in plain
    lines = statements.statement(empty, PARTY, day, day, lines=True)
    assert lines.count("YT7500000000001") == 3
    assert "财务  2025-11-11 08:00:00  金额 amount 10.00\n" in lines
    whole = statements.statement(empty, PARTY, FIRST_DAY, LAST_DAY, lines=False)
    assert whole.splitlines()[0] == f"{PARTY}  自始 from the beginning … 至今 until now"
    found = accounts.statement(empty, PARTY, day, day)
    later = accounts.statement(empty, PARTY, date(2025, 11, 12), date(2025, 11, 13))
    assert found is not None
    assert later is not None
    assert later.opening == found.closing == later.closing
    assert statements.statement(empty, "NOBODY", day, day, lines=False) == ""
    assert statements.balance(empty, "NOBODY", datetime(2025, 12, 1)) == ""
    text, agrees = statements.trial_balance(empty, day, "")
    assert agrees, text
    assert "2401 网点预存款" in text
    assert "平 0.00" in text
    text, agrees = statements.trial_balance(empty, day, PARTY)
    assert agrees, text
    text = statements.ledger(empty, PARTY, "2101", day, day, 2)
    assert "only the first 2" in text
    assert "贷 6.25" in statements.ledger(empty, PARTY, "2101", day, day, 100)
    _parties_see_what_the_chart_says(empty, day)
    empty.command(
        "ALTER TABLE journal UPDATE amount = amount + 1 WHERE account = '2401' SETTINGS mutations_sync = 2"
    )
    text, agrees = statements.trial_balance(empty, day, "")
    assert not agrees
    assert "1 个不符" in text


def _parties_see_what_the_chart_says(client: Client, day: date) -> None:
    """Its own book; of headquarters' what is between the two, on accounts of both; headquarters sees all."""
    own, _ = statements.trial_balance(client, day, PARTY)
    assert statements.trial_balance(client, day, PARTY, PARTY)[0] == own
    assert statements.trial_balance(client, day, PARTY, HQ)[0] == own
    theirs, _ = statements.trial_balance(client, day, HQ)
    between, agrees = statements.trial_balance(client, day, HQ, PARTY)
    assert agrees, "of a part nothing is said"
    assert "1001 应收中转费" in between
    assert "4001 " in theirs
    assert "4001 " not in between
    text = statements.ledger(client, HQ, "1001", day, day, 100, PARTY)
    assert text == statements.ledger(client, HQ, "1001", day, day, 100)
    assert "5.25" in text
    assert "5.25" not in statements.ledger(client, HQ, "1001", day, day, 100, "XAD"), "it is another's"
    assert "nothing between the two" in statements.ledger(client, HQ, "1001", day, day, 100, "XAD")
    assert "nothing between the two" in statements.trial_balance(client, LAST_DAY, PARTY, "XAD")[0]
    with pytest.raises(LookupError, match=f"account 4001 of {HQ} is seen by {HQ}, not by {PARTY}"):
        statements.ledger(client, HQ, "4001", day, day, 100, PARTY)
    with pytest.raises(LookupError, match="not for XAD"):
        statements.statement(client, PARTY, day, day, lines=False, reader="XAD")
    with pytest.raises(LookupError, match="not for XAD"):
        statements.balance(client, PARTY, None, "XAD")
    assert statements.statement(client, PARTY, day, day, lines=False, reader=HQ)


def test_what_a_gate_was_told_is_judged_again(empty: Client) -> None:
    both = Both(empty)
    for number, asked in enumerate([1, 200_000, 200_001, 0]):
        both.ask(command("admit", f"q{number}", stay="S1", amount_e4=asked, reply_to="SH-A/gate-1"))
    assert [one.reason for one in both.books.answers] == ["", "", "over_limit", ""]
    assert alone(empty, "recomputed_answers").passed
    empty.command(
        "ALTER TABLE answer UPDATE accepted = 1, reason = '' WHERE true SETTINGS mutations_sync = 2"
    )
    assert not alone(empty, "recomputed_answers").passed
