"""What the simulated outlets ask for: the same for a seed, valid, and of all kinds."""

import msgspec

from flows.governance.network import read_network
from schemas.commands import BODIES
from schemas.times import DAY, HOUR
from sources.network.directory import build
from sources.network.money import MATERIALS, Teller, agreements
from sources.network.stage import START


def test_commands_are_the_same_for_a_seed_however_time_passes() -> None:
    outlets = build(100, 1).outlets
    one, other = Teller(outlets, 1, 40, START), Teller(outlets, 1, 40, START)
    at_once = one.until(START + 2 * DAY)
    in_steps = [command for hour in range(1, 49) for command in other.until(START + hour * HOUR)]
    key = lambda command: (command.id, command.name)  # noqa: E731
    assert sorted(at_once, key=key) == sorted(in_steps, key=key)
    assert one.asked == 40 * 48
    assert {command.name for command in at_once} == {*BODIES} - {"admit"}, "a gate asks that, not a teller"
    for command in at_once:
        assert msgspec.json.decode(bytes(command.body), type=BODIES[command.name])
    assert len({command.id for command in at_once}) < len(at_once)  # some ask twice


def test_agreements_can_be_published() -> None:
    world = build(100, 1)
    network = read_network(world.files | agreements(world.outlets, 1))
    assert 40 < len(network.agreements.terms) < 90
    assert {terms.kind for terms in network.agreements.terms.values()} == {"credit", "prepaid"}
    assert network.agreements.materials.keys() == MATERIALS.keys()


def test_a_number_is_one_command_s() -> None:
    """One outlet's hold, and a later command of its, must not ask for two things under one number."""
    asked = Teller(build(100, 1).outlets, 1, 40, START).until(START + 2 * DAY)
    assert len({msgspec.json.encode(one) for one in asked}) == len({one.id for one in asked})
