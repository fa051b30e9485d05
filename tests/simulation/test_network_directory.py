"""The simulated network's directory: valid, complete, skewed as the trade is, the same for the same seed."""

import random
from collections import Counter
from datetime import date

import pytest

from flows.governance.network import Network, read_network
from flows.governance.parties import PARENTS, member
from schemas.identity import version_of
from schemas.times import day_of
from sources.network.directory import World, build
from sources.network.parties import carrier_from

SIZES = (60, 337, 600, 20_000)
COASTAL = ("广东省", "浙江省", "江苏省", "山东省", "河北省", "福建省", "河南省")


@pytest.fixture(scope="module")
def world() -> World:
    """The default size."""
    return build(600, 1)


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    """The same as the flows read it."""
    return read_network(world.files)


@pytest.mark.parametrize("outlets", SIZES)
def test_directories_of_all_sizes_are_valid(outlets: int) -> None:
    world = build(outlets, 3)
    network = read_network(world.files)
    assert network.version == version_of(world.files)
    assert len(network.outlets) == len(world.outlets) == outlets
    assert (len(network.provinces), len(network.cities)) == (31, 337)
    assert set(network.products) == {"STD", "EXP", "ECO"}
    assert {site.city for site in network.outlets.values()} >= {"310100", "610100"}, "上海 and 西安"
    assert all(code == site.site for code, site in network.outlets.items())
    assert len({site.name for site in network.sites.values()}) == outlets + 31


def test_parties_of_every_kind_stand_in_the_tree(world: World, network: Network) -> None:
    """With who they legally are and where they are paid."""
    day = day_of(date(2025, 11, 11))
    found = {code: member(network.parties, code, day) for code in network.parties}
    kinds = Counter(one.kind for one in found.values() if one is not None)
    assert set(kinds) == set(PARENTS)
    assert kinds["province"] == kinds["hub"] == len(network.provinces)
    assert kinds["station"] == len(world.outlets) == kinds["outlet"] - 1, (
        "and the company that takes outlets over"
    )
    for code, one in found.items():
        assert one is not None, code
        if one.kind in ("carrier", "supplier", "province", "outlet", "contractor", "station"):
            assert one.legal_entity, code
            assert one.settlement_account, code
    carriers = {carrier_from(province) for province in network.provinces}
    assert carriers == {code for code, one in found.items() if one is not None and one.kind == "carrier"}
    paid = Counter(
        one.settlement_account for one in found.values() if one is not None and one.settlement_account
    )
    assert max(paid.values()) == 1


def test_a_station_and_a_courier_went_over_to_the_sub_contractor(network: Network) -> None:
    for code in ("440100-001-S", "440100-001-2"):
        before, after = (member(network.parties, code, day_of(date(2025, month, 1))) for month in (6, 7))
        assert before is not None
        assert after is not None
        assert (before.parent, after.parent) == ("440100-001", "440100-001-A")


def test_every_place_lies_in_its_province(network: Network) -> None:
    for site in network.sites.values():
        assert site.city[:2] == site.province[:2] == site.site.lstrip("H")[:2]


def test_a_hub_lies_in_each_capital(world: World, network: Network) -> None:
    assert {province: hub.city for province, hub in world.hubs.items()} == {
        province: f"{province[:2]}0100" for province in network.provinces
    }
    assert network.sites["H610000"].name == "西安分拨中心"


def test_every_city_has_an_outlet_when_there_are_enough(network: Network) -> None:
    assert {site.city for site in network.outlets.values()} == set(network.cities)


def test_the_same_seed_makes_the_same_network_and_another_does_not() -> None:
    def drawn(seed: int) -> list[str]:
        world, r = build(400, seed), random.Random(1)
        return [site.code for _ in range(200) for site in world.pair(r)]

    assert build(400, 5).files == build(400, 5).files
    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)


def test_volume_is_concentrated_where_the_trade_is(world: World, network: Network) -> None:
    r, count = random.Random(7), 20_000
    pairs = [world.pair(r) for _ in range(count)]
    sent = Counter(network.provinces[origin.province] for origin, _ in pairs)
    received = Counter(network.provinces[destination.province] for _, destination in pairs)
    assert [name for name, _ in sent.most_common(3)] == ["广东省", "浙江省", "江苏省"]
    assert 0.4 < (sent["广东省"] + sent["浙江省"]) / count < 0.5
    assert 0.65 < sum(sent[name] for name in COASTAL) / count < 0.85
    assert 0 < sent["西藏自治区"] + sent["青海省"] < count // 100
    assert received["浙江省"] < sent["浙江省"] / 1.5, "goods flow to where people live"
    assert received["四川省"] > sent["四川省"]
    cities = Counter(origin.city for origin, _ in pairs)
    assert {city for city, _ in cities.most_common(2)} == {"330700", "440100"}, "义乌 in 金华, and 广州"


def test_the_nearer_the_likelier(world: World) -> None:
    r = random.Random(9)
    guangdong = [destination for origin, destination in _pairs(world, r) if origin.province == "440000"]
    zhejiang = [destination for origin, destination in _pairs(world, r) if origin.province == "330000"]

    def share(of: list[str], province: str) -> float:
        return of.count(province) / len(of)

    to = [site.province for site in guangdong], [site.province for site in zhejiang]
    assert share(to[0], "450000") > 1.3 * share(to[1], "450000"), "广西 is next to 广东"
    assert share(to[1], "310000") > 1.3 * share(to[0], "310000"), "上海 is next to 浙江"


def _pairs(world: World, r: random.Random) -> list[tuple]:  # type: ignore[type-arg]
    return [world.pair(r) for _ in range(20_000)]


def test_distances(world: World) -> None:
    found = {site.city: site for site in world.outlets}
    shanghai, xian, hangzhou = found["310100"], found["610100"], found["330100"]
    assert 1150 < world.distance(shanghai, xian) < 1300
    assert world.distance(shanghai, xian) == world.distance(xian, shanghai)
    assert world.distance(xian, xian) < world.distance(shanghai, hangzhou) < 250
