"""Where the simulated network is paid: groups, their merchants in each channel, and who pays.

Numbers and names are invented. Two groups: the centre (a cold store and what is delivered from it) and headquarters.
"""

import msgspec

CENTRE, HEADQUARTERS = "350600-CC", "HQ"
WECHAT, ALIPAY, UNIONPAY, BANK, OTHER = "wechat", "alipay", "unionpay", "bank", "other"


class Merchant(msgspec.Struct, frozen=True):
    """A channel's number for someone who is paid. `name`: what payments call it."""

    channel: str
    group: str
    number: str
    name: str = ""
    app: str = ""

    @property
    def called(self) -> str:
        """Its name in payments."""
        return self.name or self.number


MERCHANTS = (
    Merchant(WECHAT, CENTRE, "1900350601", app="wx350600cc00000001"),
    Merchant(WECHAT, HEADQUARTERS, "1900000801", app="wx0000hq000000001"),
    Merchant(ALIPAY, CENTRE, "2088350600000001", app="2021003506000001"),
    Merchant(ALIPAY, HEADQUARTERS, "2088000000000801", app="2021000000000801"),
    Merchant(UNIONPAY, CENTRE, "898350600000001"),
    Merchant(UNIONPAY, HEADQUARTERS, "898000000000801"),
    Merchant(BANK, CENTRE, "35060018800000017", "centre-account"),
    Merchant(BANK, HEADQUARTERS, "31000018800000025", "hq-account"),
    Merchant(OTHER, CENTRE, "market-1"),
    Merchant(OTHER, HEADQUARTERS, "counter-1"),
)
APPS = (WECHAT, ALIPAY, UNIONPAY, OTHER)
"""Channels that carry our number; with a bank people write it into the text, or do not."""
KNOWN, APART = 400, 100
"""Customers whose bank accounts we know: those who pay as usual, and some that have one story; the others are
strangers."""


def merchant(channel: str, group: str) -> Merchant:
    """Whom a group has in a channel."""
    return next(one for one in MERCHANTS if (one.channel, one.group) == (channel, group))


def customer(number: int) -> str:
    """A customer's party, from 1."""
    return f"C{number:06d}"


def account(number: int) -> str:
    """A customer's bank account."""
    return f"6222{number:015d}"
