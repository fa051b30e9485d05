"""What the tests of rating again share: a book in which prices depend on everything, and books of unlucky parcels."""

import random
from collections.abc import Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from flows.fees.current import FEES
from flows.fees.model import Fees
from schemas.events import Event, Order, TariffPublished, Tick
from schemas.identity import version_of
from schemas.times import HOUR
from tests.audit import world
from tests.audit.lane import Lane, held, record


def table(fee: str, file: str, shape: str = "flat", **settings: str) -> str:
    """A `[[table]]`."""
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return f'[[table]]\nfee = "{fee}"\nfile = "{file}.csv"\nshape = "{shape}"\neffective_from = 2025-01-01\n{lines}'


MORE = {
    "agreed": (
        table("transit", "agreed", "percent", kind='"discount"', name='"协议"', of='"base"'),
        "customer,percent\nC2,10\nC3|C4,12.5\n",
    ),
    "long": (
        table("transit", "long", kind='"surcharge"', name='"超长"'),
        "longest_cm,price\n50..,2.5\n25..50,0.3\n",
    ),
    "heavy": (
        table(
            "delivery", "heavy", "slabs", kind='"surcharge"', name='"超重"', slab='"0.5"', weight='"actual"'
        ),
        "weight_kg,price\n2..,0.17\n",
    ),
    "sent_on": (
        table("transit", "sent_on", kind='"surcharge"', name='"转寄退件"'),
        "direction,price\nredirect,0.23\nreturn,0.31\n",
    ),
    "shop": (
        table("waybill", "shop", kind='"discount"', name='"渠道"'),
        "channel,pieces,price\ntaobao,..3,0.1\ntaobao|douyin,4..,0.2\n",
    ),
    "odd": (
        table("delivery", "odd", kind='"surcharge"', name='"条件"'),
        "condition,price\ninsured > 0 && weight_g >= 1000,0.05\n",
    ),
    "valued": (
        table("insurance", "valued", "percent", priority="1", of='"insured"'),
        "percent,minimum\n0.3333,1\n",
    ),
    "collected": (
        table("cod_fee", "collected", "percent", priority="1", of='"cod"'),
        "percent,minimum,maximum\n1.5,0.5,20\n",
    ),
    "paid": (
        table("redirect", "paid", "percent", priority="1", of='"payment"'),
        "percent\n7.77\n",
    ),
    "passed": (
        table("delivery_piece", "passed", kind='"surcharge"', name='"经分拨"'),
        "hub,price\nHSH,0.11\nHXA,0.07\n",
    ),
    "zoned": (
        '[[zones]]\nfactor = "zone"\nfile = "zoned.csv"\neffective_from = 2025-01-01\n',
        "origin_province,destination_province,value\n上海,陕西,西北\n,广东,华南\n",
    ),
    "by_zone": (
        table("pickup_piece", "by_zone", priority="1"),
        "zone,price\n西北,0.9\n华南,0.95\n",
    ),
}
"""Tables beside those of the plain book: what they say in book.toml, and their prices."""


def everything(name: str = "everything", dearer: int = 0) -> TariffPublished:
    """A book that prices every fee, by every kind of fact; `dearer` fen are added to some prices."""
    plain = world.tariff(name, dearer, rich=True, by_weight=True, unit="0.1")
    files = {**plain.files, **{f"{file}.csv": prices for file, (_, prices) in MORE.items()}}
    files["book.toml"] += "".join(text for text, _ in MORE.values())
    return msgspec.structs.replace(plain, id=f"t-{version_of(files)}", version=version_of(files), files=files)


def _spiced(event: Event) -> Event:
    """An order with a customer, a channel and pieces, the same whenever it comes."""
    if not isinstance(event, Order):
        return event
    luck = random.Random(event.id)
    return msgspec.structs.replace(
        event,
        customer=luck.choice(("C1", "C2", "C3", "C9")),
        channel=luck.choice(("", "taobao", "douyin")),
        pieces=luck.choice((1, 1, 2, 4, 7)),
    )


def simulate(
    client: Client,
    books: Sequence[tuple[int, Event]],
    seed: int = 70,
    *,
    parcels: int = 250,
    in_a_block: int = 90,
    lanes: int = 2,
    fees: Fees = FEES,
    closed: bool = True,
) -> list[Lane]:
    """Write the books of a seed's parcels, with every kind of charge and correction. `books`: each with its block.

    `closed`: the lanes end well, so that their newest blocks are sealed.
    """
    every = [Lane(client, number, (number,), fees) for number in range(lanes)]
    events = [_spiced(event) for event in world.enriched(list(world.disordered(parcels, seed)), seed)]
    now = world.START
    with held(every):
        for block, start in enumerate(range(0, len(events), in_a_block)):
            some = events[start : start + in_a_block]
            now = max(now, *(event.time for event in some))
            control = [record(world.network())] * (block == 0)
            control += [record(book) for at, book in books if at == block]
            control += [record(Tick(id=f"tick{block}", time=now))]
            for lane in every:
                own = [record(event, number) for event in some for number in [_lane_of(event, lanes)]]
                lane.block([*control, *(one for one in own if one.partition == lane.writer.lane)])
        for lane in every:
            lane.block([record(Tick(id="last", time=now + 20 * HOUR))])
            if closed:
                lane.writer.close()
    return every


def _lane_of(event: Event, lanes: int) -> int:
    return int(getattr(event, "waybill")[-1]) % lanes  # noqa: B009
