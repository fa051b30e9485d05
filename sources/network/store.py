"""A cold store in the network: vehicles ask at its gate, and goods enter when the answer is yes.

Which goods come when depends on the seed alone; whether they may enter depends on what their owners can still pay by
then. One of them pays before and never enough, one has little credit: both are refused at the gate now and then.
The centre's vehicles fetch some of the goods and carry others on, in the city or over a line: its business system tells
of these hauls.
"""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import Answer, Command, Haul
from schemas.money import YUAN
from schemas.times import HOUR, MINUTE, SECOND, business_day, date_of
from schemas.topics import MQTT_ROOT
from sources.network.devices import local
from sources.network.files import read_tariff
from sources.network.money import command
from sources.network.script import Cue

SITE = "350600-CC"
CITY, PROVINCE = "350600", "350000"
NAME = "漳州冷链物流中心"
GATE, SCALE = "gate-1", "scale-1"
DIALECT = "store-gate"
BOOK = Path(__file__).parent / "coldstore"


class Owner(msgspec.Struct, frozen=True):
    """Who stores goods: how it pays, what for, and how much it tops up when it is refused, yuan."""

    code: str
    name: str
    billing: str
    temperature: str
    credit: int
    tops_up: int


OWNERS = (
    Owner("LC-FISH", "闽南水产行", "托盘", "冷冻", 50_000, 0),
    Owner("LC-FRUIT", "平和果业社", "体积", "冷藏", 20_000, 0),
    Owner("LC-MEAT", "漳州肉联厂", "重量", "冷冻", 0, 20_000),
    Owner("LC-CAKE", "角美烘焙坊", "托盘", "常温", 300, 0),
)

STAYS_H = (5, 70)
"""How many hours goods stay, from … to."""
REMAIN = 0.15
"""Share of what never leaves while the network runs."""
MOVED, TAKEN, TWICE, LATE = 0.25, 0.3, 0.08, 0.1
"""Shares of stays that are moved, of which part is taken out, and of messages that come twice or hours late."""
FETCHED, CARRIED, OVER_A_LINE, CANCELLED = 0.2, 0.7, 0.3, 0.1
"""Shares of stays whose goods the centre fetches, of those that leave which it carries on, of these those that go over
a line, and of hauls that did not take place after all."""
AFTER_DEVICES = 20
"""Place of a business system's words among the cues of a stay."""
TEMPERATURES = {"冷冻": "frozen", "冷藏": "chilled", "常温": "ambient"}
ASKS_AGAIN = 3 * HOUR
MOST_ASKED = 5
"""After so many questions without an answer the vehicle leaves."""


def directory(files: dict[str, str]) -> dict[str, str]:
    """A directory with the store and its customers."""
    more = {
        "sites.csv": f"{SITE},{NAME},outlet,{SITE},{CITY},{PROVINCE}\n",
        "parties.csv": "".join(f"{one.code},customer,{one.name},,,,,,\n" for one in OWNERS),
        "accounts.csv": "".join(
            f"{one.code},credit,{one.credit},\n" if one.credit else f"{one.code},prepaid,,100\n"
            for one in OWNERS
        ),
    }
    header = {"accounts.csv": "party,kind,credit_limit,low_balance\n"}
    return files | {name: files.get(name, header.get(name, "")) + rows for name, rows in more.items()}


def book() -> dict[str, str]:
    """The files of the store's tariff book."""
    return read_tariff(BOOK)


class Arrival(msgspec.Struct):
    """A vehicle at the gate, and what it brings."""

    number: int
    owner: Owner
    came: int
    again: int
    """When it asks again."""
    asked: int = 0


class ColdStore:
    """Makes what gate, scale and business system say as time passes, `per_hour` vehicles in an hour of simulated time.

    `outlets`: where lines lead.
    """

    def __init__(self, seed: int, per_hour: float, start: int, outlets: Sequence[str]) -> None:
        self._seed, self._outlets = seed, outlets
        self._gap = max(1, round(HOUR / per_hour))
        self._next = start + self._gap
        self._waiting: dict[str, Arrival] = {}
        """Vehicles that have asked, by the id of the answer."""
        self.arrived = self.admitted = self.refused = 0
        self.money: list[Command] = []
        """Top-ups of owners that were refused, to be sent."""

    def asks(self, now: int) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of what the gate asks up to `now` (UTC ms)."""
        while self._next <= now:
            self.arrived += 1
            owner = self._chance(self.arrived).choice(OWNERS)
            arrival = Arrival(self.arrived, owner, self._next, self._next)
            self._waiting[f"{DIALECT}-q{self.arrived}"] = arrival
            self._next += self._gap
        for name, arrival in list(self._waiting.items()):
            if arrival.again <= now:
                arrival.asked += 1
                arrival.again = now + ASKS_AGAIN
                yield self._message(GATE, f"q{arrival.number}", "询问", arrival, arrival.came)
                if arrival.asked > MOST_ASKED:
                    del self._waiting[name]

    def answered(self, answer: Answer, now: int) -> list[Cue]:
        """What happens after an answer: nothing, or all that gate and scale will say of the stay."""
        arrival = self._waiting.pop(answer.id, None)
        if arrival is None:
            return []
        if answer.accepted:
            self.admitted += 1
            return list(self._stay(arrival, now))
        self.refused += 1
        if arrival.owner.tops_up:
            amount = {"amount_e4": arrival.owner.tops_up * YUAN, "reference": "gate"}
            self.money.append(command(f"lc{arrival.number}", now, arrival.owner.code, "top_up", amount))
        return []

    def _stay(self, arrival: Arrival, now: int) -> Iterator[Cue]:
        r, owner = self._chance(arrival.number), arrival.owner
        r.random()
        pallets = r.randint(2, 24)
        kg, m3 = pallets * r.randint(300, 900), pallets * r.randint(8, 16)
        hours = r.randint(*STAYS_H)
        zone = r.choice(["A1", "A2", "B1", "B2", "B3"])
        at = now // SECOND * SECOND
        said: list[tuple[int, str, str, dict[str, Any]]] = [
            (
                at,
                GATE,
                "入库",
                {
                    "owner": owner.code,
                    "billing": owner.billing,
                    "temp": owner.temperature,
                    "zone": zone,
                    "vehicleType": r.choice(["4.2m", "7.6m", "9.6m"]),
                    "plate": f"闽E{r.randint(10_000, 99_999)}",
                    "palletNo": f"P{arrival.number}",
                    "lotNo": f"L{arrival.number % 7}",
                    "pieces": pallets * 40,
                    "pallets": pallets,
                    "m3": f"{m3 / 10:.1f}",
                },
            ),
            (at + r.randint(5, 40) * MINUTE, SCALE, "称重", {"kg": kg}),
        ]
        if r.random() < MOVED:
            said.append((at + hours * HOUR // 2, GATE, "移库", {"zone": r.choice(["A1", "B1", "C1"])}))
        if r.random() < TAKEN:
            rest = {"pallets": pallets // 2, "kg": kg // 2, "m3": f"{m3 / 20:.2f}"}
            said.append((at + hours * HOUR * 2 // 3, SCALE, "盘点", rest))
        left = at + hours * HOUR if r.random() >= REMAIN else None
        if left is not None:
            said.append((left, GATE, "出库", {"vehicleType": "4.2m", "plate": "闽E00000"}))
        place = 0
        for time, device, operation, fields in said:
            serial = f"{arrival.number}-{operation}-{time // SECOND}"
            topic, payload = self._message(device, serial, operation, arrival, time, fields)
            late = r.randint(1, 8) * HOUR if r.random() < LATE else 0
            for fate in ("accepted", "repeated") if r.random() < TWICE else ("accepted",):
                place += 1
                yield Cue(
                    at=time + late + (place * MINUTE if fate == "repeated" else 0),
                    parcel=-arrival.number,
                    place=place,
                    topic=topic,
                    payload=payload,
                    waybill=f"ST{arrival.number:06d}",
                    fate=fate,
                    event_id=f"{DIALECT}-{serial}",
                    store=True,
                )
        yield from self._hauls(arrival, kg, at, left)

    def _hauls(self, arrival: Arrival, kg: int, came: int, left: int | None) -> Iterator[Cue]:
        """What the business system says of goods that are fetched before they enter, and carried on when they leave."""
        r = random.Random(f"{self._seed}/haul/{arrival.number}")
        done: list[tuple[int, str, str]] = []
        if r.random() < FETCHED:
            done.append((came, "pickup", ""))
        if left is not None and r.random() < CARRIED:
            over_a_line = r.random() < OVER_A_LINE
            service, end = ("linehaul", r.choice(self._outlets)) if over_a_line else ("city_delivery", "")
            done.append((left, service, end))
        for time, service, end in done:
            word = Haul(
                id=f"tms-{arrival.number}-{service}",
                time=time,
                haul=f"HL{arrival.number:06d}",
                day=date_of(business_day(time)),
                service=service,
                site=SITE,
                source="tms",
                customer=arrival.owner.code,
                destination=end,
                temperature=TEMPERATURES[arrival.owner.temperature],
                vehicle=r.choice(["4.2m", "7.6m", "9.6m"]),
                goods_of=f"ST{arrival.number:06d}",
                weight_g=kg * 1000,
            )
            yield _told(word, arrival.number)
            if r.random() < CANCELLED:
                off = {"id": f"{word.id}-off", "time": time + HOUR, "cancelled": True}
                yield _told(msgspec.structs.replace(word, **off), arrival.number)

    def _message(
        self,
        device: str,
        serial: str,
        operation: str,
        arrival: Arrival,
        at: int,
        fields: dict[str, Any] | None = None,
    ) -> tuple[str, bytes]:
        body = {"msgNo": serial, "op": operation, "stayNo": f"ST{arrival.number:06d}"}
        body |= {"at": local(at, "%Y-%m-%d %H:%M:%S"), **(fields or {"owner": arrival.owner.code})}
        return f"{MQTT_ROOT}/{DIALECT}/{SITE}/{device}", json.dumps(body, ensure_ascii=False).encode()

    def _chance(self, number: int) -> random.Random:
        return random.Random(f"{self._seed}/store/{number}")


def _told(word: Haul, arrival: int) -> Cue:
    return Cue(
        at=word.time,
        parcel=-arrival,
        place=AFTER_DEVICES,
        topic="",
        payload=msgspec.json.encode(word),
        waybill=word.haul,
        fate="accepted",
        event_id=word.id,
        store=True,
    )
