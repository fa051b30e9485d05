"""Customers who pay: the same seed pays the same, and what is true of it can be known from what is told."""

from collections import Counter, defaultdict
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from deploy.bills.job import day_in
from deploy.bills.office import Office
from schemas import topics
from schemas.payments import Notification, Payment, Receivable, ReceivableCancelled
from schemas.times import DAY
from sources.bills.formats import FORMATS
from sources.bills.model import Asked
from sources.channels.keys import read_keys
from sources.channels.read import read_channels, read_payers
from sources.channels.refused import RefusedError
from sources.channels.tokens import Tokens
from sources.channels.verify import Verifier
from sources.network.paying.case import BILLED_WRONG, IMITATED, REASONS, PaymentTruth
from sources.network.paying.customers import Customers, Record
from sources.network.paying.ledger import Ledger
from sources.network.paying.merchants import MERCHANTS
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


def _customers(voices: Voices, truth: Path, seed: int = 1, mornings: Mornings | None = None) -> Customers:
    return Customers(seed, AN_HOUR, START, voices, Ledger(truth), "", mornings)


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
    truth = _truth(tmp_path)
    assert believed.keys() == {name for name, one in truth.items() if one.told}
    assert all(believed[name].amount_e4 == truth[name].amount_e4 for name in believed)
    assert {believed[name].payer in payers for name in believed if truth[name].story == "by_payer"} == {True}
    assert reasons.total() == customers.ledger.counts["refused"]
    assert set(filter(None, REASONS.values())) <= reasons.keys()
    assert {one.story for one in truth.values()} == STORIES.keys() - set(IMITATED)


def _truth(home: Path) -> dict[str, PaymentTruth]:
    lines = (home / "payments.jsonl").read_bytes().splitlines()
    return {one.payment: one for one in (msgspec.json.decode(line, type=PaymentTruth) for line in lines)}


def test_bills_tell_on_the_next_morning_what_happened(voices: Voices, tmp_path: Path) -> None:
    """Each is believed as a whole; what is not in them, twice, or otherwise, the truth knows."""
    customers = _customers(voices, tmp_path, mornings=Mornings(tmp_path))
    _all(customers, 3)
    truth, tokens = _truth(tmp_path), Tokens(bytes(32))
    found: Counter[str] = Counter()
    amounts: dict[str, int] = {}
    sources = Office(tmp_path).sources()
    assert len(sources) == len(MERCHANTS)
    for file in (tmp_path / "drop").iterdir():
        (source,) = (one for one in sources if fnmatch(file.name, one.files))
        for line in FORMATS[source.format](
            BytesIO(file.read_bytes()), Asked(source, tokens, day_in(file.name))
        ):
            name = f"{source.channel}/{source.merchant}/{line.kind}/{line.number}"
            found[name] += 1
            amounts[name] = line.amount_e4
    wrong = {name: one.exception for name, one in truth.items() if one.exception in BILLED_WRONG}
    assert set(wrong.values()) == set(BILLED_WRONG)
    counts = {"short": 0, "bill_duplicate": 2}
    assert found == Counter({name: counts.get(wrong.get(name, ""), 1) for name in truth})
    assert {name for name in amounts if amounts[name] != truth[name].amount_e4} == {
        name for name, what in wrong.items() if what == "bill_amount"
    }


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
        assert one.exception or one.shares
        for document, amount in one.shares.items():
            (back if one.kind == "refund" else paid)[document] += amount
    assert all(amount <= dues[document].amount_e4 for document, amount in paid.items())
    assert all(amount <= paid[document] for document, amount in back.items())
    assert sum(amount == dues[document].amount_e4 for document, amount in paid.items()) > len(dues) * 0.8
