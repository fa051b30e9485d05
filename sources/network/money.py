"""What outlets do with their money: they top up, buy waybill stock and materials, withdraw, pay deposits.

Some ask for more than they have, some ask twice under one number. What is asked depends on the seed and the
rate alone; whether it is granted depends on what the parcels have cost by then.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.events import Command
from schemas.money import YUAN
from schemas.times import HOUR, MINUTE
from sources.network.directory import Site

MATERIALS = {
    "WB-STD": ("电子面单", "0.80"),
    "BAG-S": ("环保袋小号", "0.0875"),
    "BAG-L": ("中转编织袋", "2.35"),
    "TAPE": ("封箱胶带", "3.60"),
    "LABEL": ("热敏纸", "6.50"),
}
"""Item → name and price in yuan."""

ASKS = {
    "top_up": 40,
    "purchase": 30,
    "withdraw": 12,
    "hold": 10,
    "deposit_in": 5,
    "deposit_out": 1,
    "set_terms": 2,
}
"""What is asked, and how often."""
ASKED_TWICE = 0.05


def agreements(outlets: Sequence[Site], seed: int) -> dict[str, str]:
    """`accounts.csv` and `materials.csv` of the network's directory."""
    r = random.Random(f"{seed}/agreements")
    lines = ["party,kind,credit_limit,low_balance"]
    for outlet in outlets:
        if r.random() < 1 / 3:
            lines.append(f"{outlet.code},credit,{r.randint(2, 100) * 100},{r.randint(1, 5) * 100}")
        elif r.random() < 1 / 2:
            lines.append(f"{outlet.code},prepaid,,{r.randint(1, 5) * 100}")
    prices = ["item,name,price", *(f"{item},{name},{price}" for item, (name, price) in MATERIALS.items())]
    return {"accounts.csv": "\n".join(lines) + "\n", "materials.csv": "\n".join(prices) + "\n"}


class Teller:
    """Makes commands as time passes, `per_hour` of them in an hour of simulated time."""

    def __init__(self, outlets: Sequence[Site], seed: int, per_hour: float, start: int) -> None:
        self._r = random.Random(f"{seed}/money")
        self._outlets = [outlet.code for outlet in outlets]
        self._gap = max(1, round(HOUR / per_hour))
        self._next = start + self._gap
        self._later: deque[tuple[int, Command]] = deque()
        """Commands that follow others, in order of time."""
        self._known: set[str] = set()
        """Outlets that have topped up, which is what each begins with."""
        self.asked = 0

    def until(self, now: int) -> list[Command]:
        """Everything that is asked up to `now` (UTC ms) and was not before."""
        made = []
        while self._next <= now:
            made += self._ask(self._next)
            self._next += self._gap
        while self._later and self._later[0][0] <= now:
            made.append(self._later.popleft()[1])
        return made

    def _ask(self, at: int) -> list[Command]:
        r = self._r
        self.asked += 1
        number, party = f"m{self.asked:x}", r.choice(self._outlets)
        name = r.choices(list(ASKS), cum_weights=_CUMULATED)[0] if party in self._known else "top_up"
        self._known.add(party)
        asked = command(number, at, party, name, self._body(name))
        if name == "hold":
            after = at + 30 * MINUTE
            what, body = r.choice([("capture", {"hold": number}), ("release", {"hold": number})])
            self._later.append((after, command(f"{number}-f", after, party, what, body)))
        return [asked] * (2 if r.random() < ASKED_TWICE else 1)

    def _body(self, name: str) -> dict[str, Any]:
        r = self._r
        match name:
            case "purchase":
                return {"item": r.choice([*MATERIALS, "WB-STD"]), "quantity": r.choice([20, 100, 500, 2_000])}
            case "top_up":
                return {"amount_e4": r.randint(1, 50) * 100 * YUAN, "reference": f"bank-{self.asked}"}
            case "hold":
                return {"amount_e4": r.randint(1, 400) * YUAN, "purpose": r.choice(["withdraw", "purchase"])}
            case "set_terms":
                return {"kind": "credit", "credit_limit_e4": r.randint(1, 50) * 100 * YUAN}
            case _:
                return {"amount_e4": r.randint(1, 1_000) * YUAN}


_CUMULATED = [sum(list(ASKS.values())[: n + 1]) for n in range(len(ASKS))]


def command(number: str, at: int, party: str, name: str, body: dict[str, Any]) -> Command:
    """A command as someone asks for it."""
    return Command(
        id=number,
        time=at,
        name=name,
        subject=party,
        actor="simulated",
        body=msgspec.Raw(msgspec.json.encode(body)),
    )
