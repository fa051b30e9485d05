"""What hubs and lines cost in the simulated network: bills that are taken, about all that passed, once."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from deploy.costs import read_costs
from flows.governance.network import Network, read_network
from flows.governance.parties import member
from schemas.events import SENT, CostIncurred
from schemas.money import YUAN
from schemas.times import DAY, HOUR, business_day, day_of
from sources.network.directory import World, build
from sources.network.haulage import LEAST, SORTING, Haulage
from sources.network.life import Parcel, lives
from sources.network.stage import START

FEN = YUAN // 100
LATER = START + 30 * DAY


@pytest.fixture(scope="module")
def world() -> World:
    """A small network."""
    return build(60, 1)


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    """The same as the flows read it."""
    return read_network(world.files)


@pytest.fixture(scope="module")
def parcels(world: World) -> list[Parcel]:
    """Some parcels with what comes back of them, an hour of data time."""
    return [parcel for n in range(1, 500) for parcel, _ in lives(world, n, START + n * HOUR // 500, 1)]


@pytest.fixture(scope="module")
def bills(
    world: World, network: Network, parcels: list[Parcel], tmp_path_factory: pytest.TempPathFactory
) -> list[CostIncurred]:
    """All that is billed for them, as `waybook costs publish` reads it."""
    directory = tmp_path_factory.mktemp("costs")
    haulage = Haulage(world, directory)
    for parcel in parcels:
        haulage.carry(parcel)
    haulage.close()
    return [bill for file in sorted(directory.iterdir()) for bill in taken(file, network)]


def taken(file: Path, network: Network) -> list[CostIncurred]:
    """A file's bills, all of the day that it is named for."""
    found = read_costs(file.read_text("utf-8"), LATER, "me", file.name, network)
    assert {bill.day for bill in found} == {date.fromisoformat(file.stem)}
    return found


def test_who_bills_is_a_party(bills: list[CostIncurred], network: Network) -> None:
    kinds = Counter[tuple[str, bool]]()
    for bill in bills:
        party = member(network.parties, bill.carrier, day_of(bill.day))
        assert party is not None
        kinds[party.kind, bool(bill.to)] += 1
    assert set(kinds) == {("carrier", True), ("supplier", False)}
    assert {bill.basis for bill in bills} == {"weight", "piece", "volume"}
    assert len({bill.id for bill in bills}) == len({bill.bill for bill in bills}) == len(bills)


def test_all_that_passed_is_billed_once(bills: list[CostIncurred], parcels: list[Parcel]) -> None:
    """A line and day that any parcel left on, and by the piece what was sorted."""
    left, pieces = set[tuple[str, str, int]](), Counter[tuple[str, int]]()
    for parcel in parcels:
        hubs = [fact for fact in parcel.facts if fact.operation == SENT and fact.site and fact.site.hub]
        for n, fact in enumerate(hubs):
            assert fact.site is not None
            pieces[fact.site.code, business_day(fact.time)] += parcel.terms.pieces
            for there in hubs[n + 1 :]:
                assert there.site is not None
                left.add((fact.site.code, there.site.code, business_day(fact.time)))
    lines = [(bill.place, bill.to, day_of(bill.day)) for bill in bills if bill.to]
    assert len(lines) == len(set(lines)) > 100
    assert set(lines) == left
    assert min(bill.amount_e4 for bill in bills if bill.to) >= LEAST * FEN
    sorted_ = {(bill.place, day_of(bill.day)): bill.amount_e4 for bill in bills if bill.basis == "piece"}
    assert sorted_ == {place: count * SORTING * FEN for place, count in pieces.items()}


def test_a_days_bills_come_when_it_is_over(world: World, parcels: list[Parcel], tmp_path: Path) -> None:
    haulage = Haulage(world, tmp_path)
    for parcel in parcels:
        haulage.carry(parcel)
    midnight = START + 16 * HOUR
    haulage.until(midnight + 2 * HOUR - 1)
    assert not list(tmp_path.iterdir())
    haulage.until(midnight + 2 * HOUR)
    assert [file.name for file in tmp_path.iterdir()] == ["2025-11-11.csv"]
    text = (tmp_path / "2025-11-11.csv").read_text("utf-8")
    haulage.close()
    assert len(list(tmp_path.iterdir())) > 3
    assert (tmp_path / "2025-11-11.csv").read_text("utf-8") == text
