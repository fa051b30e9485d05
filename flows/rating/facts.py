"""What a price may depend on: the facts of a parcel, by the names that tariff books use.

A parcel's record and the trial calculator's `Trial` both have them. Most parcels have none of the rarer ones,
so those stand together in `Terms`, and a parcel without any has none.
"""

from typing import Literal, Protocol

import msgspec

Direction = Literal["forward", "return", "redirect"]


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rarer facts of an order. Amounts are money units (0.0001 yuan)."""

    pieces: int = 1
    channel: str = ""
    """Where it was ordered: taobao, douyin…"""
    billing: str = ""
    """The billing method that the customer agreed to: weight, volume, piece…"""
    direction: str = "forward"
    insured: int = 0
    """Declared value that is insured."""
    cod: int = 0
    """Cash on delivery that is collected."""
    promised_h: int = 0
    """Hours within which delivery is promised; 0: no promise."""
    related: str = ""
    """The waybill that a return or redirect continues."""
    services: tuple[str, ...] = ()
    """Further services that were ordered, in order of their names: upstairs, address_change…"""


ORDINARY = Terms()
"""The terms of a parcel that has none."""


class Sums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was stored, summed up over the days of a stay: where it was not the same on all of them."""

    pallet_days: int
    cm3_days: int
    g_days: int


class Stay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Goods in a store, as they are on the day that is priced: how long, how many, how cold.

    What they weigh and how large they are is in the facts' weight and volume; the store is their origin.
    """

    pallets: int = 0
    """Pallet places taken."""
    days: int = 0
    """Days begun."""
    hours: int = 0
    """Hours begun."""
    temperature: str = ""
    """Class of temperature: frozen, chilled, ambient…"""
    area: str = ""
    """Where in the store."""
    vehicle: str = ""
    """Class of vehicle that brings or fetches."""
    sums: Sums | None = None
    """None: it was the same on all days."""


NOWHERE = Stay()
"""The stay of what is not in a store."""


class Facts(Protocol):
    """What rating reads of a parcel."""

    origin: str
    """Outlet's code."""
    destination: str
    product: str
    customer: str
    payment: int
    """What the customer pays for the transport."""
    weight_g: int
    """The adopted weight."""
    volume_cm3: int
    """0: not measured."""
    longest_mm: int
    """The longest side; 0: not measured."""
    terms: Terms | None
    month_parcels: int
    """The customer's parcels in the month so far."""
    month_count: str
    """The published count that says so; empty: none does."""

    @property
    def month_amount(self) -> int:
        """What the fee came to for the customer in the month so far, money units; 0 for a parcel."""

    @property
    def stay(self) -> Stay | None:
        """None: not in a store."""

    @property
    def hubs(self) -> tuple[str, ...]:
        """Hubs passed, in order of their codes."""


class Trial(msgspec.Struct, kw_only=True):
    """A parcel for the trial calculator: facts without events."""

    origin: str = ""
    destination: str = ""
    product: str = ""
    customer: str = ""
    payment: int = 0
    weight_g: int = 0
    volume_cm3: int = 0
    longest_mm: int = 0
    hubs: tuple[str, ...] = ()
    terms: Terms | None = None
    month_parcels: int = 0
    month_count: str = ""
    month_amount: int = 0
    stay: Stay | None = None
