"""The service desk: claims about parcels, withdrawals of claims, and what people decide about differing weights.

Parcels that were lost or came late are claimed for as their lives went; damage, wrong sorting and false signatures
are drawn. A claim names its amount where goods are paid for; penalties and rewards are the tariff's.
"""

import random
from collections.abc import Callable, Sequence

import msgspec

from schemas.events import SIGNED, Claim, ClaimWithdrawn, WeightDecided
from schemas.money import YUAN
from schemas.times import HOUR
from sources.network.life import Parcel

TRUE_WITHIN_G = 15
"""A scale that is right is right to so many grams."""


class Desk(msgspec.Struct, frozen=True):
    """How busy it is: chances. Mishaps are more frequent than in a good network, so that a short demo has some."""

    late: float = 0.6
    """Of parcels that came late: a penalty."""
    lost: float = 1.0
    """Of parcels that were lost: a penalty, and compensation."""
    damaged: float = 0.004
    """Of parcels that were signed for: a penalty, and compensation."""
    wrong_sorting: float = 0.003
    """Of all: a penalty."""
    false_sign: float = 0.003
    """Of parcels that were signed for: a penalty."""
    service_level: float = 0.1
    """Of parcels with a promise that was kept: a reward."""
    withdrawn: float = 0.15
    """Of claims: taken back within a day."""
    withdrawn_first: float = 0.25
    """Of withdrawals: they overtake their claims."""
    decided: float = 0.7
    """Of differing weights: somebody looks and decides."""
    overridden: float = 0.3
    """Of decisions: they say what the parcel weighs, though one of the weights was right."""


CLOSED = Desk(*[0.0] * len(Desk.__struct_fields__))


class Kind(msgspec.Struct, frozen=True):
    """A kind of claim: which parcels it can be about, within how many hours after their last scan, what it says."""

    name: str
    about: Callable[[Parcel], bool]
    hours: tuple[int, int]
    responsible: Callable[[Parcel, random.Random], str] = lambda parcel, r: ""
    beneficiary: Callable[[Parcel], str] = lambda parcel: ""
    amount: Callable[[Parcel, random.Random], int] = lambda parcel, r: 0
    evidence: str = "ticket/{}"
    """With the waybill in it."""


def _signed(parcel: Parcel) -> bool:
    return parcel.facts[-1].operation == SIGNED


def _on_time(parcel: Parcel) -> bool:
    return _signed(parcel) and bool(parcel.terms.promised_hours) and not parcel.late


def _worth(parcel: Parcel, r: random.Random) -> int:
    """What the goods are worth: as insured, as to be paid at the door, or nobody knows better."""
    return parcel.terms.insured_e4 or parcel.terms.cod_e4 or r.randint(20, 300) * YUAN


def _part_of_it(parcel: Parcel, r: random.Random) -> int:
    """Damage, in whole yuan."""
    return _worth(parcel, r) * r.randint(10, 100) // (100 * YUAN) * YUAN


def _on_the_way(parcel: Parcel, r: random.Random) -> str:
    """Whoever had it: an outlet, or the province whose hub it is."""
    return r.choice((parcel.origin.code, parcel.origin.province, parcel.destination.code))


KINDS = (
    Kind("late", lambda parcel: parcel.late, (2, 30)),
    Kind(
        "lost",
        lambda parcel: parcel.ending == "lost",
        (48, 72),
        responsible=lambda parcel, r: r.choice((parcel.origin.province, parcel.destination.code)),
        beneficiary=lambda parcel: parcel.origin.code,
        amount=_worth,
    ),
    Kind(
        "damaged",
        _signed,
        (1, 30),
        responsible=_on_the_way,
        beneficiary=lambda parcel: parcel.origin.code,
        amount=_part_of_it,
        evidence="photo/{}-1.jpg",
    ),
    Kind(
        "wrong_sorting",
        lambda parcel: True,
        (1, 20),
        responsible=lambda parcel, r: r.choice((parcel.origin.code, parcel.origin.province)),
        evidence="photo/{}-2.jpg",
    ),
    Kind("false_sign", _signed, (1, 40)),
    Kind("service_level", _on_time, (10, 40)),
)


def claims(parcel: Parcel, r: random.Random, desk: Desk) -> list[Claim]:
    """What is claimed about a parcel, in time."""
    return [
        Claim(
            id=f"claim-{parcel.number:x}{place}",
            time=parcel.facts[-1].time + r.randint(*(hours * HOUR for hours in kind.hours)),
            waybill=parcel.waybill,
            kind=kind.name,
            responsible=kind.responsible(parcel, r),
            beneficiary=kind.beneficiary(parcel),
            amount_e4=kind.amount(parcel, r),
            evidence=kind.evidence.format(parcel.waybill),
            by="客服",
        )
        for place, kind in enumerate(KINDS)
        if r.random() < getattr(desk, kind.name) and kind.about(parcel)
    ]


def withdrawal(claim: Claim, r: random.Random) -> ClaimWithdrawn:
    """A claim is taken back."""
    return ClaimWithdrawn(
        id=f"{claim.id}w",
        time=claim.time + r.randint(HOUR, 24 * HOUR),
        waybill=claim.waybill,
        claim=claim.id,
        reason=r.choice(("申诉成立", "重复登记", "客户撤诉")),
        by="客服",
    )


class Weighing(msgspec.Struct, frozen=True):
    """A weight that is accepted. `time`: UTC ms as the device tells it."""

    weight_class: str
    time: int
    event_id: str
    weight_g: int
    volume_cm3: int


def differ(weights: Sequence[Weighing]) -> bool:
    """Whether the weight that counts and another contradict each other as the default book sees it; the best first."""
    best = weights[0].weight_g
    return any(
        abs(one.weight_g - best) > 500 and abs(one.weight_g - best) * 10 > max(one.weight_g, best)
        for one in weights[1:]
    )


def decision(
    parcel: Parcel, weights: Sequence[Weighing], time: int, r: random.Random, desk: Desk
) -> WeightDecided:
    """Somebody weighs again: a weight that is right stays, or the parcel weighs what it weighs."""
    right = next((one for one in weights if abs(one.weight_g - parcel.grams) <= TRUE_WITHIN_G), None)
    made = WeightDecided(
        id=f"decision-{parcel.number:x}",
        time=time,
        waybill=parcel.waybill,
        decision="confirm",
        decided_by="计重复核",
        reason="复称一致",
    )
    if right is not None and r.random() >= desk.overridden:
        return msgspec.structs.replace(made, weight_event=right.event_id)
    return msgspec.structs.replace(
        made,
        decision="override",
        weight_g=parcel.grams,
        volume_cm3=weights[0].volume_cm3,
        reason="复称更正",
    )
