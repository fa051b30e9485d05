"""What an order says of its parcel's prices, in Chinese and English: its product, its customer, and whatever it says
besides the ordinary.
"""

from collections.abc import Mapping

from dashboards.queries import Row
from flows.rating.names import in_words

NOTHING = ("", "0", "0.0000")


def ordered(order: Row, products: Mapping[str, str]) -> tuple[str, str]:
    """What an order says, from its row of `EVENTS`. `products`: their names."""
    told = [in_words(name, value) for name, value in _said(order, products).items() if value not in NOTHING]
    return "，".join(zh for zh, _ in told), ", ".join(en for _, en in told)


def _said(order: Row, products: Mapping[str, str]) -> dict[str, str]:
    """By the names that charges use (`flows.rating.names`)."""
    code, pieces = order["product"], order["pieces"]
    way = "redirect" if order["direction"] == "forward" and order["related"] else order["direction"]
    return {
        "product": " ".join(dict.fromkeys((products.get(code, code), code))),
        "customer": order["customer"],
        "payment": f"{order['payment']:.4f}",
        "pieces": str(pieces) if pieces > 1 else "",
        "channel": order["channel"],
        "billing": order["billing"],
        "insured": f"{order['insured']:.4f}",
        "cod": f"{order['cod']:.4f}",
        "promised": str(order["promised_hours"]),
        "services": order["services"].replace("|", " "),
        "direction": way if way != "forward" else "",
        "related": order["related"],
    }
