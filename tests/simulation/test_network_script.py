"""What the simulated network sends is what it says: facts as they happened, faults with their reasons."""

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.devices import known_dialects
from flows.governance.network import Network, read_network
from flows.governance.normalise import normalise
from flows.lifecycle.intake import RefusedError, read, waybill_in_pattern
from flows.lifecycle.process import Lifecycle
from schemas import reasons
from schemas.events import (
    Claim,
    ClaimWithdrawn,
    DeadLetter,
    Order,
    Scan,
    Weight,
    WeightDecided,
)
from schemas.limits import WAYBILL
from schemas.times import DAY, HOUR
from sources.network.desk import CLOSED, Desk
from sources.network.directory import World, build
from sources.network.faults import DEVICE_NONSENSE, NONE, ORDER_NONSENSE, Faults, nonsense
from sources.network.life import BAGGED_UP_TO_G, DAY_CURVE, LAST, Parcel, live, next_order
from sources.network.script import JUDGED_BY_LANES, LATEST, Cue, Outcome, Script, order_of
from sources.network.stage import START
from tests.simulation.playing import lane

DIALECTS = known_dialects()
OFTEN = Faults(**dict.fromkeys(Faults.__struct_fields__, 0.2))
BUSY = Desk(**dict.fromkeys(Desk.__struct_fields__, 0.3))
PARCELS = 600


@pytest.fixture(scope="module")
def world() -> World:
    """A small network."""
    return build(300, 1)


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    """The same as the flows read it."""
    return read_network(world.files)


@pytest.fixture(scope="module")
def judge(world: World) -> Lifecycle:
    """A lane that knows the network and its prices."""
    return lane(world)


def performed(
    world: World, number: int, faults: Faults, seed: int = 1, desk: Desk = CLOSED
) -> tuple[Parcel, list[Cue], Outcome]:
    """A parcel's cues, in order of publication."""
    parcel, r = live(world, number, START, seed)
    cues, outcome = Script(faults, desk).perform(parcel, r)
    return parcel, sorted(cues), outcome


def delivered(world: World, numbers: range) -> list[int]:
    """Those of these parcels that are signed for."""
    return [number for number in numbers if live(world, number, START, 1)[0].facts[-1].operation == "50"]


Fact = Order | Scan | Weight | Claim | ClaimWithdrawn | WeightDecided


def event_of(cue: Cue, network: Network) -> Fact | DeadLetter:
    """What the flows make of a cue before state comes in."""
    event = normalise(cue.topic, cue.payload, 0, network, DIALECTS) if cue.topic else read(cue.payload)
    assert isinstance(event, Fact | DeadLetter)
    return event


@given(
    st.integers(0, 2**32),
    st.integers(1, 10**6),
    st.sampled_from((NONE, Faults(), OFTEN)),
    st.sampled_from((CLOSED, Desk(), BUSY)),
)
@settings(max_examples=60)
def test_the_same_seed_and_number_make_the_same_messages(
    world: World, seed: int, number: int, faults: Faults, desk: Desk
) -> None:
    one, again = (performed(world, number, faults, seed, desk) for _ in range(2))
    assert one[1:] == again[1:]


def test_another_seed_makes_another_life(world: World) -> None:
    assert performed(world, 1, NONE, 1)[1] != performed(world, 1, NONE, 2)[1]


def test_a_life_without_faults_is_an_order_seven_scans_to_ten_and_two_weights(
    world: World, network: Network
) -> None:
    for number in delivered(world, range(1, 200)):
        parcel, cues, outcome = performed(world, number, NONE)
        events = [event_of(cue, network) for cue in cues]
        bagged = ["60"] * (parcel.grams <= BAGGED_UP_TO_G)
        assert [cue.fate for cue in cues] == ["accepted"] * len(parcel.facts)
        assert isinstance(events[0], Order)
        scans = [event for event in events if isinstance(event, Scan)]
        hubs = [world.hubs[end.province].code for end in (parcel.origin, parcel.destination)]
        first, *others = dict.fromkeys(hubs)
        assert [scan.operation for scan in scans] == [
            "10",
            "20",
            "30",
            *bagged,
            "20",
            *["30", "20"] * len(others),
            "30",
            "40",
            "50",
        ]
        assert [scan.site for scan in scans] == [
            *[parcel.origin.code] * 2,
            *[first] * (2 + len(bagged)),
            *(hub for hub in others for _ in range(2)),
            *[parcel.destination.code] * 3,
        ]
        weights = [event for event in events if isinstance(event, Weight)]
        assert [weight.weight_class for weight in weights] == ["outlet_scale", "hub_dws"]
        assert abs(weights[0].weight_g - weights[1].weight_g) <= 15
        assert (outcome.picked_up, outcome.signed) == (scans[0].time, scans[-1].time)
        assert [weighing.event_id for weighing in outcome.weights] == [weights[1].id, weights[0].id]
        assert outcome.events == len(parcel.facts) == 10 + len(bagged) + 2 * len(others)
        assert not outcome.lost


def test_every_message_is_read_as_the_truth_says(world: World, network: Network) -> None:
    """Over many parcels with many faults: ids, reasons, dead letters' ids, times and weights."""
    seen = Counter[str]()
    for number in range(1, PARCELS):
        _, cues, outcome = performed(world, number, OFTEN, desk=BUSY)
        booked: dict[str, Fact] = {}
        for cue in cues:
            seen[cue.fault] += 1
            assert cue.fate == "refused" or not cue.reason
            if cue.fate == "refused":
                continue
            event = event_of(cue, network)
            assert not isinstance(event, DeadLetter)
            assert (event.id, event.waybill) == (cue.event_id, outcome.waybill)
            assert booked.setdefault(event.id, event) == event
            assert event.time <= cue.at <= event.time + LATEST + 5 * HOUR, "when it has happened, or later"
        scans = [event for event in booked.values() if isinstance(event, Scan)]
        weights = {event.id: event for event in booked.values() if isinstance(event, Weight)}
        decided = [event for event in booked.values() if isinstance(event, WeightDecided)]
        assert outcome.events == len(booked) - len(decided)
        assert outcome.picked_up == min((s.time for s in scans if s.operation == "10"), default=0)
        assert outcome.signed == min((s.time for s in scans if s.operation == "50"), default=0)
        assert len(weights) == len(outcome.weights)
        for weighing in outcome.weights:
            weight = weights[weighing.event_id]
            volume = weight.length_mm * weight.width_mm * weight.height_mm // 1000
            assert weighing == type(weighing)(
                weight.weight_class, weight.time, weight.id, weight.weight_g, volume
            )
    assert set(Faults.__struct_fields__) - set(seen) == {"lost_scan", "lost_weight"}


def test_refused_messages_are_refused_for_their_reason(
    world: World, network: Network, judge: Lifecycle
) -> None:
    for number in range(1, PARCELS):
        _, cues, _ = performed(world, number, OFTEN)
        for cue in cues:
            if cue.fate == "refused":
                assert cue.reason in reasons.DEAD_LETTER
                _is_refused(cue.topic, cue.payload, cue.reason, cue.dead_letter, network, judge)


@pytest.mark.parametrize("kind", range(len(DEVICE_NONSENSE) + len(ORDER_NONSENSE)))
def test_each_kind_of_nonsense_breaks_its_rule(
    kind: int, world: World, network: Network, judge: Lifecycle
) -> None:
    for number in range(1, 30):
        parcel, _ = live(world, number, START, 1)
        weight = next(fact for fact in parcel.facts if fact.site and fact.site.hub and fact.weight_g)
        made = nonsense(kind, parcel.facts[1], weight, order_of(parcel), f"{number}m")
        _is_refused(made.topic, made.payload, made.reason, None, network, judge)
        assert (made.topic == "") == (kind >= len(DEVICE_NONSENSE))


def _is_refused(
    topic: str, payload: bytes, reason: str, dead_letter: str | None, network: Network, judge: Lifecycle
) -> None:
    """By the device flow or by a lane. What only a parcel's record can tell is checked in the books' own tests."""
    if topic:
        event = normalise(topic, payload, 0, network, DIALECTS)
        if reason in JUDGED_BY_LANES:
            assert isinstance(event, Scan)
            assert not dead_letter
            if reason != "conflicting_duplicate":
                assert not START - 3 * DAY < event.time < START + 6 * DAY
            return
        assert isinstance(event, DeadLetter)
        assert event.reason == reason
        assert dead_letter in (None, event.id)
        return
    assert _broken(payload, judge) == reason


def _broken(payload: bytes, judge: Lifecycle) -> str:
    """The rule that an order, a claim or a decision breaks; empty: none."""
    try:
        event = read(payload)
        assert isinstance(event, Order | Claim | ClaimWithdrawn | WeightDecided)
        assert waybill_in_pattern(event.waybill)
        judge._check(event)
    except RefusedError as error:
        return error.reason
    return ""


def test_losses_and_messages_add_up(world: World) -> None:
    """Whatever goes wrong, a fact is sent and accepted once, or is known to be lost."""
    lost = Counter[str]()
    for number in delivered(world, range(1, PARCELS)):
        parcel, cues, outcome = performed(world, number, OFTEN)
        conflicts = sum(cue.fault == "conflicting" and cue.fate == "accepted" for cue in cues)
        again = sum(cue.fault == "earlier_weight" and cue.fate == "accepted" for cue in cues)
        assert outcome.events - conflicts - again + len(outcome.lost) == len(parcel.facts)
        accepted = [cue.event_id for cue in cues if cue.fate == "accepted"]
        assert len(accepted) == len(set(accepted)) == outcome.events
        assert {cue.event_id for cue in cues if cue.fate == "repeated"} <= set(accepted)
        lost.update(outcome.lost)
    assert set(lost) == {"10", "20", "30", "40", "50", "60", "outlet_scale", "hub_dws"}


@pytest.mark.parametrize("fault", Faults.__struct_fields__)
def test_each_fault_happens_as_often_as_it_is_set(fault: str, world: World) -> None:
    """Alone, at its default rate and at ten times of it."""
    rate = getattr(Faults(), fault)
    numbers = [
        number
        for number in range(600 if fault != "signed_anyway" else 6_000)
        if fault != "signed_anyway" or live(world, number, START, 1)[0].ending in LAST
    ]
    few, many = (
        sum(
            _count(fault, *performed(world, n, msgspec.structs.replace(NONE, **{fault: of}))) for n in numbers
        )
        for of in (rate, 10 * rate)
    )
    assert few > 0
    assert many > 3 * few


def _count(fault: str, _: Parcel, cues: list[Cue], outcome: Outcome) -> int:
    if fault.startswith("lost"):
        return len(outcome.lost)
    return sum(cue.fault == fault for cue in cues)


def test_disorder_is_over_hours(world: World) -> None:
    delays = []
    for number in delivered(world, range(1, 300)):
        _, cues, _ = performed(world, number, msgspec.structs.replace(NONE, delayed=0.5))
        facts = sorted(live(world, number, START, 1)[0].facts, key=lambda fact: fact.time)
        delays += [
            cue.at - fact.time for cue, fact in zip(sorted(cues, key=lambda c: c.place), facts, strict=True)
        ]
    assert max(delays) > 5 * HOUR
    assert min(delays) == 0


def test_a_wrong_scale_is_beyond_any_tolerance_and_true_ones_within(world: World) -> None:
    differing = msgspec.structs.replace(NONE, differing_weight=0.2)
    wrongs = Counter[int]()
    for number in range(1, 300):
        _, cues, outcome = performed(world, number, differing)
        wrong = sum(cue.fault == "differing_weight" for cue in cues)
        dws, scale = (weighing.weight_g for weighing in outcome.weights)
        difference = abs(dws - scale)
        wrongs[wrong] += 1
        if wrong == 0:
            assert difference <= 15
        if wrong == 1:
            assert difference > 500
            assert difference * 10 > min(dws, scale)
    assert set(wrongs) == {0, 1, 2}


def test_a_better_weight_comes_after_the_signature_and_differs(world: World) -> None:
    """So that the transit fee is charged by the outlet's weight first, and corrected."""
    corrected = 0
    for number in range(1, 200):
        parcel, cues, outcome = performed(world, number, msgspec.structs.replace(NONE, better_weight_late=1))
        late = max((cue for cue in cues if cue.fault), key=lambda cue: cue.at)
        dws, scale = outcome.weights
        assert late.event_id == dws.event_id
        assert abs(dws.weight_g - scale.weight_g) > 500
        corrected += late.at > parcel.facts[-1].time
    assert corrected > 100


def test_an_earlier_weight_comes_after_the_later_one_and_is_the_one_to_adopt(world: World) -> None:
    for number in range(1, 200):
        parcel, cues, outcome = performed(world, number, msgspec.structs.replace(NONE, earlier_weight=1))
        (late,) = (cue for cue in cues if cue.fault)
        weighed = next(fact for fact in parcel.facts if fact.site and fact.site.hub and fact.weight_g)
        first, second, _ = outcome.weights
        assert (first.event_id, first.weight_class, second.weight_class) == (
            late.event_id,
            "hub_dws",
            "hub_dws",
        )
        assert first.time < second.time
        assert late.at > weighed.time
        assert abs(first.weight_g - second.weight_g) > 500


def test_weights_and_waybills_are_believable(world: World) -> None:
    parcels = [live(world, number, START, 1)[0] for number in range(1, 3000)]
    grams = [fact.weight_g for parcel in parcels for fact in parcel.facts if fact.weight_g]
    assert 800 < sum(grams) / len(grams) < 1300
    assert max(grams) > 10_000
    assert max(grams) <= 50_015
    assert len({parcel.waybill for parcel in parcels}) == len(parcels)
    assert all(WAYBILL.fullmatch(parcel.waybill) and len(parcel.waybill) == 15 for parcel in parcels)
    days = [(p.facts[-1].time - START) / DAY for p in parcels if p.facts[-1].operation == "50"]
    assert 1 < sum(days) / len(days) < 2
    assert {parcel.payment_e4 % 1000 for parcel in parcels} == {0}


def test_nights_are_quiet() -> None:
    """A day of orders follows the curve; 24 hours of orders at the mean rate come in 24 hours."""
    time, hours, rate = START, Counter[int](), 60
    while time < START + DAY:
        hours[(time + 8 * HOUR) // HOUR % 24] += 1
        time = next_order(time, rate)
    assert abs(sum(hours.values()) - rate * sum(DAY_CURVE) / 100) < 30
    assert hours[4] < hours[10] / 10


def test_chance_is_not_shared_between_parcels(world: World) -> None:
    """A parcel is the same whatever was made before it."""
    random.seed(1)
    one = performed(world, 77, OFTEN)[1]
    performed(world, 76, OFTEN)
    random.seed(2)
    assert performed(world, 77, OFTEN)[1] == one
