"""The simulated cold store: what gate and scale say, and what comes of it in a lane of stays."""

from collections import Counter

import msgspec

from flows.governance.network import read_network
from flows.governance.normalise import normalise
from flows.rating.book import read_book
from schemas.events import (
    Answer,
    Command,
    Haul,
    NetworkPublished,
    StayClosed,
    StayEvent,
    StayOpened,
    TariffPublished,
)
from schemas.identity import version_of
from schemas.times import DAY, HOUR
from sources.network.directory import build
from sources.network.script import Cue
from sources.network.stage import START
from sources.network.store import MOST_ASKED, OWNERS, SITE, ColdStore, book, directory
from tests.governance.material import DIALECTS
from tests.storage.world import Store, tick

WORLD = build(60, 1)
FILES = directory(WORLD.files)
OUTLETS = [site.code for site in WORLD.outlets]
NETWORK = read_network(FILES)


def day_at_the_gate(seed: int, accepted: bool = True) -> tuple[ColdStore, list[Cue], list[Command]]:
    """A day of vehicles, all of which get the same answer."""
    store, cues, asked = ColdStore(seed, 2, START, OUTLETS), list[Cue](), list[Command]()
    for hour in range(25):
        for topic, payload in store.asks(START + hour * HOUR):
            event = normalise(topic, payload, 0, NETWORK, DIALECTS)
            assert isinstance(event, Command)
            asked.append(event)
            answer = Answer(
                id=event.id, time=0, name="admit", subject=event.subject, accepted=accepted, reason=""
            )
            cues += store.answered(answer, START + hour * HOUR)
    return store, sorted(cues), asked


def said(cue: Cue) -> StayEvent | Haul:
    """What comes of a message."""
    if not cue.topic:
        return msgspec.json.decode(cue.payload, type=Haul)
    event = normalise(cue.topic, cue.payload, 0, NETWORK, DIALECTS)
    assert isinstance(event, StayEvent)
    return event


def test_the_directory_and_the_book_can_be_read() -> None:
    assert NETWORK.sites[SITE].outlet == SITE
    assert all(NETWORK.may_store(owner.code) for owner in OWNERS)
    assert {owner.code for owner in OWNERS} <= set(NETWORK.agreements.terms)
    read = read_book(book(), NETWORK)
    hauled = {"city_delivery", "linehaul", "pickup"}
    assert {table.fee for table in read.tables} == {
        "storage",
        "cold_in",
        "cold_out",
        "storage_month",
        *hauled,
    }


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    assert day_at_the_gate(1)[1:] == day_at_the_gate(1)[1:]
    assert day_at_the_gate(1)[1] != day_at_the_gate(2)[1]


def test_every_message_is_an_event_of_its_stay() -> None:
    _, cues, _ = day_at_the_gate(1)
    assert len(cues) > 100
    ids = Counter[str]()
    for cue in cues:
        event = said(cue)
        assert (event.id, cue.store) == (cue.event_id, True)
        assert cue.waybill == (event.haul if isinstance(event, Haul) else event.stay)
        ids[event.id] += cue.fate == "accepted"
    assert set(ids.values()) == {1}


def test_who_is_refused_brings_nothing_and_some_top_up() -> None:
    store, cues, _ = day_at_the_gate(1, accepted=False)
    assert cues == []
    assert store.refused == store.arrived == 48
    assert {asked.subject for asked in store.money} == {owner.code for owner in OWNERS if owner.tops_up}


def test_a_vehicle_asks_again_and_leaves_when_nobody_answers() -> None:
    store = ColdStore(1, 1, START, OUTLETS)
    asked = Counter(payload for hour in range(100) for _, payload in store.asks(START + hour * HOUR))
    assert max(asked.values()) == MOST_ASKED + 1
    assert len(store._waiting) < MOST_ASKED * 4


def test_what_is_said_is_booked_in_a_lane() -> None:
    network = NetworkPublished(id="n", time=START, version=version_of(FILES), files=FILES)
    files = book()
    tariff = TariffPublished(id="t", time=START, version=version_of(files), name="b", files=files)
    store = Store(tariff, network, patient=True)
    _, cues, _ = day_at_the_gate(1)
    opened, closed = set[str](), set[str]()
    done: dict[tuple[str, str], bool] = {}
    for cue in cues:
        event = said(cue)
        store.take(tick(cue.at), event)
        if isinstance(event, Haul):
            done[event.haul, event.service] = not event.cancelled
            continue
        (opened.add if isinstance(event, StayOpened) else set[str]().add)(cue.waybill)
        (closed.add if isinstance(event, StayClosed) else set[str]().add)(cue.waybill)
    store.take(tick(cues[-1].at + DAY))
    assert store.refused() == []
    assert not any(store.waits(stay) for stay in opened)
    for stay in opened:
        assert store.fee("cold_in", stay) is not None
        assert (store.fee("cold_out", stay) is not None) == (stay in closed)
        assert store.days(stay)
    assert 0 < len(closed) < len(opened)
    for (haul, service), took_place in done.items():
        assert store.waits(haul) == {}
        assert any(fee == service for fee, _ in store.charged(haul)) == took_place
    assert {service for _, service in done} == {"city_delivery", "linehaul", "pickup"}
    assert set(done.values()) == {True, False}


def test_a_message_is_what_the_gate_would_send() -> None:
    _, cues, asked = day_at_the_gate(1)
    body = msgspec.json.decode(cues[0].payload)
    assert {"msgNo", "op", "stayNo", "at", "owner", "billing"} <= set(body)
    assert msgspec.json.decode(bytes(asked[0].body))["reply_to"] == f"{SITE}/gate-1"
