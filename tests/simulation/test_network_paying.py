"""Customers who pay: the same seed pays the same, and what is true of it can be known from what is told."""

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from schemas import topics
from schemas.payments import Notification, Payment, Receivable, ReceivableCancelled
from schemas.times import DAY
from sources.channels.keys import read_keys
from sources.channels.read import read_channels, read_payers
from sources.channels.refused import RefusedError
from sources.channels.verify import Verifier
from sources.network.paying.case import REASONS, PaymentTruth
from sources.network.paying.customers import Customers, Record
from sources.network.paying.ledger import Ledger
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


def _customers(voices: Voices, truth: Path, seed: int = 1) -> Customers:
    return Customers(seed, AN_HOUR, START, voices, Ledger(truth), "")


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


def test_whoever_has_the_keys_believes_what_is_true_and_refuses_the_rest(tmp_path: Path) -> None:
    keys, private = _places(tmp_path)
    customers = _customers(Voices(keys, private), tmp_path)
    said = _all(customers, 4)
    channels = read_channels(customers.rules.files)
    payers = read_payers(customers.rules.files)
    verifier = Verifier(channels, read_keys(channels, keys))
    believed: dict[str, Payment] = {}
    reasons: Counter[str] = Counter()
    times = []
    for record in said:
        if not record.topic.startswith("waybook.notifications."):
            continue
        told = msgspec.json.decode(record.value, type=Notification)
        times.append(told.time)
        assert (record.topic, record.key) == (topics.notifications(told.channel).name, told.group)
        try:
            payment = verifier.payment(told)
        except RefusedError as error:
            reasons[error.reason] += 1
        else:
            assert believed.setdefault(payment.key, payment) == payment
    assert times == sorted(times)
    lines = (tmp_path / "payments.jsonl").read_bytes().splitlines()
    truth = {one.payment: one for one in (msgspec.json.decode(line, type=PaymentTruth) for line in lines)}
    assert believed.keys() == {name for name, one in truth.items() if one.told}
    assert all(believed[name].amount_e4 == truth[name].amount_e4 for name in believed)
    assert {believed[name].payer in payers for name in believed if truth[name].story == "by_payer"} == {True}
    assert reasons.total() == customers.ledger.counts["refused"]
    assert set(filter(None, REASONS.values())) <= reasons.keys()
    assert {one.story for one in truth.values()} == STORIES.keys()


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
    for line in (tmp_path / "payments.jsonl").read_bytes().splitlines():
        one = msgspec.json.decode(line, type=PaymentTruth)
        assert sum(one.shares.values()) <= one.amount_e4
        assert one.exception or one.shares
        for document, amount in one.shares.items():
            (back if one.kind == "refund" else paid)[document] += amount
    assert all(amount <= dues[document].amount_e4 for document, amount in paid.items())
    assert all(amount <= paid[document] for document, amount in back.items())
    assert sum(amount == dues[document].amount_e4 for document, amount in paid.items()) > len(dues) * 0.8
