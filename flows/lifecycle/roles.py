"""Roles of posting rules → the parties that have them for a parcel; empty: nobody."""

from collections.abc import Callable

from flows.governance.network import Network
from flows.lifecycle.parcel import Claimed, Extra, Parcel
from schemas.parties import CUSTOMER, HQ

NOBODY = Claimed()
NO_EXTRA = Extra()

Role = Callable[[Parcel, Extra, Claimed, Network], str]


def _province(network: Network, outlet: str) -> str:
    """The party of the province that an outlet lies in: the province's code."""
    site = network.outlets.get(outlet)
    return site.province if site is not None else ""


ROLES: dict[str, Role] = {
    "customer": lambda *_: CUSTOMER,
    "origin": lambda parcel, *_: parcel.origin,
    "destination": lambda parcel, *_: parcel.destination,
    "headquarters": lambda *_: HQ,
    "origin_province": lambda parcel, _, __, network: _province(network, parcel.origin),
    "destination_province": lambda parcel, _, __, network: _province(network, parcel.destination),
    "picked_by": lambda _, extra, *__: extra.picked_by,
    "signed_by": lambda _, extra, *__: extra.signed_by,
    "responsible": lambda _, __, claim, ___: claim.responsible,
    "beneficiary": lambda _, __, claim, ___: claim.beneficiary,
}
