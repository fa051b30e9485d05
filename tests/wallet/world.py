"""What the tests of virtual accounts share: commands from words, a lane without Bytewax, its rows."""

import re
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from flows.accounts import answers, money_rules
from flows.engine.block import Block, Records
from flows.engine.messages import Message, pack
from flows.journal.positions import Sums
from flows.wallet.process import Wallets
from flows.wallet.record import Wallet
from flows.wallet.tables import Tables
from schemas import topics
from schemas.commands import BODIES
from schemas.events import Answer, Command, Event, NetworkPublished, Tick
from schemas.identity import version_of
from schemas.money import parse_yuan
from schemas.partition import partition_of
from schemas.payments import DeductionAnswered
from schemas.times import DAY, business_day
from sinks.encode import Encoded
from tests.engine.reviving import revived
from tests.lifecycle.rows import Rows
from tests.lifecycle.world import NETWORK_FILES, START, text

PARTY, OTHER = "SHC", "XAD"
PARTITIONS = 2
MATERIALS = "item,name,price\n面单,电子面单,0.80\n胶带,胶带,0.0125\n袋子,袋子,2.00\n"
MONEY_WITH_HQ = """party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to
HQ,headquarters,总部,,,,,,
310000,province,上海,HQ,,,,,
AIR,carrier,空运,HQ,,,,,
BOX,supplier,纸箱厂,HQ,,,,,
SHC,outlet,徐汇,310000,,,,,
SHC-K1,courier,小王,SHC,,,,,
"""
"""Parties of all kinds that owe headquarters or are owed by it, and one that is paid by its outlet."""
FEES = {"中转费": "transit", "面单费": "waybill", "派费": "delivery_collected"}
Post = tuple[str, str, int, int]
"""Party, fee, amount, days after the first."""


def network(accounts: str = "", materials: str = MATERIALS, parties: str = "") -> NetworkPublished:
    """The directory of the rating tests with a price list, agreements (lines of `accounts.csv`) and `parties.csv`."""
    files = NETWORK_FILES | {
        "materials.csv": materials,
        "accounts.csv": "party,kind,credit_limit,low_balance\n" + accounts,
    }
    if parties:
        files["parties.csv"] = parties
    return NetworkPublished(id=f"n-{version_of(files)}", time=START, version=version_of(files), files=files)


def command(name: str, number: str, party: str = PARTY, at: int = START, **body: Any) -> Command:
    """A command as a producer writes it."""
    assert name in BODIES
    return Command(
        id=number,
        time=at,
        name=name,
        subject=party,
        actor="财务",
        body=msgspec.Raw(msgspec.json.encode(body)),
    )


def message(block: int, posts: list[Post], part: int = 1, lane: int = 0) -> bytes:
    """What the parcel flow says."""
    days = [business_day(START) + day for *_, day in posts]
    sums = Sums(
        [party for party, *_ in posts],
        np.arange(len(posts), dtype="<i4").tobytes(),
        [fee for _, fee, *_ in posts],
        np.arange(len(posts), dtype="<i4").tobytes(),
        np.array(days, "<i4").tobytes(),
        np.array([amount for _, _, amount, _ in posts], "<i8").tobytes(),
    )
    return pack(Message("parcels", lane, block, part, part, msgspec.msgpack.encode(sums)))


_WORDS = {
    "充值": "top_up",
    "提现": "withdraw",
    "冻结": "hold",
    "订购": "hold",
    "解冻": "release",
    "扣款": "capture",
    "缴保证金": "deposit_in",
    "退保证金": "deposit_out",
    "准入": "admit",
}


def happening(word: str, number: str) -> Command | Post:
    """A word of a story: a command under this number, or what is posted: `充值100`, `中转费-5.25`, `解冻#甲`."""
    if posted := re.fullmatch(r"(中转费|面单费|派费)([+-][\d.]+)", word):
        return PARTY, FEES[posted[1]], parse_yuan(posted[2]), 0
    if bought := re.fullmatch(r"买(\d+)个([^@]+)(?:@([\d.]+))?", word):
        price: dict[str, Any] = {"unit_price_e4": parse_yuan(bought[3])} if bought[3] else {}
        return command("purchase", number, item=bought[2], quantity=int(bought[1]), **price)
    if granted := re.fullmatch(r"授信([\d.]+)", word):
        return command("set_terms", number, kind="credit", credit_limit_e4=parse_yuan(granted[1]))
    asked = re.fullmatch(r"(\D+?)([\d.]*)(?:#(.+))?", word)
    assert asked, word
    name, amount, hold = _WORDS[asked[1]], asked[2], asked[3]
    if name == "hold":
        purpose = "purchase" if asked[1] == "订购" else "withdraw"
        return command(name, hold, amount_e4=parse_yuan(amount), purpose=purpose)
    body: dict[str, Any] = {"hold": hold} if hold else {}
    if amount:
        body["amount_e4"] = parse_yuan(amount)
    return command(name, number, **body)


def agreement(terms: str) -> str:
    """A line of `accounts.csv` from words: `预付`, `授信50`, `预付预警50`."""
    found = re.fullmatch(r"(?:预付|授信([\d.]+))(?:预警([\d.]+))?", terms)
    assert found, terms
    return f"{PARTY},{'credit' if found[1] else 'prepaid'},{found[1] or ''},{found[2] or ''}\n"


class Bank:
    """A lane without Bytewax and Kafka: events in, rows of the tables and answers out."""

    def __init__(self, accounts: str = "", partitions: int = PARTITIONS) -> None:
        self.partitions = partitions
        self.wallets = self._work()
        self.segments: dict[int, bytes] = {}
        self.tables = Tables(money_rules(), writes_documents=True)
        self.n = 0
        self.blocks: Counter[int] = Counter()
        self.rows = Rows()
        self.answers: list[Answer] = []
        self.deducted: list[DeductionAnswered] = []
        self.block((topics.CONTROL.name, 0, network(accounts)), (topics.TICKS.name, 0, tick(START)))

    def take(self, *happenings: Command | Post) -> "Bank":
        """Commands and postings, each in a block of its own."""
        for one in happenings:
            self.together(one)
        return self

    def together(self, *happenings: Command | Post) -> "Bank":
        """Postings of a block of the parcel flow and commands, in one block."""
        posts = [one for one in happenings if not isinstance(one, Command)]
        said: list[tuple[str, int, Event | bytes]] = []
        for partition in range(self.partitions):
            mine = [post for post in posts if partition_of(post[0], self.partitions) == partition]
            if mine:
                self.blocks[partition] += 1
                said.append((topics.POSTINGS.name, partition, message(self.blocks[partition], mine)))
        asked = [one for one in happenings if isinstance(one, Command)]
        return self.block(
            *said, *((topics.COMMANDS.name, partition_of(c.subject, self.partitions), c) for c in asked)
        )

    def block(self, *records: tuple[str, int, Event | bytes]) -> "Bank":
        """A block of records: (topic, partition, event or bytes)."""
        self.n += 1
        inputs: dict[tuple[str, int], Records] = {}
        for offset, (topic, partition, event) in enumerate(records):
            held = inputs.setdefault((topic, partition), Records(topic, partition, [], []))
            held.values.append(event if isinstance(event, bytes) else msgspec.json.encode(event))
            held.offsets.append(self.n * 1000 + offset)
        output = self.wallets.process(Block(self.n, list(inputs.values()), len(records), START, [], 0.0))
        made = self.tables.make(output, 1000 << 32 | self.n)
        self.wrote(made)
        self.rows.add(made)
        for letter in answers(output):
            if letter.topic == topics.ANSWERS.name:
                self.answers.append(msgspec.json.decode(letter.value, type=Answer))
            else:
                self.deducted.append(msgspec.json.decode(letter.value, type=DeductionAnswered))
        return self

    def restart(self) -> "Bank":
        """The epoch ends, and a new process goes on from the recovery store."""
        ring = self.wallets.ring
        epoch = ring.epoch
        self.segments[epoch % ring.size] = ring.segment(epoch)
        self.wallets = revived(self._work(), self.wallets.save_documents(), self.segments.values())
        return self

    def _work(self) -> Wallets:
        return Wallets(3 * DAY, lambda party: partition_of(party, self.partitions), lambda _: True)

    def wrote(self, made: list[Encoded]) -> None:
        """A block's rows, for those who want them elsewhere."""

    def wallet(self, party: str = PARTY) -> Wallet:
        """A party's wallet."""
        record = self.wallets.ring.records.get(f"p/{party}")
        return (record.wallet if record else None) or Wallet()

    def balances(self, party: str = PARTY) -> dict[str, Decimal]:
        """By account, from the movements."""
        sums: dict[str, Decimal] = dict.fromkeys(("cash", "business", "deposit"), Decimal(0))
        for row in self.rows["account_movement"]:
            if text(row["party"]) == party:
                sums[text(row["account"])] += row["amount"]
        return sums

    def notices(self) -> set[tuple[str, str]]:
        """Parties and kinds of notices that have begun and are not over."""
        newest = {(text(row["party"]), text(row["kind"])): text(row["status"]) for row in self.rows["notice"]}
        return {notice for notice, status in newest.items() if status == "begun"}

    def refused(self) -> list[str]:
        """Reasons of dead letters."""
        return [text(row["reason"]) for row in self.rows["dead_letter"]]

    def position(self, book: str, *accounts: str) -> Decimal:
        """Debits less credits of accounts of a book, as commands booked them."""
        return sum(
            (
                row["amount"] if text(row["side"]) == "D" else -row["amount"]
                for row in self.rows["journal"]
                if text(row["book"]) == book and text(row["account"]) in accounts
            ),
            Decimal(0),
        )


def tick(at: int) -> Tick:
    """Time passes."""
    return Tick(id=f"tick-{at}", time=at)
