"""Customers who pay: the same seed pays the same, and what is true of it can be known from what is told."""

from collections import Counter, defaultdict
from fnmatch import fnmatch
from pathlib import Path

import msgspec
import pytest

from deploy.bills.job import day_in
from deploy.bills.office import Office
from schemas import topics
from schemas.payments import BillLine, Notification, Payment, Receivable, ReceivableCancelled
from schemas.reasons import EXCEPTION
from schemas.times import DAY, HOUR, day_of
from sources.bills.formats import FORMATS
from sources.bills.model import Asked, BillError
from sources.bills.verified import digests_of, has_digest
from sources.channels.keys import read_keys
from sources.channels.read import read_channels, read_payers
from sources.channels.refused import RefusedError
from sources.channels.tokens import Tokens
from sources.channels.verify import Verifier
from sources.network.paying.case import (
    BILLED_WRONG,
    IMITATED,
    IN_TABLES,
    REASONS,
    Case,
    Chances,
    PaymentTruth,
)
from sources.network.paying.customers import Customers, Record
from sources.network.paying.ledger import BillTruth, Ledger
from sources.network.paying.merchants import CENTRE, MERCHANTS
from sources.network.paying.mornings import Mornings
from sources.network.paying.stories import STORIES
from sources.network.paying.told import Voices
from sources.network.stage import START

AN_HOUR = 60
LONG_AFTER = START + 30 * DAY


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    """Channels with keys of their own."""
    return Voices(*_places(tmp_path_factory.mktemp("voices")))


def _places(home: Path) -> tuple[Path, Path]:
    return home / "keys", home / "private"


def _customers(voices: Voices, truth: Path, seed: int = 1, bills: Path | None = None) -> Customers:
    ledger = Ledger(truth)
    mornings = Mornings(bills, ledger, seed) if bills is not None else None
    return Customers(seed, AN_HOUR, START, voices, ledger, "", mornings)


def _all(customers: Customers, days: int) -> list[Record]:
    customers.begin(START + days * DAY)
    said = list(customers.until(LONG_AFTER))
    customers.close()
    assert customers.due is None
    return said


def test_a_seed_says_the_same_however_time_passes(voices: Voices, tmp_path: Path) -> None:
    at_once = _all(_customers(voices, tmp_path / "one"), 1)
    step_by_step: list[Record] = []
    customers = _customers(voices, tmp_path / "two")
    for hour in range(24 * 8):
        customers.begin(START + min(hour, 24) * DAY // 24)
        step_by_step += customers.until(START + hour * DAY // 24)
    customers.close()
    assert customers.due is None
    assert step_by_step == at_once
    truths = [(tmp_path / name / "payments.jsonl").read_bytes() for name in ("one", "two")]
    assert truths[0] == truths[1]
    assert _all(_customers(voices, tmp_path / "three", seed=2), 1) != at_once


def test_every_story_is_told_however_short_a_simulation_is(voices: Voices, tmp_path: Path) -> None:
    customers = _customers(voices, tmp_path)
    customers.begin(START + len(STORIES) * HOUR // AN_HOUR)
    customers.close()
    assert customers.affairs == len(STORIES)
    assert {one.story for one in _truth(tmp_path).values()} == STORIES.keys() - set(IMITATED)


def test_whoever_has_the_keys_believes_what_is_true_and_refuses_the_rest(tmp_path: Path) -> None:
    keys, private = _places(tmp_path)
    customers = _customers(Voices(keys, private), tmp_path)
    said = _all(customers, 4)
    channels = read_channels(customers.rules.files)
    payers = read_payers(customers.rules.files)
    verifier = Verifier(channels, read_keys(channels, keys))
    believed: defaultdict[str, list[Payment]] = defaultdict(list)
    reasons: Counter[str] = Counter()
    times = []
    together = set()
    for record in said:
        if not record.topic.startswith("waybook.notifications."):
            continue
        told = msgspec.json.decode(record.value, type=Notification)
        times.append(told.time)
        assert (record.topic, record.key) == (topics.notifications(told.channel).name, told.group)
        try:
            payments = verifier.payments(told)
        except RefusedError as error:
            reasons[error.reason] += 1
            continue
        together.add(len(payments))
        for payment in payments:
            if payment not in believed[payment.key]:
                believed[payment.key].append(payment)
    assert times == sorted(times)
    truth = _truth(tmp_path)
    pending = {name for name, told in believed.items() if told[0].state == "pending"}
    assert pending == {name for name, one in truth.items() if one.story == "pending"}
    assert believed.keys() - pending == {name for name, one in truth.items() if one.told}
    assert all(one.amount_e4 == truth[name].amount_e4 for name, told in believed.items() for one in told)
    otherwise = {truth[name].story for name, told in believed.items() if len(told) > 1}
    assert otherwise == {"told_otherwise", "agreed_with_the_channel"}
    assert {
        told[0].payer in payers for name, told in believed.items() if truth[name].story == "by_payer"
    } == {True}
    assert reasons.total() == customers.ledger.counts["refused"]
    assert set(filter(None, REASONS.values())) <= reasons.keys()
    assert together == {1, 2, 3, 4}
    assert {one.story for one in truth.values()} == STORIES.keys() - set(IMITATED)


def _truth(home: Path) -> dict[str, PaymentTruth]:
    lines = (home / "payments.jsonl").read_bytes().splitlines()
    return {one.payment: one for one in (msgspec.json.decode(line, type=PaymentTruth) for line in lines)}


def test_bills_tell_on_the_next_morning_what_happened(voices: Voices, tmp_path: Path) -> None:
    """What is not in them, twice, or otherwise, the truth knows, and which of them cannot be believed."""
    customers = _customers(voices, tmp_path, bills=tmp_path)
    _all(customers, 3)
    truth, tokens = _truth(tmp_path), Tokens(bytes(32))
    found: dict[tuple[str, int], list[BillLine]] = {}
    refused: set[tuple[str, int]] = set()
    sources = Office(tmp_path).sources()
    assert len(sources) == len(MERCHANTS)
    for file in sorted((tmp_path / "drop").iterdir()):
        if file.suffix == ".sha256":
            continue
        (source,) = (one for one in sources if fnmatch(file.name, one.files))
        day = day_in(file.name)
        assert day is not None
        of = f"{source.channel}/{source.merchant}", day_of(day)
        with file.open("rb") as stream:
            try:
                has_digest(file, digests_of(stream))
                found[of] = list(FORMATS[source.format](stream, Asked(source, tokens, day)))
            except BillError:
                refused.add(of)
    given = [
        msgspec.json.decode(line, type=BillTruth)
        for line in (tmp_path / "bills.jsonl").read_bytes().splitlines()
    ]
    assert found.keys() == {(one.account, one.day) for one in given if one.believed}
    assert refused == {(one.account, one.day) for one in given if not one.believed}
    there: Counter[str] = Counter()
    states: set[str] = set()
    for (account, _), lines in found.items():
        there.update(f"{account}/{line.kind}/{line.number}" for line in lines)
        for line in lines:
            one = truth[f"{account}/{line.kind}/{line.number}"]
            assert (line.amount_e4 == one.amount_e4) == (one.billed not in ("bill_amount", "bill_currency"))
            failed = one.billed == "bill_status" and account.split("/")[0] in IN_TABLES
            assert (line.state == "failed") == failed
            states.add(line.state)
    assert states == {"success", "failed"}
    assert there == Counter(
        {
            name: 2 if one.billed == "bill_duplicate" else 1
            for name, one in truth.items()
            if ("/".join(name.split("/", 2)[:2]), one.billed_on) in found
        }
    )
    assert {one.billed for one in truth.values()} >= {*BILLED_WRONG, "bill_fee", "bill_currency"} - {"short"}
    assert any(one.billed_on < 0 for one in truth.values())


OF_WHOLE_BILLS = {"cut_off", "bill_missing", "bill_refused", "long", "payout_missing", "deduction_refused"}
"""What depends on which bills are given, or on what accounts can bear."""


def test_each_kind_of_exception_has_its_story() -> None:
    """Each is told once, so that a simulation has all of them, however short it is: chance need not bring them."""
    kinds: set[str] = set()
    for number, (name, story) in enumerate(STORIES.items(), 1):
        case = Case(name, number, CENTRE, START, 1, Chances(billed=True, billed_wrong=0))
        story.tell(case)
        affair = case.affair()
        kinds |= {one.exception for one in affair.truth} | {one.exception for one in affair.decided}
        kinds |= {billed for _, billed in affair.movements}
    assert kinds - {""} == EXCEPTION.keys() - OF_WHOLE_BILLS


def test_the_truth_is_whole(voices: Voices, tmp_path: Path) -> None:
    """Nobody's money is for more than was paid or owed, and what leads from one to the other is told."""
    said = _all(_customers(voices, tmp_path), 3)
    dues: dict[str, Receivable] = {}
    for record in said:
        if record.topic == topics.RECEIVABLES.name:
            event = msgspec.json.decode(record.value, type=Receivable | ReceivableCancelled)
            if isinstance(event, Receivable):
                dues[event.document] = event
    paid: defaultdict[str, int] = defaultdict(int)
    back: defaultdict[str, int] = defaultdict(int)
    for one in _truth(tmp_path).values():
        assert sum(one.shares.values()) <= one.amount_e4
        assert one.exception or one.shares or one.story in ("has_to_go_back", "bank_charge")
        for document, amount in one.shares.items():
            if document not in dues:
                assert one.story.startswith(("paid_out", "back_"))
            elif one.kind == "payment":
                paid[document] += amount
            else:
                back[document] += amount if one.direction == "out" else -amount
    assert all(amount <= dues[document].amount_e4 for document, amount in paid.items())
    assert all(amount <= paid[document] for document, amount in back.items())
    assert sum(amount == dues[document].amount_e4 for document, amount in paid.items()) > len(dues) * 0.8
