"""Customers, people and bills through a lane: the books come to what the truth says, exception by exception."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec
import pytest

from deploy.audit.paid import DUE, GRACE, true_cash, true_exceptions
from deploy.audit.sent import BillLine, DecisionLine, PaymentLine, lines
from deploy.bills import job
from deploy.bills.office import Office, superseded
from flows.payments import Door
from flows.reconciliation.process import Payments
from flows.reconciliation.record import DayRecord
from flows.reconciliation.rules import DEFAULT
from schemas import topics
from schemas.reasons import EXCEPTION
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from sources.channels.keys import read_tokens
from sources.channels.model import Own
from sources.channels.read import read_channels
from sources.network.paying.customers import Customers
from sources.network.paying.ledger import Ledger
from sources.network.paying.mornings import Mornings
from sources.network.paying.stories import STORIES
from sources.network.paying.told import Voices
from sources.network.stage import START
from tests.payments.world import Books, tick

DAYS, AN_HOUR = 3, 9
NEVER = {"deduction_refused"}
"""It wants an accounts flow beside."""
CHANNELS = ("1811", "1812", "1813", "1814", "1815")
"""Accounts of channels; what is on its way between them is elsewhere."""


class Kept:
    """What would go to Kafka."""

    def __init__(self, _: Settings) -> None:
        self.messages: list[bytes] = []

    def produce(self, topic: str, _: str, message: bytes) -> None:
        """A message for the lane."""
        assert topic == topics.BILLS.name
        self.messages.append(message)

    def flush(self) -> None:
        """It is there."""


class Played(Books):
    """A lane of the simulated channels. Books after some days in which customers pay."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.keys = home, home / "keys"
        ledger = Ledger(home)
        voices = Voices(self.keys, home / "private")
        self.customers = Customers(
            6,
            AN_HOUR,
            START,
            voices,
            ledger,
            DEFAULT.read_text("utf-8"),
            Mornings(home / "bills", ledger, seed=3),
        )
        super().__init__(self.customers.rules)
        monkeypatch.setattr(job, "Records", Kept)
        self.office = Office(home / "bills")
        settings = Settings(keys=self.keys, bills=home / "bills")
        self.job = job.Job(settings, self.office, read_tokens(Own(), self.keys), lambda _: None)
        self.now = START
        while self.now < START + DAYS * DAY or self.customers.due is not None:
            self._pass()
        self.customers.close()
        self.until(self.now + 26 * HOUR)
        self.now += 26 * HOUR

    def _work(self) -> Payments:  # type: ignore[override]
        return Payments(partial(Door, self.keys), lambda _: 0)

    def _pass(self) -> None:
        self.now += 3 * HOUR
        self.customers.begin(min(self.now, START + DAYS * DAY))
        said = [(one.topic, one.value) for one in self.customers.until(self.now)]
        self.job.pull(date(2025, 1, 1), quiet=0)
        kept = self.job._records
        assert isinstance(kept, Kept)
        said += [(topics.BILLS.name, message) for message in kept.messages]
        kept.messages.clear()
        self.records([(topics.TICKS.name, msgspec.json.encode(tick(self.now))), *said])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Played once for all tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Played(tmp_path_factory.mktemp("paid"), monkeypatch)


@pytest.fixture(scope="module")
def truth(played: Played) -> dict[str, PaymentLine]:
    """What is true of each movement."""
    return {one.payment: one for one in lines(played.home / "payments.jsonl", PaymentLine)}


def test_exceptions_are_those_that_there_truly_are(played: Played, truth: dict[str, PaymentLine]) -> None:
    """Of every kind that a simulation can bring about."""
    bills = list(lines(played.home / "bills.jsonl", BillLine))
    decisions = lines(played.home / "decisions.jsonl", DecisionLine)
    true = true_exceptions(list(truth.values()), bills, decisions, played.now)
    there = played.exceptions()
    assert Counter(kind for (kind, _), status in there.items() if status != "accepted") == true
    assert {kind for (kind, _), status in there.items() if status == "accepted"} == {"conflicting_states"}
    assert true.keys() == EXCEPTION.keys() - NEVER


def test_what_can_be_known_is_matched_as_it_was_meant(played: Played, truth: dict[str, PaymentLine]) -> None:
    """And nothing else."""
    shares: defaultdict[str, dict[str, int]] = defaultdict(dict)
    owed = {row["payment"] for row in played.rows["payment_match"] if row["posting"] == "refund_owed"}
    for (payment, document), (amount, _) in played.matches().items():
        if payment != document or payment not in owed:  # what went back beyond its payment is for no document
            shares[payment][document] = int(amount * 10_000)
    moved = {row["payment"]: row["state"] == "success" for row in played.rows["payment"]}
    for name, one in truth.items():
        if not moved.get(name):
            assert not one.told
        elif one.decidable and not (one.original and not moved.get(one.original)):
            assert shares[name] == one.shares, (name, one)
        else:
            assert shares[name].items() <= one.shares.items(), (name, one)
    assert not {name for name, there in moved.items() if there} - truth.keys()


def test_decisions_of_every_kind_are_taken(played: Played) -> None:
    """Each of them once; some wait for another person, some are withdrawn."""
    rows = played.rows["payment_decision"]
    assert len({row["event_id"] for row in rows}) == len(rows) == played.customers.ledger.counts["decisions"]
    states = {row["event_id"]: row["state"] for row in played.rows["decision_state"]}
    kinds = {(row["decision"], states.get(row["event_id"], "noted")) for row in rows}
    assert kinds == {
        *(("match", "in_force"), ("match", "waiting"), ("match", "withdrawn"), ("write_off", "in_force")),
        *(("refund", "in_force"), ("ignore", "in_force"), ("accept", "in_force")),
        *(("approve", "noted"), ("withdraw", "noted")),
    } | (kinds & {("refund", "waiting")})


def test_bills_are_refused_corrected_and_given_again(played: Played) -> None:
    """And those that count are the last ones."""
    notes = list(played.office.notes())
    assert {one.reason for one in notes} == {"", "bill_total_wrong", "bill_hash_wrong"}
    former = superseded(notes)
    assert former
    assert {row["status"] for row in played.rows["bill"]} == {"complete", "refused"}
    counts = {
        (record.channel, record.merchant, record.sort, record.day, record.counts(""))
        for record in played.work.ring.records.values()
        if isinstance(record, DayRecord) and record.bills
    }
    assert len(counts) == sum(not one.reason for one in notes) - len(former)
    assert not {one[-1] for one in counts} & {one.bill for one in former}


def test_the_books_balance_to_what_moved(played: Played, truth: dict[str, PaymentLine]) -> None:
    """All that came and went, by all channels, less what they kept."""
    newest = {row["payment"]: row for row in played.rows["payment"]}
    money = [row for row in newest.values() if (row["state"], row["currency"]) == ("success", "CNY")]
    came = sum((row["amount"] if row["direction"] == "in" else -row["amount"]) for row in money)
    clearing = sum(amount for (_, account), amount in played.balances().items() if account in CHANNELS)
    assert clearing == came - sum((row["fee"] for row in money), Decimal(0))
    assert {row["payment"] for row in money} <= truth.keys()
    by_place = Counter[str]()
    for row in played.rows["journal"]:
        if row["account"] in CHANNELS and row["fee"] != "channel_fee":
            by_place[row["counterparty"]] += int(row["amount"] * 10_000) * (1 if row["side"] == "D" else -1)
    assert by_place == true_cash(truth[row["payment"]] for row in money)
    assert {one.currency for one in truth.values()} == {"CNY", "USD"}


def test_the_truth_knows_what_channels_have_agreed(played: Played) -> None:
    """Its grace and due times are those of `channels.toml`, and all stories were told."""
    channels = read_channels(played.customers.rules.files).channels
    agreed = {name: one.bills for name, one in channels.items() if one.bills is not None}
    assert {name: one.grace_days for name, one in agreed.items()} == GRACE
    assert {one.due_hours * HOUR for one in agreed.values()} == {DUE}
    assert played.customers.affairs > 3 * len(STORIES)
