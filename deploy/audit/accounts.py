"""Virtual accounts: every movement, hold, notice and answer again, and what was posted against the journal."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from deploy.audit.chain import Log
from deploy.audit.digest import place
from deploy.audit.names import name_of
from deploy.audit.periods import Closes
from deploy.audit.postings import DEDUCTED, MONEY, PAYMENTS, PREPAID, TOLD, words
from deploy.audit.report import Check, Findings
from deploy.audit.rules import MOST
from deploy.audit.store import BLOCK_RANGE, BLOCKS, LANE, Row, Store, shard_of, up_to
from deploy.audit.wallets import Kept, Moved, Refusal, Wallet
from schemas.parties import HQ
from schemas.topics import POSTINGS

IN_A_SHARD = 1_000_000
"""Movements whose parties are looked at together."""

OF_DIRECTORY = ("unknown_party", "unknown_item")
"""Refusals that the directory gives reason for: which one was in force is not known, so all are looked at."""
_MINE = shard_of("toString(party)")
_READ = {
    "movement": f"""
        SELECT party, seq, step, account, kind, reinterpretAsInt64(amount) AS units,
               reinterpretAsInt64(balance) AS balance, business_date AS day, fee, sender, command_id,
               hex(charge_id) AS charge, counterparty
        FROM $account_movement WHERE {_MINE} ORDER BY party, seq, step, line""",
    "hold": f"""
        SELECT party, seq, step, hold, status, purpose, reinterpretAsInt64(amount) AS units,
               reinterpretAsInt64(remains) AS remains, command_id
        FROM $hold WHERE {_MINE} ORDER BY party, seq, step, line""",
    "terms": f"""
        SELECT party, seq, step, kind, reinterpretAsInt64(credit_limit) AS credit_limit,
               reinterpretAsInt64(low_balance) AS low_balance, cause
        FROM $terms WHERE {_MINE} ORDER BY party, seq, step, line""",
    "answer": f"""
        SELECT party, seq, step, command_id, command, body, accepted, reason, reinterpretAsInt64(amount) AS units,
               reinterpretAsInt64(unit_price) AS price, reinterpretAsInt64(available) AS available,
               toDate(addHours(command_time, 8), 'UTC') AS day
        FROM $answer WHERE {_MINE} ORDER BY party, seq, step, line""",
    "deduction": f"""
        SELECT party, seq, step, deduction, toString(status) AS status, toString(group) AS group, document,
               reinterpretAsInt64(amount) AS units, toString(reason) AS reason,
               reinterpretAsInt64(available) AS available, event_time AS asked,
               toDate(addHours(time, 8), 'UTC') AS day
        FROM $deduction WHERE {_MINE} AND status NOT IN ('asked', 'dropped') ORDER BY party, seq, step, line""",
    "notice": f"""
        SELECT party, seq, kind, status, reinterpretAsInt64(available) AS available,
               reinterpretAsInt64(threshold) AS threshold
        FROM $notice WHERE {_MINE} ORDER BY party, seq, kind""",
}


class Step(NamedTuple):
    """All rows of one step of one party."""

    movement: list[Row]
    hold: list[Row]
    terms: list[Row]
    answer: list[Row]
    deduction: list[Row]


class Prices(NamedTuple):
    """What is published: parties and items of any directory and of every one, and the items' prices."""

    parties: set[str]
    always: set[str]
    materials: dict[str, set[int]]
    always_sold: set[str]


class Queue:
    """A party's deductions that wait, and those that were taken."""

    def __init__(self) -> None:
        self._waiting: dict[str, Row] = {}
        self._taken = set[str]()

    def took(self, done: Row, available: int) -> str:
        """What is wrong with a row about a deduction when so much may be spent; empty: nothing."""
        number, status = done["deduction"], done["status"]
        waited, taken = self._waiting.pop(number, None), number in self._taken
        if taken != (status == "returned"):
            return f"is {status}, and was {'taken' if taken else 'not taken'} before"
        if status == "returned":
            self._taken.discard(number)
        elif status == "refused":
            self._waiting[number] = done
            return "is refused again" if waited else ""
        elif status == "taken":
            self._taken.add(number)
            if done["units"] > available:
                return f"takes {done['units']}, and {available} may be spent"
            if any(_turn(one) < _turn(done) for one in self._within(available)):
                return "is taken before an older one"
        return ""

    def _within(self, available: int) -> Iterator[Row]:
        """What waits, and could be paid with so much."""
        for one in self._waiting.values():
            if one["units"] <= available and one["reason"] != "unknown_party":
                yield one

    def payable(self, available: int) -> str:
        """A deduction that waits, and could be paid; empty: none."""
        return next((str(one["deduction"]) for one in self._within(available)), "")


def _turn(row: Row) -> tuple[int, str, str]:
    return row["asked"], row["group"], row["document"]


class Replay:
    """Carries everything out again, shard by shard."""

    def __init__(self, store: Store) -> None:
        self._store, self._closes = store, Closes(store)
        self.movements = Findings("recomputed_accounts", "虚拟账户逐笔重算：余额、先现金后授信")
        self.answers = Findings("recomputed_answers", "每条资金指令的执行或拒绝独立重判")
        self.holds = Findings("recomputed_holds", "冻结逐笔重算")
        self.notices = Findings("recomputed_notices", "余额通知逐条重算")
        self.deductions = Findings(
            "recomputed_deductions", "账户扣款逐笔重判：余额足则扣，不足则等待，先到先扣"
        )

    def walk(self) -> None:
        """All parties."""
        known = self._store.rows(
            "SELECT outlet, uniqExact(version) = (SELECT uniqExact(version) FROM $site) AS always "
            "FROM $site WHERE kind = 'outlet' GROUP BY outlet"
        )
        known += self._store.rows(
            "SELECT party AS outlet, uniqExact(version) = (SELECT uniqExact(version) FROM $site) AS always "
            "FROM $party WHERE kind IN ('province', 'customer', 'supplier', 'carrier') GROUP BY party"
        )
        parties, always = {row["outlet"] for row in known}, {row["outlet"] for row in known if row["always"]}
        materials: dict[str, set[int]] = defaultdict(set)
        always_sold = set[str]()
        for row in self._store.rows(
            "SELECT item, groupUniqArray(reinterpretAsInt64(price)) AS prices, "
            "uniqExact(version) = (SELECT uniqExact(version) FROM $site) AS always FROM $material GROUP BY item"
        ):
            materials[row["item"]].update(row["prices"])
            always_sold |= {row["item"]} if row["always"] else set()
        self._published = Prices(parties, always, materials, always_sold)
        for shard, shards in self._store.shards("account_movement", IN_A_SHARD):
            read = {name: self._store.rows(sql, shard=shard, shards=shards) for name, sql in _READ.items()}
            self._shard(read)

    def checks(self) -> list[Check]:
        """Their outcome."""
        return [
            self.movements.check("movements"),
            self.answers.check("answers"),
            self.holds.check("changes of holds"),
            self.notices.check("notices"),
            self.deductions.check("deductions"),
        ]

    def _shard(self, read: dict[str, list[Row]]) -> None:
        steps: dict[str, dict[tuple[int, int], Step]] = defaultdict(dict)
        for name in Step._fields:
            for row in read[name]:
                of = steps[row["party"]].setdefault((row["seq"], row["step"]), Step([], [], [], [], []))
                getattr(of, name).append(row)
        noticed: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in read["notice"]:
            noticed[row["party"]][row["seq"]].append(row)
        for party in steps.keys() | noticed.keys():
            self._party(party, steps[party], noticed[party])

    def _party(self, party: str, steps: dict[tuple[int, int], Step], noticed: dict[int, list[Row]]) -> None:
        wallet, queue = Wallet(), Queue()
        order = sorted(steps)
        for number, (seq, step) in enumerate(order):
            self._step(party, wallet, queue, f"{place(seq)} step {step}", steps[seq, step])
            if number + 1 == len(order) or order[number + 1][0] != seq:
                if late := queue.payable(wallet.available):
                    self.deductions.add(f"{party}: {place(seq)} leaves {late} waiting, and could pay it")
                self._notices(party, wallet, seq, noticed.pop(seq, []))
        for seq, rows in noticed.items():
            self.notices.add(f"{party}: {place(seq)} has {len(rows)} notices, and nothing happened")

    def _step(self, party: str, wallet: Wallet, queue: Queue, where: str, step: Step) -> None:
        found = [Moved(row["account"], row["units"], row["balance"]) for row in step.movement]
        self.movements.seen += len(found)
        if step.deduction:
            self._deduction(party, wallet, queue, where, step)
            return
        if step.answer:
            self._command(party, wallet, where, step)
            return
        for row in step.terms:  # published ones
            wallet.limit = row["credit_limit"] if row["kind"] == "credit" else 0
            wallet.threshold = row["low_balance"]
        if not step.movement:
            return
        one = step.movement[0]
        same = {
            (row["kind"], row["fee"], row["day"], row["sender"], row["counterparty"]) for row in step.movement
        }
        known = one["kind"] == "posting" and one["sender"] and one["fee"] and one["counterparty"] == HQ
        if len(same) > 1 or not known or any(row["command_id"] for row in step.movement):
            self.movements.add(f"{party}: {where} is neither a posting nor a command")
        units = sum(unit for account, unit, _ in found if account != "deposit")
        expected = wallet.post(units)
        if found != expected:
            self.movements.add(f"{party}: {where} moved {found}, should be {expected}")

    def _command(self, party: str, wallet: Wallet, where: str, step: Step) -> None:
        said = step.answer[0]
        self.answers.seen += len(step.answer)
        self.holds.seen += len(step.hold)
        moved: list[Moved] = []
        reason = ""
        try:
            if said["reason"] in OF_DIRECTORY:
                raise Refusal(said["reason"])
            moved = wallet.carry_out(said["command"], said["command_id"], said["body"], said["price"])
        except Refusal as refusal:
            reason = str(refusal)
        except (KeyError, ValueError, TypeError) as error:
            self.answers.add(f"{party}: {where} has no readable command: {error!r}")
            return
        if not self._agreed(party, said, reason) or len(step.answer) > 1:
            self.answers.add(
                f"{party}: {where} {said['command']} {said['command_id']} was answered "
                f"{(said['accepted'], said['reason'])}, should be {(not reason, reason)}"
            )
        if not reason:
            kept = wallet.kept
            amount, available = wallet.amount, wallet.available
        else:
            kept, amount = [], 0
            available = 0 if said["reason"] == "unknown_party" else wallet.available
        if (said["units"], said["available"]) != (amount, available):
            self.answers.add(
                f"{party}: {where} says {said['units']} moved, {said['available']} left; "
                f"should be {amount} and {available}"
            )
        found = [Moved(row["account"], row["units"], row["balance"]) for row in step.movement]
        day = self._closes.booked_on(said["seq"], said["day"])
        if found != moved or not all(_told(party, row, said, day) for row in step.movement):
            self.movements.add(f"{party}: {where} moved {found}, should be {moved}")
        holds = [
            Kept(row["hold"], row["status"], row["purpose"], row["units"], row["remains"])
            for row in step.hold
        ]
        if holds != kept or any(row["command_id"] != said["command_id"] for row in step.hold):
            self.holds.add(f"{party}: {where} held {holds}, should be {kept}")
        told = said["command"] == "set_terms" and not reason
        if (told and not self._terms_told(wallet, step, said)) or (step.terms and not told):
            self.answers.add(f"{party}: {where} set other terms than were asked")

    def _deduction(self, party: str, wallet: Wallet, queue: Queue, where: str, step: Step) -> None:
        done, status = step.deduction[0], step.deduction[0]["status"]
        self.deductions.seen += len(step.deduction)
        wrong = queue.took(done, wallet.available)
        if done["reason"] != self._reason(party, wallet, done):
            wrong = f"was {status} for {done['reason']!r}"
        moved: list[Moved] = []
        if status in ("taken", "returned"):
            moved = wallet.post(-done["units"] if status == "taken" else done["units"])
        available = 0 if done["reason"] == "unknown_party" else wallet.available
        if done["available"] != available:
            wrong = f"says that {done['available']} may be spent, should be {available}"
        if wrong or len(step.deduction) > 1 or step.answer or step.terms or step.hold:
            self.deductions.add(f"{party}: {where} {done['deduction']} {wrong or 'is not alone'}")
        found = [Moved(row["account"], row["units"], row["balance"]) for row in step.movement]
        kind = DEDUCTED[0] if status == "taken" else DEDUCTED[1]
        charge = name_of(f"{kind}|{party}|{done['deduction']}")
        day = self._closes.booked_on(done["seq"], done["day"])
        facts = (kind, done["deduction"], day, 0, HQ, kind, charge.strip("0"))
        names = ("kind", "command_id", "day", "sender", "counterparty", "fee")
        told = [(*(row[name] for name in names), row["charge"].strip("0")) for row in step.movement]
        if found != moved or any(one != facts for one in told):
            self.movements.add(f"{party}: {where} moved {found}, should be {moved}")

    def _reason(self, party: str, wallet: Wallet, done: Row) -> str:
        """Why a deduction should be refused; what depends on the directory is judged by all that were published."""
        if done["status"] != "refused":
            return ""
        parties, always, *_ = self._published
        maybe = done["reason"] == "unknown_party" and party not in always
        if maybe or (parties and party not in parties):
            return "unknown_party"
        if wallet.available >= done["units"]:
            return "nothing"
        return "over_limit" if wallet.limit else "insufficient_balance"

    @staticmethod
    def _terms_told(wallet: Wallet, step: Step, said: Row) -> bool:
        rows = [
            (row["credit_limit"] if row["kind"] == "credit" else 0, row["low_balance"], row["cause"])
            for row in step.terms
        ]
        return rows == [(wallet.limit, wallet.threshold, said["command_id"])]

    def _agreed(self, party: str, said: Row, reason: str) -> bool:
        """Whether an answer is right; what depends on the directory is judged by all that were published."""
        parties, always, *_ = self._published
        if party in always if reason == "unknown_party" else parties and party not in parties:
            return False
        if reason != "unknown_party" and not self._sold(said, reason):
            return False
        return (bool(said["accepted"]), said["reason"]) == (not reason, reason)

    def _sold(self, said: Row, reason: str) -> bool:
        """Whether the item of a purchase is published, and its price the one that was asked for or a published one."""
        if said["command"] != "purchase":
            return reason != "unknown_item"
        asked = json.loads(said["body"])
        if reason == "unknown_item":
            return asked["item"] not in self._published.always_sold
        prices = self._published.materials.get(asked["item"], set())
        if asked["unit_price_e4"] is not None:
            return bool(prices) and said["price"] == asked["unit_price_e4"]
        return said["price"] in prices

    def _notices(self, party: str, wallet: Wallet, seq: int, rows: list[Row]) -> None:
        self.notices.seen += len(rows)
        expected = [
            (kind, status, wallet.available, wallet.threshold if kind == "low_balance" else 0)
            for kind, status in wallet.notices()
        ]
        found = [(row["kind"], row["status"], row["available"], row["threshold"]) for row in rows]
        if found != expected:
            self.notices.add(f"{party}: {place(seq)} gave notice {found}, should be {expected}")


def _told(party: str, row: Row, said: Row, day: int) -> bool:
    """Whether a command's movement tells of the command, and of its journal rows, on the day of its booking."""
    charge = ""
    if row["fee"]:
        charge = name_of(f"command|{party}|{said['command_id']}")
    return bool(
        (row["kind"], row["command_id"], row["day"], row["sender"], row["counterparty"])
        == (said["command"], said["command_id"], day, 0, HQ)
        and row["charge"].strip("0") == charge.strip("0")
        and row["fee"] == _fee(said, row)
    )


def _fee(said: Row, row: Row) -> str:
    """The fee by which a command is booked: its own name; a hold's purpose when it is captured; or none."""
    if said["command"] == "capture":
        return str(row["fee"]) if row["fee"] in ("withdraw", "purchase") else "withdraw or purchase"
    return "" if said["command"] in ("hold", "release", "set_terms", "admit") else str(said["command"])


_HEARD = """
    SELECT bitShiftRight(sender, 32) AS lane,
           bitAnd(kafkaMurmurHash(toString(party)), 2147483647) % {partitions:UInt64} AS partition,
           max(bitAnd(sender, 4294967295)) AS n
    FROM $account_movement WHERE kind = 'posting' GROUP BY lane, partition"""


def check_told(store: Store, log: Log, *, all_of_it: bool) -> Check:
    """What the parcel flow booked between a party and headquarters moved its accounts, block by block.

    Messages of a partition come in order: what lies beyond the newest one that was heard is on the way.
    `all_of_it`: nothing may be.
    """
    found = Findings("told", "虚拟账户的入账等于日记账逐区块、逐费用的净额")
    partitions = len(_heard_from(log)) or 1
    known = up_to({head.lane: head.n for head in log.heads}, "sender")
    sums = f"""
        SELECT seq, party, fee, day, sum(units) AS difference, bitShiftRight(seq, {LANE}) AS lane,
               bitAnd(kafkaMurmurHash(party), 2147483647) % {{partitions:UInt64}} AS partition
        FROM (
            SELECT sender AS seq, toString(party) AS party, toString(fee) AS fee, business_date AS day,
                   -reinterpretAsInt64(amount) AS units
            FROM $account_movement
            WHERE kind = 'posting' AND sender BETWEEN {{first:UInt64}} AND {{last:UInt64}} AND ({known})
            UNION ALL
            SELECT seq, toString(book), toString(fee), business_date,
                   if(side = 'D', 1, -1) * reinterpretAsInt64(amount)
            FROM $journal
            WHERE {BLOCK_RANGE} AND book != '{HQ}' AND fee NOT IN {words(MONEY)}
                AND (account IN {words(TOLD)} OR account = '{PREPAID}' AND fee IN {words(PAYMENTS)})
        )
        GROUP BY seq, party, fee, day HAVING difference != 0"""
    heard = {(row["lane"], row["partition"]): row["n"] for row in store.rows(_HEARD, partitions=partitions)}
    late = list(_on_the_way(heard))
    waiting = 0
    for first, last in store.ranges("journal", 1_000_000):
        span: dict[str, Any] = {"first": first, "last": last, "partitions": partitions}
        away = " OR ".join(late) or "true"
        waiting += int(store.value(f"SELECT count() FROM ({sums}) WHERE {away}", **span))
        found.rows(store.rows(f"SELECT * FROM ({sums}) WHERE NOT ({away})" + MOST, **span))
    found.seen = store.count("account_movement")
    if waiting and all_of_it:
        found.add(f"{waiting} sums were never heard", waiting)
    return found.check(f"movements, {waiting:,} sums on the way")


def _on_the_way(heard: dict[tuple[int, int], int]) -> Iterator[str]:
    """Conditions for what lies beyond what was heard."""
    for (lane, partition), n in heard.items():
        yield f"(lane = {lane} AND partition = {partition} AND bitAnd(seq, {BLOCKS}) > {n})"
    known = ", ".join(f"({lane}, {partition})" for lane, partition in heard)
    if known:
        yield f"(lane, partition) NOT IN ({known})"


def _heard_from(log: Log) -> set[str]:
    """Partitions of the postings' topic, as the lanes of the accounts flow read it."""
    return {name for plan in log.plans for name in plan.inputs if name.startswith(f"{POSTINGS.name}:")}


def check_accounts(store: Store, log: Log, *, settled: bool) -> list[Check]:
    """All checks of virtual accounts. `settled`: the network has come to rest, so nothing is on the way."""
    replay = Replay(store)
    replay.walk()
    kept = bool(_heard_from(log))
    return [check_told(store, log, all_of_it=settled and kept), *replay.checks()]
