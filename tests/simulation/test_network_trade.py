"""What the simulated network's customers order, how parcels end, and what the service desk makes of it."""

import random
from collections import Counter
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.fees.current import FEES
from flows.governance.network import Network
from flows.governance.normalise import normalise
from flows.lifecycle.intake import read
from schemas.events import Claim, ClaimWithdrawn, Scan
from schemas.limits import WAYBILL
from schemas.money import YUAN
from schemas.times import DAY
from sources.network import trade
from sources.network.desk import CLOSED, KINDS, Desk, claims, differ
from sources.network.directory import World, build
from sources.network.faults import NONE, Faults
from sources.network.life import SEQUEL, Parcel, live, lives, sequel
from sources.network.parties import couriers
from sources.network.script import Cue, Outcome, Script, order_of
from sources.network.stage import START
from tests.simulation.playing import (
    DIALECTS,
    Record,
    charged,
    network_of,
    played,
    records_of,
    waiting,
)

OFTEN = Faults(**dict.fromkeys(Faults.__struct_fields__, 0.1) | {"conflicting": 0.0})
"""Without two contents under one id, of which the one that comes first counts."""
BUSY = Desk(**dict.fromkeys(Desk.__struct_fields__, 0.3))
PARCELS = 4_000


@pytest.fixture(scope="module")
def world() -> World:
    """A small network."""
    return build(300, 1)


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    """The same as the flows read it."""
    return network_of(world)


@pytest.fixture(scope="module")
def parcels(world: World) -> list[Parcel]:
    """What customers ordered."""
    return [live(world, number, START, 1)[0] for number in range(1, PARCELS + 1)]


@pytest.fixture(scope="module")
def sequels(world: World, parcels: list[Parcel]) -> list[tuple[Parcel, Parcel]]:
    """What goes back or on: the parcel before, and its sequel."""
    return [(one, found[0]) for one in parcels if (found := sequel(world, one, 1)) is not None]


def share(parcels: list[Parcel], of: str) -> float:
    """Of parcels whose orders say something there."""
    return sum(bool(getattr(one.terms, of)) for one in parcels) / len(parcels)


def test_terms_are_as_rare_as_in_the_trade(parcels: list[Parcel]) -> None:
    assert 0.01 < share(parcels, "insured_e4") < 0.05
    assert 0.01 < share(parcels, "cod_e4") < 0.05
    assert 0.01 < share(parcels, "services") < 0.05
    assert 0.01 < sum(one.terms.pieces > 1 for one in parcels) / len(parcels) < 0.05
    products = Counter(one.product for one in parcels)
    assert products["ECO"] > 2 * products["STD"] > 4 * products["EXP"] > 0
    channels = Counter(one.terms.channel for one in parcels if one.product == "ECO")
    assert {name for name, _ in channels.most_common(3)} == {"pinduoduo", "taobao", "douyin"}
    assert all(one.terms.insured_e4 % (10 * YUAN) == one.terms.cod_e4 % YUAN == 0 for one in parcels)
    assert all(bool(one.terms.promised_hours) == (one.product != "ECO") for one in parcels)


def test_large_customers_send_most_and_some_pay_by_the_month(parcels: list[Parcel]) -> None:
    numbers = [int(one.customer[1:]) for one in parcels]
    assert 0.4 < sum(number <= trade.AGREEMENTS for number in numbers) / len(numbers) < 0.5
    assert max(numbers) > 4_000
    for one in parcels:
        assert (one.payment_e4 == 0) == (one.terms.billing == "monthly")
    by_the_month = {one.customer for one in parcels if one.terms.billing}
    assert by_the_month
    assert by_the_month.isdisjoint(one.customer for one in parcels if not one.terms.billing)


def test_an_order_says_the_terms(parcels: list[Parcel]) -> None:
    for one in parcels:
        order = order_of(one)
        said = {name: getattr(order, name) for name in trade.Terms.__struct_fields__}
        assert said == msgspec.structs.asdict(one.terms)


def test_a_few_parcels_are_not_signed_for(parcels: list[Parcel]) -> None:
    ends = Counter(one.ending for one in parcels)
    assert set(ends) == {"signed", "returned", "refused", "redirected", "lost"}
    assert ends["signed"] > 0.9 * len(parcels)
    for one in parcels:
        last = {"lost": "20", "refused": "70", "redirected": "80"}.get(one.ending, "50")
        assert one.facts[-1].operation == last
        assert [fact.kind for fact in one.facts].count("order") == 1


def test_what_goes_back_or_on_is_a_parcel_of_its_own(sequels: list[tuple[Parcel, Parcel]]) -> None:
    directions = Counter[str]()
    for before, after in sequels:
        directions[after.terms.direction] += 1
        assert after.terms.related == before.waybill != after.waybill
        assert WAYBILL.fullmatch(after.waybill)
        assert after.number == before.number + SEQUEL
        assert after.facts[0].time > before.facts[-1].time
        assert (after.customer, after.product, after.grams) == (before.customer, before.product, before.grams)
        assert after.origin == before.destination
        if before.ending == "redirected":
            assert (after.terms.direction, after.destination.province) == ("forward", after.origin.province)
        else:
            assert (after.terms.direction, after.destination) == ("return", before.origin)
        assert (after.terms.cod_e4, after.terms.insured_e4) == (0, 0)
        assert after.ending == "signed"
    assert directions["return"] > 4 * directions["forward"] > 0


def test_every_life_has_at_most_one_sequel(world: World) -> None:
    for number in range(1, 300):
        found = [parcel for parcel, _ in lives(world, number, START, 1)]
        assert [parcel.number for parcel in found] in ([number], [number, number + SEQUEL])


def test_couriers_are_parties_of_their_outlets(world: World, network: Network, parcels: list[Parcel]) -> None:
    kinds = Counter[str]()
    for outlet in world.outlets:
        for courier in couriers(outlet.code):
            party = network.party(courier, START // DAY)
            assert party is not None
            assert party.parent in (outlet.code, f"{outlet.code}-A")
            kinds[party.kind] += 1
    assert kinds["courier"] == 2 * len(world.outlets)
    assert kinds["station"] == len(world.outlets)
    assert kinds["contractor"] == len({outlet.city for outlet in world.outlets})
    for one in parcels:
        for fact in one.facts:
            assert fact.site is None or (fact.courier in couriers(fact.site.code)) == (
                fact.operation in ("10", "40", "50")
            )


def performed(world: World, number: int, faults: Faults, desk: Desk) -> tuple[Parcel, list[Cue], Outcome]:
    """A parcel's cues, in order of publication."""
    parcel, r = live(world, number, START, 1)
    cues, outcome = Script(faults, desk).perform(parcel, r)
    return parcel, sorted(cues), outcome


def test_handhelds_tell_whose_they_are(world: World, network: Network) -> None:
    told = Counter[bool]()
    for number in range(1, 300):
        _, cues, outcome = performed(world, number, NONE, CLOSED)
        scans = [normalise(cue.topic, cue.payload, 0, network, DIALECTS) for cue in cues if cue.topic]
        by = {
            scan.operation: scan.courier
            for scan in scans
            if isinstance(scan, Scan) and scan.operation in ("10", "50")
        }
        assert by.get("10", "") == outcome.picked_by
        assert by.get("50", "") == outcome.signed_by
        told[bool(outcome.picked_by)] += 1
    assert min(told[True], told[False]) > 50, "gates do not"


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_claims_are_about_parcels_that_they_can_be_about(kind: str, world: World) -> None:
    desk = msgspec.structs.replace(CLOSED, **{kind: 1.0})
    count = 0
    for number in range(1, PARCELS):
        parcel, r = live(world, number, START, 1)
        for claim in claims(parcel, r, desk):
            count += 1
            assert (claim.kind, claim.waybill) == (kind, parcel.waybill)
            assert claim.time > parcel.facts[-1].time
            assert claim.evidence
            assert (parcel.facts[-1].operation == "50") or kind in ("lost", "wrong_sorting")
            assert (kind == "late") <= parcel.late
            assert (kind == "service_level") <= (not parcel.late and parcel.terms.promised_hours > 0)
            assert (kind == "lost") <= (parcel.ending == "lost")
            assert (claim.amount_e4 > 0) == (kind in ("lost", "damaged"))
            if parcel.terms.insured_e4 and claim.amount_e4:
                assert claim.amount_e4 <= parcel.terms.insured_e4
    assert count > 0


def test_some_claims_are_withdrawn_and_some_withdrawals_come_first(world: World) -> None:
    found = Counter[str]()
    for number in range(1, 1_000):
        _, cues, outcome = performed(world, number, NONE, msgspec.structs.replace(BUSY, withdrawn=0.5))
        came: dict[str, list[str]] = {}
        for cue in cues:
            if cue.fate == "accepted" and not cue.topic:
                event = read(cue.payload)
                if isinstance(event, Claim | ClaimWithdrawn):
                    name = event.id if isinstance(event, Claim) else event.claim
                    came.setdefault(name, []).append(event.__struct_config__.tag)  # type: ignore[arg-type]
        assert set(came) == {claim.event_id for claim in outcome.claims}
        for claim in outcome.claims:
            assert len(came[claim.event_id]) == 1 + claim.withdrawn
            found[" ".join(came[claim.event_id])] += 1
    assert min(found["claim"], found["claim claim_withdrawn"], found["claim_withdrawn claim"]) > 10


def test_people_decide_about_weights_that_differ_when_all_are_known(world: World) -> None:
    often = msgspec.structs.replace(NONE, differing_weight=0.3, better_weight_late=0.1, earlier_weight=0.1)
    found = Counter[str]()
    for number in range(1, 600):
        parcel, cues, outcome = performed(world, number, often, msgspec.structs.replace(CLOSED, decided=0.5))
        decided = outcome.decided
        differs = len(outcome.weights) > 1 and differ(outcome.weights)
        found[decided.decision if decided else "left" if differs else "none"] += 1
        if decided is None:
            continue
        assert differs
        (cue,) = (cue for cue in cues if cue.event_id == decided.event_id)
        weighings = {one.event_id: one for one in outcome.weights}
        assert cue.at > max(other.at for other in cues if other.event_id in weighings)
        grams = decided.weight_g or weighings[decided.weight_event].weight_g
        assert abs(grams - parcel.grams) <= 15
        assert outcome.events == sum(other.fate == "accepted" for other in cues) - 1
    assert set(found) == {"confirm", "override", "left", "none"}


def test_the_default_book_prices_all_that_happens(world: World, network: Network) -> None:
    """Each fee that has a price or an amount is charged, and claims that stand come to what they say."""
    desk = msgspec.structs.replace(BUSY, lost=1.0)
    cues, outcomes = many(world, range(1, 1_200), NONE, desk)
    amounts = charged(played(world, records_of(cues, network), 1))
    happens = ("picked_up", "hub_passed", "bagged", "weighed", "signed", "claimed")
    assert {fee for _, fee in amounts} == {
        fee for due in FEES.dues if due.trigger in happens or due.share_of for fee in due.fees
    }
    for outcome in outcomes:
        standing = [one for one in outcome.claims if not one.withdrawn]
        for fee in ("lost", "loss_paid", "damaged", "damage_paid"):
            kind = {"loss_paid": "lost", "damage_paid": "damaged"}.get(fee, fee)
            named = sum(one.amount_e4 for one in standing if one.kind == kind)
            assert amounts.get((outcome.waybill, fee), 0) == named
        cod = outcome.terms.cod_e4 if outcome.signed else 0
        for fee in ("cod_collected", "cod_remitted"):
            assert amounts.get((outcome.waybill, fee), 0) == cod
        assert ((outcome.waybill, "insurance") in amounts) == (outcome.terms.insured_e4 > 0)
        assert ((outcome.waybill, "delivery_piece") in amounts) == bool(outcome.signed_by)


@given(st.integers(0, 2**32), st.integers(1, 9))
@settings(max_examples=8)
def test_whatever_the_order_the_books_are_the_same(seed: int, blocks: int) -> None:
    """Of all that the network says, with everything that goes wrong, any permutation and repetition."""
    chance = random.Random(seed)
    records, once = everything()
    shuffled = records + chance.sample(records, len(records) // 5)
    chance.shuffle(shuffled)
    again = played(WORLD, shuffled, blocks)
    assert (charged(again), waiting(again)) == once


WORLD = build(60, 1)


@cache
def everything() -> tuple[list[Record], tuple[object, object]]:
    """What the network says about some parcels, and what it leads to in time's order."""
    cues, _ = many(WORLD, range(1, 120), OFTEN, BUSY)
    taken = [cue for cue in cues if cue.fate != "refused"]
    records = records_of(taken, network_of(WORLD))
    outputs = played(WORLD, records, 1)
    return records, (charged(outputs), waiting(outputs))


def many(world: World, numbers: range, faults: Faults, desk: Desk) -> tuple[list[Cue], list[Outcome]]:
    """Cues of these parcels and of their sequels, in order of publication."""
    cues, outcomes = list[Cue](), list[Outcome]()
    for number in numbers:
        for parcel, r in lives(world, number, START, 1):
            made, outcome = Script(faults, desk).perform(parcel, r)
            cues += made
            outcomes.append(outcome)
    return sorted(cues), outcomes
