"""Virtual accounts: what is moved, held, refused and told, whatever the order and repetition."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine.messages import OutOfOrderError
from flows.wallet.record import Wallet
from schemas import topics
from schemas.commands import BODIES
from schemas.events import Command, DeadLetterReplayed, NetworkPublished
from schemas.identity import version_of
from schemas.limits import LEAP
from schemas.money import FEN, MOST
from schemas.partition import partition_of
from schemas.reasons import ANSWER
from schemas.times import DAY, HOUR
from tests.lifecycle.world import START, text
from tests.rating.material import scenarios
from tests.storage.world import PARTIES
from tests.volume import examples
from tests.wallet.world import (
    MONEY_WITH_HQ,
    OTHER,
    PARTITIONS,
    PARTY,
    Bank,
    Post,
    agreement,
    command,
    happening,
    message,
    network,
    tick,
)

CASES = scenarios("accounts.csv")


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    story = [happening(word, f"c{n}") for n, word in enumerate(case["经过"].split())]
    bank = Bank(agreement(case["条件"])).take(*story)
    wallet = bank.wallet()
    found = {
        "现金": wallet.cash,
        "业务": wallet.business,
        "保证金": wallet.deposit,
        "冻结": wallet.held,
        "可用": wallet.available,
    }
    expected = {name: Decimal(case[name]) * 10_000 for name in found}
    assert found == expected
    assert " ".join("成" if one.accepted else ANSWER[one.reason] for one in bank.answers) == case["回复"]
    assert " ".join(sorted(kind for _, kind in bank.notices())) == case["通知"]
    holds_together(bank)


def holds_together(bank: Bank) -> None:
    """Movements, balances, books and holds say the same."""
    for party in (PARTY, OTHER):
        wallet, sums = bank.wallet(party), bank.balances(party)
        assert {name: amount * 10_000 for name, amount in sums.items()} == {
            "cash": wallet.cash,
            "business": wallet.business,
            "deposit": wallet.deposit,
        }
        assert wallet.held == sum(amount for _, amount in wallet.holds.values()) >= 0
        posted = sum(
            (
                row["amount"]
                for row in bank.rows["account_movement"]
                if text(row["party"]) == party and text(row["kind"]) == "posting"
            ),
            Decimal(0),
        )
        assert bank.position(party, "1201") == sums["cash"] + sums["business"] - posted
        assert bank.position(party, "1202") == sums["deposit"]
    assert bank.position("HQ", "2401") == -bank.position(PARTY, "1201") - bank.position(OTHER, "1201")
    assert bank.position("HQ", "2402") == -bank.position(PARTY, "1202") - bank.position(OTHER, "1202")
    entries: dict[bytes, Decimal] = {}
    for row in bank.rows["journal"]:
        signed = row["amount"] if text(row["side"]) == "D" else -row["amount"]
        entries[row["entry_id"]] = entries.get(row["entry_id"], Decimal(0)) + signed
    assert not any(entries.values())


AMOUNTS = st.integers(1, 2_000).map(lambda fen: fen * FEN)
POSTS = st.lists(
    st.tuples(
        st.sampled_from([PARTY, OTHER]),
        st.sampled_from(["transit", "delivery_paid"]),
        st.integers(-200_000, 200_000).filter(bool),
        st.integers(0, 2),
    ),
    max_size=12,
)


@st.composite
def asked(draw: st.DrawFn) -> list[Command]:
    """Commands of two parties, with numbers of their own."""
    made = []
    for n in range(draw(st.integers(0, 14))):
        name = draw(st.sampled_from([name for name in BODIES if name != "set_terms"]))
        body: dict[str, Any] = {"amount_e4": draw(AMOUNTS)}
        if name == "hold":
            body["purpose"] = draw(st.sampled_from(["withdraw", "purchase"]))
        elif name in ("release", "capture"):
            body = {"hold": f"c{draw(st.integers(0, 13))}"}
            if name == "capture":
                body["amount_e4"] = draw(st.sampled_from([0, FEN, 50_000]))
        elif name == "purchase":
            body = {"item": "面单", "quantity": draw(st.integers(1, 20))}
        made.append(command(name, f"c{n}", draw(st.sampled_from([PARTY, OTHER])), **body))
    return made


@examples(75)
@given(st.data())
def test_any_interleaving_is_exact_and_never_spends_what_is_not_there(data: st.DataObject) -> None:
    posts, commands = data.draw(POSTS), data.draw(asked())
    mixed: list[Command | Post] = data.draw(st.permutations([*posts, *commands]))
    bank = Bank(f"{PARTY},credit,10,5\n")
    for one in mixed:
        before = {party: bank.wallet(party).available for party in (PARTY, OTHER)}
        bank.take(one)
        for party, available in before.items():
            after = bank.wallet(party).available
            if isinstance(one, Command):
                assert after >= min(0, available)  # no command makes it worse than nothing
        if data.draw(st.booleans()) and isinstance(one, Command):
            bank.take(one)
            assert bank.answers[-1] == bank.answers[-2]
    assert bank.refused() == []
    assert [text(row["command_id"]) for row in bank.rows["answer"]] == [
        one.id for one in mixed if isinstance(one, Command)
    ]
    holds_together(bank)


@examples(30)
@given(POSTS, st.lists(AMOUNTS, max_size=5), st.data())
def test_the_order_of_what_cannot_be_refused_does_not_matter(
    posts: list[Post], top_ups: list[int], data: st.DataObject
) -> None:
    paid = [command("top_up", f"t{n}", amount_e4=amount) for n, amount in enumerate(top_ups)]
    one = Bank().take(*posts, *paid)
    mixed: list[Command | Post] = data.draw(st.permutations([*posts, *paid]))
    other = Bank().together(*mixed)
    for party in (PARTY, OTHER):
        assert one.balances(party) == other.balances(party)
    assert one.notices() == other.notices()


@given(st.integers(-9, 9), st.integers(0, 9), st.integers(-20, 20).filter(bool))
def test_posting_is_moving(free: int, held: int, amount: int) -> None:
    one, other = Wallet(free, held), Wallet(free, held)
    assert one.post(amount) == other.move(amount)
    assert one == other


def test_repeated_and_replayed_messages_change_nothing() -> None:
    bank = Bank(partitions=1)
    first, second = message(3, [(PARTY, "transit", -5, 0)]), message(7, [(PARTY, "transit", -7, 0)])
    for raw in (first, first, second, first, second):
        bank.block((topics.POSTINGS.name, 0, raw))
    assert bank.wallet().free == -12
    with pytest.raises(OutOfOrderError):
        bank.block((topics.POSTINGS.name, 0, message(9, [(PARTY, "transit", -7, 0)], part=2)))


@examples(30)
@given(st.data())
def test_a_lane_that_is_killed_goes_on_where_it_was(data: st.DataObject) -> None:
    posts, commands = data.draw(POSTS), data.draw(asked())
    mixed: list[Command | Post] = data.draw(st.permutations([*posts, *commands]))
    whole, killed = Bank(), Bank()
    for number, one in enumerate(mixed):
        whole.take(one)
        killed.take(one)
        if data.draw(st.booleans()):
            killed.restart()
            earlier = [again for again in mixed[: number + 1] if isinstance(again, Command)]
            killed.take(*earlier[-3:])  # answered before the kill: repeats
    killed.restart()
    for party in (PARTY, OTHER):
        assert killed.wallet(party) == whole.wallet(party)
        assert killed.balances(party) == whole.balances(party)
    assert killed.wallets.heard == whole.wallets.heard
    assert len(killed.rows["answer"]) == len(commands)
    assert killed.refused() == []


def test_the_same_number_with_other_content_is_a_conflict() -> None:
    bank = Bank().take(command("top_up", "c", amount_e4=100))
    bank.take(command("top_up", "c", amount_e4=200), command("top_up", "c", OTHER, amount_e4=200))
    bank.take(command("top_up", "c", amount_e4=200))
    assert bank.refused() == ["conflicting_duplicate"]
    assert (bank.wallet().free, bank.wallet(OTHER).free) == (100, 200)


def test_an_answer_is_forgotten_only_when_no_repeat_could_be_accepted() -> None:
    first = command("top_up", "c", amount_e4=100)
    bank = Bank().take(first)
    for hours in (71, 72, 73, 80, 200):
        bank.block((topics.TICKS.name, 0, tick(START + hours * HOUR))).take(first)
    assert bank.wallet().free == 100
    assert set(bank.refused()) == {"time_too_old"}


BAD = {
    "unknown_command": {"name": "print_money"},
    "wrong_type": {"body": {"amount_e4": "1"}},
    "amount_out_of_range": {"body": {"amount_e4": MOST + 1}},
    "part_of_a_fen": {"body": {"amount_e4": 150}},
    "time_in_future": {"time": START + DAY},
    "time_too_old": {"time": START - 4 * DAY},
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_commands_become_dead_letters(reason: str) -> None:
    fields = msgspec.json.decode(msgspec.json.encode(command("top_up", "c", amount_e4=100)))
    raw = msgspec.json.encode(fields | BAD[reason])
    partition = partition_of(PARTY, PARTITIONS)
    bank = Bank().block(*[(topics.COMMANDS.name, partition, raw)] * 2)
    assert bank.refused() == [reason]
    assert bank.answers == []


def test_a_command_that_says_an_amount_twice_is_a_dead_letter() -> None:
    raw = msgspec.json.encode(command("top_up", "c", amount_e4=100))
    twice = raw.replace(b'"amount_e4":100', b'"amount_e4":100,"amount_e4":900')
    bank = Bank().block((topics.COMMANDS.name, partition_of(PARTY, PARTITIONS), twice))
    assert bank.refused() == ["name_twice"]
    assert bank.answers == []


def test_a_command_that_is_refused_again_after_a_replay_is_open_again() -> None:
    asked = command("top_up", "c", at=START + DAY, amount_e4=100)
    partition = partition_of(PARTY, PARTITIONS)
    bank = Bank().take(asked, asked)
    (letter,) = bank.rows["dead_letter"]
    for name in ("dl-n1", "dl-n1", "dl-n2"):
        of = text(letter["dead_letter_id"]) if name == "dl-n1" else "dl-of-another-lane"
        note = DeadLetterReplayed(id=name, time=START, dead_letter=of, replayed_by="me")
        bank.block((topics.DEAD_LETTERS.name, partition, note))
    bank.restart().take(asked, asked)
    assert [text(row["status"]) for row in bank.rows["dead_letter"]] == ["open", "replayed", "open"]


def test_customers_keep_accounts_and_a_gate_is_answered_where_it_listens() -> None:
    files = network().files | {
        "parties.csv": PARTIES,
        "accounts.csv": "party,kind,credit_limit,low_balance\n",
    }
    directory = NetworkPublished(id="n", time=START, version=version_of(files), files=files)
    bank = Bank(partitions=1).block((topics.CONTROL.name, 0, directory))
    for number, party in enumerate(["C-FISH", "NOBODY"]):
        bank.take(command("admit", f"q{number}", party, stay="S1", reply_to="SH-A/gate-1"))
    bank.take(command("top_up", "m", "C-FISH", amount_e4=100), command("admit", "q3", "C-FISH"))
    assert [(one.reason, one.reply_to) for one in bank.answers] == [
        ("insufficient_balance", "SH-A/gate-1"),
        ("unknown_party", "SH-A/gate-1"),
        ("", ""),
        ("", ""),
    ]


def test_a_tick_that_leaps_makes_no_command_too_old() -> None:
    bank = Bank()
    bank.block((topics.TICKS.name, 0, tick(START + LEAP + 1)))
    bank.take(happening("充值10", "c1"))
    assert [answer.accepted for answer in bank.answers] == [True]
    bank.block((topics.TICKS.name, 0, tick(START + DAY)))
    assert bank.wallets.ring.now == START + DAY


def test_what_lies_on_the_wrong_partition_could_race_and_is_refused() -> None:
    bank = Bank().block(
        (topics.COMMANDS.name, 1 - partition_of(PARTY, PARTITIONS), command("top_up", "c", amount_e4=100)),
        (topics.COMMANDS.name, 0, b"{"),
        (topics.POSTINGS.name, 0, b"nonsense"),
        (topics.COMMANDS.name, 0, tick(START)),
    )
    assert sorted(bank.refused()) == ["not_json", "unknown_type", "wrong_partition", "wrong_type"]


def test_whoever_owes_headquarters_or_is_owed_by_it_has_an_account() -> None:
    """A province pays in what it owes, a carrier is paid what it earned; a courier is paid by the outlet."""
    directory = network("310000,credit,50,\n", parties=MONEY_WITH_HQ)
    bank = Bank(partitions=1).block((topics.CONTROL.name, 0, directory))
    for party in ("310000", "AIR", "BOX", "SHC", "SHC-K1"):
        bank.take(command("top_up", f"t-{party}", party, amount_e4=10_000))
    assert [one.reason for one in bank.answers] == ["", "", "", "", "unknown_party"]
    known = bank.wallets.directory
    assert [known.may_store(party) for party in ("310000", "AIR", "SHC")] == [False, False, True]
    bank.take(command("withdraw", "w", "310000", amount_e4=10_100))
    assert (bank.answers[-1].reason, bank.wallet("310000").terms.limit) == ("insufficient_balance", 500_000)


def test_an_unknown_party_is_answered_and_has_no_wallet() -> None:
    bank = Bank().take(command("top_up", "c", "NOBODY", amount_e4=100))
    assert [(one.accepted, one.reason) for one in bank.answers] == [(False, "unknown_party")]
    assert "p/NOBODY" not in bank.wallets.ring.records


def test_published_terms_replace_and_withdrawn_ones_end() -> None:
    bank = Bank(f"{PARTY},credit,100,\n")
    assert bank.wallet().terms.limit == 1_000_000
    bank.take(command("set_terms", "c", kind="credit", credit_limit_e4=5))
    bank.block((topics.CONTROL.name, 0, network(f"{PARTY},credit,100,\n{OTHER},prepaid,0,7\n")))
    assert (bank.wallet().terms.limit, bank.wallet(OTHER).terms.low_balance) == (5, 70_000)
    bank.block((topics.CONTROL.name, 0, network("")))
    assert bank.wallet().terms.limit == 0
    assert [text(row["party"]) for row in bank.rows["terms"]] == [PARTY, PARTY, OTHER, PARTY, OTHER]
    broken = network(f"{PARTY},loan,1,\n")
    bank.block((topics.CONTROL.name, 0, broken))
    assert bank.wallets.documents.network is not None
    assert bank.wallets.documents.network.version != broken.version


def test_a_directory_that_the_parcel_flow_refuses_changes_nothing() -> None:
    """It takes an outlet away, or is not what its version says."""
    bank = Bank(f"{PARTY},credit,100,\n").take(command("top_up", "a", amount_e4=10_000))
    files = dict(network("").files)
    line = next(line for line in files["sites.csv"].splitlines() if f",{PARTY}," in line)
    without = files | {"sites.csv": files["sites.csv"].replace(line + "\n", "")}
    for version, wrong in ((version_of(without), without), ("other", files)):
        published = NetworkPublished(id="n", time=START, version=version, files=wrong)
        bank.block((topics.CONTROL.name, 0, published))
        bank.take(command("withdraw", version, amount_e4=100))
        assert (bank.answers[-1].accepted, bank.wallet().terms.limit) == (True, 1_000_000)
