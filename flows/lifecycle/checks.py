"""What an order, a claim or a decision has to fulfil: it is refused by the rule's name, or taken with a remark."""

from collections.abc import Container, Iterator, Mapping

from flows.governance.chains import BREACH
from flows.governance.network import Network
from flows.lifecycle.dues import Live
from flows.lifecycle.intake import RefusedError
from flows.lifecycle.output import Anomaly
from schemas.events import Claim, Order, WeightDecided, each_once
from schemas.parties import HQ


def order(order: Order, network: Network) -> None:
    """Its outlets, product and counties are the directory's. Raises RefusedError."""
    for outlet in (order.origin, order.destination):
        if outlet not in network.outlets:
            raise RefusedError("unknown_outlet", f"{outlet!r} is no outlet of the network")
    if order.product not in network.products:
        raise RefusedError("unknown_product", f"{order.product!r} is no product of the network")
    for county in (order.origin_county, order.destination_county):
        if county and network.counties and county not in network.counties:
            raise RefusedError("unknown_county", f"{county!r} is no county of the network")


def claim(claim: Claim, claimable: Mapping[str, Live], network: Network) -> None:
    """It is of a known kind, and says or leaves to its due who answers for it. Raises RefusedError."""
    if claim.id.startswith(BREACH):
        raise RefusedError("reserved_id", f"{claim.id!r}: claims of breaches are made by the lane itself")
    live = claimable.get(claim.kind)
    if live is None:
        raise RefusedError("unknown_claim", f"{claim.kind!r} is no kind of claim")
    for party in (claim.responsible, claim.beneficiary):
        if party and party != HQ and party not in network.outlets and party not in network.provinces:
            raise RefusedError("unknown_party", f"{party!r} is no outlet, province or headquarters")
    if not (claim.responsible or claim.beneficiary or live.due.blames or live.due.rewards):
        raise RefusedError("nobody_named", f"a claim of kind {claim.kind!r} has to say who is responsible")


def decision(decision: WeightDecided) -> None:
    """It says the weight that it decides for. Raises RefusedError."""
    needed = "weight_g" if decision.decision == "override" else "weight_event"
    if not getattr(decision, needed):
        raise RefusedError("decision_incomplete", f"{decision.decision} needs {needed}")


def anomalies(order: Order, network: Network) -> Iterator[Anomaly]:
    """Where its addresses are not where its outlets are; the outlets decide."""
    if network.areas and (order.origin_county or order.destination_county):
        yield from _areas(order, network)
    for outlet, city in ((order.origin, order.origin_city), (order.destination, order.destination_city)):
        site = network.outlets[outlet]
        if city and city != site.city:
            yield Anomaly("place_mismatch", order.waybill, order.id, order.time, site.site, site.city, city)


def unknown_services(order: Order, known: Container[str]) -> Iterator[Anomaly]:
    """Further services that no book in force knows, so that they cost nothing: misspelt, perhaps."""
    for service in each_once(order.services):
        if service not in known:
            yield Anomaly("service_unknown", order.waybill, order.id, order.time, "", "", service)


def _areas(order: Order, network: Network) -> Iterator[Anomaly]:
    """Its counties should be served, and by its outlets."""
    ends = ((order.origin, order.origin_county), (order.destination, order.destination_county))
    for outlet, county in ends:
        serving = network.areas.get(county, ())
        if county and outlet not in serving:
            kind = "area_mismatch" if serving else "area_unserved"
            site, served = network.outlets[outlet].site, " ".join(serving)
            yield Anomaly(kind, order.waybill, order.id, order.time, site, served, county)
